"""What series with a known truth are built of: noise that remembers, calendars, and distributions of the last day.

Arrays have a row a series. `unseen.py` is made of these.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import holidays
import numpy as np
from processes import Draws, Oracle, _lognormal, _spread, _weekday
from scipy import special, stats


class Level:
    """A level that strays and returns (an AR(1)), seen through white noise; parameters drawn from the ranges given.

    `half_life` in days; `broad` is the standard deviation of the level, `noise` that of what hides it.
    """

    def __init__(self, rng, n, half_life, broad, noise):
        self.rho = 0.5 ** (1 / rng.uniform(*half_life, n))
        self.broad, self.noise = rng.uniform(*broad, n), rng.uniform(*noise, n)
        self.step = self.broad**2 * (1 - self.rho**2)

    def draw(self, rng, days) -> np.ndarray:
        """What is seen, shape (n, days)."""
        n, draws = len(self.rho), rng.standard_normal((len(self.rho), days)) * np.sqrt(self.step)[:, None]
        draws[:, 0] = rng.standard_normal(n) * self.broad
        return autoregression(draws, self.rho[:, None]) + rng.standard_normal((n, days)) * self.noise[:, None]

    def next(self, seen, ahead=1) -> tuple[np.ndarray, np.ndarray]:
        """Kalman filter: mean and standard deviation of what is seen `ahead` days after `seen`; NaN is unseen."""
        state, variance = np.zeros(len(seen)), self.broad**2
        for value in seen.T:
            gain = np.where(np.isnan(value), 0, variance / (variance + self.noise**2))
            state = self.rho * (state + gain * np.nan_to_num(value - state))
            variance = self.rho**2 * variance * (1 - gain) + self.step
        for _ in range(ahead - 1):
            state, variance = self.rho * state, self.rho**2 * variance + self.step
        return state, np.sqrt(variance + self.noise**2)


def autoregressive(rng, dates, mean, coefficients, sizes, country=None) -> Draws:
    """Logs `mean` plus an autoregression with these coefficients; the innovations' size is drawn from `sizes`."""
    n, days = dates.shape
    sd, phi = rng.uniform(*sizes, n), np.tile(np.array(coefficients, float), (n, 1))
    noise = autoregression(rng.standard_normal((n, days + 200)) * sd[:, None], phi)[:, 200:]
    ahead, _ = forecast(noise[:, :-1], phi, 1)
    return _lognormal(dates, mean + noise, mean[:, -1] + ahead, sd, country=country)


def scaled_noise(rng, dates, mean, size, phi) -> Draws:
    """Logs `mean` plus an AR(1) of unit variance times a `size` that changes."""
    n, days = dates.shape
    innovations = rng.standard_normal((n, days + 100)) * np.sqrt(1 - phi**2)[:, None]
    noise = autoregression(innovations, phi[:, None])[:, 100:]
    centre = mean[:, -1] + size[:, -1] * phi * noise[:, -2]
    return _lognormal(dates, mean + size * noise, centre, size[:, -1] * np.sqrt(1 - phi**2))


def autoregression(innovations, coefficients) -> np.ndarray:
    """AR(p) from nothing: innovations of shape (n, days), coefficients (n, p)."""
    values, order = innovations.copy(), coefficients.shape[1]
    for t in range(1, values.shape[1]):
        k = min(order, t)
        values[:, t] += (coefficients[:, :k] * values[:, t - k : t][:, ::-1]).sum(axis=1)
    return values


def forecast(past, coefficients, ahead) -> tuple[np.ndarray, np.ndarray]:
    """Mean of an AR(p) `ahead` days after `past`, and its standard deviation over the innovations'."""
    order = coefficients.shape[1]
    path = continued(past[:, -order:], coefficients, ahead)
    pulse = np.zeros((len(past), order))
    pulse[:, -1] = 1
    weights = np.concatenate([np.ones((len(past), 1)), continued(pulse, coefficients, ahead)], axis=1)
    return path[:, -1], np.sqrt((weights[:, :ahead] ** 2).sum(axis=1))


def continued(past, coefficients, ahead) -> np.ndarray:
    """The next `ahead` values after `past` (n, p) if no innovation comes."""
    values = np.concatenate([past, np.zeros((len(past), ahead))], axis=1)
    order = coefficients.shape[1]
    for t in range(order, order + ahead):
        values[:, t] = (coefficients * values[:, t - order : t][:, ::-1]).sum(axis=1)
    return values[:, order:]


def seasonal(day, week) -> np.ndarray:
    """Coefficients (n, 8) of (1 - day L)(1 - week L^7)."""
    coefficients = np.zeros((len(day), 8))
    coefficients[:, 0], coefficients[:, 6], coefficients[:, 7] = day, week, -day * week
    return coefficients


def weekday_profile(rng, n, spread, weekend=(0.0, 0.0)) -> np.ndarray:
    """Logs of the seven weekdays, shape (n, 7): a normal `spread`, and a shift of Saturday and Sunday in a range."""
    profile = rng.normal(0, spread, (n, 7))
    profile[:, 5:] += rng.uniform(*weekend, (n, 1)) * rng.uniform(0.7, 1.3, (n, 2))
    return profile


def on_weekday(profile, dates) -> np.ndarray:
    """The profile of each date's weekday."""
    return np.take_along_axis(profile, _weekday(dates), axis=1)


def year_share(dates) -> np.ndarray:
    return (dates - dates.astype("datetime64[Y]")).astype(int) / 365.25


def yearly_wave(rng, dates, low, high) -> np.ndarray:
    """A yearly wave of two harmonics, in logs."""
    turn = 2 * np.pi * (year_share(dates) + rng.uniform(0, 1, (len(dates), 1)))
    height, second = rng.uniform(low, high, (len(dates), 1)), rng.uniform(-0.4, 0.4, (len(dates), 1))
    return height * (np.sin(turn) + second * np.sin(2 * turn + 1))


def december(dates) -> np.ndarray:
    """0 to 1 over December's first 24 days, then nothing."""
    day = month_day(dates)
    return np.where((dates.astype("datetime64[M]").astype(int) % 12 == 11) & (day <= 24), day / 24, 0)


def month_day(dates) -> np.ndarray:
    return (dates - dates.astype("datetime64[M]")).astype(int) + 1


def last_working_day(months) -> np.ndarray:
    """Monday to Friday."""
    return np.busday_offset((months + 1).astype("datetime64[D]"), -1, roll="forward")


@cache
def holidays_of(country: str) -> np.ndarray:
    part = {"subdiv": "ENG"} if country == "GB" else {}
    return np.array(
        sorted(holidays.country_holidays(country, years=range(2011, 2023), **part)), dtype="datetime64[D]"
    )


def ordinary_event(dates, away) -> np.ndarray:
    """The dates moved on until the last of each row is not one of `away`."""
    for _ in range(10):
        dates = dates + np.isin(dates[:, -1:], away).astype("timedelta64[D]")
    return dates


def negative_binomial(rng, mean, size) -> np.ndarray:
    """Counts of variance mean + mean^2 / size."""
    return rng.poisson(mean * rng.gamma(size, 1 / size, np.shape(mean))).astype(float)


def count_oracle(mean, size) -> Oracle:
    law = stats.nbinom(size, size / (size + mean))
    return Oracle(mean, lambda q: _spread(law, q))


def logit_oracle(centre, sd, nodes=30) -> Oracle:
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    mean = special.expit(centre[:, None] + sd[:, None] * points) @ weights / weights.sum()
    return Oracle(mean, lambda q: special.expit(centre + sd * special.ndtri(q)))


def log_mixture(weight, centre, sd) -> Oracle:
    """A mixture of lognormals: weight, centre and sd broadcast to (n, parts)."""

    def distribution(x):
        return (weight * special.ndtr((x[:, None] - centre) / sd)).sum(axis=1)

    wide = 7 * np.broadcast_to(sd, centre.shape).max(axis=1)
    logs = inverse(distribution, centre.min(axis=1) - wide, centre.max(axis=1) + wide)
    return Oracle((weight * np.exp(centre + sd**2 / 2)).sum(axis=1), lambda q: np.exp(logs(q)))


def inverse(distribution, low, high) -> Callable[[float], np.ndarray]:
    """Quantiles of a distribution function of shape (n,) by bisection between `low` and `high`."""

    def quantile(q: float) -> np.ndarray:
        left, right = low, high
        for _ in range(40):
            middle = (left + right) / 2
            less = distribution(middle) < q
            left, right = np.where(less, middle, left), np.where(less, right, middle)
        return (left + right) / 2

    return quantile


def middles(n: int) -> np.ndarray:
    """Midpoints of n equal shares of probability."""
    return (np.arange(n) + 0.5) / n
