"""cds-service apply: one plan applied to one patient."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cds_service.errors import CdsError
from cds_service.hooks.rendering import encode_json
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.loading import LoadOptions, load_knowledge
from cds_service.knowledge.operations import ApplyInputs, apply_operation, render_applied
from cds_service.plans.apply import AppliedAction
from cds_service.plans.definitions import Plan
from cds_service.proposals.outcomes import State
from cds_service.settings import default_content

_SIGNS = {State.APPLIES: "+", State.DOES_NOT_APPLY: "-", State.CANNOT_TELL: "?", State.FAILED: "!"}


class WrongUsage(CdsError):
    """The command line does not say enough."""

    code = "usage"


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("apply", help="apply one plan to one patient")
    parser.add_argument("plan", help="id or canonical of a PlanDefinition, or a file or folder that holds one")
    parser.add_argument("--data", type=Path, required=True, help="FHIR Bundle with the patient's data")
    parser.add_argument("--subject", help="Patient/x; not needed when the data hold one patient")
    parser.add_argument("--encounter")
    parser.add_argument("--practitioner")
    parser.add_argument("--as-of", help="decision time; now if not given")
    parser.add_argument("--content", type=Path, nargs="*", default=None, help="folders with content")
    parser.add_argument("--bundle", action="store_true", help="answer as a Bundle instead of a CarePlan")
    parser.add_argument("--json", action="store_true", help="the FHIR resource instead of the tree")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: applied; 1: an action failed."""
    knowledge, plan = _plan(args)
    data = _read(args.data)
    as_of = datetime.fromisoformat(args.as_of) if args.as_of else datetime.now(UTC)
    if as_of.tzinfo is None:
        as_of = as_of.replace(tzinfo=UTC)
    inputs = ApplyInputs(args.subject or _subject(data), data, args.encounter, args.practitioner)
    applied = apply_operation(knowledge, plan, inputs, as_of)
    if args.json or args.bundle:
        print(encode_json(render_applied(applied, as_bundle=args.bundle)).decode())
    else:
        print(f"{plan.title} ({plan.canonical}) for {inputs.subject}")
        for action in applied.actions:
            _print(action, 1)
        for message in applied.messages:
            print(f"{message.severity}: {message.action}: {message.text}")
    return 1 if any(action.outcome.state is State.FAILED for action in applied.walk()) else 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WrongUsage(f"{path} cannot be read: {error.strerror}.") from None


def _plan(args: argparse.Namespace) -> tuple[Knowledge, Plan]:
    named = Path(args.plan)
    folders = [named] if named.exists() else (args.content or [default_content()])
    knowledge = load_knowledge(folders, options=LoadOptions(whole=True))
    if named.exists():
        plans = knowledge.definitions.plans
        referenced = {
            found.canonical
            for plan in plans
            for action in plan.walk()
            if action.definition and (found := knowledge.definitions.plan(action.definition, plan.url))
        }
        own = [plan for plan in plans if plan.canonical not in referenced]
        if len(own) != 1:
            names = ", ".join(plan.id for plan in plans) or "no plan"
            raise WrongUsage(f"{named} holds {names}.", remedy="Name one by its id and give the folder as --content.")
        return knowledge, own[0]
    found = knowledge.definitions.plan_by_id(args.plan) or knowledge.definitions.plan(args.plan)
    if found is None:
        names = ", ".join(plan.id for plan in knowledge.definitions.plans)
        raise WrongUsage(f"There is no plan {args.plan}.", remedy=f"There are: {names}.")
    return knowledge, found


def _subject(data: bytes) -> str:
    try:
        parsed = json.loads(data)
    except ValueError:
        raise WrongUsage("The data are no JSON.") from None
    entries = [entry.get("resource", {}) for entry in parsed.get("entry", [])] if isinstance(parsed, dict) else []
    patients = [
        r.get("id") for r in (entries or [parsed]) if isinstance(r, dict) and r.get("resourceType") == "Patient"
    ]
    if len(patients) != 1:
        raise WrongUsage(f"The data hold {len(patients)} patients.", remedy="Name one with --subject Patient/x.")
    return f"Patient/{patients[0]}"


def _print(applied: AppliedAction, depth: int) -> None:
    element = applied.element or {}
    title = element.get("title") or element.get("description") or applied.action.title or applied.action.id
    line = f"{'  ' * depth}{_SIGNS[applied.outcome.state]} {title}"
    if applied.outcome.facts:
        line += f"  (not known: {', '.join(applied.outcome.facts)})"
    elif applied.outcome.reason:
        line += f"  ({applied.outcome.reason})"
    if "resource" in element:
        line += f"  -> {element['resource']['reference']}"
    print(line)
    for child in applied.children:
        _print(child, depth + 1)
    if applied.nested:
        for child in applied.nested.actions:
            _print(child, depth + 1)
