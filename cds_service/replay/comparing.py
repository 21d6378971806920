"""What differs between two results for the same call, as changes of a few kinds that a person can weigh."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import msgspec

from cds_service.replay.results import Result
from cds_service.replay.tallies import QUESTION_LISTS

# Members that say more about a decision than that some rule fires; the rest of its lists hold ids of rules.
_NO_RULES = frozenset(
    {*QUESTION_LISTS, "evidence", "levels", "candidates", "alternatives", "suggestedNext", "alsoMatches"}
)
_OTHER_LISTS = ("alternatives", "suggestedNext", "alsoMatches", "candidates")
_SINGLE = (("status", "decision"), ("primaryVariant", "scenario"), ("procedure", "procedure"), ("level", "target"))


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One difference: its kind, what it is about, and what stood there before and after."""

    kind: str
    about: str = ""
    before: str = ""
    after: str = ""
    ids: tuple[str, ...] = ()
    """Ids of rules, scenarios or questions that the change is about: where its reason is looked for."""

    def __str__(self) -> str:
        about = f"{self.about}: " if self.about else ""
        if self.before and self.after:
            return f"{about}{self.before} → {self.after}"
        if self.kind.endswith(" other") and (self.before or self.after):
            return f"{about}{self.before or 'nothing'} → {self.after or 'nothing'}"
        return f"{about}{self.after or self.before}"


class Difference(msgspec.Struct, frozen=True):
    """All changes of one call."""

    id: str
    patient: str | None
    service: str | None
    changes: tuple[Change, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of its changes, each once, in order."""
        return tuple(dict.fromkeys(change.kind for change in self.changes))


def compare(before: Result, after: Result, worst_first: Sequence[str] = ()) -> Difference | None:
    """The difference between two results for one call; None when a reader of the answers would see none."""
    changes = tuple(_changes(before, after, worst_first))
    if not changes:
        return None
    return Difference(after.id, after.patient or before.patient, after.service or before.service, changes)


def _changes(before: Result, after: Result, worst_first: Sequence[str]) -> Iterator[Change]:
    if (before.failure is None) != (after.failure is None):
        gone = before.failure is not None
        failure = before.failure or after.failure
        assert failure is not None
        yield Change("failure gone" if gone else "failure new", after=f"{failure.what} [{failure.code}]")
        return
    found = list(_record_changes(before, after, worst_first))
    yield from found
    if _shown(before) != _shown(after):
        cards = list(_card_changes(before, after))
        # Words that follow from a change of the decision are not told a second time.
        yield from (card for card in cards if card.kind != "only words" or not found)


def _record_changes(before: Result, after: Result, worst_first: Sequence[str]) -> Iterator[Change]:
    old, new = _by_subject(before.records), _by_subject(after.records)
    for about in dict.fromkeys((*old, *new)):
        if about not in new:
            yield Change("decision gone", about, str(old[about].get("status", "")))
        elif about not in old:
            yield Change("decision new", about, after=str(new[about].get("status", "")))
        elif old[about] != new[about]:
            yield from _compare_records(about, old[about], new[about], worst_first)


def _by_subject(records: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {str(record.get("order") or record.get("subject") or place): record for place, record in enumerate(records)}


def _compare_records(
    about: str, old: Mapping[str, Any], new: Mapping[str, Any], worst_first: Sequence[str]
) -> Iterator[Change]:
    one, other = old.get("rating"), new.get("rating")
    if one != other and one is not None and other is not None:
        ids = _ids(old, new, "primaryVariant")
        yield Change(_direction(str(one), str(other), worst_first), about, str(one), str(other), ids)
    for member, name in _SINGLE:
        if old.get(member) != new.get(member):
            ids = _ids(old, new, "primaryVariant", "nearest")
            yield Change(f"{name} other", about, _text(old.get(member)), _text(new.get(member)), ids)
    for member in sorted({*old, *new}):
        if isinstance(old.get(member, new.get(member)), list) and member not in _NO_RULES:
            yield from _list_changes(member, about, old, new)
    for member in QUESTION_LISTS:
        yield from _list_changes(f"question ({member})", about, old, new, member)
    for member in _OTHER_LISTS:
        if old.get(member) != new.get(member):
            gained = tuple(set(map(str, old.get(member, ()))) ^ set(map(str, new.get(member, ()))))
            yield Change(
                f"{member} other", about, _text(old.get(member)), _text(new.get(member)), tuple(sorted(gained))
            )
    if old.get("indicator") != new.get("indicator"):
        yield Change("urgency other", about, _text(old.get("indicator")), _text(new.get("indicator")))
    if old.get("levels") != new.get("levels") and old.get("level") == new.get("level"):
        yield Change("a target other", about, *_target_texts(old, new))
    if _facts(old) != _facts(new):
        yield Change("facts other", about, *_fact_texts(old, new), ids=_fact_ids(old, new))


def _target_texts(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, str]:
    """What differs in what is said about each target."""
    texts: tuple[list[str], list[str]] = ([], [])
    none: Mapping[str, Any] = {}
    for one, other in zip_longest(old.get("levels", ()), new.get("levels", ()), fillvalue=none):
        members = [name for name in dict.fromkeys((*one, *other)) if one.get(name) != other.get(name)]
        for text, entry in zip(texts, (one, other), strict=True):
            told = [f"{name} {_text(entry[name])}" for name in members if name in entry and name != "level"]
            if entry and members:
                text.append(" ".join((str(entry.get("level", "")), ", ".join(told) or "as before")))
    return "; ".join(texts[0]), "; ".join(texts[1])


def _list_changes(
    name: str, about: str, old: Mapping[str, Any], new: Mapping[str, Any], member: str | None = None
) -> Iterator[Change]:
    member = member or name
    one, other = [str(each) for each in old.get(member, ())], [str(each) for each in new.get(member, ())]
    gained = tuple(each for each in other if each not in one)
    lost = tuple(each for each in one if each not in other)
    if gained:
        yield Change(f"{name} new", about, after=", ".join(gained), ids=gained)
    if lost:
        yield Change(f"{name} gone", about, ", ".join(lost), ids=lost)


def _direction(one: str, other: str, worst_first: Sequence[str]) -> str:
    if one in worst_first and other in worst_first:
        return "rating up" if worst_first.index(other) > worst_first.index(one) else "rating down"
    return "rating other"


def _ids(old: Mapping[str, Any], new: Mapping[str, Any], *members: str) -> tuple[str, ...]:
    values = (record.get(member) for record in (old, new) for member in members)
    return tuple(dict.fromkeys(str(value) for value in values if value is not None))


def _facts(record: Mapping[str, Any]) -> dict[str, Any]:
    return {str(entry.get("fact")): entry.get("value") for entry in record.get("evidence", ())}


def _fact_ids(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    one, other = _facts(old), _facts(new)
    return tuple(fact for fact in dict.fromkeys((*one, *other)) if one.get(fact) != other.get(fact))


def _fact_texts(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, str]:
    names = _fact_ids(old, new)
    one, other = _facts(old), _facts(new)
    return (
        ", ".join(f"{name} {_text(one[name])}" for name in names if name in one),
        ", ".join(f"{name} {_text(other[name])}" for name in names if name in other),
    )


def _card_changes(before: Result, after: Result) -> Iterator[Change]:
    old, new = _shown(before), _shown(after)
    if [card[1] for card in old] != [card[1] for card in new]:
        lost = [f"[{card[1]}] {card[0]}" for card in old if card not in new]
        gained = [f"[{card[1]}] {card[0]}" for card in new if card not in old]
        if len(old) != len(new):
            yield Change("cards new" if len(new) > len(old) else "cards gone", "", "; ".join(lost), "; ".join(gained))
        else:
            yield Change("cards other", "", "; ".join(lost), "; ".join(gained))
        return
    for one, other in zip(old, new, strict=True):
        if one != other:
            yield Change("only words", "", *_first_difference(one, other))


def _shown(result: Result) -> list[tuple[str, str, str, tuple[str, ...]]]:
    return [(card.summary, card.indicator, card.detail, card.suggestions) for card in result.cards]


def _first_difference(one: Sequence[Any], other: Sequence[Any]) -> tuple[str, str]:
    for before, after in zip(one, other, strict=True):
        if before == after:
            continue
        lines = zip(str(before).splitlines(), str(after).splitlines(), strict=False)
        return next(((old, new) for old, new in lines if old != new), (str(before)[:200], str(after)[:200]))
    return "", ""


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
