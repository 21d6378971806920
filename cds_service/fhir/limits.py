"""Bounds on JSON text, checked before anything walks it: size, nesting and the length of numbers.

A long number is found by sampling every so many bytes, and nesting is counted only where a body has brackets enough
to be deep. What is suspicious is then looked at closely.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from cds_service.errors import CdsError


class LimitExceeded(CdsError):
    """JSON text beyond a bound of this service."""

    code = "limit-exceeded"
    issue: ClassVar[str] = "too-costly"


class TooLarge(LimitExceeded):
    """More bytes than are read."""

    code = "too-large"
    issue = "too-long"


class TooDeep(LimitExceeded):
    """Objects and arrays nested deeper than is read."""

    code = "too-deep"


class NumberTooLong(LimitExceeded):
    """A number of more digits than is read."""

    code = "number-too-long"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much JSON is accepted."""

    size: int = 8 * 1024 * 1024
    depth: int = 64
    digits: int = 1000


_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")
_NOT_OPENING = bytes(byte for byte in range(256) if byte not in b"[{")
_SAMPLES = 8  # digits in a row among the sampled bytes that make a long number possible
_SAMPLED_RUN = b"0" * _SAMPLES
_TO_DIGITS = bytes(ord("0") if byte in b"0123456789.eE+-" else ord(" ") for byte in range(256))


def check_limits(body: bytes, limits: Limits) -> None:
    """Raise for text that is too large, too deep, or has a number of too many digits."""
    if len(body) > limits.size:
        raise TooLarge(f"The body has more than {limits.size} bytes.", remedy="Send less data, or raise the limit.")
    check_numbers(body, limits)
    check_depth(body, limits)


def check_numbers(body: bytes, limits: Limits) -> None:
    """Raise when a number has more than `limits.digits` characters."""
    stride = max(1, limits.digits // (_SAMPLES + 1))
    if _SAMPLED_RUN not in body[::stride].translate(_TO_DIGITS):
        return
    longer = re.compile(rb"[0-9.eE+-]{%d}" % (limits.digits + 1))
    if longer.search(body) and longer.search(_STRINGS.sub(b'""', body)):
        raise NumberTooLong(f"A number has more than {limits.digits} digits.")


def check_depth(body: bytes, limits: Limits) -> None:
    """Raise when objects and arrays nest deeper than `limits.depth`; about the cost of reading the text once."""
    if len(body.translate(None, _NOT_OPENING)) <= limits.depth:
        return
    # Without its strings the text falls apart at the quotes; innermost pairs then go level by level.
    bare = _STRINGS.sub(b"", body) if b"\\" in body else b"".join(body.split(b'"')[::2])
    brackets = bare.translate(None, _NOT_BRACKETS)
    for _ in range(limits.depth):
        if not brackets:
            return
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
    if brackets:
        raise TooDeep(f"The JSON is nested more than {limits.depth} levels deep.")
