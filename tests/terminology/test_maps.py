"""Concept maps: orders to procedures, codes to levels, ratings to PAMA; versions of equivalence; the way back."""

from __future__ import annotations

import pytest

from tests.terminology.artifacts import CPT, ICD, LOINC, OURS, SCT, SITE, concept_map, given, own

PROCEDURES = f"{OURS}/CodeSystem/vcf-procedures"
LEVELS = f"{OURS}/CodeSystem/vertebral-level"
REGIONS = f"{OURS}/CodeSystem/spine-region"
PAMA = "http://fhir.org/argonaut/CodeSystem/pama-rating"


@pytest.mark.parametrize(
    ("system", "code", "target", "expected"),
    [
        (CPT, "72148", PROCEDURES, [("mri-spine-wo", "equivalent")]),
        (LOINC, "30679-5", PROCEDURES, [("mri-spine-wo", "equivalent")]),
        (SCT, "41333006", PROCEDURES, [("mri-spine-w", "inexact")]),
        (LOINC, "24968-0", PROCEDURES, [(f"mri-spine-{x}", "narrower") for x in ("wo", "w", "wwo")]),
        (CPT, "22511", PROCEDURES, [("vertebroplasty", "equivalent"), ("vertebral-augmentation", "wider")]),
        (CPT, "0200T", PROCEDURES, [("sacroplasty", "equivalent"), ("vertebral-augmentation", "wider")]),
        (CPT, "78300", PROCEDURES, [(None, "unmatched")]),
        (CPT, "99213", PROCEDURES, []),
        (ICD, "S32.010A", LEVELS, [("L1", "relatedto")]),
        (ICD, "S22080D", LEVELS, [("T11", "narrower"), ("T12", "narrower")]),
        (ICD, "M80.08XA", LEVELS, []),  # carries no level
        (SCT, "66794005", LEVELS, [("L1", "equivalent")]),
        (ICD, "M48.56XA", REGIONS, [("lumbar", "relatedto")]),
        (ICD, "M48.55XA", REGIONS, [("thoracic", "narrower"), ("lumbar", "narrower")]),
        (LEVELS, "T12", REGIONS, [("thoracic", "wider")]),
        (f"{OURS}/CodeSystem/appropriateness", "may-be-appropriate", PAMA, [("appropriate", "wider")]),
        (f"{OURS}/CodeSystem/decision-status", "not-rated", PAMA, [("no-criteria-apply", "wider")]),
        (f"{OURS}/CodeSystem/decision-status", "ask", PAMA, [(None, "unmatched")]),
    ],
)
def test_our_maps(system: str, code: str, target: str, expected: list[tuple[str | None, str]]) -> None:
    assert [(one.code, one.equivalence) for one in own().translate(system, code, target)] == expected


def test_checks_name_what_else_has_to_hold() -> None:
    (match,) = own().translate(SCT, "41333006", PROCEDURES)
    assert match.checks == ("contrast-phase-not-exclusive",)
    (match,) = own().translate(CPT, "72195", PROCEDURES)
    assert match.checks == ("site-sacrum",)


def test_the_way_back() -> None:
    found = own().translate_back(PROCEDURES, "vertebral-augmentation", CPT)
    assert ("22511", "narrower") in [(one.code, one.equivalence) for one in found]
    assert ("22513", "equivalent") in [(one.code, one.equivalence) for one in found]


def test_relationships_of_later_versions_are_understood() -> None:
    resource = concept_map("r5", "urn:a", "urn:b", {"1": [("2", "")]})
    resource["group"][0]["element"][0]["target"] = [{"code": "2", "relationship": "source-is-narrower-than-target"}]
    assert given(resource).translate("urn:a", "1")[0].equivalence == "wider"


def test_what_a_map_says_of_codes_without_a_row() -> None:
    fixed = concept_map("fixed", "urn:a", "urn:b", {"1": [("2", "equal")]})
    fixed["group"][0]["unmapped"] = {"mode": "fixed", "code": "other"}
    provided = concept_map("provided", "urn:a", "urn:c", {})
    provided["group"][0]["unmapped"] = {"mode": "provided"}
    terminology = given(fixed, provided)
    assert [one.code for one in terminology.translate("urn:a", "9", "urn:b")] == ["other"]
    assert [one.code for one in terminology.translate("urn:a", "9", "urn:c")] == ["9"]


def test_one_map_may_be_asked_for() -> None:
    a = concept_map("a", "urn:a", "urn:b", {"1": [("x", "equal")]})
    b = concept_map("b", "urn:a", "urn:b", {"1": [("y", "equal")]})
    terminology = given(a, b)
    assert {one.code for one in terminology.translate("urn:a", "1", "urn:b")} == {"x", "y"}
    assert [one.code for one in terminology.translate("urn:a", "1", url=f"{SITE}/ConceptMap/b")] == ["y"]
