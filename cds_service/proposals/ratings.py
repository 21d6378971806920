"""Ratings of procedures, and what the code of an order settles about the procedure that it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True, slots=True)
class RatingRow:
    """How one scenario rates one procedure."""

    procedure: str
    rating: str
    disagreement: bool  # the panel's votes were too scattered for a firm category
    rationale: str
    definition: str | None  # ActivityDefinition that orders it
    action: str
    translations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def reason(self, language: str | None) -> str:
        """The rationale in a language, else as it was written."""
        known = self.translations.get(language or "", {})
        return known.get("description") or self.rationale


class OrderedProcedure(msgspec.Struct, frozen=True, gc=False):
    """What the code of an order settles: one procedure, or several candidates."""

    procedure: str | None
    rated_as: str | None
    candidates: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()  # conditions under which an inexact code was taken for it
