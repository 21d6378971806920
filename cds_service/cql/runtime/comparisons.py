"""Small tests that generated code uses, each the negation of one in `values/`."""

from __future__ import annotations

from typing import Any

from cds_service.values import equality
from cds_service.values.logic import Truth


def not_equivalent(left: Any, right: Any) -> bool:
    """`!~`."""
    return not equality.equivalent(left, right)


def is_known(value: Any) -> bool:
    """`is not null`."""
    return value is not None


def is_not_true(value: Truth) -> bool:
    """`is not true`."""
    return value is not True


def is_not_false(value: Truth) -> bool:
    """`is not false`."""
    return value is not False
