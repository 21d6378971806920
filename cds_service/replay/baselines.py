"""Two runs over the same calls, joined: who changed and how, in numbers, with examples."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from cds_service.replay.comparing import Difference, compare
from cds_service.replay.results import Result, read_result

_EXAMPLES = 25  # calls shown for each kind of change


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """A difference of content that explains changes: a rule, threshold, code or definition."""

    kind: str
    name: str
    before: str = ""
    after: str = ""
    place: str = ""

    def __str__(self) -> str:
        told = f"{self.before or 'nothing'} → {self.after or 'nothing'}" if self.before or self.after else ""
        return f"{self.kind} {self.name}" + (f": {told}" if told else "")


class Kind(msgspec.Struct):
    """All changes of one kind."""

    calls: int = 0
    reasons: Counter[Reason] = msgspec.field(default_factory=Counter)
    examples: list[Difference] = msgspec.field(default_factory=list)


# What weighs most is told first; lists of rules, whatever their names, come after the decision itself.
_WEIGHT = (
    "failure new",
    "rating up",
    "rating down",
    "rating other",
    "decision new",
    "decision gone",
    "decision other",
    "scenario other",
    "procedure other",
    "",
    "question",
    "target other",
    "a target other",
    "failure gone",
    "facts other",
    "alternatives other",
    "suggestedNext other",
    "alsoMatches other",
    "candidates other",
    "urgency other",
    "cards new",
    "cards gone",
    "cards other",
    "only words",
)


def _weight(name: str) -> int:
    return _WEIGHT.index(name) if name in _WEIGHT else _WEIGHT.index("question" if name.startswith("question") else "")


class Comparison(msgspec.Struct):
    """The outcome of a comparison."""

    calls: int = 0
    changed: int = 0
    missing_before: int = 0
    missing_after: int = 0
    kinds: dict[str, Kind] = msgspec.field(default_factory=dict)

    def add(self, difference: Difference, reasons: Iterable[Reason] = ()) -> None:
        """Count one changed call under each kind of change that it has."""
        self.changed += 1
        told = tuple(reasons)
        for name in difference.kinds:
            kind = self.kinds.setdefault(name, Kind())
            kind.calls += 1
            kind.reasons.update(told)
            if len(kind.examples) < _EXAMPLES:
                kind.examples.append(difference)

    @property
    def only_words(self) -> int:
        """Calls whose answers differ in their wording alone."""
        return self.kinds["only words"].calls if "only words" in self.kinds else 0

    def by_weight(self) -> list[tuple[str, Kind]]:
        """The kinds of change, the weightiest first."""
        return sorted(self.kinds.items(), key=lambda item: (_weight(item[0]), -item[1].calls, item[0]))

    def as_json(self) -> dict[str, Any]:
        """The comparison for machines."""
        return {
            "calls": self.calls,
            "changed": self.changed,
            "onlyWords": self.only_words,
            "missingBefore": self.missing_before,
            "missingAfter": self.missing_after,
            "kinds": {
                name: {
                    "calls": kind.calls,
                    "reasons": [
                        {"reason": str(reason), "calls": number} for reason, number in kind.reasons.most_common()
                    ],
                    "examples": [
                        {
                            "id": each.id,
                            "patient": each.patient,
                            "changes": [str(change) for change in each.changes if change.kind == name],
                        }
                        for each in kind.examples
                    ],
                }
                for name, kind in self.by_weight()
            },
        }


def join(before: Sequence[Path], after: Iterable[Path]) -> Iterator[tuple[Result | None, Result | None]]:
    """Pairs of results for the same call, in the order of the second run, in little memory.

    Runs over the same input have the same order, so the next line usually fits; otherwise an index on disk finds it.
    """
    with _Lines(before) as earlier:
        for path in after:
            with path.open("rb") as stream:
                for number, line in enumerate(stream, start=1):
                    result = read_result(line, f"{path}:{number}")
                    yield earlier.take(result.id), result
        for rest in earlier.rest():
            yield rest, None


class _Lines:
    """Results by id: read along where the order is that of the asking, through an index where it is not."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._along = self._read()
        self._ahead: Result | None = next(self._along, None)
        self._index: sqlite3.Connection | None = None

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        if self._index is not None:
            self._index.close()

    def _read(self) -> Iterator[Result]:
        for path in self._paths:
            with path.open("rb") as stream:
                for number, line in enumerate(stream, start=1):
                    yield read_result(line, f"{path}:{number}")

    def take(self, ident: str) -> Result | None:
        """The result of that id, once."""
        if self._index is None:
            if self._ahead is not None and self._ahead.id == ident:
                found, self._ahead = self._ahead, next(self._along, None)
                return found
            self._make_index()
        assert self._index is not None
        row = self._index.execute("SELECT line FROM results WHERE id = ?", (ident,)).fetchone()
        if row is None:
            return None
        self._index.execute("DELETE FROM results WHERE id = ?", (ident,))
        return read_result(row[0], ident)

    def _make_index(self) -> None:
        index = sqlite3.connect("")  # a temporary file that SQLite removes
        index.execute("CREATE TABLE results (place INTEGER PRIMARY KEY, id TEXT, line BLOB)")
        rest = ([] if self._ahead is None else [self._ahead], self._along)
        rows = ((result.id, msgspec.json.encode(result)) for part in rest for result in part)
        index.executemany("INSERT INTO results (id, line) VALUES (?, ?)", rows)
        index.execute("CREATE INDEX by_id ON results (id)")
        self._index, self._ahead = index, None

    def rest(self) -> Iterator[Result]:
        """What nobody asked for."""
        if self._index is not None:
            for (line,) in self._index.execute("SELECT line FROM results ORDER BY place"):
                yield read_result(line, "earlier results")
        elif self._ahead is not None:
            yield self._ahead
            yield from self._along


def differences(
    pairs: Iterable[tuple[Result | None, Result | None]], comparison: Comparison, worst_first: Sequence[str]
) -> Iterator[Difference]:
    """The changed calls of some pairs; the others are counted."""
    for before, after in pairs:
        comparison.calls += 1
        if before is None:
            comparison.missing_before += 1
        elif after is None:
            comparison.missing_after += 1
        else:
            found = compare(before, after, worst_first)
            if found is not None:
                yield found
