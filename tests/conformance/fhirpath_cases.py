"""FHIRPath cases: those published as XML, and our own as YAML, with how results are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import yaml

from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import full
from cds_service.values import conversion, date_texts, equality
from cds_service.values.formatting import to_string
from cds_service.values.quantity import Quantity
from cds_service.values.temporals import Date, DateTime, Time

FILE = "tests-fhir-r4.xml"


@dataclass(frozen=True)
class FhirPathCase:
    """One expression, what it is evaluated on, and the outputs it must have (type, if told, and literal)."""

    id: str
    expression: str
    outputs: tuple[tuple[str | None, str], ...]
    invalid: bool
    as_truth: bool
    check_order: bool
    resource: Path | bytes | None


def published_cases(folder: Path) -> Iterator[FhirPathCase]:
    """The cases of the suite in `folder`."""
    seen: Counter[str] = Counter()
    for group in ElementTree.parse(folder / FILE).getroot():
        for test in group.iter("test"):
            case_id = f"{group.get('name')}/{test.get('name')}"
            seen[case_id] += 1
            expression = test.find("expression")
            assert expression is not None
            yield FhirPathCase(
                case_id if seen[case_id] == 1 else f"{case_id}#{seen[case_id]}",
                expression.text or "",
                tuple((output.get("type"), output.text or "") for output in test.findall("output")),
                expression.get("invalid") is not None,
                test.get("predicate") == "true",
                test.get("checkOrderedFunctions") == "true",
                _input(folder, test.get("inputfile")),
            )


def own_cases(folder: Path) -> Iterator[FhirPathCase]:
    """The cases that the project keeps itself."""
    content = yaml.safe_load((folder / "fhirpath.yaml").read_text(encoding="utf-8"))
    resources = {name: msgspec.json.encode(resource) for name, resource in content["resources"].items()}
    for number, case in enumerate(content["cases"], 1):
        outputs = [next(iter(output.items())) for output in case.get("gives", [])]
        yield FhirPathCase(
            f"own/{number:02}",
            case["expression"],
            tuple((kind, str(text).lower() if isinstance(text, bool) else str(text)) for kind, text in outputs),
            case.get("invalid", False),
            False,
            False,
            resources[case["of"]] if "of" in case else None,
        )


def _input(folder: Path, name: str | None) -> Path | None:
    if not name:
        return None
    candidates = (folder / "input-json" / f"{Path(name).stem}.json", folder / "input" / f"{Path(name).stem}.json")
    return next((path for path in candidates if path.exists()), candidates[0])


@cache
def resource_of(source: Path | bytes) -> Any:
    """The resource that a case is evaluated on."""
    return Decoder(full()).resource(source if isinstance(source, bytes) else source.read_bytes())


def matches(found: tuple[str, Any], wanted: tuple[str | None, str]) -> bool:
    """Whether one item is what an output says: type by name in any case, value by the meaning of its literal."""
    (type_name, value), (wanted_type, text) = found, wanted
    if wanted_type and wanted_type.lower() != type_name.removeprefix("System.").lower():
        return False
    if isinstance(value, bool):
        return text == str(value).lower()
    if isinstance(value, (int, Decimal)):
        return Decimal(text) == value
    literal = text.removeprefix("@")
    expected: Any = None
    if isinstance(value, DateTime):
        expected = date_texts.parse_datetime(literal)
    elif isinstance(value, Date):
        expected = date_texts.parse_date(literal)
    elif isinstance(value, Time):
        expected = date_texts.parse_time(literal)
    elif isinstance(value, Quantity):
        expected = conversion.to_quantity(text)
    if expected is not None:
        return equality.fhirpath_equal(value, expected) is True
    return to_string(value) in (text, literal)
