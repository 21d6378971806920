"""Pages of terminology: search, and one value set with its codes."""

from __future__ import annotations

import flask
from flask import Blueprint
from flask.typing import ResponseReturnValue

from cds_service.workbench.bench import Bench, UnusableInput
from cds_service.workbench.terminology_pages import all_maps, all_sets, search, set_view, short

_MOST_CODES = 500


def add_terminology(blueprint: Blueprint, bench: Bench) -> None:
    """The pages."""
    knowledge = bench.knowledge
    known = knowledge.terminology
    blueprint.add_app_template_filter(short, "short_system")
    blueprint.add_app_template_filter(
        lambda coding: known.name_of(coding.system, coding.code) or coding.display or coding.code, "coding_words"
    )

    @blueprint.get("/terminology")
    def terminology() -> ResponseReturnValue:
        query = flask.request.args.get("q", "").strip()[:300]
        users = knowledge.compiled.value_sets
        return flask.render_template(
            "terminology.html",
            query=query,
            found=search(known, query, users, knowledge.reading.texts),
            sets=() if query else all_sets(known, users),
            maps=() if query else all_maps(known),
            notes=known.notes,
        )

    @blueprint.get("/terminology/sets/<identifier>")
    def terminology_set(identifier: str) -> ResponseReturnValue:
        view = set_view(known, identifier, knowledge.compiled.value_sets, _MOST_CODES)
        if view is None:
            raise UnusableInput("There is no such value set.", remedy="Search for its title.")
        return flask.render_template("value_set.html", view=view)
