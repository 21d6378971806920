"""Cues: words that negate, doubt, date back or pass to the family what stands next to them, and how far they reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cds_service.phrases.terms import Found, TermIndex

_ENDS = frozenset(".;\n")


@dataclass(frozen=True, slots=True)
class Cue:
    """What one cue does; `over_commas`: it goes on through a list."""

    kind: str  # negated, uncertain, asked, done, historical, family, advice, pseudo, stop, level-stop
    forward: bool
    over_commas: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """The words that a cue speaks of."""

    kind: str
    cue_start: int
    start: int
    end: int


def find_scopes(
    words: Sequence[str], starts: Sequence[int], ends: Sequence[int], index: TermIndex, reach: int
) -> tuple[list[Scope], list[int]]:
    """The scopes of all cues in a row of words, and the places that part a level from what stands beyond."""
    # A cue's own words must stand together: nothing may be passed over.
    hits = [hit for hit in index.find(words, [False] * len(words)) if isinstance(hit[1], Cue)]
    level_stops = sorted(hit.start for hit, owner in hits if isinstance(owner, Cue) and owner.kind == "level-stop")
    taken: set[int] = set()
    cues: list[tuple[Found, Cue]] = []
    for found, owner in sorted(hits, key=lambda hit: (-len(hit[0].places), hit[0].start)):
        assert isinstance(owner, Cue)
        if owner.kind == "level-stop":
            continue
        same = [one for one, _ in cues if one.places == found.places]
        if not same and not taken.isdisjoint(found.places):
            continue
        taken.update(found.places)
        cues.append((found, owner))
    cues.sort(key=lambda one: one[0].start)
    barriers = sorted({found.start for found, cue in cues if cue.kind == "stop"})
    opening = {
        found.start: cue.kind for found, cue in cues if cue.forward and cue.kind in ("negated", "uncertain", "asked")
    }
    scopes = []
    for found, cue in cues:
        if cue.kind in ("pseudo", "stop") or not _points(words, starts, ends, found, cue):
            continue
        if cue.forward:
            end = _forward_end(words, found, cue, barriers, opening, reach)
            scopes.append(Scope(cue.kind, found.start, found.end, end))
        else:
            scopes.append(Scope(cue.kind, found.start, _backward_start(words, found, barriers, reach), found.start))
    return scopes, level_stops


def _points(words: Sequence[str], starts: Sequence[int], ends: Sequence[int], found: Found, cue: Cue) -> bool:
    """A question mark belongs to the word it touches: "?mets" points on, "mets?" points back."""
    if words[found.start] != "?":
        return True
    touches_before = found.start > 0 and ends[found.start - 1] == starts[found.start]
    return cue.forward != touches_before


def _forward_end(
    words: Sequence[str], found: Found, cue: Cue, barriers: list[int], opening: Mapping[int, str], reach: int
) -> int:
    index = found.end
    left = reach
    while index < len(words) and left:
        word = words[index]
        if word in _ENDS or (index in barriers and index > found.end):
            return index
        if index in opening and index > found.end and cue.kind != "family":
            return index
        if word in (",", ":") and not _goes_on(words, index, cue):
            return index
        if word not in (",", "/", "-"):
            left -= 1
        index += 1
    return index


def _goes_on(words: Sequence[str], comma: int, cue: Cue) -> bool:
    """Whether a list goes on behind the comma: always for cues that govern lists, else when an "or" closes it."""
    if cue.over_commas:
        return True
    if cue.kind != "negated":
        return False
    for word in words[comma + 1 : comma + 6]:
        if word in _ENDS:
            return False
        if word in ("or", "nor"):
            return True
    return False


def _backward_start(words: Sequence[str], found: Found, barriers: list[int], reach: int) -> int:
    index = found.start
    left = reach
    while index > 0 and left:
        before = words[index - 1]
        if before in _ENDS or before in (",", ":") or index in barriers:
            return index
        index -= 1
        left -= 1
    return index
