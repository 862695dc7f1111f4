"""How should the next edition be run, so that its answer is clearer?

`detectable` asks of the user's own history: had an edition of this length, on this weekday, with this much
history, been held on an ordinary date, how large an effect would it have shown? `designs` asks the same of
entities that close on different days.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy import special

from analysis.effect import estimate, wide
from analysis.model.covariance import whitener
from analysis.model.ordinary import before_the_event
from analysis.placebo import comparable_days, evenly
from analysis.windows import Windows

LENGTHS = (1, 2, 3, 5)
# Which group (column) closes on which day (row), by the groups' rank (groups,) in a random order.
CLOSINGS = {
    "all, one day": lambda rank: np.ones((1, len(rank))),
    "all, two days a week apart": lambda rank: np.repeat([1.0, 0, 0, 0, 0, 1], len(rank)).reshape(6, -1),
    "half, one day": lambda rank: 1.0 * (rank < len(rank) // 2)[None],
    "two waves": lambda rank: 1.0 * (rank % 2 == np.arange(2)[:, None]),
    "staggered over a week": lambda rank: 1.0 * (rank % 5 == np.arange(5)[:, None]),
}
DESIGNS = tuple(CLOSINGS)
MOST_DATES = 40  # ordinary dates tried of each design


def detectable(
    daily: pd.Series,
    windows: Windows,
    lengths: tuple[int, ...] = LENGTHS,
    histories: tuple[int | None, ...] = (28, 90, None),
    power: float = 0.8,
    level: float = 0.95,
    comparison: pd.Series | None = None,
) -> pd.DataFrame:
    """The smallest relative effect that the next edition would show with probability `power`.

    Closed form: (z[1 - alpha / 2] + z[power]) times the standard error of the event's dummy, on the log scale.
    Simulated: effects put on ordinary dates of the history; what is expected never depends on the event's own days, so
    that one forecast a date gives the least effect that would have been found there.

    Parameters
    ----------
    windows : Windows
        The edition held, or planned: its campaign is taken to precede the next one too, its own days are left out.
    lengths : tuple of int
        Days of an edition, which begins on a day of the event's kind, working or not.
    histories : tuple of int or None
        Days of history before each date; None for all there are.
    comparison : Series, optional
        A series that the edition does not touch; the ratio of `daily` to it is analysed as well.

    Returns
    -------
    DataFrame
        One row a design: `length`, `weekday` (0 is Monday; of single days only), `history` (days, or "all"),
        `comparison` (bool), `sd` (of the log forecast), `detectable` (closed form, a fraction), `simulated`,
        `false_alarms` (share of dates where no effect was "found"), `dates` (how many).
    """
    for name, value in (("power", power), ("level", level)):
        if not 0 < value < 1:
            raise ValueError(f"{name} is {value}: give a fraction between 0 and 1")
    z, rows = special.ndtri([(1 + level) / 2, power]), []

    def add(part: pd.DataFrame, length: int = 1, weekday=pd.NA, history="all", compared=False) -> None:
        sd = np.sqrt((part["sd"] ** 2).mean())
        found = (sd, np.expm1(z.sum() * sd), part["least"].quantile(power), part["alarm"].mean())
        rows.append((length, weekday, history, compared, *found, len(part)))

    for length in lengths:
        part = _forecasts(daily, windows, level, length)
        add(part, length)
        for weekday, same in part.groupby("weekday") if length == 1 else ():
            if len(same) >= 3:
                add(same, weekday=weekday)
    for history in filter(None, histories):
        if len(part := _forecasts(daily, windows, level, 1, history)):
            add(part, history=str(history))
    if comparison is not None:
        ratio = (daily / comparison).rename(daily.name) * float(comparison.mean())
        add(_forecasts(ratio, windows, level, 1), compared=True)
    columns = "length weekday history comparison sd detectable simulated false_alarms dates"
    return pd.DataFrame(rows, columns=columns.split()).astype({"weekday": "Int64"})


def closed_form(sd: dict[str, float], effects: np.ndarray | None = None, level: float = 0.95) -> pd.DataFrame:
    """Power from standard errors on the log scale, by design: columns `design`, `effect`, `power`."""
    effects = np.linspace(0, 0.4, 41) if effects is None else np.asarray(effects, float)
    z, shift = special.ndtri((1 + level) / 2), np.log1p(effects) / np.reshape(list(sd.values()), (-1, 1))
    found = (special.ndtr(shift - z) + special.ndtr(-shift - z)).ravel()
    names = np.repeat(list(sd), len(effects))
    return pd.DataFrame({"design": names, "effect": np.tile(effects, len(sd)), "power": found})


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

    Each draw takes ten ordinary working days of the history, chooses at random which entities close on which of them,
    adds the effect there, and estimates it by generalised least squares from the entities' innovations, whose
    covariance (a shock that all share, and each entity's own) is that of the whole history. An entity that stays open
    guards against the shared shock; it must not be where the closed ones' customers go.

    Parameters
    ----------
    effect, spread : float
        Mean and standard deviation of the true relative effects of entities.

    Returns
    -------
    DataFrame
        One row a design of `DESIGNS`: `design`, `closures` (entity-days), `sd` (closed form, log scale), `detectable`
        (closed form at 80 % power), `simulated_sd`, `coverage` (of intervals at `level`), `false_alarms` (with no
        effect at all), `power` (to find `effect`).
    """
    shocks = _innovations(panel, windows, by, metric)
    if shocks.shape[1] < 2:
        raise ValueError(f"the panel has one {by}: designs share the closures out among two or more")
    if len(shocks) < 30:
        raise ValueError(f"{len(shocks)} ordinary days like the event in the history: give at least 30")
    covariance = np.cov(shocks, rowvar=False)
    variances = np.diag(covariance)
    precise = np.triu(1 / np.outer(variances, variances), 1)
    shared = max(0.0, float((covariance * precise).sum() / precise.sum()))
    own = np.maximum(variances - shared, 1e-3 * variances)
    rng, z, rows = np.random.default_rng(seed), special.ndtri((1 + level) / 2), []
    for design, closing in CLOSINGS.items():
        draw = np.empty((draws, 4))
        for i in range(draws):
            closed = closing(rng.permutation(shocks.shape[1]))
            first = rng.integers(len(shocks) - 9)
            weights, variance = _weights(closed, shared, own)
            null = (weights * shocks[first : first + len(closed)]).sum()
            share = (weights * closed).sum(axis=0)  # of each entity in the estimate
            found = null + share @ (effect + spread * rng.standard_normal(len(share)))
            draw[i] = null, variance, found, variance + spread**2 * (share**2).sum()
        null, variance, found, whole = draw.T
        sd, errors = np.sqrt(whole.mean()), z * np.sqrt(whole)
        rows.append(
            {
                "design": design,
                "closures": int(closed.sum()),
                "sd": sd,
                "detectable": np.expm1((z + special.ndtri(0.8)) * sd),
                "simulated_sd": found.std(),
                "coverage": (np.abs(found - effect) < errors).mean(),
                "false_alarms": (np.abs(null) > z * np.sqrt(variance)).mean(),
                "power": (found > errors).mean(),
            }
        )
    return pd.DataFrame(rows)


def _forecasts(
    daily: pd.Series, windows: Windows, level: float, length: int, history: int | None = None
) -> pd.DataFrame:
    """One edition an ordinary date: `weekday`, `sd` of the log, `least` effect found there, `alarm` without any."""
    day = pd.Timedelta(days=1)
    campaign, last = len(windows.campaign_days) * day, (length - 1) * day
    earliest = daily.index[0] + (history or 56) * day + campaign
    starts = pd.date_range(earliest, windows.event_start - campaign - last - day)
    if len(starts):
        starts = comparable_days(starts, replace(windows, event_end=windows.event_start + last))
    rows = []
    for start in evenly(starts, MOST_DATES):
        if not (daily.reindex(pd.date_range(start, start + last)) > 0).all():
            continue  # missing, or nothing to compare an effect with
        days = {"event_start": start, "event_end": start + last}
        days["campaign_start"] = start - campaign if campaign else None
        if history:
            days["history_start"] = start - campaign - history * day
        effect = estimate(daily[: start + last], replace(windows, **days))
        low, high = effect.expected_interval(level)
        sd = np.log(high / max(low, 1e-9 * high)) / 2 / special.ndtri((1 + level) / 2)
        alarm = not low <= effect.observed <= high
        rows.append((start.day_of_week, sd, high / effect.observed - 1, alarm))
    return pd.DataFrame(rows, columns=["weekday", "sd", "least", "alarm"])


def _innovations(panel: pd.DataFrame, windows: Windows, by: str, metric: str) -> np.ndarray:
    """One-step errors of each group's log series on ordinary days like the event, shape (days, groups)."""
    one, columns = replace(windows, event_end=windows.event_start), {}
    for name, series in wide(panel, by, metric)[: one.event_end].items():
        fit, _ = before_the_event(series.clip(lower=0.5), one, scale="log")  # a zero has no logarithm
        variance = fit.estimates.variances[fit.estimates.best]
        step = np.sqrt(variance) * whitener(fit.numbers, fit.likeliest).root[0]
        columns[name] = pd.Series(fit.residuals * fit.size * step, fit.days)
    errors = pd.DataFrame(columns).dropna()
    return errors.loc[comparable_days(errors.index, one)].to_numpy()


def _weights(closed: np.ndarray, shared: float, own: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights and variance of one effect by generalised least squares: V = shared 11' + diag(own) on each day, a row of
    `closed`; V^-1 a by Sherman and Morrison."""
    part = shared / (1 + shared * (1 / own).sum())
    solved = (closed - part * (closed / own).sum(axis=1, keepdims=True)) / own
    size = (closed * solved).sum()
    return solved / size, float(1 / size)
