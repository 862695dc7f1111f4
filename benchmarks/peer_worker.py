"""One peer on given series, run by `peers.py` with the Python of the peer's own environment.

    python peer_worker.py PEER IN.npz OUT.npz

IN holds `values` (draws, days + 1) and `first_days`; OUT gets, per series, what the peer expects on the last day, the
two ends of its 95 % interval, its own p-value (NaN if it has none) and the time taken. Every peer that takes regressors
gets the day of the week and a trend, and logs where the series is positive: its best, not its default, case.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import logging
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

Answer = tuple[float, float, float, float]  # expected, low, high, p-value


def pulse_hac(y: pd.Series) -> Answer:
    """statsmodels: a dummy for the day, Newey-West errors."""
    import statsmodels.api as sm

    X = _regressors(y).assign(event=np.arange(len(y)) == len(y) - 1).astype(float)
    fit = sm.OLS(y, X).fit(cov_type="HAC", cov_kwds={"maxlags": 7})
    low, high = fit.conf_int().loc["event"]
    return y.iloc[-1] - fit.params["event"], y.iloc[-1] - high, y.iloc[-1] - low, fit.pvalues["event"]


def ols_prediction(y: pd.Series) -> Answer:
    """statsmodels: ordinary least squares, prediction interval of a new day."""
    import statsmodels.api as sm

    X = _regressors(y)
    frame = sm.OLS(y[:-1], X[:-1]).fit().get_prediction(X[-1:]).summary_frame(0.05).iloc[0]
    return frame["mean"], frame["obs_ci_lower"], frame["obs_ci_upper"], np.nan


def unobserved_components(y: pd.Series) -> Answer:
    """statsmodels: local level and weekly season."""
    import statsmodels.api as sm

    fit = sm.tsa.UnobservedComponents(y[:-1].to_numpy(), "local level", seasonal=7).fit(disp=False)
    return _forecast(fit.get_forecast(1))


def sarimax(y: pd.Series) -> Answer:
    """statsmodels: weekday regression with ARMA(1, 1) errors."""
    import statsmodels.api as sm

    X = _regressors(y).to_numpy()
    fit = sm.tsa.SARIMAX(y[:-1].to_numpy(), X[:-1], order=(1, 0, 1)).fit(disp=False)
    return _forecast(fit.get_forecast(1, exog=X[-1:]))


def prophet(y: pd.Series) -> Answer:
    """Prophet: weekly season, default trend, 95 % band."""
    from prophet import Prophet

    frame = pd.DataFrame({"ds": y.index, "y": y.to_numpy()})
    model = Prophet(interval_width=0.95, weekly_seasonality=True, daily_seasonality=False)
    at = model.fit(frame[:-1], seed=1).predict(frame[["ds"]][-1:]).iloc[0]
    return at["yhat"], at["yhat_lower"], at["yhat_upper"], np.nan


def causalpy_bayes(y: pd.Series) -> Answer:
    """CausalPy: interrupted time series, Bayesian regression."""
    import causalpy as cp

    model = cp.pymc_models.LinearRegression(sample_kwargs={"progressbar": False, "random_seed": 1})
    return _causalpy(y, model, "hdi")


def causalpy_ols(y: pd.Series) -> Answer:
    """CausalPy: interrupted time series, scikit-learn regression."""
    from sklearn.linear_model import LinearRegression

    return _causalpy(y, LinearRegression(), "ci")


def statspai_causal_impact(y: pd.Series) -> Answer:
    """StatsPAI: local level with covariates."""
    import statspai as sp

    X = _regressors(y).iloc[:, 1:]
    frame = X.assign(y=y, t=np.arange(len(y)))
    done = sp.causal_impact(frame, "y", "t", len(y) - 1, covariates=list(X.columns))
    low, high = done.ci
    return y.iloc[-1] - done.estimate, y.iloc[-1] - high, y.iloc[-1] - low, done.pvalue


def diff_diff_sdid(y: pd.Series, days: int = 14) -> Answer:
    """diff-diff: synthetic difference in differences; earlier fortnights of the series are the comparison units."""
    from diff_diff import SyntheticDiD

    blocks = y.to_numpy()[len(y) % days :].reshape(-1, days)
    unit, time_ = np.indices(blocks.shape)
    frame = pd.DataFrame({"y": blocks.ravel(), "unit": unit.ravel(), "time": time_.ravel()})
    frame["treated"] = (frame["unit"] == len(blocks) - 1).astype(int)
    done = SyntheticDiD(seed=1).fit(frame, "y", "treated", "unit", "time", post_periods=[days - 1])
    low, high = done.conf_int
    return y.iloc[-1] - done.att, y.iloc[-1] - high, y.iloc[-1] - low, done.p_value


def pycausalimpact(y: pd.Series) -> Answer:
    """pycausalimpact: local level and weekly season, as its documentation advises for daily data."""
    from causalimpact import CausalImpact

    frame = pd.DataFrame({"y": y.to_numpy()})
    n = len(frame)
    done = CausalImpact(frame, [0, n - 2], [n - 1, n - 1], nseasons=[{"period": 7}])
    at = done.summary_data["average"]  # `inferences` does not hold the event day when it is the only one
    return at["predicted"], at["predicted_lower"], at["predicted_upper"], done.p_value


def tfcausalimpact(y: pd.Series) -> Answer:
    """tfcausalimpact: local level and weekly season, by variational inference, its default."""
    from causalimpact import CausalImpact

    days = [str(y.index[i].date()) for i in (0, -2, -1, -1)]
    done = CausalImpact(y.to_frame("y"), days[:2], days[2:], model_args={"nseasons": 7})
    at = done.summary_data["average"]
    return at["predicted"], at["predicted_lower"], at["predicted_upper"], done.p_value


PEERS: dict[str, Callable[[pd.Series], Answer]] = {
    function.__name__: function
    for function in (
        pulse_hac,
        ols_prediction,
        unobserved_components,
        sarimax,
        prophet,
        causalpy_bayes,
        causalpy_ols,
        statspai_causal_impact,
        diff_diff_sdid,
        pycausalimpact,
        tfcausalimpact,
    )
}


def _causalpy(y: pd.Series, model: object, prefix: str) -> Answer:
    import causalpy as cp

    frame = pd.DataFrame(
        {"y": y, "t": np.arange(len(y), dtype=float), "weekday": y.index.dayofweek.astype(str)}
    )
    done = cp.InterruptedTimeSeries(frame, y.index[-1], "y ~ 1 + t + C(weekday)", model=model)
    at = done.effect_summary(alpha=0.05).table.loc["average"]
    return (
        y.iloc[-1] - at["mean"],
        y.iloc[-1] - at[f"{prefix}_upper"],
        y.iloc[-1] - at[f"{prefix}_lower"],
        at.get("p_value", np.nan),
    )


def _regressors(y: pd.Series) -> pd.DataFrame:
    """Constant, trend and six weekdays."""
    weekday = pd.get_dummies(
        pd.Series(y.index.dayofweek, index=y.index), prefix="d", drop_first=True, dtype=float
    )
    weekday.insert(0, "trend", np.linspace(-1, 0, len(y)))
    weekday.insert(0, "one", 1.0)
    return weekday


def _forecast(forecast: object) -> Answer:
    low, high = np.asarray(forecast.conf_int(alpha=0.05))[0]
    return np.asarray(forecast.predicted_mean)[0], low, high, np.nan


def _processor_time() -> float:
    """Seconds of this process and of those that it has run; a busy machine does not change it."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def main(peer: str, source: str, target: str) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    given = np.load(source)
    values, first = given["values"], given["first_days"]
    answers, ms, faults = np.full((len(values), 4), np.nan), np.zeros(len(values)), []
    for i in range(-1, len(values)):  # the first series twice: imports and compilation are not what is timed
        start = _processor_time()
        y = pd.Series(values[i], index=pd.date_range(first[i], periods=values.shape[1]))
        positive = bool((y > 0).all())
        try:
            answer = np.asarray(PEERS[peer](np.log(y) if positive else y), dtype=float)
            if positive:
                answer[:3] = np.exp(answer[:3])
            answers[i] = answer
        except Exception as error:  # a failure is a result, whatever it is
            faults.append(f"{type(error).__name__}: {error}"[:200])
        ms[i] = 1000 * (_processor_time() - start)
    np.savez(target, answers=answers, ms=ms, faults=np.array(faults, dtype=str))


if __name__ == "__main__":
    main(*sys.argv[1:])
