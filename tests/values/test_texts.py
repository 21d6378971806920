"""Strings, conversions between types, messages, and values as text."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.values import conversion, formatting, strings
from cds_service.values.codes import Code, CodeSystem, Concept, ValueSet
from cds_service.values.date_texts import parse_date, parse_datetime, parse_time
from cds_service.values.failures import IncompatibleValues, MessageRaised
from cds_service.values.interval import Interval
from cds_service.values.longs import Long
from cds_service.values.messages import Message, message
from cds_service.values.quantity import Ratio, make
from cds_service.values.tuples import Tuple
from cds_service.values.uncertainty import Uncertainty

D = Decimal


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (strings.concatenate("a", None), None),
        (strings.ampersand("a", None), "a"),
        (strings.combine(["a", None, "b"], "-"), "a-b"),
        (strings.combine([]), None),
        (strings.indexer("ab", 2), None),
        (strings.position_of("", "ab"), 0),
        (strings.last_position_of("", "ABCDE"), 5),
        (strings.last_position_of("z", "ab"), -1),
        (strings.substring("ab", 2), None),
        (strings.substring("", 0), ""),
        (strings.substring("ab", -1), None),
        (strings.substring("ab", 0, 3), "ab"),
        (strings.fhirpath_substring("", 0), None),
        (strings.split("a,b", ","), ["a", "b"]),
        (strings.split("a,b", None), ["a,b"]),
        (strings.split_on_matches("a1b22c", r"\d+"), ["a", "b", "c"]),
        (strings.split_on_matches("abc", "x*"), ["abc"]),
        (strings.split_on_matches(None, "x"), None),
        (strings.matches("1,2three", r"\d,\d\w+"), True),
        (strings.matches("1,2three", r"^\w+$"), False),
        (strings.matches("a\nb", "a.b"), True),
        (strings.matches_full("N8000123123", "N[0-9]{8}"), False),
        (strings.replace_matches("All that", r"\s", r"\$"), "All$that"),
        (strings.replace_matches("2025-01-31", r"(\d+)-(\d+)-(\d+)", "$3.$2.${1}"), "31.01.2025"),
        (strings.replace_matches("ab", "(?P<first>a)", "<${first}>"), "<a>b"),
        (strings.fhirpath_replace_matches("abc", "", "x"), "abc"),
        (strings.replace("abc", "", "x"), "xaxbxcx"),
        (strings.contains_text("abc", ""), True),
        (strings.index_of("abc", "c"), 2),
        (strings.last_index_of("abab", "ab"), 2),
        (strings.to_chars("t2"), ["t", "2"]),
        (strings.trim(" a "), "a"),
        (strings.join(["a", "b"], ","), "a,b"),
        (strings.lower("Ab"), "ab"),
        (strings.upper("Ab"), "AB"),
        (strings.length("ab"), 2),
        (strings.starts_with("ab", "a"), True),
        (strings.ends_with("ab", None), None),
        (strings.encode("a", "rot13"), None),
        (strings.decode("zz", "hex"), None),
        (strings.decode("c3ViamVjdHM_X2Q", "urlbase64"), "subjects?_d"),
        (strings.escape('"a"<', "html"), "&quot;a&quot;&lt;"),
        (strings.escape('"a"', "json"), '\\"a\\"'),
        (strings.unescape("&lt;", "html"), "<"),
        (strings.unescape('\\"a', "json"), '"a'),
        (strings.unescape('"', "json"), None),
    ],
)
def test_strings(found: Any, expected: Any) -> None:
    assert found == expected


@given(st.text(), st.sampled_from(["hex", "base64", "urlbase64"]))
def test_encoding_there_and_back(text: str, form: str) -> None:
    encodable = text.encode(errors="ignore").decode()
    assert strings.decode(strings.encode(encodable, form), form) == encodable


@given(st.text(), st.sampled_from(["html", "json"]))
def test_escaping_there_and_back(text: str, target: str) -> None:
    assert strings.unescape(strings.escape(text, target), target) == text


def test_patterns_must_be_patterns() -> None:
    with pytest.raises(IncompatibleValues):
        strings.matches("a", "(")
    with pytest.raises(IncompatibleValues):
        strings.replace_matches("a", "a", "$7")


def test_null_text_gives_null() -> None:
    for one in (strings.lower, strings.upper, strings.length, strings.trim):
        assert one(None) is None
    for two in (strings.matches, strings.matches_full, strings.position_of, strings.contains_text, strings.encode):
        assert two(None, "a") is None
    assert strings.replace_matches("a", None, "b") is None


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (conversion.to_boolean("Y"), True),
        (conversion.to_boolean("NO"), False),
        (conversion.to_boolean("falsetto"), None),
        (conversion.to_boolean(D("1.0")), True),
        (conversion.to_boolean(2), None),
        (conversion.fhirpath_to_boolean("1.0"), True),
        (conversion.to_integer("-25"), -25),
        (conversion.to_integer("1.0"), None),
        (conversion.to_integer("2147483648"), None),
        (conversion.to_integer(Long(2**40)), None),
        (conversion.to_integer(True), 1),
        (conversion.to_long("9223372036854775808"), None),
        (conversion.to_long(5), Long(5)),
        (conversion.to_decimal("+25.5"), D("25.5")),
        (conversion.to_decimal(".5"), None),
        (conversion.to_decimal("0.123456789"), D("0.12345679")),
        (conversion.to_decimal(False), D("0.0")),
        (conversion.to_quantity(13), make(13)),
        (conversion.fhirpath_to_quantity(True), make(D("1.0"))),
        (conversion.to_date("2014-01-01T12:30:00"), parse_date("2014-01-01")),
        (conversion.to_date(parse_datetime("2014-01-01T12")), parse_date("2014-01-01")),
        (conversion.to_datetime(parse_date("2014-01")), parse_datetime("2014-01")),
        (conversion.to_datetime("2014/01/01"), None),
        (conversion.to_time("T14:30:00.0-05:45"), parse_time("14:30:00.000")),
        (conversion.to_time("25:00"), None),
        (conversion.to_concept(Code("a", display="A")), Concept((Code("a", display="A"),), "A")),
        (conversion.to_concept([Code("a"), None]), Concept((Code("a"),))),
        (conversion.to_codes(Concept((Code("a"),))), [Code("a")]),
        (conversion.to_list(None), []),
        (conversion.to_list(1), [1]),
        (conversion.converts_to_integer("x"), False),
        (conversion.converts_to_integer(None), None),
        (conversion.converts_to_decimal(1), True),
        (conversion.converts_to_ratio("1:2"), True),
        (conversion.converts_to_string(Tuple({})), False),
    ],
)
def test_conversions(found: Any, expected: Any) -> None:
    assert found == expected
    assert type(found) is type(expected)


def test_null_and_foreign_types_convert_to_null() -> None:
    for convert in (
        *(conversion.to_boolean, conversion.to_integer, conversion.to_long, conversion.to_decimal, conversion.to_ratio),
        *(
            conversion.to_quantity,
            conversion.to_date,
            conversion.to_datetime,
            conversion.to_time,
            conversion.to_concept,
        ),
    ):
        assert convert(None) is None
        assert convert(Tuple({})) is None


@pytest.mark.parametrize(
    ("value", "cql", "spoken"),
    [
        (None, "null", "unknown"),
        (True, "true", "yes"),
        (5, "5", "5"),
        (Long(5), "5L", "5"),
        (D("5.50"), "5.50", "5.5"),
        (D(5), "5.0", "5"),
        (D("1E-8"), "0.00000001", "0.00000001"),
        ("it's\n", "'it\\'s\\n'", "it's\n"),
        (make(29, "mL/min/{1.73_m2}"), "29 'mL/min/{1.73_m2}'", "29 mL/min/1.73 m²"),
        (Ratio(make(1) or Any, make(128) or Any), "1 '1':128 '1'", "1 : 128"),  # type: ignore[arg-type]
        (parse_date("2025-01"), "@2025-01", "2025-01"),
        (parse_datetime("2025-01-31T"), "@2025-01-31T", "2025-01-31"),
        (parse_datetime("2025-01-31T08:30:15.123-05:00"), "@2025-01-31T08:30:15.123-05:00", "2025-01-31 08:30"),
        (parse_time("08:30"), "@T08:30", "08:30"),
        (Interval(1, None, True, False, "Integer"), "Interval[1, null)", "1 to unknown"),
        (Uncertainty(1, 3), "between 1 and 3", "between 1 and 3"),
        ([1, "a"], "{ 1, 'a' }", "1, a"),
        ([], "{ }", ""),
        (Tuple({"a": 1, "b": None}), "Tuple { a: 1, b: null }", "Tuple { a: 1, b: null }"),
        (Code("a", "s", display="A"), "Code { code: 'a', system: 's', display: 'A' }", "A"),
        (Concept((Code("a"),)), "Concept { codes: { Code { code: 'a' } } }", "a"),
        (ValueSet("u", name="N"), "ValueSet { id: 'u', name: 'N' }", "ValueSet { id: 'u', name: 'N' }"),
        (CodeSystem("u"), "CodeSystem { id: 'u' }", "CodeSystem { id: 'u' }"),
    ],
)
def test_values_as_text(value: Any, cql: str, spoken: str) -> None:
    assert formatting.to_cql(value) == cql
    assert formatting.to_text(value) == spoken


def test_messages_reach_whoever_listens() -> None:
    heard: list[Message] = []
    assert message(2, True, "200", "Warning", "Look out", heard.append) == 2
    assert message(2, None, "200", "Error", "Not this one", heard.append) == 2
    assert heard == [Message("Warning", "200", "Look out", 2)]
    with pytest.raises(MessageRaised, match="No way"):
        message(2, True, "400", "Error", "No way")
