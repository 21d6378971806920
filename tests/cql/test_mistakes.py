"""Every mistake an author can make, in one folder; one golden text holds what is said about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.cql.compile import Source, compile_libraries
from cds_service.cql.error_text import flattened, show_errors
from cds_service.errors import CdsError, ErrorGroup
from cds_service.fhir.model.types import r4
from cds_service.terminology.loading import load_terminology

FOLDER = Path(__file__).parent / "mistakes"
OSTEOPOROSIS = {
    "resourceType": "ValueSet",
    "id": "osteoporosis",
    "url": "http://example.org/ValueSet/osteoporosis",
    "status": "active",
    "compose": {"include": [{"system": "http://snomed.info/sct", "concept": [{"code": "64859006"}]}]},
}


def _messages() -> tuple[tuple[CdsError, ...], str]:
    sources = [Source(path.name, path.read_text()) for path in sorted(FOLDER.glob("*.cql"))]
    with pytest.raises(ErrorGroup) as caught:
        compile_libraries(sources, r4(), load_terminology([], inline=[OSTEOPOROSIS]))
    errors = flattened(caught.value)
    return errors, show_errors(errors, {source.file: source.text for source in sources})


def test_all_mistakes_of_the_folder_are_reported_together() -> None:
    _, text = _messages()
    assert text == (FOLDER / "messages.txt").read_text().rstrip("\n")


def test_every_mistake_has_its_place_and_a_stable_code() -> None:
    errors, _ = _messages()
    assert all(error.where is not None and error.where.line > 0 for error in errors)
    assert {error.code for error in errors} >= {
        "cql-ambiguous-call", "cql-circular-definition", "cql-duplicate-definition", "cql-private-definition",
        "cql-syntax", "cql-type-mismatch", "cql-unknown-element", "cql-unknown-library", "cql-unknown-model",
        "cql-unknown-name", "cql-unknown-type", "cql-unknown-value-set", "cql-unsupported-syntax",
        "cql-value-not-allowed",
    }  # fmt: skip
