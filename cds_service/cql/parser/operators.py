"""Operators: logic, comparison, arithmetic, types, conditions, and what is written as `x of y` or `x from y`."""

from __future__ import annotations

from decimal import Decimal

from cds_service.cql import nodes
from cds_service.cql.parser.cursor import Cursor
from cds_service.cql.parser.expressions import (
    ADD,
    AND,
    BETWEEN,
    CONDITION,
    EQUALITY,
    IMPLIES,
    INEQUALITY,
    INFIXES,
    MEMBERSHIP,
    MULTIPLY,
    OR,
    POWER,
    PREFIXES,
    PREFIXES_BY_KIND,
    SET,
    TYPE,
    parse_expression,
    parse_operand,
    parse_term,
)
from cds_service.cql.parser.keywords import PRECISIONS, SINGULAR_PRECISIONS
from cds_service.cql.parser.literals import at_unit
from cds_service.cql.parser.types import parse_named_type, parse_type
from cds_service.cql.tokens import WORD, Token

_BINARY = {
    "and": ("And", AND),
    "or": ("Or", OR),
    "xor": ("Xor", OR),
    "implies": ("Implies", IMPLIES),
    "=": ("Equal", EQUALITY),
    "!=": ("NotEqual", EQUALITY),
    "~": ("Equivalent", EQUALITY),
    "!~": ("NotEquivalent", EQUALITY),
    "<": ("Less", INEQUALITY),
    "<=": ("LessOrEqual", INEQUALITY),
    ">": ("Greater", INEQUALITY),
    ">=": ("GreaterOrEqual", INEQUALITY),
    "+": ("Add", ADD),
    "-": ("Subtract", ADD),
    "&": ("Concatenate", ADD),
    "*": ("Multiply", MULTIPLY),
    "/": ("Divide", MULTIPLY),
    "div": ("TruncatedDivide", MULTIPLY),
    "mod": ("Modulo", MULTIPLY),
    "^": ("Power", POWER),
    "|": ("Union", SET),
    "union": ("Union", SET),
    "intersect": ("Intersect", SET),
    "except": ("Except", SET),
}
# Grouping does not change what these mean, so a long chain of them may become a balanced tree.
_ASSOCIATIVE = frozenset({"And", "Or", "Union"})
_LONG_CHAIN = 32

_OF = {"start": "Start", "end": "End", "width": "Width", "predecessor": "Predecessor", "successor": "Successor"}
_FROM = {
    "singleton": "SingletonFrom",
    "point": "PointFrom",
    "date": "DateFrom",
    "time": "TimeFrom",
    "timezoneoffset": "TimezoneOffsetFrom",
    "timezone": "TimezoneOffsetFrom",
}
_TIME_SPANS = {"duration": ("DurationBetween", "DurationOf"), "difference": ("DifferenceBetween", "DifferenceOf")}
_TESTS = {"null": "Null", "true": "True", "false": "False"}


def parse_precision(cursor: Cursor) -> nodes.Precision | None:
    """`day of` and the like, if it comes next."""
    token = cursor.token
    if token.kind == WORD and token.value in SINGULAR_PRECISIONS and cursor.ahead(1)[:2] == (WORD, "of"):
        cursor.take()
        cursor.take()
        return _precision(token.value)
    return None


def _precision(word: str) -> nodes.Precision:
    return PRECISIONS[word]  # type: ignore[return-value]  # the table's values are these words


# --- Infix ---------------------------------------------------------------------------------------


def _parse_binary(cursor: Cursor, left: nodes.Expression, first: Token, level: int) -> nodes.Expression:
    word = cursor.take().value
    operator = _BINARY[word][0]
    operands = [left, parse_expression(cursor, level + 1)]
    ends = [first, cursor.ahead(-1)]
    while operator in _ASSOCIATIVE and cursor.at(word):
        cursor.take()
        operands.append(parse_expression(cursor, level + 1))
        ends.append(cursor.ahead(-1))
    if len(operands) > _LONG_CHAIN:
        cursor.height += len(operands).bit_length()
        return _balance(cursor, operator, operands)
    cursor.height += len(operands) - 2
    result = operands[0]
    for operand, end in zip(operands[1:], ends[1:], strict=True):
        result = nodes.Binary(operator, result, operand, span=cursor.source.span(first.start, end.end))
    return result


def _balance(cursor: Cursor, operator: str, operands: list[nodes.Expression]) -> nodes.Expression:
    if len(operands) == 1:
        return operands[0]
    middle = len(operands) // 2
    left, right = _balance(cursor, operator, operands[:middle]), _balance(cursor, operator, operands[middle:])
    return nodes.Binary(operator, left, right, span=left.span)


def _parse_equivalence(cursor: Cursor, left: nodes.Expression, first: Token, level: int) -> nodes.Expression:
    """`~`, or with a word right behind it `~in` and `~contains`."""
    word = cursor.ahead(1)
    if word.kind != WORD or word.value not in ("in", "contains") or word.start != cursor.token.end:
        return _parse_binary(cursor, left, first, level)
    cursor.take()
    cursor.take()
    right = parse_expression(cursor, level + 1)
    element, elements = (left, right) if word.value == "in" else (right, left)
    return nodes.Binary("EquivalentIn", element, elements, span=cursor.span_from(first.start))


def _parse_membership(cursor: Cursor, left: nodes.Expression, first: Token, level: int) -> nodes.Expression:
    operator = "In" if cursor.take().value == "in" else "Contains"
    precision = parse_precision(cursor)
    right = parse_expression(cursor, level + 1)
    return nodes.Binary(operator, left, right, precision, span=cursor.span_from(first.start))


def parse_between(cursor: Cursor, left: nodes.Expression, first: Token, _level: int) -> nodes.Expression:
    """`left between low and high`, with or without `properly`, which comes next."""
    proper = cursor.accept("properly")
    cursor.take()
    low = parse_term(cursor)
    cursor.expect("and", "between the ends of `between`")
    high = parse_term(cursor)
    return nodes.Between(left, low, high, proper, span=cursor.span_from(first.start))


def _parse_is(cursor: Cursor, left: nodes.Expression, first: Token, _level: int) -> nodes.Expression:
    cursor.take()
    negated = cursor.at("not") and cursor.ahead(1).value in _TESTS
    if negated:
        cursor.take()
    if cursor.at_any(("null", "true", "false")):
        operator = ("IsNot" if negated else "Is") + _TESTS[cursor.take().value]
        return nodes.Unary(operator, left, span=cursor.span_from(first.start))
    if cursor.at("not"):
        remedy = "For types, write `not (x is Type)`."
        cursor.fail("After `is not` stands null, true or false.", remedy)
    type_ = parse_type(cursor, "after `is`")
    return nodes.Is(left, type_, span=cursor.span_from(first.start))


def _parse_as(cursor: Cursor, left: nodes.Expression, first: Token, _level: int) -> nodes.Expression:
    cursor.take()
    type_ = parse_type(cursor, "after `as`")
    return nodes.As(left, type_, strict=False, span=cursor.span_from(first.start))


# --- Prefix --------------------------------------------------------------------------------------


def _parse_sign(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.negated = cursor.position if token.value == "-" else -1
    cursor.take()
    operand = parse_operand(cursor)
    operator = "Negate" if token.value == "-" else "Positive"
    return nodes.Unary(operator, operand, span=cursor.span_from(token.start))


def _parse_condition(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    operand = parse_expression(cursor, CONDITION)
    operator = "Not" if token.value == "not" else "Exists"
    return nodes.Unary(operator, operand, span=cursor.span_from(token.start))


def _parse_word_of(cursor: Cursor, token: Token) -> nodes.Expression:
    if cursor.ahead(1)[:2] != (WORD, "of"):
        return PREFIXES_BY_KIND[WORD](cursor, token)
    cursor.take()
    cursor.take()
    operand = parse_operand(cursor)
    return nodes.Unary(_OF[token.value], operand, span=cursor.span_from(token.start))


def _parse_word_from(cursor: Cursor, token: Token) -> nodes.Expression:
    if cursor.ahead(1)[:2] != (WORD, "from"):
        return PREFIXES_BY_KIND[WORD](cursor, token)
    cursor.take()
    cursor.take()
    operand = parse_operand(cursor)
    return nodes.Unary(_FROM[token.value], operand, span=cursor.span_from(token.start))


def _parse_precision_word(cursor: Cursor, token: Token) -> nodes.Expression:
    """`year from X` or `years between A and B`."""
    following = cursor.ahead(1).value
    if following == "from" and token.value in SINGULAR_PRECISIONS:
        if token.value == "week":
            cursor.fail("A date has no component week.", "Take year, month or day, or count weeks.", token)
        cursor.take()
        cursor.take()
        operand = parse_operand(cursor)
        span = cursor.span_from(token.start)
        return nodes.Unary("DateTimeComponentFrom", operand, _precision(token.value), span=span)
    if following == "between":
        cursor.take()
        return _parse_time_span_between(cursor, "DurationBetween", token)
    if following == "(":
        return cursor.fail_expected("an expression", remedy=f'If it is meant as a name, quote it: "{token.value}".')
    return cursor.fail_expected("an expression", remedy=f"A quantity needs its number: 1 {token.value}.")


def _parse_time_span(cursor: Cursor, token: Token) -> nodes.Expression:
    """`duration in days between A and B`, `difference in days of X`."""
    cursor.take()
    cursor.expect("in", f"after `{token.value}`")
    unit = cursor.token
    if unit.kind != WORD or unit.value not in PRECISIONS:
        cursor.fail_expected("a unit of time such as `days`", *PRECISIONS)
    cursor.take()
    between, of = _TIME_SPANS[token.value]
    if cursor.accept("of"):
        operand = parse_operand(cursor)
        return nodes.Unary(of, operand, _precision(unit.value), span=cursor.span_from(token.start))
    return _parse_time_span_between(cursor, between, unit, token)


def _parse_time_span_between(
    cursor: Cursor, operator: str, unit: Token, first: Token | None = None
) -> nodes.Expression:
    cursor.expect("between", f"or `of` after `{unit.value}`")
    left = parse_term(cursor)
    cursor.expect("and", "between the two times")
    right = parse_term(cursor)
    span = cursor.span_from((first or unit).start)
    return nodes.Binary(operator, left, right, _precision(unit.value), span=span)


def _parse_cast(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    operand = parse_expression(cursor, TYPE + 1)
    cursor.expect("as", "after what is cast")
    type_ = parse_type(cursor, "after `as`")
    return nodes.As(operand, type_, strict=True, span=cursor.span_from(token.start))


def _parse_convert(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    operand = parse_expression(cursor)
    cursor.expect("to", "after what is converted")
    if at_unit(cursor):
        unit = cursor.take().value
        return nodes.ConvertUnit(operand, unit, span=cursor.span_from(token.start))
    type_ = parse_type(cursor, "or a unit after `to`")
    return nodes.Convert(operand, type_, span=cursor.span_from(token.start))


def _parse_extent(cursor: Cursor, token: Token) -> nodes.Expression:
    extent = cursor.take().value
    type_ = parse_named_type(cursor, f"after `{extent}`")
    span = cursor.span_from(token.start)
    return nodes.TypeExtent("minimum" if extent == "minimum" else "maximum", type_, span=span)


def _parse_aggregate_word(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    operand = parse_expression(cursor)
    operator = "Distinct" if token.value == "distinct" else "Flatten"
    return nodes.Unary(operator, operand, span=cursor.span_from(token.start))


def _parse_collapse(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    operand = parse_expression(cursor)
    per: nodes.Expression | None = None
    if cursor.accept("per"):
        unit = cursor.token
        if unit.kind == WORD and unit.value in PRECISIONS and cursor.ahead(1).value not in ("from", "between"):
            cursor.take()
            per = nodes.QuantityLiteral(Decimal(1), unit.value, span=cursor.span_of(unit))
        else:
            per = parse_expression(cursor)
    span = cursor.span_from(token.start)
    if token.value == "collapse":
        return nodes.Collapse(operand, per, span=span)
    return nodes.Expand(operand, per, span=span)


def _parse_if(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    condition = parse_expression(cursor)
    cursor.expect("then", "after the condition of `if`")
    then = parse_expression(cursor)
    if not cursor.at("else"):
        cursor.fail_expected("`else` after the value of `then`", "else", remedy="An `if` always needs its `else`.")
    cursor.take()
    otherwise = parse_expression(cursor)
    return nodes.If(condition, then, otherwise, span=cursor.span_from(token.start))


def _parse_case(cursor: Cursor, token: Token) -> nodes.Expression:
    cursor.take()
    comparand = None if cursor.at("when") else parse_expression(cursor)
    items: list[nodes.CaseItem] = []
    while not items or cursor.at("when"):
        start = cursor.expect("when", "in `case`").start
        when = parse_expression(cursor)
        cursor.expect("then", "after the condition of `when`")
        then = parse_expression(cursor)
        items.append(nodes.CaseItem(when, then, span=cursor.span_from(start)))
    if not cursor.at("else"):
        cursor.fail_expected("`when` or `else` in `case`", "when", "else", remedy="A `case` always needs its `else`.")
    cursor.take()
    otherwise = parse_expression(cursor)
    cursor.expect("end", "after the last value of `case`")
    return nodes.Case(comparand, tuple(items), otherwise, span=cursor.span_from(token.start))


INFIXES.update({word: (level, _parse_binary) for word, (_, level) in _BINARY.items()})
INFIXES.update({"in": (MEMBERSHIP, _parse_membership), "contains": (MEMBERSHIP, _parse_membership)})
INFIXES["~"] = (EQUALITY, _parse_equivalence)
INFIXES.update({"is": (TYPE, _parse_is), "as": (TYPE, _parse_as), "between": (BETWEEN, parse_between)})
PREFIXES.update(
    {
        "+": _parse_sign,
        "-": _parse_sign,
        "not": _parse_condition,
        "exists": _parse_condition,
        "cast": _parse_cast,
        "convert": _parse_convert,
        "minimum": _parse_extent,
        "maximum": _parse_extent,
        "distinct": _parse_aggregate_word,
        "flatten": _parse_aggregate_word,
        "collapse": _parse_collapse,
        "expand": _parse_collapse,
        "if": _parse_if,
        "case": _parse_case,
        "duration": _parse_time_span,
        "difference": _parse_time_span,
    }
)
PREFIXES.update(dict.fromkeys(_OF, _parse_word_of))
PREFIXES.update(dict.fromkeys(_FROM, _parse_word_from))
PREFIXES.update(dict.fromkeys(PRECISIONS, _parse_precision_word))
