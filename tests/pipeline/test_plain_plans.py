"""Plans that are applied as they are: their actions become cards, what is open is asked, what failed is said."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.hooks.rendering import response_json
from cds_service.hooks.requests import Arrival, RequestParser
from cds_service.knowledge.knowledge import Knowledge
from cds_service.patient_data.sources import Sources
from cds_service.pipeline import Manner, decide
from cds_service.plans.offers import Site
from tests.plans.applying import BASE, PATIENT, activity, known, library, plan, when

FACTS = "https://example.org/facts"
LOGIC = """library Asking
using FHIR version '4.0.1'
context Patient
/*
@fact smokes
@says the patient smokes
*/
define "Smokes": First([Observation] O where exists (O.code.coding C where C.system = 'https://example.org/facts')
  return (O.value as FHIR.boolean).value)
"""
EMPTY = {"resourceType": "Bundle", "type": "searchset"}
FAILED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
SITE = Site("tester", lambda identifier: f"https://cds.example.org/{identifier}")


def trigger(*hooks: str) -> list[dict[str, str]]:
    return [{"type": "named-event", "name": hook} for hook in hooks]


def answer(
    knowledge: Knowledge,
    hook: str = "patient-view",
    language: str | None = None,
    more: Mapping[str, Any] | None = None,
    **prefetch: Any,
) -> dict[str, Any]:
    service = next(service for service in knowledge.services.values() if service.hook == hook)
    context = {"userId": "Practitioner/1", "patientId": "p", "encounterId": "e", **(more or {})}
    body = {"hook": hook, "hookInstance": "1", "context": context, "prefetch": {"patient": PATIENT, **prefetch}}
    parser = RequestParser(hook, knowledge.resource_type)
    request = parser.parse(json.dumps(body).encode(), Arrival(datetime(2025, 6, 15, tzinfo=UTC), "call"))
    return response_json(decide(request, service, knowledge, Sources(), Manner(SITE, language=language)).response)


def summaries(response: Mapping[str, Any]) -> list[str]:
    return [card["summary"] for card in response["cards"]]


def offered(name: str, **rest: Any) -> dict[str, Any]:
    return {"title": name, "definitionCanonical": f"{BASE}/ActivityDefinition/activity", **rest}


@pytest.mark.parametrize(
    ("behaviour", "usual", "labels", "selection", "recommended"),
    [
        (None, ("no", "yes"), ["A", "B"], "any", ["B"]),
        ("any", ("yes", "yes"), ["A", "B"], "any", ["A", "B"]),
        ("one-or-more", ("no", "no"), ["A", "B"], "any", []),
        ("exactly-one", ("yes", "yes"), ["A", "B"], "at-most-one", ["A"]),
        ("at-most-one", ("no", "yes"), ["A", "B"], "at-most-one", ["B"]),
        ("all", ("no", "no"), ["Choose"], "at-most-one", []),
        ("all-or-none", ("no", "yes"), ["Choose"], "at-most-one", []),
    ],
)
def test_choices_are_taken_as_the_plan_says(
    behaviour: str | None, usual: Sequence[str], labels: list[str], selection: str, recommended: list[str]
) -> None:
    choices = [offered(name, precheckBehavior=each) for name, each in zip("AB", usual, strict=True)]
    group = {"title": "Choose", "trigger": trigger("patient-view"), "action": choices}
    group |= {"selectionBehavior": behaviour} if behaviour else {}
    (card,) = answer(known(plan(group), activity("Task")))["cards"]
    assert [each["label"] for each in card["suggestions"]] == labels
    assert card["selectionBehavior"] == selection
    assert [each["label"] for each in card["suggestions"] if each.get("isRecommended")] == recommended
    assert sum(len(each["actions"]) for each in card["suggestions"]) == 2


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        ("exactly-one", {"Choose": ["A", "C"]}),
        ("all", {"Choose": ["Choose"]}),
        (None, {"Choose": [], "A": ["A"], "C": ["C"]}),
    ],
)
def test_alternatives_with_conditions_stay_alternatives(behaviour: str | None, expected: dict[str, list[str]]) -> None:
    choices = [
        offered(n, description=f"Why {n}", condition=[when(c)]) for n, c in (("A", "Yes"), ("B", "No"), ("C", "Yes"))
    ]
    group = {"title": "Choose", "trigger": trigger("patient-view"), "action": choices}
    group |= {"selectionBehavior": behaviour} if behaviour else {}
    cards = answer(known(plan(group), activity("Task")))["cards"]
    assert {c["summary"]: [s["label"] for s in c.get("suggestions", [])] for c in cards} == expected
    actions = [action for card in cards for s in card.get("suggestions", []) for action in s["actions"]]
    assert [action["description"] for action in actions] == ["Why A", "Why C"]


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        ("patient-view", ["At both", "At view", "Whenever"]),
        ("order-sign", ["At both", "Around", "Whenever"]),
        ("encounter-start", ["Around", "Inside", "Whenever"]),
    ],
)
def test_an_action_speaks_at_the_hooks_that_trigger_it(hook: str, expected: list[str]) -> None:
    inside = {"title": "Inside", "trigger": trigger("encounter-start"), "condition": [when("Yes")]}
    knowledge = known(
        plan(
            {"title": "At both", "trigger": trigger("patient-view", "order-sign")},
            {"title": "At view", "trigger": trigger("patient-view")},
            {"title": "Around", "trigger": trigger("order-sign"), "action": [inside]},
            {"title": "Whenever"},
        )
    )
    drafts = {"draftOrders": {"resourceType": "Bundle"}} if hook == "order-sign" else {}
    assert summaries(answer(knowledge, hook, more=drafts)) == expected


def translated(text: str) -> dict[str, Any]:
    parts = [{"url": "lang", "valueCode": "de"}, {"url": "content", "valueString": text}]
    return {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/translation", "extension": parts}]}


@pytest.mark.parametrize(("language", "said"), [(None, "Walk"), ("de", "Gehen"), ("de-CH", "Gehen"), ("fr", "Walk")])
def test_words_come_in_the_language_of_the_answer(language: str | None, said: str) -> None:
    action = {"title": "Walk", "_title": translated("Gehen"), "trigger": trigger("patient-view")}
    assert summaries(answer(known(plan(action)), language=language)) == [said]


INDICATOR = "https://cds-service.example/fhir/StructureDefinition/indicator"
FILLED = {"language": "text/cql", "expression": "'critical'"}


@pytest.mark.parametrize(
    ("more", "indicator"),
    [
        ({}, "info"),
        ({"priority": "urgent"}, "warning"),
        ({"priority": "stat"}, "critical"),
        ({"priority": "stat", "extension": [{"url": INDICATOR, "valueCode": "warning"}]}, "warning"),
        ({"extension": [{"url": INDICATOR, "valueString": "purple"}]}, "info"),
        (
            {
                "extension": [{"url": INDICATOR, "valueString": "warning"}],
                "dynamicValue": [{"path": f"extension('{INDICATOR}').value", "expression": FILLED}],
            },
            "critical",
        ),
        (
            {
                "extension": [{"url": INDICATOR, "valueString": "warning"}],
                "dynamicValue": [{"path": "action.extension", "expression": FILLED}],
            },
            "critical",
        ),
    ],
)
def test_how_serious_a_card_is_comes_from_its_action(more: dict[str, Any], indicator: str) -> None:
    (card,) = answer(known(plan({"title": "T", "trigger": trigger("patient-view"), **more})))["cards"]
    assert card["indicator"] == indicator


def reason(code: str) -> dict[str, Any]:
    """A reason to decline as an extension."""
    parts = {"system": "https://example.org/reasons", "code": code, "display": code.title()}
    nested = [{"url": name, "valueString": text} for name, text in parts.items()]
    return {"url": "https://cds-service.example/fhir/StructureDefinition/override-reason", "extension": nested}


def test_reasons_to_decline_are_those_of_the_plan_and_of_the_action() -> None:
    action = {"title": "T", "trigger": trigger("patient-view"), "extension": [reason("unsafe"), reason("costly")]}
    (card,) = answer(known(plan(action, {"title": ""}, extension=[reason("later"), reason("unsafe")])))["cards"]
    assert [each["code"] for each in card["overrideReasons"]] == ["later", "unsafe", "costly"]


def asking(*, codes: bool = True, **rest: Any) -> Knowledge:
    """A plan that advises smokers; `codes`: it says in which code system facts are filed."""
    advice = {"title": "Stop smoking", "trigger": trigger("patient-view"), "condition": [when("Smokes")], **rest}
    base = "https://cds-service.example/fhir/StructureDefinition"
    extension = [{"url": f"{base}/policy", "extension": [{"url": "facts", "valueString": FACTS}]}] if codes else []
    return known(
        library(LOGIC, "Asking"), plan(advice, library=[f"{BASE}/Library/Asking"], extension=extension, title="Lungs")
    )


def test_an_open_question_is_asked_and_its_answer_decides() -> None:
    knowledge = asking()
    response = answer(knowledge, observation=EMPTY)
    (card,) = response["cards"]
    assert card["summary"] == "The patient smokes?"
    assert "- Stop smoking" in card["detail"]
    assert card["selectionBehavior"] == "at-most-one"
    identifier = card["links"][0]["url"].rpartition("/")[2]
    book = knowledge.services["plan"].questions
    assert book is not None
    assert book.facts_of(identifier) == ("smokes",)
    record = response["extension"]["example.cds-service.decisions"][0]
    assert (record["status"], record["mustAsk"], record["plan"]) == ("ask", ["smokes"], f"{BASE}/PlanDefinition/plan|1")
    for suggestion, expected in zip(card["suggestions"], (["Stop smoking"], []), strict=True):
        filed = {**suggestion["actions"][0]["resource"], "id": "o"}
        assert filed["code"]["coding"] == [{"system": FACTS, "code": "smokes"}]
        decided = answer(knowledge, observation={**EMPTY, "entry": [{"resource": filed}]})
        assert summaries(decided) == expected
        evidence = decided["extension"]["example.cds-service.decisions"][0].get("evidence", [])
        assert [(each["fact"], each["from"]) for each in evidence] == [("smokes", ["Observation/o"])] * len(expected)


@pytest.mark.parametrize(("priority", "indicator"), [("routine", "info"), ("urgent", "warning"), ("stat", "warning")])
def test_a_question_without_codes_is_asked_in_words_as_urgently_as_the_advice(priority: str, indicator: str) -> None:
    (card,) = answer(asking(codes=False, priority=priority), observation=EMPTY)["cards"]
    assert (card["summary"], card["indicator"]) == ("The patient smokes?", indicator)
    assert not {"suggestions", "links"} & set(card)


def test_what_could_not_be_read_is_said() -> None:
    assert summaries(answer(asking(), observation=FAILED)) == [
        "Not everything could be checked: Observation could not be read."
    ]


@pytest.mark.parametrize(
    ("dynamic", "failures"),
    [
        ([], "- Wrong"),
        ([{"path": "title", "expression": {"language": "text/cql-identifier", "expression": "Broken"}}],
         "- Wrong\n- texts of the advice"),
    ],
)  # fmt: skip
def test_texts_that_failed_are_told_beside_actions_that_failed(dynamic: list[Any], failures: str) -> None:
    wrong = {"title": "Wrong", "condition": [when("Broken")], "trigger": trigger("patient-view")}
    failed, right = answer(known(plan(wrong, {"title": "Right", "dynamicValue": dynamic})))["cards"]
    assert failed["detail"].endswith(f"reassurance:\n{failures}")
    assert right["summary"] == "Right"


@pytest.mark.parametrize(("length", "has_detail"), [(100, False), (200, True)])
def test_a_text_that_no_summary_holds_stands_in_full_below(length: int, has_detail: bool) -> None:
    words = "x " * (length // 2 - 1) + "!"
    (card,) = answer(known(plan({"description": words, "trigger": trigger("patient-view")})))["cards"]
    assert (card.get("detail") == words) is has_detail


def test_what_failed_is_named_and_the_rest_is_said() -> None:
    both = plan(
        {"title": "Wrong", "condition": [when("Broken")], "trigger": trigger("patient-view")}, {"title": "Right"}
    )
    response = answer(known(both))
    assert summaries(response) == ["Part of the advice of “plan” could not be worked out.", "Right"]
    assert response["extension"]["example.cds-service.decisions"][0]["failed"] == ["action[0]"]
