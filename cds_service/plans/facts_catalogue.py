"""The fact definitions of the compiled content, read from their tags: id, missing policy, recorded value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from cds_service.plans.expressions import Define, Expression, InlineCql

Key = tuple[str, str]  # library, definition


def ask_as(tags: Mapping[str, str | None]) -> tuple[str, ...]:
    """The fact ids under which an unknown fact with these tags is asked."""
    other = tags.get("ask-as") or tags.get("ask_as")
    if other:
        return tuple(other.replace(",", " ").split())
    own = tags.get("fact")
    return (own,) if own else ()


class Tagged(Protocol):
    """A definition with the tags of the comment above it."""

    @property
    def library(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def tags(self) -> Mapping[str, str | None]: ...


class Identified(Protocol):
    """Something of a plan with an id."""

    @property
    def id(self) -> str: ...


@dataclass(frozen=True)
class Fact:
    """A definition that answers one question about the patient."""

    id: str
    library: str
    define: str
    type: str  # static CQL type
    missing: str  # what silence means: ask, none-known, note
    scope: str
    recorded: tuple[str, str] | None  # the definition that has the value before the missing policy
    asked_as: tuple[str, ...]
    says: str

    @cached_property
    def key(self) -> tuple[str, str]:
        """Library and name of the definition."""
        return (self.library, self.define)

    @cached_property
    def definition(self) -> Define:
        """The definition as an expression of a plan."""
        return Define(self.library, self.define)


class FactCatalogue:
    """All facts, by id and by definition."""

    def __init__(
        self,
        facts: Iterable[Fact],
        changes: Mapping[Key, frozenset[str]] | None = None,
        below: Mapping[Key, tuple[Key, ...]] | None = None,
    ) -> None:
        self._below = below or {}
        self._facts_below: dict[Key, tuple[Fact, ...]] = {}
        self._facts_behind: dict[int, tuple[object, tuple[Fact, ...]]] = {}
        self.facts = tuple(facts)
        self.by_id: dict[str, Fact] = {}
        self.by_key: dict[tuple[str, str], Fact] = {}
        for fact in self.facts:
            self.by_id.setdefault(fact.id, fact)
            self.by_key[fact.key] = fact
        self.noted = tuple(fact for fact in self.facts if fact.missing == "note")
        self._changes = [(fact, None if changes is None else changes.get(fact.key)) for fact in self.noted]

    def below(self, key: Key) -> tuple[Fact, ...]:
        """The facts that a definition is made of."""
        found = self._facts_below.get(key)
        if found is None:
            found = tuple(self.by_key[fact] for fact in self._below.get(key, ()) if fact in self.by_key)
            self._facts_below[key] = found
        return found

    def behind(self, conditions: tuple[Expression, ...]) -> tuple[Fact, ...]:
        """The facts that conditions of a plan are made of, each once, in the order met."""
        found = self._facts_behind.get(id(conditions))
        if found is None:
            keys = [key for key in map(_key_of, conditions) if key is not None]
            facts = tuple({fact.id: fact for key in keys for fact in self.below(key)}.values())
            found = self._facts_behind[id(conditions)] = (conditions, facts)  # so that its identity stays its own
        return found[1]

    def noted_in(self, alternatives: Sequence[Identified]) -> Iterator[tuple[Fact, Sequence[Any]]]:
        """The facts of which silence is noted, with those of some alternatives that depend on them, as far as known."""
        names = [each.id for each in alternatives]
        for fact, changed in self._changes:
            if changed is None:
                yield fact, alternatives
            elif not changed.isdisjoint(names):
                yield fact, [each for each in alternatives if each.id in changed]

    def __contains__(self, identifier: str) -> bool:
        return identifier in self.by_id


def _key_of(expression: Expression) -> Key | None:
    match expression:
        case Define(library, name):
            return (library, name)
        case InlineCql(name, _, library):
            return (library or "", name)
    return None


NO_FACTS = FactCatalogue(())


def read_facts(definitions: Iterable[Tagged]) -> tuple[Fact, ...]:
    """The facts among the definitions: those that carry a `@fact` tag."""
    found: list[Fact] = []
    for definition in definitions:
        identifier = definition.tags.get("fact")
        if identifier:
            recorded = (definition.tags.get("recorded") or "").strip().strip('"')
            found.append(
                Fact(
                    id=identifier.split()[0],
                    library=definition.library,
                    define=definition.name,
                    type=definition.type,
                    missing=(definition.tags.get("missing") or "ask").strip(),
                    scope=(definition.tags.get("scope") or "").strip(),
                    recorded=_key(recorded, definition.library) if recorded else None,
                    asked_as=ask_as(definition.tags),
                    says=(definition.tags.get("says") or "").strip(),
                )
            )
    return tuple(found)


def _key(name: str, library: str) -> tuple[str, str]:
    owner, separator, rest = name.partition(".")
    if separator and owner.isidentifier():
        return owner, rest.strip('"')
    return library, name
