"""Three-valued logic obeys Kleene's laws: unknown stands for both truths at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import product

import pytest

from cds_service.values import logic
from cds_service.values.logic import Truth

TRUTHS: tuple[Truth, ...] = (True, False, None)


def _readings(truth: Truth) -> tuple[bool, ...]:
    return (True, False) if truth is None else (truth,)


def _over_readings(operator: Callable[[bool, bool], bool], left: Truth, right: Truth) -> Truth:
    results = {operator(a, b) for a in _readings(left) for b in _readings(right)}
    return results.pop() if len(results) == 1 else None


@pytest.mark.parametrize(
    ("operator", "classical"),
    [
        (logic.conjunction, lambda a, b: a and b),
        (logic.disjunction, lambda a, b: a or b),
        (logic.exclusive, lambda a, b: a != b),
        (logic.implication, lambda a, b: not a or b),
    ],
)
def test_unknown_is_what_differs_between_its_readings(
    operator: Callable[[Truth, Truth], Truth], classical: Callable[[bool, bool], bool]
) -> None:
    for left, right in product(TRUTHS, repeat=2):
        assert operator(left, right) is _over_readings(classical, left, right), (left, right)


def test_laws() -> None:
    for a, b, c in product(TRUTHS, repeat=3):
        conjunction, disjunction, negation = logic.conjunction, logic.disjunction, logic.negation
        assert conjunction(a, conjunction(b, c)) is conjunction(conjunction(a, b), c)
        assert disjunction(a, disjunction(b, c)) is disjunction(disjunction(a, b), c)
        assert negation(conjunction(a, b)) is disjunction(negation(a), negation(b))
        assert conjunction(a, disjunction(b, c)) is disjunction(conjunction(a, b), conjunction(a, c))
        assert disjunction(a, conjunction(a, b)) is a
        assert logic.implication(a, b) is disjunction(negation(a), b)


def test_many_are_as_one_after_the_other() -> None:
    for truths in product(TRUTHS, repeat=3):
        assert logic.conjunction_of(truths) is logic.conjunction(logic.conjunction(*truths[:2]), truths[2])
        assert logic.disjunction_of(truths) is logic.disjunction(logic.disjunction(*truths[:2]), truths[2])


def test_what_settles_it_ends_the_reading() -> None:
    def truths(settling: bool) -> Iterable[Truth]:
        yield settling
        raise AssertionError("read on")

    assert logic.conjunction_of(truths(False)) is False
    assert logic.disjunction_of(truths(True)) is True
