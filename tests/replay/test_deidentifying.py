"""What is left of a call when names are taken out: the medicine, the intervals, the links; nothing that names."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import full
from cds_service.hooks.contexts import Context
from cds_service.hooks.requests import HookRequest
from cds_service.replay.deidentifying import Deidentifier
from cds_service.replay.failures import BrokenItem
from cds_service.replay.recording import Recorder

SECRETS = [
    "Ottilie", "Musterfrau", "Hauptstrasse", "555-0199", "MRN-778899", "pat-secret", "enc-secret", "obs-secret",
    "ehr.secret.example", "tok-secret", "Dr. Secret", "phoned her son", "1948-05-02", "2025-06-08", "photo-data",
    "her words", "cond-secret", "drug-secret", "2025-06-15", "mrn.example", "9.8.7.6", "tag-secret", "element-secret",
]  # fmt: skip
PATIENT = {
    "resourceType": "Patient",
    "id": "pat-secret",
    "identifier": [{"system": "https://mrn.example", "value": "MRN-778899"}],
    "text": {"status": "generated", "div": "<div>Ottilie Musterfrau</div>"},
    "name": [{"family": "Musterfrau", "given": ["Ottilie"]}],
    "telecom": [{"system": "phone", "value": "555-0199"}],
    "address": [{"line": ["Hauptstrasse 1"]}],
    "contact": [{"name": {"family": "Musterfrau"}}],
    "photo": [{"data": "photo-data"}],
    "gender": "female",
    "birthDate": "1948-05-02",
    "_birthDate": {"extension": [{"url": "http://a.example/birthTime", "valueDateTime": "1948-05-02T10:00:00Z"}]},
    "extension": [
        {"url": "http://a.example/x", "valueString": "Ottilie"},
        {"url": "http://a.example/y", "valueCode": "F"},
        {"id": "element-secret", "url": "http://a.example/u", "valueUri": "https://ehr.secret.example/pat-secret"},
        {"url": "http://a.example/o", "valueOid": "urn:oid:9.8.7.6"},
        {"url": "http://a.example/i", "valueId": "pat-secret"},
    ],
    "maidenName": "Musterfrau",
    "meta": {"source": "https://ehr.secret.example", "versionId": "2025-06-15", "tag": [{"code": "tag-secret"}]},
    "implicitRules": "https://ehr.secret.example/rules",
}
OBSERVATION = {
    "resourceType": "Observation",
    "id": "obs-secret",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "6301-6", "display": "INR"}], "text": "her words"},
    "subject": {"reference": "Patient/pat-secret", "display": "Ottilie"},
    "encounter": {"reference": "https://ehr.secret.example/fhir/Encounter/enc-secret"},
    "effectiveDateTime": "2025-06-08T10:30:00+02:00",
    "valueQuantity": {"value": 1.10, "unit": "INR", "system": "http://unitsofmeasure.org", "code": "{INR}"},
    "note": [{"text": "phoned her son", "time": "2025-06-08"}],
    "performer": [{"reference": "Practitioner/9", "display": "Dr. Secret"}],
    "contained": [{"resourceType": "Medication", "id": "drug-secret", "code": {"coding": [{"code": "1"}]}}],
    "extension": [{"url": "http://a.example/z", "valueReference": {"reference": "#drug-secret"}}],
}
STUDY = {
    "resourceType": "ImagingStudy",
    "id": "study-1",
    "status": "available",
    "subject": {"reference": "Patient/pat-secret", "type": "Patient"},
    "series": [{"uid": "1.9.8.7.6", "modality": {"code": "MR"}}],
}
CONDITION = {
    "resourceType": "Condition",
    "id": "cond-secret",
    "subject": {"reference": "Patient/pat-secret"},
    "onsetDateTime": "2025-06",
    "recordedDate": "2025-06-15",
    "evidence": [{"detail": [{"reference": "Observation/obs-secret"}]}],
}
REQUEST = {
    "hook": "patient-view",
    "hookInstance": "0f6f2c0e-5d0c-4a5e-9a5c-3b1d4c1f7a10",
    "fhirServer": "https://ehr.secret.example/fhir",
    "fhirAuthorization": {"access_token": "tok-secret"},
    "context": {"userId": "Practitioner/9", "patientId": "pat-secret", "encounterId": "enc-secret", "room": "Ottilie"},
    "prefetch": {
        "patient": PATIENT,
        "labs": {
            "resourceType": "Bundle",
            "type": "searchset",
            "link": [{"relation": "self", "url": "https://ehr.secret.example/fhir/Observation?patient=pat-secret"}],
            "entry": [
                {"fullUrl": "https://ehr.secret.example/fhir/Observation/obs-secret", "resource": OBSERVATION},
                {"request": {"method": "GET", "url": "Patient/pat-secret"}, "resource": STUDY},
            ],
        },
        "conditions": {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": CONDITION}]},
        "none": None,
        "unreadable": {"resourceType": "Nonsense", "id": "pat-secret"},
    },
    "extension": {"example.cds-service.asOf": "2025-06-15T09:00:00Z", "note": "Ottilie"},
}
TOOL = Deidentifier(b"key")


def cleaned(value: Any, tool: Deidentifier = TOOL) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(tool.item(json.dumps(value).encode()))
    return found


def test_nothing_that_names_a_person_is_left() -> None:
    text = TOOL.item(json.dumps(REQUEST).encode()).decode()
    assert [secret for secret in SECRETS if secret in text] == []


def test_the_medicine_is_left() -> None:
    found = cleaned(REQUEST)
    patient = found["prefetch"]["patient"]
    lab = found["prefetch"]["labs"]["entry"][0]["resource"]
    assert (patient["gender"], lab["status"]) == ("female", "final")
    assert lab["code"] == {"coding": [{"system": "http://loinc.org", "code": "6301-6", "display": "INR"}]}
    assert lab["valueQuantity"] == OBSERVATION["valueQuantity"]
    assert found["prefetch"]["none"] is None
    assert "unreadable" not in found["prefetch"]  # null would say that there is none
    assert found["prefetch"]["labs"]["entry"][1]["resource"]["subject"]["type"] == "Patient"
    assert "fhirServer" not in found


def test_links_still_hold() -> None:
    found = cleaned(REQUEST)
    patient, lab = found["prefetch"]["patient"], found["prefetch"]["labs"]["entry"][0]["resource"]
    condition = found["prefetch"]["conditions"]["entry"][0]["resource"]
    assert found["context"]["patientId"] == patient["id"]
    assert lab["subject"] == {"reference": f"Patient/{patient['id']}"}
    assert lab["encounter"]["reference"] == f"Encounter/{found['context']['encounterId']}"
    assert condition["evidence"][0]["detail"][0]["reference"] == f"Observation/{lab['id']}"
    assert lab["extension"][0]["valueReference"]["reference"] == f"#{lab['contained'][0]['id']}"
    assert found["context"]["userId"] == lab["performer"][0]["reference"]


def test_intervals_weekdays_and_times_of_day_stay() -> None:
    found = cleaned(REQUEST)
    born = date.fromisoformat(found["prefetch"]["patient"]["birthDate"])
    lab = datetime.fromisoformat(found["prefetch"]["labs"]["entry"][0]["resource"]["effectiveDateTime"])
    as_of = datetime.fromisoformat(found["extension"]["example.cds-service.asOf"])
    assert as_of - lab == datetime(2025, 6, 15, 9, tzinfo=UTC) - datetime.fromisoformat("2025-06-08T10:30:00+02:00")
    assert lab.date() - born == date(2025, 6, 8) - date(1948, 5, 2)
    assert (lab.weekday(), lab.strftime("%H:%M%z")) == (6, "10:30+0200")


def test_the_result_is_still_fhir() -> None:
    found = cleaned(REQUEST)["prefetch"]
    for value in (found["patient"], found["labs"], found["conditions"]):
        assert Decoder(full()).collect(json.dumps(value).encode()).set_aside == ()


def test_another_key_gives_other_replacements_and_the_same_key_the_same() -> None:
    assert cleaned(REQUEST) == cleaned(REQUEST, Deidentifier(b"key"))
    other = cleaned(REQUEST, Deidentifier(b"other"))
    assert other["context"]["patientId"] != cleaned(REQUEST)["context"]["patientId"]


def test_all_forms_of_items_are_read_alike() -> None:
    recording = {"service": "s", "asOf": "2025-06-15T09:00:00Z", "request": REQUEST, "response": "Ottilie"}
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": OBSERVATION}, {"resource": PATIENT}],
    }
    expected = cleaned(REQUEST)
    assert cleaned(recording)["request"] == expected
    assert cleaned(recording)["asOf"] == expected["extension"]["example.cds-service.asOf"]
    assert cleaned(bundle)["entry"][1]["resource"] == expected["prefetch"]["patient"]
    assert cleaned(OBSERVATION) == expected["prefetch"]["labs"]["entry"][0]["resource"]


def test_what_is_expected_names_nobody_either() -> None:
    card = {"indicator": "warning", "summary_contains": "Ottilie"}
    expect = {"order": "ServiceRequest/o-secret", "absolute": ["ABS-B1"], "cards": [card]}
    found = cleaned({"request": REQUEST, "expect": [expect]})["expect"][0]
    assert found["order"].startswith("ServiceRequest/serv-")
    assert (found["absolute"], found["cards"]) == (["ABS-B1"], [{"indicator": "warning"}])


def test_text_is_kept_where_that_is_asked_for() -> None:
    found = cleaned(OBSERVATION, Deidentifier(b"key", keep_text=True))
    assert found["code"]["text"] == "her words"
    assert "Ottilie" not in json.dumps(found)


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{", b"[" * 100_000])
def test_what_is_no_item_is_refused(body: bytes) -> None:
    with pytest.raises(BrokenItem):
        TOOL.item(body)


@given(st.dates(date(1900, 1, 1), date(2030, 1, 1)), st.dates(date(1900, 1, 1), date(2030, 1, 1)))
def test_any_two_dates_stay_as_far_apart(one: date, other: date) -> None:
    found = cleaned({**CONDITION, "onsetDateTime": one.isoformat(), "recordedDate": other.isoformat()})
    assert date.fromisoformat(found["recordedDate"]) - date.fromisoformat(found["onsetDateTime"]) == other - one


def test_a_share_of_the_calls_is_recorded(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "calls", 0.5, b"key")
    moment = datetime(2025, 6, 15, 9, tzinfo=UTC)
    for number in range(60):
        recorder.record("vcf", f"call-{number}", json.dumps(REQUEST).encode(), moment)
    recorder.close()
    lines = [line for file in (tmp_path / "calls").iterdir() for line in file.read_text().splitlines()]
    assert len(lines) == sum(recorder.wants(f"call-{number}") for number in range(60))
    assert 15 < len(lines) < 45
    assert json.loads(lines[0])["service"] == "vcf"
    assert not any(secret in line for secret in SECRETS for line in lines)


def test_nothing_is_recorded_unless_it_is_asked_for(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "calls", 0.0, b"key")
    recorder.record("vcf", "call", json.dumps(REQUEST).encode(), datetime.now(UTC))
    recorder.close()
    assert not (tmp_path / "calls").exists()


def test_a_call_that_was_answered_is_recorded(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, 1.0, b"key")
    body = json.dumps(REQUEST).encode()
    moment = datetime(2025, 6, 15, 9, tzinfo=UTC)
    context = Context(patient_id="pat-secret")
    recorder.record_call("vcf", HookRequest("patient-view", "1", context, moment, "call"), body)
    recorder.close()
    [file] = tmp_path.iterdir()
    [line] = file.read_text().splitlines()
    assert json.loads(line)["request"] == cleaned(REQUEST)
    assert "20250615" not in file.name  # the day would tell by how much the dates inside were moved
