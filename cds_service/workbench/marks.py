"""Ratings that system actions put on orders, as a person reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.plans.extensions import listed
from cds_service.plans.procedures import Procedures


@dataclass(frozen=True, slots=True)
class Mark:
    """What was written on one order: codes first, then whatever else the extensions say."""

    order: str
    codes: tuple[str, ...]
    others: tuple[tuple[str, str], ...]


def marks_of(actions: Iterable[Mapping[str, Any]]) -> tuple[Mark, ...]:
    """The marks of the orders that `actions` update."""
    return tuple(_mark(action["resource"]) for action in actions if isinstance(action.get("resource"), Mapping))


def _mark(order: Mapping[str, Any]) -> Mark:
    codes: list[str] = []
    others: list[tuple[str, str]] = []
    for extension in listed(order.get("extension")):
        concept = extension.get("valueCodeableConcept")
        if isinstance(concept, Mapping):
            codes += [str(coding.get("code")) for coding in listed(concept.get("coding"))]
        else:
            value = next((value for name, value in extension.items() if name.startswith("value")), "")
            others.append((str(extension.get("url", "")).rpartition("/")[2], str(value)))
    return Mark(f"{order.get('resourceType')}/{order.get('id')}", tuple(codes), tuple(others))


def order_words(order: Mapping[str, Any], procedures: Procedures | None) -> str:
    """What is ordered, and where, in the words of the order or of our procedure."""
    concept = order.get("code") if isinstance(order.get("code"), Mapping) else {}
    codings = [coding for coding in listed((concept or {}).get("coding")) if isinstance(coding, Mapping)]
    text = (concept or {}).get("text") or next((c.get("display") for c in codings if c.get("display")), None)
    if text is None and codings:
        own = codings[0].get("code")
        text = (
            procedures.name(str(own))
            if procedures is not None and codings[0].get("system") == procedures.system
            else own
        )
    sites = [_site(site) for site in listed(order.get("bodySite")) if isinstance(site, Mapping)]
    return " · ".join(
        part for part in (str(text or "An order without a procedure"), ", ".join(filter(None, sites))) if part
    )


def _site(site: Mapping[str, Any]) -> str:
    codings = [coding for coding in listed(site.get("coding")) if isinstance(coding, Mapping)]
    return str(site.get("text") or next((c.get("display") or c.get("code") for c in codings), ""))
