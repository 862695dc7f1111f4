"""What an event added, with the distribution of what would have been without it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from analysis.model.constants import WIDE
from analysis.model.distribution import Distribution
from analysis.model.regression import Regression
from analysis.model.scale import RATIOS
from analysis.windows import Windows

BEYOND = (
    "What is expected lies beyond anything seen before the event: the level was moving fast, and no headline should "
    "rest on it."
)
FACTOR = (
    "The ends of the expected interval lie more than a factor of ten apart: the days before say little of the "
    "event's."
)


def half_width(level: float, df: float | pd.Series) -> float:
    """Standard errors on either side of an interval by Student's t."""
    return special.stdtrit(df, (1 + check(level)) / 2)


def check(level: float) -> float:
    """A confidence level; ValueError if it is none."""
    if not 0 < level < 1:
        raise ValueError(f"level is {level}: give a fraction between 0 and 1, such as 0.95")
    return level


class Interval(NamedTuple):
    """Two ends, both plain floats."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, repr=False)
class Effect:
    """What an event added, with the distribution of what would have been without it.

    Stores facts; every number is derived from them, so none can contradict another.
    """

    observed: float  # the metric over the event: the sum over its days, of a ratio the mean
    counterfactual: Distribution  # of the same without the initiative
    estimand: (
        str  # "pre-week" (what the day added to the week before) or "history" (what the initiative added)
    )
    estimator: str  # its name in `ESTIMATORS` or `COMPARISONS`
    days_used: pd.DatetimeIndex  # those that the counterfactual was learned from
    event_days: pd.DatetimeIndex
    metric: str  # name of the series
    warnings: tuple[str, ...] = ()  # what a reader must know, each a sentence
    nonnegative: bool = False  # no value of the series can fall below zero, so that no expected interval does
    # The regression behind it, of the recommended estimator.
    fit: Regression | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls,
        estimator: str,
        daily: pd.Series,
        windows: Windows,
        baseline: str,
        used: pd.DatetimeIndex,
        total: Distribution,
        warnings: tuple[str, ...] = (),
        fit: Regression | None = None,
    ) -> Effect:
        """Hold the event's days of `daily` against the distribution of their total; a ratio is averaged over them."""
        days, metric = windows.event_days, str(daily.name or "value")
        number, share = (1, 1 / len(days)) if metric in RATIOS else (len(days), 1.0)
        observed = float(daily.loc[days[0] : days[-1]].to_numpy().sum()) * share
        past = daily.reindex(used).to_numpy(float)
        facts = (observed, total.scaled(share).settled(), baseline, estimator, used, days, metric)
        effect = cls(*facts, nonnegative=bool((past >= 0).all()), fit=fit)
        low, high = effect.expected_interval()
        beyond = (BEYOND,) * bool(low > number * past.max() or high < number * past.min())
        factor = (FACTOR,) * bool(effect.nonnegative and high > WIDE * low)
        return replace(effect, warnings=(*warnings, *beyond, *factor))

    @property
    def expected(self) -> float:
        """Median of the counterfactual."""
        return self.counterfactual.median

    @property
    def absolute(self) -> float:
        """Observed less expected, in units of the metric."""
        return self.observed - self.expected

    @property
    def relative(self) -> float:
        """`absolute` as a fraction of `expected`; infinite where nothing is expected."""
        return _ratio(self.observed, self.expected)

    @property
    def p_value(self) -> float:
        """Two-sided: how often an ordinary day would lie as far out in its distribution."""
        return float(2 * special.ndtr(-abs(self.counterfactual.score(self.observed))))

    def probability(self, at_least: float = 0.0) -> float:
        """That the relative effect is at least so large (a fraction): that no more than so much less was expected."""
        if not at_least > -1:
            raise ValueError(f"at_least is {at_least}: give a fraction above -1, such as 0.1 for 10 %")
        return self.counterfactual.probability(self.observed / (1 + at_least))

    def expected_interval(self, level: float = 0.95) -> Interval:
        """Where the metric would have lain without the initiative, with probability `level`."""
        tail, floor = (1 - check(level)) / 2, 0.0 if self.nonnegative else -np.inf
        return Interval(*(max(self.counterfactual.quantile(p), floor) for p in (tail, 1 - tail)))

    def confidence_interval(self, level: float = 0.95, relative: bool = False) -> Interval:
        """Interval of the effect; its `p_value` is 1 - level exactly when an end touches zero.

        The relative one compares what was observed with each end of the expected interval; an end is
        infinite where the expected interval reaches zero.
        """
        low, high = self.expected_interval(level)
        if relative:
            return Interval(*sorted((_ratio(self.observed, high), _ratio(self.observed, low))))
        return Interval(self.observed - high, self.observed - low)

    @property
    def regression(self):
        """The statsmodels results at the likeliest error process; `.summary()` shows the event's dummy.

        A ValueError says that the estimator is not the recommended one.
        """
        if self.fit is None:
            raise ValueError(f"{self.estimator} is no regression of this kind: take the estimator gls")
        return self.fit.statsmodels()

    def to_dict(self, level: float = 0.95) -> dict:
        """Every number at full precision, under the keys of the command line's JSON."""
        first, last = (f"{day:%Y-%m-%d}" for day in self.event_days[[0, -1]])
        facts = {"estimator": self.estimator, "estimand": self.estimand, "metric": self.metric}
        facts |= {"event_start": first, "event_end": last, "observed": self.observed}
        for name, (low, high) in self._intervals(level).items():
            facts |= {name: getattr(self, name), f"{name}_low": low, f"{name}_high": high}
        facts |= {"p_value": self.p_value, "level": level, "days_used": len(self.days_used)}
        return facts | {"warnings": list(self.warnings)}

    def frame(self, level: float = 0.95) -> pd.DataFrame:
        """A small table: what was observed, expected and added, with intervals."""
        rows = [(getattr(self, name), *ends) for name, ends in self._intervals(level).items()]
        names = ["observed", "expected", "effect", "relative effect"]
        return pd.DataFrame([(self.observed, np.nan, np.nan), *rows], names, [self.metric, "low", "high"])

    def _intervals(self, level: float) -> dict[str, Interval]:
        absolute, relative = (self.confidence_interval(level, relative) for relative in (False, True))
        return {"expected": self.expected_interval(level), "absolute": absolute, "relative": relative}

    def __repr__(self) -> str:
        when = " to ".join(f"{day:%Y-%m-%d}" for day in sorted({*self.event_days[[0, -1]]}))
        title = f"Effect of {when} over {self.estimand}, by {self.estimator}"
        table = self.frame().to_string(float_format="{:,.6g}".format, na_rep="")
        return "\n".join([title, table, f"p = {self.p_value:.2g}", *self.warnings])

    def plot(self, ax=None):
        """The last eight weeks of the series, and what was expected of the event's days; returns the Axes."""
        import matplotlib.pyplot as plt

        ax, days = ax or plt.gca(), 1 if self.metric in RATIOS else len(self.event_days)
        if self.fit is not None:
            shown = slice(-56 - len(self.event_days), None)
            ax.plot(self.fit.days[shown], self.fit.inverse(self.fit.z)[shown], marker=".", label="observed")
        middle, centre = self.event_days[len(self.event_days) // 2], self.expected / days
        apart = np.abs(np.array(self.expected_interval()) / days - centre)[:, None]
        ax.errorbar([middle], [centre], apart, fmt="o", capsize=4, label="expected, 95 %")
        ax.set_ylabel(self.metric)
        ax.legend()
        return ax


def _ratio(observed: float, expected: float) -> float:
    """observed / expected - 1 for an expectation that may reach zero."""
    return observed / expected - 1 if expected > 0 else float("inf")
