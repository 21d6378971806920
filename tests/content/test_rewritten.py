"""A call that was written anew with only what logic can find is decided as the call itself, whatever is answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from cds_service.cases.charts import hook_call
from cds_service.cases.reading import Case, read_cases
from cds_service.hooks.rendering import encode_json, response_json
from cds_service.hooks.requests import Arrival, HookRequest, RequestParser
from cds_service.hooks.rewriting import rewritten
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.services import KnownService
from cds_service.patient_data.sources import Sources
from cds_service.pipeline import Decision, decide
from cds_service.workbench.assertions import question_book, with_assertions
from tests.content.conftest import CONTENT

CALL = "0f6f2c0e-5d0c-4a5e-9a5c-3b1d4c1f7a10"
# Nothing looks for these: blood counts, a repaired hernia, a cold.
LOINC, SNOMED, ICD = "http://loinc.org", "http://snomed.info/sct", "http://hl7.org/fhir/sid/icd-10-cm"
NOISE = {
    "observation": ("Observation", LOINC, ("718-7", "4544-3", "6690-2")),
    "procedure": ("Procedure", SNOMED, ("44558001",)),
    "condition": ("Condition", ICD, ("J00",)),
}


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def noisy(call: dict[str, Any]) -> dict[str, Any]:
    """The call with resources in its prefetch that matter to nothing."""
    patient = call["context"]["patientId"].removeprefix("Patient/")
    for key, (kind, system, codes) in NOISE.items():
        bundle = call["prefetch"].get(key)
        if not bundle or bundle.get("resourceType") != "Bundle":
            continue
        subject = {"reference": f"Patient/{patient}"}
        resources = [
            {
                "resourceType": kind,
                "id": f"noise-{code}",
                "status": "final",
                "subject": subject,
                "code": coded(system, code),
            }
            for code in codes
        ]
        bundle["entry"] = [*bundle.get("entry", ()), *({"resource": resource} for resource in resources)]
    return call


class Decider:
    """Decides calls of one service at the time that they say."""

    def __init__(self, knowledge: Knowledge, service: KnownService) -> None:
        self.knowledge, self.service = knowledge, service
        self.parser = RequestParser(service.hook, knowledge.resource_type)
        self.member = f"{knowledge.namespace}.asOf"

    def decide(self, body: bytes) -> tuple[HookRequest, Decision]:
        """The request and what it comes to."""
        arrival = Arrival(datetime(2025, 1, 1, tzinfo=UTC), CALL, as_of_member=self.member)
        request = self.parser.parse(body, arrival)
        return request, decide(request, self.service, self.knowledge, Sources())

    def answer(self, body: bytes) -> dict[str, Any]:
        """What a call is answered."""
        return response_json(self.decide(body)[1].response)

    def answered(self, body: bytes, fact: str, value: Any, as_of: str) -> dict[str, Any]:
        """What it is answered once somebody has said something."""
        said = with_assertions(msgspec.json.decode(body), self.service, {fact: {"value": value}}, as_of)
        return self.answer(encode_json(said))


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return list(read_cases([CONTENT]))


def asked_of(answer: dict[str, Any], namespace: str) -> list[str]:
    records = answer.get("extension", {}).get(f"{namespace}.decisions", ())
    return [fact for record in records for fact in (*record.get("mustAsk", ()), *record.get("safetyAsk", ()))]


def test_calls_of_all_cases(content_knowledge: Knowledge, cases: list[Case]) -> None:
    knowledge = content_knowledge
    shorter = asked = 0
    for case in cases:
        service = knowledge.service_for(case.hook)
        assert service is not None
        decider = Decider(knowledge, service)
        body = encode_json(noisy(hook_call(case, service, decider.member)))
        request, decision = decider.decide(body)
        unsought = decision.trace.facts.unsought(knowledge.looked_through)
        if unsought is None:
            continue
        again = rewritten(request, unsought)
        assert again is not None
        assert b"noise-J00" not in again
        assert b"noise-718-7" not in again
        shorter += b"noise-J00" in body
        answer = response_json(decision.response)
        assert decider.answer(again) == answer, case.id
        book = question_book(service)
        questions = book.questions if book is not None else {}
        for fact in [fact for fact in asked_of(answer, knowledge.namespace) if fact in questions][:2]:
            options = questions[fact].options
            value = options[0].code if options else True if questions[fact].type == "boolean" else None
            as_of = request.as_of.isoformat()
            assert decider.answered(again, fact, value, as_of) == decider.answered(body, fact, value, as_of), case.id
            asked += 1
    assert shorter > 300
    assert asked > 100


def test_what_nobody_looks_for_is_told_where_it_is_known(content_knowledge: Knowledge, cases: list[Case]) -> None:
    """Types that logic looks through stay whole, and everything where it follows references."""
    looked_through = content_knowledge.looked_through
    assert {"MedicationRequest", "Encounter", "ServiceRequest", "Patient"} <= looked_through
    assert not {"Observation", "Condition", "Procedure", "Resource"} & looked_through
    case = next(case for case in cases if case.hook == "order-sign")
    service = content_knowledge.service_for(case.hook)
    assert service is not None
    decider = Decider(content_knowledge, service)
    _, decision = decider.decide(encode_json(noisy(hook_call(case, service, decider.member))))
    facts = decision.trace.facts
    assert facts.unsought(looked_through)
    assert facts.unsought({*looked_through, "Resource"}) is None
