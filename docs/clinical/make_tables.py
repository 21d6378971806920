"""Decision tables for physicians, made from the plans and libraries that run: `python docs/clinical/make_tables.py`.

Writes `docs/clinical/decision-tables.md`. With `--check` nothing is written; the exit status says whether the file is
up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from cds_service.cql import nodes
from cds_service.cql.parser.library import parse_library
from cds_service.cql.printer import print_node

HERE = Path(__file__).resolve().parent
CONTENT = HERE.parent.parent / "plandefinitions"
TARGET = HERE / "decision-tables.md"
SHORT = {"usually-appropriate": "yes", "may-be-appropriate": "maybe", "usually-not-appropriate": "no"}


def main(arguments: list[str]) -> int:
    """Write the tables, or with `--check` compare them."""
    text = tables(CONTENT)
    if "--check" in arguments:
        return 0 if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


def tables(content: Path) -> str:
    """All tables as Markdown."""
    plans = {plan["id"]: plan for plan in _resources(content) if plan.get("resourceType") == "PlanDefinition"}
    libraries = _libraries(content)
    scenarios = [plans[name] for name in ("vcf-imaging", "vcf-treatment")]
    parts = [
        "# Decision tables\n\nMade from the plans and libraries by `python docs/clinical/make_tables.py`; do not edit.",
        "yes: usually appropriate · maybe: may be appropriate · no: usually not appropriate · "
        "*: the panel did not agree · blank: not rated",
        *(_scenario_table(plan, libraries) for plan in scenarios),
        *(_rating_table(plan) for plan in scenarios),
        *(_no_match_table(plan) for plan in scenarios),
        *(_rule_table(plan, libraries) for plan in plans.values() if _rules(plan.get("action", []))),
        *(_check_table(plan) for plan in plans.values() if _checks(plan.get("action", []))),
        _threshold_table(libraries),
        _fact_table(libraries),
    ]
    return "\n\n".join(parts) + "\n"


def _resources(content: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(content.rglob("*.yaml")):
        if "cases" not in file.parts:
            yield from (document for document in yaml.safe_load_all(file.read_text(encoding="utf-8")) if document)


def _libraries(content: Path) -> dict[str, nodes.Library]:
    found = [parse_library(file.read_text(encoding="utf-8"), file.name) for file in sorted(content.rglob("*.cql"))]
    return {library.name: library for library in found if library.name is not None}


def _definition(libraries: Mapping[str, nodes.Library], plan: Mapping[str, Any], name: str) -> Any:
    library, _, define = name.partition(".")
    if library not in libraries:
        library, define = str(plan["library"][0]).rsplit("/", 1)[-1], name
    return next(d for d in libraries[library].definitions if getattr(d, "name", None) == define)


def _tag(definition: Any, name: str) -> str:
    documentation = definition.documentation
    return next((tag.value for tag in documentation.tags if tag.name == name), "") if documentation else ""


def _words(definition: Any) -> str:
    text = definition.documentation.text if definition.documentation else ""
    return " ".join(line.strip() for line in text.splitlines() if not line.strip().startswith("@"))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _row(*cells: object) -> str:
    return "| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in cells) + " |"


def _table(title: str, head: Iterable[str], rows: Iterable[str]) -> str:
    names = list(head)
    return "\n".join([f"## {title}", "", _row(*names), _row(*("---" for _ in names)), *rows])


def _sources(action: Mapping[str, Any]) -> str:
    return "; ".join(f"{source['id']} {source['section']}" for source in _listed(action.get("source")))


def _alternatives(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = plan["action"][0]["action"]
    return found


def _scenario_table(plan: Mapping[str, Any], libraries: Mapping[str, nodes.Library]) -> str:
    rows = []
    for alternative in _alternatives(plan):
        criteria = [_tag(_definition(libraries, plan, name), "says") or name for name in _listed(alternative["when"])]
        settings = alternative["cds"]
        rows.append(
            _row(alternative["id"], alternative["title"], "; ".join(criteria), settings["note"], _sources(alternative))
        )
    return _table(f"{plan['title']}: scenarios, the leading one first", _SCENARIO, rows)


_SCENARIO = ("Scenario", "Title", "Holds when all of these are true", "Note", "Source")


def _rating_table(plan: Mapping[str, Any]) -> str:
    alternatives = _alternatives(plan)
    ratings: dict[str, dict[str, str]] = {}
    for alternative in alternatives:
        for action in alternative["action"]:
            procedure = action["code"][0]["coding"][0]["code"]
            mark = "*" if action["cds"].get("panel-disagreement") else ""
            ratings.setdefault(procedure, {})[alternative["id"]] = SHORT[action["cds"]["rating"]] + mark
    names = [alternative["id"] for alternative in alternatives]
    rows = [_row(procedure, *(row.get(name, "") for name in names)) for procedure, row in ratings.items()]
    return _table(f"{plan['title']}: ratings", ("Procedure", *names), rows)


def _no_match_table(plan: Mapping[str, Any]) -> str:
    situations = plan["action"][0]["cds"]["no-match"]
    rows = [
        _row(s.get("if", "otherwise"), s.get("nearest", ""), s["says"], "no card" if s.get("silent") else "")
        for s in situations
    ]
    return _table(f"{plan['title']}: when no scenario fits", ("Situation", "Nearest", "Said", ""), rows)


def _leaves(actions: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for action in actions:
        yield action
        yield from _leaves(action.get("action", ()))


def _rules(actions: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [action for action in _leaves(actions) if "severity" in (action.get("cds") or {})]


def _checks(actions: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [action for action in _leaves(actions) if "level" in (action.get("cds") or {})]


def _rule_table(plan: Mapping[str, Any], libraries: Mapping[str, nodes.Library]) -> str:
    rows = []
    for rule in _rules(plan["action"]):
        settings = rule["cds"]
        conditions = [_condition(libraries, plan, name) for name in _listed(rule.get("when"))]
        about = "any order" if settings.get("all-orders") else ", ".join(_listed(settings.get("applies-to")))
        if settings.get("by-extension"):
            about += " (by extension: " + ", ".join(_listed(settings["by-extension"])) + ")"
        severity = settings["severity"] + (", emergency" if settings.get("emergency") else "")
        rows.append(
            _row(
                rule["id"],
                severity,
                about,
                " and ".join(conditions) or "text only",
                rule["description"],
                settings.get("what-now", ""),
                settings.get("unknown", "silent"),
                _sources(rule),
            )
        )
    return _table(plan["title"], _RULE, rows)


_RULE = ("Rule", "Severity", "About", "Fires when", "Statement", "What now", "If unknown", "Source")


def _condition(libraries: Mapping[str, nodes.Library], plan: Mapping[str, Any], name: str) -> str:
    text = " ".join(print_node(_definition(libraries, plan, name).expression).split())
    return f"`{text}`" if len(text) < 400 else name


def _check_table(plan: Mapping[str, Any]) -> str:
    rows = [
        _row(
            check["id"], check["cds"]["level"], check["description"], check["cds"].get("check", "text only"),
            " and ".join(_listed(check.get("when"))), _sources(check),
        )
        for check in _checks(plan["action"])
    ]  # fmt: skip
    return _table(plan["title"], ("Check", "Level", "Statement", "Met when", "Matters when", "Source"), rows)


def _threshold_table(libraries: Mapping[str, nodes.Library]) -> str:
    rows = []
    for name, library in libraries.items():
        for parameter in library.definitions:
            if not isinstance(parameter, nodes.Parameter):
                continue
            if parameter.default is not None and parameter.name != "Unreadable":
                words = _words(parameter)
                rows.append(_row(name, parameter.name, print_node(parameter.default), words))
    return _table("Thresholds", ("Library", "Parameter", "Default", "Meaning and source"), rows)


def _fact_table(libraries: Mapping[str, nodes.Library]) -> str:
    rows = []
    for name, library in libraries.items():
        for definition in library.tagged("fact"):
            if not isinstance(definition, nodes.ExpressionDefinition):
                continue
            missing = _tag(definition, "missing") or "derived"
            rows.append(
                _row(_tag(definition, "fact"), f"{name}: {definition.name}", _words(definition), missing,
                     _tag(definition, "scope"))
            )  # fmt: skip
    return _table("Facts", ("Fact", "Where", "Meaning", "If nothing is recorded", "Belongs to"), rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
