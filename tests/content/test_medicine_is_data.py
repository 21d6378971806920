"""No rule, scenario, fact, procedure or clinical code stands in the Python: the medicine is data."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.content.conftest import CONTENT, ROOT

# Words of ordinary language that are also ids of facts: as keys of a case file they name a patient, not a fact.
ORDINARY = {"sex"}


def _code_systems() -> Iterator[dict[str, object]]:
    for file in (ROOT / "terminology" / "codesystems").glob("*.json"):
        yield json.loads(file.read_text(encoding="utf-8"))


def _codes(concepts: object) -> Iterator[str]:
    for concept in concepts if isinstance(concepts, list) else []:
        yield str(concept["code"])
        yield from _codes(concept.get("concept"))


def _own_ids() -> set[str]:
    wanted = {"vcf-facts", "vcf-procedures", "vcf-rules", "vcf-variants", "vertebral-level"}
    found = {code for system in _code_systems() if system["id"] in wanted for code in _codes(system.get("concept"))}
    for file in CONTENT.rglob("*.yaml"):
        if "cases" not in file.parts:
            for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
                found |= set(_action_ids(document.get("action", []))) if isinstance(document, dict) else set()
    return {name for name in found if name not in ORDINARY}


def _action_ids(actions: list[dict[str, object]]) -> Iterator[str]:
    for action in actions:
        settings = action.get("cds")
        if isinstance(settings, dict) and ("severity" in settings or "level" in settings or "says" in settings):
            yield str(action["id"])
        children = action.get("action")
        if isinstance(children, list):
            yield from _action_ids(children)


def _clinical_codes() -> set[str]:
    """Codes of ICD-10-CM, SNOMED CT, LOINC, RxNorm, CPT that any value set names."""
    systems = ("icd-10-cm", "snomed.info", "loinc.org", "rxnorm", "ama-assn", "HCPCS", "ICD10", "nucc.org")
    found: set[str] = set()
    for file in (ROOT / "terminology").rglob("*.json"):
        resource = json.loads(file.read_text(encoding="utf-8"))
        for include in resource.get("compose", {}).get("include", []):
            if any(name in include.get("system", "") for name in systems):
                found |= {concept["code"] for concept in include.get("concept", [])}
    return {code for code in found if len(code) > 3}


def _texts(file: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | int) and not isinstance(node.value, bool):
            yield node.lineno, str(node.value)


def test_no_clinical_id_occurs_in_the_python() -> None:
    """A text that is an id or a code, or that names a rule within it, would tie the engine to one disease."""
    ids, codes = _own_ids(), _clinical_codes()
    assert len(ids) > 300
    assert len(codes) > 1000
    rules = sorted((name for name in ids if re.fullmatch(r"[A-Z]+-[A-Z0-9-]+", name)), key=len, reverse=True)
    rule = re.compile(r"(?<![\w-])(?:" + "|".join(map(re.escape, rules)) + r")(?![\w-])")
    found = []
    for file in sorted((ROOT / "cds_service").rglob("*.py")):
        for line, text in _texts(file):
            if text in ids or (text in codes and len(text) > 4) or rule.search(text):
                found.append(f"{file.relative_to(ROOT)}:{line}: {text[:60]!r}")
    assert found == []
