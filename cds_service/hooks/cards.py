"""Cards and actions as CDS Hooks defines them; a value that breaks a rule of the standard cannot be made.

Codings, sources, links, suggestions and actions are written out as they are: their fields have the order, and by
`rename` the names, that they have on the wire; what a field is by default is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from msgspec import Struct, field
from msgspec.structs import force_setattr

from cds_service.errors import CdsError
from cds_service.hooks.plain import prune
from cds_service.hooks.text import shorten

Indicator = Literal["info", "warning", "critical"]
SelectionBehavior = Literal["at-most-one", "any"]

_INDICATORS = frozenset({"info", "warning", "critical"})
_BEHAVIORS = frozenset({"at-most-one", "any"})
_starts_plainly = re.compile(r"https?://[A-Za-z0-9.:-]+(?:/|\Z)").match  # as nearly all addresses do


class InvalidCard(CdsError):
    """A part of an answer that CDS Hooks does not allow; a mistake of the service, never of the caller."""

    code = "invalid-card"


def _require_absolute(url: str | None, what: str) -> None:
    if url is not None and not (_starts_plainly(url) or _is_absolute(url)):
        raise InvalidCard(f"{what} must be an absolute URL.")


def _is_absolute(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.netloc)


class Coding(Struct, frozen=True, gc=False, omit_defaults=True):
    """A code with its system, and the words for it where there are some."""

    code: str
    system: str
    display: str | None = None

    def __post_init__(self) -> None:
        if not (self.code and self.system):
            raise InvalidCard("A Coding needs code and system.")
        if self.display == "":
            force_setattr(self, "display", None)


class Source(Struct, frozen=True, gc=False, omit_defaults=True):
    """Whose advice it is; `url` is about the source, never a way into this advice."""

    label: str
    url: str | None = None
    icon: str | None = None
    topic: Coding | None = None

    def __post_init__(self) -> None:
        if not self.label.strip():
            raise InvalidCard("source.label is empty.")
        _require_absolute(self.url, "source.url")
        _require_absolute(self.icon, "source.icon")


def _absolute() -> Literal["absolute"]:
    return "absolute"


class Link(Struct, frozen=True, gc=False, omit_defaults=True, rename={"app_context": "appContext"}):
    """A way out of the card; `smart` links are launched with `app_context`, a string without patient data."""

    label: str
    url: str
    type: Literal["absolute", "smart"] = field(default_factory=_absolute)  # made, not given: so it is always written
    app_context: str | None = None
    autolaunchable: bool = False

    def __post_init__(self) -> None:
        if not self.label.strip():
            raise InvalidCard("link.label is empty.")
        if self.type not in ("absolute", "smart"):
            raise InvalidCard("link.type must be absolute or smart.")
        _require_absolute(self.url, "link.url")
        if self.app_context is not None:
            if self.type != "smart":
                raise InvalidCard("link.appContext stands only with type smart.")
            if not self.app_context:
                raise InvalidCard("link.appContext is empty.")


class Action(Struct, frozen=True, gc=False, omit_defaults=True, rename={"resource_id": "resourceId"}):
    """A change to a resource; made by `create`, `update` or `delete`, each with what it needs."""

    type: Literal["create", "update", "delete"]
    description: str
    resource: Mapping[str, Any] | None = None
    resource_id: str | None = None
    extension: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kind, resource = self.type, self.resource
        if not self.description.strip():
            raise InvalidCard("action.description is empty.")
        if kind == "delete":
            if resource is not None:
                raise InvalidCard("A delete carries no resource.")
            if "/" not in (self.resource_id or ""):
                raise InvalidCard("A delete names its resource as Type/id.")
        else:
            if kind not in ("create", "update"):
                raise InvalidCard("action.type must be create, update or delete.")
            if self.resource_id is not None:
                raise InvalidCard("resourceId stands only with delete.")
            if not (resource and resource.get("resourceType")):
                raise InvalidCard("action.resource is no FHIR resource.")
            if kind == "update" and not resource.get("id"):
                raise InvalidCard("An update carries a resource with its id.")
        if self.extension:
            force_setattr(self, "extension", prune(self.extension))

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


class Suggestion(Struct, frozen=True, gc=False, omit_defaults=True, rename={"is_recommended": "isRecommended"}):
    """One button: all of its actions are carried out, or none."""

    label: str
    uuid: str
    is_recommended: bool = False
    actions: tuple[Action, ...] = ()

    def __post_init__(self) -> None:
        if not self.label.strip():
            raise InvalidCard("suggestion.label is empty.")
        if not self.uuid:
            raise InvalidCard("suggestion.uuid is empty.")


class CardOrigin(Struct, frozen=True, gc=False):
    """Which action of which plan a card comes from; for our statistics, not for the wire."""

    plan: str  # canonical|version
    action: str


class Card(Struct, frozen=True, gc=False):
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
        summary = shorten(self.summary)
        if summary != self.summary:
            force_setattr(self, "summary", summary)
        if not self.uuid:
            raise InvalidCard("card.uuid is empty.")
        if not summary:
            raise InvalidCard("card.summary is empty.")
        if self.indicator not in _INDICATORS:
            raise InvalidCard("card.indicator must be info, warning or critical.")
        if self.suggestions:
            self._require_choice()
        elif self.selection_behavior is not None:
            raise InvalidCard("card.selectionBehavior stands only with suggestions.")
        for reason in self.override_reasons:
            if not reason.display:
                raise InvalidCard("card.overrideReasons need a display.")
        if self.extension:
            force_setattr(self, "extension", prune(self.extension))

    def _require_choice(self) -> None:
        """The suggestions can be told apart, and what is said of choosing among them holds."""
        behavior = self.selection_behavior
        if behavior is None:
            behavior = "at-most-one"
            force_setattr(self, "selection_behavior", behavior)
        if behavior not in _BEHAVIORS:
            raise InvalidCard("card.selectionBehavior must be at-most-one or any.")
        recommended = [suggestion for suggestion in self.suggestions if suggestion.is_recommended]
        if behavior == "at-most-one" and len(recommended) > 1:
            raise InvalidCard("At most one suggestion can be recommended when at most one is chosen.")
        if len({suggestion.uuid for suggestion in self.suggestions}) != len(self.suggestions):
            raise InvalidCard("Two suggestions of a card have the same uuid.")


class Response(Struct, frozen=True, gc=False):
    """What a call is answered with; no cards means no advice."""

    cards: tuple[Card, ...] = ()
    system_actions: tuple[Action, ...] = ()
    extension: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.cards) > 1 and len({card.uuid for card in self.cards}) != len(self.cards):
            raise InvalidCard("Two cards of an answer have the same uuid.")
        if self.extension:
            force_setattr(self, "extension", prune(self.extension))
