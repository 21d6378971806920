"""Looks up a code: which value sets hold it, what it maps to, where it is used; or reads a text as the service does."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from cds_service import settings
from cds_service.phrases.lexicon import load_lexicon
from cds_service.phrases.matcher import PhraseMatcher
from cds_service.phrases.mentions import Mention
from cds_service.terminology.conceptmaps import Match
from cds_service.terminology.loading import load_terminology
from cds_service.terminology.usage import CodeUsage, usages_of


def add_parser(subparsers: Any) -> None:
    """The options of `code`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "code", help="say which value sets hold a code, what it maps to and where it is used"
    )
    parser.add_argument("code", help="a code, or system|code; with --text: words from a record")
    parser.add_argument("--system", help="URI of the code system, when the code alone is ambiguous")
    parser.add_argument("--text", action="store_true", help="read the words as a reason, problem or report conclusion")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when something is known of the code, 1 when nothing is."""
    chosen = settings.load(os.environ)
    folders = _folders(chosen)
    if args.text:
        return _read_text(args.code, folders, chosen.canonical, as_json=args.json)
    system, bar, code = str(args.code).rpartition("|")
    terminology = load_terminology(
        [folder / "terminology" for folder in folders if (folder / "terminology").is_dir()], base=chosen.canonical
    )
    content = [folder / "plandefinitions" for folder in folders if (folder / "plandefinitions").is_dir()]
    usages = usages_of(terminology, code if bar else args.code, args.system or (system if bar else None), content)
    known = [usage for usage in usages if usage.is_known]
    if args.json:
        print(json.dumps({"code": args.code, "found": [_as_json(usage) for usage in known]}, indent=2))
    elif not known:
        print(f"Nothing is known of {args.code}.")
    else:
        print("\n\n".join(_as_text(usage) for usage in known))
    return 0 if known else 1


def _folders(chosen: settings.Settings) -> list[Path]:
    packaged = [settings.default_content()] if chosen.packaged_content else []
    return [*packaged, *chosen.content]


def _as_text(usage: CodeUsage) -> str:
    lines = [f"{usage.code}  {usage.display or '(name not known)'}", f"  {usage.system}"]
    lines.append(f"  held by {len(usage.held_by)} value set(s)" + (":" if usage.held_by else ""))
    lines += [f"    {_last(url)}" for url in usage.held_by]
    if usage.maps:
        lines.append("  maps to:")
        lines += [f"    {_match_text(match)}" for match in usage.maps]
    if usage.used_in:
        lines.append("  used in:")
        files: dict[str, list[str]] = {}
        for file, url in usage.used_in:
            files.setdefault(file, []).append(_last(url))
        lines += [f"    {_short(file)}: {', '.join(dict.fromkeys(sets))}" for file, sets in files.items()]
    return "\n".join(lines)


def _match_text(match: Match) -> str:
    target = f"{match.code} ({_last(match.system)})" if match.code else "nothing of ours"
    checks = f", if {', '.join(match.checks)}" if match.checks else ""
    comment = f" - {match.comment}" if match.comment else ""
    return f"{target}: {match.equivalence}{checks}{comment}"


def _as_json(usage: CodeUsage) -> dict[str, Any]:
    return {
        "system": usage.system,
        "code": usage.code,
        "display": usage.display,
        "valueSets": list(usage.held_by),
        "maps": [
            {
                "map": match.map_url,
                "system": match.system,
                "code": match.code,
                "equivalence": match.equivalence,
                "checks": list(match.checks),
                "comment": match.comment,
            }
            for match in usage.maps
        ],
        "usedIn": [{"file": _short(file), "valueSet": url} for file, url in usage.used_in],
    }


def _last(url: str) -> str:
    return url.rsplit("/", 1)[-1]


def _short(file: str) -> str:
    _, found, rest = file.partition("plandefinitions/")
    return found + rest if found else file


def _read_text(text: str, folders: list[Path], base: str, *, as_json: bool) -> int:
    lexicons = [folder / "terminology" / "phrases" for folder in folders]
    reading = PhraseMatcher(load_lexicon(next(one for one in reversed(lexicons) if one.is_dir()), base)).read(text)
    if as_json:
        print(json.dumps({"text": text, "mentions": [_mention_json(one) for one in reading.ranked()]}, indent=2))
    elif not reading.ranked():
        print("Nothing was recognised.")
    else:
        print("\n".join(_mention_text(one) for one in reading.ranked()))
    return 0 if reading.mentions or reading.asks else 1


def _mention_text(mention: Mention) -> str:
    levels = f" at {', '.join(mention.levels)}" if mention.levels else ""
    number = f" {mention.number} {mention.unit}" if mention.number is not None else ""
    choice = f" (one of {', '.join(one.code for one in mention.candidates)})" if mention.candidates else ""
    return f"{mention.score:.2f}  {mention.status:10}  {mention.concept}{number}{levels}{choice}  <- {mention.text!r}"


def _mention_json(mention: Mention) -> dict[str, Any]:
    return {
        "concept": mention.concept,
        "status": mention.status,
        "score": mention.score,
        "text": mention.text,
        "start": mention.start,
        "end": mention.end,
        "coding": {"system": mention.coding.system, "code": mention.coding.code} if mention.coding else None,
        "levels": list(mention.levels),
        "number": str(mention.number) if mention.number is not None else None,
        "unit": mention.unit,
        "candidates": [{"system": one.system, "code": one.code} for one in mention.candidates],
    }
