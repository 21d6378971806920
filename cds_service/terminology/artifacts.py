"""One terminology artifact as it was read: its identity, where it came from, and the resource itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Resource = Mapping[str, Any]
TYPES = ("ValueSet", "CodeSystem", "ConceptMap")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A value set, code system or concept map, with the place it was read from.

    `site` marks what a site brought: only its concept maps let local codes stand for ours.
    """

    type: str
    url: str
    version: str
    id: str
    name: str
    origin: str
    site: bool
    resource: Resource

    @property
    def canonical(self) -> str:
        """URL and, where it has one, version."""
        return f"{self.url}|{self.version}" if self.version else self.url


def split_canonical(canonical: str, version: str | None = None) -> tuple[str, str | None]:
    """URL and version of a canonical reference; an explicit `version` wins over the one behind the bar."""
    url, _, own = canonical.partition("|")
    return url, version or own or None


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts versions as people read them: 1.10 after 1.9."""
    parts = re.findall(r"\d+|[a-z]+", version.lower())
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)


class ArtifactIndex:
    """Artifacts of one type by URL and version; of equal ones the last that was read counts."""

    def __init__(self, artifacts: Iterable[Artifact]) -> None:
        self._by_url: dict[str, dict[str, Artifact]] = {}
        for artifact in artifacts:
            self._by_url.setdefault(artifact.url, {})[artifact.version] = artifact
        self._newest = {
            url: max(versions.values(), key=lambda one: version_key(one.version))
            for url, versions in self._by_url.items()
        }

    def find(self, url: str, version: str | None = None) -> Artifact | None:
        """The artifact of that URL: the version asked for, else the newest."""
        if version is None:
            return self._newest.get(url)
        return self._by_url.get(url, {}).get(version)

    def all(self) -> tuple[Artifact, ...]:
        """Every artifact, every version, in order of URL."""
        return tuple(
            versions[version]
            for url in sorted(self._by_url)
            for versions in (self._by_url[url],)
            for version in sorted(versions, key=version_key)
        )

    def newest(self) -> tuple[Artifact, ...]:
        """The newest version of each URL."""
        return tuple(self._newest[url] for url in sorted(self._newest))

    def versions(self, url: str) -> tuple[str, ...]:
        """The versions at hand of one URL."""
        return tuple(sorted(self._by_url.get(url, {}), key=version_key))
