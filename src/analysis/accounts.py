"""Who paid where, and instead of what: the components of every cell, drawn or in the mean.

One account serves both, so that a drawn year averages to its expectation and both add up in every cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.world import CHANNELS, COMPONENTS, COUNTER, DIGITAL, Model, Rates, entities, rates


@dataclass(frozen=True, slots=True)
class Account:
    """Payments by component.

    Parameters
    ----------
    model : Model
        What it is an account of.
    count, value : ndarray, shape (components, days, entities, channels)
        Payments, and their dirhams.
    switched : ndarray, shape (days, entities, channels)
        Digital payments made by counter customers, in `count` under several components.
    """

    model: Model
    count: np.ndarray
    value: np.ndarray
    switched: np.ndarray

    @property
    def totals(self) -> tuple[np.ndarray, np.ndarray]:
        """Count and value of each cell, (days, entities, channels); an empty cell has exactly 0."""
        count, value = self.count.sum(0), self.value.sum(0)
        empty = np.abs(count) < 1e-9  # what cancelling leaves behind
        return np.where(empty, 0, count), np.where(empty, 0.0, value)

    def frame(self) -> pd.DataFrame:
        """One row a day, entity and channel.

        Columns: date, entity, channel, count, value; then each component's count under its own name and
        its dirhams under the name with ``_value``. Components add up to `count` and `value`.
        """
        names, shape = self.model.names, self.count.shape[1:]
        count, value = self.totals
        day, entity, channel = (axis.ravel() for axis in np.indices(shape, dtype=np.int32))
        columns = {
            "date": self.model.dates.to_numpy()[day],
            "entity": pd.Categorical.from_codes(entity, names),
            "channel": pd.Categorical.from_codes(channel, CHANNELS),
            "count": count.ravel(),
            "value": value.ravel(),
        }
        columns |= {name: part.ravel() for name, part in zip(COMPONENTS, self.count, strict=True)}
        columns |= {f"{name}_value": part.ravel() for name, part in zip(COMPONENTS, self.value, strict=True)}
        return pd.DataFrame(columns)


def expected(model: Model) -> Account:
    """The mean of every component."""
    return _account(model, rates(model), _Mean())


def drawn(model: Model, seed: int | np.random.SeedSequence, total: int | None = None) -> Account:
    """One year in whole payments; with `total`, exactly that many of them.

    Counts are Poisson around the mean times autocorrelated shocks, common and of each entity, and noise of
    each cell. A cell's value is log-normal with the first two moments of a sum of its payments.
    """
    return _account(model, rates(model), _Draw(model, seed), total)


def _account(model: Model, rate: Rates, chance: _Mean | _Draw, total: int | None = None) -> Account:
    shape = rate.mean.shape
    count = {name: np.zeros(shape, chance.kind) for name in COMPONENTS}
    value = {name: np.zeros(shape) for name in COMPONENTS}
    mean = chance.shocked(rate.mean)
    base = chance.poisson(mean)
    switched = np.zeros(shape, chance.kind)
    mix, assisted, day = np.array(model.mix), np.array(model.assisted_mix), rate.event
    digital, counter = rate.ticket[:, :COUNTER], rate.ticket[:, COUNTER]
    sums = chance.sums(entities(model).spread)

    if not model.null:
        left = chance.binomial(base[:, :, COUNTER], rate.left)
        left_to = chance.multinomial(left, mix)
        won = rate.campaign[:, None, None] * mean[:, :, DIGITAL]
        fresh = chance.poisson(np.maximum(won - (rate.left * mean[:, :, COUNTER])[:, :, None] * mix, 0))
        count["campaign"][:, :, DIGITAL] = left_to + fresh
        count["campaign"][:, :, COUNTER] = -left
        paid = sums(left_to, counter[:, None])
        value["campaign"][:, :, DIGITAL] = paid + sums(fresh, digital)
        value["campaign"][:, :, COUNTER] = -paid.sum(2)

        turned = base[day, :, COUNTER] - left[day]
        online, other, lost = np.moveaxis(chance.multinomial(turned, rate.fate), -1, 0)
        online_to = chance.multinomial(online, assisted)
        paid = sums(online_to, counter[:, None])
        count["from_counters"][day, :, DIGITAL] = online_to
        count["from_counters"][day, :, COUNTER] = -online
        value["from_counters"][day, :, DIGITAL] = paid
        value["from_counters"][day, :, COUNTER] = -paid.sum(1)

        elsewhere = chance.multinomial(other, rate.elsewhere.ravel()).reshape(-1, shape[0], shape[2])
        elsewhere = elsewhere.transpose(1, 0, 2)
        paid = sums(elsewhere, counter[:, None])
        count["to_other_days"] += elsewhere
        count["to_other_days"][day, :, COUNTER] -= other
        value["to_other_days"] += paid
        value["to_other_days"][day, :, COUNTER] -= paid.sum((0, 2))

        switched[:, :, DIGITAL] = left_to + elsewhere[:, :, DIGITAL]
        switched[day, :, DIGITAL] += online_to

        count["lost"][day, :, COUNTER] = -lost
        value["lost"][day, :, COUNTER] = -sums(lost, counter)

        pool = base[:, :, DIGITAL] + count["campaign"][:, :, DIGITAL]
        moved = chance.binomial(pool, rate.moved[:, None, None])
        paid = sums(moved, digital)
        for part, gone in ((count, moved), (value, paid)):
            part["from_other_days"][:, :, DIGITAL] = -gone
            part["from_other_days"][day, :, DIGITAL] = gone.sum(0)

        new = chance.poisson(model.new * (1 + rate.campaign[day]) * mean[day, :, DIGITAL])
        count["new"][day, :, DIGITAL] = new
        value["new"][day, :, DIGITAL] = sums(new, digital)

        stay = chance.binomial(base[:, :, COUNTER], rate.lasting[:, None])
        stay_to = chance.multinomial(stay, mix)
        paid = sums(stay_to, counter[:, None])
        count["lasting"][:, :, DIGITAL], count["lasting"][:, :, COUNTER] = stay_to, -stay
        switched[:, :, DIGITAL] += stay_to
        value["lasting"][:, :, DIGITAL], value["lasting"][:, :, COUNTER] = paid, -paid.sum(2)

    # Those who left a cell would have paid what they paid elsewhere; the others' payments are drawn here.
    gone = sum(np.minimum(count[name], 0) for name in COMPONENTS[1:])
    gone_value = sum(np.minimum(value[name], 0) for name in COMPONENTS[1:])
    kept = base + gone
    if total is not None:
        short = total - int(kept.sum() + sum(np.maximum(part, 0).sum() for part in count.values()))
        kept = chance.top_up(kept, short)
    count["baseline"] = kept - gone
    value["baseline"] = sums(kept, rate.ticket) - gone_value
    return Account(model, np.stack(list(count.values())), np.stack(list(value.values())), switched)


class _Mean:
    """Chance replaced by its expectation."""

    kind = float

    def shocked(self, mean: np.ndarray) -> np.ndarray:
        return mean

    def poisson(self, mean: np.ndarray) -> np.ndarray:
        return mean

    def binomial(self, n: np.ndarray, p: np.ndarray) -> np.ndarray:
        return n * p

    def multinomial(self, n: np.ndarray, p: np.ndarray) -> np.ndarray:
        return n[..., None] * p

    def sums(self, spread: np.ndarray):
        return lambda count, ticket: count * ticket


class _Draw:
    """Chance from one seed."""

    kind = np.int64

    def __init__(self, model: Model, seed: int | np.random.SeedSequence) -> None:
        self.model = model
        self.rng = np.random.default_rng(seed)
        self.poisson = self.rng.poisson
        self.binomial = self.rng.binomial
        self.multinomial = self.rng.multinomial

    def shocked(self, mean: np.ndarray) -> np.ndarray:
        model, (n_days, n_entities, _) = self.model, mean.shape
        log = self._ar(n_days, 1, model.shock, model.shock_memory)
        log = log + self._ar(n_days, n_entities, model.entity_shock, model.entity_memory)
        log = log[:, :, None] + model.cell_shock * self.rng.standard_normal(mean.shape)
        variance = model.shock**2 + model.entity_shock**2 + model.cell_shock**2
        return mean * np.exp(log - variance / 2)

    def _ar(self, length: int, width: int, spread: float, memory: float) -> np.ndarray:
        """Stationary AR(1), (length, width), with standard deviation `spread`."""
        steps = self.rng.standard_normal((length, width))
        steps[1:] *= np.sqrt(1 - memory**2)
        for t in range(1, length):
            steps[t] += memory * steps[t - 1]
        return spread * steps

    def sums(self, spread: np.ndarray):
        """Value of n log-normal payments of an entity with mean `ticket`; entities on the last axis but one.

        A (entities,) count is taken as one channel.
        """
        variation = np.expm1(spread**2)

        def draw(count: np.ndarray, ticket: np.ndarray) -> np.ndarray:
            cv2 = variation if count.ndim == 1 else variation[:, None]
            variance = np.log1p(cv2 / np.maximum(count, 1))
            noise = np.clip(self.rng.standard_normal(count.shape), -4, 4)
            return count * ticket * np.exp(np.sqrt(variance) * noise - variance / 2)

        return draw

    def top_up(self, kept: np.ndarray, short: int) -> np.ndarray:
        """`short` payments more, in cells by their size; or as many fewer."""
        flat = kept.ravel()
        if short >= 0:
            change = self.rng.multinomial(short, flat / flat.sum())
        else:
            change = -self.rng.multivariate_hypergeometric(flat, -short, method="marginals")
        return (flat + change).reshape(kept.shape)
