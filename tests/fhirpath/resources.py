"""Resources that the tests of FHIRPath look at."""

from __future__ import annotations

from typing import Any

import msgspec

from cds_service.fhir.structs.decoding import Decoder
from cds_service.fhir.structs.flavours import full

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "active": True,
    "gender": "female",
    "birthDate": "1950-03-01",
    "_birthDate": {"extension": [{"url": "http://example.org/time", "valueDateTime": "1950-03-01T05:00:00Z"}]},
    "name": [
        {"use": "official", "family": "Roe", "given": ["Jane", "Ann"]},
        {"use": "nickname", "given": ["Janie", None], "_given": [None, {"id": "g", "extension": [{"url": "u"}]}]},
    ],
    "contained": [{"resourceType": "Organization", "id": "o1", "name": "Clinic"}],
    "managingOrganization": {"reference": "#o1"},
    "generalPractitioner": [{"reference": "Practitioner/d1"}],
    "maritalStatus": {"coding": [{"system": "http://example.org/s", "code": "M"}, {"code": "x"}]},
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "b1",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "38268-3"}]},
    "effectiveDateTime": "2025-01-10T10:00:00+01:00",
    "valueQuantity": {"value": -2.7, "system": "http://unitsofmeasure.org", "code": "{T-score}"},
    "component": [
        {
            "code": {"text": "height"},
            "valueQuantity": {"value": 160, "system": "http://unitsofmeasure.org", "code": "cm"},
        },
        {"code": {"text": "limit"}, "valueQuantity": {"value": 5, "unit": "mg", "comparator": "<"}},
        {"code": {"text": "note"}, "valueString": "good"},
    ],
}


def read(resource: dict[str, Any]) -> Any:
    """A resource as structs."""
    return Decoder(full()).resource(msgspec.json.encode(resource))


PATIENT_STRUCT = read(PATIENT)
OBSERVATION_STRUCT = read(OBSERVATION)
