"""A proposal: one piece of advice before it is a card, with everything that its words and buttons are made from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

PLACEHOLDER = re.compile(r"\{([A-Za-z][^{}]*)\}")


class Words(dict[str, tuple[str, ...]]):
    """What placeholders stand for, by name; one that nothing fills has no entries."""

    __slots__ = ()
    silent: frozenset[str] = frozenset()  # placeholders that are known to have no entries

    def __missing__(self, name: str) -> tuple[str, ...]:
        return ()


class Reason(msgspec.Struct, frozen=True, gc=False):
    """A reason to decline advice, as content names it."""

    system: str
    code: str
    display: str


def reasons_of(written: Iterable[Mapping[str, Any]]) -> tuple[Reason, ...]:
    """The complete ones among the reasons that content gives."""
    found = (Reason(*(str(entry.get(name) or "") for name in Reason.__struct_fields__)) for entry in written)
    return tuple(reason for reason in found if reason.system and reason.code and reason.display)


@dataclass(frozen=True, slots=True)
class CardTemplate:
    """One kind of card: where it is shown and how its words are made."""

    id: str
    about: str  # rating | questions | rules | group | action
    hooks: frozenset[str]  # empty: every hook
    severity: tuple[str, ...]
    topic: Mapping[str, str]
    summary: tuple[str, ...]  # the first that fits and has all its parts
    detail: str
    suggestions: tuple[str, ...]  # kinds: replace, create, answer, keep
    override_reasons: tuple[Reason, ...]
    translations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    asks_safety: bool = False  # about rules: also shown when only questions of safety are open

    cql_names: tuple[str, ...] = field(init=False)  # the placeholders that CQL definitions fill

    def __post_init__(self) -> None:
        texts = [*self.summary, self.detail]
        for translated in self.translations.values():
            texts += [str(text) for text in translated.values()]
        names = {name for text in texts for name in PLACEHOLDER.findall(text) if name.startswith("cql:")}
        object.__setattr__(self, "cql_names", tuple(sorted(names)))


class ProposedAction(msgspec.Struct, frozen=True, gc=False):
    """A change that a suggestion makes."""

    type: Literal["create", "update", "delete"]
    description: str
    resource: Mapping[str, Any] | None = None
    resource_id: str | None = None


class ProposedSuggestion(msgspec.Struct, frozen=True, gc=False):
    """A button, before it has an id."""

    label: str
    actions: tuple[ProposedAction, ...]
    kind: str
    recommended: bool = False


class ProposedLink(msgspec.Struct, frozen=True, gc=False):
    """A way to more, before it is on a card."""

    label: str
    url: str
    smart: bool = False
    app_context: str | None = None


class Proposal(msgspec.Struct, frozen=True, gc=False):
    """One piece of advice on one subject."""

    template: CardTemplate
    order: str | None  # reference of the order or appointment that it is about
    indicator: str
    values: Mapping[str, tuple[str, ...]]  # what the placeholders of the template stand for
    source_label: str
    source_url: str | None
    topic: Mapping[str, str]
    plan: str
    action: str  # the action, rule or scenario that the advice comes from
    content: tuple[str, ...]  # what the advice says, for telling whether it is the same advice
    suggestions: tuple[ProposedSuggestion, ...] = ()
    override_reasons: tuple[Reason, ...] = ()
    links: tuple[ProposedLink, ...] = ()
    extension: Mapping[str, Any] = msgspec.field(default_factory=dict)
