"""The rest of a life in a chart: resources drawn from a table of what people of that age have, as `population.yaml`
describes."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from cds_service.errors import Span
from cds_service.replay.failures import UnusableInput

_TERMS = "http://terminology.hl7.org/CodeSystem/"


class Population:
    """A table of what there is, by resource type, to draw from."""

    def __init__(self, tables: Mapping[str, Any]) -> None:
        self._systems: Mapping[str, str] = tables["systems"]
        self._mix: Mapping[str, float] = tables["mix"]
        self._rows: dict[str, Sequence[Mapping[str, Any]]] = {name: tables[name] for name in self._mix}

    def draw(self, chance: random.Random, patient: str, as_of: date, number: int) -> dict[str, Any]:
        """One more resource for a patient."""
        kind = chance.choices(list(self._mix), weights=list(self._mix.values()))[0]
        rows = self._rows[kind]
        row = chance.choices(rows, weights=[each["weight"] for each in rows])[0]
        first, last = row["days"]
        day = as_of - timedelta(days=chance.randint(first, last))
        head: dict[str, Any] = {
            "resourceType": kind,
            "id": f"n{number}",
            "meta": {"versionId": "1", "lastUpdated": _moment(chance, day)},
        }
        subject = {"reference": f"Patient/{patient}"}
        rest = getattr(self, f"_{kind.lower()}")(chance, row, day)
        return {**head, **rest, "subject": subject}

    def _concept(self, row: Mapping[str, Any]) -> dict[str, Any]:
        coding = {"system": self._systems[row["system"]], "code": str(row["code"]), "display": row["text"]}
        return {"coding": [coding], "text": row["text"]}

    def _condition(self, chance: random.Random, row: Mapping[str, Any], day: date) -> dict[str, Any]:
        active = chance.random() < row["active"]
        over = {} if active else {"abatementDateTime": (day + timedelta(days=chance.randint(7, 30))).isoformat()}
        return {
            "clinicalStatus": _term("condition-clinical", "active" if active else "resolved"),
            "verificationStatus": _term("condition-ver-status", "confirmed"),
            "category": [_term("condition-category", "problem-list-item")],
            "code": self._concept(row),
            "onsetDateTime": day.isoformat(),
            "recordedDate": day.isoformat(),
            **over,
        }

    def _observation(self, chance: random.Random, row: Mapping[str, Any], day: date) -> dict[str, Any]:
        value = round(max(0.0, chance.gauss(row["mean"], row["spread"])), row["digits"])
        shown: float | int = int(value) if row["digits"] == 0 else value
        return {
            "status": "final",
            "category": [_term("observation-category", row["category"])],
            "code": self._concept(row),
            "effectiveDateTime": _moment(chance, day),
            "issued": _moment(chance, day),
            "valueQuantity": {
                "value": shown,
                "unit": row["unit"],
                "system": self._systems["ucum"],
                "code": row["unit"],
            },
        }

    def _medicationrequest(self, chance: random.Random, row: Mapping[str, Any], day: date) -> dict[str, Any]:
        return {
            "status": "active" if chance.random() < row["active"] else "completed",
            "intent": "order",
            "medicationCodeableConcept": self._concept(row),
            "authoredOn": day.isoformat(),
            "dosageInstruction": [
                {"text": "One a day", "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}
            ],
            "dispenseRequest": {"numberOfRepeatsAllowed": chance.randint(0, 5)},
        }

    def _procedure(self, chance: random.Random, row: Mapping[str, Any], day: date) -> dict[str, Any]:
        note = chance.choice(["Went well.", "As planned.", "No complication."])
        return {
            "status": "completed",
            "code": self._concept(row),
            "performedDateTime": day.isoformat(),
            "note": [{"text": note}],
        }

    def _encounter(self, chance: random.Random, row: Mapping[str, Any], day: date) -> dict[str, Any]:
        start = _moment(chance, day)
        return {
            "status": "finished",
            "class": {"system": f"{_TERMS}v3-ActCode", "code": "AMB"},
            "type": [{"text": row["text"]}],
            "period": {"start": start, "end": start},
        }


def _term(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": _TERMS + system, "code": code}]}


def _moment(chance: random.Random, day: date) -> str:
    return f"{day.isoformat()}T{chance.randint(7, 18):02d}:{chance.randint(0, 59):02d}:00Z"


def read_population(path: Path) -> Population:
    """The table of a file."""
    try:
        return Population(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError:
        raise UnusableInput(f"{path} cannot be read.") from None
    except (yaml.YAMLError, KeyError, TypeError) as failure:
        what = f"{path.name} is no table of a population: {type(failure).__name__} {failure}."
        raise UnusableInput(what, where=Span(str(path), 1, 1)) from None
