"""The lexicon: which words mean which concept, read from terminology/phrases/ and compiled once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cds_service.errors import CdsError, ContentError, ErrorGroup
from cds_service.phrases.cues import Cue
from cds_service.phrases.levels import LevelWords
from cds_service.phrases.mentions import Coding
from cds_service.phrases.terms import Term, TermIndex, parse_terms
from cds_service.phrases.tokens import Tokenizer

WORTHS = ("problem", "problem_past", "problem_if_not", "medication")
_BASE = "https://cds-service.example/fhir"
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class BrokenLexicon(ContentError):
    """A lexicon that cannot be used."""

    code = "broken-lexicon"


@dataclass(frozen=True, slots=True)
class NumberRule:
    """A number that belongs to a concept: its unit, its range, and the words after which it is another one."""

    unit: str
    least: int
    most: int
    not_after: frozenset[str]


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing that a text can say, and what a mention of it gives.

    `worth` holds the codes that stand for it where a record has only text, by kind of text.
    """

    id: str
    coding: Coding | None
    value: Coding | None = None
    candidates: tuple[Coding, ...] = ()
    has_levels: bool = False
    several_levels: str | None = None
    stays_true: bool = False
    is_order: bool = False
    past: str | None = None
    when_uncertain: Coding | None = None
    number: NumberRule | None = None
    worth: Mapping[str, Coding] = field(default_factory=dict)
    is_finding: bool = False  # a report's conclusion asserts it: no code system has a code for it


@dataclass(frozen=True, slots=True)
class Qualifier:
    """Words next to a concept that say more about it, or something else in its place."""

    concept: Concept
    of: frozenset[str]
    inverted: bool
    replaces: bool
    unless: frozenset[str]
    drops_head_when_negated: bool
    drops_head_when_uncertain: bool
    only_before: bool


@dataclass(frozen=True, slots=True)
class TermOwner:
    """What a term stands for; `absent`: it says that the concept does not hold."""

    concept: Concept
    absent: bool


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Everything that reading needs, compiled."""

    tokenizer: Tokenizer
    concepts: Mapping[str, Concept]
    terms: TermIndex
    qualifiers: TermIndex
    cues: TermIndex
    levels: LevelWords
    regions: Mapping[str, str]  # word -> region
    sides: Mapping[str, str]  # word -> side
    fillers: frozenset[str]
    elsewhere: frozenset[str]
    spine_words: frozenset[str]
    reach: int
    threshold: float
    kinds: Mapping[str, str]  # resource type -> kind of text
    level_system: str
    report_weeks: int


def load_lexicon(folder: Path, base: str = _BASE) -> Lexicon:
    """The lexicon of a folder with words.yaml and concepts.yaml; every mistake in it is told at once."""
    words = _read(folder / "words.yaml", base)
    concepts = _read(folder / "concepts.yaml", base)
    return _Compiler(words, concepts).lexicon()


def _read(path: Path, base: str) -> Mapping[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.load(text.replace(_BASE, base.rstrip("/")), Loader=_LOADER)  # noqa: S506 - a safe loader
    except (OSError, yaml.YAMLError) as failure:
        raise BrokenLexicon(f"{path} cannot be read: {failure}", remedy="Correct the file.") from failure
    if not isinstance(content, dict):
        raise BrokenLexicon(f"{path} is no mapping.", remedy="Begin it with named sections.")
    return content


class _Compiler:
    def __init__(self, words: Mapping[str, Any], concepts: Mapping[str, Any]) -> None:
        self._words = words
        self._raw = concepts
        self._errors: list[CdsError] = []
        self._abbreviations = {
            str(short).lower(): tuple(str(meaning).lower().split())
            for meaning, shorts in words.get("abbreviations", {}).items()
            for short in shorts
        }
        self._fillers = _strings(words.get("fillers"))
        self._vocabulary: set[str] = set()

    def lexicon(self) -> Lexicon:
        concepts: dict[str, Concept] = {}
        terms: list[tuple[Term, object]] = []
        for raw in self._raw.get("concepts", ()):
            concept = self._concept(raw)
            concepts.setdefault(concept.id, concept)
            terms.extend(self._terms(raw.get("terms"), TermOwner(concept, absent=False)))
            terms.extend(self._terms(raw.get("absent"), TermOwner(concept, absent=True)))
        qualifiers: list[tuple[Term, object]] = []
        for raw in self._raw.get("qualifiers", ()):
            concept = self._concept(raw)
            concepts.setdefault(concept.id, concept)
            qualifiers.extend(self._terms(raw.get("words"), self._qualifier(raw, concept)))
        self._check_references(concepts)
        cues = self._cues()
        levels = self._levels()
        if self._errors:
            raise ErrorGroup(tuple(self._errors))
        return Lexicon(
            Tokenizer(
                self._abbreviations,
                self._all_words(),
                _strings(self._words.get("protected")),
                _strings(self._words.get("units_after_numbers")),
            ),
            concepts,
            TermIndex(terms, self._fillers),
            TermIndex(qualifiers, self._fillers),
            TermIndex(cues, frozenset()),
            levels,
            _inverse(self._words.get("regions", {})),
            _inverse(self._words.get("laterality", {})),
            self._fillers,
            _strings(self._words.get("elsewhere")),
            _strings(self._words.get("spine_words")),
            int(self._words.get("reach", 8)),
            float(self._words.get("threshold", 0.6)),
            {str(one): str(kind) for one, kind in self._raw.get("kinds", {}).items()},
            str(self._raw.get("systems", {}).get("level", "")),
            int(self._words.get("report_weeks", 13)),
        )

    def _concept(self, raw: Mapping[str, Any]) -> Concept:
        id = str(raw.get("id", ""))
        asserts = raw.get("asserts", {})
        main = [self._coding(kind, str(code)) for kind, code in asserts.items() if kind != "value"]
        number = raw.get("number")
        if "when_uncertain" in raw:
            uncertain = next(iter(raw["when_uncertain"].items()))
        return Concept(
            id,
            main[0] if main else None,
            self._coding("value", str(asserts["value"])) if "value" in asserts else None,
            tuple(self._coding(kind, str(code)) for kind, codes in raw.get("candidates", {}).items() for code in codes),
            bool(raw.get("levels")),
            raw.get("several_levels"),
            bool(raw.get("history")),
            bool(raw.get("order")),
            raw.get("past"),
            self._coding(uncertain[0], str(uncertain[1])) if "when_uncertain" in raw else None,
            NumberRule(
                str(number["unit"]), int(number["least"]), int(number["most"]), _strings(number.get("not_after"))
            )
            if number
            else None,
            {kind: self._coding(system, str(code)) for kind in WORTHS for system, code in raw.get(kind, {}).items()},
            bool(raw.get("finding")),
        )

    def _coding(self, kind: str, code: str) -> Coding:
        system = self._raw.get("systems", {}).get(kind)
        if system is None:
            self._errors.append(BrokenLexicon(f"The system {kind!r} of {code!r} is not declared under systems."))
        return Coding(str(system), code)

    def _qualifier(self, raw: Mapping[str, Any], concept: Concept) -> Qualifier:
        return Qualifier(
            concept,
            _strings(raw.get("of")),
            bool(raw.get("inverted")),
            bool(raw.get("replaces")),
            _strings(raw.get("unless")),
            bool(raw.get("drops_head_when_negated")),
            bool(raw.get("drops_head_when_uncertain")),
            bool(raw.get("only_before")),
        )

    def _terms(self, texts: object, owner: object) -> list[tuple[Term, object]]:
        found: list[tuple[Term, object]] = []
        for text in texts if isinstance(texts, list) else ():
            try:
                found.extend((term, owner) for term in parse_terms(str(text), self._canonical))
            except CdsError as failure:
                self._errors.append(failure)
        for term, _ in found:
            for element in term.elements:
                self._vocabulary.update(element.words)
        return found

    def _canonical(self, word: str) -> tuple[str, ...]:
        return self._abbreviations.get(word, (word,))

    def _cues(self) -> list[tuple[Term, object]]:
        found: list[tuple[Term, object]] = []
        for kind, raw in self._words.get("cues", {}).items():
            lists = _strings(raw.get("over_commas"))
            for text in raw.get("forward", ()):
                found.extend(self._terms([text], Cue(str(kind), True, str(text) in lists)))
            for text in raw.get("backward", ()):
                found.extend(self._terms([text], Cue(str(kind), False)))
        for text in self._words.get("pseudo", ()):
            found.extend(self._terms([text], Cue("pseudo", True)))
        for text in self._words.get("stops", ()):
            found.extend(self._terms([text], Cue("stop", True)))
        for text in self._words.get("level_stops", ()):
            found.extend(self._terms([text], Cue("level-stop", True)))
        return found

    def _levels(self) -> LevelWords:
        raw = self._words.get("levels", {})
        return LevelWords(
            {str(letter): int(most) for letter, most in raw.get("letters", {}).items()},
            {str(a): str(b) for a, b in raw.get("other_letters", {}).items()},
            {str(word): int(number) for word, number in raw.get("ordinals", {}).items()},
            {str(word): str(letter) for word, letter in raw.get("regions", {}).items()},
            _strings(raw.get("ranges")),
            _strings(raw.get("lists")),
            _strings(raw.get("not_before")),
            _strings(raw.get("not_after")),
        )

    def _all_words(self) -> set[str]:
        known = set(self._vocabulary)
        for meaning in self._abbreviations.values():
            known.update(meaning)
        for section in ("fillers", "elsewhere", "spine_words"):
            known |= _strings(self._words.get(section))
        known |= set(_inverse(self._words.get("regions", {})))
        return known

    def _check_references(self, concepts: Mapping[str, Concept]) -> None:
        for concept in concepts.values():
            for other in (concept.past, concept.several_levels):
                if other is not None and other not in concepts:
                    self._errors.append(
                        BrokenLexicon(f"The concept {concept.id!r} names {other!r}, which does not exist.")
                    )


def _strings(raw: object) -> frozenset[str]:
    return frozenset(str(one).lower() for one in raw) if isinstance(raw, list | tuple | set) else frozenset()


def _inverse(raw: Mapping[str, Any]) -> dict[str, str]:
    return {str(word): str(meaning) for meaning, words in raw.items() for word in words}
