"""Results as JUnit XML, for the servers that run tests: a case for each call that has an expectation or failed."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from pathlib import Path
from shutil import copyfileobj

from cds_service.replay.comparing import Difference
from cds_service.replay.expectations import unmet
from cds_service.replay.results import Result


def write_junit(path: Path, results: Iterable[Result], changed: Iterable[Difference] = ()) -> int:
    """Write the file, in little memory; the number of cases that fail.

    A changed call fails too where there is a baseline; changes come in the order of the results.
    """
    changes = iter(changed)
    change = next(changes, None)
    counts = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    cases = path.with_name(f".{path.name}.tmp")
    with cases.open("w", encoding="utf-8") as stream:
        for result in results:
            mine = change if change is not None and change.id == result.id else None
            if mine is not None:
                change = next(changes, None)
            case = _case(result, mine)
            counts["tests"] += 1
            counts["failures"] += case.find("failure") is not None
            counts["errors"] += case.find("error") is not None
            stream.write(f"  {ElementTree.tostring(case, encoding='unicode')}\n")
    numbers = " ".join(f'{name}="{count}"' for name, count in counts.items())
    with path.open("wb") as target, cases.open("rb") as source:
        target.write(b'<?xml version="1.0" encoding="utf-8"?>\n')
        target.write(f'<testsuite name="cds-service replay" {numbers}>\n'.encode())
        copyfileobj(source, target, 1 << 20)
        target.write(b"</testsuite>\n")
    cases.unlink()
    return counts["failures"] + counts["errors"]


def _case(result: Result, difference: Difference | None) -> ElementTree.Element:
    name, seconds = _clean(result.id), f"{result.milliseconds / 1000:.6f}"
    case = ElementTree.Element("testcase", classname=result.service or "replay", name=name, time=seconds)
    if result.failed:
        told = result.failure.what if result.failure else "Part of the logic failed."
        kind = result.failure.code if result.failure else "logic"
        ElementTree.SubElement(case, "error", type=kind).text = _clean(told)
        return case
    told_lines = list(unmet(result))
    if difference is not None:
        told_lines += [f"{change.kind}: {change}" for change in difference.changes]
    if told_lines:
        ElementTree.SubElement(case, "failure", message=_clean(told_lines[0])).text = _clean("\n".join(told_lines))
    return case


def _clean(text: str) -> str:
    """Text without what XML cannot hold."""
    return "".join(sign for sign in text if sign in "\n\t" or ord(sign) >= 32)
