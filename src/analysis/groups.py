"""Who responded? The effect by entity, channel or service, judged together.

All groups share the regression of their sum: its columns, its days, its dummies. Relative effects are drawn towards one
another as far as their spread is noise; effects then add up to the headline, each moving as far as its error goes with
that of the sum (minimum trace: Wickramasuriya, Athanasopoulos & Hyndman 2019). P-values say how often ANY group would
look as striking on an ordinary date.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special, stats

from analysis.disclosure import FEWEST, LEAST, OTHERS, may_show, together
from analysis.effect import Effect, Interval, estimate, wide
from analysis.model import gls
from analysis.model.constants import ODD
from analysis.model.covariance import grid, whitener
from analysis.model.design import SHARED
from analysis.model.effect import half_width
from analysis.model.noise import robust
from analysis.model.pooling import reconcile
from analysis.model.regression import Regression
from analysis.placebo import at_every_date, comparable_days, step_down
from analysis.windows import Windows

ADDITIVE = ["observed", "expected", "effect", "contribution"]


@dataclass(frozen=True, slots=True)
class Pooled:
    """Estimates drawn towards their common mean: theta_g ~ N(mean, tau^2), y_g ~ N(theta_g, se_g^2)."""

    estimates: np.ndarray  # (groups,), posterior means
    se: np.ndarray  # (groups,), their standard errors, which count the uncertainty of the mean and of tau
    tau: float  # standard deviation of the true effects between groups


@dataclass(frozen=True, slots=True)
class GroupEffects:
    """Effects by group, largest contribution first.

    `table` has one row a group: the group's own column; `observed`, `expected`, `effect`, `effect_low`, `effect_high`
    over the event, in units of the metric; `contribution`, its share of the total effect; `own`, `own_low`, `own_high`,
    the relative effect from its own payments; `relative`, `low`, `high`, that of `effect`, pooled and reconciled
    (fractions); `p_value`, `p_family` (that it is not the largest of chance, over placebo dates), `q_value` (false
    discovery rate), `suppressed`. Numbers of suppressed groups are NaN; the row "others" holds their sum.
    """

    table: pd.DataFrame
    total: float  # the headline: the effect on all groups together; `contribution` times it is `effect`
    total_interval: Interval
    pooled: Pooled  # on the log scale, over the groups shown
    moved: float  # what reconciling added to the sum of the groups' effects


def group_effects(
    panel: pd.DataFrame,
    windows: Windows,
    by: str = "entity",
    metric: str = "count",
    headline: Effect | None = None,
    baseline: str = "pre-week",
    level: float = 0.95,
) -> GroupEffects:
    """The effect on every group of a daily panel.

    Parameters
    ----------
    panel : DataFrame
        `date`, the column `by`, the metric, and `payers` where known. Rows of one day and group are added
        up, their payers too, so give a panel by this one column for exact suppression: `analysis.disclosure` says
        which groups are too small to be shown.
    headline : Effect, optional
        Of the sum of all groups over the same baseline, by the recommended estimator; by default estimated here.

    A ValueError says which column is missing, or that payers and counts are.
    """
    for column in ("date", by, metric):
        if column not in panel:
            known = ", ".join(map(str, panel.columns))
            raise ValueError(f"the panel has no column {column!r}: it has {known}")
    daily = wide(panel, by, metric)
    people = next((name for name in ("payers", "count") if name in panel), None)
    if people is None:
        raise ValueError("the panel has neither payers nor count, so small groups cannot be hidden: add one")
    payers = wide(panel, by, people).reindex(windows.event_days).min()
    shown = may_show(payers.reindex(daily.columns).to_numpy(float), LEAST, FEWEST["entity"])
    headline = headline or estimate(daily.sum(axis=1).rename(metric), windows, baseline=baseline)
    fit, df = headline.fit, headline.fit.estimates.df
    values = daily.reindex(fit.days).to_numpy(float).T
    own, own_se, errors, t, reference = _each(fit, values, windows, baseline)

    observed = daily.reindex(windows.event_days).sum().to_numpy(float)
    # Groups that stand together were chosen for their few payers on the event: their sum is told, and not judged.
    single = np.array([not together([name]) for name in daily.columns])
    judged = shown & (single | ~single.any())
    usable = judged & (observed > 0) & (own_se > 0)
    # The part of the errors that moves all groups alike says nothing of how their effects differ.
    weight, counted = np.where(usable, 1 / np.maximum(own_se, 1e-9), 0), usable.astype(float)
    pairs = max(weight.sum() ** 2 - weight @ weight, 1e-300)
    common = max(0.0, float(_with_sum(errors, counted) @ counted - counted.sum()) / pairs)
    pooled = pool(own[usable], own_se[usable], common)
    log_effect, log_se = own.copy(), own_se.copy()
    log_effect[usable], log_se[usable] = pooled.estimates, pooled.se

    usual = values[:, ~fit.touched].mean(axis=1)
    expected = np.where(observed > 0, observed * np.exp(-log_effect), usual)
    effects, se = observed - expected, expected * log_se
    joint = _with_sum(errors, se)
    share, moved, more = reconcile(headline, joint, float(joint.sum()), float(effects.sum()), df, level)
    effects, se = effects + share * moved, np.sqrt(np.maximum(se**2 + share**2 * more, 0))

    shifts = half_width(level, df) * np.array([[0], [-1], [1]])  # of an estimate and the ends of its interval
    ends, ratios = effects + shifts * se, np.exp(own + shifts * own_se)
    table = pd.DataFrame({by: daily.columns.astype(object), "observed": observed})
    table["expected"] = observed - effects
    table[["effect", "effect_low", "effect_high"]] = ends.T
    table["contribution"] = effects / headline.absolute
    table[["own", "own_low", "own_high"]] = np.where(usable, ratios - 1, np.nan).T
    ratios = observed / np.maximum(observed - ends, 1e-9)
    table[["relative", "low", "high"]] = np.where(usable, ratios - 1, np.nan).T
    table["p_value"] = np.maximum(2 * special.stdtr(df, -np.abs(t)), 1e-300)
    table["p_family"] = step_down(t, reference)
    table["q_value"] = stats.false_discovery_control(table["p_value"])
    table["suppressed"] = ~shown
    table.loc[~judged, table.columns.difference([by, *ADDITIVE, "suppressed"])] = np.nan
    table, interval = _hide(table, by, shown), headline.confidence_interval(level)
    return GroupEffects(table, headline.absolute, interval, pooled, moved)


def _each(
    whole: Regression, values: np.ndarray, windows: Windows, baseline: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Each group by the regression of the whole, on the log scale.

    Returns the mean log effect a day and its standard error (m,), standardised innovations (m, n), and t statistics of
    the event (m,) and of comparable dates (dates, m), judged alike.
    """
    touched, columns = whole.touched, whole.columns
    positive = np.where(values > 0, values, np.nan)
    unit = np.nanmedian(np.where(touched, np.nan, positive), axis=1, keepdims=True)
    Z = np.log(np.fmax(np.nan_to_num(values / unit), 0.5 / np.fmax(np.nan_to_num(unit), 1)))
    Z /= whole.size
    single = np.array([not name.startswith(SHARED) for name in columns.names])
    X, prior = columns.rows[single] / whole.size, columns.prior[single]
    whiten = whitener(whole.numbers, grid("coarse"))
    for look in range(2):
        estimates, white = gls.fit(X, Z, whiten, prior)
        innovations = np.array([one.innovations(white, j) for j, one in enumerate(estimates)])
        if look == 0:  # a group's own odd days are cut back to what is just odd
            just = ODD * np.array([[robust(row[~touched])] for row in innovations])
            root = np.array([whiten.root[one.points[one.best]] for one in estimates])
            Z = Z - np.where(touched, 0, innovations - np.clip(innovations, -just, just)) * root
    days = int(touched.sum())
    mean = np.repeat([0, 1 / days], [len(X) - days, days])[None]
    own, variances = np.array([[part.item() for part in one.contrast(mean)] for one in estimates]).T
    errors = np.where(touched, 0, innovations)
    errors /= np.maximum(np.sqrt((errors**2).mean(axis=1, keepdims=True)), 1e-12)
    starts, at_dates = at_every_date(whole, windows, baseline, Z * whole.size, single)
    t = at_dates.effects / np.maximum(at_dates.effects[:-1].std(axis=0), 1e-12)
    dates = whole.days[starts[:-1]]
    like = dates.isin(comparable_days(dates, windows))
    return own, np.sqrt(variances), errors, t[-1], t[:-1][like]


def _with_sum(errors: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Covariance (m,) of each group's error with the sum of all, from standardised errors (m, n) of standard deviations
    `size` (m,)."""
    return size * (errors @ (size @ errors)) / errors.shape[1]


def pool(y: np.ndarray, se: np.ndarray, common: float = 0.0) -> Pooled:
    """Empirical Bayes for a normal mean of each group, from estimates `y` (groups,) and their standard errors `se`.

    The spread tau between groups is averaged over its restricted likelihood. `common` is the variance of the part of
    the error that moves all groups alike; it tells nothing about their spread.
    """
    y, se = np.asarray(y, float), np.asarray(se, float)
    if len(y) == 0:
        raise ValueError("no group is large enough to be shown: give larger groups")
    own = np.maximum(se**2 - common, 1e-3 * se**2)
    taus = np.linspace(0, 3 * max(np.ptp(y), se.max()), 600 if len(y) > 2 else 1)  # two say nothing of it
    weight = 1 / (own + taus[:, None] ** 2)
    total = weight.sum(axis=1)
    means = weight @ y / total
    likelihood = np.log(weight).sum(axis=1) - np.log(total) - (weight * (y - means[:, None]) ** 2).sum(axis=1)
    share = np.exp((likelihood - likelihood.max()) / 2)
    share /= share.sum()
    kept = taus[:, None] ** 2 * weight  # the part of a deviation that is believed at each tau
    at_tau = means[:, None] + kept * (y - means[:, None])
    within = kept * own + (1 - kept) ** 2 / total[:, None]
    estimates = share @ at_tau
    se = np.sqrt(share @ (within + (at_tau - estimates) ** 2) + common)
    return Pooled(estimates, se, float(np.sqrt(share @ taus**2)))


def _hide(table: pd.DataFrame, by: str, shown: np.ndarray) -> pd.DataFrame:
    """Numbers of hidden groups become one row, as far as they add up."""
    others = table.loc[~shown, ADDITIVE].sum()
    table.loc[~shown, table.columns.drop([by, "suppressed"])] = np.nan
    table = table.sort_values("effect", ascending=False, kind="stable", ignore_index=True)
    if (~shown).sum() > 1:
        row = {by: f"{OTHERS} ({(~shown).sum()})", **others, "suppressed": False}
        table = pd.concat([table, pd.DataFrame([row])], ignore_index=True)
    return table
