"""Small patients and libraries for the tests of the language."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cds_service.cql.compile import CompiledLibraries, Source, compile_libraries
from cds_service.cql.evaluation import Evaluation
from cds_service.facts.facts import Facts, facts_from_bundle
from cds_service.fhir.model.types import r4
from cds_service.fhir.structs.decoding import Decoder

AS_OF = datetime(2025, 6, 15, 9, 0, tzinfo=UTC)
HEAD = """library Test version '1.0.0'
using FHIR version '4.0.1'
include FHIRHelpers version '4.0.1'
codesystem "Local": 'http://example.org/local'
code "pain": 'pain' from "Local"
code "weight": 'weight' from "Local"
"""


def facts_of(*resources: Mapping[str, Any], decoder: Decoder | None = None) -> Facts:
    """The facts of one patient, p1, born on 1950-03-01."""
    patient = {"resourceType": "Patient", "id": "p1", "gender": "female", "birthDate": "1950-03-01"}
    entries = [{"resource": resource} for resource in (patient, *resources)]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return facts_from_bundle(json.dumps(bundle).encode(), as_of=AS_OF, patient_id="p1", decoder=decoder)


def observation(identity: str, code: str, day: str, **rest: Any) -> dict[str, Any]:
    """A final observation of a local code."""
    return {
        "resourceType": "Observation",
        "id": identity,
        "status": "final",
        "code": {"coding": [{"system": "http://example.org/local", "code": code}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": day,
        **rest,
    }


def kilograms(value: float) -> dict[str, Any]:
    """A weight as FHIR writes it."""
    return {
        "valueQuantity": {"value": value, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }


def compiled(text: str, *others: Source) -> CompiledLibraries:
    """The text as the library Test, over FHIR, in the context of a patient unless the text says otherwise."""
    head = HEAD if "context " in text or "library " in text else f"{HEAD}context Patient\n"
    whole = text if text.lstrip().startswith("library ") else head + text
    return compile_libraries([Source("test.cql", whole), *others], r4())


def evaluation(
    text: str, resources: Sequence[Mapping[str, Any]] = (), parameters: Mapping[Any, Any] | None = None
) -> Evaluation:
    """The definitions of the text over a patient with these resources."""
    return Evaluation(compiled(text), facts_of(*resources), parameters)
