"""What free text adds to the facts: codings where there are none, observations from recent reports; always marked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from cds_service.facts.facts import Facts
from cds_service.facts.origins import Batch, Origin
from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import full

NOW = datetime(2025, 6, 15, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Pair:
    system: str
    code: str


@dataclass(frozen=True)
class Found:
    code: Pair
    value: bool | Pair | Decimal | None
    unit: str | None = None
    levels: tuple[str, ...] = ()


class Texts:
    """Says what it is told, whatever the text."""

    report_weeks = 13
    resource_types = frozenset({"ServiceRequest"})
    level_system = "urn:levels"

    def __init__(self, *found: Found) -> None:
        self.found = found

    def codings(self, resource_type: str, text: str) -> list[tuple[str, str]]:
        return [("urn:" + resource_type, text)]

    def findings(self, text: str) -> list[Found]:
        return list(self.found)


def facts(texts: Texts, *resources: dict[str, Any]) -> Facts:
    decoder = Decoder(full())
    decoded = [decoder.resource(json.dumps(one).encode()) for one in resources]
    return Facts([Batch(decoded, Origin("data"))], as_of=NOW, texts=texts)


def report(**members: Any) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "status": "final",
        "code": {"text": "MRI"},
        "effectiveDateTime": "2025-06-01",
        "conclusion": "Edema.",
        **members,
    }


EDEMA = Found(Pair("urn:facts", "edema"), True, levels=("L1",))


def test_a_report_becomes_observations_that_are_marked() -> None:
    height = Found(Pair("urn:facts", "height"), Decimal("40"), "%")
    kind = Found(Pair("urn:facts", "kind"), Pair("urn:values", "lytic"))
    open_ = Found(Pair("urn:facts", "open"), None)
    found = facts(Texts(EDEMA, height, kind, open_), report())
    observations: list[Any] = found.retrieve("Observation")
    assert [one.id for one in observations] == ["r1-text-1", "r1-text-2", "r1-text-3", "r1-text-4"]
    assert all(found.is_derived(one) for one in observations)
    edema, percent, lytic, doubted = observations
    assert edema.valueBoolean is True
    assert edema.bodySite.coding[0].code == "L1"
    assert edema.derivedFrom[0].reference == "DiagnosticReport/r1"
    assert (percent.valueQuantity.value, percent.valueQuantity.code) == (Decimal("40"), "%")
    assert lytic.valueCodeableConcept.coding[0].code == "lytic"
    assert doubted.dataAbsentReason.coding[0].code == "unknown"


@pytest.mark.parametrize(
    "members",
    [
        {"effectiveDateTime": "2025-01-01"},  # too old
        {"status": "entered-in-error"},
        {"status": "registered"},
        {"conclusion": None},
        {"effectiveDateTime": None},  # undated
    ],
)
def test_reports_whose_words_do_not_count(members: dict[str, Any]) -> None:
    given = {key: value for key, value in report(**members).items() if value is not None}
    assert facts(Texts(EDEMA), given).retrieve("Observation") == []


def test_what_somebody_recorded_is_left_to_it() -> None:
    recorded = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"coding": [{"system": "urn:facts", "code": "edema"}]},
        "valueBoolean": False,
    }
    found = facts(Texts(EDEMA), recorded, report())
    assert [one.id for one in found.retrieve("Observation")] == ["o1"]  # type: ignore[attr-defined]


def test_a_conclusion_without_a_code_gets_codes() -> None:
    found = facts(Texts(), report(), report(id="r2", conclusionCode=[{"text": "coded"}]))
    first, second = found.retrieve("DiagnosticReport")
    assert first.conclusionCode[0].coding[0].code == "Edema."  # type: ignore[attr-defined]
    assert found.is_derived(first)
    assert second.conclusionCode[0].coding == ()  # type: ignore[attr-defined]


def test_the_reason_of_an_order_is_read_like_a_problem() -> None:
    order = {
        "resourceType": "ServiceRequest",
        "id": "s1",
        "status": "draft",
        "intent": "order",
        "subject": {"reference": "Patient/p1"},
        "code": {"coding": [{"system": "urn:orders", "code": "1"}], "text": "MRI"},
        "reasonCode": [{"text": "comp fx L1"}],
    }
    (found,) = facts(Texts(), order).retrieve("ServiceRequest")
    assert found.reasonCode[0].coding[0].system == "urn:Condition"  # type: ignore[attr-defined]
    assert found.code.coding[0].code == "1"  # type: ignore[attr-defined]
