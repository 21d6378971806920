"""Units of measure: UCUM expressions parsed, compared, converted and combined, each text only once.

A parsed unit is a factor over powers of base units. Annotations in braces count as 1; arbitrary units are base units
of their own; Celsius and its kin convert with an offset when they stand alone. Calendar words are not UCUM: how they
compare is the business of `quantities`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache

from cds_service.values.unit_table import AFFINE, ARBITRARY, BASE_UNITS, DEFINITIONS, PREFIXES

Dimensions = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """What a unit expression means: `factor` in base units, its dimensions, and for temperatures an offset."""

    factor: Fraction
    dimensions: Dimensions
    offset: Fraction = Fraction(0)
    parts: tuple[tuple[str, int], ...] = ()  # the written components and their exponents, for combining texts

    @property
    def special(self) -> bool:
        """Whether products with this unit have no meaning."""
        return self.offset != 0


class _NoUnitError(ValueError):
    """The text is no UCUM expression."""


@cache
def _atoms() -> dict[str, tuple[bool, str | None]]:
    """Every unit symbol: whether it takes prefixes, and its definition (None: a dimension of its own)."""
    atoms: dict[str, tuple[bool, str | None]] = dict.fromkeys(BASE_UNITS, (True, None))
    for line in DEFINITIONS.strip().splitlines():
        code, definition = line.split(" = ")
        atoms[code.removeprefix("*")] = (code.startswith("*"), definition)
    for code in ARBITRARY.split():
        atoms[code.removeprefix("*")] = (code.startswith("*"), None)
    atoms["[IU]"] = (True, "1 [iU]")
    for code in AFFINE:
        atoms[code] = (code == "Cel", None)
    return atoms


def _combine(left: Dimensions, right: Dimensions, power: int) -> Dimensions:
    sums = dict(left)
    for base, exponent in right:
        sums[base] = sums.get(base, 0) + exponent * power
    return tuple(sorted((base, exponent) for base, exponent in sums.items() if exponent))


@cache
def _atom(code: str) -> Unit:
    """A unit symbol with or without prefix."""
    atoms = _atoms()
    known = atoms.get(code)
    if known is not None:
        if code in AFFINE:
            factor, offset = AFFINE[code]
            return Unit(factor, (("K", 1),), offset)
        if known[1] is None:
            return Unit(Fraction(1), ((code, 1),))
        number, _, text = known[1].partition(" ")
        defined = _Parser(text).parse()
        return Unit(Fraction(number) * defined.factor, defined.dimensions)
    for length in (1, 2):
        prefix, rest = code[:length], code[length:]
        if prefix in PREFIXES and rest in atoms and atoms[rest][0] and rest not in AFFINE:
            unit = _atom(rest)
            return Unit(PREFIXES[prefix] * unit.factor, unit.dimensions)
    raise _NoUnitError(code)


_LONGEST = 256  # characters: beyond that it is no unit, and numbers in it need no end
_TOKEN = re.compile(r"\{[^{}]*\}|[./()]|10[*^]|[^./(){}\[\]]*(?:\[[^\[\]]*\][^./(){}\[\]]*)*", re.ASCII)
_COMPONENT = re.compile(r"(10[*^]|.*?[^\d+-])([+-]?\d+)?", re.ASCII | re.DOTALL)


class _Parser:
    """Recursive descent over: term = ['/'] component { ('.' | '/') component }."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None or not match.group():
                raise _NoUnitError(text)
            self.tokens.append(match.group())
            position = match.end()
        self.position = 0

    def peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def parse(self) -> Unit:
        unit = self.term(1)
        if self.peek():
            raise _NoUnitError(self.peek())
        return unit

    def term(self, depth: int) -> Unit:
        if depth > 20:
            raise _NoUnitError("nested too deep")
        sign = 1
        result = Unit(Fraction(1), ())
        if self.peek() == "/":
            self.position += 1
            sign = -1
        first = True
        while True:
            component = self.component(depth)
            if component.offset:
                if not first or sign < 0 or self.peek() in (".", "/"):
                    raise _NoUnitError("special unit in a product")
                return component
            parts = tuple((text, exponent * sign) for text, exponent in component.parts)
            result = Unit(
                result.factor * component.factor**sign,
                _combine(result.dimensions, component.dimensions, sign),
                parts=result.parts + parts,
            )
            first = False
            if self.peek() not in (".", "/"):
                return result
            sign = 1 if self.peek() == "." else -1
            self.position += 1

    def component(self, depth: int) -> Unit:
        text = self.peek()
        self.position += 1
        if text.startswith("{"):
            return Unit(Fraction(1), (), parts=((text, 1),))
        if text == "(":
            unit = self.term(depth + 1)
            if self.peek() != ")":
                raise _NoUnitError("unclosed")
            self.position += 1
            return unit
        if text in ("10*", "10^") and re.fullmatch(r"[+-]?\d+", self.peek()):
            text += self.peek()
            self.position += 1
        unit = self.simple(text)
        if self.peek().startswith("{"):
            annotation = self.peek()
            self.position += 1
            (code, exponent), *_ = unit.parts
            return Unit(unit.factor, unit.dimensions, unit.offset, ((code + annotation, exponent),))
        return unit

    def simple(self, token: str) -> Unit:
        if re.fullmatch(r"\d+", token, re.ASCII):
            if not int(token):
                raise _NoUnitError(token)
            return Unit(Fraction(int(token)), (), parts=((token, 1),))
        match = _COMPONENT.fullmatch(token)
        if match is None:
            raise _NoUnitError(token)
        code, exponent = match.group(1), int(match.group(2) or 1)
        unit = _atom(code)
        if abs(exponent) > 100 or (unit.offset and exponent != 1):
            raise _NoUnitError(token)
        powers = tuple((base, power * exponent) for base, power in unit.dimensions if exponent)
        return Unit(unit.factor**exponent, powers, unit.offset, ((code, exponent),))


@lru_cache(maxsize=4096)
def parse(text: str) -> Unit | None:
    """The meaning of a UCUM expression; null for a text that is none."""
    try:
        return _Parser(text).parse() if 0 < len(text) <= _LONGEST and text.isascii() else None
    except _NoUnitError:
        return None


def is_valid(text: str) -> bool:
    """Whether `text` is a UCUM expression."""
    return parse(text) is not None


@lru_cache(maxsize=4096)
def conversion(source: str, target: str) -> tuple[Fraction, Fraction] | None:
    """Factor and summand that turn a value in `source` into one in `target`; null if they measure different things."""
    if source == target:
        return Fraction(1), Fraction(0)
    first, second = parse(source), parse(target)
    if first is None or second is None or first.dimensions != second.dimensions:
        return None
    factor = first.factor / second.factor
    return factor, first.offset * factor - second.offset


def conversion_factor(source: str, target: str) -> Fraction | None:
    """The factor from one unit to another; null if there is none (or it takes an offset as well)."""
    found = conversion(source, target)
    return None if found is None or found[1] else found[0]


def canonical(text: str) -> str | None:
    """One text for all units of the same meaning: the base units; null for a text that is no unit."""
    unit = parse(text)
    if unit is None:
        return None
    return ".".join(base if power == 1 else f"{base}{power}" for base, power in unit.dimensions) or "1"


def _render(parts: dict[str, int]) -> str:
    def power(code: str, exponent: int) -> str:
        if exponent == 1:
            return code
        return f"({code}){exponent}" if code[-1:].isdigit() else f"{code}{exponent}"

    above = [power(code, exponent) for code, exponent in parts.items() if exponent > 0]
    below = [power(code, -exponent) for code, exponent in parts.items() if exponent < 0]
    return ".".join(above) + "".join(f"/{code}" for code in below) if above or below else "1"


@lru_cache(maxsize=4096)
def product(left: str, right: str, sign: int) -> str | None:
    """The text of the unit `left` times (`sign` 1) or divided by (-1) `right`; null where that has no meaning."""
    first, second = parse(left), parse(right)
    if first is None or second is None or first.special or second.special:
        return None
    parts: dict[str, int] = {}
    for code, exponent in (*first.parts, *((code, exponent * sign) for code, exponent in second.parts)):
        parts[code] = parts.get(code, 0) + exponent
    parts = {code: exponent for code, exponent in parts.items() if exponent and code != "1"}
    # Numbers and annotations cannot carry an exponent in UCUM, so they are repeated.
    plain = {code: exponent for code, exponent in parts.items() if not (code[0].isdigit() or code.endswith("}"))}
    plain |= {code: exponent for code, exponent in parts.items() if code in ("10*", "10^")}
    text = _render(plain)
    for code, exponent in parts.items():
        if code not in plain:
            text = ("" if text == "1" and exponent > 0 else text) + (
                "." * (text != "1") + ".".join([code] * exponent) if exponent > 0 else f"/{code}" * -exponent
            )
    return text


def multiply(left: str, right: str) -> str | None:
    """The unit of a product."""
    return product(left, right, 1)


def divide(left: str, right: str) -> str | None:
    """The unit of a quotient."""
    return product(left, right, -1)
