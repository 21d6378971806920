"""Facts that a person sets in a form: Observations that take the place of what was asserted before."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from cds_service.knowledge.services import KnownService
from cds_service.plans.extensions import listed
from cds_service.plans.questions import Question, QuestionBook
from cds_service.workbench.bench import UnusableInput

_ABSENT = {"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown"}


def question_book(service: KnownService) -> QuestionBook | None:
    """The questions of a service; None for one that asks none."""
    return service.questions


def with_assertions(
    request: Mapping[str, Any], service: KnownService, facts: Mapping[str, Any], as_of: str
) -> dict[str, Any]:
    """The request with each of `facts` (`{"value": true, "date": "2025-06-01"}`, value None: unknown) asserted."""
    book = question_book(service)
    if not facts or book is None:
        return dict(request)
    made = observations_of(request, service, facts, as_of)
    named = [{"id": f"said-{number}", **observation} for number, observation in enumerate(made, 1)]
    return filed(request, service, named, replacing=book.facts_system)


def observations_of(
    request: Mapping[str, Any], service: KnownService, facts: Mapping[str, Any], as_of: str
) -> list[dict[str, Any]]:
    """The Observations that assert `facts` about the patient of the request."""
    book = question_book(service)
    if book is None:
        return []
    context = request.get("context")
    patient = context.get("patientId") if isinstance(context, Mapping) else None
    subject = f"Patient/{str(patient or '').removeprefix('Patient/')}"
    return [_observation(book, fact, said, subject, as_of) for fact, said in facts.items()]


def _observation(book: QuestionBook, fact: str, said: Any, subject: str, as_of: str) -> dict[str, Any]:
    question = book.questions.get(fact)
    if question is None or not isinstance(said, Mapping):
        raise UnusableInput("A fact was set that is not known here.", remedy="Load the page again.")
    effective = str(said.get("date") or as_of)
    answer = read_answer(question, said.get("value"))
    if answer is None:
        observation = book.observation(fact, True, subject, effective)
        del observation["valueBoolean"]
        return {**observation, "dataAbsentReason": {"coding": [dict(_ABSENT)]}}
    return book.observation(fact, answer, subject, effective)


def read_answer(question: Question, value: Any) -> Any:
    """What was chosen or typed as the answer to a question; None: explicitly unknown."""
    if value is None or isinstance(value, bool):
        return value
    text = str(value).strip()
    if question.type == "boolean":
        if text in {"true", "false"}:
            return text == "true"
        raise UnusableInput(f"The answer to “{question.text}” must be yes or no.")
    if question.options:
        found = next((option for option in question.options if option.code == text), None)
        if found is None:
            raise UnusableInput(f"The answer to “{question.text}” must be one of those offered.")
        return found
    try:
        number = Decimal(text)
        if not number.is_finite() or abs(number.adjusted()) > 12:
            raise InvalidOperation
    except InvalidOperation:
        raise UnusableInput(f"The answer to “{question.text}” must be a number.") from None
    if question.type != "integer":
        return number
    if number != number.to_integral_value():
        raise UnusableInput(f"The answer to “{question.text}” must be a whole number.")
    return int(number)


def filed(
    request: Mapping[str, Any], service: KnownService, resources: list[dict[str, Any]], replacing: str | None = None
) -> dict[str, Any]:
    """The request with `resources` among its prefetched data.

    With `replacing`, observations of the same code in that code system give way to those that are filed.
    """
    written = request.get("prefetch")
    prefetch = dict(written) if isinstance(written, Mapping) else {}
    codes = {code for resource in resources for code in _codes(resource, replacing)} if replacing else set()
    if codes:
        prefetch = {key: _without(value, codes, replacing or "") for key, value in prefetch.items()}
    for resource in resources:
        key = _key(service, prefetch, str(resource.get("resourceType")))
        before = prefetch.get(key)
        entries = list(before.get("entry") or []) if isinstance(before, Mapping) else []
        bundle = dict(before) if isinstance(before, Mapping) else {"resourceType": "Bundle", "type": "searchset"}
        prefetch[key] = {**bundle, "entry": [*entries, {"resource": resource}]}
    return {**request, "prefetch": prefetch}


def _key(service: KnownService, prefetch: Mapping[str, Any], type_name: str) -> str:
    """Where resources of a type go: the service's own key, unless the call has something else there."""
    own = next((need.key for need in service.needs if need.type_name == type_name and not need.is_read), None)
    candidates = [own] if own is not None else []
    candidates += [key for key, value in prefetch.items() if _holds(value, type_name)]
    candidates.append(f"said-{type_name.lower()}")
    for key in candidates:
        before = prefetch.get(key)
        if before is None or (isinstance(before, Mapping) and before.get("resourceType") == "Bundle"):
            return key
    return candidates[-1]


def _holds(value: Any, type_name: str) -> bool:
    return isinstance(value, Mapping) and any(
        isinstance(entry, Mapping) and (entry.get("resource") or {}).get("resourceType") == type_name
        for entry in listed(value.get("entry"))
    )


def _codes(resource: Any, system: str | None) -> set[str]:
    if not isinstance(resource, Mapping) or not isinstance(resource.get("code"), Mapping):
        return set()
    codings = [coding for coding in listed(resource["code"].get("coding")) if isinstance(coding, Mapping)]
    return {str(coding.get("code")) for coding in codings if coding.get("system") == system}


def _without(value: Any, codes: set[str], system: str) -> Any:
    if not isinstance(value, Mapping) or not isinstance(value.get("entry"), list):
        return value
    kept = [
        entry
        for entry in value["entry"]
        if not (isinstance(entry, Mapping) and _codes(entry.get("resource"), system) & codes)
    ]
    return {**value, "entry": kept}
