"""Where terminology comes from: folders, packages, a site's own codes, licensed parts that may be missing, a server."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from cds_service.errors import ErrorGroup
from cds_service.terminology.artifacts import Artifact
from cds_service.terminology.failures import TerminologyServerFailed, UnknownValueSet, UnreadableArtifact
from cds_service.terminology.loading import load_terminology
from cds_service.terminology.remote import RemoteValueSets, http_get
from tests.terminology.artifacts import (
    CONTENT,
    CPT,
    ICD,
    LOINC,
    OURS,
    SCT,
    SITE,
    concept_map,
    filtered,
    given,
    listed,
    value_set,
)

LOCAL = f"{SITE}/CodeSystem/lab"


def write(folder: Path, *resources: dict[str, Any]) -> Path:
    for number, resource in enumerate(resources):
        (folder / f"{number}.json").write_text(json.dumps(resource))
    return folder


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.json").write_text('{"resourceType": "ValueSet"}')
    with pytest.raises(ErrorGroup) as caught:
        load_terminology([tmp_path, tmp_path / "gone"])
    assert len(caught.value.errors) == 3
    assert "a.json is no JSON" in str(caught.value)
    assert "b.json: the ValueSet has no url" in str(caught.value)


def test_the_service_runs_without_the_licensed_parts_and_says_so(tmp_path: Path) -> None:
    free = tmp_path / "terminology"
    shutil.copytree(CONTENT, free, ignore=shutil.ignore_patterns("licensed"))
    terminology = load_terminology([free])
    orders = terminology.membership(f"{OURS}/ValueSet/order-mri-spine")
    assert orders.contains(LOINC, "30679-5")
    assert not orders.contains(CPT, "72148")
    assert any(CPT in note and "licensed/cpt is not installed" in note for note in orders.notes)
    assert terminology.translate(CPT, "72148", f"{OURS}/CodeSystem/vcf-procedures") == ()
    for artifact in terminology.value_sets():
        terminology.membership(artifact.url)  # none depends on what is missing


def test_no_licensed_code_lies_outside_its_folder() -> None:
    for file in CONTENT.rglob("*.json"):
        if "licensed" not in file.parts:
            text = file.read_text()
            assert '"system": "http://www.ama-assn.org/go/cpt", "concept"' not in " ".join(text.split()), file
            assert '"source": "http://www.ama-assn.org/go/cpt"' not in text, file


def test_local_codes_stand_for_ours_through_a_sites_map(tmp_path: Path) -> None:
    site = write(
        tmp_path,
        concept_map("lab", LOCAL, LOINC, {"INR1": [("6301-6", "equivalent")], "INRX": [("6301-6", "narrower")]}),
        concept_map("orders", f"{SITE}/CodeSystem/orders", LOINC, {"MRL": [("30679-5", "equal")]}),
        value_set(
            "extra",
            listed(LOCAL, "PLT9"),
            extension=[
                {"url": f"{OURS}/StructureDefinition/adds-to", "valueCanonical": f"{OURS}/ValueSet/lab-platelets"}
            ],
        ),
    )
    terminology = load_terminology([CONTENT], site=[site])
    inr = terminology.membership(f"{OURS}/ValueSet/lab-inr")
    assert inr.contains(LOCAL, "INR1")
    assert not inr.contains(LOCAL, "INRX")  # narrower: the local code says more than INR
    assert terminology.membership(f"{OURS}/ValueSet/lab-platelets").contains(LOCAL, "PLT9")
    (match,) = terminology.translate(f"{SITE}/CodeSystem/orders", "MRL", f"{OURS}/CodeSystem/vcf-procedures")
    assert (match.code, match.equivalence) == ("mri-spine-wo", "equivalent")
    assert match.via == (LOINC, "30679-5")


def test_a_site_rebases_our_names() -> None:
    terminology = load_terminology([CONTENT], base="https://cds.hospital.example/r4")
    assert terminology.membership("https://cds.hospital.example/r4/ValueSet/lab-inr").contains(LOINC, "6301-6")
    assert terminology.lookup("https://cds.hospital.example/r4/CodeSystem/vcf-facts", "inr") is not None


def test_a_fhir_package_is_read(tmp_path: Path) -> None:
    package = tmp_path / "guide.tgz"
    with tarfile.open(package, "w:gz") as archive:
        for name, resource in (
            ("package/ValueSet-a.json", value_set("a", listed(LOINC, "1-8"))),
            ("package/example/ValueSet-b.json", value_set("b", listed(LOINC, "2"))),
            ("package/package.json", {"name": "guide"}),
            ("package/StructureDefinition-x.json", {"resourceType": "StructureDefinition"}),
        ):
            body = json.dumps(resource).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    terminology = load_terminology([], site=[package])
    assert [one.url for one in terminology.value_sets()] == [f"{SITE}/ValueSet/a"]
    package.write_bytes(package.read_bytes()[:100])
    with pytest.raises(ErrorGroup, match="no readable FHIR package"):
        load_terminology([], site=[package])


def test_a_snomed_release_file_gives_the_hierarchy(tmp_path: Path) -> None:
    columns = "id\teffectiveTime\tactive\tmoduleId\tsourceId\tdestinationId\trelationshipGroup\ttypeId\tc\tm"
    rows = [
        columns,
        "1\t20240101\t1\t0\t1002\t1001\t0\t116680003\t0\t0",
        "2\t20240101\t0\t0\t1003\t1001\t0\t116680003\t0\t0",  # inactive
        "3\t20240101\t1\t0\t1004\t1001\t0\t363698007\t0\t0",  # not is-a
        "4\t20240101\t1\t0\t1005\t1002\t0\t116680003\t0\t0",
    ]
    (tmp_path / "sct2_Relationship_Snapshot_INT_20240101.txt").write_text("\n".join(rows))
    write(tmp_path, value_set("asked", filtered(SCT, "is-a", "1001")))
    terminology = load_terminology([], site=[tmp_path])
    found = terminology.membership(f"{SITE}/ValueSet/asked")
    assert {code for _, code in found.codes()} == {"1001", "1002", "1005"}
    assert found.notes == ()
    assert terminology.subsumes(SCT, "1001", "1005") == "subsumes"


def test_of_two_with_one_name_the_later_counts_and_the_newer_answers() -> None:
    old = value_set("asked", listed(LOINC, "1"), version="1.9")
    new = value_set("asked", listed(LOINC, "2"), version="1.10")
    again = value_set("asked", listed(LOINC, "3"), version="1.10")
    terminology = given(old, new, again)
    assert terminology.membership(f"{SITE}/ValueSet/asked").codes() == {(LOINC, "3")}
    assert terminology.membership(f"{SITE}/ValueSet/asked|1.9").codes() == {(LOINC, "1")}


def test_a_server_is_asked_once_and_then_the_disk(tmp_path: Path) -> None:
    asked: list[str] = []

    def get(url: str) -> bytes | None:
        asked.append(url)
        if "gone" in url:
            return None
        return json.dumps(
            {"resourceType": "ValueSet", "expansion": {"contains": [{"system": LOINC, "code": "6301-6"}]}}
        ).encode()

    for _ in range(2):
        fetch = RemoteValueSets("https://tx.example/r4/", tmp_path / "cache", get)
        terminology = load_terminology([], fetch=fetch)
        assert terminology.membership(f"{SITE}/ValueSet/far").contains(LOINC, "6301-6")
        with pytest.raises(UnknownValueSet, match="is not in the terminology"):
            terminology.membership(f"{SITE}/ValueSet/gone")
    far = [url for url in asked if "far" in url]
    assert far == ["https://tx.example/r4/ValueSet/$expand?url=https%3A%2F%2Fhospital.example%2Ffhir%2FValueSet%2Ffar"]


def test_a_part_of_an_answer_is_no_answer(tmp_path: Path) -> None:
    body = json.dumps(
        {
            "resourceType": "ValueSet",
            "expansion": {"total": 500, "offset": 0, "contains": [{"system": LOINC, "code": "1"}]},
        }
    ).encode()
    fetch = RemoteValueSets("https://tx.example", tmp_path, lambda _: body)
    with pytest.raises(UnreadableArtifact, match="1 of 500"):
        fetch(f"{SITE}/ValueSet/far", None)
    assert not list(tmp_path.iterdir())


@responses.activate
def test_a_terminology_server_over_http() -> None:
    base = "https://tx.example/ValueSet/$expand"
    responses.get(base, json={"resourceType": "ValueSet", "expansion": {"contains": []}})
    responses.get(base, status=404)
    responses.get(base, status=500)
    responses.get(base, body=requests.ConnectionError("no route"))
    responses.get(base, body="<html>")
    fetch = RemoteValueSets("https://tx.example", None, http_get(1.0))
    found = fetch("urn:a", None)
    assert found is not None
    assert found.url == "urn:a"
    assert fetch("urn:a", "2") is None
    for what in ("status 500", "could not be read"):
        with pytest.raises(TerminologyServerFailed, match=what):
            fetch("urn:a", None)
    with pytest.raises(UnreadableArtifact, match="no JSON"):
        fetch("urn:a", None)


def test_resources_given_with_a_plan_join_a_copy() -> None:
    first = given(value_set("a", listed(ICD, "M54.5")))
    second = first.with_resources([value_set("b", listed(ICD, "M54.6")), {"resourceType": "Library"}])
    assert second.membership(f"{SITE}/ValueSet/b").contains(ICD, "M54.6")
    assert not first.knows_value_set(f"{SITE}/ValueSet/b")
    assert all(isinstance(one, Artifact) for one in second.artifacts())
