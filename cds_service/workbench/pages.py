"""The workbench as one blueprint: all pages, their frame, their errors, and who may look."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass

import flask
from flask import Blueprint
from flask.typing import ResponseReturnValue

from cds_service.errors import CdsError, ErrorGroup
from cds_service.hooks.rendering import encode_json
from cds_service.workbench.bench import Bench
from cds_service.workbench.docs_pages import add_documents
from cds_service.workbench.examples import Examples
from cds_service.workbench.frame import About, Page, frame_pages
from cds_service.workbench.home_page import add_home
from cds_service.workbench.markdown import render_markdown
from cds_service.workbench.marks import order_words
from cds_service.workbench.plan_routes import add_plans
from cds_service.workbench.playground_pages import add_playground
from cds_service.workbench.quality_pages import add_quality
from cds_service.workbench.terminology_routes import add_terminology
from cds_service.workbench.use_pages import add_use

_PAGES = (
    Page("home", "Home"),
    Page("playground", "Playground"),
    Page("plans", "Plans"),
    Page("terminology", "Terminology"),
    Page("use", "Use"),
    Page("quality", "Quality"),
    Page("docs", "Docs"),
)


@dataclass(frozen=True, slots=True)
class Door:
    """Who may look: anybody, or who knows the password."""

    password: str | None = None

    def opens(self) -> bool:
        """Whether the request that is being answered may go on."""
        if self.password is None:
            return True
        given = flask.request.authorization
        said = given.password if given is not None and given.type == "basic" else None
        return said is not None and hmac.compare_digest(said.encode(), self.password.encode())


def workbench(bench: Bench, about: About, door: Door) -> Blueprint:
    """All pages of the workbench."""
    blueprint = Blueprint(
        "workbench", __name__, template_folder="templates", static_folder="static", static_url_path="/static"
    )
    examples = Examples(bench)
    frame_pages(blueprint, about, _PAGES)
    add_filters(blueprint)
    _guard(blueprint, door)
    explain_errors(blueprint)
    add_home(blueprint, bench, examples)
    add_playground(blueprint, bench, examples)
    add_plans(blueprint, bench)
    add_terminology(blueprint, bench)
    add_use(blueprint, bench)
    add_quality(blueprint, bench, bench.quality_data)
    add_documents(blueprint, bench)
    return blueprint


def _guard(blueprint: Blueprint, door: Door) -> None:
    @blueprint.before_request
    def check() -> ResponseReturnValue | None:
        if not door.opens():
            page = flask.render_template("message.html", title="A password is needed", text="Ask whoever runs this.")
            return page, 401, {"WWW-Authenticate": 'Basic realm="workbench", charset="UTF-8"'}
        if flask.request.method == "POST" and flask.request.headers.get("Sec-Fetch-Site", "same-origin") not in (
            "same-origin", "none",
        ):  # fmt: skip
            return flask.render_template(
                "message.html", title="Refused", text="Pages of others may not post here."
            ), 403
        return None


def add_filters(blueprint: Blueprint) -> None:
    """What templates use to show Markdown, JSON, orders and ids."""
    blueprint.add_app_template_filter(render_markdown, "markdown")
    blueprint.add_app_template_filter(lambda value: encode_json(value).decode(), "json_text")
    blueprint.add_app_template_filter(lambda text, terms: terms.get(text, text), "term")
    blueprint.add_app_template_filter(order_words)


def explain_errors(blueprint: Blueprint) -> None:
    """Say errors in words: as a page, or as JSON to a script of ours."""
    answers: Callable[[CdsError], ResponseReturnValue] = _answer
    blueprint.register_error_handler(CdsError, answers)


def _answer(error: CdsError) -> ResponseReturnValue:
    parts = error.errors if isinstance(error, ErrorGroup) else (error,)
    text = " ".join(f"{part.what} {part.remedy}".strip() for part in parts)
    status = getattr(error, "status", 400)
    wants_page = flask.request.accept_mimetypes.accept_html and flask.request.accept_mimetypes.best != "*/*"
    if wants_page:
        return flask.render_template("message.html", title="That did not work", text=text), status
    return {"message": text}, status
