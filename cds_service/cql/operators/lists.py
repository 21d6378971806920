"""List operators of the reference."""

from __future__ import annotations

from cds_service.cql.operators.signatures import LIST, Signature, T
from cds_service.cql.static_types import BOOLEAN, INTEGER, ListOf, Type


def _test(operator: str, function: str, *shapes: tuple[Type, Type], not_for_null: bool = False) -> list[Signature]:
    return [
        Signature(operator, shape, BOOLEAN, f"lists.{function}", system=True, not_for_null=not_for_null)
        for shape in shapes
    ]


_BOTH = (LIST, LIST)
_OUTER_FIRST = (LIST, T)
_OUTER_LAST = (T, LIST)

SIGNATURES: list[Signature] = [
    *_test("Contains", "contains", _OUTER_FIRST),
    Signature("Distinct", (LIST,), LIST, "lists.distinct"),
    *_test("EquivalentIn", "equivalent_in", _OUTER_LAST),
    Signature("Except", _BOTH, LIST, "lists.except_"),
    Signature("Exists", (LIST,), BOOLEAN, "lists.exists", known=True),
    Signature("First", (LIST,), T, "lists.first"),
    Signature("Flatten", (ListOf(LIST),), LIST, "lists.flatten"),
    *_test("In", "in_", _OUTER_LAST),
    *_test("Includes", "includes", _BOTH),
    *_test("Includes", "contains", _OUTER_FIRST, not_for_null=True),
    *_test("IncludedIn", "included_in", _BOTH),
    *_test("IncludedIn", "in_", _OUTER_LAST, not_for_null=True),
    Signature("Indexer", (LIST, INTEGER), T, "lists.indexer"),
    Signature("IndexOf", (LIST, T), INTEGER, "lists.index_of", system=True),
    Signature("Intersect", _BOTH, LIST, "lists.intersect"),
    Signature("Last", (LIST,), T, "lists.last"),
    Signature("Length", (LIST,), INTEGER, "lists.length", known=True),
    *_test("ProperContains", "properly_contains", _OUTER_FIRST),
    *_test("ProperIn", "properly_in", _OUTER_LAST),
    *_test("ProperIncludes", "properly_includes", _BOTH),
    *_test("ProperIncludes", "properly_contains", _OUTER_FIRST),
    *_test("ProperIncludedIn", "properly_included_in", _BOTH),
    *_test("ProperIncludedIn", "properly_in", _OUTER_LAST),
    Signature("SingletonFrom", (LIST,), T, "lists.singleton_from", may_fail=True),
    Signature("Skip", (LIST, INTEGER), LIST, "lists.skip"),
    Signature("Slice", (LIST,), LIST, "sequences.whole"),
    Signature("Slice", (LIST, INTEGER), LIST, "sequences.from_start"),
    Signature("Slice", (LIST, INTEGER, INTEGER), LIST, "lists.slice_"),
    Signature("Tail", (LIST,), LIST, "lists.tail"),
    Signature("Take", (LIST, INTEGER), LIST, "lists.take"),
    Signature("Union", _BOTH, LIST, "lists.union"),
]
