"""Invented patients whose charts reach every scenario and rule, at any size, the same ones for the same seed.

Each begins as one of the cases that come with the content, in turn. It gets an identity of its own, its dates move,
the rest of a life is added around it, and some lose a fact or have a value that is a little off, so that questions and
borders are met too.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from cds_service.cases.charts import hook_call
from cds_service.cases.reading import Case
from cds_service.fhir.structs.encoding import encode
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.services import KnownService
from cds_service.replay.failures import UnusableInput
from cds_service.replay.population import Population

_DATE = re.compile(r"^\d{4}-\d\d-\d\d(T\d\d:\d\d.*)?$")
_LOSES = 0.15  # chance of each statement and value to be missing in a chart that varies
_OFF = 0.05  # how far values are off there, as a share


@dataclass(frozen=True, slots=True)
class Mould:
    """What the charts are made of."""

    size: int = 15_000  # bytes of one request, about
    varied: float = 0.5  # share of charts that differ from their case in a fact or value
    moved_days: int = 400  # dates of a patient move back by up to this much


class Generator:
    """Makes hook requests; number `n` is the same for the same seed, cases and mould."""

    def __init__(
        self, knowledge: Knowledge, cases: Iterable[Case], population: Population, mould: Mould, seed: int = 1
    ) -> None:
        self._knowledge, self._population, self._mould, self._seed = knowledge, population, mould, seed
        self._cases = list(_usable(cases, knowledge))
        if not self._cases:
            raise UnusableInput("There are no cases to begin with.", remedy="Name content that has cases.")

    @property
    def cases(self) -> int:
        """So many patients are needed to meet every case once."""
        return len(self._cases)

    def request(self, number: int) -> dict[str, Any]:
        """The request about patient `number`, with the decision time in its extension."""
        case, service = self._cases[number % len(self._cases)]
        chance = random.Random(f"{self._seed}/{number}")  # noqa: S311  # no secret: a seed is meant to repeat
        member = f"{self._knowledge.namespace}.asOf"
        call = hook_call(case, service, member)
        if number >= len(self._cases) and chance.random() < self._mould.varied:
            call = _vary(call, chance)
        days = timedelta(days=7 * chance.randint(0, self._mould.moved_days // 7))
        names = _Names(f"s{self._seed}-{number}", _references(call))
        call = _rewrite(call, names, days)
        self._fill(call, service, chance, date.fromisoformat(call["extension"][member][:10]))
        return {**call, "hookInstance": f"s{self._seed}-{number}"}

    def _fill(self, call: dict[str, Any], service: KnownService, chance: random.Random, as_of: date) -> None:
        """Add noise under the keys it belongs to until the size is reached."""
        keys = {need.type_name: need.key for need in service.needs if not need.is_read}
        patient = call["context"]["patientId"]
        room = self._mould.size - len(encode(call))
        number = 0
        while room > 0 and keys:
            number += 1
            resource = self._population.draw(chance, patient, as_of, number)
            resource["id"] = f"{patient}-{resource['id']}"
            room -= len(encode(resource)) + 15
            key = keys.get(resource["resourceType"])
            bundle = call["prefetch"].get(key) if key else None
            if isinstance(bundle, dict) and bundle.get("resourceType") == "Bundle":
                bundle.setdefault("entry", []).append({"resource": resource})


def chart(call: dict[str, Any]) -> list[dict[str, Any]]:
    """All resources of a request: what was prefetched, and what is drafted."""
    found: list[dict[str, Any]] = []
    for value in (*call.get("prefetch", {}).values(), *call["context"].values()):
        if isinstance(value, dict):
            inner = value.get("entry", ()) if value.get("resourceType") == "Bundle" else [{"resource": value}]
            found += [entry["resource"] for entry in inner]
    return [resource for resource in found if resource["resourceType"] != "OperationOutcome"]


def bundle(call: dict[str, Any]) -> dict[str, Any]:
    """A request as the Bundle of one patient; its timestamp is the decision time."""
    as_of = next(iter(call["extension"].values()))
    entries = [{"resource": resource} for resource in chart(call)]
    return {"resourceType": "Bundle", "type": "collection", "timestamp": as_of, "entry": entries}


def _usable(cases: Iterable[Case], knowledge: Knowledge) -> Iterator[tuple[Case, KnownService]]:
    for case in cases:
        service = knowledge.service_for(case.hook)
        if service is not None and case.request is None and not case.unreadable:
            yield case, service


class _Names:
    """New ids for all resources of a request."""

    def __init__(self, prefix: str, known: Sequence[tuple[str, str]]) -> None:
        self.patient = prefix
        self._ids = {(kind, ident): prefix if kind == "Patient" else f"{prefix}-{ident}" for kind, ident in known}

    def of(self, kind: str, ident: str) -> str:
        return self._ids.get((kind, ident), ident)

    def reference(self, text: str) -> str:
        kind, slash, ident = text.partition("/")
        return f"{kind}/{self._ids[(kind, ident)]}" if slash and (kind, ident) in self._ids else text


def _references(value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        own = [(value["resourceType"], value["id"])] if "resourceType" in value and "id" in value else []
        return own + [each for part in value.values() for each in _references(part)]
    return [each for part in value for each in _references(part)] if isinstance(value, list) else []


def _rewrite(value: Any, names: _Names, days: timedelta) -> Any:
    """A copy with new ids, and with dates moved back."""
    if isinstance(value, dict):
        inner = value.get("resourceType")
        copied = {name: _rewrite(part, names, days) for name, part in value.items()}
        if inner and "id" in value:
            copied["id"] = names.of(inner, value["id"])
        if "patientId" in value:
            copied["patientId"] = names.patient
        return copied
    if isinstance(value, (list, tuple)):
        return [_rewrite(part, names, days) for part in value]
    if isinstance(value, str):
        if _DATE.match(value):
            return (date.fromisoformat(value[:10]) - days).isoformat() + value[10:]
        return names.reference(value)
    return value


def _vary(call: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """A copy in which some statements are missing and some values are off."""
    prefetch: dict[str, Any] = {}
    for key, value in call["prefetch"].items():
        if isinstance(value, dict) and value.get("resourceType") == "Bundle":
            entries = [entry for entry in value.get("entry", ()) if chance.random() >= _LOSES]
            value = {**value, "entry": [{"resource": _off(entry["resource"], chance)} for entry in entries]}
        prefetch[key] = value
    return {**call, "prefetch": prefetch}


def _off(resource: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    quantity = resource.get("valueQuantity")
    if not isinstance(quantity, dict) or isinstance(quantity.get("value"), bool) or "value" not in quantity:
        return resource
    value = float(quantity["value"])
    moved = value * (1 + chance.uniform(-_OFF, _OFF))
    shown = round(moved) if float(value).is_integer() else round(moved, 1)
    return {**resource, "valueQuantity": {**quantity, "value": shown}}
