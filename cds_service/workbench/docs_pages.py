"""The documents that come with the code, as pages; nothing where they were not brought along."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import flask
from flask import Blueprint
from flask.typing import ResponseReturnValue

from cds_service.workbench.bench import Bench, UnusableInput


def documents_of(bench: Bench) -> Mapping[str, Path]:
    """The documents by their path below docs/."""
    for folder in bench.folders:
        docs = folder / "docs"
        if docs.is_dir():
            return {file.relative_to(docs).as_posix(): file for file in sorted(docs.rglob("*.md"))}
    return {}


def add_documents(blueprint: Blueprint, bench: Bench) -> None:
    """The list of documents, and each of them."""
    known = documents_of(bench)

    @blueprint.get("/docs/")
    def docs() -> ResponseReturnValue:
        titles = {name: _title(file) for name, file in known.items()}
        return flask.render_template("docs.html", titles=titles)

    @blueprint.get("/docs/<path:name>")
    def docs_one(name: str) -> ResponseReturnValue:
        if name not in known:
            raise UnusableInput("There is no such document.", remedy="The list of documents has all.")
        text = known[name].read_text(encoding="utf-8")
        return flask.render_template("document.html", title=_title(known[name]), text=text)


def _title(file: Path) -> str:
    with file.open(encoding="utf-8") as lines:
        first = next((line for line in lines if line.startswith("# ")), "")
    return first.removeprefix("# ").strip() or file.stem
