"""What a service wants to know about a patient: one need for each key of its prefetch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from cds_service.errors import ContentError
from cds_service.fhir.model.types import r4

TOKEN = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_PLAIN_TOKEN = re.compile(
    r"^(context\.[A-Za-z][A-Za-z0-9]*|user(Practitioner|PractitionerRole|Patient|RelatedPerson)Id)$"
)
_READ = re.compile(r"^(?P<type>[A-Z][A-Za-z]+)/(?P<id>\{\{.*\}\}|[A-Za-z0-9\-.]+)$")
_SEARCH = re.compile(r"^(?P<type>[A-Z][A-Za-z]+)\?(?P<query>.+)$")


class UnusableTemplate(ContentError):
    """A prefetch template that no client could satisfy."""

    code = "unusable-template"


@dataclass(frozen=True, slots=True)
class Need:
    """Data that are wanted under a prefetch key; `required` ones are refused a decision without."""

    key: str
    template: str
    required: bool = False
    type_name: str = field(init=False)
    """The resource type that is read or searched."""
    is_read: bool = field(init=False)
    """Whether it names one resource by its id."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "type_name", re.split(r"[/?]", self.template, maxsplit=1)[0])
        object.__setattr__(self, "is_read", _READ.match(self.template) is not None)

    @property
    def tokens(self) -> tuple[str, ...]:
        return tuple(TOKEN.findall(self.template))

    @property
    def is_plain(self) -> bool:
        """Whether every token is one that clients of CDS Hooks 2.0 know."""
        return all(_PLAIN_TOKEN.match(token) for token in self.tokens)

    @property
    def parameters(self) -> frozenset[str]:
        """The search parameters it uses."""
        _, _, query = self.template.partition("?")
        return frozenset(part.partition("=")[0] for part in query.split("&") if part)


def check_template(key: str, template: str) -> Need:
    """The need, if its template is a read or a type-level search of a resource type of FHIR R4."""
    match = _READ.match(template) or _SEARCH.match(template)
    if match is None:
        raise UnusableTemplate(
            f'The prefetch template "{key}" is neither a read nor a search.',
            remedy="Write Type/{{…}} or Type?name=value.",
        )
    if not r4().is_resource(match["type"]):
        r4().type(match["type"])
    names = [part.partition("=")[0] for part in template.partition("?")[2].split("&") if part]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UnusableTemplate(
            f'The prefetch template "{key}" has the parameter {twice[0]} twice.',
            remedy="Clients join the two into an OR.",
        )
    return Need(key, template)


def render(template: str, tokens: Mapping[str, str]) -> str | None:
    """The relative URL that a template stands for, values percent-encoded; None when a token has no value here.

    Commas stay: FHIR reads them as "or", and a list of ids is joined by them.
    """
    missing = False

    def fill(match: re.Match[str]) -> str:
        nonlocal missing
        value = tokens.get(match[1])
        if not value:
            missing = True
            return ""
        return quote(value, safe=",")

    text = TOKEN.sub(fill, template)
    return None if missing else text
