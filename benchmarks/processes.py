"""Series whose truth is known, to test estimators on: none of them is an estimator's own model.

Each process is a function ``(rng, n_draws, n_days) -> Draws``: `n_days` ordinary days, then the event day
*as it would have been*. Beside it stands the oracle: the law of that day for someone who knows the process
and its parameters and has seen the past. No method can be right and shorter than the oracle on every series.

Level, slope, weekday pattern, size of the noise and first date (so the weekday of the event too) are drawn
anew for each series.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import holidays
import numpy as np
from scipy import signal, special, stats


@dataclass(frozen=True, slots=True)
class Oracle:
    """Law of the untreated event day of each draw.

    Parameters
    ----------
    mean : ndarray, shape (draws,)
        Its mean (its median where the mean is infinite).
    quantile : callable
        Probability -> ndarray, shape (draws,). Counts are taken as spread evenly over +-1/2.
    """

    mean: np.ndarray
    quantile: Callable[[float], np.ndarray]

    def interval(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        """The two ends, each of shape (draws,)."""
        tail = (1 - level) / 2
        return self.quantile(tail), self.quantile(1 - tail)


@dataclass(frozen=True, slots=True)
class Draws:
    """Series drawn from one process.

    Parameters
    ----------
    values : ndarray, shape (draws, days + 1)
        The last column is the event day without the event (but with the campaign, if there is one).
    first_days : ndarray of datetime64[D], shape (draws,)
    oracle : Oracle
        Of the last column.
    campaign_days : int
        Length of the campaign before the event; 0 for none.
    without_campaign : tuple of (ndarray, Oracle), optional
        The event day without campaign and event, and its oracle given the days before the campaign.
    country : str or None
        Whose calendar the process follows.
    metric : str
        Name of the series; "digital_share" for a share in (0, 1), "ticket" for an average.
    wait_days : int or None
        The last days before the event on which people may wait for it, as a user would say.
    """

    values: np.ndarray
    first_days: np.ndarray
    oracle: Oracle
    campaign_days: int = 0
    without_campaign: tuple[np.ndarray, Oracle] | None = None
    country: str | None = None
    metric: str = "value"
    wait_days: int | None = None

    def truth(self, baseline: str) -> tuple[np.ndarray, Oracle]:
        """The untreated event day, and its oracle, under an estimand."""
        if baseline == "history" and self.without_campaign is not None:
            return self.without_campaign
        return self.values[:, -1], self.oracle


PROCESSES: dict[str, Callable[..., Draws]] = {}


def register_in(processes: dict[str, Callable[..., Draws]]) -> Callable:
    """A decorator factory ``(name, days, **fixed)`` that puts a function into `processes`.

    `days` is its usual length of history, `fixed` its fixed options.
    """

    def process(name: str, days: int, **fixed) -> Callable:
        def register(function: Callable[..., Draws]) -> Callable[..., Draws]:
            def draw(rng: np.random.Generator, n_draws: int, n_days: int = days) -> Draws:
                return function(rng, n_draws, n_days, **fixed)

            draw.__name__, draw.__doc__, draw.days = name, function.__doc__, days
            processes[name] = draw
            return function

        return register

    return process


_process = register_in(PROCESSES)


@_process("ar03_log", 120, phi=0.3)
@_process("ar06_log", 120, phi=0.6)
@_process("ar09_log", 180, phi=0.9)
@_process("short_28", 28, phi=0.4)
@_process("short_60", 60, phi=0.4)
@_process("long_365", 365, phi=0.5)
def _autoregressive(rng, n, days, phi):
    """Weekly pattern and slope times exp of an AR(1)."""
    dates = _dates(rng, n, days)
    mean, sd = _pattern(rng, dates), _sd(rng, n)
    noise = _ar(rng, n, days + 1, phi) * sd[:, None]
    return _lognormal(dates, mean + noise, mean[:, -1] + phi * noise[:, -2], sd)


@_process("ar03_raw", 120, phi=0.3)
@_process("ar06_raw", 120, phi=0.6)
@_process("ar09_raw", 180, phi=0.9)
def _autoregressive_raw(rng, n, days, phi):
    """Additive weekly pattern and slope, plus an AR(1)."""
    dates = _dates(rng, n, days)
    level = np.exp(rng.uniform(np.log(500), np.log(50_000), n))
    shape = 1 + _weekdays(rng, dates, depth=0.4) + _slope(rng, dates)
    mean, sd = level[:, None] * shape, level * _sd(rng, n) * np.sqrt(1 - phi**2)
    noise = _ar(rng, n, days + 1, phi) * sd[:, None]
    law = stats.norm(mean[:, -1] + phi * noise[:, -2], sd)
    return Draws(mean + noise, dates[:, 0], Oracle(law.mean(), law.ppf))


@_process("local_level", 180, drift=0.25)
@_process("random_walk_noise", 120, drift=1.0)
def _local_level(rng, n, days, drift):
    """Log level a random walk, seen through noise; `drift` is the ratio of their standard deviations."""
    dates = _dates(rng, n, days)
    mean, sd = _pattern(rng, dates), _sd(rng, n) * 0.8
    level = np.cumsum(rng.standard_normal((n, days + 1)), axis=1) * (drift * sd)[:, None]
    seen = level + rng.standard_normal((n, days + 1)) * sd[:, None]
    state, spread = _follow(seen[:, :-1], sd**2, (drift * sd) ** 2)
    return _lognormal(dates, mean + seen, mean[:, -1] + state, np.sqrt(spread + sd**2))


@_process("changing_season", 240)
def _changing_season(rng, n, days):
    """Each weekday's factor walks on its own from week to week."""
    dates = _dates(rng, n, days)
    mean, sd, step = _pattern(rng, dates), _sd(rng, n), rng.uniform(0.01, 0.03, n)
    weeks = days // 7 + 1
    walk = np.cumsum(rng.standard_normal((n, weeks, 7)), axis=1)[:, ::-1].reshape(n, -1)[:, -(days + 1) :]
    walk = walk * step[:, None]
    seen = walk + rng.standard_normal((n, days + 1)) * sd[:, None]
    state, spread = _follow(seen[:, days % 7 : -1 : 7], sd**2, step**2, start=100 * step**2 * weeks)
    return _lognormal(dates, mean + seen, mean[:, -1] + state, np.sqrt(spread + sd**2))


@_process("counts_small", 180, size=8.0, dispersion=8.0)
@_process("counts_large", 180, size=3_000.0, dispersion=250.0)
def _counts(rng, n, days, size, dispersion):
    """Negative binomial counts whose rate follows the last days' counts."""
    dates = _dates(rng, n, days)
    mean = size * np.exp(_weekdays(rng, dates) + _slope(rng, dates) + rng.normal(0, 0.15, (n, 1)))
    rate, values = np.ones(n), np.empty_like(mean)
    for t in range(days + 1):
        expected = mean[:, t] * rate
        values[:, t] = rng.poisson(expected * rng.gamma(dispersion, 1 / dispersion, n))
        rate = 0.25 + 0.45 * rate + 0.3 * values[:, t] / mean[:, t] if t < days else rate
    law = stats.nbinom(dispersion, dispersion / (dispersion + expected))
    return Draws(values, dates[:, 0], Oracle(expected, lambda q: _spread(law, q)))


@_process("closed_weekends", 180)
def _closed_weekends(rng, n, days):
    """Nothing at all on Saturdays and Sundays; the event is on a working day."""
    dates = _dates(rng, n, days)
    off = _weekday(dates[:, -1]) > 4
    dates = dates + (off * rng.integers(2, 7, n))[:, None].astype("timedelta64[D]")
    dates[_weekday(dates[:, -1]) > 4] += np.timedelta64(2, "D")
    mean, sd = _pattern(rng, dates), _sd(rng, n)
    values = mean + rng.standard_normal(mean.shape) * sd[:, None]
    drawn = _lognormal(dates, values, mean[:, -1], sd)
    drawn.values[_weekday(dates) > 4] = 0
    return drawn


@_process("heavy_tails", 180)
def _heavy_tails(rng, n, days, phi=0.4):
    """Innovations of an AR(1) from Student's t with three degrees of freedom."""
    dates = _dates(rng, n, days)
    mean, sd = _pattern(rng, dates), _sd(rng, n) * 0.6
    noise = _ar(rng, n, days + 1, phi, lambda size: rng.standard_t(3, size)) * sd[:, None]
    law = stats.t(3, mean[:, -1] + phi * noise[:, -2], sd)
    return Draws(
        np.exp(mean + noise), dates[:, 0], Oracle(np.exp(law.median()), lambda q: np.exp(law.ppf(q)))
    )


@_process("skewed", 180)
def _skewed(rng, n, days, phi=0.3):
    """Innovations of an AR(1) from Gumbel's law: large days are more frequent than small ones."""
    dates = _dates(rng, n, days)
    mean, sd = _pattern(rng, dates), _sd(rng, n) * 0.8
    noise = _ar(rng, n, days + 1, phi, lambda size: rng.gumbel(-np.euler_gamma, 1, size)) * sd[:, None]
    centre = mean[:, -1] + phi * noise[:, -2]
    law = stats.gumbel_r(centre - np.euler_gamma * sd, sd)
    average = np.exp(centre - np.euler_gamma * sd) * special.gamma(1 - sd)
    return Draws(np.exp(mean + noise), dates[:, 0], Oracle(average, lambda q: np.exp(law.ppf(q))))


@_process("outliers", 180)
def _outliers(rng, n, days, phi=0.5, share=0.015):
    """On 3 % of the days, the event day not excepted, an outage or a rush of about a half."""
    dates = _dates(rng, n, days)
    mean, sd = _pattern(rng, dates), _sd(rng, n)
    noise = _ar(rng, n, days + 1, phi) * sd[:, None]
    kind = rng.choice([-1, 0, 1], p=[share, 1 - 2 * share, share], size=(n, days + 1))
    shock = np.where(kind < 0, -0.8, 0.45) + 0.15 * rng.standard_normal((n, days + 1))
    centre, wide = mean[:, -1] + phi * noise[:, -2], np.hypot(sd, 0.15)
    parts = [(1 - 2 * share, 0.0, sd), (share, -0.8, wide), (share, 0.45, wide)]
    average = sum(w * np.exp(centre + m + s**2 / 2) for w, m, s in parts)
    oracle = Oracle(average, lambda q: np.exp(centre + _mixture(parts, q)))
    return Draws(np.exp(mean + noise + np.where(kind == 0, 0, shock)), dates[:, 0], oracle)


@_process("variance_grows", 240)
def _variance_grows(rng, n, days):
    """Gamma, variance as mean to the power 1.5, while the level doubles."""
    dates = _dates(rng, n, days)
    growth = rng.uniform(0.5, 1.0, (n, 1)) * np.linspace(-1, 0, days + 1)
    mean = np.exp(_weekdays(rng, dates, depth=0.7) + growth + rng.uniform(7, 10, (n, 1)))
    scale = _sd(rng, n)[:, None] ** 2 * mean[:, -1:] ** 0.5
    shape = mean**0.5 / scale
    law = stats.gamma(shape[:, -1], scale=mean[:, -1] / shape[:, -1])
    return Draws(rng.gamma(shape, mean / shape), dates[:, 0], Oracle(law.mean(), law.ppf))


@_process("heavy_tickets", 180)
def _heavy_tickets(rng, n, days, payments=80):
    """The value of some eighty payments a day whose sizes are lognormal with a heavy tail."""
    dates = _dates(rng, n, days)
    factor = np.array([1.0, 1.1, 1.05, 1.0, 0.95, 0.5, 0.4])
    rate = payments * factor[_weekday(dates)]
    unit = np.exp(rng.uniform(3, 6, n))
    values = unit[:, None] * _ticket_sums(rng, rng.poisson(rate))
    grid, average = _ticket_law(tuple(payments * factor))
    day = _weekday(dates[:, -1])
    return Draws(
        values, dates[:, 0], Oracle(unit * average[day], lambda q: unit * np.quantile(grid, q, axis=1)[day])
    )


@_process("payday_spikes", 365)
def _payday_spikes(rng, n, days, phi=0.4):
    """More on the 25th and on the last two working days of each month; the event may be one of them."""
    dates = _dates(rng, n, days)
    mean, sd = _pattern(rng, dates), _sd(rng, n)
    month_day = (dates - dates.astype("datetime64[M]")).astype(int) + 1
    next_month = (dates.astype("datetime64[M]") + 1).astype("datetime64[D]")
    left = np.busday_count(dates, next_month)
    mean = mean + rng.uniform(0.15, 0.4, (n, 1)) * (month_day == 25)
    mean = mean + rng.uniform(0.1, 0.3, (n, 1)) * ((left <= 2) & (left >= 1) & (_weekday(dates) < 5))
    noise = _ar(rng, n, days + 1, phi) * sd[:, None]
    return _lognormal(dates, mean + noise, mean[:, -1] + phi * noise[:, -2], sd)


@_process("holiday_unknown", 180)
def _holiday_unknown(rng, n, days, phi=0.4):
    """Two closures of one to four days that no calendar knows, one in the fortnight before the event."""
    dates = _dates(rng, n, days)
    mean, sd = _pattern(rng, dates), _sd(rng, n)
    for last in (rng.integers(2, 14, n), rng.integers(30, days - 5, n)):
        back = np.arange(days, -1, -1)
        closed = (back >= last[:, None]) & (back < (last + rng.integers(1, 5, n))[:, None])
        mean = mean - rng.uniform(0.3, 1.0, (n, 1)) * closed
    noise = _ar(rng, n, days + 1, phi) * sd[:, None]
    return _lognormal(dates, mean + noise, mean[:, -1] + phi * noise[:, -2], sd)


@_process("holidays_known", 365)
def _holidays_known(rng, n, days, phi=0.4):
    """The Emirates' weekends and holidays, these at a third of an ordinary day; the event is none of them."""
    dates = _dates(rng, n, days)
    away = _uae_holidays()
    for _ in range(30):
        dates = dates + np.isin(dates[:, -1:], away).astype("timedelta64[D]")
    mean, sd = _pattern(rng, dates, weekend=(4, 5)), _sd(rng, n)
    mean = mean - rng.uniform(0.7, 1.3, (n, 1)) * np.isin(dates, away)
    noise = _ar(rng, n, days + 1, phi) * sd[:, None]
    return _lognormal(dates, mean + noise, mean[:, -1] + phi * noise[:, -2], sd, country="AE")


@_process("level_shift", 180, kind="level")
@_process("trend_break", 240, kind="slope")
def _broken(rng, n, days, kind, phi=0.4):
    """A lasting jump of the level, or a change of slope, at least four weeks before the event."""
    dates = _dates(rng, n, days)
    mean, sd = _pattern(rng, dates), _sd(rng, n)
    since = np.maximum(np.arange(days + 1) - rng.integers(28, days - 28, n)[:, None], 0)
    sign = rng.choice([-1, 1], (n, 1))
    if kind == "level":
        mean = mean + sign * rng.uniform(0.15, 0.4, (n, 1)) * (since > 0)
    else:
        mean = mean + sign * rng.uniform(0.001, 0.003, (n, 1)) * since
    noise = _ar(rng, n, days + 1, phi) * sd[:, None]
    return _lognormal(dates, mean + noise, mean[:, -1] + phi * noise[:, -2], sd)


@_process("campaign", 365, anticipation=False)
@_process("campaign_anticipation", 365, anticipation=True)
def _campaign(rng, n, days, anticipation, phi=0.5, length=33):
    """A campaign that lifts the level quickly and holds it; with `anticipation` people wait on the last days.

    The oracle of the day without the campaign has seen nothing of the campaign.
    """
    dates = _dates(rng, n, days)
    mean, sd = _pattern(rng, dates), _sd(rng, n)
    since = np.maximum(np.arange(days + 1) - (days - length), 0)
    lift = rng.uniform(0.05, 0.3, (n, 1)) * (1 - np.exp(-since / 6))
    if anticipation:
        lift = lift - rng.uniform(0.05, 0.2, (n, 1)) * np.isin(np.arange(days + 1), (days - 2, days - 1))
    noise = _ar(rng, n, days + 1, phi) * sd[:, None]
    plain, ahead = mean + noise, length + 1
    last = noise[:, days - ahead]
    wide = sd * np.sqrt((1 - phi ** (2 * ahead)) / (1 - phi**2))
    without = _lognormal(dates, plain, mean[:, -1] + phi**ahead * last, wide)
    drawn = _lognormal(dates, plain + lift, mean[:, -1] + lift[:, -1] + phi * noise[:, -2], sd)
    return Draws(
        drawn.values, dates[:, 0], drawn.oracle, length, (without.values[:, -1], without.oracle), country=None
    )


@_process("yearly", 365)
def _yearly(rng, n, days, phi=0.4):
    """A yearly wave of 10-30 % each way."""
    dates = _dates(rng, n, days)
    mean, sd = _pattern(rng, dates), _sd(rng, n)
    turn = 2 * np.pi * (np.arange(days + 1) / 365.25 + rng.uniform(0, 1, (n, 1)))
    mean = mean + rng.uniform(0.1, 0.3, (n, 1)) * np.sin(turn)
    noise = _ar(rng, n, days + 1, phi) * sd[:, None]
    return _lognormal(dates, mean + noise, mean[:, -1] + phi * noise[:, -2], sd)


@_process("weekday_variance", 240, kind="weekday")
@_process("rising_volatility", 180, kind="rising")
@_process("clustered_volatility", 365, kind="clustered")
def _uneven(rng, n, days, kind, phi=0.3):
    """Noise three times as large at weekends; or growing threefold; or in clusters (GARCH)."""
    dates = _dates(rng, n, days)
    mean, sd, draws = _pattern(rng, dates), _sd(rng, n), rng.standard_normal((n, days + 1))
    if kind == "weekday":
        size = np.where(_weekday(dates) > 4, 1.8, 0.6)
    elif kind == "rising":
        size = np.broadcast_to(np.linspace(0.5, 1.5, days + 1), draws.shape)
    else:
        size = np.ones_like(draws)
        for t in range(1, days + 1):
            size[:, t] = np.sqrt(0.05 + size[:, t - 1] ** 2 * (0.8 + 0.15 * draws[:, t - 1] ** 2))
    size = size * sd[:, None]
    noise = signal.lfilter([1], [1, -phi], draws * size, axis=1)
    return _lognormal(dates, mean + noise, mean[:, -1] + phi * noise[:, -2], size[:, -1])


@_process("long_memory", 365)
def _long_memory(rng, n, days, d=0.35):
    """Fractional noise: shocks fade by a power law, as no autoregression's do."""
    dates = _dates(rng, n, days)
    mean, sd = _pattern(rng, dates), _sd(rng, n)
    k = np.arange(1, days + 1)
    covariance = special.gamma(1 - 2 * d) / special.gamma(1 - d) ** 2
    covariance = covariance * np.concatenate([[1.0], np.cumprod((k - 1 + d) / (k - d))])
    root = np.linalg.cholesky(covariance[np.abs(np.subtract.outer(np.arange(days + 1), np.arange(days + 1)))])
    draws = rng.standard_normal((n, days + 1))
    noise, ahead = draws @ root.T * sd[:, None], draws[:, :-1] @ root[-1, :-1] * sd
    return _lognormal(dates, mean + noise, mean[:, -1] + ahead, sd * root[-1, -1])


def _lognormal(dates, log_values, centre, sd, country=None) -> Draws:
    """Draws on the original scale from logs whose last value is normal given the past."""
    oracle = Oracle(np.exp(centre + sd**2 / 2), lambda q: np.exp(centre + sd * special.ndtri(q)))
    return Draws(np.exp(log_values), dates[:, 0], oracle, country=country)


def _dates(rng, n, days) -> np.ndarray:
    """Days of each draw, shape (n, days + 1), from a first day at random in 2012-2018."""
    return (np.datetime64("2012-01-01") + rng.integers(0, 2_500, n))[:, None] + np.arange(days + 1)


def _weekday(dates: np.ndarray) -> np.ndarray:
    """Monday is 0."""
    return (dates.astype("datetime64[D]").astype(int) + 3) % 7


def _weekdays(rng, dates, depth=0.9, weekend=(5, 6)) -> np.ndarray:
    """A weekly pattern for each draw: working days differ a little, the weekend by up to `depth`."""
    effect = rng.normal(0, 0.06, (len(dates), 7))
    effect[:, weekend] -= rng.uniform(0.1, depth, (len(dates), 1))
    return np.take_along_axis(effect, _weekday(dates), axis=1)


def _slope(rng, dates) -> np.ndarray:
    """Growth of -20 to +40 % a year, in logs, zero on the event day."""
    return rng.uniform(-0.2, 0.4, (len(dates), 1)) * np.linspace(1 - dates.shape[1], 0, dates.shape[1]) / 365


def _pattern(rng, dates, **options) -> np.ndarray:
    """Log of level, slope and weekly pattern, shape of `dates`."""
    level = rng.uniform(np.log(500), np.log(50_000), (len(dates), 1))
    return level + _slope(rng, dates) + _weekdays(rng, dates, **options)


def _sd(rng, n) -> np.ndarray:
    """Size of the noise: 3 to 10 % of the level."""
    return rng.uniform(0.03, 0.10, n)


def _ar(rng, n, days, phi, innovations=None, burn=100) -> np.ndarray:
    """Stationary AR(1), shape (n, days); `innovations` is a function of a shape, standard normal if None."""
    draws = (innovations or rng.standard_normal)((n, burn + days))
    return signal.lfilter([1], [1, -phi], draws, axis=1)[:, burn:]


def _follow(seen, noise, step, start=0.0) -> tuple[np.ndarray, np.ndarray]:
    """Kalman filter of a random walk: mean and variance of its next value. `start` is its first variance."""
    state, spread = np.zeros(len(seen)), start + step
    for value in seen.T:
        gain = spread / (spread + noise)
        state, spread = state + gain * (value - state), spread * (1 - gain) + step
    return state, spread


def _spread(law, q: float) -> np.ndarray:
    """Quantile of a count spread evenly over +-1/2, so that it is continuous."""
    k = law.ppf(q)
    below = law.cdf(k - 1)
    return k - 0.5 + (q - below) / (law.cdf(k) - below)


def _mixture(parts, q: float) -> np.ndarray:
    """Quantile of a normal mixture [(weight, mean, sd), ...], by bisection."""

    low, high = np.full_like(parts[0][2], -4), np.full_like(parts[0][2], 4)
    for _ in range(60):
        middle = (low + high) / 2
        less = sum(w * special.ndtr((middle - m) / s) for w, m, s in parts) < q
        low, high = np.where(less, middle, low), np.where(less, high, middle)
    return middle


def _ticket_sums(rng, counts) -> np.ndarray:
    """Sums of `counts` lognormal tickets of unit median, shape of `counts`."""
    tickets = np.append(0.0, np.cumsum(rng.lognormal(0, 1.1, counts.sum())))
    ends = np.cumsum(counts.ravel())
    return (tickets[ends] - tickets[ends - counts.ravel()]).reshape(counts.shape)


@cache
def _ticket_law(rates: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Simulated sums (rates, 20,000) of a Poisson number of tickets, and their exact means."""
    rng = np.random.default_rng(20171026)
    sums = np.array([_ticket_sums(rng, rng.poisson(rate, 20_000)) for rate in rates])
    return sums, np.array(rates) * np.exp(1.1**2 / 2)


@cache
def _uae_holidays() -> np.ndarray:
    return np.array(sorted(holidays.country_holidays("AE", years=range(2011, 2022))), dtype="datetime64[D]")
