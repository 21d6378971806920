"""The form behind a question card: only the questions that matter for the order, then the decision.

It works as a plain page, without script. With script the questions follow the answers, and an EHR that shows the page
in a frame and is known to the site is told the answers by SMART web messaging.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import flask
import msgspec
from flask import Blueprint
from flask.typing import ResponseReturnValue

from cds_service.hooks.rendering import encode_json, response_json
from cds_service.knowledge.services import KnownService
from cds_service.memory.forms import KeptCall, Whom
from cds_service.plans.extensions import listed
from cds_service.plans.questions import Question
from cds_service.workbench.assertions import observations_of, question_book, with_assertions
from cds_service.workbench.bench import Bench
from cds_service.workbench.changes import records_of
from cds_service.workbench.drafts import draft_orders
from cds_service.workbench.form_links import PATH, FormClosed, Handle
from cds_service.workbench.forms import Forms
from cds_service.workbench.frame import About, frame_pages
from cds_service.workbench.marks import marks_of
from cds_service.workbench.pages import add_filters, explain_errors

_UNKNOWN, _SKIPPED = "unknown", ""
_ASKED = ("mustAsk", "safetyAsk")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of the form with the answer so far."""

    question: Question
    answer: str
    date: str
    is_needed: bool  # the rating waits for it; else it is asked for safety, or was asked before


@dataclass(frozen=True, slots=True)
class Filled:
    """The form in one state of its answers: what is still asked, and what the decision is so far."""

    service: KnownService
    asked: tuple[Asked, ...]
    answer: Mapping[str, Any]
    records: tuple[Mapping[str, Any], ...]
    request: Mapping[str, Any]
    observations: tuple[Mapping[str, Any], ...]

    @property
    def is_settled(self) -> bool:
        """Whether no rating waits for an answer any more."""
        return not any(record.get("mustAsk") for record in self.records)


class Form:
    """The form of one link."""

    def __init__(self, bench: Bench, handle: Handle, forms: Forms) -> None:
        kept = forms.store.get(handle.call_id, handle.expires)
        if kept is None:
            raise FormClosed("The call behind this link is gone.", remedy="Call up the advice again.")
        if kept.content not in ("", forms.content):
            raise FormClosed("The rules were changed since this link was made.", remedy="Call up the advice again.")
        self.bench, self.handle, self.kept = bench, handle, kept
        self.service = bench.service(kept.service)
        self.request = _request_of(kept, bench)

    def filled(self, said: Mapping[str, str]) -> Filled:
        """The form with these answers (`answer-<fact>`, `date-<fact>`)."""
        book = question_book(self.service)
        first = (book.facts_of(self.handle.questionnaire) if book is not None else None) or ()
        facts = self.facts(said)
        request = with_assertions(self.request, self.service, facts, self.kept.as_of)
        answered = self.bench.answer(self.service, encode_json(request))
        answer = response_json(answered.decision.response)
        records = tuple(records_of(answer, self.bench.knowledge.namespace))
        needed = [fact for record in records for fact in record.get("mustAsk", ())]
        safety = [fact for record in records for fact in record.get("safetyAsk", ()) if fact in first]
        names = dict.fromkeys((*(fact for fact in first if fact in facts or fact in needed or fact in safety), *facts))
        names |= dict.fromkeys((*needed, *safety))
        questions = book.questions if book is not None else {}
        asked = tuple(
            Asked(questions[fact], said.get(f"answer-{fact}", ""), said.get(f"date-{fact}", ""), fact in needed)
            for fact in names
            if fact in questions
        )
        made = observations_of(self.request, self.service, facts, self.kept.as_of)
        return Filled(self.service, asked, answer, records, self.request, tuple(made))

    def facts(self, said: Mapping[str, str]) -> dict[str, Any]:
        """The answers that were given, as assertions."""
        book = question_book(self.service)
        facts: dict[str, Any] = {}
        for fact in book.questions if book is not None else ():
            text = str(said.get(f"answer-{fact}", _SKIPPED)).strip()
            if text == _SKIPPED:
                continue
            date = str(said.get(f"date-{fact}", ""))
            facts[fact] = {"value": None if text == _UNKNOWN else text} | ({"date": date} if date else {})
        return facts

    @property
    def whom(self) -> Whom:
        """The patient that the answers are about."""
        patient = str((self.request.get("context") or {}).get("patientId") or "").removeprefix("Patient/")
        server = self.request.get("fhirServer")
        return Whom(self.kept.client, str(server).rstrip("/") if server else None, patient)


def _request_of(kept: KeptCall, bench: Bench) -> dict[str, Any]:
    request: dict[str, Any] = msgspec.json.decode(kept.body)
    extension = request.get("extension")
    moved = {**(extension if isinstance(extension, dict) else {}), bench.as_of_member: kept.as_of}
    return {**request, "extension": moved}


@dataclass(frozen=True, slots=True)
class Ehrs:
    """The EHRs that a site knows: their origins, and the client id under which they launch the form."""

    origins: tuple[str, ...] = ()
    client: str | None = None


def form_pages(bench: Bench, about: About, forms: Forms, ehrs: Ehrs) -> Blueprint:
    """The form, and what becomes of its answers."""
    origins = ehrs.origins
    blueprint = Blueprint(
        "form", __name__, template_folder="templates", static_folder="static", static_url_path=f"{PATH}static"
    )
    frame_pages(blueprint, about, (), origins)
    add_filters(blueprint)
    explain_errors(blueprint)

    def opened(text: str) -> Form:
        return Form(bench, forms.links.open(text), forms)

    @blueprint.get(f"{PATH}launch")
    def launch() -> ResponseReturnValue:
        return flask.render_template(
            "launch.html", client=ehrs.client, origins=origins, redirect=forms.links.launch_url, form=PATH
        )

    @blueprint.get(f"{PATH}<handle>")
    def form(handle: str) -> ResponseReturnValue:
        return _page(opened(handle).filled({}), handle, origins, done=False)

    @blueprint.post(f"{PATH}<handle>")
    def file_answers(handle: str) -> ResponseReturnValue:
        form = opened(handle)
        filled = form.filled(flask.request.form)
        if filled.observations:
            forms.store.file(form.whom, [dict(one) for one in filled.observations], form.handle.expires)
        if flask.request.accept_mimetypes.best == "application/json":
            return _state(filled, done=True)
        return _page(filled, handle, origins, done=True)

    @blueprint.post(f"{PATH}<handle>/preview")
    def preview(handle: str) -> ResponseReturnValue:
        return _state(opened(handle).filled(flask.request.form), done=False)

    return blueprint


def _shown(filled: Filled, *, done: bool) -> dict[str, Any]:
    deciding = filled.service.deciding
    policy = deciding.knowhow.policy if deciding is not None else None
    return {
        "filled": filled,
        "cards": filled.answer.get("cards", ()),
        "records": filled.records,
        "marks": marks_of(filled.answer.get("systemActions", ())),
        "ratings": {code: meaning.says for code, meaning in policy.rating_meanings.items()} if policy else {},
        "orders": draft_orders(filled.request),
        "procedures": deciding.knowhow.procedures if deciding is not None else None,
        "done": done,
    }


def _page(filled: Filled, handle: str, origins: tuple[str, ...], *, done: bool) -> ResponseReturnValue:
    shown = _shown(filled, done=done)
    return flask.render_template("form.html", handle=handle, origins=origins, messages=messages_of(filled), **shown)


def _state(filled: Filled, *, done: bool) -> ResponseReturnValue:
    shown = _shown(filled, done=done)
    body = {
        "questions": flask.render_template("form_questions.html", **shown),
        "decision": flask.render_template("form_decision.html", **shown),
        "messages": messages_of(filled),
    }
    return flask.Response(encode_json(body), content_type="application/json")


def messages_of(filled: Filled) -> list[dict[str, Any]]:
    """What an EHR is told when the answers are filed: observations to add, and the orders with their ratings."""
    creates = [{"messageType": "scratchpad.create", "payload": {"resource": one}} for one in filled.observations]
    updates = [
        {"messageType": "scratchpad.update", "payload": {"resource": action["resource"]}}
        for action in listed(filled.answer.get("systemActions"))
        if isinstance(action.get("resource"), Mapping)
    ]
    return [*creates, *updates, {"messageType": "ui.done", "payload": {}}]
