"""cds-service explain: for one recorded request what was asked, found and concluded, as a tree a clinician can read."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cds_service.cli.apply import WrongUsage
from cds_service.explanations import Node, explain
from cds_service.hooks.rendering import encode_json, response_json
from cds_service.hooks.requests import Arrival, RequestParser
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.loading import LoadOptions, load_knowledge
from cds_service.patient_data.sources import Sources
from cds_service.pipeline import Decision, decide
from cds_service.settings import default_content


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("explain", help="say for one request what was asked, found and concluded")
    parser.add_argument("request", type=Path, help="a recorded CDS Hooks request")
    parser.add_argument("--service", help="id of the service; else one that answers the request's hook")
    parser.add_argument("--content", type=Path, nargs="*", default=None, help="folders with content")
    parser.add_argument("--as-of", help="decision time, if the request does not say")
    parser.add_argument("--all", action="store_true", help="also the rules that stay silent")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: explained; 1: something failed while deciding."""
    knowledge = load_knowledge(args.content or [default_content()], options=LoadOptions())
    decision = _decide(args, knowledge)
    nodes = explain(decision, knowledge, silent=args.all or args.json)
    answer = response_json(decision.response)
    if args.json:
        print(encode_json({"tree": [node.json() for node in nodes], "response": answer}).decode())
    else:
        for card in answer["cards"]:
            print(f"[{card['indicator']}] {card['summary']}")
        if not answer["cards"]:
            print("no card")
        for node in nodes:
            _print(node, 0)
    return 1 if any(node.result == "FAILED" for top in nodes for node in top.walk()) else 0


def _decide(args: argparse.Namespace, knowledge: Knowledge) -> Decision:
    try:
        sent = json.loads(args.request.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WrongUsage(f"{args.request} is no readable JSON: {error}.") from None
    hook = str(sent.get("hook", "")) if isinstance(sent, dict) else ""
    service = knowledge.services.get(args.service) if args.service else knowledge.service_for(hook)
    if service is None:
        known = ", ".join(sorted(knowledge.services))
        raise WrongUsage(f"No service answers {args.service or hook!r}.", remedy=f"There are: {known}.")
    now = datetime.fromisoformat(args.as_of) if args.as_of else datetime.now(UTC)
    if now.tzinfo is None:
        now = now.replace(tzinfo=UTC)
    parser = RequestParser(service.hook, knowledge.resource_type)
    arrival = Arrival(now, "explain", as_of_member=f"{knowledge.namespace}.asOf")
    return decide(parser.parse(json.dumps(sent).encode(), arrival), service, knowledge, Sources())


def _print(node: Node, depth: int) -> None:
    name = f"{node.id}  " if node.id and node.kind in {"scenario", "rule", "check"} else ""
    said = f"{node.text.removesuffix('.')}: {node.result}" if node.result else node.text
    line = f"{'  ' * depth}{name}{said}"
    if plan := node.id if node.kind == "plan" else node.details.get("plan"):
        line += f"  ({plan})"
    if node.details.get("needs"):
        line += f"  (would need {', '.join(node.details['needs'])})"
    if node.details.get("from"):
        dated = f", {node.details['dated']}" if node.details.get("dated") else ""
        line += f"  [{', '.join(node.details['from'])}{dated}]"
    if node.details.get("reason"):
        line += f"  ({node.details['reason']})"
    print(line)
    for child in node.children:
        _print(child, depth + 1)
