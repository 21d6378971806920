"""Every case of the content as something to try: found by words, turned into the call that it stands for."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cds_service.cases.charts import hook_call
from cds_service.cases.reading import Case, read_cases
from cds_service.errors import CdsError
from cds_service.workbench.bench import Bench, UnusableInput

# The hooks of the standard in the order in which a clinician meets them.
_HOOKS = ("order-sign", "order-select", "patient-view", "order-dispatch", "appointment-book", "encounter-discharge")


@dataclass(frozen=True, slots=True)
class Example:
    """One case as a line in a list."""

    id: str
    title: str
    hook: str
    group: str  # the file it stands in
    expected: str
    words: str  # what a search looks at
    case: Case


class Examples:
    """The cases below the content folders, read when first asked for."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._found: dict[str, Example] | None = None
        self._reading = threading.Lock()

    def all(self) -> tuple[Example, ...]:
        """Every example: cases that were written whole first, then those that test one rule."""
        return tuple(self._examples().values())

    def search(self, query: str) -> tuple[Example, ...]:
        """The examples that hold every word of `query`."""
        words = query.casefold().split()
        return tuple(example for example in self.all() if all(word in example.words for word in words))

    def call(self, identifier: str) -> dict[str, Any]:
        """The call that an example stands for, as the playground shows it."""
        example = self._examples().get(identifier)
        if example is None:
            raise UnusableInput("There is no such example.", remedy="Choose one of the list.")
        return call_of(example.case, self._bench)

    def _examples(self) -> dict[str, Example]:
        with self._reading:
            if self._found is None:
                cases = [case for folder in self._bench.folders for case in _cases_below(folder)]
                cases.sort(key=_rank)
                self._found = _named(cases)
        return self._found


def _cases_below(folder: Path) -> Iterable[Case]:
    plans = folder / "plandefinitions"
    for file in sorted((plans if plans.is_dir() else folder).rglob("*.yaml")):
        if "cases" in file.parts:
            try:
                yield from read_cases([file])
            except CdsError:
                continue  # `cds-service check` says what is wrong with a case file; here it is only missing


def _rank(case: Case) -> tuple[bool, bool, int]:
    """What is told in words and ends in a rating comes first; tests of a single rule come last."""
    rated = bool(case.expect) and "rating" in case.expect[0]
    return (case.rule is not None, not (rated and case.title), _HOOKS.index(case.hook) if case.hook in _HOOKS else 9)


def _named(cases: Iterable[Case]) -> dict[str, Example]:
    found: dict[str, Example] = {}
    for case in cases:
        name, number = case.id, 2
        while name in found:
            name, number = f"{case.id}-{number}", number + 1
        found[name] = _example(name, case)
    return found


def _example(name: str, case: Case) -> Example:
    group = Path(case.origin).stem
    expected = _expected(case)
    procedures = " ".join(str(order.get("procedure") or "") for order in case.orders)
    words = " ".join((name, case.title, case.hook, group, expected, procedures)).casefold()
    return Example(name, case.title, case.hook, group, expected, words, case)


def _expected(case: Case) -> str:
    if case.rule is not None:
        return (
            f"{case.rule.rule} {'asks' if case.rule.asks is not None else 'fires' if case.rule.fires else 'is silent'}"
        )
    wanted = case.expect[0] if case.expect else {}
    return str(wanted.get("rating") or wanted.get("status") or "")


def call_of(case: Case, bench: Bench) -> dict[str, Any]:
    """The call that a case stands for: what the playground loads."""
    service = bench.knowledge.service_for(case.hook)
    if service is None:
        raise UnusableInput(f"No service answers the hook {case.hook}.")
    request = hook_call(case, service, bench.as_of_member)
    return {"name": case.id, "service": service.id, "says": case.title, "request": request}
