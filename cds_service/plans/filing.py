"""Values that logic has worked out, as Observations that can be filed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from cds_service.plans.element_values import UCUM, fhir_value
from cds_service.plans.offers import Subject
from cds_service.plans.rules import FiledObservation
from cds_service.values.quantity import Quantity


def filed_observation(
    wanted: FiledObservation, value: Any, subject: Subject, sites: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any]:
    """The Observation that files a value."""
    coding = {"system": wanted.system, "code": wanted.code, "display": wanted.display}
    observation: dict[str, Any] = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{name: text for name, text in coding.items() if text}]},
        "subject": {"reference": subject.patient},
        "effectiveDateTime": subject.as_of,
    }
    if isinstance(value, bool):
        observation["valueBoolean"] = value
    elif isinstance(value, int | Decimal):
        unit = wanted.unit or "1"
        observation["valueQuantity"] = {"value": value, "unit": unit, "system": UCUM, "code": unit}
    elif isinstance(value, str):
        observation["valueString"] = value
    elif isinstance(value, Quantity):
        observation["valueQuantity"] = fhir_value(value)
    else:
        observation["valueCodeableConcept"] = fhir_value(value, "CodeableConcept")
    if len(sites) == 1:
        observation["bodySite"] = sites[0]
    return observation
