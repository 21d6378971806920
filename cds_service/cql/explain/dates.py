"""When a resource says that it was so: the first of the usual date elements that it has."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cds_service.cql.type_relations import Relations
from cds_service.values import date_texts

# In the order of preference; a choice is tried as dateTime, Period, instant, date.
DATE_ELEMENTS = (
    "effective", "onset", "performed", "occurrence", "occurred", "period", "performedPeriod", "authoredOn", "started",
    "recordedDate", "issued", "date", "created", "recorded", "birthDate",
)  # fmt: skip
_FORMS = ("DateTime", "Period", "Instant", "Date")


def effective_of(resource: Any) -> Any:
    """The date or date-time of a resource; null when it says none."""
    kind: type = resource.__class__
    for attribute in _attributes(kind):
        value = getattr(resource, attribute)
        if value is not None:
            found = date_texts.parse_datetime(value) if value.__class__ is str else _read(value)
            if found is not None:
                return found
    return None


@lru_cache(maxsize=512)
def _attributes(kind: type) -> tuple[str, ...]:
    """The attributes of a structure that hold such a date."""
    names = [name for base in DATE_ELEMENTS for name in (base, *(f"{base}{form}" for form in _FORMS))]
    return tuple(name for name in names if hasattr(kind, name))


def _read(value: Any) -> Any:
    if isinstance(value, str):
        return date_texts.parse_datetime(value)
    for end in ("start", "end"):
        text = getattr(value, end, None)
        if isinstance(text, str):
            return date_texts.parse_datetime(text)
    return None


def date_elements(relations: Relations, name: str) -> list[str]:
    """The date elements that resources of a type have, as far as evidence looks at them."""
    info = relations.model_type(name)
    if info is None:
        return []
    return [element for element in DATE_ELEMENTS if element in info.elements][:3]
