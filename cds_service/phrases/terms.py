"""Terms: short patterns of words, and finding them in a row of words.

`a|b` either word, `[a]` may be missing, `..` up to three words between, `@` needs a level, `~` needs a word of the
spine, `=0.7` its score. Words that change nothing (of, the, a level) may stand between any two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from cds_service.errors import ContentError

_GAP = 3
_MARKS = frozenset(".,;:()?!")


class UnreadableTerm(ContentError):
    """A term of the lexicon that is not written as terms are."""

    code = "unreadable-term"


@dataclass(frozen=True, slots=True)
class Element:
    """One place of a term: the words that fit; a gap has none."""

    words: frozenset[str]
    is_gap: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """One pattern and what it takes to count."""

    text: str
    elements: tuple[Element, ...]
    score: float
    needs_level: bool = False
    needs_spine: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A term where it was found: the words that make it up."""

    term: Term
    places: tuple[int, ...] = field(default=())

    @property
    def start(self) -> int:
        """The first word."""
        return self.places[0]

    @property
    def end(self) -> int:
        """The word after the last."""
        return self.places[-1] + 1


def parse_terms(text: str, canonical: Callable[[str], tuple[str, ...]]) -> list[Term]:
    """The terms that `text` stands for: one for each choice of the words that may be missing."""
    needs_level = needs_spine = False
    score: float | None = None
    choices: list[tuple[list[Element], bool]] = []
    for piece in str(text).split():
        if piece == "@":
            needs_level = True
        elif piece == "~":
            needs_spine = True
        elif piece.startswith("=") and len(piece) > 1:
            score = _score(piece, text)
        elif piece == "..":
            choices.append(([Element(frozenset(), is_gap=True)], False))
        else:
            may_miss = piece.startswith("[") and piece.endswith("]")
            choices.append((_elements(piece.strip("[]"), canonical), may_miss))
    variants: list[list[Element]] = [[]]
    for elements, may_miss in choices:
        longer = [[*variant, *elements] for variant in variants]
        variants = [*longer, *variants] if may_miss else longer
    terms = []
    for variant in variants:
        if not variant or variant[0].is_gap or variant[-1].is_gap:
            raise UnreadableTerm(f"The term {text!r} begins or ends with nothing.", remedy="Begin and end with a word.")
        words = sum(not one.is_gap for one in variant)
        natural = 0.9 if words == 1 else 0.95
        gaps = sum(one.is_gap for one in variant)
        own = score if score is not None else natural - 0.03 * gaps
        terms.append(Term(str(text), tuple(variant), own, needs_level, needs_spine))
    return terms


def _score(piece: str, text: str) -> float:
    try:
        return float(piece[1:])
    except ValueError as failure:
        raise UnreadableTerm(f"The score in {text!r} is no number.", remedy="Write it as =0.7.") from failure


def _elements(piece: str, canonical: Callable[[str], tuple[str, ...]]) -> list[Element]:
    alternatives = [canonical(word) for word in piece.lower().split("|")]
    if len(alternatives) == 1:
        return [Element(frozenset([word])) for word in alternatives[0]]
    # An alternative that stands for a phrase cannot be one word among others: it keeps its own spelling.
    return [
        Element(
            frozenset(
                one[0] if len(one) == 1 else word for one, word in zip(alternatives, piece.split("|"), strict=True)
            )
        )
    ]


class TermIndex:
    """Terms by their first words, found in a row in one pass."""

    def __init__(self, terms: Iterable[tuple[Term, object]], fillers: frozenset[str]) -> None:
        self._fillers = fillers
        self._by_word: dict[str, list[tuple[Term, object]]] = {}
        for term, owner in terms:
            for word in term.elements[0].words:
                self._by_word.setdefault(word, []).append((term, owner))

    def find(self, words: Sequence[str], passable: Sequence[bool]) -> list[tuple[Found, object]]:
        """Every term in `words`; `passable` says which words may stand inside a term without belonging to it."""
        hits: list[tuple[Found, object]] = []
        for index, word in enumerate(words):
            for term, owner in self._by_word.get(word, ()):
                places = _fit(term.elements, 1, words, passable, index + 1)
                if places is not None:
                    hits.append((Found(term, (index, *places)), owner))
        return hits


def _fit(
    elements: tuple[Element, ...], at: int, words: Sequence[str], passable: Sequence[bool], index: int
) -> tuple[int, ...] | None:
    """The places of `elements` from number `at` on, beginning at `index`; None where they do not fit."""
    if at == len(elements):
        return ()
    element = elements[at]
    left = 0
    if element.is_gap:
        left, at = _GAP, at + 1
        element = elements[at]
    while index < len(words):
        word = words[index]
        if word in element.words:
            rest = _fit(elements, at + 1, words, passable, index + 1)
            if rest is not None:
                return (index, *rest)
        if not passable[index]:
            if left == 0 or word in _MARKS:
                return None
            left -= 1
        index += 1
    return None
