"""Terminology as people look for it: codes, value sets, maps, what a text says, and where each is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cds_service.errors import CdsError
from cds_service.phrases.derivation import TextReader
from cds_service.phrases.mentions import Mention
from cds_service.terminology.artifacts import Artifact
from cds_service.terminology.terminology import Terminology

MOST = 50  # rows on one page; the search narrows further


@dataclass(frozen=True, slots=True)
class CodeRow:
    """One code with its words, the sets that hold it and what it maps to."""

    system: str
    code: str
    display: str
    sets: tuple[str, ...]
    maps: tuple[tuple[str, str, str], ...]  # code, words, equivalence


@dataclass(frozen=True, slots=True)
class SetRow:
    """One value set as a line in a list."""

    id: str
    title: str
    url: str
    purpose: str
    size: int
    used_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MapRow:
    """One concept map as a line in a list."""

    id: str
    title: str
    source: str
    target: str
    size: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found; `more` when it was cut."""

    codes: tuple[CodeRow, ...]
    sets: tuple[SetRow, ...]
    maps: tuple[MapRow, ...]
    mentions: tuple[Mention, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class SetView:
    """One value set with its codes."""

    row: SetRow
    canonical: str
    origin: str
    imports: tuple[str, ...]
    codes: tuple[tuple[str, str, str], ...]  # system, code, words
    more: int
    notes: tuple[str, ...]


def search(terminology: Terminology, query: str, users: Mapping[str, Sequence[str]], texts: object) -> Found:
    """Codes, sets and maps that hold every word of `query`, and what it says when it is read as text."""
    words = query.casefold().split()
    if not words:
        return Found((), (), (), (), False)
    hits = [
        (system, code, display)
        for (system, code), display in terminology.displays().items()
        if all(word in code.casefold() or word in display.casefold() for word in words)
    ]
    hits.sort(key=lambda hit: (hit[1].casefold() != query.casefold(), len(hit[2]), hit[1]))
    sets = [artifact for artifact in _sorted(terminology.value_sets()) if _says(artifact, words)]
    maps = [artifact for artifact in _sorted(terminology.concept_maps()) if _says(artifact, words)]
    mentions = texts.read(query).ranked() if isinstance(texts, TextReader) else ()
    return Found(
        tuple(_code_row(terminology, *hit) for hit in hits[:MOST]),
        tuple(set_row(terminology, artifact, users) for artifact in sets[:MOST]),
        tuple(_map_row(artifact) for artifact in maps[:MOST]),
        mentions,
        len(hits) > MOST or len(sets) > MOST,
    )


def all_sets(terminology: Terminology, users: Mapping[str, Sequence[str]]) -> tuple[SetRow, ...]:
    """Every value set, by title."""
    return tuple(set_row(terminology, artifact, users) for artifact in _sorted(terminology.value_sets()))


def all_maps(terminology: Terminology) -> tuple[MapRow, ...]:
    """Every concept map, by title."""
    return tuple(_map_row(artifact) for artifact in _sorted(terminology.concept_maps()))


def set_view(
    terminology: Terminology, identifier: str, users: Mapping[str, Sequence[str]], most: int
) -> SetView | None:
    """The value set of that id with its codes; None where there is none."""
    artifact = next((each for each in terminology.value_sets() if each.id == identifier), None)
    if artifact is None:
        return None
    membership = terminology.membership(artifact.url)
    codes = sorted(membership.codes())
    includes = (artifact.resource.get("compose") or {}).get("include") or ()
    imports = [_last(str(url)) for include in includes for url in include.get("valueSet") or ()]
    return SetView(
        set_row(terminology, artifact, users),
        artifact.canonical,
        artifact.origin.rpartition("/")[2],
        tuple(dict.fromkeys(imports)),
        tuple((system, code, terminology.name_of(system, code) or "") for system, code in codes[:most]),
        max(0, len(codes) - most),
        tuple(str(note) for note in membership.notes),
    )


def set_row(terminology: Terminology, artifact: Artifact, users: Mapping[str, Sequence[str]]) -> SetRow:
    """A value set as a line; its size counts the codes that are known by name."""
    resource = artifact.resource
    return SetRow(
        id=artifact.id,
        title=str(resource.get("title") or artifact.name),
        url=artifact.url,
        purpose=str(resource.get("description") or resource.get("purpose") or ""),
        size=len(terminology.membership(artifact.url).codes()),
        used_by=tuple(users.get(artifact.url, ())),
    )


def _sorted(artifacts: Sequence[Artifact]) -> list[Artifact]:
    return sorted(artifacts, key=lambda artifact: str(artifact.resource.get("title") or artifact.name).casefold())


def _says(artifact: Artifact, words: Sequence[str]) -> bool:
    text = f"{artifact.resource.get('title', '')} {artifact.id} {artifact.name}".casefold()
    return all(word in text for word in words)


def _code_row(terminology: Terminology, system: str, code: str, display: str) -> CodeRow:
    sets = []
    for artifact in terminology.value_sets():
        try:
            if terminology.membership(artifact.url).contains(system, code):
                sets.append(artifact.id)
        except CdsError:
            continue  # a set that cannot be computed is told by `cds-service check`; it holds nothing here
    maps = [(m.code or "none", m.display or "", m.equivalence) for m in terminology.translate(system, code)]
    return CodeRow(system, code, display, tuple(sorted(sets)), tuple(dict.fromkeys(maps)))


def _map_row(artifact: Artifact) -> MapRow:
    groups = artifact.resource.get("group") or ()
    return MapRow(
        id=artifact.id,
        title=str(artifact.resource.get("title") or artifact.name),
        source=", ".join(dict.fromkeys(short(str(group.get("source"))) for group in groups)),
        target=", ".join(dict.fromkeys(short(str(group.get("target"))) for group in groups)),
        size=sum(len(group.get("element") or ()) for group in groups),
    )


def short(system: str) -> str:
    """A code system in few words: the end of its address."""
    bare = system.partition("|")[0].rstrip("/").partition("://")[2] or system
    parts = bare.split("/")
    return parts[-1] if len(parts) > 2 else bare


def _last(canonical: str) -> str:
    return canonical.partition("|")[0].rpartition("/")[2]
