"""The page says what the operator table says, and the table names functions that exist."""

from __future__ import annotations

from pathlib import Path

from cds_service.cql.operators.functions import function
from cds_service.cql.operators.reference import with_reference
from cds_service.cql.operators.table import TABLE

PAGE = Path(__file__).parents[2] / "docs" / "cql.md"


def test_the_page_of_operators_is_up_to_date() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_reference(page), "Run: python -m cds_service.cql.operators.reference docs/cql.md"


def test_every_signature_has_its_meaning() -> None:
    for signatures in TABLE.by_name.values():
        for signature in signatures:
            assert callable(function(signature.function)), signature
