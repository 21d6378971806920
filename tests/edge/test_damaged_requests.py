"""Realistic requests with a few values damaged: whatever arrives, the service answers or says what is wrong."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import Client

from benchmarks.charts import Chart
from cds_service.app import create_app, prepare
from tests.edge.applications import settings_for
from tests.edge.requests import bundle

HOOKS = {
    "vcf-patient-view": "patient-view",
    "vcf-order-select": "order-select",
    "vcf-order-sign": "order-sign",
    "vcf-order-dispatch": "order-dispatch",
    "vcf-appointment-book": "appointment-book",
    "vcf-encounter-discharge": "encounter-discharge",
}
DAMAGE: list[Any] = [
    *(
        None,
        "",
        "x",
        0,
        -1,
        1.5,
        1e300,
        -1e-300,
        10**30,
        True,
        [],
        {},
        [None],
        [{}],
        [[]],
        {"a": 1},
        "a" * 5000,
        "é\u0000",
    ),
    *("2025-13-45", "2025-02-30", "2025", "12:00", "9999-12-31T23:59:60Z", "0001-01-01"),
    *("Patient/p1", "#contained", "http://x|1|2", {"reference": 5}, {"coding": [{}]}, {"coding": 5}),
    {"value": 1, "code": "nonsense", "system": "http://unitsofmeasure.org"},
]
CALLS = 40


@pytest.fixture(scope="module")
def caller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    made = create_app(prepare(settings_for(tmp_path_factory.mktemp("damage"), CDS_ALLOW_AS_OF="on")))
    yield Client(made)
    made.close()


def request_for(hook: str, prefetch: dict[str, str]) -> dict[str, Any]:
    """A request of `hook` about a patient with a chart and an order."""
    request: dict[str, Any] = json.loads(Chart().request(prefetch))
    request["hook"] = hook
    request["extension"] = {"example.cds-service.asOf": "2025-10-01T12:00:00Z"}
    context = request["context"]
    (entry,) = context["draftOrders"]["entry"]
    order = entry["resource"]
    reference = f"ServiceRequest/{order['id']}"
    context |= {"selections": [reference], "encounterId": "e1"}
    if hook in ("order-dispatch", "appointment-book"):
        order["code"] = {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "22513"}]}
        appointment = {
            "resourceType": "Appointment",
            "id": "a1",
            "status": "proposed",
            "basedOn": [{"reference": reference}],
        }
        context |= {"dispatchedOrders": [reference], "performer": "Organization/x", "appointments": bundle(appointment)}
        request["prefetch"]["service-request"] = bundle(order)
    return request


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every part of `value`."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*path, key)
        yield from places(part, (*path, key))


def damage(value: dict[str, Any], chance: random.Random, where: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Change `value` in up to four places; those places."""
    changed = []
    for place in chance.sample(where, chance.choice((1, 1, 2, 4))):
        node: Any = value
        for key in place[:-1]:
            if not isinstance(node, (dict, list)) or (isinstance(node, dict) and key not in node):
                break
            node = node[key] if isinstance(node, dict) or key < len(node) else None
        else:
            if isinstance(node, dict) or (isinstance(node, list) and place[-1] < len(node)):
                node[place[-1]] = chance.choice(DAMAGE)
                changed.append(place)
    return changed


@pytest.mark.parametrize("service", sorted(HOOKS))
def test_damage_is_answered_or_named(caller: Client, service: str) -> None:
    listed = {each["id"]: each for each in caller.get("/cds-services").get_json()["services"]}
    sound = request_for(HOOKS[service], listed[service]["prefetch"])
    assert caller.post(f"/cds-services/{service}", json=sound).status_code == 200
    where, chance = list(places(sound)), random.Random(service)
    for _ in range(CALLS):
        value = json.loads(json.dumps(sound))
        changed = damage(value, chance, where)
        answer = caller.post(f"/cds-services/{service}", json=value)
        assert answer.status_code in {200, 400, 412}, changed
        assert "Traceback" not in answer.text
