"""Cards and actions as CDS Hooks defines them; a value that breaks a rule of the standard cannot be made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from cds_service.errors import CdsError
from cds_service.hooks.text import shorten

Indicator = Literal["info", "warning", "critical"]
SelectionBehavior = Literal["at-most-one", "any"]

_INDICATORS = frozenset({"info", "warning", "critical"})
_BEHAVIORS = frozenset({"at-most-one", "any"})


class InvalidCard(CdsError):
    """A part of an answer that CDS Hooks does not allow; a mistake of the service, never of the caller."""

    code = "invalid-card"


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise InvalidCard(what)


def _require_absolute(url: str | None, what: str) -> None:
    if url is not None:
        parts = urlsplit(url)
        _require(parts.scheme in ("http", "https") and bool(parts.netloc), f"{what} must be an absolute URL.")


@dataclass(frozen=True, slots=True)
class Coding:
    """A code with its system, and the words for it where there are some."""

    code: str
    system: str
    display: str | None = None

    def __post_init__(self) -> None:
        _require(bool(self.code and self.system), "A Coding needs code and system.")


@dataclass(frozen=True, slots=True)
class Source:
    """Whose advice it is; `url` is about the source, never a way into this advice."""

    label: str
    url: str | None = None
    icon: str | None = None
    topic: Coding | None = None

    def __post_init__(self) -> None:
        _require(bool(self.label.strip()), "source.label is empty.")
        _require_absolute(self.url, "source.url")
        _require_absolute(self.icon, "source.icon")


@dataclass(frozen=True, slots=True)
class Link:
    """A way out of the card; `smart` links are launched with `app_context`, a string without patient data."""

    label: str
    url: str
    type: Literal["absolute", "smart"] = "absolute"
    app_context: str | None = None
    autolaunchable: bool = False

    def __post_init__(self) -> None:
        _require(bool(self.label.strip()), "link.label is empty.")
        _require(self.type in ("absolute", "smart"), "link.type must be absolute or smart.")
        _require_absolute(self.url, "link.url")
        _require(self.app_context is None or self.type == "smart", "link.appContext stands only with type smart.")
        _require(self.app_context != "", "link.appContext is empty.")


@dataclass(frozen=True, slots=True)
class Action:
    """A change to a resource; made by `create`, `update` or `delete`, each with what it needs."""

    type: Literal["create", "update", "delete"]
    description: str
    resource: Mapping[str, Any] | None = None
    resource_id: str | None = None
    extension: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require(bool(self.description.strip()), "action.description is empty.")
        if self.type == "delete":
            _require(self.resource is None, "A delete carries no resource.")
            _require("/" in (self.resource_id or ""), "A delete names its resource as Type/id.")
        else:
            _require(self.type in ("create", "update"), "action.type must be create, update or delete.")
            _require(self.resource_id is None, "resourceId stands only with delete.")
            _require(bool(self.resource and self.resource.get("resourceType")), "action.resource is no FHIR resource.")
        if self.type == "update":
            _require(bool(self.resource and self.resource.get("id")), "An update carries a resource with its id.")

    @classmethod
    def create(cls, description: str, resource: Mapping[str, Any], **rest: Any) -> Action:
        """A new resource."""
        return cls("create", description, resource, **rest)

    @classmethod
    def update(cls, description: str, resource: Mapping[str, Any], **rest: Any) -> Action:
        """The whole resource as it is to be: a copy of what came in, with only the intended change."""
        return cls("update", description, resource, **rest)

    @classmethod
    def delete(cls, description: str, resource_id: str, **rest: Any) -> Action:
        """The end of the resource with this reference (`ServiceRequest/1`)."""
        return cls("delete", description, None, resource_id, **rest)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One button: all of its actions are carried out, or none."""

    label: str
    uuid: str
    actions: tuple[Action, ...] = ()
    is_recommended: bool = False

    def __post_init__(self) -> None:
        _require(bool(self.label.strip()), "suggestion.label is empty.")
        _require(bool(self.uuid), "suggestion.uuid is empty.")


@dataclass(frozen=True, slots=True)
class CardOrigin:
    """Which action of which plan a card comes from; for our statistics, not for the wire."""

    plan: str  # canonical|version
    action: str


@dataclass(frozen=True, slots=True)
class Card:
    """One piece of advice; the summary is shortened to what the standard allows."""

    uuid: str
    summary: str
    indicator: Indicator
    source: Source
    detail: str = ""
    suggestions: tuple[Suggestion, ...] = ()
    selection_behavior: SelectionBehavior | None = None  # at-most-one where there are suggestions
    override_reasons: tuple[Coding, ...] = ()
    links: tuple[Link, ...] = ()
    associated: tuple[str, ...] = ()  # references of the orders that the card is about
    extension: Mapping[str, Any] = field(default_factory=dict)
    origin: CardOrigin | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "summary", shorten(self.summary))
        _require(bool(self.uuid), "card.uuid is empty.")
        _require(bool(self.summary), "card.summary is empty.")
        _require(self.indicator in _INDICATORS, "card.indicator must be info, warning or critical.")
        if self.suggestions and self.selection_behavior is None:
            object.__setattr__(self, "selection_behavior", "at-most-one")
        if self.selection_behavior is not None:
            _require(bool(self.suggestions), "card.selectionBehavior stands only with suggestions.")
            _require(self.selection_behavior in _BEHAVIORS, "card.selectionBehavior must be at-most-one or any.")
        recommended = sum(suggestion.is_recommended for suggestion in self.suggestions)
        single = self.selection_behavior == "at-most-one"
        _require(
            not (single and recommended > 1), "At most one suggestion can be recommended when at most one is chosen."
        )
        uuids = {suggestion.uuid for suggestion in self.suggestions}
        _require(len(uuids) == len(self.suggestions), "Two suggestions of a card have the same uuid.")
        _require(all(reason.display for reason in self.override_reasons), "card.overrideReasons need a display.")


@dataclass(frozen=True, slots=True)
class Response:
    """What a call is answered with; no cards means no advice."""

    cards: tuple[Card, ...] = ()
    system_actions: tuple[Action, ...] = ()
    extension: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        uuids = {card.uuid for card in self.cards}
        _require(len(uuids) == len(self.cards), "Two cards of an answer have the same uuid.")
