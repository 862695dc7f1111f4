"""Series that no estimator was made on: they certify one that is finished, and are never looked at before.

The conventions are those of `processes.py`. The series are built from what daily counts of payments, hires, births
and visits are known to do; most are not a weekly pattern times growth times an ARMA noise. An oracle that sees what
the series does not show (a part, the weather) or that is computed by a numerical filter says so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from parts import (
    Level,
    autoregression,
    autoregressive,
    count_oracle,
    december,
    forecast,
    holidays_of,
    inverse,
    last_working_day,
    log_mixture,
    logit_oracle,
    middles,
    month_day,
    negative_binomial,
    on_weekday,
    ordinary_event,
    scaled_noise,
    seasonal,
    weekday_profile,
    year_share,
    yearly_wave,
)
from processes import Draws, Oracle, _dates, _lognormal, _weekday, register_in
from scipy import special, stats

UNSEEN: dict[str, Callable[..., Draws]] = {}
_process = register_in(UNSEEN)


@_process("maternity", 700)
def _maternity(rng, n, days):
    """Births: planned ones avoid weekends (more so each year), holidays and Fridays the 13th, and come a day later.

    Negative binomial; a share of yesterday's shortfall is made up for.
    """
    dates = ordinary_event(_dates(rng, n, days), holidays_of("US"))
    profile = weekday_profile(rng, n, 0.02, weekend=(-0.45, -0.25))
    deeper = 1 + rng.uniform(0, 0.15, (n, 1)) * np.linspace(-1, 0, days + 1)
    away = np.isin(dates, holidays_of("US"))
    drop = away * rng.uniform(0.1, 0.35, dates.shape)
    moved = np.pad(drop, ((0, 0), (1, 0)))[:, :-1] * 0.3
    unlucky = rng.uniform(0.03, 0.08, (n, 1)) * ((_weekday(dates) == 4) & (month_day(dates) == 13))
    log_mean = (
        on_weekday(profile, dates) * deeper - drop + moved - unlucky + yearly_wave(rng, dates, 0.02, 0.05)
    )
    mean = np.exp(log_mean + rng.uniform(np.log(200), np.log(12_000), (n, 1)))
    size = 1 / rng.uniform(0.012, 0.03, n) ** 2
    made_up = rng.uniform(0.1, 0.3, n)
    values, rate = np.empty_like(mean), np.ones(n)
    for t in range(days + 1):
        expected = mean[:, t] * rate
        values[:, t] = negative_binomial(rng, expected, size)
        rate = 1 - made_up * (values[:, t] / mean[:, t] - 1)
    return Draws(values, dates[:, 0], count_oracle(expected, size), country="US")


@_process("outdoors", 500)
def _outdoors(rng, n, days):
    """Rides: warmth that saturates and turns, wet days in spells, both unseen by the series' reader.

    The oracle knows the past weather, not the event day's: an average over 21 x 12 kinds of weather.
    """
    dates = _dates(rng, n, days)
    phase = 2 * np.pi * (year_share(dates) - rng.uniform(0.28, 0.34, (n, 1)))
    normal = rng.uniform(9, 15, (n, 1)) + rng.uniform(6, 10, (n, 1)) * np.sin(phase)
    anomaly = autoregression(rng.normal(0, 2.4, (n, days + 101)), np.full((n, 1), 0.75))[:, 100:]
    wet, rain = np.zeros((n, days + 1), bool), rng.gamma(0.9, 6, (n, days + 1))
    for t in range(1, days + 1):
        chance = np.where(wet[:, t - 1], 0.65, 0.28)
        wet[:, t] = rng.random(n) < chance
    warm, damp = rng.uniform(0.3, 0.6, (n, 1)), rng.uniform(0.1, 0.2, (n, 1))

    def weather(temperature, millimetres):
        heat = np.maximum(temperature - 25, 0)
        return warm * np.tanh((temperature - 11) / 9) - 0.04 * heat - damp * np.log1p(millimetres)

    sd, phi = rng.uniform(0.04, 0.09, n), 0.35
    level = rng.uniform(np.log(800), np.log(40_000), (n, 1)) + on_weekday(
        weekday_profile(rng, n, 0.04), dates
    )
    noise = autoregression(rng.standard_normal((n, days + 51)) * sd[:, None], np.full((n, 1), phi))[:, 50:]
    log_values = level + weather(normal + anomaly, wet * rain) + noise
    temperature = (normal[:, -1] + 0.75 * anomaly[:, -2])[:, None] + 2.4 * special.ndtri(middles(21))
    shower = np.append(0, stats.gamma(0.9, scale=6).ppf(middles(11)))
    kinds = np.concatenate([weather(temperature, amount) for amount in shower], axis=1)
    weight = np.concatenate([1 - chance[:, None], np.tile(chance[:, None] / 11, (1, 11))], axis=1)
    weight = np.repeat(weight, 21, axis=1) / 21
    centre = (level[:, -1] + phi * noise[:, -2])[:, None] + kinds
    return Draws(np.exp(log_values), dates[:, 0], log_mixture(weight, centre, sd[:, None]))


@_process("hiring_rounds", 365)
def _hiring_rounds(rng, n, days):
    """Hires of a small firm: rounds open and close unseen; few on weekends. Exact forward filter."""
    dates = _dates(rng, n, days)
    week = np.where(_weekday(dates) > 4, rng.uniform(0.2, 0.5, (n, 1)), 1 + 0.2 * (_weekday(dates) == 0))
    rates = np.stack([rng.uniform(2, 6, n), rng.uniform(12, 40, n)], axis=1)
    stay = np.stack([rng.uniform(0.93, 0.97, n), rng.uniform(0.9, 0.96, n)], axis=1)
    state, belief = rng.integers(0, 2, n), np.full((n, 2), 0.5)
    values, rows = np.empty(dates.shape), np.arange(n)
    for t in range(days + 1):
        expected = rates * week[:, [t]]
        values[:, t] = rng.poisson(expected[rows, state])
        if t == days:
            break
        seen = belief * stats.poisson.pmf(values[:, [t]], expected)
        seen /= seen.sum(axis=1, keepdims=True)
        belief = seen * stay + seen[:, ::-1] * (1 - stay[:, ::-1])
        state = np.where(rng.random(n) < stay[rows, state], state, 1 - state)

    def distribution(x):
        k = np.floor(x + 0.5)
        below, mass = stats.poisson.cdf(k[:, None] - 1, expected), stats.poisson.pmf(k[:, None], expected)
        return (belief * (below + (x - k + 0.5)[:, None] * mass)).sum(axis=1)

    mean = (belief * expected).sum(axis=1)
    return Draws(
        values, dates[:, 0], Oracle(mean, inverse(distribution, np.full(n, -0.5), np.full(n, 200.0)))
    )


@_process("many_services", 400)
def _many_services(rng, n, days, services=25):
    """Payments of many services of unequal size, each with its week, growth, launch or end; lags 1 to 5 and 7."""
    dates, time = _dates(rng, n, days), np.arange(days + 1)
    weights = 1 / np.arange(1, services + 1) ** 1.1
    total = np.zeros(dates.shape)
    for weight in weights:
        growth = rng.normal(0.1, 0.4, (n, 1)) * (time - days) / 365
        moment, sign = rng.integers(-days, 3 * days, (n, 1)), rng.choice([-1, 1], (n, 1))
        there = special.expit(sign * (time - moment) / rng.uniform(3, 20, (n, 1)))
        total += (
            weight
            * np.exp(growth + on_weekday(weekday_profile(rng, n, 0.15, weekend=(-1.5, 0.2)), dates))
            * there
        )
    mean = total * np.exp(rng.uniform(np.log(100), np.log(20_000), (n, 1)))
    size = 1 / rng.uniform(0.03, 0.08, n) ** 2
    recent, weekly = rng.uniform(0.2, 0.6, n), rng.uniform(0.1, 0.3, n)
    ratio, values = np.zeros((n, 7 + days + 1)), np.empty_like(mean)
    for t in range(days + 1):
        memory = recent * (ratio[:, t + 2 : t + 7] @ np.array([0.08, 0.1, 0.14, 0.23, 0.45]))
        expected = mean[:, t] * np.exp(memory + weekly * ratio[:, t])
        values[:, t] = negative_binomial(rng, expected, size)
        ratio[:, t + 7] = np.log((values[:, t] + 0.5) / (mean[:, t] + 0.5))
    return Draws(values, dates[:, 0], count_oracle(expected, size))


@_process("cycles_90", 90)
@_process("cycles_240", 240)
def _cycles(rng, n, days):
    """A billing cycle that is not the week's: an AR(3) with complex roots of period 9 to 25 days."""
    dates = _dates(rng, n, days)
    damp, turn, real = (
        rng.uniform(0.85, 0.96, n),
        2 * np.pi / rng.uniform(9, 25, n),
        rng.uniform(-0.4, 0.3, n),
    )
    a, b = 2 * damp * np.cos(turn), -(damp**2)
    coefficients = np.stack([a + real, b - a * real, -b * real], axis=1)
    sd = rng.uniform(0.01, 0.04, n)
    noise = autoregression(rng.standard_normal((n, days + 201)) * sd[:, None], coefficients)[:, 200:]
    mean = rng.uniform(6, 11, (n, 1)) + on_weekday(weekday_profile(rng, n, 0.08, weekend=(-0.6, 0.3)), dates)
    ahead, _ = forecast(noise[:, :-1], coefficients, 1)
    return _lognormal(dates, mean + noise, mean[:, -1] + ahead, sd)


@_process("new_week", 360)
def _new_week(rng, n, days):
    """The weekly profile turns into another over months; the noise remembers the day and the same day last week."""
    dates, time = _dates(rng, n, days), np.arange(days + 1)
    turned = special.expit((time - rng.uniform(0.3, 1.2, (n, 1)) * days) / rng.uniform(15, 60, (n, 1)))
    old, new = (on_weekday(weekday_profile(rng, n, 0.08, weekend=(-0.8, 0.3)), dates) for _ in range(2))
    mean = rng.uniform(6, 11, (n, 1)) + old * (1 - turned) + new * turned
    coefficients = seasonal(rng.uniform(0.1, 0.5, n), rng.uniform(0.3, 0.7, n))
    sd = rng.uniform(0.02, 0.07, n)
    noise = autoregression(rng.standard_normal((n, days + 201)) * sd[:, None], coefficients)[:, 200:]
    ahead, _ = forecast(noise[:, :-1], coefficients, 1)
    return _lognormal(dates, mean + noise, mean[:, -1] + ahead, sd)


@_process("calm_and_wild", 300)
def _calm_and_wild(rng, n, days, phi=0.45):
    """Calm weeks, then wild ones: the noise's size switches between two. Exact forward filter."""
    dates = _dates(rng, n, days)
    mean = rng.uniform(6, 11, (n, 1)) + on_weekday(weekday_profile(rng, n, 0.05, weekend=(-0.7, 0)), dates)
    sizes = rng.uniform(0.015, 0.03, (n, 1)) * np.stack([np.ones(n), rng.uniform(2.5, 5, n)], axis=1)
    stay = np.stack([rng.uniform(0.95, 0.985, n), rng.uniform(0.88, 0.96, n)], axis=1)
    rows, state, belief = np.arange(n), rng.integers(0, 2, n), np.full((n, 2), 0.5)
    noise = np.zeros(dates.shape)
    for t in range(days + 1):
        innovation = rng.standard_normal(n) * sizes[rows, state]
        noise[:, t] = innovation + (phi * noise[:, t - 1] if t else 0)
        if t == days:
            break
        seen = belief * stats.norm.pdf(innovation[:, None], scale=sizes)
        seen /= seen.sum(axis=1, keepdims=True)
        belief = seen * stay + seen[:, ::-1] * (1 - stay[:, ::-1])
        state = np.where(rng.random(n) < stay[rows, state], state, 1 - state)
    centre = (mean[:, -1] + phi * noise[:, -2])[:, None]
    return Draws(np.exp(mean + noise), dates[:, 0], log_mixture(belief, np.repeat(centre, 2, axis=1), sizes))


@_process("wandering_volatility", 400)
def _wandering_volatility(rng, n, days, phi=0.35, stay=0.96, wander=0.25):
    """Student's t innovations whose log variance wanders. A filter on 61 points of it, all but exact."""
    dates = _dates(rng, n, days)
    mean = rng.uniform(6, 11, (n, 1)) + on_weekday(weekday_profile(rng, n, 0.05, weekend=(-0.7, 0.2)), dates)
    sd, broad = rng.uniform(0.02, 0.05, n), wander / np.sqrt(1 - stay**2)
    points = np.linspace(-4.5, 4.5, 61) * broad
    move = stats.norm.pdf(points, stay * points[:, None], wander)
    move /= move.sum(axis=1, keepdims=True)
    scales = sd[:, None] * np.exp(points / 2)
    belief = np.tile(stats.norm.pdf(points, scale=broad), (n, 1))
    belief /= belief.sum(axis=1, keepdims=True)
    height, noise = rng.normal(0, broad, n), np.zeros(dates.shape)
    for t in range(days + 1):
        innovation = sd * np.exp(height / 2) * rng.standard_t(5, n)
        noise[:, t] = innovation + (phi * noise[:, t - 1] if t else 0)
        if t == days:
            break
        belief = belief * stats.t.pdf(innovation[:, None] / scales, 5) / scales
        belief = belief / belief.sum(axis=1, keepdims=True) @ move
        height = stay * height + wander * rng.standard_normal(n)
    centre = mean[:, -1] + phi * noise[:, -2]
    spread = inverse(
        lambda x: (belief * special.stdtr(5, x[:, None] / scales)).sum(axis=1), -30 * sd, 30 * sd
    )
    oracle = Oracle(np.exp(centre), lambda q: np.exp(centre + spread(q)))
    return Draws(np.exp(mean + noise), dates[:, 0], oracle)


@_process("news", 300)
def _news(rng, n, days, up=0.02, down=0.01):
    """Now and then a rush, more rarely an outage, each of random size, that fades over one to three weeks."""
    dates = _dates(rng, n, days)
    mean = rng.uniform(6, 11, (n, 1)) + on_weekday(weekday_profile(rng, n, 0.06, weekend=(-0.8, 0)), dates)
    sd, rho = rng.uniform(0.02, 0.06, n), rng.uniform(0.75, 0.92, n)
    large, small = rng.uniform(0.15, 0.45, n), rng.uniform(0.15, 0.4, n)
    innovations = rng.standard_normal((n, days + 101)) * sd[:, None]
    kind = rng.random(innovations.shape)
    innovations += (kind < up) * rng.exponential(large[:, None], kind.shape)
    innovations -= (kind > 1 - down) * rng.exponential(small[:, None], kind.shape)
    noise = autoregression(innovations, rho[:, None])[:, 100:]

    def distribution(x):
        rush = stats.exponnorm.cdf(x, large / sd, scale=sd)
        outage = stats.exponnorm.sf(-x, small / sd, scale=sd)
        return (1 - up - down) * special.ndtr(x / sd) + up * rush + down * outage

    centre, spread = (
        mean[:, -1] + rho * noise[:, -2],
        inverse(distribution, np.full(n, -6.0), np.full(n, 6.0)),
    )
    average = np.exp(centre + sd**2 / 2) * (1 - up - down + up / (1 - large) + down / (1 + small))
    oracle = Oracle(average, lambda q: np.exp(centre + spread(q)))
    return Draws(np.exp(mean + noise), dates[:, 0], oracle)


@_process("after_payday", 400)
def _after_payday(rng, n, days):
    """Spending: highest after the month's last working day, then ebbing; bank holidays of England in part."""
    dates = ordinary_event(_dates(rng, n, days), holidays_of("GB"))
    month = dates.astype("datetime64[M]")
    paid = last_working_day(month)
    paid = np.where(dates > paid, paid, last_working_day(month - 1))
    since = (dates - paid).astype(int)
    ebb = rng.uniform(0.15, 0.4, (n, 1)) * np.exp(-(since - 1) / rng.uniform(3, 10, (n, 1)))
    mean = (
        rng.uniform(6, 11, (n, 1))
        + on_weekday(weekday_profile(rng, n, 0.05, weekend=(-0.3, 0.35)), dates)
        + ebb
    )
    mean = mean - rng.uniform(0.1, 0.6, dates.shape) * np.isin(dates, holidays_of("GB"))
    mean = mean + rng.uniform(0.2, 0.5, (n, 1)) * december(dates)
    return autoregressive(rng, dates, mean, (0.25, 0.15), (0.02, 0.06), country="GB")


@_process("school_terms", 600)
def _school_terms(rng, n, days):
    """Visits that rise or fall in school holidays, which no calendar of the reader has; then all days are alike."""
    dates = _dates(rng, n, days)
    day = (dates - dates.astype("datetime64[Y]")).astype(int) + rng.integers(-4, 5, (n, 1))
    terms = [(201, 244), (354, 400), (-20, 3), (92, 106), (297, 304), (45, 52)]
    free = np.any([(day >= first) & (day < last) for first, last in terms], axis=0)
    profile = on_weekday(weekday_profile(rng, n, 0.06, weekend=(0.1, 0.7)), dates)
    lift = rng.choice([-1, 1, 1], (n, 1)) * rng.uniform(0.15, 0.5, (n, 1))
    mean = rng.uniform(6, 11, (n, 1)) + np.where(free, 0.4 * profile + lift, profile)
    return autoregressive(rng, dates, mean + yearly_wave(rng, dates, 0, 0.15), (0.4, 0.2), (0.04, 0.1))


@_process("adoption", 540)
def _adoption(rng, n, days):
    """A new channel spreads along a logistic curve; its week appears and its noise shrinks as it grows."""
    dates, time = _dates(rng, n, days), np.arange(days + 1)
    middle, pace = rng.uniform(0.2, 1.1, (n, 1)) * days, rng.uniform(25, 90, (n, 1))
    grown = np.maximum(special.expit((time - middle) / pace), 0.005)
    cap = rng.uniform(np.log(3_000), np.log(60_000), (n, 1))
    mean = (
        cap
        + np.log(grown)
        + on_weekday(weekday_profile(rng, n, 0.08, weekend=(-0.8, 0)), dates) * np.sqrt(grown)
    )
    size = np.sqrt(rng.uniform(0.02, 0.05, (n, 1)) ** 2 + 4 * np.exp(-mean))
    return scaled_noise(rng, dates, mean, size, rng.uniform(0.3, 0.7, n))


@_process("pandemic", 560)
def _pandemic(rng, n, days):
    """A collapse long before the event, two waves, a recovery to another level; the week was flat meanwhile."""
    dates, time = _dates(rng, n, days), np.arange(days + 1)
    start, recovery = rng.integers(60, 200, (n, 1)), rng.uniform(30, 90, (n, 1))
    dip = np.zeros(dates.shape)
    for later, part in ((0, 1.0), (rng.integers(120, 180, (n, 1)), rng.uniform(0.2, 0.6, (n, 1)))):
        since = np.maximum(time - start - later, 0)
        dip += part * (1 - np.exp(-since / 4)) * np.exp(-since / recovery)
    depth, after = rng.uniform(0.5, 1.6, (n, 1)), rng.uniform(-0.15, 0.3, (n, 1))
    mean = rng.uniform(6, 11, (n, 1)) - depth * dip + after * special.expit((time - start - 60) / 25)
    profile = on_weekday(weekday_profile(rng, n, 0.06, weekend=(-1, 0.2)), dates)
    mean = mean + profile * (1 - 0.6 * np.minimum(dip, 1))
    return scaled_noise(
        rng, dates, mean, rng.uniform(0.02, 0.06, (n, 1)) * (1 + 2 * dip), rng.uniform(0.3, 0.7, n)
    )


@_process("payroll_fridays", 450)
def _payroll_fridays(rng, n, days):
    """A level that strays and returns over months, pay every other Friday, holidays of the United States in part,
    the day after them busier. Kalman filter."""
    dates = ordinary_event(_dates(rng, n, days), holidays_of("US"))
    away = np.isin(dates, holidays_of("US"))
    mean = rng.uniform(6, 11, (n, 1)) + on_weekday(weekday_profile(rng, n, 0.06, weekend=(-0.6, 0.1)), dates)
    mean = mean - away * rng.uniform(0.1, 0.9, dates.shape)
    mean = mean + np.pad(away, ((0, 0), (1, 0)))[:, :-1] * rng.uniform(0, 0.2, (n, 1))
    friday = (dates.astype(int) + rng.integers(0, 2, (n, 1)) * 7) % 14 == 1
    mean = mean + friday * rng.uniform(0.08, 0.25, (n, 1))
    level = Level(rng, n, half_life=(40, 120), broad=(0.1, 0.3), noise=(0.03, 0.08))
    seen = level.draw(rng, days + 1)
    centre, sd = level.next(seen[:, :-1])
    return _lognormal(dates, mean + seen, mean[:, -1] + centre, sd, country="US")


@_process("share_45", 45)
@_process("share_rising", 300)
def _share(rng, n, days, length=0):
    """A share that rises to a ceiling, strays and returns. Normal on the logit scale; Kalman filter.

    With a campaign of `length` days it climbs steadily; the oracle without it has seen nothing of it.
    """
    dates, time = _dates(rng, n, days), np.arange(days + 1)
    rise = rng.uniform(0, 1.5, (n, 1)) * -np.expm1(-time / rng.uniform(60, 300, (n, 1)))
    mean = (
        rng.uniform(-1.2, 1.2, (n, 1))
        + rise
        + on_weekday(weekday_profile(rng, n, 0.04, weekend=(-0.1, 0.5)), dates)
    )
    level = Level(rng, n, half_life=(5, 40), broad=(0.04, 0.12), noise=(0.03, 0.08))
    seen = level.draw(rng, days + 1)
    lift = rng.uniform(0, 0.4, (n, 1)) * np.maximum(time - (days - length), 0) / max(length, 1)
    centre, sd = level.next(seen[:, :-1])
    oracle = logit_oracle((mean + lift)[:, -1] + centre, sd)
    values, fields = special.expit(mean + lift + seen), {"metric": "digital_share"}
    if length:
        centre, sd = level.next(seen[:, : days - length], length + 1)
        without = (special.expit(mean + seen)[:, -1], logit_oracle(mean[:, -1] + centre, sd))
        fields |= {"campaign_days": length, "without_campaign": without}
    return Draws(values, dates[:, 0], oracle, **fields)


@_process("share_near_one", 250)
def _share_near_one(rng, n, days):
    """A share of 92 to 98 %, beta distributed, noisier on the few payments of a weekend; it follows its eve."""
    dates = _dates(rng, n, days)
    base = special.logit(rng.uniform(0.92, 0.98, (n, 1))) + on_weekday(
        weekday_profile(rng, n, 0.1, weekend=(-0.4, 0.4)), dates
    )
    base = base + rng.uniform(-0.2, 0.8, (n, 1)) * np.linspace(-1, 0, days + 1)
    payments = rng.uniform(150, 2_000, (n, 1)) * np.where(_weekday(dates) > 4, 0.3, 1)
    follow, ahead, values = rng.uniform(0.2, 0.6, n), np.zeros(n), np.empty(dates.shape)
    for t in range(days + 1):
        share = special.expit(base[:, t] + ahead)
        law = stats.beta(share * payments[:, t], (1 - share) * payments[:, t])
        values[:, t] = np.minimum(law.rvs(random_state=rng), 0.9999)
        ahead = follow * np.clip(special.logit(values[:, t]) - base[:, t], -1, 1)
    return Draws(values, dates[:, 0], Oracle(law.mean(), law.ppf), metric="digital_share")


@_process("average_ticket", 250)
def _average_ticket(rng, n, days, large=12.0):
    """The mean of a day's payments, a few of them a large fee: fewer payments, a noisier mean.

    Small and large payments are gamma with one scale; the oracle averages over 5 x 25 numbers of the two.
    """
    dates = _dates(rng, n, days)
    week = np.exp(on_weekday(weekday_profile(rng, n, 0.05, weekend=(-1.2, -0.2)), dates))
    few = rng.uniform(60, 400, (n, 1)) * week
    rare = few * rng.uniform(0.02, 0.08, (n, 1)) * np.where(_weekday(dates) > 4, 0.5, 1)
    price = rng.uniform(20, 200, (n, 1)) * np.exp(
        rng.uniform(-0.05, 0.1, (n, 1)) * np.linspace(-1, 0, days + 1)
    )
    price = price * np.where(dates >= dates[:, -1:].astype("datetime64[Y]"), rng.uniform(1, 1.08, (n, 1)), 1)
    small, big = np.maximum(rng.poisson(few), 1), rng.poisson(rare)
    values = price * rng.gamma(small + large * big) / (small + big)
    points, share = np.polynomial.hermite_e.hermegauss(5)  # small payments: all but normal
    a = (few[:, [-1]] + np.sqrt(few[:, [-1]]) * points)[:, :, None]
    b = stats.poisson.ppf(middles(25), rare[:, [-1]])[:, None, :]
    weight = (share / share.sum())[:, None] / 25
    unit = price[:, -1]

    def distribution(x):
        below = special.gammainc(a + large * b, (x / unit)[:, None, None] * (a + b))
        return (below * weight).sum(axis=(1, 2))

    mean = unit * ((a + large * b) / (a + b) * weight).sum(axis=(1, 2))
    return Draws(
        values, dates[:, 0], Oracle(mean, inverse(distribution, 0 * unit, 8 * unit)), metric="ticket"
    )


@_process("gaps", 200)
def _gaps(rng, n, days):
    """One day in twenty is missing, and a whole week within the last three months. Kalman filter."""
    dates = _dates(rng, n, days)
    mean = rng.uniform(6, 11, (n, 1)) + on_weekday(weekday_profile(rng, n, 0.06, weekend=(-0.8, 0.1)), dates)
    level = Level(rng, n, half_life=(1, 8), broad=(0.04, 0.12), noise=(0.01, 0.05))
    seen, back = level.draw(rng, days + 1), np.arange(days, -1, -1)
    values = mean + seen
    gap = rng.integers(1, 90, (n, 1))
    missing = (rng.random(values.shape) < 0.05) | ((back >= gap) & (back < gap + 7))
    missing[:, -1] = False
    values, seen = np.where(missing, np.nan, values), np.where(missing, np.nan, seen)
    centre, sd = level.next(seen[:, :-1])
    return _lognormal(dates, values, mean[:, -1] + centre, sd)


@_process("closed_one_weekday", 300)
def _closed_one_weekday(rng, n, days):
    """Closed on one weekday and on England's bank holidays; the next open day has some of what was put off."""
    dates = ordinary_event(_dates(rng, n, days), holidays_of("GB"))
    rest = (_weekday(dates[:, -1]) + rng.integers(1, 7, n))[:, None] % 7
    closed = (_weekday(dates) == rest) | np.isin(dates, holidays_of("GB"))
    put_off, run = np.zeros(dates.shape), np.zeros(n)
    for t in range(days + 1):
        put_off[:, t] = np.where(closed[:, t], 0, np.minimum(run, 2))
        run = np.where(closed[:, t], run + 1, 0)
    mean = rng.uniform(6, 11, (n, 1)) + on_weekday(weekday_profile(rng, n, 0.08), dates)
    mean = mean + np.log1p(rng.uniform(0.1, 0.35, (n, 1)) * put_off)
    sd, phi, last = rng.uniform(0.03, 0.09, n), rng.uniform(0.2, 0.7, n), np.zeros(n)
    noise = np.zeros(dates.shape)
    for t in range(days + 1):
        ahead = phi * last
        noise[:, t] = ahead + sd * rng.standard_normal(n)
        last = np.where(closed[:, t], last, noise[:, t])
    drawn = _lognormal(dates, mean + noise, mean[:, -1] + ahead, sd, country="GB")
    drawn.values[closed] = 0
    return drawn


@_process("newly_opened_21", 21)
@_process("newly_opened_35", 35)
def _newly_opened(rng, n, days):
    """A service that has just opened: curiosity that ebbs, or custom that builds up. Negative binomial."""
    dates, time = _dates(rng, n, days), np.arange(days + 1)
    first = rng.uniform(-0.9, 1.2, (n, 1)) * np.exp(-time / rng.uniform(4, 15, (n, 1)))
    week = on_weekday(weekday_profile(rng, n, 0.06, weekend=(-0.7, 0.2)), dates)
    mean = np.exp(rng.uniform(np.log(60), np.log(8_000), (n, 1)) + week + first)
    size, follow = 1 / rng.uniform(0.04, 0.12, n) ** 2, rng.uniform(0, 0.5, n)
    values, rate = np.empty_like(mean), np.ones(n)
    for t in range(days + 1):
        expected = mean[:, t] * rate
        values[:, t] = negative_binomial(rng, expected, size)
        rate = 1 + follow * (values[:, t] / mean[:, t] - 1)
    return Draws(values, dates[:, 0], count_oracle(expected, size))


@_process("working_days", 500)
def _working_days(rng, n, days):
    """India's banks: first and last working days of the month and the quarter, second and fourth Saturdays shut."""
    dates = ordinary_event(_dates(rng, n, days), holidays_of("IN"))
    away, month = np.isin(dates, holidays_of("IN")), dates.astype("datetime64[M]")
    saturday = (_weekday(dates) == 5) & np.isin((month_day(dates) - 1) // 7, (1, 3))
    begun = np.busday_count(month.astype("datetime64[D]"), dates + 1)
    left = np.busday_count(dates, (month + 1).astype("datetime64[D]"))
    mean = rng.uniform(6, 11, (n, 1)) + rng.uniform(0, 0.5, (n, 1)) * np.linspace(-1, 0, days + 1)
    mean = mean + on_weekday(weekday_profile(rng, n, 0.04, weekend=(-0.5, -0.1)), dates)
    mean = mean - saturday * rng.uniform(0.1, 0.6, (n, 1)) - away * rng.uniform(0, 0.5, dates.shape)
    mean = mean + rng.uniform(0.08, 0.25, (n, 1)) * np.exp(-(np.maximum(begun, 1) - 1) / 3)
    quarter = np.where(month.astype(int) % 3 == 2, rng.uniform(1, 2, (n, 1)), 1)
    mean = mean + rng.uniform(0.05, 0.2, (n, 1)) * (left <= 2) * quarter
    return autoregressive(rng, dates, mean, (0.35, 0.1, 0, 0, 0, 0, 0.25), (0.015, 0.05), country="IN")


@_process("clinic_in_winter", 400)
def _clinic_in_winter(rng, n, days):
    """Visits that breed visits for ten days, more so in winter; Mondays are full. Negative binomial."""
    dates = _dates(rng, n, days)
    spread = stats.gamma.pdf(np.arange(1, 11), 2.2, scale=1.4)
    spread = (spread / spread.sum())[::-1]
    cold = 0.5 + 0.5 * np.cos(2 * np.pi * (year_share(dates) - rng.uniform(0, 0.12, (n, 1))))
    breeding = rng.uniform(0.2, 0.5, (n, 1)) + rng.uniform(0.2, 0.42, (n, 1)) * cold
    profile = weekday_profile(rng, n, 0.05, weekend=(-0.9, -0.1))
    profile[:, 0] += rng.uniform(0.05, 0.25, n)
    base = np.exp(rng.uniform(np.log(15), np.log(300), (n, 1)) + on_weekday(profile, dates))
    size = 1 / rng.uniform(0.03, 0.1, n) ** 2
    ratio, values = np.full((n, 10 + days + 1), 0.5), np.empty(dates.shape)
    for t in range(days + 1):
        expected = base[:, t] * (0.3 + breeding[:, t] * (ratio[:, t : t + 10] @ spread))
        values[:, t] = negative_binomial(rng, expected, size)
        ratio[:, t + 10] = values[:, t] / base[:, t]
    return Draws(values, dates[:, 0], count_oracle(expected, size))


@_process("campaign_slow_lift", 400)
def _campaign_slow_lift(rng, n, days):
    """Twenty to forty days that lift the level little by little; an AR(3)."""
    length = int(rng.integers(20, 41))
    since = np.maximum(np.arange(days + 1) - (days - length), 0)
    lift = rng.uniform(0.08, 0.35, (n, 1)) * since / length
    return _campaign(rng, n, days, length, lambda dates: lift, lambda: np.tile([0.35, 0.15, 0.1], (n, 1)))


@_process("campaign_flash", 300)
def _campaign_flash(rng, n, days):
    """Two to four weeks: a leap that ebbs within days; people wait on the eve, fewer the day before. Kalman filter."""
    dates, length = _dates(rng, n, days), int(rng.integers(14, 29))
    since = np.maximum(np.arange(days + 1) - (days - length), 0)
    lift = rng.uniform(0.1, 0.4, (n, 1)) * (since > 0) * np.exp(-(since - 1) / rng.uniform(3, 12, (n, 1)))
    lift[:, -3:-1] -= rng.uniform(0.08, 0.25, (n, 1)) * [0.5, 1]
    mean = rng.uniform(6, 11, (n, 1)) + on_weekday(weekday_profile(rng, n, 0.06, weekend=(-0.9, 0)), dates)
    level = Level(rng, n, half_life=(10, 60), broad=(0.05, 0.15), noise=(0.02, 0.07))
    seen = level.draw(rng, days + 1)
    centre, sd = level.next(seen[:, :-1])
    drawn = _lognormal(dates, mean + lift + seen, (mean + lift)[:, -1] + centre, sd)
    centre, sd = level.next(seen[:, : days - length], length + 1)
    plain = _lognormal(dates, mean + seen, mean[:, -1] + centre, sd)
    without = (plain.values[:, -1], plain.oracle)
    return dataclasses.replace(drawn, campaign_days=length, without_campaign=without, wait_days=2)


@_process("campaign_unheard", 250)
def _campaign_unheard(rng, n, days):
    """Ten to twenty days of a campaign that does nothing at all; counts without memory, a yearly wave."""
    dates, length = _dates(rng, n, days), int(rng.integers(10, 21))
    log_mean = on_weekday(weekday_profile(rng, n, 0.08, weekend=(-0.9, 0.2)), dates) + yearly_wave(
        rng, dates, 0.05, 0.25
    )
    mean = np.exp(rng.uniform(np.log(20), np.log(3_000), (n, 1)) + log_mean)
    size = 1 / rng.uniform(0.04, 0.12, n) ** 2
    values, oracle = negative_binomial(rng, mean, size[:, None]), count_oracle(mean[:, -1], size)
    return Draws(values, dates[:, 0], oracle, length, (values[:, -1], oracle))


@_process("campaign_on_weekends", 365)
def _campaign_on_weekends(rng, n, days):
    """Ten to thirty-five days that lift the weekends most; some wait on the eve. The noise remembers last week."""
    length = int(rng.integers(10, 36))
    on = np.arange(days + 1) > days - length - 1
    weekday, weekend = rng.uniform(0, 0.1, (n, 1)), rng.uniform(0.15, 0.4, (n, 1))
    wait = rng.uniform(0.05, 0.2, (n, 1)) * (np.arange(days + 1) == days - 1)

    def lift(dates):
        return on * np.where(_weekday(dates) > 4, weekend, weekday) - wait

    def coefficients():
        return seasonal(rng.uniform(0.2, 0.6, n), rng.uniform(0.2, 0.5, n))

    return dataclasses.replace(_campaign(rng, n, days, length, lift, coefficients), wait_days=2)


@_process("campaign_share", 104)
def _campaign_share(rng, n, days):
    """Two weeks in which a share climbs."""
    return _share(rng, n, days, length=14)


def _campaign(rng, n, days, length, lift, coefficients) -> Draws:
    """A campaign on top of an autoregression; `lift` maps dates to logs, `coefficients` draws those of the noise."""
    dates = _dates(rng, n, days)
    raised, phi, sd = lift(dates), coefficients(), rng.uniform(0.02, 0.08, n)
    noise = autoregression(rng.standard_normal((n, days + 201)) * sd[:, None], phi)[:, 200:]
    mean = rng.uniform(6, 11, (n, 1)) + on_weekday(weekday_profile(rng, n, 0.06, weekend=(-0.9, 0.1)), dates)
    ahead, wide = forecast(noise[:, : days - length], phi, length + 1)
    plain = _lognormal(dates, mean + noise, mean[:, -1] + ahead, sd * wide)
    ahead, _ = forecast(noise[:, :-1], phi, 1)
    drawn = _lognormal(dates, mean + raised + noise, (mean + raised)[:, -1] + ahead, sd)
    return dataclasses.replace(
        drawn, campaign_days=length, without_campaign=(plain.values[:, -1], plain.oracle)
    )
