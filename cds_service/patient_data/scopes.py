"""What an access token may read, from its SMART scopes.

Both versions are understood: `patient/Condition.read` and `patient/Condition.rs`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

_SCOPE = re.compile(
    r"^(?P<level>patient|user|system)/(?P<type>\*|[A-Z][A-Za-z]+)\.(?P<rights>[a-z]+|\*)(?:\?(?P<query>\S+))?$"
)
_V2 = re.compile(r"^c?r?u?d?s?$")


class Grant(Enum):
    """How far a token reaches for one query."""

    ALL = "all"
    PART = "part"  # only what a query in the scope leaves over
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Scope:
    """One resource scope."""

    level: str
    type_name: str
    reads: bool
    searches: bool
    query: frozenset[str] = frozenset()


def parse_scopes(text: str) -> tuple[Scope, ...]:
    """The resource scopes among the scopes of a token; others (`launch`, `openid`) are none of ours."""
    scopes = []
    for part in text.split():
        match = _SCOPE.match(part)
        if match is None:
            continue
        rights = match["rights"]
        if rights in ("read", "*"):
            reads = searches = True
        elif rights == "write" or not _V2.match(rights):
            continue
        else:
            reads, searches = "r" in rights, "s" in rights
        query = frozenset((match["query"] or "").split("&")) - {""}
        scopes.append(Scope(match["level"], match["type"], reads, searches, query))
    return tuple(scopes)


def grant(scope_text: str | None, type_name: str, *, is_read: bool, query: frozenset[str], same_patient: bool) -> Grant:
    """What a token allows for reading or searching a type; a token without `scope` is taken to allow all.

    `same_patient` is False when the token is bound to another patient: its `patient/` scopes are of no use then.
    """
    if scope_text is None:
        return Grant.ALL
    found = Grant.NONE
    for scope in parse_scopes(scope_text):
        if scope.type_name not in ("*", type_name) or not (scope.reads if is_read else scope.searches):
            continue
        if scope.level == "patient" and not same_patient:
            continue
        if scope.query <= query:
            return Grant.ALL
        found = Grant.PART
    return found
