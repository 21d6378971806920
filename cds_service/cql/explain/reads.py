"""Which elements of which types compiled logic reads: what a lean decoder has to keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cds_service.cql.explain.dates import date_elements
from cds_service.cql.static_types import ANY, ChoiceOf, IntervalOf, ListOf, Named, TupleOf, Type, Typed
from cds_service.cql.tree import Apply, AsType, ContextValue, Element, ParameterValue, RetrieveValue
from cds_service.cql.type_relations import Relations
from cds_service.fhir.structs.flavours import ALL, Reads, _All

# Data types whose elements the engine itself needs together; naming a part of them would drop the rest.
_WHOLE = frozenset({"Quantity", "Coding", "CodeableConcept", "Period", "Range", "Ratio", "Extension"})
_COMPARING = frozenset({
    "Equal", "NotEqual", "Equivalent", "NotEquivalent", "Distinct", "Intersect", "Except", "In", "Contains", "IndexOf",
    "Includes", "IncludedIn", "ProperIncludes", "ProperIncludedIn", "Children", "Descendants",
        "Descendents", "Union", "Mode",
})  # fmt: skip


class Collector:
    """Gathers elements by type; an abstract type stands for all its kinds."""

    def __init__(self, relations: Relations) -> None:
        self.relations = relations
        self.found: dict[str, set[str]] = {}
        self.whole: set[str] = set()

    def add(self, owner: str, *names: str) -> None:
        """These elements of a type are read."""
        self.found.setdefault(owner, set()).update(names)

    def escape(self, kind: Type) -> None:
        """A value of this type goes where nothing is known about what is read of it."""
        if isinstance(kind, ListOf):
            self.escape(kind.element)
        elif isinstance(kind, IntervalOf):
            self.escape(kind.point)
        elif isinstance(kind, ChoiceOf):
            for option in kind.options:
                self.escape(option)
        elif isinstance(kind, TupleOf):
            for _, inner in kind.elements:
                self.escape(inner)
        elif isinstance(kind, Named) and kind.namespace == "FHIR":
            self._escape_named(kind)

    def _escape_named(self, kind: Named) -> None:
        if kind.name in self.whole or self.relations.is_primitive(kind):
            return
        self.whole.add(kind.name)
        for inner in self.relations.elements(kind).values():
            base = inner.element if isinstance(inner, ListOf) else inner
            if not self.relations.is_resource(base):
                self.escape(inner)

    def node(self, node: Typed) -> None:
        """What one node of a tree reads."""
        if isinstance(node, Element):
            self.add(node.owner, node.name)
        elif isinstance(node, RetrieveValue):
            self._retrieve(node)
        elif isinstance(node, ContextValue):
            self.add(node.context)
        elif isinstance(node, Apply):
            self._apply(node)
        elif isinstance(node, ParameterValue):
            self._parameter(node.type)
        elif isinstance(node, AsType) and isinstance(node.type, Named) and self.relations.is_resource(node.type):
            self.add(node.type.name)

    def _retrieve(self, node: RetrieveValue) -> None:
        self.add(node.resource, *date_elements(self.relations, node.resource))
        if node.code_path is not None:
            first, _, _ = node.code_path.partition(".")
            self.add(node.resource, first)
            if first == "medication":
                self.add("Medication", "code")

    def _apply(self, node: Apply) -> None:
        name = node.signature.operator
        if name.startswith(("AgeIn",)):
            self.add("Patient", "birthDate")
        if name in _COMPARING:
            for argument in node.arguments:
                kind = argument.type.element if isinstance(argument.type, ListOf) else argument.type
                if kind == ANY and hasattr(argument, "operand"):
                    self.escape(argument.operand.type)
                elif not self.relations.is_resource(kind) or name in ("Children", "Descendants", "Descendents"):
                    self.escape(argument.type)

    def _parameter(self, kind: Type) -> None:
        base = kind.element if isinstance(kind, ListOf) else kind
        if isinstance(base, Named) and self.relations.is_resource(base):
            self.add(base.name, *date_elements(self.relations, base.name))

    def result(self) -> Reads:
        """The elements by type; what is read of an abstract type is read of every kind of it."""
        reads: dict[str, frozenset[str] | _All] = {}
        spread = {name: elements for name, elements in self.found.items() if self._is_abstract(name)}
        for name, elements in self.found.items():
            if name in spread or name in _WHOLE:
                continue
            inherited = [
                more
                for base, more in spread.items()
                if self.relations.is_subtype(Named(name, "FHIR"), Named(base, "FHIR"))
            ]
            reads[name] = frozenset(elements).union(*inherited)
        for name in (*self.whole, *(base for base in spread if base in ("Element", "BackboneElement"))):
            if not self._is_abstract(name):
                reads[name] = ALL
        return reads

    def _is_abstract(self, name: str) -> bool:
        info = self.relations.model_type(name)
        return info is not None and info.abstract


def own_reads(nodes: Iterable[Typed], relations: Relations) -> Collector:
    """What one declaration reads itself."""
    collector = Collector(relations)
    for node in nodes:
        collector.node(node)
    return collector


def merged(parts: Iterable[Collector], relations: Relations, outputs: Iterable[Type] = ()) -> Reads:
    """What several declarations read together, and everything of what the outputs hand out."""
    whole = Collector(relations)
    for part in parts:
        for name, elements in part.found.items():
            whole.add(name, *elements)
        whole.whole |= part.whole
    for kind in outputs:
        whole.escape(kind)
    return whole.result()


def elements_by_type(reads: Reads) -> Mapping[str, tuple[str, ...]]:
    """The elements by type in alphabetical order; none where all are read."""
    return {name: () if isinstance(elements, _All) else tuple(sorted(elements)) for name, elements in reads.items()}
