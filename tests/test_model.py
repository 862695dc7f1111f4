"""The regression beside statsmodels and dense linear algebra, and what each of its steps must do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.regression.linear_model import GLS

from analysis.effect import gls
from analysis.model import noise
from analysis.model.constants import MIN_DAYS
from analysis.model.covariance import Grid, grid, whitener
from analysis.model.distribution import PROBABILITIES, SCORES
from analysis.model.gls import fit
from analysis.model.ordinary import before_the_event
from analysis.windows import Windows

PATTERN = np.array([1.1, 1.2, 1.15, 1.0, 0.5, 0.4, 1.05])  # Monday first
EVENT = Windows("2017-10-26")
CAMPAIGN = Windows("2017-10-26", campaign_start="2017-09-23")
GAPPY = np.array([*range(20), *range(23, 50), 52, *range(60, 75)])  # days used, of 75


def payments(seed: int = 0, days: int = 160, memory: float = 0.6, noise: float = 0.08) -> pd.Series:
    """Log AR(1) about a weekday pattern; the last week holds the event of 26 October and the days after."""
    index = pd.date_range(end="2017-11-02", periods=days)
    rng, level = np.random.default_rng(seed), np.zeros(days)
    for t in range(1, days):
        level[t] = memory * level[t - 1] + rng.normal(0, noise)
    return pd.Series(1_000 * PATTERN[index.day_of_week] * np.exp(level), index, name="count")


def rows(days: np.ndarray, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Columns (a level, six weekdays, a trend) and a series, on days given as numbers."""
    X = np.array([np.ones(len(days)), *(days % 7 == day for day in range(1, 7)), days / 100], float)
    return X, X.T @ np.arange(8.0) + np.random.default_rng(seed).normal(size=len(days))


def one(phi: float, share: float) -> Grid:
    return Grid(np.array([phi]), np.array([share]))


def test_whitening_is_the_inverse_cholesky_factor():
    """Of the dense correlation matrix, for every process of the grid, with days missing; and its determinant."""
    processes = grid("full")
    whiten = whitener(GAPPY, processes)
    white = whiten(np.eye(len(GAPPY)))
    for point in range(len(processes.phi)):
        lower = np.linalg.cholesky(processes.correlation(GAPPY, point))
        np.testing.assert_allclose(white[point].T, np.linalg.inv(lower), atol=1e-8)
        assert whiten.log_determinant[point] == pytest.approx(2 * np.log(np.diag(lower)).sum(), abs=1e-8)


@pytest.mark.parametrize(("phi", "share"), [(0.55, 0.5), (0.95, 1.0), (0.3, 1.1), (0.3, 0.0)])
def test_coefficients_and_errors_are_statsmodels(phi, share):
    """GLS(z, X, sigma).fit() with gaps, uneven noise, and a prior as a row of its own: params and bse to 1e-8.

    The variance of a prior's row over that of the errors is prior^2 / s^2, s^2 the squares of the regression without
    the prior over the days less the coefficients without one.
    """
    X, z = rows(GAPPY)
    size = np.random.default_rng(2).uniform(0.5, 2, len(z))
    sigma = one(phi, share).correlation(GAPPY, 0) * np.outer(size, size)
    free = GLS(z, X.T, sigma=sigma).fit()
    whole = np.zeros((len(z) + 1, len(z) + 1))
    whole[:-1, :-1], whole[-1, -1] = sigma, 0.3**2 * (len(z) - 7) / free.ssr
    theirs = GLS(np.append(z, 0), np.vstack([X.T, np.eye(8)[7]]), sigma=whole).fit()
    for prior, results in ((np.full(8, np.inf), free), (np.array([np.inf] * 7 + [0.3]), theirs)):
        (ours,), _ = fit(X / size, z[None] / size, whitener(GAPPY, one(phi, share)), prior)
        mean, covariance = ours.contrast(np.eye(8))
        assert mean == pytest.approx(results.params, rel=1e-8, abs=1e-8)
        assert np.sqrt(np.diag(covariance)) == pytest.approx(results.bse, rel=1e-8)
        assert ours.df == len(z) - np.isinf(prior).sum()


@pytest.mark.parametrize("windows", [EVENT, CAMPAIGN])
def test_a_whole_fit_is_the_regression_it_shows(windows):
    """`Effect.regression` at the likeliest process: the event's dummy and its standard error, whatever was found on the
    way (an odd day, a first of the month, uneven noise, gaps)."""
    daily = payments(3, days=300)
    daily[daily.index.day == 1] *= 2
    daily[["2017-03-07", "2017-06-20"]] *= [6, 0.1]
    daily["2017-05-02":"2017-05-09"] = np.nan
    effect = gls(daily, windows)
    theirs, ours = effect.regression, effect.fit.estimates
    assert effect.fit.odd.sum() >= 2
    assert any("month" in name for name in effect.fit.columns.names)
    best = ours.best
    covariance = ours.variances[best] * ours.roots[best] @ ours.roots[best].T
    assert theirs.params.to_numpy() == pytest.approx(ours.coefficients[best], rel=1e-7, abs=1e-8)
    assert theirs.bse.to_numpy() == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-7)
    assert theirs.params.index[-1] == "2017-10-26"


def test_the_grid_is_weighed_by_restricted_likelihood():
    """Dense, s^2 profiled out (Harville 1974); and an average is wider than its members by how far they lie apart."""
    X, z = rows(GAPPY, 5)
    n, k = len(z), len(X)
    processes = Grid(np.array([0.3, 0.55, 0.75]), np.array([0.25, 0.25, 0.5]))
    score = []
    for point in range(3):
        V = processes.correlation(GAPPY, point)
        theirs = GLS(z, X.T, sigma=V).fit()
        gram = X @ np.linalg.inv(V) @ X.T
        score.append(
            -((n - k) * np.log(theirs.scale) + np.linalg.slogdet(V)[1] + np.linalg.slogdet(gram)[1]) / 2
        )
    weight = np.exp(np.array(score) - max(score))
    (ours,), _ = fit(X, z[None], whitener(GAPPY, processes), np.full(k, np.inf))
    assert ours.weights == pytest.approx(weight / weight.sum(), rel=1e-6)
    mean, covariance = ours.contrast(np.eye(k)[7:])
    spread = np.einsum("gij,gij->gi", ours.roots, ours.roots)[:, 7] * ours.variances
    apart = ours.coefficients[:, 7] - mean[0]
    assert covariance[0, 0] == pytest.approx(ours.weights @ (spread + apart**2), rel=1e-10)


def test_a_day_left_out_is_a_day_with_a_dummy():
    """Same coefficients, variances and weights."""
    days = np.arange(70)
    X, z = rows(days)
    out = np.isin(days, [20, 33, 34])
    dummies = np.eye(70)[out]
    (with_dummies,), _ = fit(np.vstack([X, dummies]), z[None], whitener(days, grid()), np.full(11, np.inf))
    (without,), _ = fit(X[:, ~out], z[None, ~out], whitener(days[~out], grid()), np.full(8, np.inf))
    assert with_dummies.df == without.df
    assert list(with_dummies.points) == list(without.points)
    assert with_dummies.weights == pytest.approx(without.weights, rel=1e-6)
    assert with_dummies.variances == pytest.approx(without.variances, rel=1e-6)
    assert with_dummies.coefficients[:, :8] == pytest.approx(without.coefficients, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize(("phi", "share"), [(0.55, 0.75), (0.95, 1.0)])
def test_dummies_are_the_best_linear_prediction(phi, share):
    """Mean and covariance of three days after a gap by hand: X0 b + C V^-1 (z - X b), with covariance
    s^2 (V0 - C V^-1 C' + D (X'V^-1 X)^-1 D'), D = X0 - C V^-1 X (Goldberger 1962)."""
    days = np.append(GAPPY, [77, 78, 80])
    X, z = rows(days, 4)
    event = days > 75
    V = one(phi, share).correlation(days, 0)
    C, V0, inverse = V[event][:, ~event], V[event][:, event], np.linalg.inv(V[~event][:, ~event])
    past, new = X[:, ~event].T, X[:, event].T
    gram = np.linalg.inv(past.T @ inverse @ past)
    b = gram @ past.T @ inverse @ z[~event]
    residual = z[~event] - past @ b
    variance = residual @ inverse @ residual / (len(residual) - 8)
    D = new - C @ inverse @ past
    centre = new @ b + C @ inverse @ residual
    covariance = variance * (V0 - C @ inverse @ C.T + D @ gram @ D.T)
    rows_ = np.vstack([X, np.eye(len(days))[event]])
    (ours,), _ = fit(rows_, z[None], whitener(days, one(phi, share)), np.full(11, np.inf))
    effect, ours_covariance = ours.contrast(np.eye(11)[8:])
    assert z[event] - effect == pytest.approx(centre, rel=1e-8)
    assert ours_covariance == pytest.approx(covariance, rel=1e-7)


@pytest.mark.parametrize("windows", [EVENT, CAMPAIGN])
def test_units_do_not_matter(windows):
    """Fils in place of dirhams: every amount a hundred times, every ratio and p the same."""
    daily = payments()
    first, other = (gls(series, windows) for series in (daily, 100 * daily))
    assert other.expected_interval() == pytest.approx(
        [100 * end for end in first.expected_interval()], rel=1e-7
    )
    assert other.relative == pytest.approx(first.relative, rel=1e-7)
    assert other.p_value == pytest.approx(first.p_value, rel=1e-6)


def test_a_pattern_added_is_a_pattern_expected():
    """On the scale itself: a level for each weekday added to every day moves the expectation by that of the event's."""
    daily = payments()
    moved = daily + 100 * np.arange(7.0)[daily.index.day_of_week]
    first, other = (gls(series, EVENT, scale="identity") for series in (daily, moved))
    assert other.expected == pytest.approx(first.expected + 300, rel=1e-3)
    assert np.ptp(other.expected_interval()) == pytest.approx(np.ptp(first.expected_interval()), rel=1e-2)


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
@pytest.mark.parametrize("windows", [EVENT, CAMPAIGN, Windows("2017-10-24", "2017-10-26")])
@pytest.mark.parametrize("mean", [None, 0.6, 4])
def test_duality(mean, windows, level):
    """An observation at an end of the expected interval has p = 1 - level and an effect whose interval ends at zero; of
    counts near zero too, where the lower end may be zero itself, with at least that p."""
    daily = payments()
    if mean:
        daily[:] = np.random.default_rng(2).poisson(mean, len(daily))
    days = windows.event_days
    for side in (0, 1):
        end = gls(daily, windows).expected_interval(level)[side]
        there = daily.copy()
        there[days] = end / len(days)
        effect = gls(there, windows)
        assert effect.confidence_interval(level)[1 - side] == pytest.approx(0, abs=1e-6 * (1 + end))
        if end > 0:
            assert effect.p_value == pytest.approx(1 - level, abs=1e-6)
        else:
            assert effect.p_value >= 1 - level


def test_the_events_own_value_teaches_nothing():
    """A third more, or nothing at all where the logarithm has no place for it: what was expected stays."""
    daily = payments()
    before = gls(daily, EVENT)
    for value in (1.3 * daily["2017-10-26"], 0.0):
        daily["2017-10-26"] = value
        effect = gls(daily, EVENT)
        assert effect.expected_interval() == pytest.approx(before.expected_interval(), rel=1e-9)
        assert effect.absolute == pytest.approx(value - before.expected, rel=1e-9)
    assert effect.relative == -1
    assert effect.p_value < 1e-6


def test_probability_of_an_effect_so_large():
    """That the event added at least a tenth: that no more than the observed over 1.1 was expected; p from its half."""
    effect = gls(payments() * np.where(payments().index == "2017-10-26", 1.3, 1), EVENT)
    assert effect.probability(0.1) == pytest.approx(effect.counterfactual.probability(effect.observed / 1.1))
    assert effect.probability() == pytest.approx(1 - effect.p_value / 2)
    found = [effect.probability(at_least) for at_least in (-0.5, 0, 0.1, 0.3, 1)]
    assert found == sorted(found, reverse=True)
    low = effect.confidence_interval(0.9, relative=True).low
    assert effect.probability(low) == pytest.approx(0.95)
    with pytest.raises(ValueError, match=r"^at_least is -1: give a fraction above -1"):
        effect.probability(-1)


def said(daily: pd.Series, windows: Windows, baseline: str = "pre-week") -> str:
    return " ".join(gls(daily, windows, baseline).warnings)


def test_a_usual_day_is_not_warned_of():
    for windows in (EVENT, CAMPAIGN):
        assert said(payments(), windows) == ""


def test_warnings_of_the_days():
    """Each where it is due, and alone."""
    daily = payments()
    short = daily["2017-10-14":]
    assert "Fewer than two weeks come before the event" in said(short, EVENT)
    thursdays = daily.where((daily.index.day_of_week != 3) | (daily.index >= "2017-10-26"))
    assert said(thursdays, EVENT) == (
        "The event's weekday does not stand in the days before it; it is held against the mean of the others."
    )
    assert "longer than the time before it" in said(daily["2017-08-01":], Windows("2017-09-01", "2017-10-26"))
    week = daily.drop(EVENT.baseline).asfreq("D")
    assert said(week, EVENT).startswith("No day of the week before the event can be used")
    assert said(daily, Windows("2017-09-21", country="AE")).startswith("The event falls on a holiday")


@pytest.mark.parametrize("ago", [1, 2, 3])
def test_a_break_just_before_the_event_is_named(ago):
    """The level doubles one to three days before, which would be taken for the event's effect."""
    daily = payments(noise=0.03)
    daily[EVENT.event_start - pd.Timedelta(days=ago) :] *= 2
    assert "One of the last three days before the event was itself far from ordinary" in said(daily, EVENT)


def test_an_expectation_beyond_anything_seen_is_named():
    """A level that falls by a tenth a day to the eve of the week's lowest day."""
    daily = payments(noise=0.01)
    daily *= np.exp(-0.1 * np.maximum(np.arange(len(daily)) - 100, 0))
    assert "beyond anything seen before the event" in said(daily, Windows("2017-10-28"))


def test_a_vague_expectation_is_named():
    """Noise of a factor of three."""
    assert "more than a factor of ten apart" in said(payments(noise=1.1), EVENT)


@pytest.mark.parametrize(
    ("change", "windows", "message"),
    [
        (
            lambda d: d * 0 + 7,
            EVENT,
            "the series is 7 on every day before the event: without noise no effect",
        ),
        (lambda d: d["2017-10-24":], EVENT, "2 usable days before the event of 2017-10-26, at least 3 are"),
        (
            lambda d: d.drop(CAMPAIGN.baseline).asfreq("D"),
            CAMPAIGN,
            "no day of the week before the event can be used, so its level is unknown: ",
        ),
    ],
)
def test_what_is_refused(change, windows, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        gls(change(payments()), windows)


def test_a_scale_that_cannot_hold_the_series_is_refused():
    with pytest.raises(
        ValueError, match=r"^the series cannot be put on the scale 'log': it has zeros or neg"
    ):
        gls(payments() - 600, EVENT, scale="log")


def test_covariates_take_their_part():
    """A series that moves with another by 0.5 of it, which jumped on the day: expected with the jump."""
    daily, rng = payments(noise=0.02), np.random.default_rng(8)
    rain = pd.Series(rng.normal(size=len(daily)), daily.index, name="rain")
    rain["2017-10-26"], rain["2017-09-05"] = 3.0, np.nan
    daily *= np.exp(0.5 * rain.fillna(0))
    effect = gls(daily, EVENT, covariates=rain.to_frame())
    assert effect.relative == pytest.approx(0, abs=0.08)
    assert effect.regression.params["rain"] == pytest.approx(0.5, abs=0.01)
    assert pd.Timestamp("2017-09-05") not in effect.days_used


@pytest.mark.parametrize("factor", [0.02, 50.0])
def test_a_wild_day_of_the_past_changes_little(factor):
    daily = payments()
    wild = daily.copy()
    wild["2017-09-11"] *= factor
    first, other = gls(daily, EVENT), gls(wild, EVENT)
    assert other.expected == pytest.approx(first.expected, rel=0.02)
    assert np.ptp(other.expected_interval()) == pytest.approx(np.ptp(first.expected_interval()), rel=1 / 3)
    assert pd.Timestamp("2017-09-11") not in other.days_used


@pytest.mark.parametrize(("days", "value"), [("weekend", 0.0), ("2017-09-13", 0.0), ("2017-09-21", 3.0)])
def test_closed_days_outages_and_holidays_are_gaps(days, value):
    """Weekends that never open, one day on which nothing came, a holiday: as though they were missing."""
    daily = payments()
    closed = daily.index.day_of_week.isin([4, 5]) if days == "weekend" else daily.index == days
    windows = Windows("2017-10-26", country="AE")
    first, other = (gls(daily.mask(closed, to), windows) for to in (value, np.nan))
    assert first.to_dict() == other.to_dict()


def test_history_does_not_see_the_campaign():
    """Whatever its days hold; "pre-week" takes its level, but not that of the two days on which people may wait."""
    daily = payments(noise=0.03)
    lifted, waiting = daily.copy(), daily.copy()
    lifted["2017-09-23":"2017-10-25"] *= 1.5
    waiting["2017-10-24":"2017-10-25"] *= 0.5
    assert gls(daily, CAMPAIGN, "history").to_dict() == gls(lifted, CAMPAIGN, "history").to_dict()
    usual = gls(daily, CAMPAIGN)
    assert gls(lifted, CAMPAIGN).expected / usual.expected == pytest.approx(1.5, rel=0.05)
    assert gls(waiting, CAMPAIGN).to_dict() == usual.to_dict()


def test_a_first_of_the_month_is_known():
    daily = payments(days=300, noise=0.05)
    windows = Windows("2017-11-01")
    doubled = daily * np.where(daily.index.day == 1, 2.0, 1.0)
    assert gls(doubled, windows).expected / gls(daily, windows).expected == pytest.approx(2, rel=0.1)


def test_a_missing_eve_makes_the_interval_wider():
    """With memory of 0.9 the forecast is of two days ahead: sqrt(1 + 0.81) as wide, on average over ten series."""
    ratio = []
    for seed in range(10):
        daily = payments(seed, memory=0.9, days=300)
        gap = daily.drop(pd.Timestamp("2017-10-25")).asfreq("D")
        widths = [np.ptp(np.log(gls(series, EVENT).expected_interval())) for series in (daily, gap)]
        ratio.append(widths[1] / widths[0])
    assert np.mean(ratio) == pytest.approx(np.sqrt(1.81), rel=0.12)


def test_a_share_stays_within_its_bounds():
    share = (1 / (1 + 0.05 * (payments() / 1_000) ** 2)).rename("digital_share")
    for windows in (EVENT, Windows("2017-10-24", "2017-10-26"), CAMPAIGN):
        low, high = gls(share, windows).expected_interval(0.999)
        assert 0 < low < high < 1


def test_the_size_of_the_noise():
    """Fridays three times as wild, and noise that triples over a year, are found; even noise stays even."""
    weekday, numbers, usual = np.arange(364) % 7, np.arange(364), np.ones(364, bool)
    errors = np.random.default_rng(1).normal(size=(40, 364))

    def mean(size) -> np.ndarray:
        return np.mean([noise.sizes(error * size, usual, weekday, numbers) for error in errors], axis=0)

    assert mean(1.0) == pytest.approx(np.ones(364), abs=0.06)
    friday = mean(np.where(weekday == 4, 3.0, 1.0))
    assert friday[weekday == 4].mean() / friday[weekday != 4].mean() == pytest.approx(3, rel=0.15)
    rising = mean(np.geomspace(1, 3, 364))
    assert rising[-1] / rising[0] == pytest.approx(3, rel=0.2)


@pytest.mark.parametrize(("shape", "tolerance"), [(stats.norm, 0.05), (stats.t(3, scale=3**-0.5), 0.25)])
def test_the_shape_of_the_noise(shape, tolerance):
    """Quantiles of residuals come back, on average over thirty series; symmetric."""
    rng, student = np.random.default_rng(3), stats.t(350).ppf(PROBABILITIES)
    found = np.median(
        [noise.empirical(shape.rvs(size=364, random_state=rng), student) for _ in range(30)], axis=0
    )
    for probability in (0.9, 0.95, 0.99):
        at = np.interp(stats.norm.ppf(probability), SCORES, found)
        assert at == pytest.approx(shape.ppf(probability), rel=tolerance)
    assert found == pytest.approx(-found[::-1], rel=1e-7)


def test_fourteen_days_have_weekdays_thirteen_a_level():
    daily = payments()
    for days in (MIN_DAYS - 1, MIN_DAYS):
        windows = Windows("2017-10-26", history_start=EVENT.event_start - pd.Timedelta(days=days))
        regression, _ = before_the_event(daily, windows)
        assert ("growth a year" in regression.columns.names) == (days == MIN_DAYS)


@pytest.mark.parametrize("campaign", [0, 20])
def test_coverage(campaign):
    """150 null days of counts about a level of slow and fast parts, no process of the model's own: 95 % intervals cover
    between 90.0 and 98.7 % of them (binomial, 1 in 200 beyond each side), 80 % between 71 and 88 %."""
    rng = np.random.default_rng([2017, campaign])
    inside = np.zeros(2)
    for _ in range(150):
        index = pd.date_range(
            end=pd.Timestamp("2017-10-26") + pd.Timedelta(days=int(rng.integers(28))), periods=141
        )
        slow = fast = 0.0
        level = np.empty(141)
        for t in range(141):
            slow, fast = 0.97 * slow + rng.normal(0, 0.03), 0.3 * fast + rng.normal(0, 0.05)
            level[t] = slow + fast
        mean = 800 * PATTERN[index.day_of_week] * np.exp(level)
        daily = pd.Series(rng.poisson(mean * rng.gamma(200, 1 / 200, 141)).astype(float), index, name="count")
        windows = Windows(index[-1], campaign_start=index[-1] - pd.Timedelta(days=campaign))
        p = gls(daily, windows).p_value
        inside += [p >= 0.05, p >= 0.2]
    for count, level in zip(inside, (0.95, 0.8), strict=True):
        low, high = stats.binom(150, level).ppf([0.005, 0.995])
        assert low <= count <= high, level
