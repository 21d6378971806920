"""String operators of the reference."""

from __future__ import annotations

from cds_service.cql.operators.signatures import Signature
from cds_service.cql.static_types import BOOLEAN, INTEGER, STRING, ListOf

_TEXTS = ListOf(STRING)

SIGNATURES: list[Signature] = [
    Signature("Ampersand", (STRING, STRING), STRING, "strings.ampersand", known=True),
    Signature("Combine", (_TEXTS,), STRING, "strings.combine"),
    Signature("Combine", (_TEXTS, STRING), STRING, "strings.combine"),
    Signature("Concatenate", (STRING, STRING), STRING, "strings.concatenate"),
    Signature("EndsWith", (STRING, STRING), BOOLEAN, "strings.ends_with"),
    Signature("Indexer", (STRING, INTEGER), STRING, "strings.indexer"),
    Signature("LastPositionOf", (STRING, STRING), INTEGER, "strings.last_position_of"),
    Signature("Length", (STRING,), INTEGER, "strings.length"),
    Signature("Lower", (STRING,), STRING, "strings.lower"),
    Signature("Matches", (STRING, STRING), BOOLEAN, "strings.matches", may_fail=True),
    Signature("MatchesFull", (STRING, STRING), BOOLEAN, "strings.matches_full", may_fail=True),
    Signature("PositionOf", (STRING, STRING), INTEGER, "strings.position_of"),
    Signature("ReplaceMatches", (STRING, STRING, STRING), STRING, "strings.replace_matches", may_fail=True),
    Signature("Split", (STRING, STRING), _TEXTS, "strings.split"),
    Signature("SplitOnMatches", (STRING, STRING), _TEXTS, "strings.split_on_matches", may_fail=True),
    Signature("StartsWith", (STRING, STRING), BOOLEAN, "strings.starts_with"),
    Signature("Substring", (STRING, INTEGER), STRING, "strings.substring"),
    Signature("Substring", (STRING, INTEGER, INTEGER), STRING, "strings.substring"),
    Signature("Upper", (STRING,), STRING, "strings.upper"),
]
