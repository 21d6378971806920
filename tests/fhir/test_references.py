"""References and canonical URLs."""

from __future__ import annotations

import pytest

from cds_service.fhir.canonicals import Canonical, parse_canonical
from cds_service.fhir.references import Reference, names_patient, parse_reference


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Patient/p1", Reference("Patient", "p1")),
        ("Patient/p1/_history/3", Reference("Patient", "p1", "3")),
        ("http://a.example/fhir/Patient/p1", Reference("Patient", "p1", base="http://a.example/fhir")),
        (
            "https://a.example/r4/x/Observation/o.1-2/_history/9",
            Reference("Observation", "o.1-2", "9", "https://a.example/r4/x"),
        ),
        ("#med", Reference(fragment="med")),
        ("#", Reference(fragment="")),
        ("urn:uuid:6a1c", Reference(url="urn:uuid:6a1c")),
        ("http://a.example/thing", Reference(url="http://a.example/thing")),
        ("Patient", Reference(url="Patient")),
    ],
)
def test_references(text: str, expected: Reference) -> None:
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Patient/p1", True),
        ("Patient/p2", False),
        ("http://a.example/fhir/Patient/p1", True),
        ("Patient/p1/_history/2", True),
        ("Group/p1", None),
        ("urn:uuid:1", None),
        (None, None),
    ],
)
def test_whether_a_reference_names_the_patient(text: str | None, expected: bool | None) -> None:
    assert names_patient(text, "p1") is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://a.example/ValueSet/x", Canonical("http://a.example/ValueSet/x")),
        ("http://a.example/ValueSet/x|1.0", Canonical("http://a.example/ValueSet/x", "1.0")),
        ("http://a.example/Q|2#part", Canonical("http://a.example/Q", "2", "part")),
    ],
)
def test_canonicals(text: str, expected: Canonical) -> None:
    canonical = parse_canonical(text)
    assert canonical == expected
    assert str(canonical) == text


def test_the_tail_of_a_canonical_is_its_last_part() -> None:
    assert parse_canonical("http://a.example/fhir/ValueSet/x|1").tail == "x"
