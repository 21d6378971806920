"""Values of logic in a few words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from cds_service.plans.evidence import json_value
from cds_service.plans.wording import Vocabulary
from cds_service.values.quantity import Quantity
from cds_service.values.temporals import Date, DateTime, Time
from cds_service.values.tuples import Tuple

_LONGEST = 80
_SHOWN = 3


def value_words(value: Any, unit: str | None = None, words: Vocabulary | None = None, fact: str = "") -> str:
    """A fact's value as the form and the cards say it."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if words is not None and fact in words.questions.questions:
        options = words.questions.questions[fact].options
        value = next((option.display for option in options if option.code == value), value)
    return f"{value} {unit}" if unit and unit != "1" else str(value)


def shown(value: Any) -> str:
    """Any value of logic: resources by reference, lists by their first entries, everything cut to a line."""
    text = _shown(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def truth_class(value: Any) -> str:
    """The class that colours a value: true, false, unknown, or nothing for what is no truth."""
    return {True: "true", False: "false", None: "unknown"}.get(value, "") if isinstance(value, bool | None) else ""


def _shown(value: Any) -> str:
    match value:
        case None | bool():
            return value_words(value)
        case str():
            return f"“{value}”"
        case Quantity():
            return f"{value.value} {value.unit}" if value.unit != "1" else str(value.value)
        case int() | Decimal() | Date() | DateTime() | Time():
            return str(json_value(value)[0]).removeprefix("@").rstrip("T")
        case list() | tuple():
            return _list(list(value))
        case Tuple():
            return ", ".join(f"{name} {_shown(part)}" for name, part in value.items() if part is not None)
    kind = getattr(value, "fhir_type", None)
    if kind is not None:
        identifier = getattr(value, "id", None)
        return f"{kind}/{identifier}" if identifier else str(kind)
    return str(json_value(value)[0])


def _list(values: list[Any]) -> str:
    if not values:
        return "none"
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return ", ".join(_shown(value) for value in values[:_SHOWN]) + more
