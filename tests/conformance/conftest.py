"""Counts of every suite at the end of a run."""

from __future__ import annotations

from collections import Counter

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each conformance test function: how many cases passed, how many are known gaps, how many failed."""
    counts: dict[str, Counter[str]] = {}
    for outcome in ("passed", "xfailed", "failed"):
        for report in terminalreporter.getreports(outcome):
            path, _, function = report.nodeid.partition("::")
            if "conformance/" in path:
                counts.setdefault(function.partition("[")[0], Counter())[outcome] += 1
    for function, count in sorted(counts.items()):
        terminalreporter.write_line(
            f"conformance {function}: {count['passed']} passed, {count['xfailed']} known gaps, {count['failed']} failed"
        )
