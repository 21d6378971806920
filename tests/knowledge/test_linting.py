"""What content has in vain or without a source is remarked, once, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from cds_service.knowledge.linting import lint
from cds_service.knowledge.loading import load_knowledge
from cds_service.settings import default_content
from tests.knowledge.test_loading import PLAN_YAML, SMALL_CQL, small

SOURCED = SMALL_CQL.replace("parameter", "// From this age on. SOME-SOURCE\nparameter")
ALONE = PLAN_YAML.replace("small", "alone").replace("  trigger: [{type: named-event, name: patient-view}]\n", "")
MORE = '- id: b\n  title: More\n  when: Old enough\n  source: [{id: X, section: "1"}]\n  cds: {indicator: info}\n'


def remarks(path: Path, **files: str) -> list[str]:
    return [str(remark) for remark in lint(small(path, **{"logic__cql": SOURCED, **files}))]


def test_content_with_nothing_in_vain_has_no_remark(tmp_path: Path) -> None:
    assert remarks(tmp_path) == []


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"logic__cql": SOURCED + 'define "Spare": 1'}, "Small.Spare: nothing asks"),
        ({"logic__cql": SOURCED + "define function Spare(n Integer): n"}, "Small.Spare: nothing asks"),
        ({"logic__cql": SMALL_CQL}, "Small.Age from: the comment above it names no source"),
        (
            {"logic__cql": SOURCED.replace('>= "Age from"', ">= \"Age from\" and Now() - 3 'd' < Now()")},
            "Small.Old enough: 3 'd' has no source",
        ),
        (
            {"logic__cql": SOURCED.replace('AgeInYears() >= "Age from"', "false")},
            "small.a: its condition is never true",
        ),
        (
            {"plan__yaml": PLAN_YAML + MORE.replace("b", "b1") + MORE.replace("b", "b2").replace("indic", "indec")},
            'small.b2: "indecator" is no setting that others have: is "indicator" meant?',
        ),
        ({"alone__yaml": ALONE}, "alone: no hook and no other plan leads to it"),
    ],
)
def test_what_is_in_vain_or_without_a_source_is_remarked(tmp_path: Path, files: dict[str, str], place: str) -> None:
    assert any(remark.startswith(place) for remark in remarks(tmp_path, **files)), remarks(tmp_path / "again", **files)


def test_a_comment_holds_for_the_parameters_that_follow_at_once(tmp_path: Path) -> None:
    both = SOURCED.replace("default 65\n", 'default 65\nparameter "Age to" Integer default 80\n')
    both = both.replace('>= "Age from"', '>= "Age from" and AgeInYears() <= "Age to"')
    assert remarks(tmp_path, logic__cql=both) == []


def test_the_content_that_comes_with_the_service_has_nothing_in_vain() -> None:
    found = [str(remark) for remark in lint(load_knowledge([default_content()])) if remark.place != "terminology"]
    assert found == []
