"""Rating, threshold, sentence, rule, scenario, fact: changed in a copy of the content, and the card follows."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from cds_service.cases.reading import Case, read_cases
from cds_service.cases.running import CaseRunner
from cds_service.knowledge.loading import load_knowledge
from tests.content.conftest import CONTENT, ROOT

README = CONTENT / "README.md"


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def _readme_block(language: str, containing: str) -> str:
    blocks = re.findall(rf"^ *```{language}\n(.*?)^ *```", README.read_text(encoding="utf-8"), re.S | re.M)
    return next(str(block) for block in blocks if containing in block)


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> CaseRunner:
    """The content with the changes that the README describes, made as it says."""
    root = tmp_path_factory.mktemp("changed")
    content = root / "plandefinitions"
    shutil.copytree(CONTENT, content, ignore=shutil.ignore_patterns("cases"))
    shutil.copytree(ROOT / "terminology", root / "terminology")
    imaging = content / "scenarios" / "vcf-imaging.yaml"
    text = imaging.read_text(encoding="utf-8")
    start = text.index("- id: V1-bone-scan-wb")
    row = text[start : text.index("- id:", start + 1)]
    imaging.write_text(
        text.replace(row, row.replace("may-be-appropriate", "usually-not-appropriate")), encoding="utf-8"
    )
    policy = content / "services" / "policy.yaml"
    _edit(policy, "The clinician decides.", "You decide.")
    (content / "parameters.yaml").write_text(_readme_block("yaml", "INR limit"), encoding="utf-8")
    rules = content / "rules"
    _edit(rules / "cautions.cql", "include SymptomFacts", "include SymptomFacts")
    _edit(
        rules / "cautions.cql", "context Patient\n", "context Patient\n\n" + _dedent(_readme_block("cql", "CAU-YOUNG"))
    )
    rule = _dedent(_readme_block("yaml", "CAU-YOUNG"))
    (rules / "cautions.yaml").write_text((rules / "cautions.yaml").read_text(encoding="utf-8") + rule, encoding="utf-8")
    scenario = _dedent(_readme_block("yaml", "id: V0"))
    _edit(imaging, "  action:\n  # ----", "  action:\n" + indent(scenario, "  ") + "  # ----")
    _add_fact(root)
    return CaseRunner(load_knowledge([root]))


def _add_fact(root: Path) -> None:
    """The fact of the README: its define, its code, its question."""
    library = root / "plandefinitions" / "facts" / "fitness-facts.cql"
    _edit(library, "context Patient\n", "context Patient\n\n" + _readme_block("cql", "@fact smoker"))
    _edit(library, 'code "can_lie_prone"', 'code "smoker": \'smoker\' from "Facts"\ncode "can_lie_prone"')
    system = root / "terminology" / "codesystems" / "vcf-facts.json"
    written = json.loads(system.read_text(encoding="utf-8"))
    written["concept"].append({"code": "smoker", "display": "Smoker"})
    written["count"] = len(written["concept"])
    system.write_text(json.dumps(written), encoding="utf-8")
    questions = root / "plandefinitions" / "questions" / "vcf-questions.yaml"
    _edit(questions, "item:\n", "item:\n- linkId: smoker\n  text: Does the patient smoke?\n  type: boolean\n")


def _dedent(block: str) -> str:
    lines = block.splitlines()
    margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(line[margin:] for line in lines) + "\n"


def _case(says: str) -> Case:
    return next(case for case in read_cases([CONTENT]) if case.title.startswith(says))


def _answer(runner: CaseRunner, case: Case) -> tuple[Mapping[str, Any], str]:
    answer = runner.run(case).answer
    return answer["extension"]["example.cds-service.decisions"][0], " ".join(
        f"{card['summary']} {card.get('detail', '')}" for card in answer["cards"]
    )


def test_a_rating_is_a_line_of_the_plan(changed: CaseRunner) -> None:
    """The bone scan of the first scenario, made usually not appropriate."""
    record, words = _answer(changed, _case("No level on the order, one current fracture"))
    assert record["rating"] == "usually-not-appropriate"
    assert "usually not appropriate" in words


def test_a_threshold_is_a_parameter_of_a_site(changed: CaseRunner) -> None:
    """INR 1.6 is over the published limit and under the one that the site has set."""
    case = next(c for c in read_cases([CONTENT]) if c.rule is not None and c.rule.rule == "REL-R8" and c.rule.fires)
    record, _ = _answer(changed, case)
    assert "REL-R8" not in record.get("relative", [])


def test_a_sentence_is_a_line_of_the_policy(changed: CaseRunner) -> None:
    """The closing sentence of a card."""
    _, words = _answer(changed, _case("Fresh L1 fracture with back pain"))
    assert "You decide." in words


def test_a_rule_is_a_define_and_an_action(changed: CaseRunner) -> None:
    """The rule of the README fires for a patient of 33 and not for one of 72."""
    young, _ = _answer(changed, _case("Pregnancy refuted"))
    old, _ = _answer(changed, _case("Painful osteoporotic L1 fracture"))
    assert "CAU-YOUNG" in young["cautions"]
    assert "CAU-YOUNG" not in old.get("cautions", [])


def test_a_rule_puts_its_orders_on_its_card(changed: CaseRunner) -> None:
    """The surgeon whom the rule suggests, and the densitometry that it offers to a patient with osteoporosis."""
    cards = changed.run(_case("Pregnancy refuted")).answer["cards"]
    card = next(card for card in cards if "under fifty" in card["summary"])
    labels = {suggestion["label"] for suggestion in card["suggestions"]}
    assert {"Add: surgical consultation", "Add: Bone density, axial skeleton (DXA)"} <= labels


def test_a_scenario_is_an_alternative_with_its_rows(changed: CaseRunner) -> None:
    """The scenario of the README leads, because it stands first."""
    record, words = _answer(changed, _case("Pregnant and a CT without contrast"))
    assert (record["primaryVariant"], record["alsoMatches"]) == ("V0", ["V1"])
    assert "MRI without contrast" in words


def test_a_fact_is_a_define_with_its_code_and_question(changed: CaseRunner) -> None:
    """The fact of the README is one of those that can be asserted and asked."""
    deciding = changed.knowledge.services["vcf-order-sign"].deciding
    assert deciding is not None
    assert "smoker" in deciding.knowhow.facts.by_id
    assert deciding.words.questions.text("smoker") == "Does the patient smoke?"


def test_without_content_there_is_nothing_to_offer(tmp_path: Path) -> None:
    """The service stands, and its discovery is empty."""
    (tmp_path / "plandefinitions").mkdir()
    (tmp_path / "terminology").mkdir()
    knowledge = load_knowledge([tmp_path])
    assert dict(knowledge.services) == {}
