"""The recommended estimator: an ordinary day foretold from the calendar and the days before it.

What it does to the days before the event, in order: sets aside what is not ordinary (holidays, closed weekdays,
gaps); chooses the scale on which the noise is even; looks for days of the month that stand out; fits weekday
pattern and error process together; sets odd days aside and fits again; measures how wide ordinary days spread by
weekday, over time and in the tails.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from analysis.estimators import arma
from analysis.estimators.counterfactual import Effect, Predictive
from analysis.estimators.design import SCALES, Scale, calendar, possible_scales, weekday_columns
from analysis.estimators.simple import pre_week_mean
from analysis.estimators.spread import by_weekday, scales, tails
from analysis.windows import Windows

HISTORY_DAYS = 400
ODD = 5.0  # a day that lies further out, in robust standard deviations, is set aside
MONTH_VARIANCES = (0.01, 0.03, 0.1, 0.3, 1.0)  # of the days of the month, in units of the noise's
STANDS_OUT = 3.7  # t ratio from which a day of the month gets a column; forty are tried
JUMP, JUMPS = 0.3, 1.0
RUNS = (1, 2, 3, 4)
GROWTH = 0.3  # standard deviation of growth a year, as a share of the level, before the data speak


def calendar_arma(
    daily: pd.Series,
    windows: Windows,
    baseline: str = "pre-week",
    scale: str | None = None,
    history_days: int = HISTORY_DAYS,
) -> Effect:
    """Calendar regression with ARMA(1,1) errors, averaged over their parameters.

    Formula: g(y[t]) = weekday[t] + month[t] + u[t], u as in `arma`; g is the logarithm, the square root or the
    identity, whichever makes the series likelier. The event is foretold from the days before it, never from
    those after.

    The estimand decides what the forecast starts from. Without a campaign: from the eve. With one,
    ``"pre-week"``: from the level of the week before (the mean of its middle days after weekday and month are
    taken out), since the eve itself may be touched by the campaign; its error is how badly such a week
    foretold ordinary days. With one, ``"history"``: from the last day before the campaign, as many days ahead.

    Assumes that weekday pattern and error process of the past hold on the event's days, and that the past
    `history_days` hold few odd days. Interval: of a new day, its width from past errors by weekday and over
    time, its shape half Student's t and half empirical. Below 14 usable days it falls back on
    `pre_week_mean`, with a warning.

    Parameters
    ----------
    daily : Series
        On consecutive days, NaN where missing (`analysis.effect.estimate` sees to it).
    windows : Windows
    baseline : {"pre-week", "history"}
    scale : {"log", "root", "plain", "logit"}, optional
        Chosen from the data by default.
    history_days : int
        How far back the past reaches.
    """
    past = windows.past(daily, baseline).dropna().iloc[-history_days:]
    if len(past) < 14:
        return pre_week_mean(daily, windows, baseline)
    return _Run(daily, windows, baseline, past, scale).effect()


class _Run:
    """One estimate in the making: the days, and what has been learned of them so far."""

    def __init__(
        self, daily: pd.Series, windows: Windows, baseline: str, past: pd.Series, scale: str | None
    ) -> None:
        self.daily, self.windows, self.baseline = daily, windows, baseline
        self.warnings: list[str] = []
        campaign = windows.campaign_start is not None and windows.campaign_start < windows.event_start
        end = windows.campaign_start if campaign and baseline == "history" else windows.event_start
        self.anchored = campaign and baseline == "pre-week"
        first = past.index[0]
        self.days = pd.date_range(first, end - pd.Timedelta(days=1))
        self.ahead = (windows.event_start - end).days + 1
        self.calendar = calendar(first, windows.event_end, windows.country)
        self.n = len(self.days)
        self.future = slice(self.n + self.ahead - 1, None)
        self.values = past.reindex(self.days).to_numpy()
        self.missing = self._not_ordinary()
        if (~self.missing).sum() < 14:
            self.missing = np.isnan(self.values)
        if not self.anchored:
            self._stop_at_the_last_seen()
        self.columns = weekday_columns(self.calendar.weekday, np.flatnonzero(~self.missing))
        self.precision = np.zeros(self.columns.shape[1])
        self.offset = np.zeros(len(self.columns))
        self.offset_variance, self.spent = 0.0, 0.0
        self.choices = (
            [SCALES[scale]] if scale else possible_scales(self.values[~self.missing], str(daily.name))
        )
        self.unit = float(np.median(np.abs(self.values[~self.missing]))) or 1.0
        if self.choices[0].name == "logit":
            self.unit = 1.0

    def _stop_at_the_last_seen(self) -> None:
        """A gap up to the eve is foretold across, not filled in: the event is as many days further ahead."""
        gap = int(np.argmin(self.missing[::-1]))
        self.n, self.ahead = self.n - gap, self.ahead + gap
        self.days, self.values = self.days[: self.n], self.values[: self.n]
        self.missing = self.missing[: self.n]

    def _not_ordinary(self) -> np.ndarray:
        """Days that cannot speak for the event: gaps, holidays, closed weekdays, another weekend, outages."""
        calendar, values, n = self.calendar, self.values, self.n
        missing = np.isnan(values)
        if not calendar.holiday[self.future].any():
            missing |= calendar.holiday[:n]
        else:
            self.warnings.append("The event falls on a holiday; it is held against ordinary days.")
        same = calendar.regime[:n] == calendar.regime[-1]
        if not same.all() and (same & ~missing).sum() >= 28:
            missing |= ~same
        event_weekdays = set(calendar.weekday[self.future].tolist())
        for weekday in set(range(7)) - event_weekdays:
            those = (calendar.weekday[:n] == weekday) & ~missing
            if those.sum() >= 3 and not values[those].any():
                missing |= those
        zeros, positive = ~missing & (values == 0), values[~missing & (values > 0)]
        if 0 < zeros.sum() <= 1 + len(positive) // 30 and np.quantile(positive, 0.05) > 20:
            missing |= zeros
        return missing

    def effect(self) -> Effect:
        """Fit, foretell, and hold the event against it."""
        self._fit()
        centre, covariance, shape = self._week_before() if self.anchored else self._from_the_last_day()
        total = Predictive.total(
            centre, covariance, shape, lambda values: self.unit * self.scale.inverse(values)
        )
        used = self.days[~self.missing]
        return Effect.of("calendar_arma", self.daily, self.windows, self.baseline, used, total, self.warnings)

    def _fit(self) -> None:
        n, missing = self.n, self.missing
        rough = arma.grid("coarse")
        score, self.scale, fit = self._rough_fit(self.choices[0], rough)
        best = rough.only(fit.position[0][fit.best], fit.position[1][fit.best])
        others = [self._rough_fit(choice, best) for choice in self.choices[1:]]
        if others and max(other[0] for other in others) > score:
            self.scale = max(others, key=lambda other: other[0])[1]
            fit = self._rough_fit(self.scale, rough)[2]
        trend = np.arange(len(self.columns)) / 365
        self._add(trend[:, None], (_robust(fit.innovations[~missing]) / GROWTH) ** 2)
        if n >= 60:
            self._add(self.calendar.recurring[self._stands_out(fit)].T)
        fit = self._refit(fit.rows[-1], rough, missing)
        if n >= 60:
            fit = self._steps(fit)
        if n >= 120:
            fit = self._month_pattern(fit)
        full = arma.grid("weekly" if n >= 56 else "plain")
        raw, odd = fit.rows[-1], self._odd(fit, missing)
        if odd.any():  # they hid others, and bent the pattern
            fit = self._refit(self._fill(fit, raw, odd), rough, odd)
            odd = self._odd(fit, odd)
        fit = self._refit(self._fill(fit, raw, odd) if odd.any() else raw, full, odd)
        self.fit, self.odd, self.raw = fit, odd, raw

    def _add(self, columns: np.ndarray, precision: float = 0.0) -> None:
        self.columns = np.column_stack([self.columns, columns])
        self.precision = np.concatenate([self.precision, np.full(columns.shape[1], precision)])

    def _refit(self, series: np.ndarray, models: arma.Grid, odd: np.ndarray) -> arma.Fit:
        return arma.fit(self._rows(series), models, self._filled(odd), self.precision)

    def _rows(self, series: np.ndarray) -> np.ndarray:
        return np.vstack([self.columns[: self.n].T, series])

    def _rough_fit(self, scale: Scale, models: arma.Grid) -> tuple[float, Scale, arma.Fit]:
        """A first fit on one scale, with its log likelihood under Student's t with five degrees."""
        good = ~self.missing
        values = self.values[good] / self.unit
        series = np.empty(self.n)
        series[good] = scale.forward(values)
        columns = self.columns[: self.n]
        if not good.all():
            pattern = np.linalg.lstsq(columns[good], series[good], rcond=None)[0]
            series[~good] = columns[~good] @ pattern
        fit = arma.fit(self._rows(series), models, int(self.missing.sum()))
        if len(self.choices) == 1:
            return 0.0, scale, fit
        errors = fit.innovations[good]
        spread = max(1.4826 * np.median(np.abs(errors)), 1e-12)
        for _ in range(3):
            spread = np.sqrt(np.mean(6 * errors**2 / (5 + (errors / spread) ** 2))) + 1e-12
        score = -3 * np.log1p((errors / spread) ** 2 / 5).sum() - len(errors) * np.log(spread)
        score += scale.log_slope(values).sum() - (2.0 if scale.name != self.choices[0].name else 0.0)
        return float(score), scale, fit

    def _steps(self, fit: arma.Fit) -> arma.Fit:
        """Lasting jumps of the level, each where independent days would put it, kept if the evidence is for it."""
        n, phi = self.n, 0.4
        for _ in range(2):
            white = fit.rows[:, 1:] - phi * fit.rows[:, :-1]
            basis = np.linalg.qr(white[:-1].T)[0].T
            errors = white[-1] - (white[-1] @ basis.T) @ basis
            spread = _robust(errors[~self.missing[1:]])
            both = np.vstack([basis, np.clip(errors, -3 * spread, 3 * spread)])
            later = np.cumsum(both[:, ::-1], axis=1)[:, ::-1]
            along = phi * both + (1 - phi) * later  # products with a step from each day on, whitened
            length = 1 + (1 - phi) ** 2 * np.arange(n - 2, -1, -1) - (along[:-1] ** 2).sum(0)
            size = along[-1] / np.sqrt(np.maximum(length, 0.05))
            size[:7] = size[-7:] = 0
            day = int(np.argmax(abs(size)))
            if size[day] ** 2 < 2 * (np.log(n) + JUMPS) * spread**2:
                break
            columns, precision = self.columns, self.precision
            step = np.arange(len(self.columns)) > day
            self._add(step[:, None] * 1.0, (spread / JUMP) ** 2)
            with_step = self._refit(fit.rows[-1], fit.models, self.missing)
            if with_step.evidence < fit.evidence + np.log(n) + JUMPS:
                self.columns, self.precision = columns, precision
                break
            fit = with_step
        return fit

    def _stands_out(self, fit: arma.Fit) -> list[int]:
        """A trend and days of the month, one after another by their t ratio; odd days count for little."""
        often = np.flatnonzero((self.calendar.recurring[:, : self.n] * ~self.missing).sum(1) >= 2)
        white = fit.whiten(np.vstack([fit.rows, self.calendar.recurring[often, : self.n]]))
        k = len(fit.rows) - 1
        basis = np.linalg.qr(white[:k].T)[0]
        errors = white[k] - fit.coefficients[fit.best] @ white[:k]
        spread = _robust(errors[~self.missing])
        errors = np.clip(errors, -2.5 * spread, 2.5 * spread)
        columns = white[k + 1 :] - (white[k + 1 :] @ basis) @ basis.T
        whole = (white[k + 1 :] ** 2).sum(1)
        chosen: list[int] = []
        for _ in range(5):
            length = (columns**2).sum(1)
            free = length > 0.05 * whole
            ratio = np.where(free, columns @ errors / np.sqrt(np.where(free, length, 1)), 0) / spread
            if not len(ratio) or abs(ratio).max() < STANDS_OUT:
                break
            best = int(np.argmax(abs(ratio)))
            chosen.append(int(often[best]))
            direction = columns[best] / np.sqrt(length[best])
            errors = errors - direction * (direction @ errors)
            columns = columns - np.outer(columns @ direction, direction)
        return chosen

    def _month_pattern(self, fit: arma.Fit) -> arma.Fit:
        """Takes out what the days of the month share, as a random effect whose variance the data choose."""
        month = self.calendar.recurring[: self.calendar.days_of_month]
        white = fit.whiten(np.vstack([fit.rows, month[:, : self.n]]))
        k = len(fit.rows) - 1
        basis = np.linalg.qr(white[:k].T)[0]
        errors = white[k] - fit.coefficients[fit.best] @ white[:k]
        spread = _robust(errors[~self.missing])
        errors = np.clip(errors, -3 * spread, 3 * spread) / spread
        columns = white[k + 1 :] - (white[k + 1 :] @ basis) @ basis.T
        strength, axes = np.linalg.eigh(columns @ columns.T)
        strength = np.maximum(strength, 0)
        along = axes.T @ (columns @ errors)
        scores = [
            0.5 * np.sum(along**2 * ratio / (1 + ratio * strength) - np.log1p(ratio * strength))
            for ratio in MONTH_VARIANCES
        ]
        best = int(np.argmax(scores))
        if scores[best] < 2:
            return fit
        shrunk = MONTH_VARIANCES[best] / (1 + MONTH_VARIANCES[best] * strength)
        self.offset = (axes @ (along * shrunk)) @ month * spread
        future = month[:, self.future].T @ axes
        self.offset_variance = (future * shrunk) @ future.T * spread**2
        self.spent = float(np.sum(strength * shrunk))
        return self._refit(fit.rows[-1] - self.offset[: self.n], fit.models, self.missing)

    def _filled(self, odd: np.ndarray) -> int:
        """Degrees of freedom gone to days filled in and to the month's pattern."""
        return int(odd.sum() + round(self.spent))

    def _odd(self, fit: arma.Fit, odd: np.ndarray) -> np.ndarray:
        """`odd` and the days that lie far out, found one after another (additive outliers, Chen & Liu 1993)."""
        errors, pulse = fit.innovations, fit.pulse
        spread = _robust(errors[~odd])
        spread = spread * by_weekday(errors[~odd] / spread, self.calendar.weekday[: self.n], ~odd)
        odd, padded = odd.copy(), np.zeros(self.n - 1)
        shapes = [np.convolve(pulse, np.ones(run))[: self.n] for run in RUNS]
        lengths = [np.sqrt(np.cumsum(shape**2)[::-1]) for shape in shapes]
        for _ in range(max(3, self.n // 12)):
            padded_errors = np.concatenate([errors, padded])
            size = np.array([np.correlate(padded_errors, shape, "valid") for shape in shapes]) / lengths
            size[:, odd] = 0
            run, day = np.unravel_index(np.argmax(abs(size) / spread), size.shape)
            if abs(size[run, day]) < ODD * spread[day]:
                break
            odd[day : day + RUNS[run]] = True
            errors = errors.copy()
            errors[day:] -= size[run, day] / lengths[run][day] * shapes[run][: self.n - day]
        return odd

    def _fill(self, fit: arma.Fit, raw: np.ndarray, odd: np.ndarray) -> np.ndarray:
        """The series with odd days replaced by what the best model interpolates for them."""
        rows = self._rows(raw)
        days = np.flatnonzero(odd)
        white, pulse = fit.whiten(rows), fit.pulse
        pulses = np.zeros((len(days), self.n))
        for row, day in zip(pulses, days, strict=True):
            row[day:] = pulse[: self.n - day]
        both = np.vstack([white[:-1], pulses])
        gram = both @ both.T
        gram[np.diag_indices_from(gram)] += 1e-9 * np.trace(gram) / len(gram)
        rows[-1, days] -= np.linalg.solve(gram, both @ white[-1])[len(white) - 1 :]
        return rows[-1]

    def _from_the_last_day(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Best linear forecast; refitted with weights where the size of the noise is uneven."""
        fit, odd, seen = self.fit, self.odd, ~self.missing
        excess = self.raw - fit.rows[-1]  # what odd days had above what stands in for them
        kinds = self.calendar.kinds
        errors = self._across_gaps(fit.innovations) + excess
        past, future = scales(errors[seen], ~odd[seen], kinds[:, : self.n][:, seen], kinds[:, self.future])
        size = np.interp(np.arange(self.n), np.flatnonzero(seen), past)
        regressors = self.columns[self.future]
        if np.ptp(np.log(past)) > 0.3:
            fit = arma.fit(fit.rows / size, fit.models, self._filled(odd), self.precision)
            centre, covariance = fit.forecast(regressors / future[:, None], self.ahead)
            centre, errors = centre * future, self._across_gaps(fit.innovations) + excess / size
        else:
            centre, covariance = fit.forecast(regressors, self.ahead)
            errors = errors / size
        speaks = seen & ~self._closures()
        shape = tails(errors[speaks], ~odd[speaks], fit.freedom)
        shift, doubt = self._lingering(fit, excess / size)
        covariance = (covariance + doubt) * np.outer(future, future) + self.offset_variance
        return centre + shift * future + self.offset[self.future], covariance, shape

    def _across_gaps(self, errors: np.ndarray) -> np.ndarray:
        """Errors in which a day after a gap takes on those of the gap, which was filled in knowing that day."""
        gap = np.cumsum(~self.missing) - ~self.missing  # days seen before
        return np.copysign(np.sqrt(np.bincount(gap, errors**2)[gap]), errors)

    def _closures(self) -> np.ndarray:
        """Odd days in a run of two and more: a period of another kind, no sample of single odd days."""
        odd = np.concatenate([[False], self.odd & ~self.missing, [False]])
        return odd[1:-1] & (odd[:-2] | odd[2:])

    def _lingering(self, fit: arma.Fit, excess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What odd days just before the event leave for it: a shift (H,) and its covariance (H, H).

        Whether an odd day passes without trace or stays is unknown on the morning after. The odd days of the
        past say how often: their next day is held against both forecasts, starting from seven in ten without
        trace, as if three had been seen.
        """
        n, days = self.n, len(self.windows.event_days)
        lasting = np.flatnonzero(self.odd & ~self.missing)
        recent = lasting[lasting >= n - 3]
        if not len(recent):
            return np.zeros(days), np.zeros((days, days))
        errors, pulse = fit.innovations + fit.whiten(excess[None])[0], fit.pulse
        earlier = lasting[lasting < n - 1]
        passed = np.clip(errors[earlier + 1] / np.where(pulse[1], pulse[1] * errors[earlier], 1), 0, 1)
        share = (3 * 0.7 + passed.sum()) / (3 + len(passed))
        doubt = (3 * 0.21 + ((passed - share) ** 2).sum()) / (3 + len(passed))
        since = n + self.ahead - 1 + np.arange(days)[:, None] - recent
        kept = -(pulse[np.minimum(since, n - 1)] @ excess[recent])
        return (1 - share) * kept, doubt * np.outer(kept, kept)

    def _week_before(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """From the level of the week before, with the errors that such a week made on ordinary days."""
        fit, n, kinds = self.fit, self.n, self.calendar.kinds
        width, days = self.windows.baseline_days, len(self.windows.event_days)
        pattern = self.columns @ fit.coefficients[fit.best]
        filled = fit.rows[-1] - pattern[:n]
        drop = 2 * width // 7
        ranked = np.sort(sliding_window_view(filled, width), axis=1)
        weeks = ranked[:, drop : width - drop].mean(1)  # of the days up to index + width - 1
        count = n - width - days + 1
        ahead = width + np.arange(count)[:, None] + np.arange(days)
        errors = (self.raw - pattern[:n])[ahead] - weeks[:count, None]
        usual, seen = ~self.odd[ahead].any(1), ~self.missing[ahead].any(1)
        standard, future = np.empty((seen.sum(), days)), np.ones(days)
        for day in range(days):
            labels = kinds[:, ahead[seen, day]]
            to_come = kinds[:, self.future][:, day : day + 1]
            past, now = scales(errors[seen, day], usual[seen], labels, to_come)
            standard[:, day], future[day] = errors[seen, day] / past, now[0]
        k = self.columns.shape[1]
        freedom = max(int(usual.sum() - k - self.spent), 1)
        covariance = standard[usual[seen]].T @ standard[usual[seen]] / freedom * (1 + k / n)
        shape = tails(standard[:, 0], usual[seen], freedom)
        covariance = covariance * np.outer(future, future) + self.offset_variance
        return weeks[-1] + pattern[self.future] + self.offset[self.future], covariance, shape


def _robust(errors: np.ndarray) -> float:
    """Standard deviation by the median of |error|, for normal errors."""
    return float(max(1.4826 * np.median(np.abs(errors)), 1e-12))
