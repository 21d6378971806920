"""The test of a type, made once for a program: what generated code asks of a value whose type is open."""

from __future__ import annotations

import re

from cds_service.cql.emission.writer import Module, Writer
from cds_service.cql.runtime.type_tests import TypeTest, any_of, fhir_test, interval_test, list_test, system_test
from cds_service.cql.static_types import ChoiceOf, IntervalOf, ListOf, Named, TupleOf, Type, fhir


def test_of(kind: Type, writer: Writer) -> str:
    """The name of the function that tells whether a value is of this type."""
    name = "is_" + re.sub(r"\W+", "_", str(kind)).strip("_")
    return writer.module.named(name, make_test(kind, writer.module))


def make_test(kind: Type, module: Module) -> TypeTest:
    """The function that tells whether a value is of this type."""
    if isinstance(kind, ChoiceOf):
        return any_of(tuple(make_test(option, module) for option in kind.options))
    if isinstance(kind, ListOf):
        return list_test(make_test(kind.element, module))
    if isinstance(kind, IntervalOf):
        return interval_test(str(kind.point))
    if isinstance(kind, TupleOf):
        return system_test("Tuple")
    if isinstance(kind, Named) and kind.namespace == "FHIR":
        return fhir_test(_with_subtypes(kind.name, module))
    return system_test(kind.name if isinstance(kind, Named) else str(kind))


def _with_subtypes(name: str, module: Module) -> frozenset[str]:
    """The names of a FHIR type and of all types that are kinds of it."""
    if name not in module.subtypes:
        base = fhir(name)
        relations = module.relations
        kinds = {other for other in relations.model_names() if base in relations.ancestors(fhir(other))}
        module.subtypes[name] = frozenset(kinds | {name})
    return module.subtypes[name]
