"""What a text says: mentions of concepts, each with its status, its levels and how sure the reading is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Status = Literal["stated", "negated", "uncertain", "historical", "family", "ask"]


@dataclass(frozen=True, slots=True)
class Coding:
    """A coding that a mention gives; `grade` marks it as read from text: evidence of a lower kind."""

    system: str
    code: str
    display: str | None = None
    grade: str = "text"


@dataclass(frozen=True, slots=True)
class Mention:
    """One concept in a text.

    `holds` is what it says of the patient now: true, false, or unknown (doubt, family, past of a passing state).
    `candidates` are the codings to choose from where the text leaves it open (status `ask`); `worth` the codes that
    stand for it where a record has only text, by kind of text.
    """

    concept: str
    status: Status
    score: float
    text: str
    start: int
    end: int
    coding: Coding | None = None
    value: Coding | None = None
    number: Decimal | None = None
    unit: str | None = None
    levels: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    laterality: str | None = None
    holds: bool | None = None
    candidates: tuple[Coding, ...] = ()
    worth: Mapping[str, Coding] = field(default_factory=dict)
    is_order: bool = False
    is_finding: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """All that a text says; `asks` are mentions that are too unsure or too open to act on."""

    mentions: tuple[Mention, ...]
    asks: tuple[Mention, ...]

    def ranked(self) -> tuple[Mention, ...]:
        """Every candidate, the surest first."""
        return tuple(sorted((*self.mentions, *self.asks), key=lambda one: (-one.score, one.start)))
