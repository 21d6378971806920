"""Structs, and the ways from and to JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.fhir.limits import Limits, TooDeep
from cds_service.fhir.structs.checking import are_plain_dates, malformed_date, with_malformed_dates
from cds_service.fhir.structs.decoding import Decoder, UnreadableResource
from cds_service.fhir.structs.encoding import to_builtins, to_json
from cds_service.fhir.structs.flavours import ALL, full, lean
from tests.fhir.modelinfo import conformance_folder

FULL = Decoder(full())
LEAN = Decoder(
    lean(
        {
            "Observation": frozenset({"status", "code", "value", "effective", "component"}),
            "Observation.Component": frozenset({"code", "value"}),
            "Patient": ALL,
            "Condition": frozenset({"code", "onset"}),
            "MedicationRequest": frozenset({"medication", "authoredOn"}),
        }
    )
)


def text(**members: Any) -> bytes:
    return json.dumps(members).encode()


def observation(**members: Any) -> bytes:
    return text(resourceType="Observation", id="o1", **members)


@pytest.mark.parametrize("decoder", [FULL, LEAN])
def test_values_have_their_types(decoder: Decoder) -> None:
    found = decoder.resource(
        b'{"resourceType":"Observation","id":"o1","code":{"coding":[{"system":"s","code":"c"}]},"subject":{"reference":"Patient/p1"},'
        b'"effectiveDateTime":"2025-01-10T10:00:00Z","valueQuantity":{"value":29.10,"unit":"x"},"component":[{"valueBoolean":true}]}'
    )
    assert found.fhir_type == "Observation"
    assert found.valueQuantity.value == Decimal("29.10")
    assert str(found.valueQuantity.value) == "29.10"
    assert found.effectiveDateTime == "2025-01-10T10:00:00Z"
    assert found.valueString is None
    assert found.component[0].fhir_type == "Observation.Component"
    assert found.component[0].valueBoolean is True
    assert found.subject.reference == "Patient/p1"


def test_absent_lists_are_empty_and_absent_elements_none() -> None:
    patient = FULL.resource(text(resourceType="Patient"))
    assert (patient.name, patient.birthDate, patient.contained) == ((), None, ())


def test_a_primitive_has_its_companion_beside_it() -> None:
    patient = FULL.resource(
        b'{"resourceType":"Patient","_birthDate":{"extension":[{"url":"u","valueCode":"unknown"}]},'
        b'"name":[{"given":["A",null],"_given":[null,{"id":"g"}]}]}'
    )
    assert patient._birthDate.extension[0].valueCode == "unknown"
    assert patient.name[0].given == ["A", None]
    assert patient.name[0]._given[1].id == "g"


def test_keywords_are_read_and_written() -> None:
    encounter = FULL.resource(b'{"resourceType":"Encounter","status":"finished","class":{"code":"AMB"}}')
    assert encounter.class_.code == "AMB"
    assert json.loads(to_json(encounter))["class"] == {"code": "AMB"}


def test_a_lean_struct_has_only_what_is_read_and_what_the_engine_needs() -> None:
    condition = LEAN.resource(
        text(
            resourceType="Condition",
            id="c",
            subject={"reference": "Patient/p"},
            note=[{"text": "x"}],
            onsetDateTime="2025",
            meta={"versionId": "2"},
        )
    )
    fields = set(condition.__struct_fields__)
    assert {"id", "meta", "subject", "code", "onsetDateTime", "onsetPeriod"} <= fields
    assert "note" not in fields
    procedure = LEAN.resource(text(resourceType="Procedure", id="p", status="completed"))
    assert set(procedure.__struct_fields__) == {"id", "meta", "subject"}


@pytest.mark.parametrize("decoder", [FULL, LEAN])
@pytest.mark.parametrize(
    ("body", "path", "reason"),
    [
        (observation(code="text"), "Observation.code", "Expected `object | null`, got `str`"),
        (observation(valueQuantity={"value": "NaN"}), "Observation.valueQuantity", "at most 28 digits"),
        (
            b'{"resourceType":"Observation","id":"o1","valueQuantity":{"value":1e400}}',
            "Observation.valueQuantity",
            "28 digits",
        ),
        (observation(valueQuantity={"value": True}), "Observation.valueQuantity.value", "got `bool`"),
        (observation(effectiveDateTime="not a date"), "Observation.effectiveDateTime", ""),
        (observation(effectiveDateTime="2025-13-01"), "Observation.effectiveDateTime", ""),
        (observation(effectiveDateTime="2025-02-30"), "Observation.effectiveDateTime", ""),
        (observation(effectiveDateTime="2025-02-03T25:00:00Z"), "Observation.effectiveDateTime", ""),
        (observation(effectivePeriod={"start": "soon"}), "Observation.effectivePeriod.start", "regex"),
        (observation(component={"valueInteger": 1}), "Observation.component", "got `object`"),
        (text(resourceType="Patient", id="o1", multipleBirthInteger=2**40), "Patient.multipleBirthInteger", "Expected"),
    ],
)
def test_what_does_not_fit_is_set_aside_with_its_place(decoder: Decoder, body: bytes, path: str, reason: str) -> None:
    decoded = decoder.collect(body)
    assert decoded.resources == ()
    [bad] = decoded.set_aside
    assert (bad.id, bad.path) == ("o1", path)
    assert reason in bad.reason
    for secret in ("text", "NaN", "not a date", "soon"):
        assert secret not in bad.reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[]", "is no JSON object"),
        (b'"text"', "is no JSON object"),
        (b"{", "is no JSON object"),
        (b"{}", "is missing or no text"),
        (b'{"resourceType":7}', "is missing or no text"),
        (b'{"resourceType":"SubscriptionTopic"}', "is no resource type of FHIR R4"),
        (b'{"resourceType":"Element"}', "is no resource type of FHIR R4"),
    ],
)
def test_what_is_no_resource_is_set_aside(body: bytes, reason: str) -> None:
    [bad] = FULL.collect(body).set_aside
    assert bad.reason == reason
    with pytest.raises(UnreadableResource):
        FULL.resource(body)


@pytest.mark.parametrize("decoder", [FULL, LEAN])
def test_a_bundle_gives_the_good_ones_and_names_the_bad(decoder: Decoder) -> None:
    entries = [
        {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "p1"}},
        {"fullUrl": "urn:uuid:2", "resource": {"resourceType": "Observation", "id": "bad", "status": 5, "code": []}},
        {"resource": {"resourceType": "Observation", "id": "good"}},
        {"fullUrl": "urn:uuid:4"},
    ]
    links = [{"relation": "self", "url": "a"}, {"relation": "next", "url": "b"}]
    decoded = decoder.collect(text(resourceType="Bundle", type="searchset", link=links, entry=entries))
    assert [resource.id for resource in decoded.resources] == ["p1", "good"]  # type: ignore[attr-defined]
    assert [bad.id for bad in decoded.set_aside] == ["bad"]
    assert decoded.next_link == "b"
    assert decoded.bundle_type == "searchset"
    assert [entry.fullUrl for entry in decoded.entries if entry.fullUrl] == ["urn:uuid:1"]


@pytest.mark.parametrize("bad", [False, True])
def test_an_outcome_among_the_entries_is_noticed(bad: bool) -> None:
    entries: list[Any] = [{"resource": {"resourceType": "OperationOutcome"}}]
    entries += [{"resource": {"resourceType": "Patient", "active": 7}}] if bad else []
    assert FULL.collect(text(resourceType="Bundle", entry=entries)).has_outcome


def test_deep_nesting_is_refused_or_set_aside() -> None:
    body = b'{"resourceType":"Patient","extension":' + b'[{"extension":' * 100_000 + b"[]" + b"}]" * 100_000 + b"}"
    assert FULL.collect(body).set_aside
    with pytest.raises(TooDeep):
        FULL.collect(body, limits=Limits())


def test_decimals_keep_their_digits_on_the_way_out() -> None:
    body = b'{"resourceType":"Observation","id":"o","valueQuantity":{"value":1.10}}'
    found = FULL.resource(body)
    assert to_json(found) == body
    assert to_builtins(found) == {"resourceType": "Observation", "id": "o", "valueQuantity": {"value": Decimal("1.10")}}


def test_new_elements_can_be_made() -> None:
    coding = full().new("Coding", system="s", code="c")
    request = full().new("ServiceRequest", status="draft", code=full().new("CodeableConcept", coding=[coding]))
    assert to_builtins(request) == {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "code": {"coding": [{"system": "s", "code": "c"}]},
    }


def published() -> Iterator[Path]:
    folder = conformance_folder()
    if folder is not None:
        yield from sorted((folder / "fhirpath" / "input-json").glob("*.json"))
        yield from sorted((folder / "plandefinition").glob("*/data.json"))


@pytest.mark.parametrize("file", list(published()), ids=lambda file: f"{file.parent.name}/{file.name}")
def test_published_resources_survive_reading_and_writing(file: Path) -> None:
    body = file.read_bytes()
    decoded = FULL.resource(body)
    expected = json.loads(body, parse_float=Decimal)
    assert json.loads(to_json(decoded), parse_float=Decimal) == without_comments(expected)


def without_comments(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_comments(inner) for name, inner in value.items() if name != "fhir_comments"}
    return [without_comments(inner) for inner in value] if isinstance(value, list) else value


DATES = st.one_of(
    st.from_regex(
        r"[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-6][0-9](Z|[+-][01][0-9]:[0-9]{2}))?)?)?", fullmatch=True
    ),
    st.datetimes().map(lambda moment: moment.isoformat(timespec="seconds") + "Z"),
    st.datetimes().map(lambda moment: moment.isoformat(timespec="milliseconds") + "+01:00"),
    st.dates().map(str),
    st.sampled_from(["20240101", "2024-W01-1", "2024+01+01", "2024-01-01 10:00:00Z", "2024-01-01\n2024-01-01"]),
    st.sampled_from([f"2024-01-01{clock}" for clock in ("t10:00:00Z", "T10:00:00z", "T10:00:00+0100", "T10:00:00.1")]),
)


@given(st.lists(DATES, min_size=1, max_size=4))
def test_what_passes_as_plain_dates_is_some(texts: list[str]) -> None:
    made = LEAN.structs.struct_for("Observation")
    resources = [made(effectiveDateTime=each) for each in texts]
    if are_plain_dates([resources]):
        assert [malformed_date(resource) for resource in resources] == [None] * len(resources)
        assert with_malformed_dates(resources) == []
