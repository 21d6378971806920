"""The points of a type as a sequence: minimum and maximum, successor and predecessor, the size of one step."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from cds_service.values import dates, decimals, integers, longs
from cds_service.values.failures import IncompatibleValues, ValueOutOfRange
from cds_service.values.longs import Long
from cds_service.values.precisions import MILLISECONDS_PER, Precision
from cds_service.values.quantity import Quantity
from cds_service.values.temporals import DAY_LENGTH, Date, DateTime, Time
from cds_service.values.uncertainty import Uncertainty

_LAST_DAY = 3_652_059  # 9999-12-31
_EXTREMES: dict[str, tuple[Any, Any]] = {
    "Integer": (integers.MIN, integers.MAX),
    "Long": (Long(longs.MIN), Long(longs.MAX)),
    "Decimal": (decimals.MIN, decimals.MAX),
    "Quantity": (Quantity(decimals.MIN), Quantity(decimals.MAX)),
    "Date": (Date(1, Precision.DAY), Date(_LAST_DAY, Precision.DAY)),
    "DateTime": (
        DateTime(DAY_LENGTH, Precision.MILLISECOND),
        DateTime((_LAST_DAY + 1) * DAY_LENGTH - 1, Precision.MILLISECOND),
    ),
    "Time": (Time(0, Precision.MILLISECOND), Time(DAY_LENGTH - 1, Precision.MILLISECOND)),
}

_STEP_UNITS = {precision: precision.name.lower() for precision in Precision}
TYPE_NAMES: dict[type, str] = {
    int: "Integer",
    Long: "Long",
    Decimal: "Decimal",
    Quantity: "Quantity",
    Date: "Date",
    DateTime: "DateTime",
    Time: "Time",
    str: "String",
    bool: "Boolean",
}


def minimum(type_name: str) -> Any:
    """The least value of a type; an error for a type that has none."""
    return _extreme(type_name, 0)


def maximum(type_name: str) -> Any:
    """The greatest value of a type; an error for a type that has none."""
    return _extreme(type_name, 1)


def _extreme(type_name: str, which: int) -> Any:
    found = _EXTREMES.get(type_name.removeprefix("System."))
    if found is None:
        raise IncompatibleValues(f"The type {type_name} has no least or greatest value.", remedy="Use an ordered type.")
    return found[which]


def has_extremes(type_name: str) -> bool:
    """Whether the type has a least and a greatest value."""
    return type_name in _EXTREMES


def point_size(type_name: str) -> Any:
    """The distance from one point to the next; null for types without a number for it."""
    return {"Integer": 1, "Long": Long(1), "Decimal": decimals.STEP, "Quantity": decimals.STEP}.get(type_name)


def step(value: Any, direction: int) -> Any:
    """The next (1) or previous (-1) point at the precision of the value; null beyond the range or for null."""
    kind = type(value)
    if kind is int:
        result = value + direction
        return result if integers.MIN <= result <= integers.MAX else None
    if kind is Decimal:
        return decimals.add(value, decimals.STEP * direction)
    if kind is Quantity:
        moved = decimals.add(value.value, decimals.STEP * direction)
        return None if moved is None else Quantity(moved, value.unit)
    if kind is Time:
        start = value.milliseconds + direction * MILLISECONDS_PER[value.precision]
        return Time(start, value.precision) if 0 <= start < DAY_LENGTH else None
    if kind is Date or kind is DateTime:
        try:
            return dates.add(value, Quantity(Decimal(direction), _STEP_UNITS[value.precision]))
        except ValueOutOfRange:
            return None
    if kind is Long:
        return longs.add(value, Long(direction))
    if kind is Uncertainty:
        low, high = step(value.low, direction), step(value.high, direction)
        low, high = value.low if low is None else low, value.high if high is None else high
        return Uncertainty(low, high, value.point_type)
    if value is None:
        return None
    raise IncompatibleValues(f"A {kind.__name__} has no next or previous value.", remedy="Use an ordered type.")


def successor(value: Any) -> Any:
    """`successor of value`; an error after the greatest value of the type."""
    return _required(value, step(value, 1), "successor")


def predecessor(value: Any) -> Any:
    """`predecessor of value`; an error before the least value of the type."""
    return _required(value, step(value, -1), "predecessor")


def _required(value: Any, result: Any, name: str) -> Any:
    if result is None and value is not None:
        raise ValueOutOfRange(f"The value at the end of its type's range has no {name}.", remedy="Guard the end.")
    return result


def type_name(value: Any) -> str:
    """The name of the System type of a value (`Any` for null or a type without points)."""
    kind = type(value)
    return value.point_type if kind is Uncertainty else TYPE_NAMES.get(kind, "Any")
