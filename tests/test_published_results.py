"""Results that others have published, on the same data; and ordinary days of real series, where nothing happened.

The public daily series are those of REFERENCE_DATA; the classic ones are fetched by `tests/classics.py`.

Tolerance, unless a test gives another with its reason: half the last digit published.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats

from analysis.alternatives import difference_in_differences, simplex_weights, synthetic_control
from analysis.effect import estimate
from analysis.windows import Windows

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import classics  # noqa: E402
import real  # noqa: E402


@pytest.fixture(scope="module")
def reals(reference_data: Path) -> dict[str, real.RealSeries]:
    return real.series(reference_data)


@pytest.fixture(scope="module")
def classic() -> Path:
    if not all((classics.FOLDER / name).exists() for name in classics.FILES):
        pytest.skip("the classic series are not here: run python tests/classics.py")
    return classics.FOLDER


def test_tube_strike_of_2015_by_command(reference_data):
    """Saberi et al. 2018: 38,886 -> 72,503 hires, +33,617; the command knows nothing of strikes."""
    from analysis.__main__ import cli

    path = reference_data / "tfl_cycle_hire" / "daily.csv"
    command = ["estimate", str(path), "--event", "2015-07-09", "--country", "GB", "--json"]
    result = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    effect = json.loads(result.output)
    assert effect["absolute_low"] < 33_617 < effect["absolute_high"]
    assert effect["absolute"] == pytest.approx(33_617, rel=0.1)
    assert effect["p_value"] < 0.001


@pytest.mark.parametrize(
    ("day", "published_low", "published_high"),
    [("2010-09-07", 125, 7_604), ("2010-10-04", 5_169, 17_416)],
)
def test_tube_strikes_of_2010_beside_fuller(reals, day, published_low, published_high):
    """Fuller et al. 2012: +3,864 [125, 7,604] and +11,293 [5,169, 17,416]; the BBC: nearly 24,000 hires on 7
    September, 5,960 above the usual.

    The point estimates need not agree: the operator has revised the series since (25,361 hires on 7 September, not
    "nearly 24,000"); the scheme was five weeks old in September, members only, and grew by the week; and Fuller's
    intervals are for a mean, not for a day. So the published interval and ours, which is wider, must overlap, and
    the estimate must point the same way.
    """
    effect = real.event(reals["London cycle hires"], day)
    low, high = effect.confidence_interval()
    assert low < published_high
    assert high > published_low
    assert effect.absolute > 0
    assert high - low > published_high - published_low


def test_later_tube_strikes_are_seen(reals):
    """Strikes that shut most of the network moved hires by tens of per cent, by every press account."""
    hires = reals["London cycle hires"]
    for day in ("2015-08-06", "2014-04-29", "2017-01-09", "2022-06-21", "2022-08-19"):
        effect = real.event(hires, day)
        assert effect.p_value < 0.05, day
        assert 0.2 < effect.relative < 1.5, day


@pytest.mark.parametrize("metric", ["UPI payments", "UPI value"])
@pytest.mark.parametrize("start", ["2020-11-26", "2021-03-15", "2021-12-16", "2022-03-28"])
def test_bank_strikes_left_upi_as_it_was(reals, start, metric):
    """Mobile payments need no open branch: a null, or nearly; above all no absurd answer."""
    one = reals[metric]
    end = {"2020-11-26": None}.get(start, str((pd.Timestamp(start) + pd.Timedelta(days=1)).date()))
    effect = real.event(one, start, end)
    low, high = effect.confidence_interval(relative=True)
    assert low < 0.05
    assert high > -0.05
    assert abs(effect.relative) < 0.15
    assert 0.02 < high - low < 0.8


def test_cdnow_from_ledger_to_estimate(reference_data):
    """Rows in, rows accounted for, an ordinary day found ordinary. Totals by `awk` over the raw file:

    awk 'NR>1 && $2>=19970701 {n++; v+=$4} END {print n, v}' CDNOW_master.txt  ->  28131 1069356.50
    """
    daily = real.purchases(reference_data)
    assert len(daily) == 365
    assert daily["count"].sum() == 28_131
    assert daily["value"].sum() == pytest.approx(1_069_356.50, abs=0.01)
    effect = estimate(daily["count"], Windows("1998-05-13", country="US"))
    low, high = effect.confidence_interval(relative=True)
    assert low < 0 < high
    assert effect.p_value > 0.05
    assert 0.2 < high - low < 2


@pytest.mark.parametrize(
    ("name", "every"),
    [("London cycle hires", 30), ("UPI payments", 10), ("CDNOW orders", 4), ("US births", 60)],
)
def test_some_ordinary_days_look_ordinary(reals, name, every):
    """A handful of each series: at nominal 5 %, few alarms; a broken interval gives dozens."""
    frame = real.placebos(reals[name], every=every)
    assert frame["p_value"].notna().all()
    assert (frame["p_value"] < 0.05).mean() <= 0.14
    three_errors = 3 * 0.5 / np.sqrt(len(frame))  # of the median of so many uniform numbers
    assert frame["p_value"].median() == pytest.approx(0.5, abs=three_errors)


def test_alarms_by_hand():
    """Ten days of January, three below 5 % and none below 1 %, and one of May without an answer. Clopper & Pearson's
    tables (and R's binom.test): 3 of 10 is [0.0667, 0.6525], 0 of 10 is [0, 0.3085] = 1 - 0.025^(1/10)."""
    january = pd.DataFrame(
        {"date": pd.date_range("2001-01-01", periods=10), "p_value": [0.02] * 3 + [0.5] * 7}
    )
    may = pd.DataFrame({"date": [pd.Timestamp("2002-05-01")], "p_value": [np.nan]})
    frame = pd.concat([january, may], ignore_index=True).assign(expected=100.0, low=90.0, high=120.0)
    row = real.summarise(frame)
    assert (row["days"], row["alarms_5"], row["alarms_1"]) == (11, 3, 0)
    assert row["failed"] == pytest.approx(1 / 11)
    assert (row["low_5"], row["high_5"]) == pytest.approx((0.0667, 0.6525), abs=5e-5)
    assert (row["low_1"], row["high_1"]) == pytest.approx((0, 1 - 0.025**0.1))
    assert row["width"] == pytest.approx(0.3)
    months = real.by_month(frame).set_index("month")
    assert months["days"].to_dict() == {1: 10, 5: 1}
    assert months.loc[1, "alarms_5"] == 3
    assert np.isnan(months.loc[5, "alarms_5"])


def test_birthdays_that_are_no_ordinary_days(reals):
    """Halloween, Fridays the 13th, the Friday after Thanksgiving and holidays are left out; an ordinary 13th stays."""
    ordinary = reals["US births"].ordinary()
    for day in ("2005-10-31", "2013-02-14", "2009-11-13", "2014-11-28", "2001-09-11", "2010-07-04"):
        assert pd.Timestamp(day) not in ordinary, day
    assert pd.Timestamp("2010-07-13") in ordinary
    assert pd.Timestamp("2014-10-24") in ordinary


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["London cycle hires", "UPI payments", "UPI value", "CDNOW orders", "CDNOW value"]
)
def test_all_ordinary_days(reals, name):
    """Every ordinary day taken for an event: between 3 and 7 % are called unusual at nominal 5 %."""
    frame = real.placebos(reals[name], jobs=2)
    assert frame["p_value"].notna().all()
    assert 0.03 <= (frame["p_value"] < 0.05).mean() <= 0.07


def test_google_announcement_of_2015(classic):
    """Alphabet's announcement, trading day 11 August 2015, against May to July (Huntington-Klein, The Effect, chapter
    17): abnormal return .0400 adjusted by the mean, .0522 by the market, .0535 by risk: alpha + beta times the market.

    The mean is the same arithmetic. Against a donor ours also fits weekdays, growth and memory, on 62 days of trading:
    the return of the day within a quarter of a per cent of that published, and zero outside its interval."""
    returns = _google(classic)
    google, market = returns["Google_Return"], returns[["SP500_Return"]]
    windows = Windows("2015-08-11", campaign_start="2015-08-01", baseline_days=200)
    effect = estimate(google, windows, "pre_week_mean", baseline="history")
    assert effect.absolute == pytest.approx(0.0400, abs=5e-5)
    before = returns[:"2015-07-31"]
    beta = np.polyfit(before["SP500_Return"], before["Google_Return"], 1)[0]
    for donor, published in ((market, 0.0522), (beta * market, 0.0535)):
        for name in ("synthetic_control", "difference_in_differences"):
            effect = estimate(google, windows, name, baseline="history", donors=donor)
            assert effect.absolute == pytest.approx(published, abs=0.0025)
            assert effect.confidence_interval().low > 0


def test_proposition_99(classic):
    """California's tobacco control, 1989-2000, 38 states as donors, outcomes alone: packs a head and year fell by
    19.51 (synthetic control, Abadie, Diamond & Hainmueller 2010 weigh the same three states most; a search stands
    behind the weights) and 27.35 (difference in differences; Arkhangelsky et al. 2021, table 1).

    Our weights give the published number by the published arithmetic. Our estimators, to whom years stand for days,
    also let the distance grow and remember, as California's did before the law: the published ones must lie inside.
    """
    packs = pd.read_csv(classic / "california_prop99.csv", index_col="Year").astype(float)
    years = packs.index
    packs.index = pd.date_range("2001-01-01", periods=len(packs))
    windows = Windows(packs.index[years == 1989][0], packs.index[years == 2000][0])
    california, donors = packs["California"], packs.drop(columns="California")
    weights = simplex_weights(donors.to_numpy()[:19], california.to_numpy()[:19])
    distance = california - donors @ weights
    assert distance[19:].mean() == pytest.approx(-19.51, abs=0.02)
    assert set(pd.Series(weights, donors.columns).nlargest(3).index) == {"Utah", "Montana", "Nevada"}
    distance = california - donors.mean(axis=1)
    assert distance[19:].mean() - distance[:19].mean() == pytest.approx(-27.35, abs=0.005)
    for function, published in ((synthetic_control, -19.51), (difference_in_differences, -27.35)):
        low, high = function(california, windows, donors).confidence_interval()
        assert low < 12 * published < high
    with pytest.raises(ValueError, match="California"):
        synthetic_control(california, windows, packs)


def test_nile_break_of_1899(classic):
    """Cobb 1978's Nile: 1899-1970 lies 247.8 below 1871-1898, standard error 28.4. Years stand for days.

    28.4 is that of least squares on a step, lm(Nile ~ (1:100 > 28)): one variance for all hundred years, that of the
    residuals over 98 degrees of freedom. An event's own spread never enters ours, which takes the variance of the
    years before alone: 30.1. With their standard deviation in place of ours it is the published one.
    """
    flow = _nile(classic)
    windows = Windows(flow.index[28], flow.index[-1], baseline_days=28)
    effect = estimate(flow, windows, "pre_week_mean")
    assert effect.absolute / 72 == pytest.approx(-247.8, abs=0.05)
    assert effect.p_value < 1e-6
    error = np.ptp(effect.expected_interval()) / 2 / stats.t(27).ppf(0.975) / 72
    assert error == pytest.approx(30.1, abs=0.05)
    before, after = flow[:28], flow[28:]
    pooled = np.sqrt((27 * before.var() + 71 * after.var()) / 98)
    assert error * pooled / before.std() == pytest.approx(28.4, abs=0.05)


# `structural` is this model with variances from a grid. Here statsmodels maximises the likelihood, by iteration: a unit
# in the last digit published for coefficients, 5 % for standard errors.


def test_nile_break_by_the_structural_model(classic):
    """Durbin & Koopman 2012, chapter 2: a level that wanders, variances 15,099 and 1,469 (the likelihood is flat: 2 %).
    Given the step the likeliest level does not wander, and the model is the least squares above: -247.8 (28.4)."""
    flow = _nile(classic).to_numpy()
    wandering = local_level(flow, periods=())
    assert wandering.params == pytest.approx([15_099, 1_469], rel=0.02)
    step = (np.arange(100) >= 28).astype(float)
    fit = local_level(flow, step[:, None], periods=())
    assert fit.params[1] < 1
    assert fit.params[-1] == pytest.approx(-247.8, abs=0.1)
    assert fit.bse[-1] == pytest.approx(28.4, rel=0.05)


def test_seat_belt_law_by_the_structural_model(classic):
    """Great Britain, car drivers killed or seriously injured a month, law from February 1983: -.240 (.057) in logs
    from a local level and a fixed season; ours lets the season change. Harvey & Durbin 1986, with the price of petrol
    and the distance driven: 23 % fewer, which the interval holds."""
    deaths = pd.read_csv(classic / "UKDriverDeaths.csv")
    step = (deaths["time"] > 1983 + 0.5 / 12).to_numpy(float)
    assert step.sum() == 23
    fit = local_level(np.log(deaths["UKDriverDeaths"].to_numpy(float)), step[:, None], periods=(12,))
    assert fit.params[-1] == pytest.approx(-0.240, abs=0.001)
    assert fit.bse[-1] == pytest.approx(0.057, rel=0.05)
    low, high = np.expm1(fit.params[-1] + np.array([-1.96, 1.96]) * fit.bse[-1])
    assert low < -0.23 < high < 0


def local_level(series: np.ndarray, exog: np.ndarray | None = None, periods: tuple[int, ...] = (7,)):
    """The model of `structural`, all of its variances fitted."""
    from statsmodels.tools.sm_exceptions import ConvergenceWarning
    from statsmodels.tsa.statespace.structural import UnobservedComponents

    seasons = [{"period": period} for period in periods] or None
    model = UnobservedComponents(
        series, "local level", freq_seasonal=seasons, exog=exog, use_exact_diffuse=True
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # close enough is judged by what was published
        return model.fit(disp=False, maxiter=200)


def _nile(folder: Path) -> pd.Series:
    """Years stand for days."""
    flow = pd.read_csv(folder / "Nile.csv")["Nile"].astype(float)
    assert len(flow) == 100
    return flow.set_axis(pd.date_range("2001-01-01", periods=100))


def _google(folder: Path) -> pd.DataFrame:
    """Daily returns, on trading days only."""
    frame = pd.read_csv(folder / "google_stock.csv", parse_dates=["Date"]).set_index("Date")
    assert frame.index.is_unique
    assert np.isfinite(frame.to_numpy()).all()
    return frame
