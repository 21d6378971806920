"""Pages of terminology."""
from __future__ import annotations
import flask
from flask import Blueprint
from flask.typing import ResponseReturnValue
from cds_service.workbench.bench import Bench
from cds_service.workbench.terminology_pages import search

def add_terminology(blueprint: Blueprint, bench: Bench) -> None:
    """Terminology."""
    @blueprint.get("/terminology")
    def terminology() -> ResponseReturnValue:
        query = flask.request.args.get("q", "")[:200]
        users = bench.knowledge.compiled.value_sets
        found = search(bench.knowledge.terminology, query, users)
        return flask.render_template("terminology.html", query=query, found=found, notes=bench.knowledge.terminology.notes)
