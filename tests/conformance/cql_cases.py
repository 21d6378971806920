"""Cases for CQL: an expression and the expression that it should equal, or the demand that it be rejected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import yaml

_NAMESPACE = "{http://hl7.org/fhirpath/tests}"


@dataclass(frozen=True, slots=True)
class CqlCase:
    """One case; `output` is CQL as well, None where the expression must be rejected."""

    id: str
    expression: str
    output: str | None


def published_cases(folder: Path) -> Iterator[CqlCase]:
    """The cases of all suite files in a folder."""
    for path in sorted(folder.glob("*.xml")):
        root = ElementTree.parse(path).getroot()
        if root.tag != f"{_NAMESPACE}tests":
            continue
        for group in root.iter(f"{_NAMESPACE}group"):
            for test in group.iter(f"{_NAMESPACE}test"):
                yield _published_case(f"{path.stem}/{group.get('name')}/{test.get('name')}", test)


def _published_case(case_id: str, test: ElementTree.Element) -> CqlCase:
    expression = test.find(f"{_NAMESPACE}expression")
    assert expression is not None, case_id
    outputs = [output.text or "" for output in test.findall(f"{_NAMESPACE}output")]
    rejected = expression.get("invalid", "false") != "false"
    return CqlCase(case_id, expression.text or "", None if rejected else " ".join(outputs))


def own_cases(folder: Path) -> Iterator[CqlCase]:
    """The cases of the project: YAML lists of `says`, `cql` and `is` (or `rejected: true`)."""
    for path in sorted(folder.glob("cql-*.yaml")):
        for case in yaml.safe_load(path.read_text(encoding="utf-8")):
            output = None if case.get("rejected") else str(case["is"])
            yield CqlCase(f"own/{path.stem}/{case['says']}", case["cql"], output)
