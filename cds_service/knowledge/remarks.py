"""A remark on content: what compiles, but deserves a look."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remark:
    """Something worth a look, with where it is."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"
