"""Value sets from a terminology server, asked while content loads and kept on disk; never asked during a call."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import orjson

from cds_service.terminology.artifacts import Artifact
from cds_service.terminology.failures import TerminologyServerFailed, UnreadableArtifact
from cds_service.terminology.sources import make_artifact

Get = Callable[[str], bytes | None]
"""A URL in, the body out; None where the server says that there is no such thing."""


class RemoteValueSets:
    """Expansions from the FHIR terminology server at `base`, each asked for once and then read from `cache`.

    A cached answer stays until its file is deleted: what a service decides must not change with another's server.
    """

    def __init__(self, base: str, cache: Path | None, get: Get) -> None:
        self._base = base.rstrip("/")
        self._cache = cache
        self._get = get

    def __call__(self, url: str, version: str | None) -> Artifact | None:
        """The value set with its expansion, or None where the server does not know it."""
        file = self._file(url, version)
        if file is not None and file.is_file():
            return _artifact(file.read_bytes(), url, str(file))
        asked = f"{self._base}/ValueSet/$expand?url={quote(url, safe='')}"
        if version:
            asked += f"&valueSetVersion={quote(version, safe='')}"
        body = self._get(asked)
        if body is None:
            return None
        artifact = _artifact(body, url, asked)
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            half = file.with_suffix(".part")
            half.write_bytes(body)
            half.replace(file)
        return artifact

    def _file(self, url: str, version: str | None) -> Path | None:
        if self._cache is None:
            return None
        name = hashlib.sha256(f"{self._base} {url} {version or ''}".encode()).hexdigest()[:24]
        return self._cache / f"{name}.json"


def http_get(seconds: float = 30.0) -> Get:
    """A `get` over HTTP; a server that does not answer, or answers with an error, stops the load."""

    def get(url: str) -> bytes | None:
        import requests  # here, so that a service without a terminology server does not load it

        try:
            answer = requests.get(url, headers={"Accept": "application/fhir+json"}, timeout=seconds)
        except requests.RequestException as failure:
            raise TerminologyServerFailed(
                f"{url} could not be read: {type(failure).__name__}.",
                remedy="Try again, or bring the value set as a file.",
            ) from failure
        if answer.status_code in (404, 410):
            return None
        if answer.status_code != 200:
            raise TerminologyServerFailed(
                f"{url} answered with status {answer.status_code}.",
                remedy="Try again, or bring the value set as a file.",
            )
        return answer.content

    return get


def _artifact(body: bytes, url: str, origin: str) -> Artifact:
    try:
        resource = orjson.loads(body)
    except orjson.JSONDecodeError as failure:
        raise UnreadableArtifact(f"{origin} answered with no JSON.", remedy="Look at that server.") from failure
    expansion = resource.get("expansion") if isinstance(resource, dict) else None
    if not isinstance(expansion, dict) or resource.get("resourceType") != "ValueSet":
        raise UnreadableArtifact(f"{origin} answered with no expanded value set.", remedy="Look at that server.")
    listed = len(expansion.get("contains", ()))
    if isinstance(expansion.get("total"), int) and expansion["total"] > listed and "offset" in expansion:
        raise UnreadableArtifact(
            f"{origin} answered with {listed} of {expansion['total']} codes.",
            remedy="Let it answer without paging, or bring the value set as a file.",
        )
    # The definition stays behind: the answer counts, not what could be computed from it here.
    kept = {key: value for key, value in resource.items() if key != "compose"}
    return make_artifact({**kept, "url": url}, origin)
