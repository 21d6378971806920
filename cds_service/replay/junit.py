"""Results as JUnit XML, for the servers that run tests: a case for each call that has an expectation or failed."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from pathlib import Path

from cds_service.replay.comparing import Difference
from cds_service.replay.expectations import unmet
from cds_service.replay.results import Result


def write_junit(path: Path, results: Iterable[Result], changed: Iterable[Difference] = ()) -> int:
    """Write the file; the number of cases that fail. A changed call fails too where there is a baseline."""
    changes = {difference.id: difference for difference in changed}
    suite = ElementTree.Element("testsuite", name="cds-service replay")
    count = failures = errors = 0
    for result in results:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=result.service or "replay",
            name=result.id,
            time=f"{result.milliseconds / 1000:.6f}",
        )
        count += 1
        if result.failed:
            errors += 1
            told = result.failure.what if result.failure else "Part of the logic failed."
            ElementTree.SubElement(case, "error", type=result.failure.code if result.failure else "logic").text = told
            continue
        told_lines = list(unmet(result))
        if result.id in changes:
            told_lines += [f"{change.kind}: {change}" for change in changes[result.id].changes]
        if told_lines:
            failures += 1
            ElementTree.SubElement(case, "failure", message=_clean(told_lines[0])).text = _clean("\n".join(told_lines))
    suite.attrib |= {"tests": str(count), "failures": str(failures), "errors": str(errors), "skipped": "0"}
    ElementTree.indent(suite)
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
    return failures + errors


def _clean(text: str) -> str:
    """Text without what XML cannot hold."""
    return "".join(sign for sign in text if sign in "\n\t" or ord(sign) >= 32)
