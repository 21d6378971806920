"""The result of one replayed call, and how results are written and read, one a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from cds_service.replay.failures import UnusableInput


class CardLine(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What of a card matters when two answers are compared."""

    summary: str
    indicator: str
    detail: str = ""
    suggestions: tuple[str, ...] = ()


class Failure(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a call got no decision."""

    code: str
    what: str


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one call came to."""

    id: str
    """Where its input stands: file and line."""
    service: str | None = None
    hook: str | None = None
    patient: str | None = None
    as_of: str | None = None
    plans: tuple[str, ...] = ()
    records: tuple[dict[str, Any], ...] = ()
    cards: tuple[CardLine, ...] = ()
    set_aside: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()
    """Where its resources break FHIR, when that was asked for."""
    failure: Failure | None = None
    expected: tuple[dict[str, Any], ...] = ()
    """What the recording says the decisions should be."""
    milliseconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether there is no decision, or part of the logic of one failed."""
        if self.failure is not None:
            return True
        for record in self.records:  # noqa: SIM110  # asked for every call of a run: a generator costs twice as much
            if record.get("failed"):
                return True
        return False


_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(Result)


def write_result(result: Result) -> bytes:
    """One line."""
    return _encoder.encode(result) + b"\n"


def read_result(line: bytes, place: str) -> Result:
    """The result that a line holds."""
    try:
        return _decoder.decode(line)
    except msgspec.DecodeError:
        raise UnusableInput(f"{place} holds no results of a replay.") from None


def read_results(path: Path) -> Iterator[Result]:
    """The results of a file, one at a time."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            yield read_result(line, f"{path}:{number}")


def comparable(result: Result) -> bytes:
    """What is the same whenever the same call is decided with the same content: everything but the time it took."""
    return _encoder.encode(msgspec.structs.replace(result, milliseconds=0.0))
