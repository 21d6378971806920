"""Random charts in standard codes, each with the facts that a person would read in it.

Every condition comes confirmed, suspected, refuted, resolved or entered in error; laboratory values come with older and
erroneous ones beside them, platelets per microliter. What was meant is written down while the chart is made.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

ICD, SNOMED = "http://hl7.org/fhir/sid/icd-10-cm", "http://snomed.info/sct"
LOINC, RXNORM = "http://loinc.org", "http://www.nlm.nih.gov/research/umls/rxnorm"
CPT = "http://www.ama-assn.org/go/cpt"
OWN = "https://cds-service.example/fhir/CodeSystem"
SUBJECT = {"reference": "Patient/p"}
EPISODE = "2025-06-01"


@dataclass(frozen=True)
class Item:
    """A code and what it means when it holds."""

    system: str
    code: str
    facts: Sequence[str]
    level: str | None = None
    onset: str | None = None


ITEMS = (
    Item(ICD, "A41.9", ["sepsis"]),
    Item(ICD, "I33.0", ["systemic_infection"]),
    Item(ICD, "N39.0", ["other_active_infection", "rf_urinary_infection"]),
    Item(ICD, "L02.212", ["access_path_infection"]),
    Item(ICD, "M46.26", ["target_osteomyelitis"], level="L1"),
    Item(ICD, "M46.24", ["other_active_infection"], level="T8"),
    Item(ICD, "M51.16", ["radiculopathy", "radiculopathy_unrelated"]),
    Item(ICD, "M54.16", ["radiculopathy"]),
    Item(ICD, "I50.9", ["cardiorespiratory_impairment"]),
    Item(ICD, "M48.061", ["canal_compromise"], level="L1"),
    Item(ICD, "M48.04", [], level="T8"),
    Item(ICD, "R63.4", ["rf_weight_loss"]),
    Item(SNOMED, "226034001", ["rf_iv_drug_use"]),
    Item(ICD, "Z79.52", ["rf_prolonged_corticosteroids"]),
    Item(ICD, "B20", ["rf_immunosuppression"]),
    Item(ICD, "W10.9XXA", ["rf_significant_trauma"], onset=EPISODE),
    Item(ICD, "R33.8", ["rf_urinary_retention_overflow", "neurologic_deficit"], onset=EPISODE),
    Item(ICD, "R15.9", ["rf_anal_tone_loss", "neurologic_deficit"], onset=EPISODE),
    Item(ICD, "G83.4", ["neurologic_deficit", "rf_severe_neurologic_compromise"], onset=EPISODE),
    Item(ICD, "S32.10XA", ["sacral_insufficiency_fracture"], onset=EPISODE),
    Item(ICD, "Z95.0", ["mri_contraindicated"]),
    Item(ICD, "C61", ["malignancy_history"]),
    Item(ICD, "Z85.46", ["malignancy_history"]),
    Item(ICD, "Z98.1", ["prior_spine_surgery"]),
    Item(ICD, "M81.0", ["osteoporosis_diagnosed"]),
    Item(ICD, "Z79.01", ["anticoagulant_active"]),
    Item(ICD, "Z79.82", ["antiplatelet_active"]),
    Item(ICD, "Z80.42", []),
    Item(ICD, "D05.11", []),
)
HISTORY = {"malignancy_history", "prior_spine_surgery"}
STATES = ("absent",) * 6 + ("confirmed", "confirmed", "provisional", "refuted", "resolved", "entered-in-error")
STATED = (
    "marrow_edema", "intravertebral_cleft", "imaging_exam_concordant", "pain_worsening", "mechanical_pain_ongoing",
    "mri_current", "severe_cardiorespiratory_failure",
)  # fmt: skip
FRACTURES = {"osteoporotic": "M80.08XA", "neoplastic-malignant": "M84.58XA", "not said": "M48.56XA"}


@dataclass
class CodedChart:
    """A chart and what it says."""

    age: int
    sex: str
    resources: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def add(self, type_name: str, **elements: Any) -> None:
        """One more resource of the patient."""
        number = len(self.resources)
        self.resources.append({"resourceType": type_name, "id": f"r{number}", "subject": SUBJECT, **elements})

    def condition(self, system: str, code: str, state: str, level: str | None, onset: str | None) -> None:
        """One condition in one state."""
        verification = state if state not in {"confirmed", "resolved"} else "confirmed"
        clinical = "resolved" if state == "resolved" else "active"
        self.add(
            "Condition",
            code=_concept(system, code),
            clinicalStatus=_concept("http://terminology.hl7.org/CodeSystem/condition-clinical", clinical),
            verificationStatus=_concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", verification),
            **({"bodySite": [_concept(f"{OWN}/vertebral-level", level)]} if level else {}),
            **({"onsetDateTime": onset} if onset else {}),
        )

    def observation(self, system: str, code: str, date: str, status: str = "final", **value: Any) -> None:
        """One observation."""
        self.add("Observation", code=_concept(system, code), status=status, effectiveDateTime=date, **value)


def coded_chart(chance: random.Random) -> CodedChart:
    """One patient."""
    chart = CodedChart(chance.choice([33, 72]), chance.choice(["female", "male"]))
    born = f"{2025 - chart.age}-01-15"
    chart.resources.append({"resourceType": "Patient", "id": "p", "gender": chart.sex, "birthDate": born})
    for item in ITEMS:
        _add_item(chart, item, chance.choice(STATES))
    _add_fracture(chart, chance)
    _add_results(chart, chance)
    _add_treatment(chart, chance)
    for fact in STATED:
        if chance.random() < 0.4:
            chart.facts[fact] = chance.random() < 0.6
            chart.observation(f"{OWN}/vcf-facts", fact, "2025-06-12", valueBoolean=chart.facts[fact])
    if chart.facts.get("sepsis") is True:
        chart.facts["systemic_infection"] = False
    if chart.facts.get("severe_cardiorespiratory_failure") is True:
        chart.facts["cardiorespiratory_impairment"] = False
    return chart


def _concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _add_item(chart: CodedChart, item: Item, state: str) -> None:
    if state == "absent":
        return
    chart.condition(item.system, item.code, state, item.level, item.onset)
    for fact in item.facts:
        meant = {"confirmed": True, "provisional": None, "resolved": fact in HISTORY}.get(state, False)
        known = chart.facts.get(fact, False)
        chart.facts[fact] = True if True in (known, meant) else None if None in (known, meant) else False
        if fact == "target_osteomyelitis" and meant is None:
            chart.facts["osteomyelitis_suspected"] = True


def _add_fracture(chart: CodedChart, chance: random.Random) -> None:
    cause = chance.choice(["osteoporotic", "osteoporotic", "neoplastic-malignant", "not said", "none"])
    is_new = chance.random() < 0.5
    if chance.random() < 0.7:
        chart.condition(ICD, "M54.50", "confirmed", None, EPISODE)
        chart.facts |= {"symptomatic": True, "new_back_pain": True, "pain_duration_weeks": 2}
    if cause == "none":
        return
    onset = EPISODE if is_new else "2024-12-01"
    chart.condition(ICD, FRACTURES[cause], "confirmed", "L1", onset)
    chart.facts |= {"vcf_identified": True, "vcf_new": is_new, "fracture_age_weeks": 2 if is_new else 28}
    if cause == "osteoporotic":
        chart.facts["osteoporosis_diagnosed"] = True
    if cause != "not said":
        chart.facts["fracture_etiology"] = cause
    elif chart.facts.get("target_osteomyelitis") is True:
        chart.facts["fracture_etiology"] = "infectious"


def _add_results(chart: CodedChart, chance: random.Random) -> None:
    if chance.random() < 0.7:
        chart.facts["inr"] = chance.choice([1.0, 1.5, 1.6, 2.4])
        chart.observation(LOINC, "6301-6", "2025-05-20", valueQuantity={"value": 3.0, "unit": "{INR}"})
        chart.observation(LOINC, "6301-6", "2025-06-10", valueQuantity={"value": chart.facts["inr"]})
        chart.observation(LOINC, "6301-6", "2025-06-12", "entered-in-error", valueQuantity={"value": 9})
    if chance.random() < 0.7:
        chart.facts["platelets"] = chance.choice([49, 50, 51, 200])
        count = {"value": chart.facts["platelets"] * 1000, "unit": "/uL"}
        chart.observation(LOINC, "777-3", "2025-06-10", valueQuantity=count)
    if chance.random() < 0.5:
        temperature = chance.choice([36.6, 37.9, 38.0, 39.2])
        chart.facts["fever"] = temperature >= 38
        chart.observation(LOINC, "8310-5", "2025-06-15T06:00:00Z", valueQuantity={"value": temperature, "unit": "Cel"})
    if chart.age == 33 and chart.sex == "female" and chance.random() < 0.6:
        date = chance.choice(["2025-06-10", "2025-05-10"])
        chart.observation(LOINC, "2106-3", date, valueCodeableConcept=_concept(SNOMED, "260385009"))
        if date == "2025-06-10":
            chart.facts["pregnant"] = False


def _add_treatment(chart: CodedChart, chance: random.Random) -> None:
    if chance.random() < 0.3:
        site = [_concept(f"{OWN}/vertebral-level", "T8")]
        chart.add(
            "Procedure", code=_concept(CPT, "22513"), status="completed", performedDateTime="2024-01-01", bodySite=site
        )
        chart.facts |= {"prior_augmentation": True, "vcf_previously_treated": True}
    status = chance.choice(["active", "stopped", "on-hold", None])
    if status is not None:
        drug = _concept(RXNORM, chance.choice(["11289", "1364430"]))
        chart.add("MedicationRequest", status=status, intent="order", medicationCodeableConcept=drug)
        if status == "active":
            chart.facts["anticoagulant_active"] = True
