"""Why the answer to one call changed: the call is decided with both versions, and their values are set side by side."""

from __future__ import annotations

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
        found = self.changes.behind(ids) or dict(self.changes.reasons)
        if len(found) > 1:
            found = self._that_show(item, found)
        ordered = sorted(found.values(), key=lambda reason: (_FINER_FIRST.get(reason.kind, 9), reason.name))
        return tuple(ordered[:_MOST])

    def _that_show(self, item: Item, found: dict[Key, Reason]) -> dict[Key, Reason]:
        """Without what makes no value differ for this patient, unless nothing is left then."""
        try:
            old, new = (runner.decide(runner.call(item)) for runner in (self._before, self._after))
        except CdsError:
            return found
        values = _Values(self.changes, old, new)
        left = {key: reason for key, reason in found.items() if values.show(key)}
        return left or found


class _Values:
    """Whether differences of content show in what definitions come to for one patient."""

    def __init__(self, changes: ContentChanges, old: Decision, new: Decision) -> None:
        self._changes, self._old, self._new = changes, old, new
        self._differ: dict[Key, bool | None] = {}

    def show(self, key: Key, depth: int = 6) -> bool:
        """Whether a definition has another value now; where it has none of its own, whether one that uses it has."""
        if key[0] == "action":
            return True
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
