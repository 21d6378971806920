"""The statistics against the figures that the specification prints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.quality.conventions import Band, band
from cds_service.quality.statistics import agreement, association, flag, funnel, proportion

LIMITS = {"osteoporosis": 0.01, "neoplasm": 0.05}
KAPPA_BANDS = (
    Band("slight", 0.0, 0.20, includes_low=True),
    Band("fair", 0.20, 0.40),
    Band("moderate", 0.40, 0.60),
    Band("substantial", 0.60, 0.80),
    Band("almost-perfect", 0.80, 1.0),
    Band("poor", None, 0.0, includes_high=False),
)


@pytest.mark.parametrize(
    ("etiology", "events", "total", "percent", "wilson", "expected"),
    [
        ("osteoporosis", 0, 120, 0.0, None, "within"),
        ("osteoporosis", 2, 100, 2.0, (0.550, 7.001), "watch"),
        ("osteoporosis", 6, 150, 4.0, (1.846, 8.451), "exceeds"),
        ("neoplasm", 5, 100, 5.0, (2.154, 11.175), "watch"),  # the limit reads "under": equal is watch
        ("neoplasm", 2, 14, 14.286, None, "small-volume"),
    ],
)
def test_a_rate_is_judged_by_its_lower_bound(
    etiology: str, events: int, total: int, percent: float, wilson: tuple[float, float] | None, expected: str
) -> None:
    share = proportion(events, total)
    assert share.rate is not None
    assert share.rate * 100 == pytest.approx(percent, abs=5e-4)
    if wilson:
        assert (share.low, share.high) == pytest.approx((wilson[0] / 100, wilson[1] / 100), abs=5e-6)
    assert flag(share, LIMITS[etiology], smallest_volume=30) == expected


@pytest.mark.parametrize(
    ("table", "statistic", "degrees", "p"),
    [
        ([[20, 10], [12, 28]], 9.287281, 1, 0.002308),
        ([[9, 14, 25, 6, 10], [12, 4, 8, 24, 16]], 26.926318, 4, 0.0000205725),
        ([[20, 10, 0], [12, 28, 0], [0, 0, 0]], 9.287281, 1, 0.002308),  # empty rows and columns drop out
    ],
)
def test_chi_square_has_no_continuity_correction(
    table: list[list[int]], statistic: float, degrees: int, p: float
) -> None:
    found = association(table, smallest_expected=5)
    assert found is not None
    assert (found.statistic, found.degrees, found.p) == pytest.approx((statistic, degrees, p), rel=1e-3)
    assert not found.sparse


def test_a_sparse_table_is_reported_and_flagged() -> None:
    found = association([[3, 1], [2, 4]], smallest_expected=5)
    assert found is not None
    assert found.sparse


@pytest.mark.parametrize("table", [[[5, 7]], [[0, 0], [0, 0]], [[5, 0], [7, 0]]])
def test_one_row_or_column_compares_nothing(table: list[list[int]]) -> None:
    assert association(table, smallest_expected=5) is None


@pytest.mark.parametrize(
    ("table", "observed", "expected", "kappa", "name"),
    [
        ([[40, 9], [6, 45]], 0.85, 0.5008, 0.699519, "substantial"),
        ([[20, 5, 2], [4, 15, 6], [3, 5, 10]], 0.642857, 0.342449, 0.456859, "moderate"),
    ],
)
def test_kappa(table: list[list[int]], observed: float, expected: float, kappa: float, name: str) -> None:
    found = agreement(table)
    assert found is not None
    assert found.kappa is not None
    assert found.low is not None
    assert found.high is not None
    assert (found.observed, found.expected, found.kappa) == pytest.approx((observed, expected, kappa), abs=1e-6)
    assert found.low < found.kappa < found.high
    assert band(found.kappa, KAPPA_BANDS) == name


@pytest.mark.parametrize(("value", "name"), [(0.47, "moderate"), (0.40, "fair"), (-0.05, "poor"), (0.0, "slight")])
def test_bands_close_at_the_top(value: float, name: str) -> None:
    assert band(value, KAPPA_BANDS) == name


def test_kappa_is_undefined_when_both_readers_name_one_class_only() -> None:
    found = agreement([[12, 0], [0, 0]])
    assert found is not None
    assert found.kappa is None


@given(st.integers(1, 400), st.data())
def test_the_interval_holds_the_rate_and_stays_a_proportion(total: int, data: st.DataObject) -> None:
    events = data.draw(st.integers(0, total))
    share = proportion(events, total)
    assert share.low is not None
    assert share.high is not None
    assert share.rate is not None
    assert -1e-12 <= share.low <= share.rate + 1e-12
    assert share.rate - 1e-12 <= share.high <= 1 + 1e-12


@given(st.lists(st.integers(1, 300), min_size=1, max_size=20))
def test_a_funnel_narrows_around_its_limit(totals: list[int]) -> None:
    for point in funnel(0.05, totals):
        assert 0 <= point.low <= 0.05 + 1 / point.total
        assert point.high >= 0.05 - 1 / point.total
