"""What the codes of an order ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from cds_service.plans.expressions import Define
from cds_service.plans.procedures import OrderCheck, OrderCodings, Procedures
from tests.plans.runs import logic_of

OWN, CPT, LAB = "https://example.org/procedures", "cpt", "lab"


@dataclass(frozen=True)
class Concept:
    code: str
    display: str | None = None
    parents: Sequence[str] = ()
    properties: Sequence[tuple[str, Any]] = ()


@dataclass(frozen=True)
class Match:
    code: str | None
    equivalence: str = "equivalent"
    checks: Sequence[str] = ()


@dataclass
class Maps:
    table: dict[tuple[str, str], list[Match]] = field(default_factory=dict)

    def translate(self, system: str, code: str, target: str | None = None) -> Sequence[Match]:
        return self.table.get((system, code), [])


PROCEDURES = Procedures(
    OWN,
    [
        Concept("plain", properties=(("phase", "imaging"), ("rated", True))),
        Concept("contrast", properties=(("phase", "imaging"), ("rated", True))),
        Concept("both", properties=(("phase", "imaging"), ("rated", True))),
        Concept("cement", properties=(("phase", "treatment"), ("rated", True))),
        Concept("balloon", parents=("cement",), properties=(("rated", False),)),
        Concept("sacral", parents=("cement",), properties=(("rated", False), ("inherits-rating", False))),
        Concept("film", properties=(("phase", "imaging"), ("rated", False))),
    ],
)
MAPS = Maps(
    {
        (CPT, "1"): [Match("plain")],
        (CPT, "2"): [Match("contrast", "narrower"), Match("plain", "narrower"), Match("both", "narrower")],
        (CPT, "3"): [Match("balloon"), Match("cement", "wider")],
        (CPT, "4"): [Match("plain", "inexact", ("site",))],
        (CPT, "5"): [Match("contrast", "inexact", ("open",))],
        (CPT, "6"): [Match("contrast", "inexact", ("turns",))],
        (CPT, "7"): [Match(None, "unmatched")],
        (LAB, "1"): [Match("contrast")],
        (LAB, "3"): [Match("cement")],
    }
)
CHECKS = {
    "site": OrderCheck("site", Define("Lib", "At the site"), None, ()),
    "open": OrderCheck("open", None, None, (("contrast", "both"),)),
    "turns": OrderCheck("turns", Define("Lib", "With the other"), "both", ()),
}


@pytest.mark.parametrize(
    ("codings", "table", "expected"),
    [
        ([(OWN, "balloon")], {}, ("balloon", "cement", ())),
        ([(OWN, "sacral")], {}, ("sacral", None, ())),
        ([(OWN, "film")], {}, ("film", None, ())),
        ([(OWN, "nonsense")], {}, None),
        ([(CPT, "1")], {}, ("plain", "plain", ())),
        ([(CPT, "3")], {}, ("balloon", "cement", ())),
        ([(LAB, "3"), (CPT, "3")], {}, ("balloon", "cement", ())),  # the more specific code counts
        ([(CPT, "2")], {}, (None, None, ("plain", "contrast", "both"))),
        ([(CPT, "2"), (LAB, "1")], {}, ("contrast", "contrast", ())),  # the other coding settles it
        ([(CPT, "1"), (LAB, "1")], {}, (None, None, ("plain", "contrast"))),  # codings that contradict each other
        ([(CPT, "4")], {"At the site": True}, ("plain", "plain", ())),
        ([(CPT, "4")], {"At the site": False}, None),
        ([(CPT, "4")], {"At the site": None}, None),
        ([(CPT, "5")], {}, (None, None, ("contrast", "both"))),
        ([(CPT, "6")], {"With the other": True}, ("both", "both", ())),
        ([(CPT, "6")], {"With the other": None}, ("contrast", "contrast", ())),
        ([(CPT, "7")], {}, None),
        ([(None, None)], {}, None),
        ([], {}, None),
    ],
)
def test_an_order_is_read_by_its_codes(
    codings: list[tuple[str | None, str | None]], table: dict[str, object], expected: object
) -> None:
    found = OrderCodings(PROCEDURES, MAPS, CHECKS).procedure(codings, lambda: logic_of(table))
    assert (found and (found.procedure, found.rated_as, found.candidates)) == expected


def test_a_property_is_inherited_from_the_nearest_ancestor_that_says_so() -> None:
    assert PROCEDURES.has("balloon", "phase", "treatment")
    assert not PROCEDURES.has("balloon", "rated", "true")
    assert not PROCEDURES.has(None, "phase", "treatment")
