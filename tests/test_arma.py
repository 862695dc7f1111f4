"""Regression with ARMA errors: beside dense linear algebra and statsmodels' Kalman filter."""

from __future__ import annotations

import numpy as np
import pytest
from analysis.estimators import arma


def one_point(phi: float = 0.0, theta: float = 0.0, weekly_phi: float = 0.0, weekly_theta: float = 0.0):
    """A grid of a single model."""
    return arma.Grid(
        theta=np.array([theta]),
        weekly_theta=np.array([weekly_theta]),
        weekly_phi=np.array([weekly_phi]),
        phi=np.array([phi]),
        allowed=np.array([[True]]),
        log_prior=np.zeros((1, 1)),
    )


def design(n: int, ahead: int = 0) -> np.ndarray:
    """A constant and six weekdays, for n days and some more; shape (n + ahead, 7)."""
    weekday = np.arange(n + ahead) % 7
    return np.column_stack([np.ones(n + ahead), *(weekday == day for day in range(1, 7))]).astype(float)


def series(n: int, seed: int, phi: float = 0.6) -> np.ndarray:
    """Weekday pattern and AR(1) errors of unit innovations."""
    rng, errors = np.random.default_rng(seed), np.zeros(n)
    errors[0] = rng.normal() / np.sqrt(1 - phi**2)
    for t in range(1, n):
        errors[t] = phi * errors[t - 1] + rng.normal()
    return design(n) @ np.array([20.0, 1, 2, 3, 0, -4, -5]) + errors


@pytest.mark.parametrize("rho", [0.0, 0.4, 0.94])
@pytest.mark.parametrize(("ahead", "days"), [(1, 1), (1, 3), (6, 2)])
def test_ar1_is_dense_generalised_least_squares(rho, ahead, days):
    """Coefficients, innovation variance, forecast means and covariance by the n x n matrix, to 1e-7 (a ridge of 1e-10).

    V[i, j] = rho^|i - j| / (1 - rho^2); b = (X'V^-1 X)^-1 X'V^-1 y; the forecast X0 b + C V^-1 (y - X b) has
    covariance s^2 (V0 - C V^-1 C' + D (X'V^-1 X)^-1 D'), D = X0 - C V^-1 X (Goldberger 1962).
    """
    n, k = 60, 7
    X, y = design(n), series(n, 3)
    X0 = design(n, ahead + days)[n + ahead - 1 : n + ahead + days - 1]
    time = np.concatenate([np.arange(n), n + ahead - 1 + np.arange(days)])
    whole = rho ** abs(np.subtract.outer(time, time)) / (1 - rho**2)
    V, C, V0 = whole[:n, :n], whole[n:, :n], whole[n:, n:]
    inverse = np.linalg.inv(V)
    gram = np.linalg.inv(X.T @ inverse @ X)
    b = gram @ X.T @ inverse @ y
    variance = (y - X @ b) @ inverse @ (y - X @ b) / (n - k)
    D = X0 - C @ inverse @ X
    covariance = variance * (V0 - C @ inverse @ C.T + D @ gram @ D.T)

    fit = arma.fit(np.vstack([X.T, y]), one_point(phi=rho))
    centre, spread = fit.forecast(X0, ahead)
    assert fit.weight == pytest.approx(1)
    assert fit.coefficients[0] == pytest.approx(b, rel=1e-7)
    assert fit.variance[0] == pytest.approx(variance, rel=1e-8)
    assert centre == pytest.approx(X0 @ b + C @ inverse @ (y - X @ b), rel=1e-8)
    assert spread == pytest.approx(covariance, rel=1e-7)


def test_white_errors_are_least_squares():
    """statsmodels' interval of a new observation: OLS(y, X).fit().get_prediction(x).se_obs."""
    from statsmodels.regression.linear_model import OLS

    X, y = design(50, 1), series(50, 8)
    fit = arma.fit(np.vstack([X[:50].T, y]), arma.grid("white"))
    theirs = OLS(y, X[:50]).fit().get_prediction(X[50:])
    centre, spread = fit.forecast(X[50:])
    assert centre[0] == pytest.approx(theirs.predicted_mean[0], abs=1e-8)
    assert np.sqrt(spread[0, 0]) == pytest.approx(theirs.se_obs[0], rel=1e-8)


@pytest.mark.parametrize(("phi", "theta"), [(0.87, -0.4), (0.6, 0.3), (0.0, -0.6), (0.98, -0.88)])
def test_arma_forecast_is_statsmodels(phi, theta):
    """Kalman filter at the same parameters, coefficients and innovation variance.

    SARIMAX(y - X b, order=(1, 0, 1)).smooth([phi, theta, s2]).get_forecast(5). The start is approximate here (only the
    first error gets its stationary variance), so a long series must forget it: |theta|^200 is below 1e-11.
    """
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    n = 200
    X, y = design(n, 5), series(n, 11)
    fit = arma.fit(np.vstack([X[:n].T, y]), one_point(phi, theta))
    rest = y - X[:n] @ fit.coefficients[0]
    theirs = SARIMAX(rest, order=(1, 0, 1)).smooth([phi, theta, fit.variance[0]]).get_forecast(5)
    centre, spread = fit.forecast(X[n:])
    assert centre == pytest.approx(X[n:] @ fit.coefficients[0] + theirs.predicted_mean, abs=1e-6)
    with_coefficients = np.sqrt(np.diag(spread))  # theirs takes the coefficients as known
    assert np.all(with_coefficients > theirs.se_mean)
    assert np.all(with_coefficients < 1.06 * theirs.se_mean)


def test_weekly_forecast_is_statsmodels():
    """SARIMAX(order=(1, 0, 1), seasonal_order=(1, 0, 1, 7)) at the same parameters, from the same innovations."""
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    n, phi, theta, weekly_phi, weekly_theta = 1_500, 0.6, -0.2, 0.97, -0.6
    y = series(n, 12)
    rows = np.vstack([np.ones(n), y])
    fit = arma.fit(rows, one_point(phi, theta, weekly_phi, weekly_theta))
    model = SARIMAX(y - fit.coefficients[0, 0], order=(1, 0, 1), seasonal_order=(1, 0, 1, 7))
    theirs = model.smooth([phi, theta, weekly_phi, weekly_theta, fit.variance[0]]).get_forecast(9)
    centre, spread = fit.forecast(np.ones((9, 1)))
    assert centre - fit.coefficients[0, 0] == pytest.approx(theirs.predicted_mean, abs=1e-4)
    assert np.sqrt(np.diag(spread))[:7] == pytest.approx(theirs.se_mean[:7], rel=0.01)


def test_restricted_likelihood_weighs_the_grid():
    """Weights of three values of phi are the dense restricted likelihoods, s^2 profiled out (Harville 1974)."""
    n, k, choices = 60, 7, np.array([0.2, 0.5, 0.8])
    X, y = design(n), series(n, 5)
    score = []
    for rho in choices:
        V = rho ** abs(np.subtract.outer(range(n), range(n))) / (1 - rho**2)
        inverse = np.linalg.inv(V)
        gram = X.T @ inverse @ X
        rest = y - X @ np.linalg.solve(gram, X.T @ inverse @ y)
        squares = rest @ inverse @ rest
        score.append(-((n - k) * np.log(squares) + np.linalg.slogdet(V)[1] + np.linalg.slogdet(gram)[1]) / 2)
    weight = np.exp(np.array(score) - max(score))
    models = arma.Grid(
        np.zeros(1), np.zeros(1), np.zeros(1), choices, np.ones((1, 3), bool), np.zeros((1, 3))
    )
    assert arma.fit(np.vstack([X.T, y]), models).weight == pytest.approx(weight / weight.sum(), rel=1e-6)


@pytest.mark.parametrize("size", ["plain", "weekly"])
def test_weights_add_to_one_and_find_the_memory(size):
    """On 300 days of AR(1) with 0.6 the weight lies on memories of about that size one day on."""
    X, y = design(300), series(300, 21)
    fit = arma.fit(np.vstack([X.T, y]), arma.grid(size))
    assert fit.weight.sum() == pytest.approx(1)
    m, p = fit.position
    phi, theta = fit.models.phi[p], fit.models.theta[m]
    first = (1 + phi * theta) * (phi + theta) / (1 + 2 * phi * theta + theta**2)  # autocorrelation at lag one
    assert fit.weight @ first == pytest.approx(0.6, abs=0.12)


def test_a_mixture_is_wider_than_its_members():
    """Not knowing the parameters widens the forecast: total variance = mean of variances + variance of means."""
    X, y = design(40, 1), series(40, 4)
    rows = np.vstack([X[:40].T, y])
    fit = arma.fit(rows, arma.grid("coarse"))
    means, variances = [], []
    for m, p in zip(*fit.position, strict=True):
        alone = arma.fit(rows, one_point(fit.models.phi[p], fit.models.theta[m]))
        mean, variance = alone.forecast(X[40:])
        means.append(mean[0])
        variances.append(variance[0, 0])
    means = np.array(means)
    mean, variance = fit.forecast(X[40:])
    assert mean[0] == pytest.approx(fit.weight @ means, rel=1e-9)
    expected = fit.weight @ variances + fit.weight @ (means - mean[0]) ** 2
    assert variance[0, 0] == pytest.approx(expected, rel=1e-9)


def test_scale_and_shift():
    """Values a thousand times larger: forecast and spread too; a pattern added to the data is added to the forecast."""
    X, y = design(90, 3), series(90, 6)
    models = arma.grid("weekly")
    centre, spread = arma.fit(np.vstack([X[:90].T, y]), models).forecast(X[90:])
    moved = arma.fit(np.vstack([X[:90].T, 1000 * y + X[:90] @ np.arange(7.0)]), models)
    centre_moved, spread_moved = moved.forecast(X[90:])
    assert centre_moved == pytest.approx(1000 * centre + X[90:] @ np.arange(7.0), rel=1e-6)
    assert spread_moved == pytest.approx(1e6 * spread, rel=1e-6)


@pytest.mark.parametrize("parameters", [(0.6, -0.2), (0.6, -0.2, 0.97, -0.8)])
def test_one_odd_day_leaves_its_pulse(parameters):
    """Adding 5 to day 30 adds 5 times the pulse to the innovations from that day on, coefficients held."""
    X, y = design(80), series(80, 9)
    fit = arma.fit(np.vstack([X.T, y]), one_point(*parameters))
    day = np.zeros((1, 80))
    day[0, 30] = 5
    difference = fit.whiten(y[None] + day)[0] - fit.whiten(y[None])[0]
    assert difference[30:] == pytest.approx(5 * fit.pulse[:50], abs=1e-9)
    assert difference[:30] == pytest.approx(0, abs=1e-12)


def test_innovations_are_white():
    """What one day does not foretell of the next: no memory left, unit variance, for a series with much of both."""
    X, y = design(2_000), series(2_000, 10)
    fit = arma.fit(np.vstack([X.T, y]), one_point(0.6))
    errors = fit.innovations
    assert np.var(errors) == pytest.approx(1, abs=0.08)
    assert abs(np.corrcoef(errors[1:], errors[:-1])[0, 1]) < 3 / np.sqrt(2_000)


def test_days_filled_in_cost_their_freedom():
    """Ten days set aside: the same squares over ten degrees of freedom fewer."""
    rows = np.vstack([design(60).T, series(60, 1)])
    whole, less = (arma.fit(rows, one_point(0.6), aside) for aside in (0, 10))
    assert (whole.freedom, less.freedom) == (53, 43)
    assert less.variance[0] * 43 == pytest.approx(whole.variance[0] * 53)


@pytest.mark.parametrize(("size", "models"), [("white", 1), ("coarse", 7), ("plain", 35), ("weekly", 140)])
def test_grids_hold_no_model_twice(size, models):
    """phi = -theta cancels to white noise and phi + theta < 0 is negative memory: neither is allowed."""
    grid = arma.grid(size)
    m, p = np.nonzero(grid.allowed)
    triples = set(zip(grid.theta[m], grid.weekly_theta[m], grid.weekly_phi[m], grid.phi[p], strict=True))
    assert len(triples) == len(m)
    assert len(m) == models
    assert np.all((grid.phi[p] + grid.theta[m] > 0) | ((grid.phi[p] == 0) | (grid.theta[m] == 0)))


@pytest.mark.parametrize(("phi", "theta"), [(0.6, -0.2), (0.98, -0.88), (0.0, -0.4), (0.75, 0.3)])
def test_the_first_error_has_its_stationary_variance(phi, theta):
    """statsmodels.tsa.arima_process.arma_acovf([1, -phi], [1, theta], 1)[0]."""
    from statsmodels.tsa.arima_process import arma_acovf

    assert one_point(phi, theta).start[0, 0] == pytest.approx(
        arma_acovf([1, -phi], [1, theta], 1)[0], rel=1e-9
    )
