"""Several editions of one initiative: what they have in common, how far they differ, what to expect of the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import special

from analysis import days
from analysis.model.effect import Effect, Interval
from analysis.model.pooling import Coefficient, RandomEffects
from analysis.windows import Windows, apart

Z95 = special.ndtri(0.975)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Editions:
    """The editions of one initiative together; stores facts, every number is derived.

    `effects` is one an edition, in order of time; `y` (k,) their log relative effects, log(observed / expected); `se`
    (k,) the standard errors of their forecasts: a quarter, about, of the expected interval. `moderators`, each (k,),
    are what effects may depend on; "edition", the number of each, always stands among them.
    """

    effects: tuple[Effect, ...]
    y: np.ndarray
    se: np.ndarray
    moderators: dict[str, np.ndarray]

    def by(self, *moderators: str) -> RandomEffects:
        """On a constant and moderators."""
        columns = [np.ones(len(self.y)), *(self.moderators[name] for name in moderators)]
        return RandomEffects(self.y, self.se, np.column_stack(columns))

    @property
    def pooled(self) -> RandomEffects:
        """All editions around one mean: `tau2`, `q`, `i2`, `df`."""
        return self.by()

    @property
    def relative(self) -> float:
        """Mean relative effect, a fraction (of the logs: 0.1 and 0.2 have the mean 0.149)."""
        return self.pooled.mean().relative

    @property
    def p_value(self) -> float:
        """Two-sided, that the mean effect is zero."""
        return self.pooled.mean().p_value

    def confidence_interval(self, level: float = 0.95) -> Interval:
        """Of the mean relative effect."""
        return self.pooled.mean().interval(level)

    def prediction_interval(self, level: float = 0.95) -> Interval:
        """Where the relative effect of the next edition lies."""
        return self.pooled.next(level=level)

    def change(self, moderator: str = "edition") -> Coefficient:
        """What one unit more of a moderator does to 1 + effect; below zero from edition to edition, it fades."""
        return self.by(moderator).mean((0, 1))

    def groups(self, moderator: str, level: float = 0.95) -> pd.DataFrame:
        """A row a value of a moderator: `editions`, mean `relative`, `low`, `high`, and `next_low`, `next_high`."""
        fit, rows = self.by(moderator), {}
        for value, count in zip(*np.unique(self.moderators[moderator], return_counts=True), strict=True):
            x = (1.0, float(value))
            rows[value] = (count, fit.mean(x).relative, *fit.mean(x).interval(level), *fit.next(x, level))
        columns = ["editions", "relative", "low", "high", "next_low", "next_high"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis(moderator)

    def frame(self, level: float = 0.95) -> pd.DataFrame:
        """A row an edition: `event_start`, `weekday`, its own `relative`, `low`, `high`, its `weight` in the mean."""
        starts = pd.DatetimeIndex([one.event_days[0] for one in self.effects])
        ends = [one.confidence_interval(level, relative=True) for one in self.effects]
        weight = 1 / (self.se**2 + self.pooled.tau2)
        table = {"event_start": starts, "weekday": starts.day_name(), "relative": np.expm1(self.y)}
        table |= dict(zip(("low", "high"), np.transpose(ends), strict=True))
        return pd.DataFrame(table | {"weight": weight / weight.sum()})

    def to_dict(self, level: float = 0.95) -> dict:
        """Every number at full precision; those of the mean under the keys that an effect has."""
        pooled, first = self.pooled, self.effects[0]
        facts = {"estimator": first.estimator, "estimand": first.estimand, "metric": first.metric}
        facts["level"] = level
        facts |= _numbers(pooled.mean(), level) | {"tau": pooled.tau2**0.5, "q": pooled.q, "i2": pooled.i2}
        facts |= dict(zip(("next_low", "next_high"), self.prediction_interval(level), strict=True))
        facts["changes"] = {name: _numbers(self.change(name), level) for name in self.moderators}
        return facts | {"editions": [one.to_dict(level) for one in self.effects]}

    def __repr__(self) -> str:
        mean, ends, after = self.relative, self.confidence_interval(), self.prediction_interval()
        text = f"{len(self.y)} editions: {mean:+.3g} [{ends.low:+.3g}, {ends.high:+.3g}]"
        return f"{text}, the next [{after.low:+.3g}, {after.high:+.3g}]\n{self.frame().to_string()}"


def _numbers(one: Coefficient, level: float) -> dict[str, float]:
    low, high = one.interval(level)
    return {"relative": one.relative, "relative_low": low, "relative_high": high, "p_value": one.p_value}


def editions(
    daily: pd.Series,
    windows: Sequence[Windows],
    ask: Callable[[pd.Series, Windows], Effect],
    moderators: Mapping[str, Sequence[float]] | None = None,
) -> Editions:
    """Estimate each edition from the days before it, without those of other editions, and pool them.

    `ask` estimates one edition: `analysis.effect.estimate`, which calls this function. `moderators` hold a number an
    edition, in the order of `windows`; by default whether the event begins on a weekend.

    A ValueError says that editions are fewer than two or share a day, that one has no bounded relative effect, or that
    a moderator is unfit.
    """
    if len(windows) < 2:
        raise ValueError(f"{len(windows)} edition: give at least two, or estimate the effect of the one")
    if moderators is None:
        weekend = [days.features(one.event_days[:1], one.country)["weekend"].iloc[0] for one in windows]
        moderators = {"weekend": weekend} if len(set(weekend)) > 1 and len(windows) > 2 else {}
    table = {}
    for name, values in moderators.items():
        numbers = pd.to_numeric(pd.Series(list(values)), errors="coerce").to_numpy(float)
        if len(numbers) != len(windows) or not np.isfinite(numbers).all() or np.ptp(numbers) == 0:
            raise ValueError(f"moderator {name!r}: give a number for each edition, and not the same for all")
        table[str(name)] = numbers
    order = sorted(range(len(windows)), key=lambda i: windows[i].event_start)
    every = [windows[i] for i in order]
    for one, after in pairwise(every):
        if after.event_start <= one.event_end:
            raise ValueError(f"two editions share the day {after.event_start:%Y-%m-%d}: give each day once")
    effects = tuple(ask(daily, apart(one, every)) for one in every)
    for effect in effects:
        if min(effect.observed, effect.expected_interval().low) <= 0:
            day = effect.event_days[0]
            raise ValueError(f"the edition of {day:%Y-%m-%d} has no bounded relative effect: leave it out")
    y = np.log([effect.observed / effect.expected for effect in effects])
    se = np.array([-np.subtract(*np.log(effect.expected_interval())) / (2 * Z95) for effect in effects])
    moderators = {name: values[order] for name, values in table.items()}
    return Editions(effects, y, se, moderators | {"edition": np.arange(1.0, len(order) + 1)})
