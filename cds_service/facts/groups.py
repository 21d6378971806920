"""Which groups of codes (value sets) a code is in, found out once per code and process.

A call looks for some hundred value sets among the few codes that a patient has. Asking each set about each code would
cost more than decoding the request; so every code is classified the first time it is seen anywhere.
"""

from __future__ import annotations

from typing import Protocol

_MOST = 50_000  # classified codes that are kept


class Membership(Protocol):
    """A group of codes that can tell whether a code is in it."""

    def contains(self, system: str | None, code: str, /) -> bool: ...


class CodeGroups:
    """The groups that retrieves have asked for, and the codes classified by them; shared by all calls."""

    __slots__ = ("_known", "_of_code", "version")

    def __init__(self) -> None:
        self._known: dict[int, Membership] = {}
        self._of_code: dict[tuple[str | None, str], tuple[int, tuple[int, ...]]] = {}
        self.version = 0

    def learn(self, membership: Membership) -> bool:
        """Take a group into account from now on; False if it was known."""
        if id(membership) in self._known:
            return False
        self._known[id(membership)] = membership  # keeps it alive, so that its id stays its own
        self.version += 1
        return True

    def of(self, system: str | None, code: str) -> tuple[int, ...]:
        """The identities of the known groups that a code is in."""
        found = self._of_code.get((system, code))
        if found is not None and found[0] == self.version:
            return found[1]
        version = self.version
        groups = tuple(key for key, membership in list(self._known.items()) if membership.contains(system, code))
        if len(self._of_code) >= _MOST:
            self._of_code = {}
        self._of_code[(system, code)] = (version, groups)
        return groups
