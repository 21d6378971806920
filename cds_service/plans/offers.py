"""What the buttons of cards are made from: order codes, definitions of orders, the name of the installation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from cds_service.errors import CdsError
from cds_service.hooks.text import moment_text
from cds_service.plans.activities import Subjects
from cds_service.plans.apply import Activity
from cds_service.plans.logic import Logic
from cds_service.plans.orders import OrderCodes
from cds_service.plans.rules import Finding, OfferedOrder
from cds_service.proposals.proposals import ProposedSuggestion

ApplyActivity = Callable[[Activity], Mapping[str, Any]]


def _nowhere(_: str) -> str | None:
    return None


class Site(msgspec.Struct, frozen=True, gc=False):
    """What an installation says about itself on cards and orders."""

    consulted: str  # the mechanism that rated an order
    question_url: Callable[[str], str | None] = _nowhere  # id of a Questionnaire -> its address
    question_context: Callable[[str], str | None] = _nowhere  # set: the address is launched by SMART, with this context


class Offers(msgspec.Struct, frozen=True, gc=False):
    """What buttons are made from."""

    codes: OrderCodes
    activities: Mapping[str, Activity]  # by procedure
    find_activity: Callable[[str], Activity | None]  # by canonical
    site: Site


class Subject(msgspec.Struct, frozen=True, gc=False):
    """Whom the advice is for, and when."""

    patient: str  # Patient/x
    subjects: Subjects
    at: datetime  # the decision time

    @property
    def as_of(self) -> str:
        """The decision time as FHIR dateTime."""
        return moment_text(self.at)


def defined_orders(
    findings: Sequence[Finding],
    logic: Logic | None,
    offers: Offers,
    apply_activity: ApplyActivity,
    creation: Callable[[Mapping[str, Any], str], ProposedSuggestion],
) -> list[ProposedSuggestion]:
    """Buttons for the orders that the definitions of rules and checks describe, each once."""
    found: dict[str, ProposedSuggestion] = {}
    for finding in findings:
        for offered in finding.rule.offers:
            activity = offers.find_activity(offered.definition) if offered.definition not in found else None
            if activity is None or not _is_wanted(offered, logic):
                continue
            try:
                request = apply_activity(activity)
            except CdsError:
                continue
            name = str(activity.written.get("title") or finding.rule.title)
            found[offered.definition] = creation(request, name)
    return list(found.values())


def _is_wanted(offered: OfferedOrder, logic: Logic | None) -> bool:
    return offered.condition is None or (logic is not None and logic.truth(offered.condition) is True)
