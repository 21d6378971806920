"""Reads and searches on the FHIR server of a client: within one deadline, a few pages, and one origin."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from cds_service.fhir.limits import LimitExceeded, Limits
from cds_service.fhir.structs.decoding import Decoded, Decoder
from cds_service.patient_data.allowed import Base, parse_base
from cds_service.patient_data.connections import Watch, watched

_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long is read for one call, and how much for one need of it."""

    seconds: float = 4.0
    connect_seconds: float = 1.5
    pages: int = 20
    size: int = 8 * 1024 * 1024


@dataclass(slots=True)
class Budget:
    """The moment when all reading of one call ends, and the means to end it."""

    deadline: float
    watch: Watch = field(default_factory=Watch)

    def seconds_left(self) -> float:
        return self.deadline - time.monotonic()


class NotObtained(Exception):
    """The server gave no answer that can be used; the reason is a short word of ours, never the server's text."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class FhirServer:
    """One client's FHIR server, with the token for this call."""

    base: Base
    url: str
    session: requests.Session
    decoder: Decoder
    bounds: Bounds
    token: str | None = field(default=None, repr=False)

    def read(self, relative: str, budget: Budget) -> list[Decoded]:
        """The pages of what a relative URL names; the last one still has a `next_link` when the bounds were met."""
        return self.follow(f"{self.url}/{relative}", budget)

    def follow(self, url: str, budget: Budget) -> list[Decoded]:
        """A page and those after it."""
        pages: list[Decoded] = []
        room = self.bounds.size
        seen: set[str] = set()
        following: str | None = url
        while following is not None and len(pages) < self.bounds.pages and following not in seen:
            seen.add(following)
            try:
                page, size = self._page(following, budget, room)
            except NotObtained:
                if not pages:
                    raise
                break
            pages.append(page)
            room -= size
            following = self.next_page(page, following)
        return pages

    def next_page(self, page: Decoded, url: str) -> str | None:
        """Where the next page is; None when there is none, or when it is not on this server."""
        if page.next_link is None:
            return None
        target = urljoin(url, page.next_link)
        return target if self.is_ours(target) else None

    def is_ours(self, url: str) -> bool:
        """Whether a URL lies under this base: same scheme, host and port, and a path below."""
        parts = urlsplit(url)
        plain = parse_base(parts._replace(query="", fragment="").geturl())
        if plain is None or plain.origin != self.base.origin:
            return False
        return plain.path == self.base.path or plain.path.startswith(f"{self.base.path}/")

    def _page(self, url: str, budget: Budget, room: int) -> tuple[Decoded, int]:
        left = budget.seconds_left()
        if left <= 0 or budget.watch.is_cut:
            raise NotObtained("no time left")
        headers = {"Accept": "application/fhir+json", "Accept-Encoding": "gzip", "Connection": "keep-alive"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            with watched(budget.watch):
                response = self.session.get(
                    url,
                    headers=headers,
                    timeout=(min(left, self.bounds.connect_seconds), left),
                    allow_redirects=False,
                    stream=True,
                )
                with response:
                    body = self._body(response, budget, room)
        except (requests.RequestException, HTTPError, OSError, ValueError) as failure:
            # What a hostile or broken server can provoke; its words stay where they are.
            raise NotObtained("no answer in time" if budget.seconds_left() <= 0 else "no usable answer") from failure
        if response.status_code != 200:
            raise NotObtained(f"status {response.status_code}")
        return self._decode(body), len(body)

    def _body(self, response: requests.Response, budget: Budget, room: int) -> bytes:
        if response.status_code != 200:
            return b""
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind and not (kind.endswith("json") or kind == "text/plain"):
            raise NotObtained("not JSON")
        parts: list[bytes] = []
        for part in response.iter_content(_CHUNK):
            room -= len(part)
            if room < 0:
                raise NotObtained("too much data")
            if budget.seconds_left() <= 0 or budget.watch.is_cut:
                raise NotObtained("no answer in time")
            parts.append(part)
        return b"".join(parts)

    def _decode(self, body: bytes) -> Decoded:
        try:
            decoded = self.decoder.collect(body, limits=Limits(size=self.bounds.size))
        except LimitExceeded:
            raise NotObtained("beyond the limits") from None
        if decoded.resource_type is None:
            raise NotObtained("no resource")
        return decoded
