"""GET /fhir/metadata: the CapabilityStatement of what /fhir answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask
from flask import Blueprint, Response

from cds_service.endpoints.outcomes import fhir_response
from cds_service.knowledge.knowledge import Knowledge

_SEARCH = (("url", "uri"), ("_id", "token"), ("name", "string"), ("version", "token"))
_CPG = "http://hl7.org/fhir/uv/cpg/OperationDefinition"
_CORE = "http://hl7.org/fhir/OperationDefinition"
# By resource type: the operations and what defines them.
_OPERATIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "PlanDefinition": (
        ("apply", f"{_CORE}/PlanDefinition-apply"),
        ("r5.apply", f"{_CPG}/cpg-plandefinition-apply"),
        ("data-requirements", f"{_CORE}/PlanDefinition-data-requirements"),
    ),
    "ActivityDefinition": (),
    "Library": (("evaluate", f"{_CPG}/cpg-library-evaluate"),),
    "Questionnaire": (),
    "Measure": (("evaluate-measure", f"{_CORE}/Measure-evaluate-measure"),),
    "ValueSet": (
        ("expand", f"{_CORE}/ValueSet-expand"),
        ("validate-code", f"{_CORE}/ValueSet-validate-code"),
    ),
    "CodeSystem": (
        ("lookup", f"{_CORE}/CodeSystem-lookup"),
        ("validate-code", f"{_CORE}/CodeSystem-validate-code"),
        ("subsumes", f"{_CORE}/CodeSystem-subsumes"),
    ),
    "ConceptMap": (("translate", f"{_CORE}/ConceptMap-translate"),),
}


def fhir_metadata(current: Callable[[], Knowledge], software_version: str) -> Blueprint:
    """The CapabilityStatement."""
    blueprint = Blueprint("fhir_metadata", __name__)

    @blueprint.get("/fhir/metadata")
    def metadata() -> Response:
        return fhir_response(capability_statement(current(), software_version, flask.request.base_url))

    return blueprint


def capability_statement(knowledge: Knowledge, software_version: str, address: str) -> dict[str, Any]:
    """What this server can do, and which plans it has loaded."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-20",
        "kind": "instance",
        "software": {"name": "cds-service", "version": software_version},
        "implementation": {
            "description": "Knowledge and its operations; patient data are neither stored nor served.",
            "url": address.removesuffix("/metadata"),
        },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "instantiates": ["http://hl7.org/fhir/CapabilityStatement/terminology-server"],
        "rest": [
            {
                "mode": "server",
                "documentation": "Plans: " + ", ".join(plan.canonical for plan in knowledge.definitions.plans),
                "resource": [_resource(name) for name in _OPERATIONS],
            }
        ],
    }


def _resource(name: str) -> dict[str, Any]:
    resource: dict[str, Any] = {
        "type": name,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": [{"name": parameter, "type": kind} for parameter, kind in _SEARCH],
    }
    operations = [{"name": operation, "definition": definition} for operation, definition in _OPERATIONS[name]]
    if operations:
        resource["operation"] = operations
    return resource
