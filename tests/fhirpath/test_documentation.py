"""The page on FHIRPath names every function there is, and none that is not."""

from __future__ import annotations

import re
from pathlib import Path

from cds_service.fhirpath import engine
from cds_service.fhirpath.compiler.core import FUNCTIONS

PAGE = Path(__file__).parents[2] / "docs" / "fhirpath.md"


def test_the_page_lists_the_functions() -> None:
    assert engine.compile_fhirpath("1").evaluate(None) == [1]  # the table is filled
    section = PAGE.read_text(encoding="utf-8").partition("## Functions")[2].partition("`conformsTo` knows")[0]
    rows = [line.split("|")[2] for line in section.splitlines() if line.startswith("| ")]
    listed = [name for row in rows[1:] for name in re.findall(r"`(\w{2,})`", row) if name != "desc"]
    assert sorted(listed) == sorted(FUNCTIONS)
