"""Free text as a row of plain words: small letters, abbreviations spelled out, slips of the pen mended, places kept."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_FROM = "\u2018\u2019\u201c\u201d\u2013\u2014\u2212\u00d7\u00a0"
_TO = "''\"\"---x "
_PLAIN = str.maketrans(_FROM, _TO)
_LEAST_MENDED = 6  # shorter words have too many neighbours
_TWICE_MENDED = 9


@dataclass(frozen=True, slots=True)
class Row:
    """The words of one text; `starts` and `ends` say where each stood, `mended` which were corrected."""

    text: str
    words: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    mended: frozenset[int] = field(default=frozenset())

    def __len__(self) -> int:
        return len(self.words)


class Tokenizer:
    """Cuts text into words by the abbreviations and the vocabulary of a lexicon."""

    def __init__(
        self,
        abbreviations: Mapping[str, tuple[str, ...]],
        vocabulary: Iterable[str],
        protected: Iterable[str] = (),
        units_after_numbers: Iterable[str] = (),
    ) -> None:
        self._abbreviations = dict(abbreviations)
        self._vocabulary = frozenset(vocabulary)
        self._protected = frozenset(protected)
        self._units = frozenset(units_after_numbers)
        self._mend = _Mender(word for word in self._vocabulary if len(word) >= _LEAST_MENDED and word.isalpha())
        odd = sorted((one for one in abbreviations if not one.isalnum()), key=len, reverse=True)
        special = "".join(rf"(?<![a-z0-9]){re.escape(one)}(?![a-z0-9])|" for one in odd if one[-1].isalnum())
        special += "".join(rf"(?<![a-z0-9]){re.escape(one)}|" for one in odd if not one[-1].isalnum())
        self._pattern = re.compile(
            special + r"\d+(?:st|nd|rd|th)\b|\d+(?:\.\d+)?|[a-z]+\d*(?:'[a-z]+)?|[^\sa-z0-9]|\n", re.IGNORECASE
        )
        self._known: dict[str, tuple[tuple[str, ...], bool]] = {}

    def read(self, text: str) -> Row:
        """The words of `text`."""
        plain = text.translate(_PLAIN)
        if not plain.isascii():
            plain = "".join(_letter(one) for one in plain)
        plain = plain.lower()
        words: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        mended: set[int] = set()
        for found in self._pattern.finditer(plain):
            raw = found.group()
            if raw in self._units and words and words[-1][0].isdigit():
                words.append(raw)
                starts.append(found.start())
                ends.append(found.end())
                continue
            meaning, was_mended = self._meaning(raw)
            for word in meaning:
                if was_mended:
                    mended.add(len(words))
                words.append(word)
                starts.append(found.start())
                ends.append(found.end())
        return Row(text, tuple(words), tuple(starts), tuple(ends), frozenset(mended))

    def _meaning(self, raw: str) -> tuple[tuple[str, ...], bool]:
        known = self._known.get(raw)
        if known is None:
            known = self._find_meaning(raw)
            # Only words of the lexicon are kept: what patients' texts hold beyond them is not remembered.
            if known[0][0] in self._vocabulary and not known[1]:
                self._known[raw] = known
        return known

    def _find_meaning(self, raw: str) -> tuple[tuple[str, ...], bool]:
        if raw in self._abbreviations:
            return self._abbreviations[raw], False
        if raw in self._vocabulary:
            return (raw,), False
        stem = raw[:-2] if raw.endswith("'s") else raw
        singular = stem.removesuffix("s")
        for form in (stem, singular, stem.removesuffix("es"), stem[:-3] + "y" if stem.endswith("ies") else stem):
            if form in self._abbreviations and len(form) > 2:
                return self._abbreviations[form], False
            if form in self._vocabulary:
                return (form,), False
        if len(raw) >= _LEAST_MENDED and raw.isalpha() and raw not in self._protected:
            mended = self._mend.nearest(raw)
            if mended is not None:
                return self._abbreviations.get(mended, (mended,)), True
        return (raw,), False


def _letter(one: str) -> str:
    """One letter for one letter, so that places in the text stay what they are."""
    plain = unicodedata.normalize("NFKD", one)[0]
    return plain if len(plain) == 1 else one


class _Mender:
    """Finds the word of a vocabulary that a misspelled one comes nearest to.

    One letter lost, added, changed or swapped; long words may be wrong twice. The first letter is taken to be right.
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._shortened: dict[str, list[str]] = {}
        for word in sorted(words):
            for one in _shortened(word, 2 if len(word) >= _TWICE_MENDED else 1):
                self._shortened.setdefault(one, []).append(word)

    def nearest(self, raw: str) -> str | None:
        """The nearest word, where only one is nearest."""
        allowed = 2 if len(raw) >= _TWICE_MENDED - 1 else 1
        best: dict[int, set[str]] = {}
        for one in _shortened(raw, allowed):
            for word in self._shortened.get(one, ()):
                if word[0] == raw[0] and abs(len(word) - len(raw)) <= allowed:
                    distance = _distance(word, raw)
                    if distance <= (2 if len(word) >= _TWICE_MENDED else 1):
                        best.setdefault(distance, set()).add(word)
        nearest = best.get(min(best)) if best else None
        return next(iter(nearest)) if nearest and len(nearest) == 1 else None


def _shortened(word: str, depth: int) -> set[str]:
    found = {word}
    layer = {word}
    for _ in range(depth):
        layer = {one[:index] + one[index + 1 :] for one in layer for index in range(1, len(one))}
        found |= layer
    return found


def _distance(a: str, b: str) -> int:
    """Letters lost, added, changed, or swapped with their neighbour."""
    before_last: list[int] = []
    last = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        row = [i]
        for j, right in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                cost = min(cost, before_last[j - 2] + 1)
            row.append(cost)
        before_last, last = last, row
    return last[-1]
