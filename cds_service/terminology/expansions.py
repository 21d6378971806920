"""Expansions and validations: the members of a value set by name, and whether a code and its display hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cds_service.terminology.codesystems import Concept
from cds_service.terminology.membership import Membership


@dataclass(frozen=True, slots=True)
class Member:
    """One line of an expansion."""

    system: str
    code: str
    display: str | None


@dataclass(frozen=True, slots=True)
class Expansion:
    """A page of members; `total` counts what the filter leaves; `complete`: all could be listed."""

    url: str
    version: str
    members: tuple[Member, ...]
    total: int
    offset: int
    complete: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Validation:
    """Whether a code holds, in words where it does not."""

    result: bool
    message: str | None = None
    display: str | None = None
    system: str | None = None
    code: str | None = None


def expand_members(
    membership: Membership,
    name_of: Callable[[str, str], str | None],
    words: str = "",
    count: int | None = None,
    offset: int = 0,
) -> Expansion:
    """The members in a fixed order whose code or name has every word of `words`: a page of them."""
    members = [Member(pair.system, pair.code, name_of(pair.system, pair.code)) for pair in membership.codes()]
    wanted = words.lower().split()
    if wanted:
        members = [one for one in members if _has_words(one, wanted)]
    members.sort(key=lambda one: (one.system, one.code))
    end = None if count is None else offset + count
    complete = all(not extent.subtrees for extent in membership.extents.values())
    return Expansion(
        membership.url, membership.version, tuple(members[offset:end]), len(members), offset, complete, membership.notes
    )


def _has_words(member: Member, wanted: list[str]) -> bool:
    text = f"{member.code} {member.display or ''}".lower()
    return all(word in text for word in wanted)


def judge_display(concept: Concept | None, system: str, code: str, display: str | None) -> Validation:
    """The verdict on a code that is valid: true, unless a display was given that is none of its names."""
    known = concept.display if concept else None
    if display is not None and concept is not None and known is not None:
        names = {known, *(text for _, text in concept.designations)}
        if " ".join(display.lower().split()) not in {" ".join(name.lower().split()) for name in names}:
            return Validation(False, f"The display {display!r} is not one of its names.", known, system, code)
    return Validation(True, None, known, system, code)
