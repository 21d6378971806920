"""The OpenAPI description of the HTTP interface: CDS Hooks by service, and what operators call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cds_service.hooks.definitions import HOOKS, Member
from cds_service.hooks.services import Service

_ID = {"type": "string", "minLength": 1}
_RESOURCE = {
    "type": "object",
    "required": ["resourceType"],
    "properties": {"resourceType": {"type": "string", "minLength": 1}, "id": {"type": "string", "minLength": 1}},
}
_BUNDLE = {
    "type": "object",
    "required": ["resourceType"],
    "properties": {
        "resourceType": {"const": "Bundle"},
        "entry": {"type": "array", "items": {"type": "object", "properties": {"resource": _RESOURCE}}},
    },
}
_SHAPES: Mapping[str, Mapping[str, Any]] = {
    "text": {"type": "string", "pattern": "^[A-Za-z]+(/[A-Za-z0-9.-]{1,64})?$|^[0-9.-]{1,64}$"},
    "references": {"type": "array", "items": {"type": "string"}},
    "bundle": _BUNDLE,
    "resources": {"oneOf": [_RESOURCE, {"type": "array", "items": _RESOURCE}]},
}
_ERRORS = {
    "400": "Malformed: the diagnostics name the member.",
    "401": "No valid token.",
    "404": "Nothing is here.",
    "405": "Not with this method; Allow names those that are possible.",
    "412": "Data that the advice needs could not be had.",
    "413": "The body is too large.",
    "415": "The body is not JSON by its Content-Type.",
    "422": "The FHIR content cannot be used.",
    "500": "Our fault.",
    "503": "Too many calls at a time; Retry-After says when to come back.",
}


def describe(
    services: Iterable[Service], version: str, secured: bool, more: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The description of a service process; `more` are paths that other blueprints add."""
    offered = tuple(services)
    paths: dict[str, Any] = {"/cds-services": {"get": _operation("Discovery", "The services.", _schema("Services"))}}
    for service in offered:
        base = f"/cds-services/{service.id}"
        paths[base] = {
            "post": _operation(service.title, service.description, _schema("Answer"), _request(service.hook))
        }
        received: dict[str, Any] = {"type": "object"}
        paths[f"{base}/feedback"] = {
            "post": _operation("Feedback", "What users did with the cards.", received, _schema("Feedback"))
        }
    for path, says in (("/health/live", "Alive"), ("/health/ready", "Ready"), ("/openapi.json", "This description")):
        paths[path] = {"get": _operation(says, f"{says}.", {"type": "object"}, answers=("503",))}
    paths |= more or {}
    components: dict[str, Any] = {"schemas": _schemas()}
    description: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "cds-service",
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": components,
    }
    if secured:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
        description["security"] = [{"token": []}]
    return description


def _operation(
    summary: str,
    description: str,
    answer: Mapping[str, Any],
    body: Mapping[str, Any] | None = None,
    answers: tuple[str, ...] | None = None,
) -> dict[str, Any]:
    codes = answers if answers is not None else tuple(_ERRORS) if body else ("401", "405", "500", "503")
    responses: dict[str, Any] = {
        "200": {"description": "Success.", "content": {"application/json": {"schema": answer}}}
    }
    for code in codes:
        content = {"application/fhir+json": {"schema": _schema("OperationOutcome")}}
        content |= {"application/json": {"schema": {"type": "object"}}}
        responses[code] = {"description": _ERRORS[code], "content": content}
    operation: dict[str, Any] = {"summary": summary, "description": description, "responses": responses}
    if body:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation


def _schema(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _request(hook: str) -> dict[str, Any]:
    members = HOOKS.get(hook, (Member("patientId", required=True),))
    required = [member.name for member in members if member.required and not member.aliases]
    context: dict[str, Any] = {
        "type": "object",
        "required": required,
        "properties": {member.name: _SHAPES[member.kind] for member in members},
    }
    for member in members:
        if member.required and member.aliases:  # it travels under several names, one of which must be there
            context["properties"] |= dict.fromkeys(member.aliases, _ID)
            context["anyOf"] = [{"required": [name]} for name in (member.name, *member.aliases)]
    return {
        "type": "object",
        "required": ["hook", "hookInstance", "context"],
        "properties": {
            "hook": {"const": hook},
            "hookInstance": {"type": "string", "format": "uuid"},
            "context": context,
            "prefetch": {"type": ["object", "null"], "additionalProperties": {"type": ["object", "null"]}},
            "fhirServer": {"type": "string", "pattern": "^https?://[A-Za-z0-9.-]{1,64}(/[A-Za-z0-9._~/-]{1,64})?$"},
            "fhirAuthorization": {"oneOf": [_schema("FhirAuthorization"), {"type": "null"}]},
            "extension": {"type": ["object", "null"]},
        },
        "dependentRequired": {"fhirAuthorization": ["fhirServer"]},
    }


def _schemas() -> dict[str, Any]:
    coding = {
        "type": "object",
        "required": ["code", "system"],
        "properties": {name: {"type": "string", "minLength": 1} for name in ("code", "system", "display")},
    }
    action = {
        "type": "object",
        "required": ["type", "description"],
        "properties": {
            "type": {"enum": ["create", "update", "delete"]},
            "description": _ID,
            "resource": _RESOURCE,
            "resourceId": _ID,
        },
    }
    suggestion = {
        "type": "object",
        "required": ["label", "uuid"],
        "properties": {
            "label": _ID,
            "uuid": _ID,
            "isRecommended": {"type": "boolean"},
            "actions": {"type": "array", "minItems": 1, "items": action},
        },
    }
    card = {
        "type": "object",
        "required": ["uuid", "summary", "indicator", "source"],
        "properties": {
            "uuid": _ID,
            "summary": {"type": "string", "minLength": 1, "maxLength": 139},
            "detail": _ID,
            "indicator": {"enum": ["info", "warning", "critical"]},
            "source": {"type": "object", "required": ["label"], "properties": {"label": _ID, "topic": coding}},
            "suggestions": {"type": "array", "minItems": 1, "items": suggestion},
            "selectionBehavior": {"enum": ["at-most-one", "any"]},
            "overrideReasons": {"type": "array", "minItems": 1, "items": coding},
            "links": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "object", "required": ["label", "url", "type"]},
            },
            "extension": {"type": "object", "minProperties": 1},
        },
    }
    answer = {
        "type": "object",
        "required": ["cards"],
        "properties": {
            "cards": {"type": "array", "items": card},
            "systemActions": {"type": "array", "minItems": 1, "items": action},
            "extension": {"type": "object", "minProperties": 1},
        },
    }
    service = {
        "type": "object",
        "required": ["hook", "id", "description"],
        "properties": {
            name: {"type": "string"} for name in ("hook", "id", "title", "description", "usageRequirements")
        },
    }
    return {
        "Answer": answer,
        "Services": {
            "type": "object",
            "required": ["services"],
            "properties": {"services": {"type": "array", "items": service}},
        },
        "Feedback": {"type": "object", "required": ["feedback"], "properties": {"feedback": _feedback()}},
        "FhirAuthorization": {
            "type": "object",
            "required": ["access_token"],
            "properties": {
                "access_token": {"type": "string", "minLength": 1, "pattern": "^[A-Za-z0-9._~+/=-]+$"},
                "token_type": {"type": "string", "pattern": "^[Bb]earer$"},
                "expires_in": {"type": ["number", "null"]},
                "scope": {"type": ["string", "null"]},
                "subject": {"type": ["string", "null"]},
                "patient": {"type": ["string", "null"]},
            },
        },
        "OperationOutcome": {
            "type": "object",
            "required": ["resourceType", "issue"],
            "properties": {"resourceType": {"const": "OperationOutcome"}, "issue": {"type": "array", "minItems": 1}},
        },
    }


def _feedback() -> dict[str, Any]:
    short = {"type": ["string", "null"], "maxLength": 200}
    common = {
        "card": {"type": "string", "minLength": 1, "maxLength": 200},
        "outcomeTimestamp": {"type": "string", "format": "date-time"},
    }
    suggestion = {"type": "object", "required": ["id"], "properties": {"id": common["card"]}}
    reason = {"type": ["object", "null"], "properties": {"code": short, "system": short}}
    accepted = {
        "type": "object",
        "required": ["card", "outcome", "acceptedSuggestions", "outcomeTimestamp"],
        "properties": {
            **common,
            "outcome": {"const": "accepted"},
            "acceptedSuggestions": {"type": "array", "minItems": 1, "items": suggestion},
        },
    }
    overridden = {
        "type": "object",
        "required": ["card", "outcome", "outcomeTimestamp"],
        "properties": {
            **common,
            "outcome": {"const": "overridden"},
            "overrideReason": {
                "type": ["object", "null"],
                "properties": {"reason": reason, "userComment": {"type": ["string", "null"]}},
            },
        },
    }
    return {"type": "array", "maxItems": 1000, "items": {"oneOf": [accepted, overridden]}}
