"""FHIRPath text to a syntax tree, by precedence."""

from __future__ import annotations

from typing import Literal as OneOf
from typing import NoReturn

from cds_service.errors import Span
from cds_service.fhirpath import nodes
from cds_service.fhirpath.tokens import (
    DATE,
    DATETIME,
    END,
    LONG,
    NAME,
    NUMBER,
    STRING,
    SYMBOL,
    TIME,
    WORD,
    Source,
    Token,
    tokenize,
)

# Loose to tight.
_LEVELS = {
    "implies": 1,
    "or": 2,
    "xor": 2,
    "and": 3,
    "in": 4,
    "contains": 4,
    "=": 5,
    "~": 5,
    "!=": 5,
    "!~": 5,
    "<": 6,
    "<=": 6,
    ">": 6,
    ">=": 6,
    "|": 7,
    "is": 8,
    "as": 8,
    "+": 9,
    "-": 9,
    "&": 9,
    "*": 10,
    "/": 10,
    "div": 10,
    "mod": 10,
}
_SIGN, _POSTFIX = 11, 12
_RESERVED = frozenset(("implies", "or", "xor", "and", "div", "mod", "true", "false"))
_UNITS = frozenset(
    unit + plural
    for unit in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for plural in ("", "s")
)
_LITERAL_TYPES = {STRING: "String", LONG: "Long", DATE: "Date", DATETIME: "DateTime", TIME: "Time"}
_MAX_NESTING = 60
_MAX_HEIGHT = 150


def parse(text: str, file: str = "expression") -> nodes.Node:
    """The syntax tree of an expression."""
    parser = _Parser(Source(text, file))
    node = parser.expression(1)
    if parser.token.kind != END:
        parser.fail(f"`{parser.token.value}` cannot follow here.", "Remove it, or put an operator before it.")
    return node


class _Parser:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.tokens = tokenize(source)
        self.position = 0
        self.nesting = 0
        self.height = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def take(self) -> Token:
        token = self.token
        self.position += token.kind != END
        return token

    def at(self, text: str) -> bool:
        token = self.token
        return token.value == text and token.kind in (WORD, SYMBOL)

    def accept(self, text: str) -> bool:
        found = self.at(text)
        self.position += found
        return found

    def expect(self, text: str, place: str) -> None:
        if not self.accept(text):
            self.fail_expected(f"`{text}` {place}")

    def fail(self, what: str, remedy: str = "") -> NoReturn:
        self.source.fail(what, self.token.start, self.token.end, remedy)

    def fail_expected(self, expected: str) -> NoReturn:
        found = "the end of the text" if self.token.kind == END else f"`{self.token.value}`"
        self.fail(f"Expected {expected}, found {found}.")

    # --- Expressions -----------------------------------------------------------------------------

    def expression(self, minimum: int) -> nodes.Node:
        outer, self.height = self.height, 0
        self.nesting += 1
        if self.nesting > _MAX_NESTING:
            self.fail("This expression is nested too deeply.", "Divide it.")
        start = self.token.start
        left = self.prefix()
        height = self.height + 1
        while True:
            self.height = 0
            longer = self.infix(left, start, minimum)
            if longer is None:
                break
            left = longer
            height = max(height, self.height) + 1
            if height > _MAX_HEIGHT:
                self.fail("This expression is too long.", "Divide it.")
        self.height = max(outer, height)
        self.nesting -= 1
        return left

    def infix(self, left: nodes.Node, start: int, minimum: int) -> nodes.Node | None:
        token = self.token
        if token.kind not in (WORD, SYMBOL):
            return None
        word = token.value
        if word == ".":
            self.take()
            return self.invocation(left)
        if word == "[":
            self.take()
            index = self.expression(1)
            self.expect("]", "after the index")
            return nodes.Index(left, index, span=self.span(start))
        level = _LEVELS.get(word)
        if level is None or level < minimum:
            return None
        self.take()
        if word in ("is", "as"):
            operator: OneOf["is", "as"] = "is" if word == "is" else "as"
            return nodes.TypeOperation(operator, left, self.type_name(), span=self.span(start))
        right = self.expression(level + 1)
        return nodes.Binary(word, left, right, span=self.source.span(start, self.tokens[self.position - 1].end))

    def span(self, start: int) -> Span:
        return self.source.span(start, self.tokens[self.position - 1].end)

    def prefix(self) -> nodes.Node:
        token = self.token
        if token.kind == WORD or token.kind == NAME:
            if token.kind == WORD and token.value in ("true", "false"):
                self.take()
                return nodes.Literal("Boolean", token.value == "true", span=self.span(token.start))
            return self.invocation(None)
        if token.kind in _LITERAL_TYPES:
            self.take()
            return nodes.Literal(_LITERAL_TYPES[token.kind], token.value, span=self.span(token.start))
        if token.kind == NUMBER:
            return self.number()
        if token.value == "(":
            self.take()
            inner = self.expression(1)
            self.expect(")", "to close the parenthesis")
            return inner
        if token.value == "{":
            self.take()
            self.expect("}", "after `{`")
            return nodes.Empty(span=self.span(token.start))
        if token.value in ("-", "+"):
            self.take()
            operand = self.expression(_SIGN)
            return nodes.Sign("-" if token.value == "-" else "+", operand, span=self.span(token.start))
        if token.value == "%":
            self.take()
            if self.token.kind not in (WORD, NAME, STRING):
                self.fail_expected("a name after `%`")
            return nodes.Constant(self.take().value, span=self.span(token.start))
        if token.value.startswith("$"):
            self.take()
            name: OneOf["this", "index", "total"] = "this" if token.value == "$this" else "total"
            return nodes.Variable("index" if token.value == "$index" else name, span=self.span(token.start))
        return self.fail_expected("an expression")

    def number(self) -> nodes.Node:
        token = self.take()
        unit = self.token
        if unit.kind == STRING or (unit.kind == WORD and unit.value in _UNITS):
            self.take()
            return nodes.Literal("Quantity", (token.value, unit.value), span=self.span(token.start))
        kind = "Decimal" if "." in token.value else "Integer"
        return nodes.Literal(kind, token.value, span=self.span(token.start))

    def invocation(self, source: nodes.Node | None) -> nodes.Node:
        """A member or call; its place is that of its own name, not of what stands before the dot."""
        token = self.token
        start = token.start
        if source is not None and token.kind == SYMBOL and token.value.startswith("$"):
            self.fail(f"`{token.value}` cannot follow a dot.", "It stands alone or at the beginning.")
        if token.kind not in (WORD, NAME) or (source is None and token.kind == WORD and token.value in _RESERVED):
            self.fail_expected("a name")
        self.take()
        if not self.at("("):
            return nodes.Member(source, token.value, span=self.span(start))
        self.take()
        arguments: list[nodes.Node] = []
        if not self.at(")"):
            arguments.append(self.argument(token.value))
            while self.accept(","):
                arguments.append(self.argument(token.value))
        self.expect(")", f"after the arguments of `{token.value}`")
        return nodes.Call(source, token.value, tuple(arguments), span=self.span(start))

    def argument(self, function: str) -> nodes.Node:
        start = self.token.start
        node = self.expression(1)
        if function == "sort" and (self.at("asc") or self.at("desc")):
            descending = self.take().value == "desc"
            return nodes.SortKey(node, descending, span=self.span(start))
        return node

    def type_name(self) -> str:
        parts = []
        while True:
            if self.token.kind not in (WORD, NAME):
                self.fail_expected("the name of a type")
            parts.append(self.take().value)
            if not (self.at(".") and self.tokens[self.position + 1].kind in (WORD, NAME)):
                return ".".join(parts)
            if self.tokens[self.position + 2].value == "(":
                return ".".join(parts)
            self.take()
