"""How wide an ordinary day spreads: what is put into simulated errors must come out again."""

from __future__ import annotations

import numpy as np
import pytest
from analysis.estimators.counterfactual import SCORES
from analysis.estimators.spread import scales, tails
from scipy import stats

N = 364
WEEKDAY = (np.arange(N) % 7)[None]
ALL = np.ones(N, bool)


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def at(quantiles: np.ndarray, probability: float) -> float:
    return float(np.interp(stats.norm.ppf(probability), SCORES, quantiles))


def test_even_noise_stays_even():
    """40 series of constant variance: on average one, no weekday scaled by more than two fifths."""
    found = np.array(
        [scales(rng(seed).normal(size=N), ALL, WEEKDAY, WEEKDAY[:, :7])[1] for seed in range(40)]
    )
    assert found.mean() == pytest.approx(1, abs=0.03)
    assert abs(np.log(found)).mean() < 0.06
    assert abs(np.log(found)).max() < 0.35


def test_a_wild_weekday_is_found():
    """Fridays with three times the spread: their scale, against the other days', is three within a quarter."""
    size = np.where(WEEKDAY[0] == 4, 3.0, 1.0)
    past, future = scales(rng(1).normal(size=N) * size, ALL, WEEKDAY, WEEKDAY[:, :7])
    others = future[[0, 1, 2, 3, 5, 6]]
    assert future[4] / others.mean() == pytest.approx(3, rel=0.25)
    assert np.ptp(others) / others.mean() < 0.35
    assert past[WEEKDAY[0] == 4].mean() / past[WEEKDAY[0] != 4].mean() == pytest.approx(3, rel=0.25)


def test_a_rare_kind_of_day_is_found():
    """Four days in thirty twice as wild, told by a second way of naming days."""
    turn = (np.arange(N) % 30 < 4).astype(int)
    kinds = np.vstack([WEEKDAY, turn])
    future = np.array([[0, 0], [0, 1]])
    ratio = []
    for seed in range(10):
        ahead = scales(rng(seed).normal(size=N) * (1 + turn), ALL, kinds, future)[1]
        ratio.append(ahead[1] / ahead[0])
    assert np.mean(ratio) == pytest.approx(2, rel=0.2)


@pytest.mark.parametrize(("start", "end"), [(1.0, 3.0), (3.0, 1.0)])
def test_rising_and_falling_noise(start, end):
    """Noise that triples (or falls to a third) over the year: the day after the last takes the latest size."""
    size = np.geomspace(start, end, N)
    found = []
    for seed in range(10):
        past, future = scales(rng(seed).normal(size=N) * size, ALL, WEEKDAY, WEEKDAY[:, :1])
        found.append(future[0] / past[:60].mean())
    assert np.mean(found) == pytest.approx(end / size[:60].mean(), rel=0.3)


def test_past_scales_have_a_mean_square_of_one():
    """On usual days, so that errors over scales keep their variance."""
    usual = ALL.copy()
    usual[[50, 200]] = False
    errors = rng(3).normal(size=N) * np.where(WEEKDAY[0] < 2, 2.0, 1.0)
    past, _ = scales(errors, usual, WEEKDAY, WEEKDAY[:, :1])
    assert np.mean(past[usual] ** 2) == pytest.approx(1)


def test_scales_do_not_see_the_unit():
    errors = rng(4).normal(size=N) * np.geomspace(1, 2, N)
    for one, other in zip(
        scales(errors, ALL, WEEKDAY, WEEKDAY[:, :7]),
        scales(1e5 * errors, ALL, WEEKDAY, WEEKDAY[:, :7]),
        strict=True,
    ):
        assert one == pytest.approx(other)


def test_errors_that_are_all_zero():
    """A series that never moved has nothing to scale: ones, and a law without spread."""
    with np.errstate(all="raise"):
        past, future = scales(np.zeros(N), ALL, WEEKDAY, WEEKDAY[:, :7])
        shape = tails(np.zeros(N), ALL, 300)
    assert np.all(past == 1)
    assert np.all(future == 1)
    assert np.isfinite(shape).all()


def test_tails_of_normal_errors():
    """30 series of a year: on average the 95 % reach is that of Student's t within 3 %, and it is symmetric."""
    shapes = [tails(rng(seed).normal(size=N), ALL, 350) for seed in range(30)]
    for probability in (0.025, 0.975):
        found = np.mean([at(shape, probability) for shape in shapes])
        assert found == pytest.approx(stats.t(350).ppf(probability), rel=0.03)
    assert np.mean([at(shape, 0.5) for shape in shapes]) == pytest.approx(0, abs=0.03)


def test_tails_of_heavy_errors():
    """t with three degrees, scaled to unit variance: narrower at 90 % and far wider at 99.8 % than the normal, as
    the truth is."""
    shapes = [tails(rng(seed).standard_t(3, size=N), ALL, 350) for seed in range(30)]
    unit = np.sqrt(3)
    for probability in (0.95, 0.999):
        found = np.median([at(shape, probability) for shape in shapes])
        assert found == pytest.approx(stats.t(3).ppf(probability) / unit, rel=0.25)
    assert np.median([at(shape, 0.999) for shape in shapes]) > 1.3 * stats.norm.ppf(0.999)
    assert np.median([at(shape, 0.95) for shape in shapes]) < 0.97 * stats.norm.ppf(0.95)


@pytest.mark.parametrize("sign", [1, -1])
def test_skew_keeps_its_sign(sign):
    """Errors with a long side: the law reaches further there, and turning the errors over turns the law over."""
    errors = sign * (rng(6).exponential(size=N) - 1)
    shape = tails(errors, ALL, 350)
    assert sign * (at(shape, 0.99) + at(shape, 0.01)) > 0.4
    assert shape == pytest.approx(
        -tails(-errors, ALL, 350)[::-1], abs=0.06
    )  # where quantiles are kept from falling


def test_few_errors_speak_quietly():
    """Twenty normal errors: Student's t with few degrees leads, and no skew is read from them."""
    shape = tails(rng(7).normal(size=20), np.ones(20, bool), 12)
    assert shape == pytest.approx(-shape[::-1], abs=1e-6)
    assert at(shape, 0.975) == pytest.approx(stats.t(12).ppf(0.975), rel=0.25)


def test_quantiles_never_fall():
    errors = rng(8).exponential(size=60) ** 2
    assert np.all(np.diff(tails(errors - errors.mean(), np.ones(60, bool), 50)) >= 0)


def test_odd_days_are_in_the_tails_alone():
    """Two wild days in a hundred, set aside: the 80 % reach stays, the 99.9 % reach grows."""
    errors = rng(9).normal(size=200)
    usual = np.ones(200, bool)
    plain = tails(errors, usual, 190)
    errors[[40, 150]] = 12.0
    usual[[40, 150]] = False
    wild = tails(errors, usual, 190)
    assert at(wild, 0.9) == pytest.approx(at(plain, 0.9), rel=0.1)
    assert at(wild, 0.9995) > 1.3 * at(plain, 0.9995)
