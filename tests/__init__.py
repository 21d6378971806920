"""Tests, laid out as the package is; suites of others run from tests/conformance."""
