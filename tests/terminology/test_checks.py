"""The checks of content: our own content holds, each kind of mistake is found; authorities where they can be had."""

from __future__ import annotations

import json
import os
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests

from cds_service.terminology.authorities import installed_authorities
from cds_service.terminology.check_digits import is_loinc_code, is_snomed_id
from cds_service.terminology.checks import Authority, check_terminology
from tests.terminology.artifacts import (
    ICD,
    LOINC,
    OURS,
    SCT,
    SITE,
    code_system,
    concept_map,
    given,
    imported,
    listed,
    own,
    value_set,
)

SAID = {"title": "T", "date": "2026-11-20", "description": "D", "purpose": "P"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("94222008", True),
        ("388321000119101", True),
        ("447766008", False),  # circulates in public code as a vertebroplasty
        ("94222009", False),
        ("042220081", False),
        ("12345", False),
        ("9422200X", False),
    ],
)
def test_snomed_check_digits(code: str, expected: bool) -> None:
    assert is_snomed_id(code) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [("6301-6", True), ("777-3", True), ("24531-6", True), ("6301-7", False), ("63016", False), ("LA33-6", True)],
)
def test_loinc_check_digits(code: str, expected: bool) -> None:
    assert is_loinc_code(code) is expected


def test_our_own_content_holds() -> None:
    assert [str(remark) for remark in check_terminology(own())] == []


def wrong(*resources: dict[str, Any]) -> list[str]:
    return [remark.what for remark in check_terminology(given(*({**one, **SAID} for one in resources)))]


@pytest.mark.parametrize(
    ("resource", "what"),
    [
        (value_set("a", listed(SCT, "447766008")), "SNOMED CT 447766008 has a wrong check digit"),
        (value_set("a", listed(LOINC, "6301-7")), "LOINC 6301-7 has a wrong check digit"),
        (value_set("a", listed(ICD, "M8")), "M8 is not written as ICD-10-CM codes are"),
        (value_set("a", imported("gone")), "is not in the terminology"),
        (value_set("a", {"system": LOINC, "concept": []}), "has no members"),
        (concept_map("m", "urn:a", "urn:b", {"1": [("2", "same")]}), "has the equivalence 'same'"),
        (concept_map("m", "urn:a", "urn:b", {"1": [("2", "unmatched")]}), "unmatched goes with '2'"),
        (concept_map("m", "urn:a", "urn:b", {"1": [("2", "inexact")]}), "is inexact and says not why"),
    ],
)
def test_mistakes_are_found(resource: dict[str, Any], what: str) -> None:
    assert any(what in one for one in wrong(resource))


def test_names_and_codes_are_held_against_the_code_system() -> None:
    system = code_system("urn:colors", {"code": "r", "display": "Red"})
    named = value_set("a", {"system": "urn:colors", "concept": [{"code": "r", "display": "Blue"}, {"code": "x"}]})
    found = wrong(system, named, concept_map("m", "urn:a", "urn:colors", {"1": [("green", "equal")]}))
    assert "r is called 'Blue', not 'Red'" in found
    assert "x does not exist in urn:colors" in found
    assert "1 leads to 'green', which does not exist" in found


def test_sets_that_must_not_touch() -> None:
    apart: dict[str, Any] = {
        "extension": [{"url": f"{OURS}/StructureDefinition/disjoint-with", "valueCanonical": f"{SITE}/ValueSet/b"}]
    }
    family = {"system": ICD, "filter": [{"property": "concept", "op": "is-a", "value": "D68.5"}]}
    bleeding = {"system": ICD, "filter": [{"property": "concept", "op": "is-a", "value": "D68"}]}
    (found,) = wrong(value_set("a", family, **apart), value_set("b", bleeding))
    assert f"must not touch {SITE}/ValueSet/b, and both hold D68.5" in found


def test_what_a_set_does_not_say_of_itself() -> None:
    remarks = check_terminology(given(value_set("a", listed(LOINC, "6301-6"))))
    assert [(one.severity, one.what) for one in remarks] == [
        ("warning", "does not say its title, date, description, purpose")
    ]


def test_icd_10_cm_against_its_release() -> None:
    release = pytest.importorskip("simple_icd_10_cm")
    every = dict.fromkeys(release.get_all_codes(True))
    (installed,) = installed_authorities()
    assert (installed.system, installed.displays) == (ICD, every)
    remarks = check_terminology(own(), [Authority(ICD, "ICD-10-CM April 2026", every)])
    assert [str(remark) for remark in remarks] == []


PACKAGES = {"hl7.terminology.r4": "7.0.1", "hl7.fhir.r4.expansions": "4.0.1", "hl7.fhir.r5.expansions": "5.0.0"}


@cache
def package(name: str) -> Path:
    """A FHIR package from the npm registry, kept for later runs; skipped where the registry cannot be reached."""
    cache_folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cds-service-tests"
    file = cache_folder / f"{name}-{PACKAGES[name]}.tgz"
    if not file.exists():
        if os.environ.get("CDS_TEST_AUTHORITIES", "") != "fetch":
            pytest.skip(f"{name} is not in {cache_folder}; set CDS_TEST_AUTHORITIES=fetch to fetch it")
        url = f"https://registry.npmjs.org/{name}/-/{name}-{PACKAGES[name]}.tgz"
        answer = requests.get(url, timeout=60)
        answer.raise_for_status()
        cache_folder.mkdir(parents=True, exist_ok=True)
        file.write_bytes(answer.content)
    return file


def resources(name: str, *wanted: str) -> dict[str, Any]:
    with tarfile.open(package(name)) as archive:
        found = {}
        for entry in archive:
            short = entry.name.removeprefix("package/").removesuffix(".json")
            body = archive.extractfile(entry) if short in wanted else None
            if body is not None:
                found[short] = json.load(body)
        return found


def without_tag(name: str) -> str:
    """SNOMED CT names with and without the tag that says their kind."""
    return name.rpartition(" (")[0] if name.endswith(")") else name


def test_snomed_names_against_the_global_patient_set() -> None:
    gps = resources("hl7.terminology.r4", "ValueSet-snomed-intl-gps")["ValueSet-snomed-intl-gps"]
    names = {one["code"]: one["display"] for one in gps["compose"]["include"][0]["concept"]}
    differing, missing = [], []
    for artifact in own().value_sets():
        if "licensed" in artifact.origin:
            continue
        for part in artifact.resource.get("compose", {}).get("include", ()):
            for one in part.get("concept", ()) if part.get("system") == SCT else ():
                if one["code"] not in names:
                    missing.append((artifact.id, one["code"]))
                elif without_tag(names[one["code"]]).lower() != without_tag(one["display"]).lower():
                    differing.append((artifact.id, one["code"], one["display"], names[one["code"]]))
    assert missing == []  # what is not in the set lies in the licensed folder
    assert differing == []


def test_loinc_names_against_the_fhir_expansion() -> None:
    file = "ValueSet-c80-doc-typecodes"
    included = resources("hl7.fhir.r4.expansions", file)[file]["compose"]["include"]
    known = {one["code"] for part in included for one in part.get("concept", ()) if part["system"] == LOINC}
    ours = {
        one["code"]
        for artifact in own().value_sets()
        for part in artifact.resource.get("compose", {}).get("include", ())
        for one in (part.get("concept", ()) if part.get("system") == LOINC else ())
    }
    assert len(ours & known) >= 100  # names there are of an older release: presence is what it can confirm


def test_hl7_codes_against_the_fhir_packages() -> None:
    systems = {
        "http://terminology.hl7.org/CodeSystem/condition-ver-status": "CodeSystem-condition-ver-status",
        "http://terminology.hl7.org/CodeSystem/observation-category": "CodeSystem-observation-category",
        "http://terminology.hl7.org/CodeSystem/data-absent-reason": "CodeSystem-data-absent-reason",
        "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification": (
            "CodeSystem-allergyintolerance-verification"
        ),
    }
    found = resources("hl7.terminology.r4", *systems.values())
    authorities = [
        Authority(url, name, {one["code"]: one.get("display") for one in _flat(found[name]["concept"])})
        for url, name in systems.items()
        if name in found
    ]
    assert len(authorities) == len(systems)
    assert [str(remark) for remark in check_terminology(own(), authorities)] == []


def _flat(concepts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for concept in concepts for one in (concept, *_flat(concept.get("concept", [])))]
