"""Who responded? The effect by entity, channel or service, judged together.

All groups share one regression of logs on the calendar (`placebo.regression`), one column a group, and the
total is the sum of their effects, so contributions add up. Estimates are drawn towards one another as far
as their spread is noise, and p-values say how often ANY group would look as striking on an ordinary date.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from analysis.estimators.counterfactual import Interval
from analysis.estimators.residuals import pulse_effects, step_down
from analysis.placebo import comparable_days, regression
from analysis.windows import Windows

MIN_PAYERS = 10
METHODS = ("integrated", "reml", "dl")
OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Pooled:
    """Estimates drawn towards their common mean: theta_g ~ N(mean, tau^2), y_g ~ N(theta_g, se_g^2).

    Parameters
    ----------
    estimates, se : ndarray, shape (groups,)
        Posterior means and standard errors; the latter count the uncertainty of `mean` and of tau.
    mean, mean_se : float
    tau : float
        Standard deviation of the true effects between groups.
    """

    estimates: np.ndarray
    se: np.ndarray
    mean: float
    mean_se: float
    tau: float


@dataclass(frozen=True, slots=True)
class GroupEffects:
    """Effects by group, largest contribution first.

    Parameters
    ----------
    table : DataFrame
        One row a group: the group's own columns; `observed`, `expected`, `effect`, `effect_low`,
        `effect_high` over the event, in units of the metric; `contribution`, its share of the total effect;
        `own`, `own_low`, `own_high`, the relative effect from its own payments; `relative`, `low`, `high`,
        the same after pooling (fractions); `p_value`, `p_family` (that it is not the largest of chance,
        over placebo dates), `q_value` (false discovery rate), `suppressed`. Numbers of suppressed groups
        are NaN; the row "others" holds their sum.
    total : float
        The effect on all groups together; `contribution` times it is `effect`.
    total_interval : Interval
    pooled : Pooled
        On the log scale, over the groups shown.
    level : float
    placebo_dates : int
        Dates behind `p_family`, which cannot fall below 1 / (1 + placebo_dates).
    """

    table: pd.DataFrame
    total: float
    total_interval: Interval
    pooled: Pooled
    level: float
    placebo_dates: int

    @property
    def mean(self) -> float:
        """Effect on a typical group, as a fraction."""
        return float(np.expm1(self.pooled.mean))


def group_effects(
    panel: pd.DataFrame,
    windows: Windows,
    by: str = "entity",
    metric: str = "count",
    baseline: str = "pre-week",
    level: float = 0.95,
    min_payers: int = MIN_PAYERS,
    method: str = "integrated",
) -> GroupEffects:
    """The effect on every group of a daily panel.

    Parameters
    ----------
    panel : DataFrame
        `date`, the column `by`, the metric, and `payers` where known. Rows of one day and group are added
        up, their payers too, so give a panel by this one column for exact suppression.
    min_payers : int
        Groups with fewer payers on a day of the event are suppressed, and with them the smallest other one
        as long as a single group, or fewer than `min_payers` payers, could be worked out from the total.
    method : {"integrated", "reml", "dl"}
        As in `pool`.
    """
    for column in ("date", by, metric):
        if column not in panel:
            raise ValueError(
                f"the panel has no column {column!r}: it has {', '.join(map(str, panel.columns))}"
            )
    daily = _wide(panel, by, metric)
    people = next((name for name in ("payers", "count") if name in panel), None)
    if people is None:
        raise ValueError("the panel has neither payers nor count, so small groups cannot be hidden: add one")
    payers = _wide(panel, by, people).reindex(windows.event_days).min()
    shown = may_show(payers.reindex(daily.columns).to_numpy(float), min_payers)

    logs = np.log(daily.where(daily > 0).fillna(0.5))
    X, Y, starts, _ = regression(logs, windows, baseline, scale="level")
    event = starts == windows.event_start
    length = len(windows.event_days)
    own, own_se = (part[event][0] for part in pulse_effects(X, Y))
    freedom = len(Y) - np.linalg.matrix_rank(X) - 1
    half = special.stdtrit(freedom, (1 + level) / 2)
    observed = daily.reindex(windows.event_days).mean().to_numpy()
    expected = observed * np.exp(-own)
    effects, se = observed - expected, expected * own_se
    # Every group has the same X, so the error of a sum is that of the summed series.
    total, total_se = (
        float(effects.sum() * length),
        float(pulse_effects(X, Y @ expected).se[event][0] * length),
    )

    past = pulse_effects(X[~event], Y[~event])
    like = starts[~event].isin(comparable_days(starts[~event], windows))
    reference, relative_past = past.t[like], past.effects[like]
    usable = shown & (observed > 0) & (own_se > 0)
    common = _common_variance(relative_past[:, usable], own_se[usable])
    pooled = pool(own[usable], own_se[usable], common, method)

    table = pd.DataFrame(
        {by: daily.columns.astype(object), "observed": observed, "expected": expected, "effect": effects}
    )
    table["effect_low"], table["effect_high"] = effects - half * se, effects + half * se
    table.iloc[:, 1:] *= length
    table["contribution"] = table["effect"] / total
    for name, shift in (("own", 0), ("own_low", -half), ("own_high", half)):
        table[name] = np.where(usable, np.expm1(own + shift * own_se), np.nan)
    for name, shift in (("relative", 0), ("low", -half), ("high", half)):
        table[name] = np.nan
        table.loc[usable, name] = np.expm1(pooled.estimates + shift * pooled.se)
    t = own / own_se
    table["p_value"] = 2 * special.stdtr(freedom, -np.abs(t))
    table["p_family"] = step_down(t, reference)
    table["q_value"] = _false_discovery(table["p_value"].to_numpy())
    table["suppressed"] = ~shown
    return GroupEffects(
        _hide(table, by, shown),
        total,
        Interval(float(total - half * total_se), float(total + half * total_se)),
        pooled,
        level,
        len(reference),
    )


def pool(y: np.ndarray, se: np.ndarray, common: float = 0.0, method: str = "integrated") -> Pooled:
    """Empirical Bayes for a normal mean of each group, with a noise that all share.

    Parameters
    ----------
    y, se : ndarray, shape (groups,)
        Estimates and their standard errors.
    common : float
        Variance of the part of the error that moves all groups alike; it tells nothing about their spread.
    method : {"integrated", "reml", "dl"}
        How tau is treated: averaged over its restricted likelihood, so that intervals count what is not
        known of it; or put at that likelihood's maximum, or at the moments of DerSimonian and Laird (1986).
    """
    y, se = np.asarray(y, float), np.asarray(se, float)
    if method not in METHODS:
        raise ValueError(f"method {method!r} is unknown: give one of {', '.join(METHODS)}")
    if len(y) == 0:
        raise ValueError("no group is large enough to be shown: give larger groups")
    own = np.maximum(se**2 - common, 1e-3 * se**2)
    widest = 3 * max(np.ptp(y), se.max())
    taus = np.linspace(0, widest, 600) if method != "dl" else np.array([_tau_moments(y, own) ** 0.5])
    weight = 1 / (own + taus[:, None] ** 2)
    total = weight.sum(axis=1)
    means = weight @ y / total
    likelihood = np.log(weight).sum(axis=1) - np.log(total) - (weight * (y - means[:, None]) ** 2).sum(axis=1)
    share = np.exp((likelihood - likelihood.max()) / 2)
    if method == "reml" or len(y) < 3:  # two groups say nothing of a spread
        share = (np.arange(len(taus)) == (likelihood.argmax() if len(y) > 1 else 0)).astype(float)
    share /= share.sum()
    kept = taus[:, None] ** 2 * weight  # the part of a deviation that is believed at each tau
    at_tau = means[:, None] + kept * (y - means[:, None])
    within = kept * own + (1 - kept) ** 2 / total[:, None]
    estimates, mean = share @ at_tau, float(share @ means)
    variance = share @ within + share @ (at_tau - estimates) ** 2 + common
    mean_variance = share @ (1 / total) + share @ (means - mean) ** 2 + common
    return Pooled(
        estimates, np.sqrt(variance), mean, float(np.sqrt(mean_variance)), float(np.sqrt(share @ taus**2))
    )


def _tau_moments(y: np.ndarray, variance: np.ndarray) -> float:
    """DerSimonian and Laird (1986)."""
    weight = 1 / variance
    mean = weight @ y / weight.sum()
    excess = weight @ (y - mean) ** 2 - (len(y) - 1)
    return max(0.0, float(excess / (weight.sum() - (weight**2).sum() / weight.sum()))) if len(y) > 1 else 0.0


def _common_variance(placebos: np.ndarray, se: np.ndarray) -> float:
    """Mean covariance between groups over placebo dates (dates x groups), precise groups counting most."""
    if placebos.shape[1] < 2 or len(placebos) < 3:
        return 0.0
    weight = 1 / se**2
    centred = placebos - placebos.mean(axis=0)
    together = ((centred @ weight) ** 2).sum()
    alone = (centred**2).sum(axis=0) @ weight**2
    pairs = weight.sum() ** 2 - (weight**2).sum()
    return max(0.0, float((together - alone) / (len(placebos) - 1) / pairs))


def _false_discovery(p: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg's (1995) adjusted p-values."""
    order = np.argsort(-p)
    adjusted = np.minimum.accumulate(p[order] * len(p) / np.arange(len(p), 0, -1))
    result = np.empty(len(p))
    result[order] = np.minimum(adjusted, 1)
    return result


def may_show(payers: np.ndarray, least: int) -> np.ndarray:
    """Which groups may be shown; hidden ones together hide no fewer than two groups and `least` payers."""
    hidden = payers < least
    if hidden.any() and not hidden.all():
        for group in np.argsort(payers, kind="stable"):
            if hidden.sum() >= 2 and payers[hidden].sum() >= least:
                break
            hidden[group] = True
    return ~hidden


def _hide(table: pd.DataFrame, by: str, shown: np.ndarray) -> pd.DataFrame:
    """Numbers of hidden groups become one row, as far as they add up."""
    additive = ["observed", "expected", "effect", "contribution"]
    numbers = table.columns.drop([by, "suppressed"])
    result = table.copy()
    result.loc[~shown, numbers] = np.nan
    result = result.sort_values("effect", ascending=False, kind="stable", ignore_index=True)
    if (~shown).sum() > 1:
        others = table.loc[~shown, additive].sum().to_dict()
        row = {
            **dict.fromkeys(numbers, np.nan),
            by: f"{OTHERS} ({(~shown).sum()})",
            **others,
            "suppressed": False,
        }
        result = pd.concat([result, pd.DataFrame([row])[list(result.columns)]], ignore_index=True)
    return result


def _wide(panel: pd.DataFrame, by: str, column: str) -> pd.DataFrame:
    """Days x groups; a day without payments is zero."""
    wide = panel.groupby(["date", by], observed=True)[column].sum().unstack(fill_value=0)  # noqa: PD010
    wide.columns = wide.columns.astype(str)
    wide = wide.reindex(pd.date_range(wide.index.min(), wide.index.max()), fill_value=0)
    return wide.astype(float)
