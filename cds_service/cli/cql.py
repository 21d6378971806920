"""cds-service cql: the definitions of a CQL file, evaluated for one patient."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cds_service.cql.compile import CompiledLibraries, Source, compile_libraries
from cds_service.cql.compiler.program import libraries_needed
from cds_service.cql.error_text import flattened, show_errors
from cds_service.cql.evaluation import Evaluation
from cds_service.cql.explain.needs import Need
from cds_service.cql.expressions import NoFacts
from cds_service.errors import CdsError, ErrorGroup, EvaluationError
from cds_service.facts.facts import facts_from_bundle
from cds_service.fhir.model.types import r4
from cds_service.fhir.structs.encoding import to_builtins
from cds_service.settings import default_content
from cds_service.terminology.loading import load_terminology
from cds_service.values.formatting import to_cql
from cds_service.values.messages import Message


class WrongUsage(CdsError):
    """The command line does not say enough."""

    code = "usage"


# FHIRHelpers is part of the engine: only another library has to be looked for.
_TERMS = re.compile(r"^\s*(?:valueset|codesystem)\b", re.MULTILINE)
_INCLUDES = re.compile(r"^\s*include\s+(?!FHIRHelpers\b)", re.MULTILINE)


def add_parser(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("cql", help="evaluate a CQL file for one patient")
    parser.add_argument("file", type=Path, help="the library; others in its folder and below can be included")
    parser.add_argument("--data", type=Path, help="FHIR Bundle with the patient's data; no data if not given")
    parser.add_argument("--define", action="append", default=[], metavar="NAME", help="only this definition")
    parser.add_argument("--patient", help="id of the patient, if the data hold several")
    parser.add_argument("--as-of", help="the instant of Now(); now if not given")
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="VALUE is JSON or text")
    parser.add_argument(
        "--terminology",
        type=Path,
        nargs="*",
        default=[],
        help="files or folders with value sets; those of this software if not given",
    )
    parser.add_argument("--content", type=Path, nargs="*", default=[], help="further folders with libraries")
    parser.add_argument("--trace", action="store_true", help="also what every value rests on, and what it lacks")
    parser.add_argument("--show", choices=["python", "types"], help="the Python of the definitions, or their types")
    parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0: every definition has a value or is null; 1: the text has mistakes or a definition failed."""
    sources = _sources(args)
    try:
        library, compiled = _compile(args, sources)
    except ErrorGroup as group:
        errors = flattened(group)
        if args.json:
            print(json.dumps({"errors": [_error(error) for error in errors]}, ensure_ascii=False, indent=2))
        else:
            print(show_errors(errors, {source.file: source.text for source in sources}), file=sys.stderr)
        return 1
    known = [definition.name for definition in compiled.definitions(library)]
    for name in args.define:
        if name not in known:
            raise WrongUsage(f'{library} has no definition "{name}".', remedy=f"It has: {', '.join(known)}.")
    names = args.define or known
    if args.show:
        _show(args.show, compiled, library, names)
        return 0
    return _evaluate(args, compiled, library, names)


def _sources(args: argparse.Namespace) -> list[Source]:
    if not args.file.is_file():
        raise WrongUsage(f"{args.file} is no file.", remedy="Name a .cql file.")
    own = args.file.resolve()
    paths: dict[Path, None] = {own: None}
    if _INCLUDES.search(own.read_text(encoding="utf-8")):
        for folder in (args.file.parent, *args.content):
            paths.update(dict.fromkeys(path.resolve() for path in sorted(folder.rglob("*.cql"))))
    return [Source(_shown(path), path.read_text(encoding="utf-8")) for path in paths]


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _compile(args: argparse.Namespace, sources: Sequence[Source]) -> tuple[str, CompiledLibraries]:
    """The library of the file, compiled with what it reaches; mistakes of libraries it does not use do not matter."""
    named = any(_TERMS.search(source.text) for source in sources)
    folders = args.terminology or ([default_content() / "terminology"] if named else [])
    terminology = load_terminology(folders) if folders else None
    wanted = _shown(args.file.resolve())
    needed, name = libraries_needed(sources, wanted)
    return name, compile_libraries(needed, r4(), terminology)


def _show(what: str, compiled: CompiledLibraries, library: str, names: Iterable[str]) -> None:
    for name in names:
        if what == "types":
            print(f"{name}: {compiled.definition(library, name).type}")
        else:
            print(compiled.python(library, name))


def _evaluate(args: argparse.Namespace, compiled: CompiledLibraries, library: str, names: Sequence[str]) -> int:
    as_of = datetime.fromisoformat(args.as_of) if args.as_of else datetime.now(UTC)
    as_of = as_of if as_of.tzinfo else as_of.replace(tzinfo=UTC)
    facts: Any = NoFacts(as_of)
    if args.data is not None:
        body = args.data.read_bytes()
        facts = facts_from_bundle(body, as_of=as_of, patient_id=args.patient or _only_patient(body))
    run = Evaluation(compiled, facts, _parameters(args, compiled))
    run.run.sink = _tell
    failed = False
    shown: dict[str, Any] = {}
    for name in names:
        try:
            value = run.value(library, name)
        except EvaluationError as error:
            failed = True
            shown[name] = {"error": str(error)}
            if not args.json:
                print(f"{name} failed: {error}")
            continue
        shown[name] = {"value": _json(value), "type": compiled.definition(library, name).type}
        if args.trace:
            shown[name].update(_trace(run, library, name))
        if not args.json:
            print(f"{name} = {_text(value)}")
            if args.trace:
                print("".join(f"    {line}\n" for line in _trace_lines(shown[name])), end="")
    if args.json:
        print(json.dumps(shown, ensure_ascii=False, indent=2))
    return 1 if failed else 0


def _only_patient(body: bytes) -> str | None:
    entries = json.loads(body).get("entry", [])
    ids = [e["resource"]["id"] for e in entries if e.get("resource", {}).get("resourceType") == "Patient"]
    if len(ids) > 1:
        raise WrongUsage(f"The data hold {len(ids)} patients.", remedy="Name one with --patient.")
    return ids[0] if ids else None


def _parameters(args: argparse.Namespace, compiled: CompiledLibraries) -> dict[str, Any]:
    """What was given for parameters; one that no library declares is wrong usage."""
    given = dict(map(_parameter, args.parameter))
    known = sorted({parameter.name for parameter in compiled.parameters()})
    for name in given:
        if name not in known:
            raise WrongUsage(f'There is no parameter "{name}".', remedy=f"There are: {', '.join(known) or 'none'}.")
    return given


def _tell(message: Message) -> None:
    """What a `Message` of the logic says, beside the values."""
    code = f" {message.code}" if message.code else ""
    print(f"{message.severity.lower()}{code}: {message.text or ''}", file=sys.stderr)


def _parameter(text: str) -> tuple[str, Any]:
    name, found, value = text.partition("=")
    if not found:
        raise WrongUsage(f"{text} is no parameter.", remedy="Write NAME=VALUE.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _trace(run: Evaluation, library: str, name: str) -> dict[str, Any]:
    evidence, needs = run.evidence(library, name), run.needs(library, name)
    return {
        "from": [
            {"reference": r.reference, "element": r.element, "effective": _json(r.effective)}
            for r in evidence.resources
        ],
        "searches": [{"type": s.type, "valueSet": s.value_set, "found": s.found} for s in evidence.searches],
        "definitions": {f"{owner}.{define}": _json(value) for owner, define, value in evidence.definitions},
        "needs": [f"{need.library}.{need.define}" for need in needs],
        "whatIf": {f"{need.library}.{need.define}": _what_if(run, library, name, need) for need in needs},
    }


def _what_if(run: Evaluation, library: str, name: str, need: Need) -> dict[str, Any]:
    """What the value would be if a fact that can only be true or false were known."""
    if need.type != "Boolean":
        return {}
    found = {}
    for answer in (True, False):
        try:
            found[_text(answer)] = _json(run.what_if(library, name, {(need.library, need.define): answer}))
        except EvaluationError:
            continue
    return found


def _trace_lines(trace: dict[str, Any]) -> Iterator[str]:
    for entry in trace["from"]:
        dated = f", {entry['effective']}" if entry["effective"] else ""
        element = f".{entry['element']}" if entry["element"] else ""
        yield f"from {entry['reference']}{element}{dated}"
    for search in trace["searches"]:
        within = f" in {search['valueSet']}" if search["valueSet"] else ""
        yield f"searched {search['type']}{within}: {search['found']} found"
    for name, value in trace["definitions"].items():
        yield f"because {name} = {_brief(value)}"
    for need in trace["needs"]:
        would = ", ".join(f"if {answer}: {_brief(value)}" for answer, value in trace["whatIf"][need].items())
        yield f"needs {need}{f' ({would})' if would else ''}"


def _brief(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} value(s)"
    if isinstance(value, dict):
        return str(value.get("resourceType", "structure"))
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        return "{" + ", ".join(_text(item) for item in value) + "}" if len(value) <= 20 else f"{len(value)} values"
    if hasattr(value, "fhir_type"):
        identity = getattr(value, "id", None)
        return f"{value.fhir_type}/{identity}" if identity else json.dumps(_json(value), ensure_ascii=False)
    return to_cql(value)


def _json(value: Any) -> Any:
    if value is None or isinstance(value, bool | str) or type(value) is int:
        return value
    if isinstance(value, list):
        return [_json(item) for item in value]
    if hasattr(value, "fhir_type"):
        return json.loads(json.dumps(to_builtins(value), default=str))
    return to_cql(value)


def _error(error: CdsError) -> dict[str, Any]:
    where = error.where
    return {
        "code": error.code,
        "what": error.what,
        "remedy": error.remedy,
        **({"file": where.file, "line": where.line, "column": where.column} if where is not None else {}),
    }
