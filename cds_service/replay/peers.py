"""A service that runs elsewhere, ours or another one, asked the same calls."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec
import requests

from cds_service.errors import CdsError
from cds_service.replay.failures import ReplayError, UnusableInput
from cds_service.replay.inputs import Item
from cds_service.replay.results import Failure, Result
from cds_service.replay.running import Runner, card_lines

_SECONDS = 30.0


class Peer:
    """Asks a running service; what an item means, and which service it is for, is known from our own content."""

    def __init__(self, url: str, runner: Runner) -> None:
        self.url, self._runner = url.rstrip("/"), runner
        self._session = requests.Session()
        self._ids: dict[str, str] | None = None
        self._as_of_member = f"{runner.knowledge.namespace}.asOf"

    def connect(self) -> None:
        """Learn what is offered there."""
        self._ids = self._discover()

    def run(self, item: Item) -> Result:
        """The result of an item as that service answers it."""
        try:
            call = self._runner.call(item)
            ident = self._service(call.service.id, call.request.hook)
        except CdsError as error:
            return Result(item.place, failure=Failure(error.code, error.what))
        head = Result(id=item.place, service=ident, hook=call.request.hook, patient=call.request.context.patient_id)
        start = time.perf_counter()
        try:
            response = self._session.post(
                f"{self.url}/cds-services/{quote(ident, safe='')}",
                data=_dated(call.body(), self._as_of_member, call.request.as_of),
                headers={"Content-Type": "application/json"},
                timeout=_SECONDS,
            )
            answer = response.json() if response.status_code == 200 else None
        except (requests.RequestException, ValueError):
            return msgspec.structs.replace(head, failure=Failure("peer", "No usable answer."))
        if not isinstance(answer, dict):
            return msgspec.structs.replace(head, failure=Failure("peer", f"Status {response.status_code}."))
        return msgspec.structs.replace(
            head,
            records=_records(answer),
            cards=card_lines(answer),
            milliseconds=round((time.perf_counter() - start) * 1000, 3),
        )

    def _service(self, ident: str, hook: str) -> str:
        """The id there: the same as ours if it is offered, else the first one for the hook."""
        if self._ids is None:
            self._ids = self._discover()
        if ident in self._ids:
            return ident
        for offered, its_hook in self._ids.items():
            if its_hook == hook:
                return offered
        raise ReplayError(f"{self.url} offers no service for {hook}.")

    def _discover(self) -> dict[str, str]:
        try:
            answer = self._session.get(f"{self.url}/cds-services", timeout=_SECONDS).json()
            services: list[dict[str, Any]] = answer["services"]
            return {str(service["id"]): str(service["hook"]) for service in services}
        except (requests.RequestException, ValueError, KeyError, TypeError):
            raise UnusableInput(f"{self.url} is no CDS service: no usable answer to discovery.") from None


def _dated(body: bytes, member: str, as_of: datetime) -> bytes:
    """The request with the decision time that holds here, for a service that takes it from its caller."""
    request: dict[str, Any] = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    try:
        extension = msgspec.json.decode(request["extension"], type=dict[str, msgspec.Raw])
    except (KeyError, msgspec.DecodeError):
        extension = {}
    return msgspec.json.encode({**request, "extension": {**extension, member: as_of.isoformat()}})


def _records(answer: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The records of a service of our kind, whatever its canonical base."""
    extension = answer.get("extension")
    if not isinstance(extension, dict):
        return ()
    for name, value in extension.items():
        if name.endswith(".decisions") and isinstance(value, list):
            return tuple(record for record in value if isinstance(record, dict))
    return ()
