"""Where a code matters: the value sets that hold it, the maps that know it, and the content that uses those sets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cds_service.errors import CdsError
from cds_service.terminology import codes
from cds_service.terminology.conceptmaps import Match
from cds_service.terminology.terminology import Terminology

_CONTENT = frozenset({".cql", ".yaml", ".yml", ".json"})


@dataclass(frozen=True, slots=True)
class CodeUsage:
    """What is known of one code of one system."""

    system: str
    code: str
    display: str | None
    held_by: tuple[str, ...]  # value sets, those that hold it themselves and those that import it
    maps: tuple[Match, ...]
    used_in: tuple[tuple[str, str], ...]  # content file and the value set that it names

    @property
    def is_known(self) -> bool:
        """Whether anything is known of it."""
        return bool(self.display or self.held_by or self.maps)


def usages_of(
    terminology: Terminology, code: str, system: str | None = None, content: Iterable[Path] = ()
) -> list[CodeUsage]:
    """The usages of `code` in `system`, or in every system where something is known of it."""
    systems = [codes.canonical_system(system)] if system else _systems(terminology)
    texts = [(file, file.read_text(encoding="utf-8")) for folder in content for file in _files(folder)]
    found = []
    for one in systems:
        usage = _usage(terminology, one, codes.canonical_code(one, code), texts)
        if usage.is_known or system is not None:
            found.append(usage)
    return found


def _systems(terminology: Terminology) -> list[str]:
    systems = {pair.system for pair in terminology.displays()}
    for artifact in terminology.value_sets():
        try:
            systems.update(terminology.membership(artifact.url).systems)
        except CdsError:
            continue  # a set that cannot be computed is told by `check`; it holds nothing here
    return sorted(systems)


def _usage(terminology: Terminology, system: str, code: str, texts: list[tuple[Path, str]]) -> CodeUsage:
    held = []
    for artifact in terminology.value_sets():
        try:
            if terminology.membership(artifact.url).contains(system, code):
                held.append(artifact.url)
        except CdsError:
            continue  # the same
    used = [
        (str(file), url)
        for file, text in texts
        for url in held
        if f"{url}'" in text or f'{url}"' in text or f"{url}\n" in text or f"{url}|" in text
    ]
    return CodeUsage(
        system, code, terminology.name_of(system, code), tuple(held), terminology.translate(system, code), tuple(used)
    )


def _files(folder: Path) -> Iterable[Path]:
    if folder.is_file():
        return [folder]
    return (one for one in sorted(folder.rglob("*")) if one.suffix in _CONTENT and one.is_file())
