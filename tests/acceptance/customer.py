"""An EHR that calls the service: it fills the prefetch that discovery asks for, and checks every answer it gets."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from werkzeug.test import Client, TestResponse

from tests.acceptance.charts import NOW, Resource, bundle, patient

LEFT_OUT = object()
"""A prefetch key that is not sent at all."""

_INDICATORS = {"info", "warning", "critical"}
_LISTS = (
    {"alsoMatches", "absolute", "relative", "cautions", "info", "imagingSafety", "mustAsk", "safetyAsk", "notesUnknown"}
    | {"alternatives", "suggestedNext", "careFlags", "levels", "candidates", "evidence"}
)  # fmt: skip


class Answer:
    """A valid answer of a hook call."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.cards: list[dict[str, Any]] = body["cards"]
        self.actions: list[dict[str, Any]] = body.get("systemActions", [])
        self.records: list[dict[str, Any]] = body.get("extension", {}).get("example.cds-service.decisions", [])

    @property
    def record(self) -> dict[str, Any]:
        """The only record."""
        (found,) = self.records
        return found

    @property
    def buttons(self) -> list[dict[str, Any]]:
        return [suggestion for card in self.cards for suggestion in card.get("suggestions", [])]

    @property
    def text(self) -> str:
        return json.dumps(self.cards)


class Customer:
    """Calls the service as clients of CDS Hooks 2.0 do."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.services = {each["id"]: each for each in client.get("/cds-services").get_json()["services"]}

    def prefetch(self, service: str, data: Sequence[Resource], who: Resource) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, template in self.services[service]["prefetch"].items():
            name = template.partition("?")[0].partition("/")[0]
            members = [who] if name == "Patient" else [each for each in data if each["resourceType"] == name]
            found[key] = bundle(members) if "?" in template else (members[0] if members else None)
        return found

    def request(
        self,
        orders: Sequence[Resource] = (),
        data: Sequence[Resource] = (),
        service: str = "vcf-order-sign",
        who: Resource | None = None,
        sent: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """The body of a call; `sent` replaces prefetch values, `context` members of the context."""
        hook = self.services[service]["hook"]
        about: dict[str, Any] = {"userId": "Practitioner/d1", "patientId": "p1"}
        match hook:
            case "order-sign" | "order-select":
                about["draftOrders"] = bundle(orders)
            case "appointment-book":
                about["appointments"] = bundle(orders)
            case "encounter-discharge":
                about["encounterId"] = "e1"
            case "order-dispatch":
                del about["userId"]
        if hook == "order-select":
            about["selections"] = [f"ServiceRequest/{each['id']}" for each in orders]
        prefetch = self.prefetch(service, data, who or patient()) | dict(sent or {})
        return {
            "hook": hook,
            "hookInstance": str(uuid.uuid4()),
            "context": about | dict(context or {}),
            "prefetch": {key: value for key, value in prefetch.items() if value is not LEFT_OUT},
            "extension": {"example.cds-service.asOf": NOW},
            **more,
        }

    def post(self, body: Any, service: str = "vcf-order-sign") -> TestResponse:
        return self.client.post(f"/cds-services/{service}", json=body)

    def ask(self, *given: Any, **more: Any) -> Answer:
        """What comes back for a call that must be answered; whatever comes back is checked against the standard."""
        body = self.request(*given, **more)
        answer = self.post(body, more.get("service", "vcf-order-sign"))
        assert answer.status_code == 200, answer.text
        assert_valid(answer.get_json())
        return Answer(answer.get_json())


def assert_valid(body: dict[str, Any]) -> None:
    """What the standard says of every answer."""
    assert not list(_empty(body)), list(_empty(body))
    uuids = [card["uuid"] for card in body["cards"]]
    uuids += [s["uuid"] for card in body["cards"] for s in card.get("suggestions", [])]
    assert len(set(uuids)) == len(uuids)
    assert all(str(uuid.UUID(each)) == each for each in uuids)
    for card in body["cards"]:
        _assert_card(card)
    root = body.get("extension", {})
    assert root.get("systemActions") == body.get("systemActions")
    for action in body.get("systemActions", []):
        assert action["type"] == "update"
        assert action["description"]
        assert action["resource"]["id"]
    for record in root.get("example.cds-service.decisions", []):
        assert record["status"] in {"decided", "ask", "no-variant", "not-rated", "advisory"}
        assert record["indicator"] in _INDICATORS
        assert all(isinstance(record[name], list) for name in _LISTS & set(record))
        assert "|" in record["plan"]
        assert ("rating" in record) == (record["status"] == "decided")
        assert ("mustAsk" in record) == (record["status"] == "ask")


def _assert_card(card: dict[str, Any]) -> None:
    assert 0 < len(card["summary"]) < 140
    assert card["indicator"] in _INDICATORS
    assert card["source"]["label"]
    assert card["source"]["topic"]["code"]
    assert card["source"]["topic"]["system"]
    assert "<" not in card.get("detail", "")
    assert ("selectionBehavior" in card) == ("suggestions" in card)
    recommended = [each for each in card.get("suggestions", []) if each.get("isRecommended")]
    assert card.get("selectionBehavior") in {None, "any", "at-most-one"}
    assert len(recommended) <= 1 or card["selectionBehavior"] == "any"
    for suggestion in card.get("suggestions", []):
        assert suggestion["label"]
        for action in suggestion["actions"]:
            assert action["type"] in {"create", "update"}
            assert action["description"]
            assert action["resource"]["resourceType"]
            assert ("id" in action["resource"]) == (action["type"] == "update")
    for reason in card.get("overrideReasons", []):
        assert reason["code"]
        assert reason["system"]
        assert reason["display"]
    for link in card.get("links", []):
        assert link["label"]
        assert link["url"].startswith("http")
        assert link["type"] in {"absolute", "smart"}
        assert "p1" not in link["url"].split("/")


def _empty(value: Any, path: str = "") -> Iterator[str]:
    """Where an answer has something null or empty that must not be."""
    if value is None or value == "" or (value in ([], {}) and path != ".cards"):
        yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield from _empty(member, f"{path}.{name}")
