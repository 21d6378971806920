"""Tests of values: tables from the specification, and algebra against enumeration."""
