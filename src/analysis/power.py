"""How should the next edition be run, so that its answer is clearer?

`detectable` asks of the user's own history: had an edition of this length, on this weekday, with this much
history, been held on an ordinary date, how large an effect would it have shown? `designs` asks the same of
entities that close on different days, and `editions` puts several editions together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import special

from analysis.effect import estimate
from analysis.estimators.counterfactual import Interval
from analysis.estimators.residuals import pulse_effects
from analysis.placebo import comparable_days, regression
from analysis.windows import Windows

LENGTHS = (1, 2, 3, 5)
DESIGNS = (
    "all, one day",
    "all, two days a week apart",
    "half, one day",
    "two waves",
    "staggered over a week",
)
MOST_DATES = 40


@dataclass(frozen=True, slots=True)
class Editions:
    """Several editions put together: the effect of edition k is first x 2^(-(k - 1) / half_life).

    Parameters
    ----------
    first, first_interval
        Relative effect of the first edition, from all of them.
    half_life, half_life_interval
        In editions; infinite where no decay is seen.
    next, next_interval
        Relative effect foretold for one more edition.
    fitted : ndarray
        Of each edition.
    p_value : float
        That all editions have one effect (Cochran's Q).
    """

    first: float
    first_interval: Interval
    half_life: float
    half_life_interval: Interval
    next: float
    next_interval: Interval
    fitted: np.ndarray
    p_value: float


def detectable(
    daily: pd.Series,
    windows: Windows,
    lengths: tuple[int, ...] = LENGTHS,
    histories: tuple[int | None, ...] = (28, 90, None),
    power: float = 0.8,
    level: float = 0.95,
    comparison: pd.Series | None = None,
    estimator: str | None = None,
    dates: int = MOST_DATES,
) -> pd.DataFrame:
    """The smallest relative effect that the next edition would show with probability `power`.

    Closed form: (z[1 - alpha / 2] + z[power]) times the standard deviation of the estimator's forecast, on
    the log scale. Simulated: effects put on ordinary dates of the history; since what is expected never
    depends on the event's own days, one forecast a date gives the least effect that would have been found
    there.

    Parameters
    ----------
    windows : Windows
        The edition held, or planned: its campaign is taken to precede the next one too, its own days are
        left out.
    lengths : tuple of int
        Days, from the event's own weekday or the next working day on.
    histories : tuple of int or None
        Days of history before each date; None for all there are.
    comparison : Series, optional
        A series that the edition does not touch; its ratio to `daily` is analysed as well.
    dates : int
        At most so many ordinary dates are tried, evenly spread.

    Returns
    -------
    DataFrame
        One row a design: `length`, `weekday` (0 is Monday; of single days only), `history` (days, or
        "all"), `comparison` (bool), `sd` (of the log forecast), `detectable` (closed form, a fraction),
        `simulated` (the same, by simulation), `false_alarms` (share of dates where no effect was "found"),
        `dates` (how many).
    """
    _check(power, level)
    rows = []
    series = {False: daily}
    if comparison is not None:
        series[True] = (daily / comparison).rename(daily.name) * float(comparison.mean())
    base = {"length": 1, "weekday": pd.NA, "history": "all", "comparison": False}
    for length in lengths:
        tried = _tried(daily, windows, length, None, level, estimator, dates)
        rows.append(base | {"length": length} | _summary(tried, power, level))
        if length == 1:
            rows += [
                base | {"weekday": int(weekday)} | _summary(part, power, level)
                for weekday, part in tried.groupby("weekday")
                if len(part) >= 3
            ]
    for history in histories:
        if history is not None:
            tried = _tried(daily, windows, 1, history, level, estimator, dates)
            if len(tried):
                rows.append(base | {"history": str(history)} | _summary(tried, power, level))
    if comparison is not None:
        tried = _tried(series[True], windows, 1, None, level, estimator, dates)
        rows.append(base | {"comparison": True} | _summary(tried, power, level))
    return pd.DataFrame(rows).astype({"weekday": "Int64"})


def curve(
    daily: pd.Series,
    windows: Windows,
    effects: np.ndarray | None = None,
    lengths: tuple[int, ...] = LENGTHS,
    level: float = 0.95,
    estimator: str | None = None,
    dates: int = MOST_DATES,
) -> pd.DataFrame:
    """How often an effect put on ordinary dates is found, by its size: columns `design` (length), `effect`, `power`."""
    effects = np.linspace(0, 0.4, 41) if effects is None else np.asarray(effects, float)
    parts = []
    for length in lengths:
        least = _tried(daily, windows, length, None, level, estimator, dates)["least"].to_numpy()
        found = (least[None, :] < effects[:, None]).mean(axis=1)
        parts.append(pd.DataFrame({"design": length, "effect": effects, "power": found}))
    return pd.concat(parts, ignore_index=True)


def closed_form(sd: dict[str, float], effects: np.ndarray | None = None, level: float = 0.95) -> pd.DataFrame:
    """The same from standard deviations of the log forecast, by design: columns `design`, `effect`, `power`."""
    effects = np.linspace(0, 0.4, 41) if effects is None else np.asarray(effects, float)
    z = special.ndtri((1 + level) / 2)
    parts = []
    for design, spread in sd.items():
        shift = np.log1p(effects) / spread
        found = special.ndtr(shift - z) + special.ndtr(-shift - z)
        parts.append(pd.DataFrame({"design": design, "effect": effects, "power": found}))
    return pd.concat(parts, ignore_index=True)


def designs(
    panel: pd.DataFrame,
    windows: Windows,
    by: str = "entity",
    metric: str = "count",
    effect: float = 0.1,
    spread: float = 0.05,
    level: float = 0.95,
    draws: int = 400,
    seed: int = 0,
) -> pd.DataFrame:
    """Closing entities on different days, compared on the entities' own history.

    Each draw takes a stretch of ordinary working days of the history, chooses at random which entities
    close on which of them, adds the effect there, and estimates it by generalised least squares from the
    entities' deviations, whose covariance (a shock that all share, and each entity's own) is that of the
    whole history. An entity that stays open guards against the shared shock; it must not be where the
    closed ones' customers go.

    Parameters
    ----------
    effect, spread : float
        Mean and standard deviation of the true relative effects of entities.

    Returns
    -------
    DataFrame
        One row a design of `DESIGNS`: `design`, `closures` (entity-days), `sd` (closed form, log scale),
        `detectable` (closed form at 80 % power), `simulated_sd`, `coverage` (of intervals at `level`),
        `false_alarms` (with no effect at all), `power` (to find `effect`).
    """
    _check(0.8, level)
    daily = panel.groupby(["date", by], observed=True)[metric].sum().unstack(fill_value=0)  # noqa: PD010
    daily = daily.reindex(pd.date_range(daily.index.min(), daily.index.max()), fill_value=0).astype(float)
    one = replace(windows, event_end=windows.event_start)
    X, Y, starts, _ = regression(np.log(daily.where(daily > 0).fillna(0.5)), one, scale="level")
    past = starts < windows.event_start
    residuals = pulse_effects(X[past], Y[past]).effects
    usable = starts[past].isin(comparable_days(starts[past], one)) & np.isfinite(residuals).all(axis=1)
    shocks, when = residuals[usable], starts[past][usable]
    if len(when) < 30:
        raise ValueError(f"{len(when)} ordinary days like the event in the history: give at least 30")
    shared, own = _shocks(shocks)
    stretches = _stretches(when)
    rng = np.random.default_rng(seed)
    z = special.ndtri((1 + level) / 2)
    rows = []
    for design in DESIGNS:
        estimates, errors, nulls = np.empty((3, draws))
        for draw in range(draws):
            closed = _closed(design, shocks.shape[1], rng)
            stretch = shocks[stretches[rng.integers(len(stretches))]]
            weights, variance = _weights(closed, shared, own, spread)
            truth = effect + spread * rng.standard_normal(shocks.shape[1])
            nulls[draw] = (weights * stretch[: len(closed)]).sum()
            estimates[draw] = nulls[draw] + (weights * closed * truth).sum()
            errors[draw] = np.sqrt(variance)
        sd = float(np.sqrt((errors**2).mean()))
        rows.append(
            {
                "design": design,
                "closures": int(closed.sum()),
                "sd": sd,
                "detectable": float(np.expm1((z + special.ndtri(0.8)) * sd)),
                "simulated_sd": float(estimates.std()),
                "coverage": float((np.abs(estimates - effect) < z * errors).mean()),
                "false_alarms": float((np.abs(nulls) > z * _null_error(closed, shared, own)).mean()),
                "power": float((estimates > z * errors).mean()),
            }
        )
    return pd.DataFrame(rows)


def editions(effects: np.ndarray, se: np.ndarray, level: float = 0.95) -> Editions:
    """Pool the relative effects of several editions, in their order, with an answer that may wear off.

    effect_k = first x 2^(-(k - 1) / half_life), by weighted least squares with the half-life profiled over;
    intervals are those of the profile likelihood. Editions are taken to be independent of one another.
    """
    effects, se = np.asarray(effects, float), np.asarray(se, float)
    if len(effects) < 2 or effects.shape != se.shape or not (se > 0).all():
        raise ValueError("give at least two editions, each with its effect and a standard error above zero")
    z = special.ndtri((1 + level) / 2)
    lives = np.append(np.geomspace(0.2, 100, 400), np.inf)
    shape = 2.0 ** (-np.arange(len(effects) + 1) / lives[:, None])  # one edition more than there are
    now = shape[:, :-1]
    size = (now**2 / se**2).sum(axis=1)
    first = (now * effects / se**2).sum(axis=1) / size
    misfit = (((effects - first[:, None] * now) / se) ** 2).sum(axis=1)
    best = int(misfit.argmin())
    kept = misfit <= misfit[best] + z**2
    half = np.sqrt(np.maximum(z**2 - (misfit - misfit[best]), 0) / size)
    next_half = half * shape[:, -1]
    one = (effects / se**2).sum() / (1 / se**2).sum()
    q = (((effects - one) / se) ** 2).sum()
    return Editions(
        float(first[best]),
        Interval(float((first - half)[kept].min()), float((first + half)[kept].max())),
        float(lives[best]),
        Interval(float(lives[kept][0]), float(lives[kept][-1])),
        float(first[best] * shape[best, -1]),
        Interval(
            float((first * shape[:, -1] - next_half)[kept].min()),
            float((first * shape[:, -1] + next_half)[kept].max()),
        ),
        first[best] * now[best],
        float(special.chdtrc(len(effects) - 1, q)),
    )


def _check(power: float, level: float) -> None:
    for name, value in (("power", power), ("level", level)):
        if not 0 < value < 1:
            raise ValueError(f"{name} is {value}: give a fraction between 0 and 1")


def _tried(
    daily: pd.Series,
    windows: Windows,
    length: int,
    history: int | None,
    level: float,
    estimator: str | None,
    dates: int,
) -> pd.DataFrame:
    """One forecast an ordinary date: `weekday`, `sd` of the log, `least` effect found there, `alarm` without any."""
    campaign = pd.Timedelta(days=len(windows.campaign_days))
    need = pd.Timedelta(days=(history or 56)) + campaign
    every = daily.index[daily.index >= daily.index[0] + need]
    event = replace(windows, event_end=windows.event_start + pd.Timedelta(days=length - 1))
    starts = comparable_days(every[every + pd.Timedelta(days=length) <= windows.event_start], event)
    starts = starts[starts + pd.Timedelta(days=length) <= windows.event_start - campaign]
    starts = starts[np.unique(np.linspace(0, len(starts) - 1, min(dates, len(starts))).astype(int))]
    rows = []
    for start in starts:
        placebo = replace(
            windows,
            event_start=start,
            event_end=start + pd.Timedelta(days=length - 1),
            campaign_start=start - campaign if campaign else None,
            history_start=None if history is None else start - campaign - pd.Timedelta(days=history),
        )
        effect = estimate(daily[: placebo.event_end], placebo, estimator)
        low, high = effect.expected_interval(level)
        z = special.ndtri((1 + level) / 2)
        rows.append(
            {
                "weekday": start.day_of_week,
                "sd": np.log(high / max(low, 1e-9 * high)) / 2 / z,
                "least": high / effect.observed - 1,
                "alarm": not low <= effect.observed <= high,
            }
        )
    return pd.DataFrame(rows, columns=["weekday", "sd", "least", "alarm"])


def _summary(tried: pd.DataFrame, power: float, level: float) -> dict:
    sd = float(np.sqrt((tried["sd"] ** 2).mean())) if len(tried) else np.nan
    reach = special.ndtri((1 + level) / 2) + special.ndtri(power)
    return {
        "sd": sd,
        "detectable": float(np.expm1(reach * sd)),
        "simulated": float(tried["least"].quantile(power)) if len(tried) else np.nan,
        "false_alarms": float(tried["alarm"].mean()) if len(tried) else np.nan,
        "dates": len(tried),
    }


def _shocks(shocks: np.ndarray) -> tuple[float, np.ndarray]:
    """Variance of the shock that all groups share, and of each group's own, from deviations (dates x groups)."""
    covariance = np.cov(shocks, rowvar=False)
    precise = 1 / np.diag(covariance)
    pairs = np.outer(precise, precise)
    np.fill_diagonal(pairs, 0)
    shared = max(0.0, float((covariance * pairs).sum() / pairs.sum()))
    return shared, np.maximum(np.diag(covariance) - shared, 1e-3 * np.diag(covariance))


def _stretches(when: pd.DatetimeIndex) -> np.ndarray:
    """Runs of ten usable dates that follow one another, as positions; a design takes as many as it needs."""
    return np.arange(len(when) - 9)[:, None] + np.arange(10)


def _closed(design: str, groups: int, rng: np.random.Generator) -> np.ndarray:
    """Which group (column) closes on which day (row)."""
    order = rng.permutation(groups)
    if design == DESIGNS[0]:
        return np.ones((1, groups))
    if design == DESIGNS[1]:
        closed = np.zeros((6, groups))
        closed[[0, 5]] = 1
        return closed
    if design == DESIGNS[2]:
        return (order < groups // 2)[None].astype(float)
    days_ = 2 if design == DESIGNS[3] else 5
    return (order % days_ == np.arange(days_)[:, None]).astype(float)


def _weights(closed: np.ndarray, shared: float, own: np.ndarray, spread: float) -> tuple[np.ndarray, float]:
    """Generalised least squares for one effect: days are independent, groups share a shock on each.

    The effects' own spread counts where a group is closed, once a group however often it closes.
    """
    inverse = 1 / own
    # V = shared 11' + diag(own); V^-1 a by Sherman and Morrison, a row a day.
    scale = shared / (1 + shared * inverse.sum())
    solved = closed * inverse - scale * inverse * (closed * inverse).sum(axis=1, keepdims=True)
    size = (closed * solved).sum()
    weights = solved / size
    by_group = (weights * closed).sum(axis=0)
    return weights, float(1 / size + spread**2 * (by_group**2).sum())


def _null_error(closed: np.ndarray, shared: float, own: np.ndarray) -> float:
    return float(np.sqrt(_weights(closed, shared, own, 0.0)[1]))
