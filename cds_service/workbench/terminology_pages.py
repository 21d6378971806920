"""Terminology for people: search a code or a phrase, see the sets that hold it, what it maps to, where it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cds_service.terminology.artifacts import Artifact
from cds_service.terminology.terminology import Terminology

MOST = 60  # rows on one page; the search narrows further


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One code with its words and the sets that hold it."""

    system: str
    code: str
    display: str
    sets: tuple[str, ...]
    maps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetRow:
    """One value set as a line in a list."""

    name: str
    title: str
    url: str
    purpose: str
    size: int
    used_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found; `more` when it was cut."""

    codes: tuple[CodeRow, ...]
    sets: tuple[SetRow, ...]
    more: bool


def search(terminology: Terminology, query: str, users: Mapping[str, Sequence[str]]) -> Found:
    """Codes and value sets whose code, words or title hold every word of `query`."""
    words = query.casefold().split()
    if not words:
        return Found((), tuple(_set_row(terminology, artifact, users) for artifact in _sets(terminology)[:MOST]), False)
    hits = [
        (system, code, display)
        for (system, code), display in terminology.displays().items()
        if all(word in code.casefold() or word in display.casefold() for word in words)
    ]
    hits.sort(key=lambda hit: (hit[1].casefold() != query.casefold(), len(hit[2]), hit[1]))
    titles = [artifact for artifact in _sets(terminology) if all(word in _titles(artifact) for word in words)]
    rows = tuple(_code_row(terminology, *hit) for hit in hits[:MOST])
    return Found(
        rows,
        tuple(_set_row(terminology, artifact, users) for artifact in titles[:MOST]),
        len(hits) > MOST or len(titles) > MOST,
    )


def _sets(terminology: Terminology) -> list[Artifact]:
    return sorted(terminology.value_sets(), key=lambda artifact: str(artifact.resource.get("title", "")).casefold())


def _titles(artifact: Artifact) -> str:
    return f"{artifact.resource.get('title', '')} {artifact.resource.get('id', '')}".casefold()


def _code_row(terminology: Terminology, system: str, code: str, display: str) -> CodeRow:
    sets = [
        str(artifact.resource.get("id"))
        for artifact in _sets(terminology)
        if terminology.membership(artifact.url).contains(system, code)
    ]
    maps = [f"{match.code} ({match.equivalence})" for match in terminology.translate(system, code)]
    return CodeRow(system, code, display, tuple(sets), tuple(dict.fromkeys(maps)))


def _set_row(terminology: Terminology, artifact: Artifact, users: Mapping[str, Sequence[str]]) -> SetRow:
    return SetRow(
        name=str(artifact.resource.get("id", "")),
        title=str(artifact.resource.get("title", "")),
        url=artifact.url,
        purpose=str(artifact.resource.get("purpose", "")),
        size=len(terminology.membership(artifact.url).codes()),
        used_by=tuple(users.get(artifact.url, ())),
    )
