"""Proportions, limits, agreement and association, computed by SciPy and statsmodels and named for a quality officer.

Nothing here knows what is counted: limits, bands and guards are arguments that the knowledge supplies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import proportion_confint

Flag = Literal["within", "watch", "exceeds", "small-volume"]


@dataclass(frozen=True, slots=True)
class Proportion:
    """Events among those at risk, with the Wilson score interval; None where nobody was at risk."""

    events: int
    total: int
    rate: float | None
    low: float | None
    high: float | None


def proportion(events: int, total: int, *, confidence: float = 0.95) -> Proportion:
    """The share of `events` in `total` with its Wilson interval."""
    if events < 0 or events > total:
        raise ValueError(f"{events} events among {total} is no proportion")
    if total == 0:
        return Proportion(events, total, None, None, None)
    low, high = proportion_confint(events, total, alpha=1 - confidence, method="wilson")
    return Proportion(events, total, events / total, float(low), float(high))


def flag(share: Proportion, limit: float, *, smallest_volume: int) -> Flag:
    """How a share stands to a limit that reads "under"; too few patients get no judgement."""
    if share.total < smallest_volume or share.rate is None or share.low is None:
        return "small-volume"
    if share.low > limit:
        return "exceeds"
    return "watch" if share.rate >= limit else "within"


@dataclass(frozen=True, slots=True)
class FunnelPoint:
    """The limits between which chance alone would leave a unit of this size."""

    total: int
    low: float
    high: float


def funnel(limit: float, totals: Sequence[int], *, confidence: float = 0.95) -> tuple[FunnelPoint, ...]:
    """Exact binomial control limits around `limit` for each size in `totals`."""
    tail = (1 - confidence) / 2
    return tuple(
        FunnelPoint(
            total,
            float(stats.binom.ppf(tail, total, limit)) / total,
            float(stats.binom.ppf(1 - tail, total, limit)) / total,
        )
        for total in totals
        if total > 0
    )


@dataclass(frozen=True, slots=True)
class Association:
    """Pearson's chi-square of a contingency table; `sparse` when an expected count falls below the guard."""

    statistic: float
    degrees: int
    p: float
    sparse: bool
    smallest_expected: float


def association(table: Sequence[Sequence[int]], *, smallest_expected: float) -> Association | None:
    """Chi-square without continuity correction; None when nothing is left once empty rows and columns are dropped."""
    counts = np.asarray(table, dtype=float)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if counts.ndim != 2 or min(counts.shape, default=0) < 2:
        return None
    result = stats.chi2_contingency(counts, correction=False)
    least = float(result.expected_freq.min())
    return Association(float(result.statistic), int(result.dof), float(result.pvalue), least < smallest_expected, least)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two readers of the same things: observed and expected agreement, and kappa with its interval where it exists."""

    readings: int
    observed: float
    expected: float
    kappa: float | None
    low: float | None
    high: float | None


def agreement(table: Sequence[Sequence[int]], *, confidence: float = 0.95) -> Agreement | None:
    """Cohen's kappa of a square table; None without readings, kappa None when chance alone explains everything."""
    counts = np.asarray(table, dtype=float)
    readings = int(counts.sum())
    if readings == 0:
        return None
    shares = counts / readings
    observed = float(np.trace(shares))
    expected = float(shares.sum(axis=1) @ shares.sum(axis=0))
    if expected >= 1.0:
        return Agreement(readings, observed, expected, None, None, None)
    result = cohens_kappa(counts)
    half = float(stats.norm.ppf(1 - (1 - confidence) / 2) * result.std_kappa)
    kappa = float(result.kappa)
    return Agreement(readings, observed, expected, kappa, max(-1.0, kappa - half), min(1.0, kappa + half))
