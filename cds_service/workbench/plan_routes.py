"""Pages of plans."""
from __future__ import annotations
import flask
from flask import Blueprint
from flask.typing import ResponseReturnValue
from cds_service.workbench.bench import Bench
from cds_service.workbench.plan_pages import plan_views

def add_plans(blueprint: Blueprint, bench: Bench) -> None:
    """Plans."""
    @blueprint.get("/plans")
    def plans() -> ResponseReturnValue:
        return flask.render_template("plans.html", plans=plan_views(bench.knowledge))
