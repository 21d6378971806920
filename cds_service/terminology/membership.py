"""Membership in a value set: a set lookup per code system, whole subtrees and systems tried in constant time.

Enumerated codes are held in every spelling a record may use. What cannot be enumerated (an ICD-10-CM header with all
that stands below it, a system nobody brought) is a subtree or the whole system, with what was taken out of it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from cds_service.terminology import codes
from cds_service.terminology.codes import CodePair


@dataclass(frozen=True, slots=True)
class Subtree:
    """Everything at or below `roots`, or the whole system, without what `but_not_below` and `but_not` name."""

    roots: frozenset[str] = frozenset()
    whole: bool = False
    but_not: frozenset[str] = frozenset()
    but_not_below: frozenset[str] = frozenset()

    def holds(self, system: str, code: str) -> bool:
        """Whether the canonical `code` lies in here."""
        if code in self.but_not or _below(system, code, self.but_not_below):
            return False
        return self.whole or _below(system, code, self.roots)

    def without(self, names: frozenset[str], others: tuple[Subtree, ...]) -> Subtree:
        """What is left when `names` and `others` are taken out."""
        roots = frozenset[str]().union(*(other.roots for other in others if not other.whole))
        return Subtree(self.roots, self.whole, self.but_not | names, self.but_not_below | roots)


def _below(system: str, code: str, roots: frozenset[str]) -> bool:
    if not roots:
        return False
    return code in roots or (system == codes.ICD_10_CM and code.startswith(tuple(roots)))


@dataclass(frozen=True, slots=True)
class Extent:
    """What a value set covers in one code system: names one by one, and subtrees."""

    names: frozenset[str] = frozenset()
    subtrees: tuple[Subtree, ...] = ()

    def holds(self, system: str, code: str) -> bool:
        """Whether the canonical `code` is covered."""
        return code in self.names or any(subtree.holds(system, code) for subtree in self.subtrees)

    def union(self, other: Extent) -> Extent:
        """What either covers."""
        plain = [one for one in (*self.subtrees, *other.subtrees) if not one.but_not and not one.but_not_below]
        rest = [one for one in (*self.subtrees, *other.subtrees) if one.but_not or one.but_not_below]
        merged = [Subtree(frozenset[str]().union(*(one.roots for one in plain)), any(one.whole for one in plain))]
        return Extent(self.names | other.names, tuple((merged if plain else []) + rest))

    def intersection(self, system: str, other: Extent) -> Extent:
        """What both cover."""
        names = frozenset(
            name for name in self.names | other.names if self.holds(system, name) and other.holds(system, name)
        )
        return Extent(names, tuple(_both(system, a, b) for a in self.subtrees for b in other.subtrees))

    def without(self, system: str, other: Extent) -> Extent:
        """What this covers and `other` does not."""
        if any(subtree.whole and not subtree.but_not and not subtree.but_not_below for subtree in other.subtrees):
            return Extent()
        names = frozenset(name for name in self.names if not other.holds(system, name))
        return Extent(names, tuple(subtree.without(other.names, other.subtrees) for subtree in self.subtrees))


def _both(system: str, a: Subtree, b: Subtree) -> Subtree:
    if a.whole or b.whole:
        roots = b.roots if a.whole else a.roots
        whole = a.whole and b.whole
    else:
        roots = frozenset(
            root for root in a.roots | b.roots if _below(system, root, a.roots) and _below(system, root, b.roots)
        )
        whole = False
    return Subtree(roots, whole, a.but_not | b.but_not, a.but_not_below | b.but_not_below)


Extents = Mapping[str, Extent]


def union(parts: Iterable[Extents]) -> dict[str, Extent]:
    """What any of `parts` covers, by system."""
    merged: dict[str, Extent] = {}
    for part in parts:
        for system, extent in part.items():
            merged[system] = merged[system].union(extent) if system in merged else extent
    return merged


def intersection(parts: list[Extents]) -> dict[str, Extent]:
    """What all of `parts` cover, by system."""
    first, *others = parts
    met = dict(first)
    for part in others:
        met = {system: extent.intersection(system, part[system]) for system, extent in met.items() if system in part}
    return met


def difference(whole: Extents, taken: Extents) -> dict[str, Extent]:
    """What `whole` covers and `taken` does not, by system."""
    return {
        system: extent.without(system, taken[system]) if system in taken else extent for system, extent in whole.items()
    }


class Membership:
    """The members of one value set, made for being asked very often.

    `notes` say what it could not know: a licensed part that is not installed, a hierarchy that is not at hand.
    """

    __slots__ = ("_lookups", "_names", "extents", "notes", "url", "version")

    def __init__(self, url: str, version: str, extents: Extents, notes: tuple[str, ...] = ()) -> None:
        self.url = url
        self.version = version
        self.extents = dict(extents)
        self.notes = notes
        self._names: frozenset[CodePair] | None = None
        self._lookups: dict[str, _Lookup] = {}
        for system, extent in extents.items():
            lookup = _compile_lookup(system, extent)
            for name in (system, *codes.aliases(system)):
                self._lookups[name] = lookup

    def contains(self, system: str | None, code: str | None) -> bool:
        """Whether the coding is a member. A coding without a system is none: nobody knows what its code means."""
        lookup = self._lookups.get(system) if system is not None else None
        if lookup is None or code is None:
            return False
        if code in lookup.names:
            return True
        return lookup.beyond is not None and lookup.beyond(code)

    matches = contains

    def contains_code(self, code: str) -> bool:
        """Whether a bare `code` is a member in any of the systems."""
        return any(self.contains(system, code) for system in self.extents)

    def codes(self) -> frozenset[CodePair]:
        """The members that can be listed: those that are named one by one, in their canonical spelling."""
        if self._names is None:
            self._names = frozenset(
                CodePair(system, code) for system, extent in self.extents.items() for code in extent.names
            )
        return self._names

    @property
    def systems(self) -> tuple[str, ...]:
        """The code systems that have members."""
        return tuple(self.extents)

    def __repr__(self) -> str:
        return f"Membership({self.url!r}, {sum(len(one.names) for one in self.extents.values())} codes)"


@dataclass(frozen=True, slots=True)
class _Lookup:
    names: frozenset[str]
    beyond: Callable[[str], bool] | None = field(default=None)


def _compile_lookup(system: str, extent: Extent) -> _Lookup:
    names = frozenset(spelling for name in extent.names for spelling in codes.spellings(system, name))
    if system == codes.ICD_10_CM:
        return _Lookup(names, _icd_trial(extent, names))
    if extent.subtrees:
        return _Lookup(names, lambda code: any(subtree.holds(system, code) for subtree in extent.subtrees))
    return _Lookup(names)


def _icd_trial(extent: Extent, names: frozenset[str]) -> Callable[[str], bool]:
    """A trial of each length at which a header ends, dotted or not; odd spellings are put right first."""
    subtrees = extent.subtrees
    plain = all(not one.but_not and not one.but_not_below and not one.whole for one in subtrees)
    heads = frozenset(
        spelling for one in subtrees for root in one.roots for spelling in codes.spellings(codes.ICD_10_CM, root)
    )
    lengths = tuple(sorted({len(head) for head in heads}))

    def is_below(code: str) -> bool:
        return any(code[:length] in heads for length in lengths)

    def trial(code: str) -> bool:
        if plain:
            for length in lengths:
                if code[:length] in heads:
                    return True
            if code.isupper() and code[-1] != " " and code[0] != " ":
                return False
            tidy = codes.canonical_code(codes.ICD_10_CM, code)
            return tidy in names or is_below(tidy)
        tidy = codes.canonical_code(codes.ICD_10_CM, code)
        return tidy in names or any(one.holds(codes.ICD_10_CM, tidy) for one in subtrees)

    return trial
