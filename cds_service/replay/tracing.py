"""Why the answer to one call changed: the call is decided with both versions, and their values are set side by side."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cds_service.errors import CdsError
from cds_service.pipeline import Decision
from cds_service.replay.baselines import Reason
from cds_service.replay.comparing import Difference
from cds_service.replay.contents import ContentChanges, Key
from cds_service.replay.inputs import Item
from cds_service.replay.running import Runner

_MOST = 5  # reasons told for one call
_FINER_FIRST = {"threshold": 0, "codes": 1, "definition": 2, "action": 3}


class Tracer:
    """Finds the differences of content behind the changes of a call."""

    def __init__(self, before: Runner, after: Runner) -> None:
        self._before, self._after = before, after
        self.changes = ContentChanges(before.knowledge, after.knowledge)

    def reasons(self, item: Item, difference: Difference) -> tuple[Reason, ...]:
        """The differences that the changes rest on, the finest first; those that show in values before others."""
        if not self.changes.reasons:
            return ()
        ids = dict.fromkeys(ident for change in difference.changes for ident in change.ids)
        maps = {key: self.changes.reasons[key] for key, codes in self.changes.mapped.items() if _names(item, codes)}
        questions = [change for change in difference.changes if change.kind.startswith("question")]
        asking = self.changes.asking(ident for change in questions for ident in change.ids)
        if found := self.changes.behind(ids) | maps:
            found = (self._that_show(item, found) | asking if asking or len(found) > 1 else found) or found
        elif asking:
            found = asking
        else:  # nothing that the change is about differs: whatever else does, if it shows
            found = self._in_words(difference) or self._that_show(item, self.changes.reasons, named_only=True)
        found = found or self._the_only_one()
        ordered = sorted(found.values(), key=lambda reason: (_FINER_FIRST.get(reason.kind, 9), reason.name))
        return tuple(ordered[:_MOST])

    def _in_words(self, difference: Difference) -> dict[Key, Reason]:
        """What stood in the words of the answer before, or stands there now."""
        words = [change for change in difference.changes if change.kind == "only words"]
        return {
            key: reason
            for key, reason in self.changes.reasons.items()
            if any(_says(change.before, reason.before) and _says(change.after, reason.after) for change in words)
        }

    def _the_only_one(self) -> dict[Key, Reason]:
        """What differs between the versions, if it is one thing."""
        return dict(self.changes.reasons) if len(self.changes.reasons) == 1 else {}

    def _that_show(self, item: Item, found: Mapping[Key, Reason], *, named_only: bool = False) -> dict[Key, Reason]:
        """What makes a value differ for this patient; `named_only`: and of actions those that the answers name."""
        try:
            old, new = (runner.decide(runner.call(item)) for runner in (self._before, self._after))
        except CdsError:
            return {} if named_only else dict(found)
        values = _Values(self.changes, old, new)
        named = _named(old) | _named(new) if named_only else frozenset()
        return {
            key: reason
            for key, reason in found.items()
            if (key in self.changes.mapped and _names(item, self.changes.mapped[key]))
            or (key[0] == "action" and (key[2] in named or not named_only))
            or (key[0] not in ("action", "map") and values.show(key))
        }


def _says(words: str, text: str) -> bool:
    """Whether words contain a text of the content, or of a quantity the number."""
    number = re.match(r"-?\d+(\.\d+)?", text)
    wanted = (number[0].removesuffix(".0") if number else text).strip("'…")
    return bool(wanted) and re.search(rf"(?<![\w.]){re.escape(wanted)}(?![\w.])", words) is not None


def _names(item: Item, codes: Iterable[str]) -> bool:
    """Whether one of these codes stands in a call or chart."""
    return any(f'"{code}"'.encode() in item.body for code in codes)


def _named(decision: Decision) -> frozenset[str]:
    """The ids of the actions that an answer came from: those of its cards, and those in its records."""
    cards = {card.origin.action for card in decision.response.cards if card.origin is not None}
    return frozenset(cards) | frozenset(_texts(decision.response.extension))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


class _Values:
    """Whether differences of content show in what definitions come to for one patient."""

    def __init__(self, changes: ContentChanges, old: Decision, new: Decision) -> None:
        self._changes, self._old, self._new = changes, old, new
        self._differ: dict[Key, bool | None] = {}

    def show(self, key: Key, depth: int = 6) -> bool:
        """Whether a definition has another value now; where it has none of its own, whether one that uses it has."""
        if (before := self._changes.default_before(key)) is not None:
            return any(self._depends(user, key, before) for user in self._changes.users(key))
        own = self._differs(key) if key[0] == "define" else None
        if own is not None or not depth:
            return bool(own)
        return any(self.show(user, depth - 1) for user in self._changes.users(key) if user[0] == "define")

    def _depends(self, user: Key, parameter: Key, before: object) -> bool:
        """Whether a definition would come to something else if only this parameter were what it was."""
        run: Any = self._new.trace.logic.run  # the evaluation itself, which also takes parameters of one library
        try:
            now = run.value(user[1], user[2])
            earlier = {(parameter[1], parameter[2]): before}
            return bool(run.with_parameters(earlier).value(user[1], user[2]) != now)
        except (CdsError, KeyError):
            return True  # a function: who calls it is not looked for

    def _differs(self, key: Key) -> bool | None:
        if key not in self._differ:
            self._differ[key] = None
            try:
                one, other = (each.trace.logic.run.value(key[1], key[2]) for each in (self._old, self._new))
                self._differ[key] = bool(one != other)
            except (CdsError, KeyError):
                pass  # a parameter, a value set, a function, or no longer there
        return self._differ[key]
