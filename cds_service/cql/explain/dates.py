"""When a resource says that it was so: the first of the usual date elements that it has."""

from __future__ import annotations

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
    for name in DATE_ELEMENTS:
        for attribute in (name, *(f"{name}{form}" for form in _FORMS)):
            value = getattr(resource, attribute, None)
            if value is not None:
                found = _read(value)
                if found is not None:
                    return found
    return None


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
