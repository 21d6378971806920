"""Vertebral levels in free text: L1, L4-5, T11 through L1, T6, T8 and L2, first lumbar; an MRI weighting is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LevelWords:
    """How levels are written: the letters and how far each counts, ordinals, and the words between."""

    letters: Mapping[str, int]  # in order from above
    other_letters: Mapping[str, str]
    ordinals: Mapping[str, int]
    regions: Mapping[str, str]
    ranges: frozenset[str]
    lists: frozenset[str]
    not_before: frozenset[str]
    not_after: frozenset[str]

    def all_levels(self) -> tuple[str, ...]:
        """Every level from above."""
        return tuple(f"{letter}{number}" for letter, most in self.letters.items() for number in range(1, most + 1))


@dataclass(frozen=True, slots=True)
class LevelGroup:
    """Levels that stand together, and the words they take up."""

    start: int
    end: int
    levels: tuple[str, ...]


def find_levels(words: Sequence[str], spelled: LevelWords) -> list[LevelGroup]:
    """The groups of levels in a row of words, each in order from above."""
    order = {level: place for place, level in enumerate(spelled.all_levels())}
    groups: list[LevelGroup] = []
    index = 0
    while index < len(words):
        first = _level_at(words, index, None, spelled)
        if first is None:
            index += 1
            continue
        start = index
        level, index = first
        levels = [level]
        index = _more(words, index, levels, spelled, order)
        groups.append(LevelGroup(start, index, tuple(sorted(set(levels), key=order.__getitem__))))
    return groups


def _more(words: Sequence[str], index: int, levels: list[str], spelled: LevelWords, order: Mapping[str, int]) -> int:
    """Takes up what a range or list adds to `levels`; the word after it."""
    while index + 1 < len(words):
        between = index
        while between < len(words) and words[between] in spelled.lists and between - index < 2:
            between += 1  # "T6, and T8"
        is_range = words[index] in spelled.ranges
        if is_range:
            between = index + 1
        if between == index:
            return index
        following = _level_at(words, between, levels[-1][0] if words[index] != "and" else None, spelled)
        if following is None:
            return index
        level, after = following
        if is_range:
            low, high = sorted((order[levels[-1]], order[level]))
            levels.extend(one for one, place in order.items() if low <= place <= high)
        levels.append(level)
        index = after
    return index


def _level_at(words: Sequence[str], index: int, letter: str | None, spelled: LevelWords) -> tuple[str, int] | None:
    """The level at a word and the word after it; a bare number counts with the `letter` of the one before."""
    if index >= len(words):
        return None
    word = words[index]
    found: tuple[str, int, int] | None = None
    head, tail = word[:1].upper(), word[1:]
    if tail.isdigit() and head.isalpha():
        found = (head, int(tail), index + 1)
    elif len(word) == 1 and head.isalpha() and index + 1 < len(words):
        skip = 2 if words[index + 1] == "-" and index + 2 < len(words) else 1
        if words[index + skip].isdigit():
            found = (head, int(words[index + skip]), index + skip + 1)
    elif word.isdigit() and letter is not None:
        found = (letter, int(word), index + 1)
        if index + 1 < len(words) and words[index + 1] in ("%", "."):
            return None
    elif word in spelled.ordinals and index + 1 < len(words) and words[index + 1] in spelled.regions:
        found = (spelled.regions[words[index + 1]], spelled.ordinals[word], index + 2)
    elif word in spelled.regions and index + 1 < len(words) and words[index + 1].isdigit():
        found = (spelled.regions[word], int(words[index + 1]), index + 2)
    if found is None:
        return None
    letter_found, number, after = found
    letter_found = spelled.other_letters.get(letter_found, letter_found)
    if not 1 <= number <= spelled.letters.get(letter_found, 0):
        return None
    if (after < len(words) and words[after] in spelled.not_before) or (
        index > 0 and words[index - 1] in spelled.not_after
    ):
        return None
    return f"{letter_found}{number}", after
