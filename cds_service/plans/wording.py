"""The parts that card texts are put together from: what the placeholders of a template stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from cds_service.hooks.rendering import written
from cds_service.hooks.text import escape
from cds_service.plans.deciding import Judgement
from cds_service.plans.expressions import Define, Expression
from cds_service.plans.knowhow import Knowhow
from cds_service.plans.policy import SERIOUSNESS
from cds_service.plans.questions import Option, QuestionBook
from cds_service.plans.rules import Finding
from cds_service.plans.translations import in_language
from cds_service.proposals.evidence import FactEvidence
from cds_service.proposals.proposals import Words
from cds_service.proposals.sources import Citation

_CLICKED = frozenset({"boolean", "choice"})  # types of questions with few answers
Answer = tuple[str, Mapping[str, Any]]  # question and answer in words; what files it, for nobody yet


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words for facts and answers."""

    fact_names: Mapping[str, str]
    answer_names: Mapping[str, str]
    questions: QuestionBook
    criteria_words: Mapping[tuple[str, str], str]  # definition -> its `@says`
    _answered: dict[tuple[str, bool], str] = field(default_factory=dict, repr=False)
    _answers: dict[str, tuple[Answer, ...]] = field(default_factory=dict, repr=False)

    def answered(self, fact: str, answer: bool) -> str:
        """A fact with a yes or no."""
        found = self._answered.get((fact, answer))
        if found is None:
            name = "true" if answer else "false"
            word = str(self.answer_names.get(name, "yes" if answer else "no"))
            found = self._answered[fact, answer] = f"{self.fact_names.get(fact) or fact}: {word}"
        return found

    def answers(self, fact: str) -> tuple[Answer, ...] | None:
        """The answers to the question about a fact, the same for every patient; None where they are not few."""
        found = self._answers.get(fact)
        if found is None:
            question = self.questions.questions.get(fact)
            if question is None or question.type not in _CLICKED:
                return None
            choices: list[tuple[bool | Option, str]] = [(option, option.display) for option in question.options]
            if question.type == "boolean":
                names = self.answer_names
                choices = [(True, names.get("true", "yes")), (False, names.get("false", "no"))]
            found = self._answers[fact] = tuple(
                (f"{question.text} {text[:1].upper()}{text[1:]}", self._observation(fact, value))
                for value, text in choices
            )
        return found

    def _observation(self, fact: str, answer: bool | Option) -> Mapping[str, Any]:
        """What files an answer, its larger parts in JSON already."""
        parts = self.questions.observation(fact, answer, "", "")
        return {name: part if isinstance(part, str | bool) else written(part) for name, part in parts.items()}


def order_text(order: Any) -> str:
    """The order, as logic reads it, in the words of whoever wrote it, safe to print."""
    concept = getattr(order, "code", None)
    if concept is None:
        return ""
    text = concept.text or next((coding.display for coding in concept.coding if coding.display), "")
    return escape(text) if text else ""


def group_values(
    judgement: Judgement, findings: Sequence[Finding], knowhow: Knowhow, language: str | None = None
) -> Words:
    """What can be said about a group of checks and rules for a call without a rated order."""
    record = judgement.record
    checks = [finding for finding in findings if finding.rule.is_check]
    fired = [finding for finding in findings if finding.fires and not finding.rule.is_check]
    said: dict[str, list[str]] = {
        "order": [record.order or record.subject or ""],
        "suggested": [knowhow.procedures.name(code) for code in record.suggested_next],
        "disclaimer": [knowhow.policy.disclaimer],
    }
    for name, met in (("checks-met", True), ("checks-not-met", False), ("checks-not-documented", None)):
        said[name] = [finding_words(check, knowhow, language=language) for check in checks if check.met is met]
    said["checks-met-titles"] = [check.rule.titled(language) for check in checks if check.met is True]
    for finding in sorted(fired, key=_emergency_first) if len(fired) > 1 else fired:
        said.setdefault(finding.rule.severity, []).append(finding_words(finding, knowhow, language=language))
    speaking = [finding for finding in findings if speaks(finding)]
    speaking.sort(key=lambda finding: _gravity(finding, knowhow), reverse=True)
    titles = [finding.rule.titled(language) for finding in speaking]
    said["worst"], said["titles"] = titles[:1], titles
    for name, number in (
        ("count", len(titles)),
        ("not-met-count", len(said["checks-not-met"])),
        ("not-documented-count", len(said["checks-not-documented"])),
    ):
        said[name] = [str(number)] if number else []
    return Words({name: tuple(filter(None, entries)) for name, entries in said.items()})


def speaks(finding: Finding) -> bool:
    """Whether there is something to say: a rule fires, a check is not known to be met."""
    return finding.met is not True if finding.rule.is_check else finding.fires


def _emergency_first(finding: Finding) -> bool:
    return not finding.rule.emergency


def _gravity(finding: Finding, knowhow: Knowhow) -> tuple[int, bool]:
    """What comes first among what a group says: what warns, then what is not met, then what is not documented."""
    rule = finding.rule
    if rule.is_check:
        is_failed = finding.met is False
        return SERIOUSNESS["warning" if is_failed and rule.level == "must" else "info"], is_failed
    indicator = "critical" if rule.emergency else knowhow.policy.severity(rule.severity).indicator
    return SERIOUSNESS[indicator], True


def finding_words(finding: Finding, knowhow: Knowhow, levels: Sequence[str] = (), language: str | None = None) -> str:
    """The statement of a rule, what to do now where something is to be done, and where it comes from."""
    rule = finding.rule
    if levels or finding.statement != rule.statement:
        return _stated(finding, knowhow, levels, language)
    key = (rule.id, finding.by_extension, finding.met is True, language)
    found = knowhow.stated.get(key)
    if found is None or found[0] is not rule:
        found = knowhow.stated[key] = (rule, _stated(finding, knowhow, levels, language))
    return found[1]


def _stated(finding: Finding, knowhow: Knowhow, levels: Sequence[str], language: str | None) -> str:
    rule = finding.rule
    # A statement with the values of this patient is said as it was computed.
    as_written = finding.statement == rule.statement
    statement = in_language(rule.translations, language, "description", finding.statement) if as_written else ""
    parts = [(statement or finding.statement).strip()]
    if rule.what_now and finding.met is not True:
        parts.append(in_language(rule.translations, language, "what-now", rule.what_now).strip())
    if finding.by_extension:
        parts.append(str(knowhow.policy.words.get("by-extension") or "Applied by extension."))
    if levels:
        parts.append(f"({', '.join(levels)})")
    key = (rule.plan.canonical, rule.id)
    cited = knowhow.cited.get(key)
    if cited is None:
        said = [cite(citation, knowhow) for citation in rule.sources]
        said += [_named_source(text, knowhow) for text in rule.source_severity]
        cited = knowhow.cited[key] = "; ".join(said)
    if cited:
        parts.append(f"({cited})")
    return " ".join(parts)


def _named_source(text: str, knowhow: Knowhow) -> str:
    """`X: words` with the name of source X."""
    source, separator, rest = text.partition(":")
    known = knowhow.policy.sources.get(source.strip())
    return f"{known.label}:{rest}" if separator and known else text


def cite(citation: Citation, knowhow: Knowhow) -> str:
    """A source by its name and section."""
    known = knowhow.policy.sources.get(citation.source)
    label = known.label if known else citation.source
    return ", ".join(part for part in (label, citation.section) if part)


def criterion_words(criterion: Expression, words: Vocabulary) -> str:
    """A criterion as a person would say it."""
    if isinstance(criterion, Define):
        return words.criteria_words.get((criterion.library, criterion.name)) or criterion.name
    return "a criterion"


def _number(value: Any) -> str:
    """A number with at most one decimal; anything else as it is."""
    if isinstance(value, Decimal | float):
        return f"{value:.1f}".removesuffix(".0")
    return str(value)


def fact_words(entry: FactEvidence, words: Vocabulary) -> str:
    """A fact with its value, and the kind and date of what says so."""
    value, references = entry.value, entry.references
    said = words.answered(entry.fact, value) if value is True or value is False else _valued(entry, words)
    if len(references) == 1:
        origin = [references[0].partition("/")[0]]
    else:
        origin = list(dict.fromkeys([reference.partition("/")[0] for reference in references]))
    if entry.dated:
        origin.append(entry.dated)
    if entry.from_text:
        origin.append(str(words.answer_names.get("read-from-text", "read from text")))
    return f"{said} ({', '.join(origin)})" if origin else said


def _valued(entry: FactEvidence, words: Vocabulary) -> str:
    """A fact with the value as the question about it offers it, else with its unit."""
    question = words.questions.questions.get(entry.fact)
    options = question.options if question is not None else ()
    value = next((option.display for option in options if option.code == entry.value), None) or _number(entry.value)
    unit = f" {entry.unit}" if entry.unit and entry.unit != "1" else ""
    return f"{words.fact_names.get(entry.fact) or entry.fact}: {value}{unit}"
