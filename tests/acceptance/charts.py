"""What a hospital would send: orders, conditions, results and stated facts of one patient, written down by hand."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

OURS = "https://cds-service.example/fhir/CodeSystem"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
ICD_PLAIN = "http://hl7.org/fhir/sid/icd-10"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CPT = "http://www.ama-assn.org/go/cpt"
PCS = "http://www.cms.gov/Medicare/Coding/ICD10"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
NUCC = "http://nucc.org/provider-taxonomy"
HL7 = "http://terminology.hl7.org/CodeSystem"
NOW = "2025-06-15T09:00:00Z"

Resource = dict[str, Any]
_numbers = itertools.count(1)
_SUBJECT = {"subject": {"reference": "Patient/p1"}}


def coded(system: str, code: str, **more: Any) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}], **more}


def patient(gender: str = "female", birth: str = "1953-01-01") -> Resource:
    return {"resourceType": "Patient", "id": "p1", "gender": gender, "birthDate": birth}


def condition(code: str, system: str = ICD, onset: str | None = "2025-06-08", **more: Any) -> Resource:
    """An active, confirmed condition; `clinical`, `proven` and `level` say otherwise, None leaves them out."""
    clinical, proven, level = more.pop("clinical", "active"), more.pop("proven", "confirmed"), more.pop("level", None)
    resource: Resource = {
        "resourceType": "Condition",
        "id": f"c{next(_numbers)}",
        "code": coded(system, code),
        **_SUBJECT,
    }
    if clinical:
        resource["clinicalStatus"] = coded(f"{HL7}/condition-clinical", clinical)
    if proven:
        resource["verificationStatus"] = coded(f"{HL7}/condition-ver-status", proven)
    if onset:
        resource["onsetDateTime"] = onset
    if level:
        resource["bodySite"] = [coded(f"{OURS}/vertebral-level", level)]
    return resource | more


def observation(code: dict[str, Any], when: str, **more: Any) -> Resource:
    resource: Resource = {"resourceType": "Observation", "id": f"o{next(_numbers)}", "status": "final", "code": code}
    return resource | {"effectiveDateTime": when, **_SUBJECT} | more


def result(code: str, value: float, unit: str = "1", when: str = "2025-06-10", **more: Any) -> Resource:
    quantity = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return observation(coded(LOINC, code), when, **{"valueQuantity": quantity, **more})


def finding(code: str, system: str, answer: str, when: str = "2025-06-10") -> Resource:
    """A laboratory or status observation whose value is a code."""
    return observation(coded(LOINC, code), when, valueCodeableConcept=coded(system, answer))


def stated(fact: str, value: Any = None, when: str = "2025-06-12", **more: Any) -> Resource:
    """A fact as a person asserts it; no value says that it is unknown."""
    level, unit = more.pop("level", None), more.pop("unit", "1")
    resource = observation(coded(f"{OURS}/vcf-facts", fact), when, **more)
    match value:
        case None:
            resource["dataAbsentReason"] = coded(f"{HL7}/data-absent-reason", "unknown")
        case bool():
            resource["valueBoolean"] = value
        case str():
            resource["valueCodeableConcept"] = coded(f"{OURS}/vcf-fact-values", value)
        case _:
            resource["valueQuantity"] = {"value": value, "system": "http://unitsofmeasure.org", "code": unit}
    if level:
        resource["bodySite"] = coded(f"{OURS}/vertebral-level", level)
    return resource


def allergy(system: str, code: str, **more: Any) -> Resource:
    active = coded(f"{HL7}/allergyintolerance-clinical", "active")
    resource: Resource = {"resourceType": "AllergyIntolerance", "id": f"a{next(_numbers)}", "clinicalStatus": active}
    return resource | {"code": coded(system, code), "patient": {"reference": "Patient/p1"}} | more


def procedure(code: str, when: str, system: str = CPT, **more: Any) -> Resource:
    resource: Resource = {"resourceType": "Procedure", "id": f"p{next(_numbers)}", "status": "completed"}
    return resource | {"code": coded(system, code), "performedDateTime": when, **_SUBJECT} | more


def prescription(status: str = "active", **more: Any) -> Resource:
    resource: Resource = {
        "resourceType": "MedicationRequest",
        "id": f"m{next(_numbers)}",
        "status": status,
        "intent": "order",
    }
    return resource | _SUBJECT | more


def order(code: str, system: str = f"{OURS}/vcf-procedures", at: str | Sequence[str] = (), **more: Any) -> Resource:
    """A draft order, `at` one or several levels."""
    levels = [at] if isinstance(at, str) else at
    resource: Resource = {"resourceType": "ServiceRequest", "id": "o1", "status": "draft", "intent": "order"}
    resource |= {"code": coded(system, code), **_SUBJECT}
    if levels:
        resource["bodySite"] = [coded(f"{OURS}/vertebral-level", level) for level in levels]
    return resource | more


def bundle(resources: Sequence[Resource], **more: Any) -> Resource:
    entries = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries, **more}


def fracture(level: str | None = "L1", onset: str | None = "2025-06-08", **more: Any) -> Resource:
    return condition("M80.08XA", onset=onset, level=level, **more)


def pain(score: float = 7, when: str = "2025-06-14") -> Resource:
    return result("72514-3", score, "{score}", when)
