"""Functions on one value: texts, numbers, dates and conversions, each a function of `values` with its types."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from cds_service.errors import Span
from cds_service.fhirpath import nodes
from cds_service.fhirpath.compiler.core import FUNCTIONS, Compiler, Function, Scope
from cds_service.fhirpath.compiler.shapes import (
    BOOLEAN,
    DATE,
    DATETIME,
    DECIMAL,
    INTEGER,
    LONG,
    QUANTITY,
    STRING,
    TIME,
    Code,
    Shape,
    Types,
)
from cds_service.fhirpath.runtime import checks, mathematics, texts
from cds_service.values import boundaries, conversion, quantities, strings
from cds_service.values.longs import Long
from cds_service.values.quantity import Quantity
from cds_service.values.temporals import Date, DateTime, Time

_CLASSES: dict[str, type] = {
    BOOLEAN: bool,
    INTEGER: int,
    LONG: Long,
    DECIMAL: Decimal,
    STRING: str,
    DATE: Date,
    DATETIME: DateTime,
    TIME: Time,
    QUANTITY: Quantity,
}
_NUMBER = frozenset((INTEGER, DECIMAL, LONG))
_TEXT, _WHOLE, _ANY = frozenset((STRING,)), frozenset((INTEGER,)), frozenset(_CLASSES)
_TRUTH = frozenset((BOOLEAN,))
_MEASURE = _NUMBER | {QUANTITY}
_MOMENT = frozenset((DATE, DATETIME))

Same = frozenset[str]
SAME: Same = frozenset(("same",))  # the result has the type of the input


@dataclass(frozen=True, slots=True)
class Scalar:
    """One function: what it applies to, what its arguments are, what it gives, and what does it."""

    takes: frozenset[str]
    gives: frozenset[str]
    function: Callable[..., Any]
    arguments: tuple[frozenset[str], ...] = ()
    optional: int = 0
    many: bool = False
    inline: str = ""  # Python for arguments that are certainly there and of these types


_SCALARS: dict[str, Scalar] = {
    # Texts
    "indexOf": Scalar(_TEXT, _WHOLE, strings.index_of, (_TEXT,)),
    "lastIndexOf": Scalar(_TEXT, _WHOLE, strings.last_index_of, (_TEXT,)),
    "substring": Scalar(_TEXT, _TEXT, strings.fhirpath_substring, (_WHOLE, _WHOLE), optional=1),
    "startsWith": Scalar(_TEXT, _TRUTH, strings.starts_with, (_TEXT,), inline="{0}.startswith({1})"),
    "endsWith": Scalar(_TEXT, _TRUTH, strings.ends_with, (_TEXT,), inline="{0}.endswith({1})"),
    "contains": Scalar(_TEXT, _TRUTH, strings.contains_text, (_TEXT,), inline="{1} in {0}"),
    "upper": Scalar(_TEXT, _TEXT, strings.upper, inline="{0}.upper()"),
    "lower": Scalar(_TEXT, _TEXT, strings.lower, inline="{0}.lower()"),
    "replace": Scalar(_TEXT, _TEXT, strings.replace, (_TEXT, _TEXT)),
    "matches": Scalar(_TEXT, frozenset((BOOLEAN,)), texts.matches, (_TEXT, _TEXT), optional=1),
    "matchesFull": Scalar(_TEXT, frozenset((BOOLEAN,)), texts.matches_full, (_TEXT, _TEXT), optional=1),
    "replaceMatches": Scalar(_TEXT, _TEXT, texts.replace_matches, (_TEXT, _TEXT, _TEXT), optional=1),
    "length": Scalar(_TEXT, _WHOLE, strings.length, inline="len({0})"),
    "toChars": Scalar(_TEXT, _TEXT, strings.to_chars, many=True),
    "encode": Scalar(_TEXT, _TEXT, strings.encode, (_TEXT,)),
    "decode": Scalar(_TEXT, _TEXT, strings.decode, (_TEXT,)),
    "escape": Scalar(_TEXT, _TEXT, strings.escape, (_TEXT,)),
    "unescape": Scalar(_TEXT, _TEXT, strings.unescape, (_TEXT,)),
    "trim": Scalar(_TEXT, _TEXT, strings.trim),
    "split": Scalar(_TEXT, _TEXT, strings.split, (_TEXT,), many=True),
    # Numbers
    "abs": Scalar(_MEASURE, SAME, mathematics.absolute),
    "ceiling": Scalar(_NUMBER, _WHOLE, mathematics.ceiling),
    "floor": Scalar(_NUMBER, _WHOLE, mathematics.floor),
    "truncate": Scalar(_NUMBER, _WHOLE, mathematics.truncate),
    "exp": Scalar(_NUMBER, frozenset((DECIMAL,)), mathematics.exp),
    "ln": Scalar(_NUMBER, frozenset((DECIMAL,)), mathematics.ln),
    "log": Scalar(_NUMBER, frozenset((DECIMAL,)), mathematics.log, (_NUMBER,)),
    "sqrt": Scalar(_NUMBER, frozenset((DECIMAL,)), mathematics.sqrt),
    "power": Scalar(_NUMBER, frozenset(), mathematics.power, (_NUMBER,)),
    "round": Scalar(_MEASURE, frozenset(), mathematics.round_, (_WHOLE,), optional=1),
    # Precision
    "lowBoundary": Scalar(
        _MEASURE | _MOMENT | {TIME}, frozenset(), boundaries.fhirpath_low_boundary, (_WHOLE,), optional=1
    ),
    "highBoundary": Scalar(
        _MEASURE | _MOMENT | {TIME}, frozenset(), boundaries.fhirpath_high_boundary, (_WHOLE,), optional=1
    ),
    "precision": Scalar(_NUMBER | _MOMENT | {TIME}, _WHOLE, boundaries.precision),
    "comparable": Scalar(
        frozenset((QUANTITY,)), frozenset((BOOLEAN,)), quantities.comparable, (frozenset((QUANTITY,)),)
    ),
}

_CONVERSIONS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "Boolean": (BOOLEAN, conversion.fhirpath_to_boolean),
    "Integer": (INTEGER, conversion.to_integer),
    "Long": (LONG, conversion.to_long),
    "Decimal": (DECIMAL, conversion.to_decimal),
    "String": (STRING, conversion.to_string),
    "Date": (DATE, conversion.to_date),
    "DateTime": (DATETIME, conversion.to_datetime),
    "Time": (TIME, conversion.to_time),
}


def _asks(convert: Callable[[Any], Any]) -> Callable[[Any], bool | None]:
    def converts(value: Any) -> bool | None:
        return None if value is None else convert(value) is not None

    return converts


for _name, (_type, _convert) in _CONVERSIONS.items():
    _SCALARS[f"to{_name}"] = Scalar(_ANY, frozenset((_type,)), _convert)
    _SCALARS[f"convertsTo{_name}"] = Scalar(_ANY, frozenset((BOOLEAN,)), _asks(_convert))
_SCALARS["toQuantity"] = Scalar(_ANY, frozenset((QUANTITY,)), texts.to_quantity, (_TEXT,), optional=1)
_SCALARS["convertsToQuantity"] = Scalar(_ANY, frozenset((BOOLEAN,)), texts.converts_to_quantity, (_TEXT,), optional=1)

_COMPONENTS = {
    "yearOf": _MOMENT,
    "monthOf": _MOMENT,
    "dayOf": _MOMENT,
    "hourOf": frozenset((DATETIME, TIME)),
    "minuteOf": frozenset((DATETIME, TIME)),
    "secondOf": frozenset((DATETIME, TIME)),
    "millisecondOf": frozenset((DATETIME, TIME)),
}
for _name, _takes in _COMPONENTS.items():
    _SCALARS[_name] = Scalar(_takes, _WHOLE, mathematics.component(_name.removesuffix("Of")))
_SCALARS["timezoneOffsetOf"] = Scalar(frozenset((DATETIME,)), frozenset((DECIMAL,)), mathematics.timezone_offset)
_SCALARS["dateOf"] = Scalar(_MOMENT, frozenset((DATE,)), mathematics.date_of)
_SCALARS["timeOf"] = Scalar(frozenset((DATETIME,)), frozenset((TIME,)), mathematics.time_of)


def accepts(types: Types, wanted: frozenset[str]) -> bool:
    """Whether items of some of these types may be given where `wanted` are taken, as they are or converted."""
    if types is None or not types or types & wanted:
        return True
    if INTEGER in types and wanted & {DECIMAL, QUANTITY}:
        return True
    return DATE in types and DATETIME in wanted


def argument(compiler: Compiler, code: Code, wanted: frozenset[str], what: str, span: Span) -> Code:
    """One value of the wanted types; refused here, or while running where the type is not known here."""
    code = compiler.single(code, what)
    types = code.shape.types
    if not accepts(types, wanted):
        names = " or ".join(sorted(kind.removeprefix("System.") for kind in types or ()))
        goals = " or ".join(sorted(kind.removeprefix("System.") for kind in wanted))
        compiler.fail(f"{what} takes a {goals}, not a {names}.", span)
    if types is not None and types <= wanted:
        return code
    if wanted == _ANY and types is not None:
        return code
    classes = compiler.writer.constant(tuple(_CLASSES[kind] for kind in sorted(wanted)))
    expect = compiler.writer.function(checks.expect)
    return Code(compiler.writer.let(f"{expect}({code.text}, {classes}, {what!r})"), Shape(types), code.nullable)


def _inlined(compiler: Compiler, scalar: Scalar, given: list[Code]) -> Code:
    """The function written out, behind a look at what may be missing."""
    named = [
        code if code.text.isidentifier() or not code.nullable else replace(code, text=compiler.writer.let(code.text))
        for code in given
    ]
    missing = " or ".join(f"{code.text} is None" for code in named if code.nullable)
    text = scalar.inline.format(*(code.text for code in named))
    if missing:
        text = f"None if {missing} else {text}"
    return Code(compiler.writer.let(text), Shape(scalar.gives), nullable=bool(missing))


def _compile(scalar: Scalar) -> Callable[[Compiler, nodes.Call, Scope], Code]:
    def compile_(compiler: Compiler, call: nodes.Call, scope: Scope) -> Code:
        what = f"{call.name}()"
        source = compiler.source(call, scope, values=True)
        given = [argument(compiler, source, scalar.takes, what, call.span)]
        if not given[0].text.isidentifier():
            given[0] = Code(compiler.writer.let(given[0].text), given[0].shape, given[0].nullable)
        for node, wanted in zip(call.arguments, scalar.arguments, strict=False):
            code = compiler.compile(node, scope.branch(), values=True)
            given.append(argument(compiler, code, wanted, f"An argument of {what}", node.span))
        if scalar.inline and all(code.shape.types == _TEXT for code in given):
            return _inlined(compiler, scalar, given)
        inner = ", ".join(code.text for code in given)
        function = compiler.writer.function(scalar.function)
        gives: Types = scalar.gives
        if gives is SAME:
            gives = given[0].shape.types
        elif not gives:
            gives = None
        text = f"{function}({inner})"
        if scalar.many:
            text = f"{text} or ()"
        return Code(compiler.writer.let(text), Shape(gives, many=scalar.many))

    return compile_


for _name, _scalar in _SCALARS.items():
    FUNCTIONS[_name] = Function(len(_scalar.arguments) - _scalar.optional, len(_scalar.arguments), _compile(_scalar))
