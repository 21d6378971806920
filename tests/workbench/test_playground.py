"""The playground from outside: what a page posts, and what the service makes of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cds_service.cases.reading import read_cases
from tests.workbench.conftest import Site

MEMBER = "example.cds-service.decisions"


def record_of(told: dict[str, Any]) -> dict[str, Any]:
    records: list[dict[str, Any]] = json.loads(told["response"])["extension"][MEMBER]
    return records[0]


def tried(loaded: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"service": loaded["service"], "request": loaded["request"], "facts": {}, **more}


def suggestion_of(answer: dict[str, Any], part: str) -> tuple[dict[str, Any], dict[str, Any]]:
    for card in answer["cards"]:
        for suggestion in card.get("suggestions", ()):
            if part in suggestion["label"]:
                return card, suggestion
    raise AssertionError(part)


def test_every_case_of_the_content_is_there(site: Site) -> None:
    cases = list(read_cases([Path("plandefinitions")]))
    found = site.client().get("/playground/examples").get_json()
    assert found["count"] == len(cases)
    for identifier in ("V01", "V40"):
        assert site.example(identifier)["request"]["hook"]


@pytest.mark.parametrize(("words", "least"), [("contrast", 5), ("order-dispatch", 1), ("usually-not-appropriate", 5)])
def test_cases_are_found_by_words(site: Site, words: str, least: int) -> None:
    assert site.client().get(f"/playground/examples?q={words}").get_json()["count"] >= least


def test_a_decision_shows_cards_the_rating_on_the_order_and_latency(site: Site) -> None:
    told = site.post("/playground/decide", tried(site.example("V01")))
    assert 'class="card' in told["html"]
    assert 'class="tag appropriate"' in told["html"]
    assert told["milliseconds"] > 0
    assert "curl" in told["curl"]
    assert told["facts"]["vcf_identified"]["matters"] is True


def test_the_playground_decides_as_a_live_call_does(site: Site) -> None:
    loaded = site.example("V10")
    told = json.loads(site.post("/playground/decide", tried(loaded))["response"])
    live = site.call(loaded["service"], loaded["request"])
    assert [card["summary"] for card in told["cards"]] == [card["summary"] for card in live["cards"]]
    assert told["extension"][MEMBER] == live["extension"][MEMBER]


def test_a_fact_that_is_set_changes_the_decision_and_the_change_is_told(site: Site) -> None:
    loaded = site.example("V01")
    before = tried(loaded)
    told = site.post("/playground/decide", tried(loaded, facts={"malignancy_history": {"value": True}}, before=before))
    assert record_of(told)["primaryVariant"] == "V2"
    assert "What changed" in told["html"]
    assert told["facts"]["malignancy_history"]["now"].startswith("yes")
    same = site.post("/playground/decide", tried(loaded, before=before))
    assert "Nothing changed" in same["html"]


def test_a_fact_can_be_unknown_and_have_a_date(site: Site) -> None:
    loaded = site.example("V01")
    unknown = site.post("/playground/decide", tried(loaded, facts={"symptomatic": {"value": None}}))
    assert "symptomatic" in record_of(unknown).get("mustAsk", [])
    dated = site.post(
        "/playground/decide", tried(loaded, facts={"symptomatic": {"value": False, "date": "2025-06-14"}})
    )
    assert dated["facts"]["symptomatic"]["now"] == "no (2025-06-14)"


@pytest.mark.parametrize("facts", [{"nothing": {"value": True}}, {"vcf_new": {"value": "maybe"}}, {"vcf_new": True}])
def test_facts_that_cannot_be_are_refused_in_words(site: Site, facts: Any) -> None:
    answer = site.client().post("/playground/decide", json=tried(site.example("V01"), facts=facts))
    assert answer.status_code == 400
    assert answer.get_json()["message"]


def test_a_suggestion_changes_the_draft_order_and_the_service_is_told(site: Site) -> None:
    loaded = site.example("V02")
    told = site.post("/playground/decide", tried(loaded))
    card, suggestion = suggestion_of(json.loads(told["response"]), "instead")
    applied = site.post("/playground/apply", tried(loaded, actions=suggestion["actions"]))
    assert applied["request"]["context"]["draftOrders"] != loaded["request"]["context"]["draftOrders"]
    after = site.post("/playground/decide", tried({**loaded, "request": applied["request"]}))
    assert record_of(after)["rating"] != record_of(told)["rating"]
    item = {
        "card": card["uuid"], "outcome": "accepted", "acceptedSuggestions": [{"id": suggestion["uuid"]}],
        "outcomeTimestamp": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    assert site.post(f"/playground/feedback/{loaded['service']}", {"feedback": [item]}) == {}


@pytest.mark.parametrize(
    "hook", ["order-select", "order-dispatch", "appointment-book", "encounter-discharge", "patient-view"]
)
def test_a_patient_can_be_taken_to_any_hook(site: Site, hook: str) -> None:
    loaded = site.example("V10")
    moved = site.post("/playground/service", tried(loaded, service=f"vcf-{hook}"))
    told = site.post("/playground/decide", tried({"service": f"vcf-{hook}", "request": moved["request"]}))
    assert json.loads(told["sent"])["hook"] == hook


def test_why_goes_down_to_resources_and_tells_what_would_change_it(site: Site) -> None:
    told = site.post("/playground/why", tried(site.example("V01"), facts={"symptomatic": {"value": None}}))
    text = told["html"]
    assert "What would change it" in text
    assert "Observation/" in text
    assert "rules that stay silent, and why" in text
    assert "usually-appropriate" in text or "usually appropriate" in text


def test_logic_has_the_values_of_the_patient_in_its_margin(site: Site) -> None:
    text = site.post("/playground/logic", tried(site.example("V01"), library="Scenarios"))["html"]
    assert '<span class="tag true">yes</span>' in text
    assert 'class="tag false"' in text


def test_an_order_is_found_by_words_and_by_code(site: Site) -> None:
    client = site.client()
    assert any(code["code"] == "72148" for code in client.get("/playground/orders?q=72148").get_json())
    words = client.get("/playground/orders?q=kyphoplasty").get_json()
    assert any("yphoplasty" in code["display"] for code in words)


def test_a_saved_case_holds(site: Site, tmp_path: Path) -> None:
    from cds_service.cases.running import CaseRunner

    saved = site.post("/playground/case", tried(site.example("V10"), name="my case", says="Saved."))
    file = tmp_path / saved["name"]
    file.write_text(saved["text"])
    case = next(iter(read_cases([file])))
    knowledge = site.prepared.pages.args[0]  # type: ignore[attr-defined]
    result = CaseRunner(knowledge).run(case)
    assert result.passed, result.differences or result.error


def test_what_is_brought_along_becomes_a_call(site: Site) -> None:
    loaded = site.example("V10")
    request = loaded["request"]
    resources = [entry["resource"] for entry in request["context"]["draftOrders"]["entry"]]
    for value in request["prefetch"].values():
        resources += [value] if value and value["resourceType"] == "Patient" else []
        resources += [entry["resource"] for entry in (value or {}).get("entry", ())]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in resources]}
    recorded = {"service": loaded["service"], "asOf": "2025-06-15T09:00:00+00:00", "request": request}
    case = "says: Nothing known\nhook: order-sign\ndraft_orders: [{procedure: mri-spine-wo, levels: [T12]}]\n"
    for text, rating in (
        (json.dumps(request), True),
        (json.dumps(recorded), True),
        (json.dumps(bundle), True),
        (case, False),
    ):
        read = site.post("/playground/read", {"text": text, "service": "vcf-order-sign"})
        told = site.post("/playground/decide", tried(read))
        assert ("rating" in record_of(told)) is rating


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"a": 1}', "just words", '{"hook": "unheard-of", "context": {}}', '{"a":' * 5000]
)
def test_what_cannot_be_used_is_refused_in_words(site: Site, text: str) -> None:
    answer = site.client().post("/playground/read", json={"text": text, "service": ""})
    assert answer.status_code == 400
    assert answer.get_json()["message"]


def test_text_of_an_order_is_escaped(site: Site) -> None:
    loaded = site.example("V01")
    order = loaded["request"]["context"]["draftOrders"]["entry"][0]["resource"]
    order["code"]["text"] = "<img src=x onerror=alert(1)>**bold**"
    told = site.post("/playground/decide", tried(loaded))
    assert "<img" not in told["html"]
    why = site.post("/playground/why", tried(loaded))
    assert "<img" not in why["html"]


def test_what_if_finds_where_a_number_begins_to_matter(site: Site) -> None:
    told = site.post("/playground/why", tried(site.example("V08")))  # a biopsy whose platelet count is not known
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", told["html"]))
    assert "up to 49" in text
    assert "50 or more" in text
