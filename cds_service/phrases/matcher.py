"""Reads short clinical text: which concepts it mentions, and whether it states, denies, doubts or dates them back.

Deterministic and offline: the same text and lexicon always give the same reading. What words mean is content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from cds_service.phrases.cues import Scope, find_scopes
from cds_service.phrases.levels import LevelGroup, find_levels
from cds_service.phrases.lexicon import Concept, Lexicon, Qualifier, TermOwner
from cds_service.phrases.mentions import Mention, Reading, Status
from cds_service.phrases.terms import Found
from cds_service.phrases.tokens import Row

_ENDS = frozenset(".;\n")
_NEAR = 4  # words between a qualifier and what it qualifies
_FAR = 10  # words between a level or a number and what it belongs to
_MENDED = 0.12  # a corrected word makes a reading this much less sure
_WEAKER_LEVEL = 0.05


@dataclass(slots=True)
class _Hit:
    """A concept found in the row, while its reading is worked out."""

    concept: Concept
    found: Found
    score: float
    status: Status
    absent: bool = False
    levels: tuple[str, ...] = ()
    number: Decimal | None = None
    dropped: bool = False

    @property
    def start(self) -> int:
        return self.found.start

    @property
    def end(self) -> int:
        return self.found.end


class _Scene:
    """One text laid out: its words, levels, sentences and the scopes of its cues."""

    def __init__(self, row: Row, lexicon: Lexicon) -> None:
        words = row.words
        self.row = row
        self.groups = find_levels(words, lexicon.levels)
        in_level = {index for group in self.groups for index in range(group.start, group.end)}
        fillers = lexicon.fillers
        self.passable = [
            word in fillers or word in "/-" or word in lexicon.regions or index in in_level
            for index, word in enumerate(words)
        ]
        self.scopes, self.level_stops = find_scopes(words, row.starts, row.ends, lexicon.cues, lexicon.reach)
        self.sentence: list[int] = []
        number = 0
        for index, word in enumerate(words):
            self.sentence.append(number)
            # "1." that numbers a finding opens a sentence, it does not end one.
            if word in _ENDS and not (word == "." and index > 0 and words[index - 1] in ("vs", "approx", "w")):
                number += 1
        self.is_of_spine = bool(self.groups) or any(word in lexicon.spine_words for word in words)

    def is_split(self, a: int, b: int) -> bool:
        """Whether something parts a level from what stands beyond."""
        low, high = (a, b) if a <= b else (b, a)
        return any(low < stop < high for stop in self.level_stops)

    def distance(self, a_start: int, a_end: int, b_start: int, b_end: int) -> int:
        """Words between two stretches, those that say nothing left out."""
        low, high = (a_end, b_start) if a_end <= b_start else (b_end, a_start)
        return sum(not self.passable[index] for index in range(low, high))


class PhraseMatcher:
    """Reads texts with one lexicon."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def read(self, text: str) -> Reading:
        """What `text` says; readings below the lexicon's threshold, or left open by the text, are asks."""
        row = self._lexicon.tokenizer.read(text)
        scene = _Scene(row, self._lexicon)
        hits = self._hits(scene)
        self._settle_status(scene, hits)
        self._find_numbers(scene, hits)
        self._assign_levels(scene, hits)
        added = self._qualify(scene, hits)
        alive = [hit for hit in (*hits, *added) if not hit.dropped]
        alive.extend(self._several(alive))
        mentions = _merged([self._mention(scene, hit) for hit in alive])
        sure = tuple(one for one in mentions if one.status != "ask")
        return Reading(sure, tuple(one for one in mentions if one.status == "ask"))

    # --- finding

    def _hits(self, scene: _Scene) -> list[_Hit]:
        lexicon = self._lexicon
        found: list[_Hit] = []
        for hit, owner in lexicon.terms.find(scene.row.words, scene.passable):
            assert isinstance(owner, TermOwner)
            score = hit.term.score - _MENDED * len(scene.row.mended.intersection(hit.places))
            level_near = hit.term.needs_level and self._level_near(scene, hit)
            if hit.term.needs_level and not level_near:
                continue
            if hit.term.needs_spine and (not scene.is_of_spine or self._is_elsewhere(scene, hit)):
                continue
            found.append(_Hit(owner.concept, hit, score, "stated", owner.absent))
        return _without_parts(found, lexicon.threshold)

    def _level_near(self, scene: _Scene, found: Found) -> bool:
        return any(
            scene.sentence[group.start] == scene.sentence[found.start]
            and scene.distance(found.start, found.end, group.start, group.end) <= 1
            and not scene.is_split(found.start, group.start)
            for group in scene.groups
        )

    def _is_elsewhere(self, scene: _Scene, found: Found) -> bool:
        words = scene.row.words
        near = range(max(0, found.start - 3), min(len(words), found.end + 3))
        return any(
            words[index] in self._lexicon.elsewhere
            and not any("," in words[low:high] for low, high in ((index, found.start), (found.end, index)))
            for index in near
        )

    # --- status

    def _settle_status(self, scene: _Scene, hits: list[_Hit]) -> None:
        for hit in hits:
            hit.status = self._status_at(scene, hit.found.places, hit.concept)
            # What a report advises to look for is not what it found.
            hit.dropped = any(one.kind == "advice" and self._covers(one, hit.found.places) for one in scene.scopes)
            if hit.absent:
                hit.status = "negated" if hit.status in ("stated", "negated") else hit.status
            if hit.status == "historical" and hit.concept.past is not None:
                hit.concept, hit.status = self._lexicon.concepts[hit.concept.past], "stated"

    def _status_at(self, scene: _Scene, places: Sequence[int], concept: Concept) -> Status:
        kinds = {scope.kind for scope in scene.scopes if self._covers(scope, places)}
        if "family" in kinds:
            return "family"
        if "negated" in kinds:
            return "negated"
        if "uncertain" in kinds or ("asked" in kinds and not concept.is_order):
            return "uncertain"
        if "historical" in kinds or ("done" in kinds and concept.past is not None):
            return "historical"
        return "stated"

    @staticmethod
    def _covers(scope: Scope, places: Sequence[int]) -> bool:
        head = places[-1]
        return scope.start <= head < scope.end

    # --- qualifiers

    def _qualify(self, scene: _Scene, hits: list[_Hit]) -> list[_Hit]:
        added: list[_Hit] = []
        for found, owner in self._longest(self._lexicon.qualifiers.find(scene.row.words, scene.passable)):
            assert isinstance(owner, Qualifier)
            if any(set(found.places) < set(hit.found.places) and hit.concept.id not in owner.of for hit in hits):
                continue  # the word is part of a name: "multiple" in "multiple myeloma"
            head = self._head(scene, found, owner, hits)
            if head is None or any(scene.row.words[index] in owner.unless for index in self._same(scene, found)):
                continue
            hit = self._qualified(scene, found, owner, head)
            if hit is not None:
                added.append(hit)
        return added

    @staticmethod
    def _longest(found: list[tuple[Found, object]]) -> list[tuple[Found, object]]:
        return [
            (one, owner)
            for one, owner in found
            if not any(
                len(one.places) < len(other.places)
                and not set(one.places).isdisjoint(other.places)
                and isinstance(owner, Qualifier)
                and isinstance(other_owner, Qualifier)
                and not owner.of.isdisjoint(other_owner.of)
                for other, other_owner in found
            )
        ]

    @staticmethod
    def _same(scene: _Scene, found: Found) -> range:
        number = scene.sentence[found.start]
        low = scene.sentence.index(number)
        return range(low, low + scene.sentence.count(number))

    def _head(self, scene: _Scene, found: Found, owner: Qualifier, hits: list[_Hit]) -> _Hit | None:
        """The mention that the words belong to: the next one right after them, else the last one before."""
        same = [
            hit
            for hit in hits
            if scene.sentence[hit.start] == scene.sentence[found.start]
            and not hit.absent
            and (set(hit.found.places).isdisjoint(found.places) or hit.concept.id in owner.of)
        ]
        after = [
            hit
            for hit in same
            if hit.end >= found.end
            and scene.distance(found.start, found.end, max(hit.start, found.end), hit.end) <= _NEAR
            and "," not in scene.row.words[found.end : max(hit.start, found.end)]
        ]
        if after:
            nearest = min(after, key=lambda hit: (max(hit.start, found.end), -len(hit.found.places)))
            twins = [hit for hit in after if hit.start == nearest.start and hit.concept.id in owner.of]
            if nearest.concept.id in owner.of or twins:
                return twins[0] if twins else nearest
            return None
        before = [
            hit
            for hit in same
            if not owner.only_before
            and hit.end <= found.start
            and hit.concept.id in owner.of
            and scene.distance(hit.start, hit.end, found.start, found.end) <= _NEAR
        ]
        return max(before, key=lambda hit: hit.end, default=None)

    def _qualified(self, scene: _Scene, found: Found, owner: Qualifier, head: _Hit) -> _Hit | None:
        status: Status = self._status_at(scene, found.places, owner.concept)
        precedes = found.start < head.end
        if head.status in ("family", "uncertain", "historical") and status == "stated":
            status = head.status
        if status == "historical" and head.status == "stated":
            status = "stated"  # "prior" is the qualifier itself, no cue for it
        if precedes and head.status == "negated" and status == "stated":
            status = "negated"
        if owner.inverted:
            if status == "negated" or head.status == "negated":
                return None
            status = "negated" if status in ("stated", "historical") else status
            if head.status == "historical":
                head.status = "stated"
        elif (status == "negated" and owner.drops_head_when_negated) or (
            status == "uncertain" and owner.drops_head_when_uncertain
        ):
            head.dropped = head.status == status
        if owner.replaces:
            head.dropped = True
            if owner.concept.is_order:
                status = head.status
        score = min(found.term.score, head.score)
        return _Hit(owner.concept, found, score, status, False, head.levels)

    # --- numbers and levels

    def _find_numbers(self, scene: _Scene, hits: list[_Hit]) -> None:
        words = scene.row.words
        for hit in hits:
            rule = hit.concept.number
            if rule is None:
                continue
            places = [
                index
                for index in self._same(scene, hit.found)
                if words[index].replace(".", "").isdigit()
                and index + 1 < len(words)
                and words[index + 1] in (rule.unit, "percent")
                and rule.least <= Decimal(words[index]) <= rule.most
                and not any(word in rule.not_after for word in words[max(0, index - 2) : index])
            ]
            nearest = min(places, key=lambda index: scene.distance(hit.start, hit.end, index, index + 1), default=None)
            if nearest is None or scene.distance(hit.start, hit.end, nearest, nearest + 1) > _FAR:
                hit.dropped = True
            else:
                hit.number = Decimal(words[nearest])

    def _assign_levels(self, scene: _Scene, hits: list[_Hit]) -> None:
        for hit in hits:
            if hit.concept.has_levels:
                group = self._group_of(scene, hit)
                hit.levels = group.levels if group else ()

    def _group_of(self, scene: _Scene, hit: _Hit) -> LevelGroup | None:
        inside = [group for group in scene.groups if hit.start <= group.start < hit.end]
        if inside:
            return inside[0]
        near = [
            group
            for group in scene.groups
            if scene.sentence[group.start] == scene.sentence[hit.start]
            and scene.distance(hit.start, hit.end, group.start, group.end) <= _FAR
            and not scene.is_split(hit.start, group.start)
        ]
        return min(
            near,
            key=lambda group: (scene.distance(hit.start, hit.end, group.start, group.end), group.start < hit.start),
            default=None,
        )

    def _several(self, hits: list[_Hit]) -> list[_Hit]:
        """More than one level of a concept may be a finding of its own."""
        return [
            _Hit(self._lexicon.concepts[hit.concept.several_levels], hit.found, hit.score, "stated")
            for hit in hits
            if hit.concept.several_levels is not None and hit.status == "stated" and len(hit.levels) > 1
        ]

    # --- rendering

    def _mention(self, scene: _Scene, hit: _Hit) -> Mention:
        concept, row = hit.concept, scene.row
        start, end = row.starts[hit.start], row.ends[hit.end - 1]
        status: Status = hit.status
        candidates = concept.candidates
        coding = concept.coding
        if hit.score < self._lexicon.threshold or coding is None:
            candidates = candidates or ((coding,) if coding else ())
            status, coding = "ask", None
        sentence = [row.words[index] for index in self._same(scene, hit.found)]
        regions = dict.fromkeys(self._lexicon.regions[word] for word in sentence if word in self._lexicon.regions)
        sides = dict.fromkeys(self._lexicon.sides[word] for word in sentence if word in self._lexicon.sides)
        holds: bool | None = {"stated": True, "negated": False}.get(status)
        if status == "historical" and concept.stays_true:
            holds = True
        if status == "uncertain" and concept.when_uncertain is not None:
            coding, holds = concept.when_uncertain, True
        return Mention(
            concept.id if concept.value is None else f"{concept.id}={concept.value.code}",
            status,
            round(max(hit.score, 0.0), 2),
            row.text[start:end],
            start,
            end,
            coding,
            concept.value,
            hit.number,
            concept.number.unit if concept.number and hit.number is not None else None,
            hit.levels,
            tuple(regions),
            next(iter(sides)) if len(sides) == 1 else None,
            holds,
            candidates if status == "ask" else (),
            concept.worth,
            concept.is_order,
            concept.is_finding,
        )


def _without_parts(hits: list[_Hit], threshold: float) -> list[_Hit]:
    """A term inside a longer one gives way to it; equal ones of two concepts both stay."""
    kept: list[_Hit] = []
    for hit in sorted(hits, key=lambda one: -one.score):
        own = set(hit.found.places)
        if any(
            own < set(other.found.places) and other.score >= threshold and (hit.concept.number is None)
            for other in hits
            if other is not hit
        ):
            continue
        if any(one.concept is hit.concept and set(one.found.places) == own for one in kept):
            continue
        kept.append(hit)
    return sorted(kept, key=lambda one: one.start)


def _merged(mentions: list[Mention]) -> list[Mention]:
    """One mention for each concept, status and set of levels: the surest. A bare one gives way to one with levels."""
    best: dict[tuple[object, ...], Mention] = {}
    for one in mentions:
        key = (one.concept, one.status, one.levels, one.number)
        if key not in best or one.score > best[key].score:
            best[key] = one
    levelled = {(one.concept, one.status) for one in best.values() if one.levels}
    return sorted(
        (one for one in best.values() if one.levels or (one.concept, one.status) not in levelled),
        key=lambda one: (one.start, one.concept),
    )
