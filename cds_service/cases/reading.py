"""Case files: our own format, lists of vignettes, and lists of rule tests; each becomes cases that can be run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cds_service.errors import ContentError, Span
from cds_service.knowledge.yaml_texts import load_documents
from cds_service.plans.extensions import listed

# Hand-set advice that a reader may judge differently: reported, never failed.
REPORTED = frozenset({"careFlags", "suggestedNext"})
_DEFAULT_AS_OF = "2025-06-15T09:00:00Z"


class UnreadableCases(ContentError):
    """A case file that cannot be read."""

    code = "unreadable-cases"


@dataclass(frozen=True, slots=True)
class RuleExpectation:
    """What one rule is expected to come to."""

    rule: str
    fires: bool | None = None
    asks: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One patient, one call, and what is expected of the answer."""

    id: str
    title: str
    origin: str
    hook: str
    as_of: str = _DEFAULT_AS_OF
    facts: Mapping[str, Any] = field(default_factory=dict)
    resources: Sequence[Mapping[str, Any]] = ()
    orders: Sequence[Mapping[str, Any]] = ()  # ServiceRequests, or {procedure, levels, id}
    appointments: Sequence[Mapping[str, Any]] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    patient: Mapping[str, Any] = field(default_factory=dict)  # age, sex
    unreadable: tuple[str, ...] = ()
    request: Mapping[str, Any] | None = None
    expect: Sequence[Mapping[str, Any]] = ()  # one for each record
    rule: RuleExpectation | None = None
    cards: Sequence[Mapping[str, Any]] | None = None
    reaches: tuple[str, ...] = ()


def read_cases(paths: Iterable[Path]) -> Iterator[Case]:
    """The cases of files, and of every `cases` folder below folders."""
    for path in paths:
        files = [path] if path.is_file() else sorted(_case_files(path))
        if not files and not path.exists():
            raise UnreadableCases(f"There are no cases at {path}.", remedy="Name a case file or a folder with some.")
        for file in files:
            yield from _read_file(file)


def _case_files(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        inside = folder.name == "cases" or "cases" in file.relative_to(folder).parts[:-1]
        if file.suffix in {".yaml", ".yml"} and inside:
            yield file


def _read_file(file: Path) -> Iterator[Case]:
    yield from read_case_text(file.read_text(encoding="utf-8"), file)


def read_case_text(text: str, file: Path) -> Iterator[Case]:
    """The cases in the text of a case file; `file` is what errors and cases name."""
    try:
        documents = load_documents(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = Span(str(file), mark.line + 1, mark.column + 1) if mark else Span(str(file), 1, 1)
        problem = getattr(error, "problem", None) or "the file cannot be parsed"
        raise UnreadableCases(f"No YAML: {problem}.", where=where) from None
    for number, document in enumerate(documents):
        for inner in document if isinstance(document, list) else [document]:
            if not isinstance(inner, Mapping):
                continue
            if "vignettes" in inner:
                yield from _vignettes(inner, file)
            if "rule_tests" in inner:
                yield from _rule_tests(inner, file)
            if "expect" in inner or "says" in inner:
                yield _own(inner, file, number)


def _vignettes(document: Mapping[str, Any], file: Path) -> Iterator[Case]:
    as_of = str(document.get("as_of") or "2025-06-15")
    for entry in listed(document["vignettes"]):
        order = entry.get("order")
        expected = {record_key(name): value for name, value in (entry.get("expected") or {}).items()}
        orders: list[Mapping[str, Any]] = [{"id": "o1", **order}] if isinstance(order, Mapping) else []
        yield Case(
            id=str(entry.get("id")),
            title=str(entry.get("title") or ""),
            origin=str(file),
            hook=str(entry.get("hook") or "order-sign"),
            as_of=as_of if "T" in as_of else f"{as_of}T09:00:00Z",
            facts=entry.get("facts") or {},
            orders=orders,
            patient=entry.get("patient") or {},
            expect=(expected,),
            reaches=tuple(str(name) for name in listed(entry.get("covers"))),
        )


def _rule_tests(document: Mapping[str, Any], file: Path) -> Iterator[Case]:
    for number, entry in enumerate(listed(document["rule_tests"]), 1):
        facts = dict(entry.get("facts") or {})
        asks = entry.get("asks")
        yield Case(
            id=f"rule-test-{number}-{entry.get('rule')}",
            title=f"{entry.get('rule')}: {facts}",
            origin=str(file),
            hook="order-sign",
            facts=facts,
            orders=[{"id": "o1", "procedure": entry.get("procedure")}],
            patient={"age": 70, "sex": facts.get("sex", "male")},  # an asserted age outranks the birth date
            rule=RuleExpectation(
                str(entry.get("rule")), entry.get("fires"), tuple(map(str, asks)) if asks is not None else None
            ),
        )


def _own(entry: Mapping[str, Any], file: Path, number: int) -> Case:
    expected = entry.get("expect")
    cards = entry.get("expect_cards")
    records = []
    for record in listed(expected):
        plain = {record_key(name): value for name, value in record.items() if name != "cards"}
        if "cards" in record:
            cards = record["cards"]
        if plain:
            records.append(plain)
    name = file.stem if number == 0 else f"{file.stem}-{number + 1}"
    return Case(
        id=str(entry.get("id") or name),
        title=str(entry.get("says") or entry.get("title") or ""),
        origin=str(file),
        hook=str(entry.get("hook") or (entry.get("request") or {}).get("hook") or "order-sign"),
        as_of=str(entry.get("as_of") or _DEFAULT_AS_OF),
        facts=entry.get("facts") or {},
        resources=listed(entry.get("resources")),
        orders=listed(entry.get("draft_orders")),
        appointments=listed(entry.get("appointments")),
        context=entry.get("context") or {},
        patient=entry.get("patient") or {},
        unreadable=tuple(str(name) for name in listed(entry.get("unreadable"))),
        request=entry.get("request"),
        expect=tuple(records),
        cards=listed(cards) if cards is not None else None,
        reaches=tuple(str(name) for name in listed(entry.get("reaches"))),
    )


def record_key(name: str) -> str:
    """The key of the decision record that a key of a case file means: `must_ask` is `mustAsk`."""
    base, suffix = (name[: -len("_includes")], "_includes") if name.endswith("_includes") else (name, "")
    if "_" in base:
        head, *rest = base.split("_")
        base = head + "".join(part.capitalize() for part in rest)
    return base + suffix
