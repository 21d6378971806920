"""Expressions and types as CQL text that reads back as the same tree."""

from __future__ import annotations

from functools import singledispatch

from cds_service.cql import nodes
from cds_service.cql.operator_names import BINARY, UNARY
from cds_service.cql.parser import expressions as level
from cds_service.cql.parser.keywords import KEYWORDS, PAIRS, PRECISIONS

# Below every operator: what has an open end, and what also swallows a comma that follows.
OPEN, QUERY = 0, -1
_ATOM = level.POSTFIX

_BINARY_LEVELS = {
    **dict.fromkeys(("Union", "Intersect", "Except"), level.SET),
    "Implies": level.IMPLIES,
    **dict.fromkeys(("Or", "Xor"), level.OR),
    "And": level.AND,
    **dict.fromkeys(("In", "Contains"), level.MEMBERSHIP),
    **dict.fromkeys(("Equal", "NotEqual", "Equivalent", "NotEquivalent", "EquivalentIn"), level.EQUALITY),
    **dict.fromkeys(("Less", "LessOrEqual", "Greater", "GreaterOrEqual"), level.INEQUALITY),
    **dict.fromkeys(("Add", "Subtract", "Concatenate"), level.ADD),
    **dict.fromkeys(("Multiply", "Divide", "TruncatedDivide", "Modulo"), level.MULTIPLY),
    "Power": level.POWER,
}
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f"}


def quote_text(text: str, delimiter: str = "'") -> str:
    """A text literal, or with `"` a quoted name."""
    escapes = {**_ESCAPES, delimiter: "\\" + delimiter}
    return delimiter + "".join(escapes.get(character, character) for character in text) + delimiter


def print_name(name: str) -> str:
    """A name, quoted unless it is a word without another meaning."""
    plain = name.isascii() and name.isidentifier() and name not in KEYWORDS and name not in PAIRS
    return name if plain else quote_text(name, '"')


def print_type(node: nodes.TypeSpecifier) -> str:
    """A type specifier."""
    match node:
        case nodes.NamedType(name, qualifier):
            parts = [*(qualifier.split(".") if qualifier else ()), name]
            return ".".join(print_name(part) for part in parts)
        case nodes.ListType(element):
            return f"List<{print_type(element)}>"
        case nodes.IntervalType(point):
            return f"Interval<{print_type(point)}>"
        case nodes.TupleType(elements):
            inner = ", ".join(f"{print_name(element.name)} {print_type(element.type)}" for element in elements)
            return f"Tuple {{ {inner} }}"
        case nodes.ChoiceType(choices):
            return f"Choice<{', '.join(map(print_type, choices))}>"
    raise TypeError(f"{type(node).__name__} is not a type")


def print_expression(node: nodes.Expression, minimum: int = QUERY) -> str:
    """An expression, in parentheses if it binds more loosely than `minimum`."""
    text, binds = _print(node)
    return f"({text})" if binds < minimum else text


def print_codes(codes: tuple[nodes.Expression, ...]) -> str:
    """A list of codes or names in braces."""
    return "{ " + ", ".join(map(print_expression, codes)) + " }"


@singledispatch
def _print(node: nodes.Expression) -> tuple[str, int]:
    raise TypeError(f"{type(node).__name__} is not an expression")


# --- Literals and selectors ----------------------------------------------------------------------


@_print.register
def _null(_node: nodes.NullLiteral) -> tuple[str, int]:
    return "null", _ATOM


@_print.register
def _boolean(node: nodes.BooleanLiteral) -> tuple[str, int]:
    return ("true" if node.value else "false"), _ATOM


@_print.register
def _integer(node: nodes.IntegerLiteral) -> tuple[str, int]:
    return str(node.value), _ATOM


@_print.register
def _long(node: nodes.LongLiteral) -> tuple[str, int]:
    return f"{node.value}L", _ATOM


@_print.register
def _decimal(node: nodes.DecimalLiteral) -> tuple[str, int]:
    return f"{node.value:f}", _ATOM


@_print.register
def _string(node: nodes.StringLiteral) -> tuple[str, int]:
    return quote_text(node.value), _ATOM


@_print.register
def _date(node: nodes.DateLiteral | nodes.DateTimeLiteral) -> tuple[str, int]:
    return f"@{node.text}", _ATOM


@_print.register
def _time(node: nodes.TimeLiteral) -> tuple[str, int]:
    return f"@T{node.text}", _ATOM


@_print.register
def _quantity(node: nodes.QuantityLiteral) -> tuple[str, int]:
    return f"{node.value:f} {node.unit if node.unit in PRECISIONS else quote_text(node.unit)}", _ATOM


@_print.register
def _ratio(node: nodes.RatioLiteral) -> tuple[str, int]:
    return f"{_quantity(node.numerator)[0]}:{_quantity(node.denominator)[0]}", _ATOM


@_print.register
def _interval(node: nodes.IntervalSelector) -> tuple[str, int]:
    opening, closing = "[" if node.low_closed else "(", "]" if node.high_closed else ")"
    return f"Interval{opening}{_listed(node.low)}, {_listed(node.high)}{closing}", _ATOM


def _listed(node: nodes.Expression) -> str:
    """An expression before or after a comma."""
    return print_expression(node, OPEN)


def _elements(elements: tuple[nodes.ElementSelector, ...]) -> str:
    inner = ", ".join(f"{print_name(element.name)}: {_listed(element.value)}" for element in elements)
    return f"{{ {inner} }}" if elements else "{ : }"


@_print.register
def _tuple(node: nodes.TupleSelector) -> tuple[str, int]:
    return f"Tuple {_elements(node.elements)}", _ATOM


@_print.register
def _instance(node: nodes.InstanceSelector) -> tuple[str, int]:
    name = print_type(node.type)
    if node.type.qualifier is None and node.type.name in ("Code", "Concept"):
        name = node.type.name
    return f"{name} {_elements(node.elements)}", _ATOM


@_print.register
def _list(node: nodes.ListSelector) -> tuple[str, int]:
    head = f"List<{print_type(node.element_type)}> " if node.element_type else ""
    inner = ", ".join(map(_listed, node.elements))
    return (f"{head}{{ {inner} }}" if inner else f"{head}{{ }}"), _ATOM


@_print.register
def _code(node: nodes.CodeSelector) -> tuple[str, int]:
    display = f" display {quote_text(node.display)}" if node.display is not None else ""
    return f"Code {quote_text(node.code)} from {print_expression(node.system)}{display}", level.ADD


@_print.register
def _concept(node: nodes.ConceptSelector) -> tuple[str, int]:
    display = f" display {quote_text(node.display)}" if node.display is not None else ""
    return f"Concept {print_codes(node.codes)}{display}", level.ADD


# --- Names ---------------------------------------------------------------------------------------


@_print.register
def _identifier(node: nodes.Identifier) -> tuple[str, int]:
    return print_name(node.name), _ATOM


@_print.register
def _external(node: nodes.ExternalConstant) -> tuple[str, int]:
    return f"%{print_name(node.name)}", _ATOM


@_print.register
def _variable(node: nodes.This | nodes.IterationIndex | nodes.Total) -> tuple[str, int]:
    return {nodes.This: "$this", nodes.IterationIndex: "$index", nodes.Total: "$total"}[type(node)], _ATOM


@_print.register
def _property(node: nodes.Property) -> tuple[str, int]:
    return f"{print_expression(node.source, level.POSTFIX)}.{print_name(node.name)}", level.POSTFIX


def _arguments(arguments: tuple[nodes.Expression, ...]) -> str:
    return ", ".join(map(_listed, arguments))


@_print.register
def _call(node: nodes.Call) -> tuple[str, int]:
    return f"{print_name(node.name)}({_arguments(node.arguments)})", level.POSTFIX


@_print.register
def _method(node: nodes.MethodCall) -> tuple[str, int]:
    source = print_expression(node.source, level.POSTFIX)
    return f"{source}.{print_name(node.name)}({_arguments(node.arguments)})", level.POSTFIX


@_print.register
def _index(node: nodes.Index) -> tuple[str, int]:
    return f"{print_expression(node.source, level.POSTFIX)}[{print_expression(node.index)}]", level.POSTFIX


# --- Operators -----------------------------------------------------------------------------------


@_print.register
def _unary(node: nodes.Unary) -> tuple[str, int]:
    words, name = UNARY[node.operator], node.operator
    if name in ("Not", "Exists"):
        return f"{words} {print_expression(node.operand, level.CONDITION)}", level.CONDITION
    if words.startswith("is "):
        return f"{print_expression(node.operand, level.TYPE)} {words}", level.TYPE
    if name in ("Distinct", "Flatten"):
        return f"{words} {_listed(node.operand)}", OPEN
    operand = print_expression(node.operand, level.POLARITY)
    if name in ("Negate", "Positive"):
        return f"{words}{operand}", level.POLARITY
    if name == "DateTimeComponentFrom":
        return f"{node.precision} from {operand}", level.POLARITY
    if name in ("DurationOf", "DifferenceOf"):
        return f"{words} {node.precision}s of {operand}", level.POLARITY
    return f"{words} {operand}", level.POLARITY


@_print.register
def _binary(node: nodes.Binary) -> tuple[str, int]:
    words, name, precision = BINARY[node.operator], node.operator, node.precision
    if name in ("DurationBetween", "DifferenceBetween"):
        low, high = print_expression(node.left, level.ADD), print_expression(node.right, level.ADD)
        return f"{words} {precision}s between {low} and {high}", level.TYPE
    binds = _BINARY_LEVELS.get(name, level.TIMING)
    left, right = print_expression(node.left, binds), print_expression(node.right, binds + 1)
    if name in ("Starts", "Ends") and right[0].isdigit() and precision is None:
        right = f"({right})"  # `starts 3 days` would begin `starts 3 days before`
    if precision is not None:
        words = words.replace("same", f"same {precision}") if name.startswith("Same") else f"{words} {precision} of"
    return f"{left} {words} {right}", binds


@_print.register
def _offset_timing(node: nodes.OffsetTiming) -> tuple[str, int]:
    offset = print_expression(node.offset)
    if node.bound in ("less than", "more than"):
        offset = f"{node.bound} {offset}"
    elif node.bound != "exactly":
        offset = f"{offset} {node.bound}"
    relation = f"on or {node.direction}" if node.inclusive else node.direction
    precision = f" {node.precision} of" if node.precision else ""
    left, right = print_expression(node.left, level.TIMING), print_expression(node.right, level.TIMING + 1)
    return f"{left} {offset} {relation}{precision} {right}", level.TIMING


@_print.register
def _within(node: nodes.Within) -> tuple[str, int]:
    left, right = print_expression(node.left, level.TIMING), print_expression(node.right, level.TIMING + 1)
    proper = "properly " if node.proper else ""
    return f"{left} {proper}within {print_expression(node.distance)} of {right}", level.TIMING


@_print.register
def _between(node: nodes.Between) -> tuple[str, int]:
    low, high = print_expression(node.low, level.ADD), print_expression(node.high, level.ADD)
    words = "properly between" if node.proper else "between"
    # `properly` is read as the beginning of a timing phrase, which binds more loosely.
    binds = level.TIMING if node.proper else level.BETWEEN
    return f"{print_expression(node.operand, binds)} {words} {low} and {high}", binds


@_print.register
def _is(node: nodes.Is) -> tuple[str, int]:
    return f"{print_expression(node.operand, level.TYPE)} is {print_type(node.type)}", level.TYPE


@_print.register
def _as(node: nodes.As) -> tuple[str, int]:
    if node.strict:
        return f"cast {print_expression(node.operand, level.TYPE + 1)} as {print_type(node.type)}", level.TYPE
    return f"{print_expression(node.operand, level.TYPE)} as {print_type(node.type)}", level.TYPE


@_print.register
def _convert(node: nodes.Convert) -> tuple[str, int]:
    return f"convert {_listed(node.operand)} to {print_type(node.type)}", OPEN


@_print.register
def _convert_unit(node: nodes.ConvertUnit) -> tuple[str, int]:
    unit = node.unit if node.unit in PRECISIONS else quote_text(node.unit)
    return f"convert {_listed(node.operand)} to {unit}", OPEN


@_print.register
def _extent(node: nodes.TypeExtent) -> tuple[str, int]:
    return f"{node.extent} {print_type(node.type)}", level.POLARITY


@_print.register
def _collapse(node: nodes.Collapse | nodes.Expand) -> tuple[str, int]:
    word = "collapse" if isinstance(node, nodes.Collapse) else "expand"
    per = f" per {print_expression(node.per, level.SET)}" if node.per is not None else ""
    return f"{word} {print_expression(node.operand, level.SET)}{per}", OPEN


@_print.register
def _if(node: nodes.If) -> tuple[str, int]:
    return f"if {_listed(node.condition)} then {_listed(node.then)} else {_listed(node.otherwise)}", OPEN


@_print.register
def _case(node: nodes.Case) -> tuple[str, int]:
    head = f"case {_listed(node.comparand)}" if node.comparand is not None else "case"
    items = " ".join(f"when {_listed(item.when)} then {_listed(item.then)}" for item in node.items)
    return f"{head} {items} else {_listed(node.otherwise)} end", OPEN


# --- Retrieves and queries -----------------------------------------------------------------------


@_print.register
def _retrieve(node: nodes.Retrieve) -> tuple[str, int]:
    text = print_type(node.type)
    if node.context is not None:
        text = f"{print_expression(node.context)} -> {text}"
    if node.terminology is not None:
        path = ""
        if node.code_path is not None:
            path = ".".join(map(print_name, node.code_path.split("."))) + f" {node.comparator} "
        text += f": {path}{print_expression(node.terminology, _ATOM)}"
    return f"[{text}]", _ATOM


def _source(node: nodes.AliasedSource) -> str:
    bare: nodes.Expression = node.source
    while isinstance(bare, nodes.Property):
        bare = bare.source
    text = print_expression(node.source)
    if not isinstance(node.source, nodes.Retrieve) and not isinstance(bare, nodes.Identifier):
        text = f"({text})"
    return f"{text} {print_name(node.alias)}"


@_print.register
def _query(node: nodes.Query) -> tuple[str, int]:
    parts = [", ".join(map(_source, node.sources))]
    if len(node.sources) > 1:
        parts[0] = "from " + parts[0]
    if node.lets:
        parts.append("let " + ", ".join(f"{print_name(let.name)}: {_listed(let.value)}" for let in node.lets))
    for related in node.relationships:
        word = "without" if related.negated else "with"
        parts.append(f"{word} {_source(related.source)} such that {_listed(related.condition)}")
    if node.where is not None:
        parts.append(f"where {_listed(node.where)}")
    if node.aggregate is not None:
        parts.append(_aggregate(node.aggregate))
    if node.returning is not None:
        parts.append(f"return {'' if node.returning.distinct else 'all '}{_listed(node.returning.value)}")
    if node.sort:
        parts.append(_sort(node.sort))
    return " ".join(parts), QUERY


def _aggregate(node: nodes.Aggregate) -> str:
    distinct = "distinct " if node.distinct else ""
    initial = f" starting ({print_expression(node.initial)})" if node.initial is not None else ""
    return f"aggregate {distinct}{print_name(node.accumulator)}{initial}: {_listed(node.value)}"


def _sort(items: tuple[nodes.SortItem, ...]) -> str:
    if len(items) == 1 and items[0].key is None:
        return f"sort {items[0].direction}"
    keys = (f"{print_expression(item.key, level.ADD)} {item.direction}" for item in items if item.key is not None)
    return f"sort by {', '.join(keys)}"
