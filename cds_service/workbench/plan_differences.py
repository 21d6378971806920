"""Two versions of the content side by side: what differs in ratings, criteria, rules and logic."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cds_service.errors import CdsError
from cds_service.knowledge.definitions import Definitions
from cds_service.knowledge.reading import Content, read_content
from cds_service.knowledge.services import make_services
from cds_service.terminology.terminology import Terminology
from cds_service.workbench.plan_pages import Cell, PlanView, RuleRow, ScenarioRow, Table, plan_views


@dataclass(frozen=True, slots=True)
class Version:
    """The plans and libraries of one version of the content."""

    name: str
    plans: Mapping[str, PlanView]  # by canonical without version
    libraries: Mapping[str, str]  # name -> text
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is said otherwise: where, what, and both sayings (empty: it is not there)."""

    place: str
    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class TextDifference:
    """The lines of one library that differ, with a few around them."""

    library: str
    lines: tuple[tuple[str, str], ...]  # kind (added, removed, place, same), text


@dataclass(frozen=True, slots=True)
class Differences:
    """All differences between two versions."""

    plans: tuple[tuple[str, tuple[Difference, ...]], ...]
    libraries: tuple[TextDifference, ...]

    @property
    def count(self) -> int:
        """How many things differ."""
        return sum(len(found) for _, found in self.plans) + len(self.libraries)


def read_version(name: str, folders: Iterable[Path], terminology: Terminology, base: str) -> Version:
    """The version in some folders; it is read, not compiled: it need not hold."""
    content = read_content([_plans_of(folder) for folder in folders], base)
    return version_of(name, content, terminology, base)


def version_of(name: str, content: Content, terminology: Terminology, base: str) -> Version:
    """A version of content that has been read."""
    errors: list[CdsError] = list(content.errors)
    services = make_services(Definitions(content), terminology, base, errors)
    views = {view.canonical.partition("|")[0]: view for view in plan_views(services)}
    texts = {library.name: library.text for library in content.libraries.values()}
    return Version(name, views, texts, tuple(error.what for error in errors))


def _plans_of(folder: Path) -> Path:
    inner = folder / "plandefinitions"
    return inner if inner.is_dir() else folder


def differences_between(before: Version, after: Version) -> Differences:
    """What differs, plan by plan and library by library."""
    plans = []
    for canonical in sorted({*before.plans, *after.plans}):
        old, new = before.plans.get(canonical), after.plans.get(canonical)
        found = tuple(_plan(old, new))
        if found:
            named = new or old
            plans.append((named.title if named is not None else canonical, found))
    names = sorted({*before.libraries, *after.libraries})
    texts = (_text(name, before.libraries.get(name, ""), after.libraries.get(name, "")) for name in names)
    return Differences(tuple(plans), tuple(text for text in texts if text.lines))


def _plan(old: PlanView | None, new: PlanView | None) -> Iterable[Difference]:
    if old is None or new is None:
        plan = new or old
        assert plan is not None
        yield Difference("", "Plan", plan.canonical if old else "", plan.canonical if new else "")
        return
    yield from _fields("", ("Version", old.canonical, new.canonical), ("Title", old.title, new.title),
                       ("Description", old.description, new.description))  # fmt: skip
    tables_before, tables_after = ({table.id: table for table in view.tables} for view in (old, new))
    for name in dict.fromkeys((*tables_before, *tables_after)):
        yield from _table(tables_before.get(name), tables_after.get(name))
    rules_before, rules_after = ({rule.id: rule for rule in view.rules} for view in (old, new))
    for name in dict.fromkeys((*rules_before, *rules_after)):
        yield from _rule(name, rules_before.get(name), rules_after.get(name))


def _fields(place: str, *fields: tuple[str, str, str]) -> Iterable[Difference]:
    for what, before, after in fields:
        if before != after:
            yield Difference(place, what, before, after)


def _table(old: Table | None, new: Table | None) -> Iterable[Difference]:
    rows_before = {row.id: row for row in old.rows} if old else {}
    rows_after = {row.id: row for row in new.rows} if new else {}
    order_before, order_after = ", then ".join(rows_before), ", then ".join(rows_after)
    yield from _fields(new.title if new else "", ("Precedence", order_before, order_after))
    for name in dict.fromkeys((*rows_before, *rows_after)):
        yield from _scenario(name, rows_before.get(name), rows_after.get(name), old, new)


def _scenario(
    name: str, old: ScenarioRow | None, new: ScenarioRow | None, before: Table | None, after: Table | None
) -> Iterable[Difference]:
    yield from _fields(
        name,
        ("Title", old.title if old else "", new.title if new else ""),
        ("Criteria", _criteria(old), _criteria(new)),
        ("Source", "; ".join(old.sources) if old else "", "; ".join(new.sources) if new else ""),
        ("Note", old.note if old else "", new.note if new else ""),
    )
    cells_before, cells_after = _cells(old, before), _cells(new, after)
    for procedure in dict.fromkeys((*cells_before, *cells_after)):
        was, now = cells_before.get(procedure), cells_after.get(procedure)
        yield from _fields(
            f"{name} · {procedure}",
            ("Rating", _rating(was), _rating(now)),
            ("Rationale", was.rationale if was else "", now.rationale if now else ""),
        )


def _criteria(row: ScenarioRow | None) -> str:
    return " · ".join(criterion.says for criterion in row.criteria) if row else ""


def _cells(row: ScenarioRow | None, table: Table | None) -> dict[str, Cell]:
    if row is None or table is None:
        return {}
    return {name: cell for (_, name), cell in zip(table.columns, row.cells, strict=True) if cell is not None}


def _rating(cell: Cell | None) -> str:
    return f"{cell.words}{' (panel divided)' if cell.disagreement else ''}" if cell else ""


def _rule(name: str, old: RuleRow | None, new: RuleRow | None) -> Iterable[Difference]:
    def text(rule: RuleRow | None, member: str) -> str:
        value = getattr(rule, member, "") if rule is not None else ""
        if isinstance(value, tuple):
            return ", ".join(str(getattr(each, "says", each)) for each in value)
        return {True: "yes", False: ""}.get(value, str(value)) if isinstance(value, bool) else str(value)

    members: Sequence[tuple[str, str]] = (
        ("Statement", "statement"), ("Weight", "severity"), ("Kind", "kind"), ("Holds when", "condition"),
        ("About", "about"), ("If unknown", "unknown"), ("Emergency", "emergency"), ("What now", "what_now"),
        ("Source", "sources"),
    )  # fmt: skip
    yield from _fields(name, *((words, text(old, member), text(new, member)) for words, member in members))


def _text(name: str, before: str, after: str) -> TextDifference:
    kinds = {"+": "added", "-": "removed", "@": "place"}
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=2, lineterm=""))[2:]
    return TextDifference(name, tuple((kinds.get(line[:1], "same"), line) for line in lines))
