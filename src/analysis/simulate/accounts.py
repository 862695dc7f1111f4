"""Who paid where, and instead of what: the components of every cell, drawn or in the mean.

One account serves both, so that a drawn year averages to its expectation and both add up in every cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.simulate.world import CHANNELS, COMPONENTS, COUNTER, DIGITAL, Model, entities, rates


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
    return _Books(model, _Mean()).closed()


def drawn(model: Model, seed: int | np.random.SeedSequence, total: int | None = None) -> Account:
    """One year in whole payments; with `total`, exactly that many of them.

    Counts are Poisson around the mean times autocorrelated shocks, common and of each entity, and noise of
    each cell. A cell's value is log-normal with the first two moments of a sum of its payments.
    """
    return _Books(model, _Draw(model, seed)).closed(total)


class _Books:
    """Fills in one component after another; every customer who turns up in one cell is missing in another."""

    def __init__(self, model: Model, chance: _Mean | _Draw) -> None:
        self.model, self.chance, self.rate = model, chance, rates(model)
        self.mix, self.assisted, self.day = np.array(model.mix), np.array(model.assisted_mix), self.rate.event
        self.digital_ticket, self.counter_ticket = self.rate.ticket[:, DIGITAL], self.rate.ticket[:, COUNTER]
        shape = self.rate.mean.shape
        self.count = {name: np.zeros(shape, chance.kind) for name in COMPONENTS}
        self.value = {name: np.zeros(shape) for name in COMPONENTS}
        self.switched = np.zeros(shape, chance.kind)
        self.mean = chance.shocked(self.rate.mean)
        self.base = chance.poisson(self.mean)
        self.sums = chance.sums(entities(model)["spread"])
        if not model.null:
            turned_away = self._campaign()
            self._close_counters(turned_away)
            self._move_digital()
            self._add_new()
            self._last()

    def closed(self, total: int | None = None) -> Account:
        """The account, of `total` payments if given; the untouched world makes up the difference."""
        gone, gone_value = (
            sum(np.minimum(part[name], 0) for name in COMPONENTS[1:]) for part in (self.count, self.value)
        )
        kept = self.base + gone
        if total is not None:
            come = sum(np.maximum(part, 0).sum() for part in self.count.values())
            kept = self.chance.top_up(kept, total - int(kept.sum() + come))
        # Those who left a cell would have paid there what they paid elsewhere.
        self.count["baseline"] = kept - gone
        self.value["baseline"] = self.sums(kept, self.rate.ticket) - gone_value
        count, value = (np.stack(list(part.values())) for part in (self.count, self.value))
        return Account(self.model, count, value, self.switched)

    def _campaign(self) -> np.ndarray:
        """What the campaign wins; returns the counter customers left for the event day, (entities,)."""
        rate, chance = self.rate, self.chance
        left = chance.binomial(self.base[:, :, COUNTER], rate.left)
        left_to = chance.multinomial(left, self.mix)
        won = rate.campaign[:, None, None] * self.mean[:, :, DIGITAL]
        from_counters = (rate.left * self.mean[:, :, COUNTER])[:, :, None] * self.mix
        fresh = chance.poisson(np.maximum(won - from_counters, 0))
        paid = self._switch("campaign", slice(None), left_to)
        self.count["campaign"][:, :, DIGITAL] += fresh
        self.value["campaign"][:, :, DIGITAL] = paid + self.sums(fresh, self.digital_ticket)
        return self.base[self.day, :, COUNTER] - left[self.day]

    def _close_counters(self, turned_away: np.ndarray) -> None:
        """The turned away pay digitally, pay on another day, or never."""
        rate, chance, day = self.rate, self.chance, self.day
        online, other, lost = np.moveaxis(chance.multinomial(turned_away, rate.fate), -1, 0)
        self._switch("from_counters", day, chance.multinomial(online, self.assisted))

        days, _, channels = self.base.shape
        elsewhere = chance.multinomial(other, rate.elsewhere.ravel()).reshape(-1, days, channels)
        elsewhere = elsewhere.transpose(1, 0, 2)
        paid = self.sums(elsewhere, self.counter_ticket[:, None])
        for part, come in ((self.count, elsewhere), (self.value, paid)):
            part["to_other_days"] += come
            part["to_other_days"][day, :, COUNTER] -= come.sum((0, 2))
        self.switched[:, :, DIGITAL] += elsewhere[:, :, DIGITAL]

        self.count["lost"][day, :, COUNTER] = -lost
        self.value["lost"][day, :, COUNTER] = -self.sums(lost, self.counter_ticket)

    def _move_digital(self) -> None:
        """Digital customers of other days pay on the event day."""
        base = self.base[:, :, DIGITAL]
        pool = base + self.count["campaign"][:, :, DIGITAL]
        moved = np.minimum(self.chance.binomial(pool, self.rate.moved[:, None, None]), base)
        paid = self.sums(moved, self.digital_ticket)
        for part, gone in ((self.count, moved), (self.value, paid)):
            part["from_other_days"][:, :, DIGITAL] = -gone
            part["from_other_days"][self.day, :, DIGITAL] = gone.sum(0)

    def _add_new(self) -> None:
        """Digital payments of the event day that nobody would have made."""
        usual = (1 + self.rate.campaign[self.day]) * self.mean[self.day, :, DIGITAL]
        new = self.chance.poisson(self.model.new * usual)
        self.count["new"][self.day, :, DIGITAL] = new
        self.value["new"][self.day, :, DIGITAL] = self.sums(new, self.digital_ticket)

    def _last(self) -> None:
        """Counter customers who stay digital after the event."""
        stay = self.chance.binomial(self.base[:, :, COUNTER], self.rate.lasting[:, None])
        self._switch("lasting", slice(None), self.chance.multinomial(stay, self.mix))

    def _switch(self, name: str, when: int | slice, to: np.ndarray) -> np.ndarray:
        """Counter customers pay digitally, in the channels of `to`; returns their dirhams."""
        paid = self.sums(to, self.counter_ticket[:, None])
        for part, come in ((self.count, to), (self.value, paid)):
            part[name][when, :, DIGITAL] = come
            part[name][when, :, COUNTER] = -come.sum(-1)
        self.switched[when, :, DIGITAL] += to
        return paid


class _Mean:
    """Chance replaced by its expectation."""

    kind = float
    shocked = poisson = staticmethod(lambda mean: mean)
    binomial = staticmethod(lambda n, p: n * p)
    multinomial = staticmethod(lambda n, p: n[..., None] * p)
    sums = staticmethod(lambda spread: lambda count, ticket: count * ticket)


class _Draw:
    """Chance from one seed."""

    kind = np.int64

    def __init__(self, model: Model, seed: int | np.random.SeedSequence) -> None:
        self.model, self.rng = model, np.random.default_rng(seed)
        self.poisson, self.binomial = self.rng.poisson, self.rng.binomial
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
        flat, rng = kept.ravel(), self.rng
        if short >= 0:
            return kept + rng.multinomial(short, flat / flat.sum()).reshape(kept.shape)
        return kept - rng.multivariate_hypergeometric(flat, -short, method="marginals").reshape(kept.shape)
