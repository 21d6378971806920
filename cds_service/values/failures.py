"""What can go wrong with values at run time, each an evaluation error with what would put it right."""

from __future__ import annotations

from typing import ClassVar

from cds_service.errors import EvaluationError


class ValueOutOfRange(EvaluationError):
    """A value beyond what its type can hold, or a date that does not exist."""

    code: ClassVar[str] = "value-out-of-range"


class InvalidInterval(EvaluationError):
    """An interval that ends before it begins."""

    code: ClassVar[str] = "invalid-interval"


class IncompatibleValues(EvaluationError):
    """An operation on values that do not go together, such as a date plus kilograms."""

    code: ClassVar[str] = "incompatible-values"


class ManyWhereOneExpected(EvaluationError):
    """A list with several elements where at most one was promised."""

    code: ClassVar[str] = "many-where-one-expected"


class MessageRaised(EvaluationError):
    """A `Message` of severity Error whose condition held."""

    code: ClassVar[str] = "message-raised"
