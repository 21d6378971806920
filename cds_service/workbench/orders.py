"""Orders by words or code: every code that is known to order one of our procedures."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from cds_service.terminology.terminology import Terminology
from cds_service.workbench.bench import Bench

MOST = 40


@dataclass(frozen=True, slots=True)
class OrderCode:
    """One code that can be ordered."""

    system: str
    code: str
    display: str

    @property
    def words(self) -> str:
        """What a search looks at."""
        return f"{self.code} {self.display}".casefold()


class OrderIndex:
    """The codes that orders may carry, collected when first asked for."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._codes: tuple[OrderCode, ...] | None = None
        self._collecting = threading.Lock()

    def search(self, query: str) -> tuple[OrderCode, ...]:
        """The codes that hold every word of `query`, our own procedures first."""
        words = query.casefold().split()
        found = [code for code in self._all() if all(word in code.words for word in words)]
        found.sort(key=lambda code: code.code.casefold() != query.strip().casefold())  # stable: else as collected
        return tuple(found[:MOST])

    def _all(self) -> tuple[OrderCode, ...]:
        with self._collecting:
            if self._codes is None:
                self._codes = tuple(_collect(self._bench))
        return self._codes


def _collect(bench: Bench) -> list[OrderCode]:
    terminology = bench.knowledge.terminology
    found: dict[tuple[str, str], OrderCode] = {}
    for policy in bench.knowledge.policies:
        if not policy.procedures:
            continue
        for concept in terminology.concepts(policy.procedures):
            own = OrderCode(policy.procedures, concept.code, concept.display or concept.code)
            found[policy.procedures, concept.code] = own
        for system, code in _mapped(terminology, policy.procedures):
            found.setdefault((system, code), OrderCode(system, code, terminology.name_of(system, code) or ""))
    return list(found.values())


def _mapped(terminology: Terminology, target: str) -> list[tuple[str, str]]:
    pairs = {
        (str(group.get("source")), str(element.get("code")))
        for artifact in terminology.concept_maps()
        for group in artifact.resource.get("group", ())
        if str(group.get("target", "")).partition("|")[0] == target
        for element in group.get("element", ())
    }
    return sorted(pairs)
