"""What a person brings along, read as a call: a Bundle, a recorded call, a hook request, or a case file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from cds_service.cases.reading import read_case_text
from cds_service.fhir.limits import check_depth, check_numbers
from cds_service.hooks.rendering import encode_json
from cds_service.replay.charts import compose_request, read_chart, scene_of
from cds_service.workbench.bench import Bench, UnusableInput
from cds_service.workbench.examples import call_of

_KINDS = "Bring a Bundle, a CDS Hooks request, a recorded call, or a case file."


def read_dropped(text: str, chosen: str, bench: Bench) -> dict[str, Any]:
    """The call that `text` stands for; `chosen` is the service that a Bundle goes to if it has no orders."""
    body = text.encode()
    check_numbers(body, bench.limits)
    check_depth(body, bench.limits)
    try:
        read = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return _case(text, bench)
    if not isinstance(read, Mapping):
        raise UnusableInput("This JSON is no object.", remedy=_KINDS)
    if read.get("resourceType") == "Bundle":
        return _bundle(body, chosen, bench)
    if isinstance(read.get("request"), Mapping) and "hook" in read["request"]:
        return _recorded(read, bench)
    if "hook" in read:
        return _request(read, str(read.get("service") or ""), bench)
    if "expect" in read or "says" in read:
        return _case(text, bench)
    raise UnusableInput("This JSON is none of what can be tried here.", remedy=_KINDS)


def _bundle(body: bytes, chosen: str, bench: Bench) -> dict[str, Any]:
    chart = read_chart(body)
    hook = chart.likely_hook()
    service = bench.knowledge.service_for(hook)
    if hook == "patient-view" and chosen in bench.knowledge.services:
        service = bench.service(chosen)
    if service is None:
        raise UnusableInput(f"No service answers the hook {hook}.")
    request = msgspec.json.decode(compose_request(chart, scene_of(chart, service.hook), service.needs))
    return _loaded("Bundle", service.id, "A Bundle, as the call that an EHR with these data would make.", request)


def _recorded(read: Mapping[str, Any], bench: Bench) -> dict[str, Any]:
    request = dict(read["request"])
    if read.get("asOf"):
        request["extension"] = {**(request.get("extension") or {}), bench.as_of_member: read["asOf"]}
    return _request(request, str(read.get("service") or ""), bench)


def _request(request: Mapping[str, Any], named: str, bench: Bench) -> dict[str, Any]:
    service = bench.knowledge.services.get(named) or bench.knowledge.service_for(str(request.get("hook")))
    if service is None:
        raise UnusableInput(f"No service answers the hook {request.get('hook')}.")
    return _loaded("request", service.id, "A recorded call.", request)


def _case(text: str, bench: Bench) -> dict[str, Any]:
    found = next(read_case_text(text, Path("what was brought")), None)
    if found is None:
        raise UnusableInput("This is neither JSON nor a case file.", remedy=_KINDS)
    return call_of(found, bench)


def _loaded(name: str, service: str, says: str, request: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "service": service, "says": says, "request": request}


def case_text(
    name: str, says: str, service_hook: str, request: Mapping[str, Any], records: list[Any], as_of: str
) -> str:
    """A case file that holds the request, and what is decided on it now as the expectation."""
    kept = ("order", "status", "primaryVariant", "rating", "level", "mustAsk", "absolute", "relative", "indicator")
    expected = [{key: record[key] for key in kept if key in record} for record in records]
    lines = [
        f"id: {_quoted(name)}",
        f"says: {_quoted(says)}",
        f"hook: {_quoted(service_hook)}",
        f"as_of: {_quoted(as_of)}",
        f"expect: {encode_json(expected if len(expected) != 1 else expected[0]).decode()}",
        f"request: {encode_json(request).decode()}",
    ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return encode_json(text).decode()
