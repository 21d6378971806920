"""The whole operator table, chapter by chapter; among equals the earlier signature is preferred."""

from __future__ import annotations

from cds_service.cql.operators import (
    aggregates,
    arithmetic,
    clinical,
    comparison,
    conversions,
    dates,
    intervals,
    lists,
    strings,
)
from cds_service.cql.operators.signatures import Table

TABLE = Table()
TABLE.chapter("Logical Operators", comparison.LOGICAL)
TABLE.chapter("Type Operators", conversions.SIGNATURES)
TABLE.chapter("Nullological Operators", comparison.NULLOLOGICAL)
TABLE.chapter("Comparison Operators", comparison.COMPARISON)
TABLE.chapter("Arithmetic Operators", arithmetic.SIGNATURES)
TABLE.chapter("String Operators", strings.SIGNATURES)
TABLE.chapter("Date and Time Operators", dates.SIGNATURES)
TABLE.chapter("List Operators", lists.SIGNATURES)
TABLE.chapter("Interval Operators", intervals.SIGNATURES)
TABLE.chapter("Aggregate Functions", aggregates.SIGNATURES)
TABLE.chapter("Clinical Operators", clinical.SIGNATURES)
TABLE.chapter("Errors and Messaging", clinical.MESSAGES)
