"""Messages that logic sends while it is evaluated: passed on to whoever listens, an error where they say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cds_service.values.failures import MessageRaised
from cds_service.values.logic import Truth


@dataclass(frozen=True, slots=True)
class Message:
    """What a `Message` operator said."""

    severity: str  # Trace, Message, Warning or Error
    code: str | None
    text: str | None
    source: Any = None


def message(
    source: Any,
    condition: Truth,
    code: str | None,
    severity: str | None,
    text: str | None,
    sink: Callable[[Message], None] | None = None,
) -> Any:
    """`source`, unchanged; where the condition holds, the message goes to `sink`, and severity Error is raised."""
    if condition is True:
        if severity == "Error":
            said = (text or code or "an error").strip().rstrip(".")
            raise MessageRaised(f"The logic reports: {said}.", remedy="See its Message.")
        if sink is not None:
            sink(Message(severity or "Message", code, text, source))
    return source
