"""The lists behind the numbers of a page: who stands behind each, and why each counted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from cds_service.quality.analysis import GroupAnalysis
from cds_service.quality.counting import NOT_STATED, Item

BITS = {
    "denominator": 1,
    "numerator": 2,
    "denominator-exception": 4,
    "denominator-exclusion": 8,
    "initial-population": 16,
}


class Cell(str):
    """The text of one cell of a table; `who` names the list that it opens, as JSON; empty where there is none."""

    __slots__ = ("who",)
    who: str

    def __new__(cls, text: str, who: str = "") -> Cell:
        found = super().__new__(cls, text)
        found.who = who
        return found


def opens(number: int, analysis: GroupAnalysis, role: str, where: Mapping[str, str]) -> Cell:
    """A number that opens the list of those in `role` with these values of stratifiers."""
    if not number:
        return Cell(str(number))
    key = f"{analysis.measure.identifier}/{analysis.group.identifier}"
    return Cell(str(number), json.dumps([key, BITS[role], dict(where)], ensure_ascii=False))


def people_of(analyses: Sequence[GroupAnalysis]) -> dict[str, Any]:
    """Everybody behind the figures, by group: names once, then rows of their places, roles and strata."""
    subjects: dict[str, int] = {}
    groups = {
        f"{analysis.measure.identifier}/{analysis.group.identifier}": _people(analysis, subjects)
        for analysis in analyses
    }
    return {"subjects": list(subjects), "groups": groups}


def people_json(analyses: Sequence[GroupAnalysis]) -> str:
    """The same as JSON that may stand in a script element."""
    text = json.dumps(people_of(analyses), ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


@cache
def people_script() -> str:
    """The script that opens a list when its number is pressed."""
    return (files("cds_service.quality") / "templates" / "people.js").read_text(encoding="utf-8")


def _people(analysis: GroupAnalysis, subjects: dict[str, int]) -> dict[str, Any]:
    codes = [stratifier.code for stratifier in analysis.group.stratifiers]
    values: list[dict[str, int]] = [{} for _ in codes]
    return {
        "title": analysis.group.title,
        "codes": codes,
        "titles": [stratifier.title for stratifier in analysis.group.stratifiers],
        "rows": [_row(item, codes, values, subjects) for item in analysis.items],
        "values": [list(column) for column in values],
    }


def _row(item: Item, codes: Sequence[str], values: Sequence[dict[str, int]], subjects: dict[str, int]) -> list[Any]:
    places = [
        column.setdefault(item.strata.get(code, NOT_STATED), len(column))
        for code, column in zip(codes, values, strict=True)
    ]
    roles = sum(BITS.get(role, 0) for role in item.roles)
    return [subjects.setdefault(item.subject, len(subjects)), item.name, roles, *places]
