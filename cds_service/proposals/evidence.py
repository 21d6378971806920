"""The facts that a decision rests on, with the resources that they come from."""

from __future__ import annotations

from typing import Any

import msgspec


class FactEvidence(msgspec.Struct, frozen=True, gc=False):
    """One fact with its value and where it comes from."""

    fact: str
    value: Any  # JSON: boolean, number, text; None where it is not known
    references: tuple[str, ...] = ()
    dated: str | None = None  # the newest date among the resources
    unit: str | None = None
    library: str = ""
    define: str = ""
    from_text: bool = False  # one of the resources has its code from free text: evidence of a lower kind
