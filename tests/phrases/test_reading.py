"""Reading free text: measured on labelled texts, and held case by case where it matters most."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.errors import ErrorGroup
from cds_service.phrases.derivation import TextReader
from cds_service.phrases.lexicon import BrokenLexicon, Lexicon, load_lexicon
from cds_service.phrases.matcher import PhraseMatcher
from tests.phrases.scoring import labelled_texts, report, score
from tests.terminology.artifacts import own

REPORT = Path(__file__).parents[2] / "docs" / "phrases.md"
FOLDER = Path(__file__).parents[2] / "terminology" / "phrases"
OURS = "https://cds-service.example/fhir"
FACTS = f"{OURS}/CodeSystem/vcf-facts"
LEVELS = f"{OURS}/CodeSystem/vertebral-level"
PROCEDURES = f"{OURS}/CodeSystem/vcf-procedures"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"


@cache
def lexicon() -> Lexicon:
    return load_lexicon(FOLDER)


def read(text: str) -> set[tuple[str, str]]:
    return {(one.concept, one.status) for one in PhraseMatcher(lexicon()).read(text).mentions}


@pytest.mark.parametrize(
    ("name", "precision", "recall", "levels"),
    [
        ("phrases_dev.tsv", 0.99, 0.99, 0.99),
        ("impressions_dev.tsv", 0.98, 0.98, 0.95),
        ("phrases_held_out.tsv", 0.95, 0.95, 0.95),
        ("impressions_held_out.tsv", 0.95, 0.95, 0.90),
    ],
)
def test_precision_and_recall(name: str, precision: float, recall: float, levels: float) -> None:
    found = score(PhraseMatcher(lexicon()), name)
    assert found.precision() >= precision
    assert found.recall() >= recall
    assert found.levels_right >= levels * found.levels_asked


def test_the_measured_tables_stand_in_the_docs() -> None:
    # After a change of the lexicon: python -c "from tests.phrases.test_reading import write_report; write_report()"
    assert report(PhraseMatcher(lexicon())) in REPORT.read_text(encoding="utf-8")


def write_report() -> None:
    """Puts the measured tables into the docs, between their two marks."""
    text = REPORT.read_text(encoding="utf-8")
    before, _, rest = text.partition("<!-- measured -->\n")
    _, _, after = rest.partition("<!-- end -->\n")
    tables = report(PhraseMatcher(lexicon()))
    REPORT.write_text(f"{before}<!-- measured -->\n{tables}<!-- end -->\n{after}", encoding="utf-8")


def test_there_are_enough_labelled_texts() -> None:
    def count(kind: str) -> int:
        return sum(len(list(labelled_texts(f"{kind}_{part}.tsv"))) for part in ("dev", "held_out"))

    assert count("phrases") >= 200
    assert count("impressions") >= 60


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("h/o breast ca, r/o mets", {("malignancy_history", "historical"), ("metastasis", "uncertain")}),
        ("FHx breast cancer", {("malignancy_history", "family")}),
        ("no compression fracture", {("vcf_identified", "negated")}),
        ("no fx at L1", {("vcf_identified", "negated")}),
        ("T2 hyperintense signal, no acute fracture of the spine", {("vcf_new", "negated")}),
        ("5 mm retropulsion", {("retropulsion", "stated")}),  # no myeloma
        ("hip fracture", set()),
        ("compression stockings", set()),
        ("spiral fracture of the tibia", set()),
        ("not pregnant", {("pregnant", "negated")}),
        ("", set()),
    ],
)
def test_readings(text: str, expected: set[tuple[str, str]]) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("compression fracture L1", ("L1",)),
        ("compression fractures T11-L1", ("T11", "T12", "L1")),
        ("compression fx L4-5", ("L4", "L5")),
        ("compression fractures of T6, T8 and L2", ("T6", "T8", "L2")),
        ("fx T 12", ("T12",)),
        ("fracture of D12", ("T12",)),
        ("wedge compression fracture of first lumbar vertebra", ("L1",)),
        ("compression fracture C9", ()),
        ("T2 weighted images show a compression fracture", ()),
    ],
)
def test_levels(text: str, levels: tuple[str, ...]) -> None:
    reading = PhraseMatcher(lexicon()).read(text)
    found = [one for one in reading.mentions if one.concept == "vcf_identified"]
    assert found[0].levels == levels


def test_an_open_contrast_phase_is_a_question_with_candidates() -> None:
    reading = PhraseMatcher(lexicon()).read("MRI lumbar spine")
    assert reading.mentions == ()
    (ask,) = reading.asks
    assert [one.code for one in ask.candidates] == ["mri-spine-wo", "mri-spine-w", "mri-spine-wwo"]


def test_a_mended_word_is_less_sure() -> None:
    exact, mended = (PhraseMatcher(lexicon()).read(text).mentions[0] for text in ("osteoporosis", "osteoprosis"))
    assert exact.concept == mended.concept
    assert mended.score < exact.score


@pytest.mark.parametrize(
    ("kind", "text", "codes"),
    [
        ("Condition", "h/o breast ca", [(ICD, "Z85.9")]),
        ("Condition", "acute comp fx L1", [(FACTS, "vcf_identified"), (LEVELS, "L1")]),
        ("Condition", "no compression fracture", []),
        ("Condition", "possible compression fracture", []),
        ("Condition", "mother had breast cancer", []),
        ("ServiceRequest", "MRI lumbar spine without contrast", [(PROCEDURES, "mri-spine-wo")]),
        ("ServiceRequest", "MRI lumbar spine", []),
        ("ServiceRequest", "compression fracture L1", []),  # a reason is no order
        ("MedicationRequest", "warfarin 5 mg tablet", [("http://www.nlm.nih.gov/research/umls/rxnorm", "11289")]),
        ("Immunization", "warfarin", []),
    ],
)
def test_codings_of_texts(kind: str, text: str, codes: list[tuple[str, str]]) -> None:
    assert TextReader(lexicon()).codings(kind, text) == codes


def test_an_old_fracture_read_from_text_is_no_current_one() -> None:
    codes = TextReader(lexicon()).codings("Condition", "chronic T12 compression deformity")
    not_current = own().membership(f"{OURS}/ValueSet/vertebral-fracture-not-current")
    assert any(not_current.contains(*code) for code in codes)


def test_findings_of_a_report() -> None:
    text = "Acute compression fracture of L1 with 40% loss of height. No retropulsion. Possible nonunion at L1."
    found = {one.code.code: (one.value, one.levels, one.grade) for one in TextReader(lexicon()).findings(text)}
    assert "vcf_identified" not in found  # coded data say it, so words give codes for it
    assert found["retropulsion"][2] == "text"
    assert str(found["height_loss_pct"][0]) == "40"
    assert found["retropulsion"][0] is False
    assert found["pseudarthrosis"][0] is None  # doubted: explicitly open


def test_every_code_of_the_lexicon_exists_and_is_used() -> None:
    for concept in lexicon().concepts.values():
        for coding in (concept.coding, concept.value, concept.when_uncertain, *concept.candidates):
            if coding is not None and coding.system.startswith(OURS):
                at_hand = own().code_system(coding.system)
                assert at_hand is not None
                assert at_hand.find(coding.code) is not None, coding
        for coding in concept.worth.values():
            assert own().name_of(coding.system, coding.code), coding
            holding = [
                one for one in own().value_sets() if own().membership(one.url).contains(coding.system, coding.code)
            ]
            assert holding, coding


def test_mistakes_in_a_lexicon_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "words.yaml").write_text("abbreviations: {}\n")
    (tmp_path / "concepts.yaml").write_text(
        "systems: {fact: urn:f}\nconcepts:\n- {id: a, asserts: {other: x}, past: gone, terms: ['.. b', 'c =high']}\n"
    )
    with pytest.raises(ErrorGroup) as caught:
        load_lexicon(tmp_path)
    assert len(caught.value.errors) == 4
    with pytest.raises(BrokenLexicon, match="cannot be read"):
        load_lexicon(tmp_path / "gone")


@given(st.text(max_size=80))
def test_any_text_can_be_read(text: str) -> None:
    reading = PhraseMatcher(lexicon()).read(text)
    assert all(text[one.start : one.end] == one.text for one in reading.ranked())


WORDS = [
    "no",
    "h/o",
    "r/o",
    "L1",
    "fx",
    "comp",
    "T12",
    ",",
    ".",
    "/",
    "-",
    "?",
    "cancer",
    "mets",
    "with",
    "of",
    "acute",
]


@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_any_row_of_words_is_read_the_same_way_each_time(words: list[str]) -> None:
    text = " ".join(words)
    assert PhraseMatcher(lexicon()).read(text) == PhraseMatcher(lexicon()).read(text)


def test_a_phrase_takes_less_than_a_tenth_of_a_millisecond() -> None:
    matcher = PhraseMatcher(lexicon())
    texts = [text for text, _ in labelled_texts("phrases_dev.tsv")]
    best = min(_timed(matcher, texts) for _ in range(5))
    assert best / len(texts) < 200e-6  # 45 microseconds on a quiet machine


def _timed(matcher: PhraseMatcher, texts: list[str]) -> float:
    start = time.process_time()
    for text in texts:
        matcher.read(text)
    return time.process_time() - start
