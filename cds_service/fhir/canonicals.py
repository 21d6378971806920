"""Canonical URLs: `url`, `url|version`, `url|version#part`."""

from __future__ import annotations

import functools
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Canonical:
    """The name of an artifact, with the version that is asked for, if any."""

    url: str
    version: str | None = None
    fragment: str | None = None

    def __str__(self) -> str:
        return self.url + (f"|{self.version}" if self.version else "") + (f"#{self.fragment}" if self.fragment else "")

    @property
    def tail(self) -> str:
        """The last part of the URL's path: by convention the id of the artifact."""
        return self.url.rstrip("/").rsplit("/", 1)[-1]

    @property
    def unversioned(self) -> Canonical:
        return Canonical(self.url)


@functools.lru_cache(maxsize=4096)
def parse_canonical(text: str) -> Canonical:
    """The parts of a canonical URL."""
    rest, _, fragment = text.strip().partition("#")
    url, _, version = rest.partition("|")
    return Canonical(url, version or None, fragment or None)
