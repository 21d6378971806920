"""Invented patients with a chart of a given size, as order-sign requests; the same seed gives the same bytes.

For measuring only: what stands in a chart is plausible in form and length, nothing more. Sizes are those of real
requests: a lean EHR sends 15 KB, one that prefetches years of records half a megabyte.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

ANCHOR = datetime(2025, 10, 1, 12, tzinfo=UTC)
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CPT = "http://www.ama-assn.org/go/cpt"
UCUM = "http://unitsofmeasure.org"
TERMS = "http://terminology.hl7.org/CodeSystem/"

SIZES = {
    "small": {"Condition": 2, "Observation": 3, "MedicationRequest": 2, "Procedure": 1, "ServiceRequest": 1},
    "large": {"Condition": 40, "Observation": 200, "MedicationRequest": 60, "Procedure": 30, "ServiceRequest": 10},
}
PROBLEMS = [
    ("M80.08XA", "Osteoporotic fracture of a vertebra, initial encounter"),
    ("M81.0", "Osteoporosis without fracture"),
    ("I10", "Hypertension"),
    ("E11.9", "Type 2 diabetes"),
    ("I48.91", "Atrial fibrillation"),
    ("N18.30", "Chronic kidney disease, stage 3"),
    ("M54.50", "Low back pain"),
    ("J44.9", "Chronic obstructive lung disease"),
    ("D64.9", "Anaemia"),
    ("E55.9", "Vitamin D deficiency"),
]
RESULTS = [
    ("6301-6", "INR", "{INR}", 2.3, 0.6),
    ("777-3", "Platelets", "10*3/uL", 240, 60),
    ("718-7", "Haemoglobin", "g/dL", 12.8, 1.4),
    ("2160-0", "Creatinine", "mg/dL", 1.1, 0.3),
    ("62238-1", "Estimated GFR", "mL/min/{1.73_m2}", 58, 14),
    ("2823-3", "Potassium", "mmol/L", 4.2, 0.4),
    ("17861-6", "Calcium", "mg/dL", 9.4, 0.5),
    ("1988-5", "C-reactive protein", "mg/L", 5, 4),
    ("39156-5", "Body mass index", "kg/m2", 26, 3),
    ("8867-4", "Heart rate", "/min", 78, 12),
    ("72514-3", "Pain score", "{score}", 7, 2),
]
DRUGS = [
    ("11289", "warfarin"),
    ("46041", "alendronate"),
    ("6809", "metformin"),
    ("29046", "lisinopril"),
    ("161", "paracetamol"),
]
DONE = [
    ("97110", "Exercises"),
    ("77080", "Bone density, axial"),
    ("93000", "Electrocardiogram"),
    ("36415", "Blood drawn"),
]
ORDERED = [("72100", "Radiograph of the lumbar spine"), ("85610", "Prothrombin time"), ("85025", "Blood count")]


class Chart:
    """One invented patient: `resources` by type, and the draft order that the request is about."""

    def __init__(self, size: str = "small", seed: int = 1) -> None:
        self.random = random.Random(f"{size}/{seed}")
        self.ident = f"p-{seed:06d}"
        self.wordy = size == "large"
        counts = SIZES[size]
        self.resources: dict[str, list[dict[str, Any]]] = {"Patient": [self._patient()]}
        makers = {
            "Condition": self._condition,
            "Observation": self._observation,
            "MedicationRequest": self._medication,
            "Procedure": self._procedure,
            "ServiceRequest": self._order,
        }
        for kind, make in makers.items():
            self.resources[kind] = [make(number) for number in range(counts[kind])]
        self.draft = self._order(0)
        self.draft |= {
            "id": "draft-1",
            "status": "draft",
            "code": self._concept(CPT, "72148", "MRI of the lumbar spine"),
        }

    # -- parts ------------------------------------------------------------------------------------------------------

    def _moment(self, days: int) -> str:
        moment = ANCHOR - timedelta(days=days, minutes=self.random.randrange(600))
        return moment.isoformat().replace("+00:00", "Z")

    def _record(self, kind: str, number: int, days: int, text: str) -> dict[str, Any]:
        record: dict[str, Any] = {
            "resourceType": kind,
            "id": f"{kind[:4].lower()}-{self.random.getrandbits(48):012x}-{number}",
            "meta": {
                "versionId": str(self.random.randint(1, 4)),
                "lastUpdated": self._moment(max(days - 1, 0)),
                "profile": [f"http://hl7.org/fhir/us/core/StructureDefinition/us-core-{kind.lower()}"],
            },
            "identifier": [
                {
                    "use": "official",
                    "system": f"https://ehr.example/{kind}",
                    "value": f"{self.random.getrandbits(40):010X}",
                }
            ],
        }
        if self.wordy:
            record["text"] = {
                "status": "generated",
                "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p><b>{text}</b></p></div>',
            }
        return record

    @staticmethod
    def _concept(system: str, code: str, text: str) -> dict[str, Any]:
        return {"coding": [{"system": system, "code": code, "display": text}], "text": text}

    def _category(self, system: str, code: str) -> list[dict[str, Any]]:
        return [self._concept(TERMS + system, code, code.replace("-", " ").capitalize())]

    def _about(self) -> dict[str, Any]:
        return {
            "subject": {"reference": f"Patient/{self.ident}"},
            "encounter": {"reference": f"Encounter/enc-{self.random.getrandbits(32):08x}"},
        }

    def _who(self) -> dict[str, str]:
        return {"reference": f"Practitioner/dr-{self.random.randrange(200):03d}", "display": "Dr. Example"}

    def _patient(self) -> dict[str, Any]:
        born = date(1930 + self.random.randrange(40), self.random.randint(1, 12), self.random.randint(1, 28))
        patient = self._record("Patient", 0, 3, "A patient") | {"id": self.ident}
        return patient | {
            "active": True,
            "name": [{"use": "official", "family": "Example", "given": ["Alex"]}],
            "telecom": [{"system": "phone", "value": "555-0100", "use": "home"}],
            "gender": self.random.choice(["female", "male"]),
            "birthDate": born.isoformat(),
            "address": [{"use": "home", "line": ["1 Example Street"], "city": "Springfield", "country": "US"}],
        }

    def _condition(self, number: int) -> dict[str, Any]:
        code, text = PROBLEMS[number % len(PROBLEMS)]
        days = 37 if number == 0 else self.random.randint(60, 3000)
        active = number == 0 or self.random.random() < 0.6
        condition = self._record("Condition", number, days, text) | self._about()
        return condition | {
            "clinicalStatus": self._category("condition-clinical", "active" if active else "resolved")[0],
            "verificationStatus": self._category("condition-ver-status", "confirmed")[0],
            "category": self._category("condition-category", "problem-list-item"),
            "code": self._concept(ICD, code, text),
            "onsetDateTime": self._moment(days),
            "recordedDate": self._moment(days),
            "recorder": self._who(),
        }

    def _observation(self, number: int) -> dict[str, Any]:
        code, text, unit, centre, spread = RESULTS[number % len(RESULTS)]
        days = self.random.randint(1, 900)

        def quantity(value: float) -> dict[str, Any]:
            return {"value": round(value, 1), "unit": unit, "system": UCUM, "code": unit}

        observation = self._record("Observation", number, days, text) | self._about()
        return observation | {
            "status": "final",
            "category": self._category("observation-category", "laboratory"),
            "code": self._concept(LOINC, code, text),
            "effectiveDateTime": self._moment(days),
            "issued": self._moment(max(days - 1, 0)),
            "performer": [self._who()],
            "valueQuantity": quantity(max(0.1, centre + (self.random.random() * 2 - 1) * spread)),
            "interpretation": self._category("v3-ObservationInterpretation", "N"),
            "referenceRange": [{"low": quantity(centre - spread), "high": quantity(centre + spread), "text": "usual"}],
        }

    def _medication(self, number: int) -> dict[str, Any]:
        code, text = DRUGS[number % len(DRUGS)]
        days = self.random.randint(5, 1500)
        medication = self._record("MedicationRequest", number, days, text) | self._about()
        return medication | {
            "status": "active" if number == 0 or self.random.random() < 0.3 else "completed",
            "intent": "order",
            "category": self._category("medicationrequest-category", "outpatient"),
            "medicationCodeableConcept": self._concept(RXNORM, code, text),
            "authoredOn": self._moment(days),
            "requester": self._who(),
            "dosageInstruction": [
                {
                    "sequence": 1,
                    "text": "One tablet by mouth daily",
                    "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                    "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet", "system": UCUM, "code": "{tbl}"}}],
                }
            ],
            "dispenseRequest": {"numberOfRepeatsAllowed": 2, "quantity": {"value": 30, "unit": "tablet"}},
        }

    def _procedure(self, number: int) -> dict[str, Any]:
        code, text = DONE[number % len(DONE)]
        days = self.random.randint(1, 2000)
        procedure = self._record("Procedure", number, days, text) | self._about()
        return procedure | {
            "status": "completed",
            "code": self._concept(CPT, code, text),
            "performedDateTime": self._moment(days),
            "performer": [{"actor": self._who()}],
            "reasonCode": [self._concept(ICD, "M54.50", "Low back pain")],
            "note": [{"time": self._moment(days), "text": f"{text} without complication."}],
        }

    def _order(self, number: int) -> dict[str, Any]:
        code, text = ORDERED[number % len(ORDERED)]
        days = self.random.randint(10, 700)
        order = self._record("ServiceRequest", number, days, text) | self._about()
        return order | {
            "status": "completed",
            "intent": "order",
            "priority": "routine",
            "code": self._concept(CPT, code, text),
            "authoredOn": self._moment(days),
            "requester": self._who(),
            "reasonCode": [self._concept(ICD, *PROBLEMS[0])],
        }

    # -- forms ------------------------------------------------------------------------------------------------------

    def searchset(self, kind: str) -> dict[str, Any]:
        """The resources of a type as the answer to a search."""
        entries = [
            {"fullUrl": f"https://ehr.example/fhir/{kind}/{each['id']}", "resource": each, "search": {"mode": "match"}}
            for each in self.resources.get(kind, ())
        ]
        return {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}

    def bundle(self) -> bytes:
        """The whole chart as a Bundle."""
        entries = [{"resource": each} for members in self.resources.values() for each in members]
        return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()

    def request(self, templates: Mapping[str, str] | None = None) -> bytes:
        """An order-sign request; `templates` are the prefetch templates of the service (key to query)."""
        templates = templates or {kind.lower(): kind for kind in self.resources}
        prefetch: dict[str, Any] = {}
        for key, template in templates.items():
            kind = template.partition("?")[0].partition("/")[0]
            is_read = "/" in template.partition("?")[0] or kind == "Patient"
            prefetch[key] = self.resources.get(kind, [None])[0] if is_read else self.searchset(kind)
        return json.dumps(
            {
                "hook": "order-sign",
                "hookInstance": "0f6f2c0e-5d0c-4a5e-9a5c-3b1d4c1f7a10",
                "context": {
                    "userId": "Practitioner/dr-001",
                    "patientId": self.ident,
                    "draftOrders": {
                        "resourceType": "Bundle",
                        "type": "collection",
                        "entry": [{"resource": self.draft}],
                    },
                },
                "prefetch": prefetch,
            }
        ).encode()
