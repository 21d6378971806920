"""Why the answer to one call changed: the call is decided with both versions, and their values are set side by side."""

from __future__ import annotations

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
        if any(key[0] == "define" for key in found):
            found = self._that_show(item, found)
        ordered = sorted(found.values(), key=lambda reason: (_FINER_FIRST.get(reason.kind, 9), reason.name))
        return tuple(ordered[:_MOST])

    def _that_show(self, item: Item, found: dict[Key, Reason]) -> dict[Key, Reason]:
        """Without definitions whose value is the same for this patient in both versions, unless none is left."""
        try:
            old, new = (runner.decide(runner.call(item)) for runner in (self._before, self._after))
        except CdsError:
            return found
        names = [key for key in found if key[0] == "define"]
        same = {key for key in names if _same_value(key, old, new)}
        left = {key: reason for key, reason in found.items() if key not in same}
        return left or found


def _same_value(key: Key, old: Decision, new: Decision) -> bool:
    values: list[object] = []
    for decision in (old, new):
        try:
            values.append(decision.trace.logic.run.value(key[1], key[2]))
        except (CdsError, KeyError):
            return False  # a parameter, a function, or no longer there: it has no value of its own
    return bool(values[0] == values[1])
