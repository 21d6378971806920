"""What differs between two versions of the content, and which of it can explain a change for one patient."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cds_service.cql import nodes
from cds_service.cql.expressions import evaluate_expression
from cds_service.cql.parser.library import parse_library
from cds_service.cql.printer import print_node
from cds_service.errors import CdsError
from cds_service.knowledge.knowledge import Knowledge
from cds_service.plans.definitions import Action
from cds_service.plans.expressions import Define, InlineCql
from cds_service.replay.baselines import Reason

Key = tuple[str, str, str]
"""What can differ: (`define`, library, name), (`value set`, url, ""), (`map`, url, ""), (`action`, plan url, id)."""

_LITERALS = (
    nodes.BooleanLiteral,
    nodes.IntegerLiteral,
    nodes.LongLiteral,
    nodes.DecimalLiteral,
    nodes.StringLiteral,
    nodes.DateLiteral,
    nodes.DateTimeLiteral,
    nodes.TimeLiteral,
    nodes.QuantityLiteral,
)
_LONG = 160  # characters of a definition that are shown


class Version:
    """One version of the content, taken apart: what there is, and what uses what."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self.definitions: dict[Key, nodes.Node] = {}
        self.codes: dict[Key, frozenset[tuple[str | None, str]]] = {}
        self.maps: dict[Key, dict[str, frozenset[str]]] = {}  # for each code what it is mapped to
        self.actions: dict[Key, Mapping[str, Any]] = {}
        self.uses: dict[Key, set[Key]] = {}
        self.facts: dict[str, set[Key]] = {}
        for text in knowledge.definitions.content.libraries.values():
            self._add_library(text.text, text.origin)
        for plan in knowledge.definitions.plans:
            for action in plan.actions:
                self._add_action(plan.url, action)
        for artifact in knowledge.terminology.find("ConceptMap"):
            self._add_map(artifact.resource)
        for (library, name), value in knowledge.site_parameters.items():
            self.definitions[("define", library, name)] = nodes.StringLiteral(value=str(value), span=_NOWHERE)

    def rests_on(self, key: Key, ids: Iterable[str]) -> frozenset[str]:
        """Those of some facts that a definition uses, itself or through others."""
        found: set[Key] = set()
        pending = [key]
        while pending:
            current = pending.pop()
            if current not in found:
                found.add(current)
                pending += self.uses.get(current, ())
        return frozenset(ident for ident in ids if not found.isdisjoint(self.facts.get(ident, ())))

    def _add_library(self, text: str, origin: str) -> None:
        try:
            library = parse_library(text, origin)
        except CdsError:
            return  # content that holds has no such library; a stray one explains nothing
        name = library.name or ""
        aliases = {each.alias: each.name for each in library.definitions if isinstance(each, nodes.Include)}
        for definition in library.definitions:
            label = getattr(definition, "name", None)
            if label is None or isinstance(definition, nodes.Include | nodes.Using | nodes.Context):
                continue
            key = ("define", name, label)
            self.definitions[key] = definition
            self.uses[key] = set(_used(definition, name, aliases))
            for tag in definition.documentation.tags if definition.documentation else ():
                if tag.name == "fact":
                    self.facts.setdefault(tag.value, set()).add(key)
            if isinstance(definition, nodes.ValueSet):
                self._add_value_set(key, definition)

    def _add_value_set(self, key: Key, definition: nodes.ValueSet) -> None:
        found = ("value set", definition.id, "")
        self.uses[key].add(found)
        try:
            self.codes[found] = frozenset(
                self.knowledge.terminology.membership(definition.id, definition.version).codes()
            )
        except CdsError:
            self.codes[found] = frozenset()

    def _add_map(self, resource: Mapping[str, Any]) -> None:
        found = self.maps.setdefault(("map", str(resource.get("url") or resource.get("id")), ""), {})
        for group in resource.get("group", ()):
            for element in group.get("element", ()):
                targets = frozenset(str(target.get("code")) for target in element.get("target", ()))
                found[str(element.get("code"))] = found.get(str(element.get("code")), frozenset()) | targets

    def _add_action(self, plan: str, action: Action) -> Key:
        key = ("action", plan, action.id)
        self.actions[key] = {name: value for name, value in action.written.items() if name != "action"}
        used = self.uses.setdefault(key, set())
        for expression in (*action.conditions, *(dynamic.expression for dynamic in action.dynamic_values)):
            if isinstance(expression, Define):
                used.add(("define", expression.library, expression.name))
            elif isinstance(expression, InlineCql) and expression.library:
                used |= {key for key in self.definitions if key[1] == expression.library and key[2] in expression.text}
        used |= {self._add_action(plan, child) for child in action.children}
        return key


_NOWHERE: Any = None


def _used(definition: nodes.Node, library: str, aliases: Mapping[str, str]) -> Iterator[Key]:
    """The definitions that the text of another one may name; a local name that is none does no harm."""
    for node in walk(definition):
        if isinstance(node, nodes.Identifier | nodes.Call):
            yield ("define", library, node.name)
        elif isinstance(node, nodes.Property | nodes.MethodCall):
            if isinstance(node.source, nodes.Identifier):
                yield ("define", aliases.get(node.source.name, node.source.name), node.name)
            if isinstance(node, nodes.MethodCall):
                yield from (("define", owner, node.name) for owner in aliases.values())


def walk(node: object) -> Iterator[nodes.Node]:
    """A node and all below it."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, tuple):
            pending.extend(current)
        elif isinstance(current, nodes.Node):
            yield current
            pending.extend(getattr(current, each.name) for each in dataclasses.fields(current) if each.name != "span")


class ContentChanges:
    """Everything that differs between two versions, and what depends on it."""

    def __init__(self, old: Knowledge, new: Knowledge) -> None:
        self.before, self.after = Version(old), Version(new)
        self.mapped: dict[Key, frozenset[str]] = {}  # for each map that differs the codes that it maps otherwise now
        self.reasons: dict[Key, Reason] = dict(self._differing())
        self._users: dict[Key, frozenset[Key]] = {}
        self._defaults: dict[Key, object] = {}

    def _differing(self) -> Iterator[tuple[Key, Reason]]:
        one, other = self.before, self.after
        for key in dict.fromkeys((*one.definitions, *other.definitions)):
            old, new = one.definitions.get(key), other.definitions.get(key)
            if _essence(old) != _essence(new):
                yield key, _definition_reason(key, old, new)
        for key in dict.fromkeys((*one.codes, *other.codes)):
            before, after = one.codes.get(key, frozenset()), other.codes.get(key, frozenset())
            if before != after:
                lost, gained = _codes(before - after), _codes(after - before)
                told = [f"now with {gained}"] if gained else []
                told += [f"now without {lost}"] if lost else []
                yield key, Reason("codes", f"{key[1]} {', '.join(told)}")
        for key in dict.fromkeys((*one.maps, *other.maps)):
            were, are = one.maps.get(key, {}), other.maps.get(key, {})
            if codes := frozenset(code for code in {*were, *are} if were.get(code) != are.get(code)):
                self.mapped[key] = codes
                yield key, Reason("codes", key[1], _mapped(were, codes), _mapped(are, codes))
        for key in dict.fromkeys((*one.actions, *other.actions)):
            was, now = one.actions.get(key), other.actions.get(key)
            if was != now:
                yield key, _action_reason(key, was, now)

    def default_before(self, key: Key) -> object:
        """The earlier default of a parameter that has another one now; None where that cannot be told."""
        one, other = self.before.definitions.get(key), self.after.definitions.get(key)
        if not isinstance(one, nodes.Parameter) or not isinstance(other, nodes.Parameter) or one.default is None:
            return None
        if key not in self._defaults:
            try:
                self._defaults[key] = evaluate_expression(print_node(one.default)).value
            except CdsError:
                self._defaults[key] = None
        return self._defaults[key]

    def users(self, key: Key) -> frozenset[Key]:
        """What names a definition or value set in either version."""
        if not self._users:
            found: dict[Key, set[Key]] = {}
            for version in (self.before, self.after):
                for user, used in version.uses.items():
                    for each in used:
                        found.setdefault(each, set()).add(user)
            self._users = {each: frozenset(users) for each, users in found.items()}
        return self._users.get(key, frozenset())

    def behind(self, ids: Iterable[str]) -> dict[Key, Reason]:
        """The differences that what stands under some ids (of actions or facts) rests on."""
        wanted = set(ids)
        found: dict[Key, Reason] = {}
        seen: set[Key] = set()
        pending: list[Key] = []
        for version in (self.before, self.after):
            pending += [key for key in version.actions if key[2] in wanted]
            pending += [key for name in wanted for key in version.facts.get(name, ())]
        while pending:
            key = pending.pop()
            if key in seen:
                continue
            seen.add(key)
            if key in self.reasons:
                found[key] = self.reasons[key]
            for version in (self.before, self.after):
                pending += version.uses.get(key, ())
        return found

    def asking(self, ids: Iterable[str]) -> dict[Key, Reason]:
        """The definitions that differ and rest on facts of these ids in one version only: they may ask for them."""
        wanted = set(ids)
        if not wanted & (self.before.facts.keys() | self.after.facts.keys()):
            return {}
        definitions = {key: reason for key, reason in self.reasons.items() if key[0] == "define"}
        return {
            key: reason
            for key, reason in definitions.items()
            if self.before.rests_on(key, wanted) != self.after.rests_on(key, wanted)
        }


def _essence(node: nodes.Node | None) -> object:
    """What a definition means: without its comments."""
    if isinstance(node, nodes.Definition):
        return dataclasses.replace(node, documentation=None)
    return node


def _definition_reason(key: Key, old: nodes.Node | None, new: nodes.Node | None) -> Reason:
    _, library, name = key
    label = f"{library}.{name}" if library else name
    found = new if new is not None else old
    place = str(found.span) if found is not None and found.span is not None else ""
    if old is None or new is None:
        return Reason("definition", label, _told(old), _told(new), place)
    literals = _only_literals(old, new)
    if literals is not None:
        return Reason("threshold", label, ", ".join(a for a, _ in literals), ", ".join(b for _, b in literals), place)
    return Reason("definition", label, *_where_they_differ(_whole(old), _whole(new)), place)


def _only_literals(old: nodes.Node, new: nodes.Node) -> list[tuple[str, str]] | None:
    """The literals that differ, if nothing else does."""
    if isinstance(old, _LITERALS) and isinstance(new, _LITERALS):
        return [] if old == new else [(_told(old), _told(new))]
    if type(old) is not type(new):
        return None
    found: list[tuple[str, str]] = []
    for each in dataclasses.fields(old):
        if each.name in ("span", "name_span", "documentation"):
            continue
        pairs = _paired(getattr(old, each.name), getattr(new, each.name))
        if pairs is None:
            return None
        for one, other in pairs:
            inner = _only_literals(one, other)
            if inner is None:
                return None
            found += inner
    return found


def _paired(one: object, other: object) -> list[tuple[nodes.Node, nodes.Node]] | None:
    if isinstance(one, nodes.Node) and isinstance(other, nodes.Node):
        return [(one, other)]
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        inner = [_paired(a, b) for a, b in zip(one, other, strict=True)]
        return None if None in inner else [pair for pairs in inner for pair in pairs or ()]
    return [] if one == other else None


def _told(node: nodes.Node | None) -> str:
    if node is None:
        return ""
    return _short(_whole(node))


def _whole(node: nodes.Node) -> str:
    inner = getattr(node, "expression", None) or getattr(node, "default", None) or node
    return " ".join(print_node(inner).split())


def _short(text: str) -> str:
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"


def _where_they_differ(old: str, new: str) -> tuple[str, str]:
    """Two texts, without a long beginning that they share."""
    if max(len(old), len(new)) > _LONG:
        same = next((place for place, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), 0)
        if same > _LONG // 3:
            start = old.rfind(" ", 0, same - _LONG // 4) + 1
            old, new = f"…{old[start:]}", f"…{new[start:]}"
    return _short(old), _short(new)


def _codes(pairs: Iterable[tuple[str | None, str]]) -> str:
    codes = sorted({code for _, code in pairs})
    return ", ".join(codes[:12]) + (f" and {len(codes) - 12} more" if len(codes) > 12 else "")


def _mapped(entries: Mapping[str, frozenset[str]], codes: frozenset[str]) -> str:
    told = [f"{code} as {' or '.join(sorted(entries[code]))}" for code in sorted(codes) if code in entries]
    return ", ".join(told[:6]) + (f" and {len(told) - 6} more" if len(told) > 6 else "")


def _action_reason(key: Key, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Reason:
    name = f"{key[1].rsplit('/', 1)[-1]} {key[2]}"
    if old is None or new is None:
        return Reason("action", name, "there" if old is not None else "", "there" if new is not None else "", key[1])
    found = list(_differing("", _by_name(old), _by_name(new)))
    members = ", ".join(dict.fromkeys(member for member, _, _ in found))
    before, after = (", ".join(texts) for texts in zip(*((one, other) for _, one, other in found), strict=True))
    return Reason("action", f"{name} ({members})", *_where_they_differ(before, after), key[1])


def _by_name(value: Any) -> Any:
    """Extensions under the last part of their urls, as the members that they stand for."""
    if not isinstance(value, Mapping):
        return value
    found = {name: part for name, part in value.items() if name != "extension"}
    for each in value.get("extension", ()):
        inner = next((part for name, part in each.items() if name != "url"), None)
        found.setdefault(str(each.get("url")).rsplit("/", 1)[-1], []).append(inner)
    return found


def _differing(name: str, old: Any, new: Any) -> Iterator[tuple[str, str, str]]:
    """The members that differ, by the name nearest to them, and what stands there."""
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for member in dict.fromkeys((*old, *new)):
            yield from _differing(member, old.get(member), new.get(member))
    elif isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):
        for one, other in zip(old, new, strict=True):
            yield from _differing(name, one, other)
    else:
        yield name, _leaf(old), _leaf(new)


def _leaf(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(_leaf(each) for each in value.values())
    return ", ".join(map(_leaf, value)) if isinstance(value, list | tuple) else "" if value is None else str(value)
