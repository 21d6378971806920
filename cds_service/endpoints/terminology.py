"""The terminology part of /fhir: value sets, code systems and concept maps to read and search, and their operations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import flask
from flask import Blueprint, Response

from cds_service.endpoints.bodies import read_json
from cds_service.endpoints.outcomes import fhir_response
from cds_service.fhir.limits import Limits
from cds_service.terminology.artifacts import Artifact, split_canonical
from cds_service.terminology.failures import OperationFailed
from cds_service.terminology.operations import OPERATIONS, run_operation
from cds_service.terminology.parameters import Inputs
from cds_service.terminology.terminology import Terminology

_TYPES = "<any(ValueSet, CodeSystem, ConceptMap):kind>"
_PAGE = 100


def terminology_operations(terminology: Terminology, limits: Limits) -> Blueprint:
    """Reading, searching and the operations $expand, $validate-code, $lookup, $subsumes and $translate."""
    blueprint = Blueprint("terminology_operations", __name__)

    def answer(kind: str, operation: str, id: str | None) -> Response:
        request = flask.request
        if request.method == "POST":
            inputs = Inputs.of_parameters(read_json(limits))
        else:
            inputs = Inputs.of_query(request.args.items(multi=True))
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return fhir_response(run_operation(terminology, kind, operation, inputs, now=now, id=id))

    @blueprint.route(f"/fhir/{_TYPES}/$<operation>", methods=["GET", "POST"])
    def on_type(kind: str, operation: str) -> Response:
        return answer(kind, operation, None)

    @blueprint.route(f"/fhir/{_TYPES}/<id>/$<operation>", methods=["GET", "POST"])
    def on_instance(kind: str, id: str, operation: str) -> Response:
        return answer(kind, operation, id)

    @blueprint.get(f"/fhir/{_TYPES}/<id>")
    def read(kind: str, id: str) -> Response:
        found = terminology.find(kind, id=id)
        if not found:
            raise OperationFailed(f"There is no {kind} with the id {id!r}.", status=404, issue="not-found")
        return fhir_response(_with_id(found[-1]))

    @blueprint.get(f"/fhir/{_TYPES}")
    def search(kind: str) -> Response:
        return fhir_response(_search(terminology, kind, Inputs.of_query(flask.request.args.items(multi=True))))

    return blueprint


def _with_id(artifact: Artifact) -> dict[str, Any]:
    return {**artifact.resource, "id": artifact.id}


def _search(terminology: Terminology, kind: str, inputs: Inputs) -> dict[str, Any]:
    url, version = inputs.text("url"), inputs.text("version")
    if url is not None:
        url, version = split_canonical(url, version)
    found = terminology.find(kind, url=url, version=version, name=inputs.text("name"), id=inputs.text("_id"))
    count, offset = inputs.number("_count"), inputs.number("_offset") or 0
    count = _PAGE if count is None else count
    base = flask.request.base_url
    links = [{"relation": "self", "url": flask.request.url}]
    if count and offset + count < len(found):
        kept = [(key, value) for key, value in flask.request.args.items(multi=True) if key not in ("_count", "_offset")]
        following = urlencode([*kept, ("_count", count), ("_offset", offset + count)])
        links.append({"relation": "next", "url": f"{base}?{following}"})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": links}
    page = found[offset : offset + count]
    if page:
        bundle["entry"] = [
            {"fullUrl": f"{base}/{one.id}", "resource": _with_id(one), "search": {"mode": "match"}} for one in page
        ]
    return bundle


def offered_terminology() -> list[dict[str, Any]]:
    """The entries for these types in a CapabilityStatement (`rest.resource`)."""
    base = "http://hl7.org/fhir/OperationDefinition"
    return [
        {
            "type": kind,
            "interaction": [{"code": "read"}, {"code": "search-type"}],
            "searchParam": [
                {"name": "_id", "type": "token"},
                {"name": "name", "type": "string"},
                {"name": "url", "type": "uri"},
                {"name": "version", "type": "token"},
            ],
            "operation": [
                {"name": name, "definition": f"{base}/{kind}-{name}"} for one, name in OPERATIONS if one == kind
            ],
        }
        for kind in ("CodeSystem", "ConceptMap", "ValueSet")
    ]
