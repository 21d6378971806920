"""Use."""
from __future__ import annotations
import flask
from flask import Blueprint
from flask.typing import ResponseReturnValue
from cds_service.workbench.bench import Bench

def add_use(blueprint: Blueprint, bench: Bench) -> None:
    """Use."""
    @blueprint.get("/use")
    def use() -> ResponseReturnValue:
        return flask.render_template("message.html", title="Use", text="")
