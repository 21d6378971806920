"""Clinical operators and messages of the reference; membership in a value set has its own form in the tree."""

from __future__ import annotations

from cds_service.cql.operators.signatures import Signature, T
from cds_service.cql.static_types import (
    ANY,
    BOOLEAN,
    CODE,
    CONCEPT,
    DATE,
    DATETIME,
    INTEGER,
    STRING,
    VALUE_SET,
    ListOf,
)

PRECISIONS = ("Years", "Months", "Weeks", "Days", "Hours", "Minutes", "Seconds")


def _ages(unit: str) -> list[Signature]:
    extra = (f"Precision.{unit[:-1].upper()}",)
    kinds = (DATE, DATETIME) if unit in PRECISIONS[:4] else (DATETIME,)
    return [
        Signature(f"AgeIn{unit}", (), INTEGER, "ages.of_patient", extra=extra, needs_run=True),
        *[
            Signature(f"AgeIn{unit}At", (kind,), INTEGER, "ages.of_patient_at", extra=extra, needs_run=True)
            for kind in kinds
        ],
        *[
            Signature(f"CalculateAgeIn{unit}", (kind,), INTEGER, "ages.now", extra=extra, needs_run=True)
            for kind in kinds
        ],
        *[Signature(f"CalculateAgeIn{unit}At", (kind, kind), INTEGER, "ages.at", extra=extra) for kind in kinds],
    ]


SIGNATURES: list[Signature] = [
    *[signature for unit in PRECISIONS for signature in _ages(unit)],
    Signature("Children", (ANY,), ListOf(ANY), "structures.children"),
    Signature("Descendants", (ANY,), ListOf(ANY), "structures.descendants"),
    Signature("Descendents", (ANY,), ListOf(ANY), "structures.descendants"),
    Signature("ExpandValueSet", (VALUE_SET,), ListOf(CODE), "vocabularies.codes", needs_run=True, may_fail=True),
    Signature("SubsumedBy", (CODE, CODE), BOOLEAN, "vocabularies.subsumed_by", needs_run=True),
    Signature("SubsumedBy", (CONCEPT, CONCEPT), BOOLEAN, "vocabularies.subsumed_by", needs_run=True),
    Signature("Subsumes", (CODE, CODE), BOOLEAN, "vocabularies.subsumes", needs_run=True),
    Signature("Subsumes", (CONCEPT, CONCEPT), BOOLEAN, "vocabularies.subsumes", needs_run=True),
]

MESSAGES: list[Signature] = [
    Signature(
        "Message", (T, BOOLEAN, STRING, STRING, STRING), T, "messages.message", may_fail=True, extra=("run.sink",)
    ),
]
