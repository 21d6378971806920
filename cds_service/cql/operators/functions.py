"""From the name of a function in the operator table to the function, and constants worked out with it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import DecimalException
from functools import cache
from importlib import import_module
from typing import Any

from cds_service.cql.operators.signatures import Signature
from cds_service.cql.runtime import conversions
from cds_service.cql.type_relations import Conversion
from cds_service.errors import EvaluationError
from cds_service.values.precisions import BY_NAME, Precision

# Modules whose functions belong to the engine, not to the values.
_RUNTIME = ("ages", "comparisons", "conversions", "run", "sequences", "structures", "vocabularies")


@cache
def function(path: str) -> Callable[..., Any]:
    """The function that `module.name` of the table stands for."""
    module, name = path.split(".")
    package = "cds_service.cql.runtime" if module in _RUNTIME else "cds_service.values"
    found: Callable[..., Any] = getattr(import_module(f"{package}.{module}"), name)
    return found


def extra_argument(text: str) -> object:
    """The value that a further argument of a signature, written as Python text, stands for."""
    if text.startswith("Precision."):
        return Precision[text.removeprefix("Precision.")]
    return text.strip("'")


def evaluate_constant(
    form: str, step: Signature | Conversion, values: tuple[object, ...], precision: str | None = None
) -> tuple[bool, object]:
    """Whether this can be worked out without a patient, and the value."""
    try:
        if isinstance(step, Conversion):
            return conversions.convert_constant(step, values[0])
        if any(text.startswith("run") for text in step.extra) or form != "apply":
            return False, None
        arguments = list(values)
        if step.takes_precision:
            arguments.append(BY_NAME[precision] if precision else None)
        arguments.extend(extra_argument(text) for text in step.extra)
        return True, function(step.function)(*arguments)
    except (EvaluationError, ArithmeticError, DecimalException):
        return False, None  # it fails the same way, with its place, when it is asked for
