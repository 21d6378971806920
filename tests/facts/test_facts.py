"""What the facts answer, and in which order."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.facts.availability import Availability, combine
from cds_service.facts.facts import Facts, facts_from_bundle
from cds_service.facts.groups import CodeGroups
from cds_service.facts.indexes import UnreadElement
from cds_service.facts.origins import Batch, Origin
from cds_service.facts.sites import Site, Sites
from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import full, lean

NOW = datetime(2025, 6, 15, 9, tzinfo=UTC)
FULL = Decoder(full())
LEAN = Decoder(lean({"Observation": frozenset({"status", "code"})}))
LOINC = "http://loinc.org"


class Codes:
    """A group of codes."""

    def __init__(self, *codes: str, system: str | None = LOINC) -> None:
        self.pairs = {(system, code) for code in codes}
        self.asked = 0

    def contains(self, system: str | None, code: str) -> bool:
        self.asked += 1
        return (system, code) in self.pairs


def resource(kind: str, ident: str | None = None, **members: Any) -> dict[str, Any]:
    return {"resourceType": kind, **({"id": ident} if ident else {}), **members}


def observation(ident: str, *codes: str, patient: str = "p1", **members: Any) -> dict[str, Any]:
    coding = [{"system": LOINC, "code": code} for code in codes]
    return resource(
        "Observation", ident, code={"coding": coding}, subject={"reference": f"Patient/{patient}"}, **members
    )


PATIENT = resource("Patient", "p1")


def facts(resources: Iterable[dict[str, Any]], patient_id: str | None = "p1", **options: Any) -> Facts:
    entries = [{"fullUrl": f"urn:uuid:{place}", "resource": each} for place, each in enumerate(resources)]
    body = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()
    return facts_from_bundle(body, as_of=NOW, patient_id=patient_id, **options)


def ids(found: Iterable[Any]) -> list[str | None]:
    return [each.id for each in found]


def test_a_type_is_retrieved_in_the_order_of_ids() -> None:
    found = facts([observation("c", "1"), PATIENT, observation("a", "2"), observation("b", "1")])
    assert ids(found.retrieve("Observation")) == ["a", "b", "c"]
    assert ids(found.retrieve("Condition")) == []
    assert found.patient.id == "p1"
    assert found.as_of.year == 2025


def test_codes_are_found_by_group() -> None:
    found = facts([observation("c", "1", "2"), observation("a", "2"), observation("b", "3"), observation("d")])
    assert ids(found.retrieve("Observation", "code", Codes("1", "2"))) == ["a", "c"]
    assert ids(found.retrieve("Observation", "code", Codes("1"))) == ["c"]
    assert ids(found.retrieve("Observation", "code", Codes("9"))) == []
    assert ids(found.retrieve("Observation", "code", Codes("1", system=None))) == []


def test_what_is_looked_for_at_once_is_what_a_search_finds() -> None:
    resources = [
        *(observation(ident, *codes) for ident, codes in {"c": "12", "a": "2", "b": "3", "d": ""}.items()),
        observation("e", "1", status="final", patient="p2"),
        resource("MedicationRequest", "m2", medicationReference={"reference": "Medication/d1"}),
        resource("MedicationRequest", "m1", medicationCodeableConcept={"coding": [{"system": LOINC, "code": "1"}]}),
        resource("MedicationRequest", "m3"),
        resource("Medication", "d1", code={"coding": [{"system": LOINC, "code": "1"}, {"system": "x", "code": "2"}]}),
        resource("Encounter", "n1", reasonCode=[{"coding": [{"system": LOINC, "code": "2"}]}, {"text": "x"}]),
    ]
    groups = (Codes("1"), Codes("2"), Codes("1", "3"), Codes("9"), Codes("2", system="x"))
    paths = (("Observation", "code"), ("MedicationRequest", "medication"), ("Encounter", "reasonCode"))
    looked_for: dict[Site, Any] = {(name, path, id(group)): group for name, path in paths for group in groups}
    sites = Sites({**looked_for, ("Encounter", None, 0): None, ("Condition", None, 0): None})
    for _ in range(2):  # with codes that were not seen before, and with codes that were
        plain, found = facts(resources), facts(resources)
        expected = [plain.retrieve(name, path, looked_for.get((name, path, key))) for name, path, key in sites.order]
        assert found.found_at(sites) == sum(1 << bit for bit, members in enumerate(expected) if members)
        for (name, path, key), members in zip(sites.order, expected, strict=True):
            assert ids(found.retrieve(name, path, looked_for.get((name, path, key)))) == ids(members)
        # Nobody said that this would be looked for.
        assert ids(found.retrieve("Observation", "code", Codes("3"))) == ["b"]


def test_a_record_is_freed_when_it_is_let_go() -> None:
    group = Codes("1")
    sites = Sites({("Observation", "code", id(group)): group})
    gc.collect()
    gc.freeze()  # what other tests left is not looked at
    gc.disable()
    try:
        found = facts([observation("a", "1"), observation("b", "1"), PATIENT])
        found.found_at(sites)
        found.retrieve("Observation", "code", group)
        found.retrieve("Observation", "code", Codes("1"))
        found.resolve("Observation/a")
        del found
        assert gc.collect() == 0
    finally:
        gc.enable()
        gc.unfreeze()


def test_a_code_is_classified_once_for_all_calls() -> None:
    groups = CodeGroups()
    ones, twos = Codes("1"), Codes("2")
    for _ in range(5):
        found = facts([observation("a", "1"), observation("b", "2")], groups=groups)
        assert ids(found.retrieve("Observation", "code", ones)) == ["a"]
        assert ids(found.retrieve("Observation", "code", twos)) == ["b"]
    assert ones.asked + twos.asked <= 6


def test_a_group_that_another_call_has_taught_is_searched_here_too() -> None:
    groups = CodeGroups()
    first, second = Codes("1"), Codes("2")
    one = facts([observation("a", "1", "2")], groups=groups)
    assert ids(one.retrieve("Observation", "code", first)) == ["a"]
    other = facts([observation("b", "2")], groups=groups)
    assert ids(other.retrieve("Observation", "code", second)) == ["b"]
    assert ids(one.retrieve("Observation", "code", second)) == ["a"]


@pytest.mark.parametrize(
    ("given_resource", "path", "codes", "expected"),
    [
        (resource("Encounter", "e", **{"class": {"system": LOINC, "code": "AMB"}}), "class", Codes("AMB"), ["e"]),
        (resource("Patient", "p1", gender="female"), "gender", Codes("female", system=None), ["p1"]),
        (
            resource("Condition", "c", category=[{"coding": []}, {"coding": [{"system": LOINC, "code": "x"}]}]),
            "category",
            Codes("x"),
            ["c"],
        ),
        (
            resource("MedicationRequest", "m", medicationCodeableConcept={"coding": [{"system": LOINC, "code": "x"}]}),
            "medication",
            Codes("x"),
            ["m"],
        ),
        (
            resource("MedicationRequest", "m", medicationReference={"reference": "Medication/d"}),
            "medication",
            Codes("x"),
            ["m"],
        ),
        (
            resource("MedicationRequest", "m", medicationReference={"reference": "Medication/none"}),
            "medication",
            Codes("x"),
            [],
        ),
        (
            resource(
                "MedicationRequest",
                "m",
                contained=[resource("Medication", "k", code={"coding": [{"system": LOINC, "code": "x"}]})],
                medicationReference={"reference": "#k"},
            ),
            "medication",
            Codes("x"),
            ["m"],
        ),
        (
            observation("o", component=[{"code": {"coding": [{"system": LOINC, "code": "x"}]}}]),
            "component.code",
            Codes("x"),
            ["o"],
        ),
        (
            observation("o", valueCodeableConcept={"coding": [{"system": LOINC, "code": "x"}]}),
            "value",
            Codes("x"),
            ["o"],
        ),
        (observation("o", valueQuantity={"code": "x", "system": LOINC}), "value", Codes("x"), []),
    ],
)
def test_paths_of_every_kind(given_resource: dict[str, Any], path: str, codes: Codes, expected: list[str]) -> None:
    drug = resource("Medication", "d", code={"coding": [{"system": LOINC, "code": "x"}]})
    found = facts([given_resource, drug])
    assert ids(found.retrieve(given_resource["resourceType"], path, codes)) == expected


def test_a_search_by_an_element_that_is_not_decoded_is_a_mistake() -> None:
    decoder = Decoder(lean({"Observation": frozenset({"status"})}))
    found = facts([observation("a", "1")], decoder=decoder)
    with pytest.raises(UnreadElement):
        found.retrieve("Observation", "code", Codes("1"))


@pytest.mark.parametrize(
    ("other", "stays"),
    [
        (observation("x", "1", patient="p2"), False),
        (resource("Patient", "p2"), False),
        (resource("Patient", "Patient/p1"), True),
        (resource("Patient", "Patient/p2"), False),
        (resource("Observation", "x"), True),
        (resource("Observation", "x", subject={"reference": "http://a.example/fhir/Patient/p1"}), True),
        (resource("Observation", "x", subject={"reference": "http://a.example/fhir/Patient/p2"}), False),
        (resource("Observation", "x", subject={"reference": "urn:uuid:0"}), True),
        (resource("Observation", "x", subject={"reference": "urn:uuid:1"}), False),
        (resource("Observation", "x", subject={"reference": "Device/d"}), True),
        (resource("AllergyIntolerance", "x", patient={"reference": "Patient/p2"}), False),
        (resource("Practitioner", "x"), True),
        (resource("Medication", "x"), True),
        (
            resource(
                "Appointment",
                "x",
                participant=[{"actor": {"reference": "Practitioner/y"}}, {"actor": {"reference": "Patient/p1"}}],
            ),
            True,
        ),
        (resource("Appointment", "x", participant=[{"actor": {"reference": "Patient/p2"}}]), False),
        (resource("Task", "x", **{"for": {"reference": "Patient/p2"}}), False),
        (resource("Coverage", "x", beneficiary={"reference": "Patient/p2"}), False),
    ],
)
def test_data_of_another_patient_are_dropped(other: dict[str, Any], stays: bool) -> None:
    found = facts([PATIENT, resource("Patient", "p2"), other])
    kept = ids(found.retrieve(other["resourceType"]))
    assert (other["id"] in kept) is stays


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"lastUpdated": "2025-01-01T00:00:00Z"}, {"lastUpdated": "2025-01-01T00:00:00.001Z"}),
        ({"lastUpdated": "2025-01-01T10:00:00+02:00"}, {"lastUpdated": "2025-01-01T09:00:00Z"}),
        ({"versionId": "9"}, {"versionId": "10"}),
        (None, {"versionId": "1"}),
    ],
)
@pytest.mark.parametrize("first", ["old", "new"])
@pytest.mark.parametrize("decoder", [FULL, LEAN])
def test_the_newest_copy_wins_whatever_comes_first(old: Any, new: Any, first: str, decoder: Decoder) -> None:
    copies = [observation("a", "1", status="preliminary"), observation("a", "1", status="final")]
    for copy, meta in zip(copies, (old, new), strict=True):
        if meta is not None:
            copy["meta"] = meta
    found = facts(copies if first == "old" else copies[::-1], decoder=decoder).retrieve("Observation")
    assert [each.status for each in found] == ["final"]  # type: ignore[attr-defined]


def test_a_copy_whose_meta_cannot_be_read_is_the_older_one() -> None:
    broken = observation("a", "1", status="preliminary", meta={"versionId": 9})
    found = facts([observation("a", "1", status="final", meta={"versionId": "1"}), broken], decoder=LEAN)
    assert [each.status for each in found.retrieve("Observation")] == ["final"]  # type: ignore[attr-defined]  # classes are made from the model


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("Observation/a", "a"),
        ("http://a.example/fhir/Observation/a", "a"),
        ("Observation/a/_history/1", "a"),
        ("Observation/a/_history/2", None),
        ("Observation/none", None),
        ("urn:uuid:0", "a"),
        ("#x", None),
        ("nonsense", None),
    ],
)
def test_references_resolve_within_the_data(reference: str, expected: str | None) -> None:
    found = facts([observation("a", "1", meta={"versionId": "1"})]).resolve(reference)
    assert (found.id if found is not None else None) == expected


def test_a_reference_element_resolves_too() -> None:
    found = facts([PATIENT, observation("a", "1")])
    assert found.resolve(found.retrieve("Observation")[0].subject).id == "p1"  # type: ignore[attr-defined]
    assert found.resolve(None) is None


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ("value", "value"),
        ("value none", "value"),
        ("none none", "none"),
        ("absent", "absent"),
        ("absent absent", "absent"),
        ("absent unobtainable", "unobtainable"),
        ("value absent", "partial"),
        ("none unobtainable", "partial"),
        ("partial value", "partial"),
        ("", "absent"),
    ],
)
def test_a_type_is_as_complete_as_all_that_was_asked(states: str, expected: str) -> None:
    assert combine(Availability(state) for state in states.split()) is Availability(expected)


def test_what_cannot_be_read_is_never_absent() -> None:
    bad = {**observation("x", "1"), "status": 7}
    found = facts([observation("a", "1"), bad, resource("Condition", "c", code="text")])
    assert found.availability("Observation") is Availability.PARTIAL
    assert found.availability("Condition") is Availability.UNOBTAINABLE
    assert found.availability("Procedure") is Availability.NONE
    assert found.unreadable() == ("Condition", "Observation")
    assert [str(each) for each in found.set_aside] == [
        "Observation/x: Observation.status: Expected `str | null`, got `int`",
        "Condition/c: Condition.code: Expected `object | null`, got `str`",
    ]


def decoded(*resources: dict[str, Any]) -> list[Any]:
    return [FULL.resource(json.dumps(each).encode()) for each in resources]


def test_types_that_nobody_asked_for_are_absent() -> None:
    availability = {"Observation": Availability.VALUE, "Condition": Availability.UNOBTAINABLE}
    found = Facts([], as_of=NOW, patient_id="p1", availability=availability)
    assert found.availability("Observation") is Availability.NONE  # asked, but all that came was another's
    assert found.availability("Procedure") is Availability.ABSENT
    assert found.unreadable() == ("Condition",)


def test_a_draft_stands_in_for_the_stored_copy_and_comes_last() -> None:
    stored = Batch(
        decoded(resource("ServiceRequest", "b", status="active"), resource("ServiceRequest", "z")),
        Origin("prefetch", "orders"),
    )
    drafts = decoded(resource("ServiceRequest", "y"), resource("ServiceRequest", "b", status="draft"))
    found = Facts([stored, Batch(drafts, Origin("context", "draftOrders"))], as_of=NOW, patient_id="p1")
    orders = found.retrieve("ServiceRequest")
    assert ids(orders) == ["z", "y", "b"]
    assert orders[-1].status == "draft"  # type: ignore[attr-defined]
    assert str(found.origin(orders[0])) == "prefetch orders"
    assert found.origin(orders[-1]).source == "context"
    assert found.reference_to(orders[0]) == "ServiceRequest/z"


def test_free_text_gives_codes_of_lower_grade() -> None:
    def derive(kind: str, text: str) -> list[tuple[str, str]]:
        return [(LOINC, "x")] if (kind, text) == ("Condition", "a broken bone") else []

    conditions = decoded(
        resource("Condition", "text", code={"text": "a broken bone"}),
        resource("Condition", "coded", code={"text": "a broken bone", "coding": [{"system": LOINC, "code": "y"}]}),
        resource("Condition", "other", code={"text": "something else"}),
    )
    found = Facts([Batch(conditions, Origin("data"))], as_of=NOW, derive=derive)
    hits = found.retrieve("Condition", "code", Codes("x"))
    assert ids(hits) == ["text"]
    assert found.is_derived(hits[0])
    assert not found.is_derived(found.retrieve("Condition")[0])


@given(st.permutations(range(6)))
def test_the_order_of_a_bundle_makes_no_difference(order: list[int]) -> None:
    resources: list[dict[str, Any]] = [observation(f"o{place}", str(place % 2)) for place in range(4)]
    resources += [resource("Observation", note=[{"text": text}]) for text in "ab"]
    found = facts([resources[place] for place in order])
    again = facts(resources)
    searches: list[dict[str, Any]] = [{}, {"code_path": "code", "membership": Codes("0")}]
    for search in searches:
        assert found.retrieve("Observation", **search) == again.retrieve("Observation", **search)
