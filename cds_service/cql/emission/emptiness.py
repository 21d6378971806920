"""Functions of one list that come to the same for an empty list in every evaluation: they say so at once.

Most lists that logic hands to its functions are searches that found nothing. Each function is tried once with an empty
list, and once with none, over a run that allows no look at anything; where it comes to the same true, false or null
both times, that is written at its beginning.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cds_service.cql.entries import FunctionEntry
from cds_service.cql.runtime.tracing import Frame
from cds_service.cql.static_types import ListOf
from cds_service.cql.tree import Local
from cds_service.errors import CdsError


class _LookedAtSomething(Exception):
    """The function asked for more than its list."""


class _Nobody:
    """A run that has nothing to look at; notes are taken, and nothing rests on them."""

    def __init__(self) -> None:
        notes: list[Any] = []
        self.top = Frame(notes, notes, [], [])

    def __getattr__(self, name: str) -> Any:
        raise _LookedAtSomething(name)


def for_empty_lists(texts: dict[str, str], namespace: dict[str, Any], functions: Iterable[FunctionEntry]) -> set[str]:
    """Have the texts of functions begin with what they come to for an empty list; the names of those."""
    changed: set[str] = set()
    for entry in functions:
        name = f"f{entry.slot}"
        locals_ = [local.name for local in entry.locals if isinstance(local, Local)]
        if len(locals_) != 1 or not isinstance(entry.operands[0][1], ListOf):
            continue
        values = {_value(namespace[name], []), _value(namespace[name], None)}
        if len(values) == 1 and (text := values.pop()) is not None:
            head, comment, *rest = texts[name].split("\n")
            guard = [f"    if not {locals_[0]}:", f"        return {text}"]
            texts[name] = "\n".join([head, comment, *guard, *rest])
            changed.add(name)
    return changed


def _value(function: Any, empty: list[Any] | None) -> str | None:
    """The value for this list as text; None where it is no constant."""
    try:
        value = function(_Nobody(), empty)
    except (_LookedAtSomething, CdsError, ArithmeticError, RecursionError, TypeError, AttributeError, ValueError):
        return None
    return repr(value) if value is None or value is True or value is False else None
