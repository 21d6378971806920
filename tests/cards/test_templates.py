"""Card texts: what is not known leaves no trace, what is several becomes a list."""

from __future__ import annotations

import pytest

from cds_service.cards.templates import fill_detail, fill_summary

VALUES = {"name": ("MRI",), "why": ("new fracture",), "several": ("one", "two"), "long": ("x" * 200,)}


@pytest.mark.parametrize(
    ("forms", "expected"),
    [
        (("{name}: {why}. {nothing}.", "{name}: {why}.", "{name}."), "MRI: new fracture."),
        (("{name} {long}", "{name}."), "MRI."),
        (("{long}",), "x" * 200),  # the wire type shortens it
        (("{nothing}",), None),
        (("{name}: {several}",), "MRI: one, two"),
    ],
)
def test_the_first_summary_that_is_complete_and_short_wins(forms: tuple[str, ...], expected: str | None) -> None:
    assert fill_summary(forms, VALUES) == expected


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("**Why:** {why}\nBut {nothing}.\nEnd", "**Why:** new fracture\nEnd"),
        ("**Open:**\n- {nothing}\n\n**Facts:**\n- {several}", "**Facts:**\n- one\n- two"),
        ("{name}\n\n\n\n{nothing}\n\n{why}", "MRI\n\nnew fracture"),
        ("{several}", "one, two"),
        ("## Empty\n- {nothing}", ""),
        ("- {several}: {why}, {name}", "- one: new fracture, MRI\n- two: new fracture, MRI"),
        ("- {several}: {nothing}", ""),
        ("- {name}: {why}", "- MRI: new fracture"),
        ("Risk {why}: 5 % of {name}, {nothing}\nRisk of {name}, {why}: 5 %", "Risk of MRI, new fracture: 5 %"),
        ("## One\n- {nothing}\n## Two\n- {why}", "## Two\n- new fracture"),
        ("## {name}\n- {why}\n## {nothing}\n- {name}", "## MRI\n- new fracture\n- MRI"),
        ("Only words.", "Only words."),
    ],
)
def test_lines_without_anything_to_say_are_left_out(template: str, expected: str) -> None:
    assert fill_detail(template, VALUES) == expected
