"""Prefetch templates made from what the compiled logic retrieves: it asks for what it reads, and for nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cds_service.fhir.model.types import Model
from cds_service.patient_data.needs import Need, check_template

_PATIENT = "{{context.patientId}}"
_BY_USER = {
    "Practitioner": "Practitioner/{{userPractitionerId}}",
    "PractitionerRole": "PractitionerRole/{{userPractitionerRoleId}}",
}
_PERFORMER = "{{context.performer}}"
_BY_PERFORMER = {
    "Practitioner": f"Practitioner?_id={_PERFORMER}",
    "PractitionerRole": f"PractitionerRole?practitioner={_PERFORMER}",
}
_PERFORMER_HOOKS = frozenset({"order-dispatch"})
_ENCOUNTER_HOOKS = frozenset({"encounter-start", "encounter-discharge"})


def prefetch_needs(types: Iterable[str], model: Model, hook: str) -> tuple[Need, ...]:
    """One need for each resource type that can be found by the patient; the patient always first."""
    wanted = sorted({"Patient", *types})
    wanted.remove("Patient")
    needs = [check_template("patient", f"Patient/{_PATIENT}")]
    for name in wanted:
        template = _template(name, model, hook)
        if template is not None:
            needs.append(check_template(_key(name), template))
    return tuple(needs)


def _template(name: str, model: Model, hook: str) -> str | None:
    info = model.get(name)
    if info is None or info.kind != "resource":
        return None
    if name == "Encounter" and hook in _ENCOUNTER_HOOKS:
        return f"Encounter?patient={_PATIENT}"
    if info.patient_search:
        return f"{name}?{info.patient_search}={_PATIENT}"
    return (_BY_PERFORMER if hook in _PERFORMER_HOOKS else _BY_USER).get(name)


def _key(name: str) -> str:
    """The key for a type: its name in lower case words, `medication-requests`."""
    words = re.findall(r"[A-Z][a-z]*", name)
    return "-".join(word.lower() for word in words)
