"""Every signature of the operator table, called by its name with plain values, with nulls, and with a mixture."""

from __future__ import annotations

import itertools

import pytest

from cds_service.cql.expressions import evaluate_expression
from cds_service.cql.operators.signatures import Signature
from cds_service.cql.operators.table import TABLE
from cds_service.cql.static_types import IntervalOf, ListOf, Type, Variable
from cds_service.errors import CdsError

SAMPLES = {
    "Boolean": "true", "Integer": "3", "Long": "3L", "Decimal": "2.5", "String": "'abc'", "Date": "@2024-03-01",
    "DateTime": "@2024-03-01T10:00", "Time": "@T10:30", "Quantity": "5 'mg'", "Ratio": "1:128", "Any": "5",
    "Code": "Code { code: 'a', system: 's' }", "Concept": "Concept { codes: { Code { code: 'a' } } }",
    "ValueSet": "ValueSet { id: 'v' }", "CodeSystem": "CodeSystem { id: 'c' }",
}  # fmt: skip
# They have no call form: the parser writes them.
WRITTEN = {"Ampersand", "DateTimeComponentFrom", "DurationBetween", "DifferenceBetween"}
ASKS_TERMINOLOGY = {"ExpandValueSet"}


def sample(kind: Type) -> str:
    """An expression of this type."""
    if isinstance(kind, Variable):
        return "3"
    if isinstance(kind, ListOf):
        return "{" + sample(kind.element) + ", null}"
    if isinstance(kind, IntervalOf):
        low = sample(kind.point)
        return f"Interval[{low}, {low}]"
    return SAMPLES[str(kind)]


def null(kind: Type) -> str:
    """A null of this type."""
    if isinstance(kind, Variable):
        return "(null as Integer)"
    text = str(kind).replace("<T>", "<Integer>").replace("<Interval<T>>", "<Interval<Integer>>")
    return f"(null as {text.replace('List<List<T>>', 'List<List<Integer>>')})"


def signatures() -> list[Signature]:
    """All signatures that can be called by name."""
    return [signature for name, found in TABLE.by_name.items() if name not in WRITTEN for signature in found]


@pytest.mark.parametrize("signature", signatures(), ids=str)
def test_every_signature_can_be_called_and_only_fails_with_its_own_error(signature: Signature) -> None:
    for choice in itertools.product((sample, null), repeat=min(len(signature.parameters), 3)):
        makers = (*choice, *[sample] * (len(signature.parameters) - len(choice)))
        operands = ", ".join(make(kind) for make, kind in zip(makers, signature.parameters, strict=True))
        expression = f"{signature.operator}({operands})"
        failure = ""
        value: object = None
        try:
            value = evaluate_expression(expression).value
        except CdsError as error:
            failure = f"{expression}: {error}"
        if failure:
            assert signature.may_fail or signature.operator in ASKS_TERMINOLOGY, failure
        else:
            assert value is not None or not signature.known, expression
