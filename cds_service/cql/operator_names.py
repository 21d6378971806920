"""The operator names that `Unary` and `Binary` nodes carry, with the words an author writes for them."""

from __future__ import annotations

from types import MappingProxyType

# The words are canonical: the printer writes them, other spellings are read as the same operator.
UNARY = MappingProxyType(
    {
        "Not": "not",
        "Exists": "exists",
        "Negate": "-",
        "Positive": "+",
        "IsNull": "is null",
        "IsNotNull": "is not null",
        "IsTrue": "is true",
        "IsNotTrue": "is not true",
        "IsFalse": "is false",
        "IsNotFalse": "is not false",
        "Start": "start of",
        "End": "end of",
        "Width": "width of",
        "Predecessor": "predecessor of",
        "Successor": "successor of",
        "SingletonFrom": "singleton from",
        "PointFrom": "point from",
        "Distinct": "distinct",
        "Flatten": "flatten",
        "DateFrom": "date from",
        "TimeFrom": "time from",
        "TimezoneOffsetFrom": "timezoneoffset from",
        "DateTimeComponentFrom": "from",  # after the precision: `year from X`
        "DurationOf": "duration in",  # `duration in days of X`
        "DifferenceOf": "difference in",  # `difference in days of X`
    }
)

BINARY = MappingProxyType(
    {
        "And": "and",
        "Or": "or",
        "Xor": "xor",
        "Implies": "implies",
        "Equal": "=",
        "NotEqual": "!=",
        "Equivalent": "~",
        "NotEquivalent": "!~",
        "Less": "<",
        "LessOrEqual": "<=",
        "Greater": ">",
        "GreaterOrEqual": ">=",
        "Add": "+",
        "Subtract": "-",
        "Multiply": "*",
        "Divide": "/",
        "TruncatedDivide": "div",
        "Modulo": "mod",
        "Power": "^",
        "Concatenate": "&",  # null reads as the empty string
        "Union": "union",
        "Intersect": "intersect",
        "Except": "except",
        "EquivalentIn": "~in",  # also `xs ~contains x`, turned around
        # Timing and membership: these take a precision.
        "In": "in",
        "Contains": "contains",
        "SameAs": "same as",
        "SameOrBefore": "same or before",  # also `on or before`, `before or on`
        "SameOrAfter": "same or after",
        "Before": "before",
        "After": "after",
        "Includes": "includes",
        "ProperIncludes": "properly includes",
        "IncludedIn": "included in",  # also `during`; with a point on the left it means In
        "ProperIncludedIn": "properly included in",
        "Meets": "meets",
        "MeetsBefore": "meets before",
        "MeetsAfter": "meets after",
        "Overlaps": "overlaps",
        "OverlapsBefore": "overlaps before",
        "OverlapsAfter": "overlaps after",
        "Starts": "starts",
        "Ends": "ends",
        "DurationBetween": "duration in",  # `duration in days between A and B`, `days between A and B`
        "DifferenceBetween": "difference in",
    }
)
