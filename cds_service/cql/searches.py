"""The searches for resources in written functions, numbered: under its number stands what each has found."""

from __future__ import annotations

from typing import Any


class Searches:
    """A type, the path of a code and a group of codes each; the same number for all that look for the same."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str | None, str], int] = {}
        self.groups: dict[str, Any] = {}  # by name, those that stand in the logic itself
        self.is_closed = False  # evaluations have begun: what is written from now on gets no number

    def __len__(self) -> int:
        return len(self._numbers)

    def number(self, type_name: str, code_path: str | None, group: str = "") -> int | None:
        """The number of a search for a group of this name; None where there is none and none can be given any more."""
        key = (type_name, code_path, group)
        if key not in self._numbers and not self.is_closed:
            self._numbers[key] = len(self._numbers)
        return self._numbers.get(key)

    def name(self, group: Any) -> str:
        """A name for a group of codes that stands in the logic itself."""
        name = f"codes{id(group)}"
        self.groups[name] = group  # with its name, so that its identity stays its own
        return name

    def all(self) -> list[tuple[str, str | None, str]]:
        """All of them, in the order of their numbers."""
        return list(self._numbers)
