"""Syntax trees as CQL text: parsing what is printed gives the same tree again."""

from __future__ import annotations

from cds_service.cql import nodes
from cds_service.cql.expression_printer import print_codes, print_expression, print_name, print_type, quote_text


def print_node(node: nodes.Node) -> str:
    """The CQL text of a library, definition, expression or type."""
    if isinstance(node, nodes.Library):
        return _print_library(node)
    if isinstance(node, nodes.Definition):
        return _print_definition(node)
    if isinstance(node, nodes.TypeSpecifier):
        return print_type(node)
    if isinstance(node, nodes.Expression):
        return print_expression(node)
    raise TypeError(f"{type(node).__name__} is only printed as part of something else")


def _print_library(node: nodes.Library) -> str:
    parts = []
    if node.name is not None:
        head = f"library {_qualified(node.namespace, node.name)}{_version(node.version)}"
        parts.append(_print_documentation(node.documentation) + head)
    parts += [_print_definition(definition) for definition in node.definitions]
    return "\n\n".join(parts) + "\n"


def _print_documentation(node: nodes.Documentation | None) -> str:
    if node is None:
        return ""
    lines = node.text.split("\n") if node.text else []
    lines += [f"@{tag.name}: {tag.value}".rstrip() for tag in node.tags]
    return "".join(f"// {line}".rstrip() + "\n" for line in lines or [""])


def _qualified(namespace: str | None, name: str) -> str:
    parts = [*(namespace.split(".") if namespace else ()), name]
    return ".".join(map(print_name, parts))


def _version(version: str | None) -> str:
    return f" version {quote_text(version)}" if version is not None else ""


def _display(display: str | None) -> str:
    return f" display {quote_text(display)}" if display is not None else ""


def _print_definition(node: nodes.Definition) -> str:
    access = "private " if node.access == "private" else ""
    match node:
        case nodes.ExpressionDefinition():
            text = f"define {access}{print_name(node.name)}:\n  {print_expression(node.expression)}"
        case nodes.FunctionDefinition():
            text = _print_function(node, access)
        case nodes.Context():
            text = f"context {_qualified(node.qualifier, node.name)}"
        case _:
            text = access + _print_declaration(node)
    return _print_documentation(node.documentation) + text


def _print_function(node: nodes.FunctionDefinition, access: str) -> str:
    fluent = "fluent " if node.fluent else ""
    operands = ", ".join(f"{print_name(operand.name)} {print_type(operand.type)}" for operand in node.operands)
    returns = f" returns {print_type(node.returns)}" if node.returns is not None else ""
    body = "external" if node.body is None else print_expression(node.body)
    return f"define {access}{fluent}function {print_name(node.name)}({operands}){returns}:\n  {body}"


def _print_declaration(node: nodes.Definition) -> str:
    match node:
        case nodes.Using():
            alias = f" called {print_name(node.alias)}" if node.alias is not None else ""
            return f"using {_qualified(node.namespace, node.name)}{_version(node.version)}{alias}"
        case nodes.Include():
            alias = f" called {print_name(node.alias)}" if node.alias != node.name else ""
            return f"include {_qualified(node.namespace, node.name)}{_version(node.version)}{alias}"
        case nodes.CodeSystem():
            return f"codesystem {print_name(node.name)}: {quote_text(node.id)}{_version(node.version)}"
        case nodes.ValueSet():
            systems = f" codesystems {print_codes(node.code_systems)}" if node.code_systems else ""
            return f"valueset {print_name(node.name)}: {quote_text(node.id)}{_version(node.version)}{systems}"
        case nodes.CodeDefinition():
            system = print_expression(node.system)
            return f"code {print_name(node.name)}: {quote_text(node.id)} from {system}{_display(node.display)}"
        case nodes.ConceptDefinition():
            return f"concept {print_name(node.name)}: {print_codes(node.codes)}{_display(node.display)}"
        case nodes.Parameter():
            type_ = f" {print_type(node.type)}" if node.type is not None else ""
            default = f" default {print_expression(node.default)}" if node.default is not None else ""
            return f"parameter {print_name(node.name)}{type_}{default}"
    raise TypeError(f"{type(node).__name__} is not a definition")
