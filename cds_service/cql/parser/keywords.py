"""Which words mean something in CQL, and which of those may still be used as names."""

from __future__ import annotations

# Words with a meaning everywhere: as a name they need quotes.
_RESERVED_WORDS = (
    "aggregate all and as after before between case cast Code collapse Concept convert day days difference distinct "
    "duration during else exists expand false flatten from if in is hour hours Interval let List maximum "
    "millisecond milliseconds minimum minute minutes month months not null occurs of or per point properly return "
    "same singleton second seconds start then to true Tuple week weeks when with within without year years "
)
RESERVED = frozenset(_RESERVED_WORDS.split())

# Words with a meaning in places: elsewhere they are names, but never an alias and never a defined name.
_UNRESERVED_WORDS = (
    "asc ascending by called code codesystem codesystems concept contains context date default define desc "
    "descending display div end ends except external fluent function implies include includes intersect library "
    "meets mod overlaps parameter predecessor private public sort starting starts successor time timezoneoffset "
    "union using valueset version where width xor "
)
UNRESERVED = frozenset(_UNRESERVED_WORDS.split())

KEYWORDS = RESERVED | UNRESERVED

# Words that only mean something together with the next one.
PAIRS = {"such": "that", "less": "than", "more": "than", "on": "or", "included": "in", "timezone": "from"}

PRECISIONS = {
    word: singular
    for singular in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for word in (singular, singular + "s")
}
SINGULAR_PRECISIONS = frozenset(PRECISIONS.values())

# Each of these begins a declaration or definition of a library.
DECLARATIONS = (
    "library",
    "using",
    "include",
    "codesystem",
    "valueset",
    "code",
    "concept",
    "parameter",
    "context",
    "define",
)
