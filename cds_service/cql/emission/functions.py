"""The functions of a program: one for each definition, parameter and function of a library."""

from __future__ import annotations

from cds_service.cql.emission import elements, logic, operators, queries, values  # noqa: F401 - chapters register here
from cds_service.cql.emission.dispatch import emit
from cds_service.cql.emission.inlining import Inliner
from cds_service.cql.emission.tracing import traced_tree
from cds_service.cql.emission.writer import Module, Py, Writer
from cds_service.cql.entries import DefinitionEntry, FunctionEntry, ParameterEntry
from cds_service.cql.runtime.tracing import Frame
from cds_service.cql.static_types import Typed
from cds_service.cql.tree import Constant, Local
from cds_service.errors import EvaluationError


def write_definition(entry: DefinitionEntry, module: Module) -> str:
    """The source text of a definition's function."""
    assert entry.body is not None
    return _remembered(f"d{entry.slot}", entry.slot, entry.body, f'{entry.library}."{entry.name}"', module)


def write_parameter(entry: ParameterEntry, module: Module) -> str:
    """The source text of a parameter's function: what it gives where nothing is bound."""
    default = entry.default if entry.default is not None else Constant(entry.type, entry.node.span, None)  # type: ignore[arg-type]
    return _remembered(f"p{entry.slot}", entry.slot, default, f'parameter {entry.library}."{entry.name}"', module)


def write_function(entry: FunctionEntry, module: Module) -> str:
    """The source text of the function of a library."""
    assert entry.body is not None
    writer = Writer(module)
    body = _body(entry.body, module)
    writer.share(body)
    value = emit(body, writer)
    names = [local.name for local in entry.locals if isinstance(local, Local)]
    title = _comment(f"{entry.library}.{entry.signature()}")
    return _function(f"f{entry.slot}", ["run", *names], [f"# {title}"], writer, value)


def write_expression(name: str, node: Typed, module: Module) -> str:
    """The source text of a function for a part of a definition."""
    writer = Writer(module)
    body = _body(node, module)
    writer.share(body)
    value = emit(body, writer)
    return _function(name, ["run"], [], writer, value)


def _function(name: str, parameters: list[str], begin: list[str], writer: Writer, value: Py) -> str:
    if writer.module.traced:
        begin = [*begin, "top = run.top"]
    lines = [f"def {name}({', '.join(parameters)}):", *(f"    {line}" for line in begin), writer.text()]
    return "\n".join(line for line in lines if line) + f"\n    return {value.text}\n"


def _comment(text: str) -> str:
    """The text on one line: names are the author's, and may hold anything."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _body(node: Typed, module: Module) -> Typed:
    node = Inliner(module.sizes).inlined(node)
    return traced_tree(node, module.relations) if module.traced else node


def _remembered(name: str, slot: int, node: Typed, title: str, module: Module) -> str:
    """A function that works its value out once in a run, also when that fails; a traced one has a frame meanwhile."""
    unset = module.named("UNSET", module.namespace.get("UNSET"))
    may_fail, traced = module.safety.may_fail(node), module.traced
    writer = Writer(module)
    writer.depth = 1 if may_fail or traced else 0
    writer.memory = "memory"
    body = _body(node, module)
    writer.share(body)
    value: Py = emit(body, writer)
    lines = [f"def {name}(run):", f"    # {_comment(title)}", "    memory = run.memory", f"    value = memory[{slot}]"]
    lines.append(f"    if value is not {unset}:")
    if may_fail:
        lines += ["        if value.__class__ is Failed:", "            raise value.error"]
    lines += [
        "        return value",
        f"    if run.base is not None and not run.changed[{slot}]:",
        f"        value = memory[{slot}] = {name}(run.base)",
        "        return value",
    ]
    if module.noting is not None:
        module.named("Frame", Frame)
        frame = f"Frame(notes := [], notes, []{', []' if module.noting.is_thorough else ''})"
        lines += ["    asking = run.top", f"    run.top = run.frames[{slot}] = top = {frame}"]
    if may_fail or traced:
        lines += ["    try:", writer.text(), f"        value = {value.text}"]
        if may_fail:
            module.named("EvaluationError", EvaluationError)
            lines += [
                "    except EvaluationError as error:",
                f"        memory[{slot}] = Failed(error)",
                "        raise",
            ]
        if traced:
            lines += ["    finally:", "        run.top = asking"]
    else:
        lines += [writer.text(), f"    value = {value.text}"]
    lines += [f"    memory[{slot}] = value", "    return value"]
    return "\n".join(line for line in lines if line) + "\n"
