"""What the clinical tables say about one patient, read straight from them without CQL, plans or FHIR.

The service reaches its decision through plan definitions, CQL and terminology. This module reaches it from the
tables in `clinical/` with nothing but Kleene logic. Where the two disagree, one of them is wrong.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Truth = bool | None
FOLDER = Path(__file__).parent / "clinical"
MISSING = object()  # nothing was recorded; None is an explicit "not known"


@cache
def table(name: str) -> Any:
    """One of the clinical files."""
    with (FOLDER / name).open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream)) if name.endswith(".csv") else yaml.safe_load(stream)


@cache
def fact_rows() -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in table("vocabulary.yaml")["facts"]}


@cache
def procedure_rows() -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in table("vocabulary.yaml")["procedures"]}


@cache
def rule_rows() -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in table("rules.yaml")["rules"]}


@cache
def variant_rows() -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in table("variants.yaml")["variants"]}


@cache
def ratings() -> dict[str, dict[str, tuple[str, bool]]]:
    found: dict[str, dict[str, tuple[str, bool]]] = {}
    for row in table("appropriateness.csv"):
        found.setdefault(row["variant_id"], {})[row["procedure_id"]] = (
            row["rating"],
            row["panel_disagreement"] == "true",
        )
    return found


@dataclass
class Chart:
    """The facts of one patient: what was asserted, then what follows from it, then the missing policy."""

    asserted: Mapping[str, Any]
    age: int | None = None
    sex: str | None = None
    levels: int = 0
    assumed: dict[str, Any] = field(default_factory=dict)

    def value(self, fact: str) -> Any:
        if fact in self.assumed:
            return self.assumed[fact]
        raw = self.raw(fact)
        if raw is not MISSING:
            return raw
        row = fact_rows()[fact]
        if "default" in row:
            return row["default"]
        if row.get("missing") in ("none-known", "note") and row["type"] == "tri":
            return False
        return None

    def raw(self, fact: str) -> Any:
        if fact in self.asserted:
            return self.asserted[fact]
        if fact == "age_years" and self.age is not None:
            return self.age
        if fact == "sex" and self.sex is not None:
            return self.sex
        if fact == "levels_ordered" and self.levels:
            return self.levels
        if fact == "pregnant":
            low, high = table("vocabulary.yaml")["thresholds"]["pregnancy_age_range"]["value"]
            if self.sex == "male" or (self.age is not None and not low <= self.age <= high):
                return False
        if fact == "fracture_etiology":
            return self.etiology()
        row = fact_rows()[fact]
        if "derived" in row:
            return self.holds(row["derived"])
        if fact == "severe_height_loss" and self.number("height_loss_pct", 0) >= 67:
            return True
        if fact in ("epidural_tumor_significant", "metastatic_cord_compression") and self.asserted.get(
            "escc_grade"
        ) in ("2", "3"):
            return True
        return MISSING

    def number(self, fact: str, otherwise: float) -> float:
        value = self.asserted.get(fact)
        return otherwise if value is None else float(value)

    def etiology(self) -> Any:
        malignancy = self.value("malignancy_history")
        if malignancy is not False:
            return None
        suspicion = [self.value("malignant_imaging_features"), self.value("osteomyelitis_suspected")]
        trauma, porosis = self.value("rf_significant_trauma"), self.value("osteoporosis_diagnosed")
        if suspicion != [False, False]:
            return None
        if porosis is True and trauma is False:
            return "presumed-osteoporotic"
        if trauma is True and porosis is False:
            return "traumatic"
        return None

    def holds(self, when: Mapping[str, Any]) -> Truth:
        if "all" in when:
            return conjunction(self.holds(part) for part in when["all"])
        if "any" in when:
            return negation(conjunction(negation(self.holds(part)) for part in when["any"]))
        if "not" in when:
            return negation(self.holds(when["not"]))
        if "none_of_rules" in when:
            return conjunction(negation(self.holds(rule_rows()[rule]["when"])) for rule in when["none_of_rules"])
        return self.leaf(when)

    def leaf(self, when: Mapping[str, Any]) -> Truth:
        fact = when["fact"]
        value = self.value(fact)
        if value is None:
            explicit = fact in self.asserted or fact == "fracture_etiology"
            lenient = fact_rows()[fact].get("missing") in ("none-known", "note") and fact_rows()[fact]["type"] != "tri"
            return False if lenient and not explicit else None
        for operator, other in when.items():
            match operator:
                case "is" | "eq":
                    return bool(value == other)
                case "in":
                    return value in other
                case "gt":
                    return bool(value > other)
                case "ge":
                    return bool(value >= other)
                case "lt":
                    return bool(value < other)
                case "le":
                    return bool(value <= other)
        raise AssertionError(when)

    def needs(self, when: Mapping[str, Any]) -> set[str]:
        """The facts that keep `when` undecided."""
        if self.holds(when) is not None:
            return set()
        if "all" in when or "any" in when:
            return set().union(*(self.needs(part) for part in when.get("all", when.get("any"))))
        if "not" in when:
            return self.needs(when["not"])
        if "none_of_rules" in when:
            return set().union(*(self.needs(rule_rows()[rule]["when"]) for rule in when["none_of_rules"]))
        row = fact_rows()[when["fact"]]
        if "derived" in row and "ask_as" not in row:
            return self.needs(row["derived"])
        return {row.get("ask_as", when["fact"])}

    def with_assumed(self, fact: str, value: Any) -> Chart:
        return Chart(self.asserted, self.age, self.sex, self.levels, {**self.assumed, fact: value})


def conjunction(parts: Iterable[Truth]) -> Truth:
    values = list(parts)
    return False if False in values else None if None in values else True


def negation(value: Truth) -> Truth:
    return None if value is None else not value


def family(procedure: str) -> tuple[str, ...]:
    parent = procedure_rows()[procedure].get("parent")
    return (procedure, parent) if parent else (procedure,)


def rule_applies(rule: Mapping[str, Any], procedure: str | None) -> bool:
    if "all-orders" in rule["applies_to"]:
        return True
    if procedure is None or procedure in rule.get("not_for", ()):
        return False
    return any(name in (*rule["applies_to"], *rule.get("applies_by_extension", ())) for name in family(procedure))


def rated_as(procedure: str) -> str:
    row = procedure_rows()[procedure]
    return row["parent"] if "parent" in row and procedure != "sacroplasty" else procedure


def absolute_for(chart: Chart, procedure: str) -> list[str]:
    return [
        rule["id"]
        for rule in rule_rows().values()
        if rule["severity"] == "absolute" and rule_applies(rule, procedure) and chart.holds(rule["when"]) is True
    ]


def select(chart: Chart, phase: str) -> tuple[dict[str, Truth], str | None, list[str]]:
    """Every scenario's truth, the true one that leads, and the undecided ones that outrank it."""
    order = table("variants.yaml")["precedence"][phase]
    truth = {name: chart.holds(variant_rows()[name]["criteria"]) for name in order}
    top = next((name for name in order if truth[name] is True), None)
    above = order[: order.index(top)] if top else order
    return truth, top, [name for name in above if truth[name] is None]


def read(chart: Chart, procedure: str) -> dict[str, Any]:
    """The decision for one order, with the keys of the service's decision record."""
    found: dict[str, Any] = {"procedure": procedure}
    emergency = False
    asks: set[str] = set()
    lists: dict[str, list[str]] = {"absolute": [], "relative": [], "cautions": [], "info": []}
    for rule in rule_rows().values():
        if "when" not in rule or not rule_applies(rule, procedure):
            continue
        truth = chart.holds(rule["when"])
        if truth is True:
            lists["cautions" if rule["severity"] == "caution" else rule["severity"]].append(rule["id"])
            emergency = emergency or bool(rule.get("emergency"))
        elif truth is None and rule["unknown_action"] == "ask":
            asks |= chart.needs(rule["when"])
    found |= {name: sorted(ids) for name, ids in lists.items() if ids}
    if asks:
        found["safetyAsk"] = sorted(asks)
    phase = procedure_rows()[procedure]["phase"]
    parent = rated_as(procedure)
    if not procedure_rows()[parent].get("rated"):
        found |= decide_unrated(chart, procedure)
    elif chart.value("target_level_in_scope") is False:
        found["status"] = "no-variant"
    else:
        found |= decide_rated(chart, phase, procedure, parent)
    serious = found.get("rating") == "usually-not-appropriate" or found["status"] == "ask" or asks
    found["indicator"] = (
        "critical"
        if lists["absolute"] or emergency
        else "warning"
        if serious or lists["relative"] or lists["cautions"]
        else "info"
    )
    return found


def decide_unrated(chart: Chart, procedure: str) -> dict[str, Any]:
    return {"status": "no-variant" if procedure == "sacroplasty" else "not-rated"}


def decide_rated(chart: Chart, phase: str, procedure: str, parent: str) -> dict[str, Any]:
    truth, top, undecided = select(chart, phase)
    found: dict[str, Any] = {}
    if undecided:
        found["status"] = "ask"
        found["mustAsk"] = sorted(set().union(*(chart.needs(variant_rows()[name]["criteria"]) for name in undecided)))
        possible = {ratings()[name].get(parent, (None, False))[0] for name in [*undecided, *([top] if top else [])]}
        if len(possible) == 1 and None not in possible:
            found["provisionalRating"] = possible.pop()
    elif top:
        found["primaryVariant"] = top
        if also := [name for name, value in truth.items() if value is True and name != top]:
            found["alsoMatches"] = sorted(also)
        rating, disagreement = ratings()[top].get(parent, (None, False))
        found["status"] = "decided" if rating else "not-rated"
        if rating:
            found["rating"] = rating
        if disagreement:
            found["panelDisagreement"] = True
        if rating != "usually-appropriate" or absolute_for(chart, procedure):
            others = [name for name in ratings()[top] if name != parent and not absolute_for(chart, name)]
            for wanted in ("usually-appropriate", "may-be-appropriate"):
                if offered := [name for name in others if ratings()[top][name][0] == wanted]:
                    found["alternatives"] = offered
                    break
    else:
        found["status"] = "no-variant"
    notes = open_notes(chart, phase, truth, None if undecided else top)
    if notes:
        found["notesUnknown"] = sorted(notes)
    return found


def open_notes(chart: Chart, phase: str, truth: Mapping[str, Truth], top: str | None) -> set[str]:
    """Missing facts with policy note that would lift a false scenario above the chosen one."""
    order = table("variants.yaml")["precedence"][phase]
    above = [name for name in (order[: order.index(top)] if top else order) if truth[name] is False]
    missing = [name for name, row in fact_rows().items() if row.get("missing") == "note" and chart.raw(name) is MISSING]
    return {
        fact
        for fact in missing
        if any(chart.with_assumed(fact, True).holds(variant_rows()[name]["criteria"]) is not False for name in above)
    }
