"""The playground: a patient, a call and what is known in; what the clinician would see out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import flask
import msgspec
from flask import Blueprint
from flask.typing import ResponseReturnValue

from cds_service.fhir.limits import check_depth
from cds_service.hooks.feedback import parse_feedback
from cds_service.hooks.rendering import encode_json, response_json
from cds_service.hooks.requests import check_text
from cds_service.knowledge.services import KnownService
from cds_service.workbench.assertions import with_assertions
from cds_service.workbench.bench import CLIENT, Answered, Bench, UnusableInput
from cds_service.workbench.changes import Change, changes_between, records_of
from cds_service.workbench.drafts import apply_actions, draft_orders, for_service
from cds_service.workbench.dropped import case_text, read_dropped
from cds_service.workbench.examples import Examples
from cds_service.workbench.explaining import explain
from cds_service.workbench.fact_states import fact_rows, fact_states
from cds_service.workbench.logic_views import library_view
from cds_service.workbench.marks import marks_of
from cds_service.workbench.orders import OrderIndex
from cds_service.workbench.what_ifs import what_ifs

FIRST = 60  # examples that are listed at a time


@dataclass(frozen=True, slots=True)
class Try:
    """One state of the playground: a call to a service, with the facts that were set against the chart."""

    service: KnownService
    request: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def sent(self, bench: Bench) -> dict[str, Any]:
        """The request as an EHR would send it."""
        extension = self.request.get("extension")
        as_of = extension.get(bench.as_of_member) if isinstance(extension, Mapping) else None
        moment = str(as_of) if as_of else bench.now().isoformat(timespec="seconds")
        return with_assertions(self.request, self.service, self.facts, moment)

    def answered(self, bench: Bench, *, keeps: bool = False) -> Answered:
        """The decision on it."""
        return bench.answer(self.service, encode_json(self.sent(bench)), keeps=keeps)


def read_json(bench: Bench) -> dict[str, Any]:
    """The JSON object that a page of ours sent."""
    body = check_text(flask.request.get_data(cache=False), bench.limits)
    check_depth(body, bench.limits)
    try:
        read = msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise UnusableInput("The page sent something that is not JSON.") from None
    if not isinstance(read, dict):
        raise UnusableInput("The page sent JSON that is no object.")
    return read


def read_try(sent: Mapping[str, Any], bench: Bench) -> Try:
    """The state that a page sent."""
    request, facts = sent.get("request"), sent.get("facts") or {}
    if not isinstance(request, Mapping) or not isinstance(facts, Mapping):
        raise UnusableInput("There is no request yet.", remedy="Choose an example, or bring a call.")
    return Try(bench.service(str(sent.get("service"))), request, facts)


def add_playground(blueprint: Blueprint, bench: Bench, examples: Examples) -> None:
    """The page, and what its script asks for."""
    index = OrderIndex(bench)

    @blueprint.get("/playground")
    def playground() -> ResponseReturnValue:
        services = [service for service in bench.knowledge.services.values() if service.deciding is not None]
        rows = {row.id: row for service in services for row in fact_rows(service)}
        groups: dict[str, list[Any]] = {}
        for row in rows.values():
            groups.setdefault(row.group, []).append(row)
        found = examples.all()
        policies = bench.knowledge.policies
        return flask.render_template(
            "playground.html",
            services=bench.knowledge.services.values(),
            examples=found[:FIRST],
            count=len(found),
            groups=groups,
            level_system=policies[0].levels if policies else "",
            levels=[
                concept.code
                for policy in policies[:1]
                for concept in bench.knowledge.terminology.concepts(policy.levels)
            ],
        )

    @blueprint.get("/playground/examples")
    def playground_examples() -> ResponseReturnValue:
        found = examples.search(flask.request.args.get("q", "")[:200])
        return {"html": flask.render_template("examples.html", examples=found[:FIRST]), "count": len(found)}

    @blueprint.get("/playground/examples/<path:identifier>")
    def playground_example(identifier: str) -> ResponseReturnValue:
        return _json(examples.call(identifier))

    @blueprint.get("/playground/orders")
    def playground_orders() -> ResponseReturnValue:
        found = index.search(flask.request.args.get("q", "")[:200])
        return _json([{"system": code.system, "code": code.code, "display": code.display} for code in found])

    @blueprint.post("/playground/read")
    def playground_read() -> ResponseReturnValue:
        sent = read_json(bench)
        return _json(read_dropped(str(sent.get("text") or ""), str(sent.get("service") or ""), bench))

    @blueprint.post("/playground/apply")
    def playground_apply() -> ResponseReturnValue:
        sent = read_json(bench)
        tried = read_try(sent, bench)
        actions = sent.get("actions")
        return _json(
            {"request": apply_actions(tried.request, tried.service, actions if isinstance(actions, list) else [])}
        )

    @blueprint.post("/playground/service")
    def playground_service() -> ResponseReturnValue:
        tried = read_try(read_json(bench), bench)
        return _json({"request": for_service(tried.request, tried.service)})

    @blueprint.post("/playground/decide")
    def playground_decide() -> ResponseReturnValue:
        sent = read_json(bench)
        tried = read_try(sent, bench)
        answered = tried.answered(bench, keeps=True)
        answer = response_json(answered.decision.response)
        return _json(
            {
                "html": _answer_html(tried, answered, answer, _changes(sent.get("before"), answer, bench), bench),
                "curl": _curl(tried, bench),
                "sent": _pretty(tried.sent(bench)),
                "response": _pretty(answer),
                "milliseconds": round(answered.milliseconds, 1),
                "facts": fact_states(answered.decision, tried.service),
            }
        )

    @blueprint.post("/playground/why")
    def playground_why() -> ResponseReturnValue:
        tried = read_try(read_json(bench), bench)
        answered = tried.answered(bench)
        explained = explain(answered.decision, tried.service, bench.knowledge)
        questions = what_ifs(tried.sent(bench), answered, bench)
        return _json(
            {
                "html": flask.render_template(
                    "why.html", explained=explained, questions=questions, terms=_terms(tried.service)
                )
            }
        )

    @blueprint.post("/playground/logic")
    def playground_logic() -> ResponseReturnValue:
        sent = read_json(bench)
        tried = read_try(sent, bench)
        decision = tried.answered(bench).decision
        view = library_view(bench.knowledge, str(sent.get("library") or ""), decision)
        return _json({"html": flask.render_template("logic_lines.html", view=view)})

    @blueprint.post("/playground/case")
    def playground_case() -> ResponseReturnValue:
        sent = read_json(bench)
        tried = read_try(sent, bench)
        answered = tried.answered(bench)
        name = "".join(c if c.isalnum() or c in "-_" else "-" for c in str(sent.get("name") or "case"))[:60]
        says = str(sent.get("says") or "Saved from the workbench.")
        records = list(records_of(response_json(answered.decision.response), bench.knowledge.namespace))
        request = {key: value for key, value in tried.sent(bench).items() if key != "fhirAuthorization"}
        as_of = answered.request.as_of.isoformat(timespec="seconds")
        text = case_text(name, says, tried.service.hook, request, records, as_of)
        return _json({"name": f"{name}.yaml", "text": text})

    @blueprint.post("/playground/feedback/<service_id>")
    def playground_feedback(service_id: str) -> ResponseReturnValue:
        service = bench.service(service_id)
        events = parse_feedback(flask.request.get_data(cache=False), bench.limits)
        bench.keep_feedback(service.id, CLIENT, events)
        return {}


def _json(value: Any) -> flask.Response:
    return flask.Response(encode_json(value), content_type="application/json")


def _changes(before: Any, answer: Mapping[str, Any], bench: Bench) -> Sequence[Change] | None:
    if not isinstance(before, Mapping):
        return None
    was = read_try(before, bench).answered(bench)
    return changes_between(response_json(was.decision.response), answer, bench.knowledge.namespace)


def _answer_html(
    tried: Try, answered: Answered, answer: Mapping[str, Any], changes: Sequence[Change] | None, bench: Bench
) -> str:
    return flask.render_template(
        "answer.html",
        cards=answer["cards"],
        records=records_of(answer, bench.knowledge.namespace),
        marks=marks_of(answer.get("systemActions", ())),
        changes=changes,
        orders=draft_orders(tried.request),
        milliseconds=round(answered.milliseconds, 1),
        service=tried.service,
        procedures=tried.service.deciding.knowhow.procedures if tried.service.deciding else None,
        terms=_terms(tried.service),
    )


def _terms(service: KnownService) -> Mapping[str, str]:
    """Words for the ids of a record: facts, ratings, procedures, rules."""
    if service.deciding is None:
        return {}
    knowhow = service.deciding.knowhow
    ratings = {code: meaning.says for code, meaning in knowhow.policy.rating_meanings.items()}
    procedures = {code: knowhow.procedures.name(code) for code in knowhow.procedures}
    rules = {rule.id: f"{rule.id} ({rule.title})" for rule in knowhow.rules.rules if rule.title}
    return {**service.deciding.words.fact_names, **procedures, **rules, **ratings}


def _pretty(value: Any) -> str:
    return msgspec.json.format(encode_json(value), indent=2).decode()


def _curl(tried: Try, bench: Bench) -> str:
    body = msgspec.json.format(encode_json(tried.sent(bench)), indent=1).decode()
    url = f"{bench.base_url}/cds-services/{tried.service.id}"
    return f"curl -sS '{url}' -H 'Content-Type: application/json' --data-binary @- <<'REQUEST'\n{body}\nREQUEST\n"
