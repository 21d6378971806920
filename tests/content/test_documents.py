"""The documents that are made from the content are up to date, and the tutorial can be followed."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

from cds_service.cases.reading import read_cases
from cds_service.cases.running import CaseRunner
from cds_service.knowledge.knowledge import Knowledge
from cds_service.knowledge.loading import load_knowledge
from tests.content.conftest import CONTENT, ROOT

CLINICAL = ROOT / "docs" / "clinical"


def test_decision_tables_show_what_runs() -> None:
    """`python docs/clinical/make_tables.py` would change nothing."""
    made = runpy.run_path(str(CLINICAL / "make_tables.py"))["tables"](CONTENT)
    assert (CLINICAL / "decision-tables.md").read_text(encoding="utf-8") == made


def test_the_tutorial_builds_a_second_plan(tmp_path: Path) -> None:
    """The files of the page, written as they stand there, compile and hold their cases."""
    page = (CLINICAL / "tutorial.md").read_text(encoding="utf-8")
    files = re.findall(r"^`([\w./-]+)`\n\n```\w+\n(.*?)\n```", page, re.S | re.M)
    assert len(files) == 4
    for name, text in files:
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text + "\n", encoding="utf-8")
    knowledge = load_knowledge([tmp_path])
    results = list(CaseRunner(knowledge).run_all(read_cases([tmp_path])))
    assert [result.passed for result in results] == [True, True]


def test_every_fact_is_one_define_with_a_question(content_knowledge: Knowledge) -> None:
    """122 facts in the vocabulary, each once in the logic and once among the questions."""
    system = json.loads((ROOT / "terminology" / "codesystems" / "vcf-facts.json").read_text(encoding="utf-8"))
    vocabulary = sorted(concept["code"] for concept in system["concept"])
    defines = [
        tag.strip()
        for library in content_knowledge.compiled.libraries
        for definition in content_knowledge.compiled.definitions(library)
        if (tag := definition.tags.get("fact"))
    ]
    assert sorted(defines) == vocabulary
    questions = re.findall(r"linkId: (\w+)", (CONTENT / "questions" / "vcf-questions.yaml").read_text(encoding="utf-8"))
    assert sorted(questions) == vocabulary
