"""FHIRPath expressions, compiled once and evaluated on many resources."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from cds_service.fhir.model.types import Model, r4
from cds_service.fhir.structs.flavours import Reads, _All
from cds_service.fhirpath import items, nodes
from cds_service.fhirpath.compiler import (  # noqa: F401  # they fill the table of functions
    existence,
    filtering,
    members,
    navigation,
    operators,
    scalars,
    subsetting,
    type_tests,
    utility,
)
from cds_service.fhirpath.compiler.core import Compiler, Scope
from cds_service.fhirpath.compiler.shapes import SYSTEM_TYPES, Code, Shape, Types
from cds_service.fhirpath.environment import Environment
from cds_service.fhirpath.failures import FhirPathEvaluationError, FhirPathSemanticError
from cds_service.fhirpath.parser import parse
from cds_service.values.failures import ValueOutOfRange

_NOTHING = Environment()
_TOO_DEEP = "This expression is nested too deeply to be compiled."
Evaluate = Callable[[Any, Environment], list[Any]]


class Compiled:
    """An expression ready to be evaluated; `source` is the Python it became."""

    __slots__ = ("_evaluate", "_may_be_boxed", "_reads", "context_type", "source", "text", "types")

    def __init__(
        self,
        text: str,
        context_type: str | None,
        source: str,
        evaluate: Evaluate,
        types: Types,
        reads: Reads | _All,
    ) -> None:
        self.text = text
        self.context_type = context_type
        self.source = source
        self.types = types
        self._may_be_boxed = types is None or not types <= SYSTEM_TYPES
        self._evaluate = evaluate
        self._reads = reads

    def items(self, focus: Any, environment: Environment = _NOTHING) -> Sequence[Any]:
        """The items of the result, primitives of several possible types as `Primitive`."""
        try:
            return self._evaluate(focus, environment)
        except AttributeError as error:
            self._explain(focus, error)
            raise

    def _explain(self, focus: Any, error: AttributeError) -> None:
        """Raises an error in words if the focus is not what the expression is about."""
        found = getattr(focus, "fhir_type", type(focus).__name__)
        if self.context_type is None or r4().is_subtype(found, self.context_type):
            return
        raise FhirPathEvaluationError(
            f"An expression about {self.context_type} was evaluated on {found}.", remedy="Give it its own context."
        ) from error

    def evaluate(self, focus: Any, environment: Environment = _NOTHING) -> list[Any]:
        """The values of the result: structures, System values, and FHIR primitives as JSON has them.

        A primitive without a value (but with extensions) is left out.
        """
        try:
            result = self._evaluate(focus, environment)
        except AttributeError as error:
            self._explain(focus, error)
            raise
        return items.unboxed(result) if self._may_be_boxed else result

    def typed(self, focus: Any, environment: Environment = _NOTHING) -> list[tuple[str, Any]]:
        """The values of the result, each with the name of its type (`System.Integer`, `code`, `HumanName`)."""
        single = next(iter(self.types)) if self.types is not None and len(self.types) == 1 else None
        result = []
        for item in self.items(focus, environment):
            found = items.type_of(item)
            name = f"System.{found.name}" if found.namespace == "System" else found.name
            if found.namespace == "System" and single is not None and single not in SYSTEM_TYPES:
                name = single
            result.append((name, item.value if item.__class__ is items.Primitive else item))
        return result

    def truth(self, focus: Any, environment: Environment = _NOTHING) -> bool | None:
        """The result as a truth value: None for no item; one item that is no boolean counts as true."""
        values = self.items(focus, environment)
        if len(values) > 1:
            raise FhirPathEvaluationError("A condition has several values.", remedy="Use exists() or all().")
        if not values:
            return None
        value = values[0].value if values[0].__class__ is items.Primitive else values[0]
        return value if value.__class__ is bool else True

    def reads(self) -> Reads | _All:
        """Which elements of which types an evaluation reads; ALL where that cannot be foreseen."""
        return self._reads


def compile_fhirpath(
    text: str,
    context_type: str | None = None,
    *,
    variables: Mapping[str, str | None] | None = None,
    resource_type: str | None = None,
    file: str = "expression",
    check_order: bool = False,
    model: Model | None = None,
) -> Compiled:
    """Compiles an expression about items of `context_type` (None: unknown or no focus).

    `variables` names what the environment will hold, each with its type if that is known; `context`, `resource` and
    `rootResource` may be among them. `resource_type` is that of `%resource`; the context's own if that is a resource.
    `check_order` refuses what depends on an order that a
    collection does not have. Raises a FhirPathSyntaxError or FhirPathSemanticError.
    """
    node = parse(text, file)
    model = model or r4()
    declared = {name: None if kind is None else frozenset((kind,)) for name, kind in (variables or {}).items()}
    compiler = Compiler(model, declared, check_order=check_order)
    focus = Code("this", Shape(None if context_type is None else frozenset((context_type,))), context_type is None)
    if context_type is not None and context_type not in SYSTEM_TYPES:
        model.type(context_type)  # an unknown name is an error of its own
    surroundings = _surroundings(model, focus, context_type, resource_type)
    surroundings |= {name: surroundings[name].with_types(declared[name]) for name in surroundings.keys() & declared}
    scope = Scope(focus, variables=surroundings)
    try:
        result = compiler.compile(node, scope)
    except ValueOutOfRange as error:
        raise FhirPathSemanticError(error.what, where=node.span, remedy=error.remedy) from None
    except RecursionError:
        raise FhirPathSemanticError(_TOO_DEEP, where=node.span, remedy="Divide it.") from None
    operators.read_whole(compiler, result.shape.types)
    listed = f"list({result.text})"
    if not result.shape.many:
        listed = f"[] if {result.text} is None else [{result.text}]" if result.nullable else f"[{result.text}]"
    compiler.writer.line(f"return {listed}")
    return _assemble(text, context_type, compiler, result)


def variables_of(text: str) -> frozenset[str]:
    """The names of the constants that an expression uses, beside those that FHIRPath and FHIR define themselves."""
    found: set[str] = set()

    def visit(part: object) -> None:
        if isinstance(part, nodes.Constant):
            found.add(part.name)
        elif isinstance(part, nodes.Call) and part.name == "defineVariable" and part.arguments:
            defined.add(getattr(part.arguments[0], "value", ""))
        if isinstance(part, tuple):
            for each in part:
                visit(each)
        elif isinstance(part, nodes.Node):
            for each in fields(part):
                visit(getattr(part, each.name))

    defined: set[str] = set()
    visit(parse(text))
    return frozenset(name for name in found - defined if not utility.is_predefined(name))


def _surroundings(model: Model, focus: Code, context_type: str | None, resource_type: str | None) -> dict[str, Code]:
    """The variables that every expression has."""
    info = model.get(context_type) if context_type is not None else None
    if resource_type is None and info is not None and info.is_resource:
        resource_type = context_type
    types: Types = frozenset((resource_type or "Resource",))
    return {
        "context": Code("context", focus.shape),
        "resource": Code("resource", Shape(types)),
        "rootResource": Code(
            "root_resource", Shape(types if resource_type == context_type else frozenset(("Resource",)))
        ),
    }


_PREAMBLE = {
    "context": "    context = this if env.context is None else env.context",
    "resource": "    resource = this if env.resource is None else env.resource",
    "root_resource": "    root_resource = resource if env.root_resource is None else env.root_resource",
}


def _assemble(text: str, context_type: str | None, compiler: Compiler, result: Code) -> Compiled:
    body = compiler.writer.lines
    used = {name for name in _PREAMBLE if re.search(rf"(?<![.\w']){name}\b", "\n".join(body))}
    if "root_resource" in used:
        used.add("resource")
    preamble = [line for name, line in _PREAMBLE.items() if name in used]
    source = "\n".join(["def evaluate(this, env):", *preamble, *body])
    namespace: dict[str, Any] = dict(compiler.writer.constants)
    try:
        code = compile(source, f"<fhirpath {text[:60]}>", "exec")
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise FhirPathSemanticError(_TOO_DEEP, remedy="Divide it.") from error
    exec(code, namespace)  # noqa: S102  # the code was written above, from names and constants only
    return Compiled(text, context_type, source, namespace["evaluate"], result.shape.types, compiler.reads.result())
