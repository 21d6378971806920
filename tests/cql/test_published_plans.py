"""The libraries of published guidelines compile, and their definitions have the published values."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from cds_service.cql.compile import CompiledLibraries, Source, compile_libraries
from cds_service.cql.evaluation import Evaluation
from cds_service.facts.facts import facts_from_bundle
from cds_service.fhir.model.types import r4
from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import lean
from cds_service.terminology.loading import load_terminology
from cds_service.values.formatting import to_text
from tests.conformance.suites import suite_folder

FOLDER = suite_folder("plandefinition")


@dataclass(frozen=True, slots=True)
class Case:
    """The definitions of one plan for one subject."""

    folder: Path
    subject: str
    now: str | None
    parameters: Mapping[str, Any]
    expected: Mapping[str, Any]


def _manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "manifest.yaml").read_text(encoding="utf-8"))
    return found


def _cases() -> Iterator[Any]:
    for path in sorted(FOLDER.glob("*/manifest.yaml")) if FOLDER else ():
        manifest = _manifest(path.parent)
        for variant in ({"expected": manifest["expected"]}, *manifest.get("variants", ())):
            applied = {**manifest["apply"], **variant}
            expected = {name.strip('"'): value for name, value in variant["expected"].get("cql", {}).items()}
            if expected:
                case = Case(
                    path.parent, applied["subject"], applied.get("now"), applied.get("parameters") or {}, expected
                )
                yield pytest.param(case, id=f"{path.parent.name}/{applied['subject'].rpartition('/')[2]}")


def _resources(folder: Path) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in json.loads((folder / "content.json").read_text())["entry"]]


def _sources(folder: Path) -> list[Source]:
    return [
        Source(f"{library.get('name', library['id'])}.cql", base64.b64decode(content["data"]).decode())
        for library in _resources(folder)
        if library["resourceType"] == "Library"
        for content in library.get("content", ())
        if content["contentType"] == "text/cql"
    ]


def _primary(folder: Path) -> str:
    resources, manifest = _resources(folder), _manifest(folder)
    plan = next(r for r in resources if r.get("id") == manifest["apply"]["planDefinition"])
    wanted = plan["library"][0].partition("|")[0].rpartition("/")[2]
    return next(
        str(r["name"]) for r in resources if r["resourceType"] == "Library" and wanted in (r["id"], r.get("name"))
    )


@cache
def _compiled(folder: Path) -> CompiledLibraries:
    manifest, name = _manifest(folder), _primary(folder)
    expectations = [manifest["expected"], *(variant["expected"] for variant in manifest.get("variants", ()))]
    roots = {(name, define.strip('"')) for expected in expectations for define in expected.get("cql", ())}
    value_sets = [r for r in _resources(folder) if r["resourceType"] in ("ValueSet", "CodeSystem")]
    return compile_libraries(_sources(folder), r4(), load_terminology([], inline=value_sets), roots=sorted(roots))


@pytest.mark.parametrize(
    "folder", [pytest.param(path.parent, id=path.parent.name) for path in sorted(FOLDER.glob("*/manifest.yaml"))]
    if FOLDER else [],
)  # fmt: skip
def test_every_library_compiles_whole(folder: Path) -> None:
    compiled = compile_libraries(_sources(folder), r4())
    assert all(definition.type for library in compiled.libraries for definition in compiled.definitions(library))


@pytest.mark.parametrize("decoding", ["full", "lean"])
@pytest.mark.parametrize("case", list(_cases()))
def test_definitions_have_the_published_values(case: Case, decoding: str) -> None:
    compiled, name = _compiled(case.folder), _primary(case.folder)
    now = datetime.fromisoformat(str(case.now)) if case.now else datetime(2024, 6, 1, tzinfo=UTC)
    decoder = (
        Decoder(lean(compiled.reads([(name, define) for define in case.expected]))) if decoding == "lean" else None
    )
    body = (case.folder / "data.json").read_bytes()
    facts = facts_from_bundle(body, as_of=now, patient_id=case.subject.rpartition("/")[2], decoder=decoder)
    run = Evaluation(compiled, facts, case.parameters)
    found = {define: run.value(name, define) for define in case.expected}
    wanted = {define: value for define, value in case.expected.items() if found[define] != value}
    assert {define: to_text(found[define]) for define in wanted} == {k: str(v) for k, v in wanted.items()}
    for define, value in case.expected.items():
        evidence = run.evidence(name, define)
        assert evidence.value == found[define], define
        assert value is None or isinstance(evidence.resources, tuple)
