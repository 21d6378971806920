"""Every case of the CQL suite: the expression and the expected output, both evaluated, are the same value."""

from __future__ import annotations

from typing import Any

import pytest
from cds_service.cql.expressions import evaluate_expression

from cds_service.errors import CdsError
from cds_service.values.equality import equal
from cds_service.values.formatting import to_cql
from cds_service.values.interval import Interval
from cds_service.values.uncertainty import Uncertainty
from tests.conformance.cql_cases import CqlCase, own_cases, published_cases
from tests.conformance.suites import HERE, as_parameter, suite_folder


def _cases() -> list[Any]:
    folder = suite_folder("cql")
    published = list(published_cases(folder)) if folder else []
    return [as_parameter("cql", case.id, case) for case in (*published, *own_cases(HERE / "own"))]


@pytest.mark.parametrize("case", _cases())
def test_cql(case: CqlCase) -> None:
    if case.output is None:
        with pytest.raises(CdsError):
            evaluate_expression(case.expression)
        return
    expected, found = _value(case.output), _value(case.expression)
    same = found is None if expected is None else equal(found, expected) is True
    assert same, f"{case.expression.strip()} is {to_cql(found)}, not {to_cql(expected)}"


def _value(text: str) -> Any:
    """The value of an expression; an uncertain number as the interval that the suite writes for it."""
    value = evaluate_expression(text).value
    return Interval(value.low, value.high, point_type=value.point_type) if isinstance(value, Uncertainty) else value
