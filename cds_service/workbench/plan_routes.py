"""Pages of plans: all of them, each with its table, flow and text, and what differs between two versions."""

from __future__ import annotations

import tempfile
from pathlib import Path

import flask
from flask import Blueprint
from flask.typing import ResponseReturnValue
from werkzeug.utils import secure_filename

from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.reading import Content, read_content
from cds_service.workbench.bench import Bench, UnusableInput
from cds_service.workbench.logic_views import library_view
from cds_service.workbench.plan_differences import Version, differences_between, read_version, version_of
from cds_service.workbench.plan_pages import Criterion, plan_views

_READ = frozenset({".yaml", ".yml", ".json", ".cql"})


def add_plans(blueprint: Blueprint, bench: Bench) -> None:
    """The pages."""
    knowledge = bench.knowledge
    views = plan_views(knowledge.services)
    by_id = {view.id: view for view in views}

    def in_words(criterion: Criterion) -> str:
        """What the author of the logic says that a condition means; its name where nothing is said."""
        if not knowledge.compiled.has(criterion.library, criterion.define):
            return criterion.says
        said = knowledge.compiled.definition(criterion.library, criterion.define).tags.get("says")
        return str(said or criterion.says)

    blueprint.add_app_template_filter(in_words)

    @blueprint.get("/plans")
    def plans() -> ResponseReturnValue:
        return flask.render_template("plans.html", plans=views, libraries=sorted(knowledge.compiled.libraries))

    @blueprint.get("/plans/<identifier>")
    def plans_one(identifier: str) -> ResponseReturnValue:
        if identifier not in by_id:
            raise UnusableInput("There is no such plan.", remedy="The list of plans has all that are in use.")
        return flask.render_template("plan.html", plan=by_id[identifier])

    @blueprint.get("/plans/text")
    def plans_text() -> ResponseReturnValue:
        return flask.render_template("plans_text.html", plans=[view for view in views if not view.hook])

    @blueprint.get("/plans/logic/<library>")
    def plans_logic(library: str) -> ResponseReturnValue:
        return flask.render_template("logic.html", view=library_view(knowledge, library))

    @blueprint.get("/plans/differences")
    def plans_differences() -> ResponseReturnValue:
        choices = [str(position) for position, _ in enumerate(bench.earlier)]
        chosen = flask.request.args.get("earlier", choices[0] if choices else "")
        found = None
        if chosen in choices:
            folder = bench.earlier[int(chosen)]
            before = read_version(folder.name, [folder], knowledge.terminology, knowledge.base)
            found = differences_between(before, _loaded(bench))
        return _differences_page(bench, found, chosen, [])

    @blueprint.post("/plans/differences")
    def plans_differences_with_files() -> ResponseReturnValue:
        files = [file for file in flask.request.files.getlist("files") if file.filename]
        if not files:
            raise UnusableInput("No file was chosen.", remedy="Choose plan files (YAML or JSON) or CQL files.")
        with tempfile.TemporaryDirectory() as folder:
            for number, file in enumerate(files[:50]):
                name = secure_filename(file.filename or "")
                if Path(name).suffix not in _READ:
                    raise UnusableInput("Only YAML, JSON and CQL files can be compared.")
                file.save(Path(folder) / f"{number:02}-{name}")
            brought = read_content([Path(folder)], knowledge.base)
        after = version_of("your files", _loaded_with(knowledge, brought), knowledge.terminology, knowledge.base)
        names = [file.filename or "" for file in files]
        return _differences_page(bench, differences_between(_loaded(bench), after), "", names, after.errors)


def _loaded_with(knowledge: Knowledge, brought: Content) -> Content:
    """What is loaded, with files that take the place of their like."""
    loaded = knowledge.definitions.content
    return Content(
        resources=[*loaded.resources, *brought.resources],
        libraries={**loaded.libraries, **brought.libraries},
        parameters=loaded.parameters,
        errors=brought.errors,
    )


def _loaded(bench: Bench) -> Version:
    knowledge = bench.knowledge
    return version_of("loaded", knowledge.definitions.content, knowledge.terminology, knowledge.base)


def _differences_page(
    bench: Bench, found: object, chosen: str, files: list[str], errors: tuple[str, ...] = ()
) -> ResponseReturnValue:
    earlier = [(str(position), folder.name) for position, folder in enumerate(bench.earlier)]
    return flask.render_template(
        "differences.html", found=found, earlier=earlier, chosen=chosen, files=files, errors=errors
    )
