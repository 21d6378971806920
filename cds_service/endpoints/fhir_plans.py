"""The plan part of /fhir: loaded definitions to read and search, `$apply`, `$data-requirements` and `$evaluate`."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import flask
from flask import Blueprint, Response

from cds_service.endpoints.bodies import read_json
from cds_service.endpoints.outcomes import fhir_response
from cds_service.fhir.limits import Limits
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.operations import (
    NotLoaded,
    OperationRefused,
    apply_operation,
    data_requirements,
    evaluate_library,
    read_apply_inputs,
    render_applied,
)
from cds_service.knowledge.reading import CqlText
from cds_service.plans.definitions import Plan

_TYPES = "<any(PlanDefinition, ActivityDefinition, Library, Questionnaire, Measure):kind>"
_PAGE = 100
_SEARCHES = ("url", "_id", "name", "version", "title", "status")


def fhir_plans(current: Callable[[], Knowledge], limits: Limits) -> Blueprint:
    """Reading, searching and the operations on plans and libraries."""
    blueprint = Blueprint("fhir_plans", __name__)

    @blueprint.get(f"/fhir/{_TYPES}/<identifier>")
    def read(kind: str, identifier: str) -> Response:
        found = resources(current(), kind, _id=identifier)
        if not found:
            raise NotLoaded(f"There is no {kind} with the id {identifier!r}.")
        return fhir_response(found[0])

    @blueprint.get(f"/fhir/{_TYPES}")
    def search(kind: str) -> Response:
        args = flask.request.args
        wanted = {name: args[name] for name in _SEARCHES if name in args}
        return fhir_response(_searchset(resources(current(), kind, **wanted)))

    @blueprint.post("/fhir/PlanDefinition/<identifier>/$apply")
    @blueprint.post("/fhir/PlanDefinition/$apply", defaults={"identifier": None})
    def apply(identifier: str | None) -> Response:
        return _apply(identifier, as_bundle=False)

    @blueprint.post("/fhir/PlanDefinition/<identifier>/$r5.apply")
    @blueprint.post("/fhir/PlanDefinition/$r5.apply", defaults={"identifier": None})
    def apply_as_bundle(identifier: str | None) -> Response:
        return _apply(identifier, as_bundle=True)

    def _apply(identifier: str | None, *, as_bundle: bool) -> Response:
        knowledge = current()
        parameters = _body()
        plan = _plan(knowledge, identifier, parameters)
        applied = apply_operation(knowledge, plan, read_apply_inputs(parameters), datetime.now(UTC))
        return fhir_response(render_applied(applied, as_bundle=as_bundle))

    @blueprint.route("/fhir/PlanDefinition/<identifier>/$data-requirements", methods=["GET", "POST"])
    def requirements(identifier: str) -> Response:
        knowledge = current()
        return fhir_response(data_requirements(knowledge, _plan(knowledge, identifier, None)))

    @blueprint.post("/fhir/Library/<identifier>/$evaluate")
    def evaluate(identifier: str) -> Response:
        knowledge = current()
        name = _library_name(knowledge, identifier)
        return fhir_response(evaluate_library(knowledge, name, _body(), datetime.now(UTC)))

    def _body() -> Any:
        return read_json(limits)

    return blueprint


def resources(knowledge: Knowledge, kind: str, **wanted: str) -> list[Mapping[str, Any]]:
    """The loaded definitions of a type that match; a CQL file shows as the Library that it is."""
    found = knowledge.definitions.find(kind, **wanted)
    if kind == "Library":
        found = [*found, *(r for r in cql_libraries(knowledge) if all(_matches(r, n, v) for n, v in wanted.items()))]
    if kind == "Questionnaire" and "_id" in wanted and not found:
        found = [q for q in [_question_page(knowledge, wanted["_id"])] if q is not None]
    return found


def cql_libraries(knowledge: Knowledge) -> list[Mapping[str, Any]]:
    """The CQL files of the content as FHIR Libraries."""
    texts = knowledge.definitions.content.libraries.values()
    return [_library(text) for text in texts if text.is_file]


def _library(text: CqlText) -> Mapping[str, Any]:
    coding = {"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "logic-library"}
    library = {
        "resourceType": "Library",
        "id": text.name,
        "url": text.url,
        "version": text.version,
        "name": text.name,
        "status": "active",
        "type": {"coding": [coding]},
        "content": [{"contentType": "text/cql", "data": base64.b64encode(text.text.encode()).decode()}],
    }
    return {name: value for name, value in library.items() if value}


def _question_page(knowledge: Knowledge, identifier: str) -> Mapping[str, Any] | None:
    """The Questionnaire that a question card links to; its id names the facts that it asks for."""
    for service in knowledge.services.values():
        book = service.questions
        facts = book.facts_of(identifier) if book is not None else None
        if book is not None and facts:
            return book.questionnaire(facts)
    return None


def _matches(resource: Mapping[str, Any], name: str, value: str) -> bool:
    key = {"_id": "id"}.get(name, name)
    if key == "url":
        url, _, version = value.partition("|")
        return resource.get("url") == url and (not version or resource.get("version") == version)
    return str(resource.get(key, "")) == value


def _plan(knowledge: Knowledge, identifier: str | None, parameters: Any) -> Plan:
    plan = None
    if identifier is not None:
        plan = knowledge.definitions.plan_by_id(identifier)
    else:
        parts = parameters.get("parameter", ()) if isinstance(parameters, Mapping) else ()
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, Mapping) and part.get("name") in {"url", "canonical"}:
                canonical = next((str(v) for k, v in part.items() if k.startswith("value")), "")
                plan = knowledge.definitions.plan(canonical)
                version = canonical.partition("|")[2]
                if plan is not None and version and plan.version != version:
                    raise NotLoaded(f"Of {plan.url} the version {version} is not loaded, but {plan.version} is.")
        if plan is None:
            raise OperationRefused("No plan was named, or none that is loaded.", remedy="Send url, or call it by id.")
    if plan is None:
        raise NotLoaded(f"There is no PlanDefinition with the id {identifier!r}.")
    return plan


def _library_name(knowledge: Knowledge, identifier: str) -> str:
    libraries = knowledge.definitions.content.libraries
    if identifier in libraries:
        return identifier
    for resource in knowledge.definitions.find("Library", _id=identifier):
        name = knowledge.definitions.library_name(str(resource.get("url") or identifier))
        if name is not None:
            return name
    raise NotLoaded(f"There is no Library with the id {identifier!r}.")


def _searchset(found: list[Mapping[str, Any]]) -> dict[str, Any]:
    args = flask.request.args
    count = int(args["_count"]) if args.get("_count", "").isdigit() else _PAGE
    base = flask.request.base_url
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(found),
        "link": [{"relation": "self", "url": flask.request.url}],
        "entry": [
            {"fullUrl": f"{base}/{resource.get('id')}", "resource": resource, "search": {"mode": "match"}}
            for resource in found[:count]
        ],
    }
    if not bundle["entry"]:
        del bundle["entry"]
    return bundle
