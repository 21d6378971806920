"""What texts are worth where a record has no codes: codings for problem, order and drug, findings for a report.

Everything from here is evidence of a lower kind: it is marked as read from text, shown as such, and never the sole
ground of an absolute contraindication.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cds_service.phrases.lexicon import Lexicon
from cds_service.phrases.matcher import PhraseMatcher
from cds_service.phrases.mentions import Coding, Mention, Reading

GRADE = "text"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a report asserts, as an Observation would: `value` None means that it leaves it open.

    `text` is the place in the report that says so.
    """

    code: Coding
    value: bool | Coding | Decimal | None
    unit: str | None
    levels: tuple[str, ...]
    score: float
    text: str
    grade: str = GRADE


class TextReader:
    """Turns texts of a record into codings and findings, with one lexicon."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._matcher = PhraseMatcher(lexicon)
        self._types = frozenset(lexicon.kinds)

    @property
    def report_weeks(self) -> int:
        """How old a report may be for its words to count."""
        return self._lexicon.report_weeks

    @property
    def resource_types(self) -> frozenset[str]:
        """The types whose main text may stand for a code."""
        return self._types

    @property
    def level_system(self) -> str:
        """The system of the levels that findings name."""
        return self._lexicon.level_system

    def read(self, text: str) -> Reading:
        """The reading itself, for those who want to show it."""
        return self._matcher.read(text)

    def codings(self, resource_type: str, text: str) -> list[tuple[str, str]]:
        """The codes (system, code) that the main text of a resource is worth; none where it is denied or doubted."""
        return self.codings_of_kind(self._lexicon.kinds.get(resource_type, ""), text)

    def codings_of_kind(self, kind: str, text: str) -> list[tuple[str, str]]:
        """The same by kind of text: `problem` (also an order's reason), `order` or `medication`."""
        if not kind:
            return []
        mentions = self._matcher.read(text).mentions
        worth = _worth_of_order if kind == "order" else _worth_of_problem if kind == "problem" else _worth_of_drug
        found: dict[tuple[str, str], None] = {}
        for mention in mentions:
            coding = worth(mention, mentions)
            if coding is not None:
                found[coding.system, coding.code] = None
                if kind != "medication":
                    found.update(dict.fromkeys((self._lexicon.level_system, level) for level in mention.levels))
        return list(found)

    def findings(self, text: str) -> list[Finding]:
        """What the conclusion of a report asserts, denies or leaves open about its patient, one finding each."""
        found = []
        for mention in self._matcher.read(text).mentions:
            if mention.coding is None or not mention.is_finding or mention.status in ("family", "historical"):
                continue
            value: bool | Coding | Decimal | None = mention.holds
            if mention.holds is True and mention.number is not None:
                value = mention.number
            elif mention.holds is True and mention.value is not None:
                value = mention.value
            elif mention.holds is False and (mention.number is not None or mention.value is not None):
                continue  # "no lytic lesion" gives a coded fact no value
            found.append(Finding(mention.coding, value, mention.unit, mention.levels, mention.score, mention.text))
        return found


def _worth_of_problem(mention: Mention, all_mentions: tuple[Mention, ...]) -> Coding | None:
    if mention.status == "historical":
        return mention.worth.get("problem_past")
    if mention.holds is True and mention.status == "stated":
        return mention.worth.get("problem")
    instead = mention.worth.get("problem_if_not")
    if instead is None or mention.status != "negated":
        return None
    # One text, one resource: an old fracture next to a fresh one must not make the whole entry an old one.
    others = [one for one in all_mentions if one.status == "stated" and "problem" in one.worth and one.levels]
    return instead if all(set(one.levels) <= set(mention.levels) for one in others) else None


def _worth_of_order(mention: Mention, _all: tuple[Mention, ...]) -> Coding | None:
    is_order = mention.coding is not None and not mention.worth and mention.status == "stated" and mention.is_order
    return mention.coding if is_order else None


def _worth_of_drug(mention: Mention, _all: tuple[Mention, ...]) -> Coding | None:
    return mention.worth.get("medication") if mention.status == "stated" else None
