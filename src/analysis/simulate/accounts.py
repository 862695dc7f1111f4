"""Who paid where, and instead of what: the components of every cell, drawn or in the mean.

One account serves both, so that a drawn year averages to its expectation and both add up in every cell: every
customer who turns up in one cell is missing in another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.simulate.world import CHANNELS, COMPONENTS, COUNTER, DIGITAL, Model, entities, rates

BASELINE, CAMPAIGN, FROM_COUNTERS, FROM_OTHER_DAYS, TO_OTHER_DAYS, NEW, LOST, LASTING = range(len(COMPONENTS))
ALL_DAYS = slice(None)


@dataclass(frozen=True, slots=True)
class Account:
    """Payments by component."""

    model: Model
    count: np.ndarray  # (components, days, entities, channels)
    value: np.ndarray  # the same in dirhams
    switched: np.ndarray  # (days, entities, channels) digital payments by counter customers, of any component

    @property
    def totals(self) -> tuple[np.ndarray, np.ndarray]:
        """Count and value of each cell, (days, entities, channels); an empty cell has exactly 0."""
        count, value = self.count.sum(0), self.value.sum(0)
        empty = np.abs(count) < 1e-9  # what cancelling leaves behind
        return np.where(empty, 0, count), np.where(empty, 0.0, value)


def expected(model: Model) -> Account:
    """The mean of every component."""
    return _account(model, _Mean())


def drawn(model: Model, seed: int | np.random.SeedSequence, total: int | None = None) -> Account:
    """One year in whole payments; with `total`, exactly that many of them.

    Counts are Poisson around the mean times autocorrelated shocks, common and of each entity, and noise of
    each cell. A cell's value is log-normal with the first two moments of a sum of its payments.
    """
    return _account(model, _Draw(np.random.PCG64(seed)), total)


def _account(model: Model, chance: _Mean | _Draw, total: int | None = None) -> Account:
    """One component after another; the untouched world makes up the difference to `total`."""
    rate, day = rates(model), model.position
    variation = np.expm1(entities(model)["spread"] ** 2)[:, None]
    digital_ticket, counter_ticket = rate.ticket[:, DIGITAL], rate.ticket[:, COUNTER:]
    mean = rate.mean * chance.shocks(model, rate.mean.shape)
    base = chance.poisson(mean)
    book = np.zeros((2, len(COMPONENTS), *base.shape))  # count and value
    switched = np.zeros(base.shape, base.dtype)

    def paid(count: np.ndarray, ticket: np.ndarray) -> np.ndarray:
        """Counts (..., entities, channels), and below them their value."""
        return np.stack([count, count * ticket * chance.noise(count, variation)])

    def switch(component: int, when: int | slice, to: np.ndarray) -> None:
        """Counter customers pay digitally, in the channels of `to`."""
        come = paid(to, counter_ticket)
        book[:, component, when, :, DIGITAL] = come
        book[:, component, when, :, COUNTER] = -come.sum(-1)
        switched[when, :, DIGITAL] += to

    if model.announced:
        mix, at_counters, online = np.array(model.mix), base[:, :, COUNTER], base[:, :, DIGITAL]

        left = chance.binomial(at_counters, rate.left)
        to = chance.multinomial(left, mix)
        from_counters = (rate.left * mean[:, :, COUNTER])[:, :, None] * mix
        won = rate.campaign[:, None, None] * mean[:, :, DIGITAL]
        fresh = chance.poisson(np.maximum(won - from_counters, 0))
        switch(CAMPAIGN, ALL_DAYS, to)
        book[:, CAMPAIGN, :, :, DIGITAL] += paid(fresh, digital_ticket)

        # The turned away pay digitally, on another day, or never.
        turned_away = at_counters[day] - left[day]
        switching, other, lost = np.moveaxis(chance.multinomial(turned_away, rate.fate), -1, 0)
        switch(FROM_COUNTERS, day, chance.multinomial(switching, np.array(model.assisted_mix)))
        elsewhere = chance.multinomial(other, rate.elsewhere.ravel()).reshape(-1, len(base), len(CHANNELS))
        elsewhere = elsewhere.transpose(1, 0, 2)
        come = paid(elsewhere, counter_ticket)
        book[:, TO_OTHER_DAYS] = come
        book[:, TO_OTHER_DAYS, day, :, COUNTER] -= come.sum((1, 3))
        switched[:, :, DIGITAL] += elsewhere[:, :, DIGITAL]
        book[:, LOST, day, :, COUNTER:] = -paid(lost[:, None], counter_ticket)

        # Digital customers of other days pay on the event day.
        pool = online + book[0, CAMPAIGN, :, :, DIGITAL].astype(base.dtype)
        moved = np.minimum(chance.binomial(pool, rate.moved[:, None, None]), online)
        gone = paid(moved, digital_ticket)
        book[:, FROM_OTHER_DAYS, :, :, DIGITAL] = -gone
        book[:, FROM_OTHER_DAYS, day, :, DIGITAL] = gone.sum(1)

        usual = (1 + rate.campaign[day]) * mean[day, :, DIGITAL]
        book[:, NEW, day, :, DIGITAL] = paid(chance.poisson(model.new * usual), digital_ticket)

        stay = chance.binomial(at_counters, rate.lasting[:, None])
        switch(LASTING, ALL_DAYS, chance.multinomial(stay, mix))

    gone = np.minimum(book, 0).sum(1)
    kept = base + gone[0].astype(base.dtype)
    if total is not None:
        come = np.maximum(book[0], 0).sum()
        kept = chance.top_up(kept, total - int(kept.sum() + come))
    # Those who left a cell would have paid there what they paid elsewhere.
    book[:, BASELINE] = paid(kept, rate.ticket) - gone
    return Account(model, book[0].astype(base.dtype), book[1], switched)


class _Mean:
    """Chance replaced by its expectation."""

    poisson = staticmethod(lambda mean: mean)
    binomial = staticmethod(lambda n, p: n * p)
    multinomial = staticmethod(lambda n, p: n[..., None] * p)
    shocks = noise = staticmethod(lambda *_: 1.0)


class _Draw(np.random.Generator):
    """Chance from one seed."""

    def shocks(self, model: Model, shape: tuple[int, ...]) -> np.ndarray:
        """Factors of mean 1 on the cells of a year."""
        log = self._ar(shape[0], 1, model.shock, model.shock_memory)
        log = log + self._ar(*shape[:2], model.entity_shock, model.entity_memory)
        log = log[:, :, None] + model.cell_shock * self.standard_normal(shape)
        variance = model.shock**2 + model.entity_shock**2 + model.cell_shock**2
        return np.exp(log - variance / 2)

    def _ar(self, length: int, width: int, spread: float, memory: float) -> np.ndarray:
        """Stationary AR(1), (length, width), with standard deviation `spread`."""
        steps = self.standard_normal((length, width))
        steps[1:] *= np.sqrt(1 - memory**2)
        for t in range(1, length):
            steps[t] += memory * steps[t - 1]
        return spread * steps

    def noise(self, count: np.ndarray, variation: np.ndarray) -> np.ndarray:
        """Factors of mean 1 on the sum of `count` log-normal payments of this squared coefficient of variation."""
        variance = np.log1p(variation / np.maximum(count, 1))
        noise = np.clip(self.standard_normal(count.shape), -4, 4)
        return np.exp(np.sqrt(variance) * noise - variance / 2)

    def top_up(self, kept: np.ndarray, short: int) -> np.ndarray:
        """`short` payments more, in cells by their size; or as many fewer."""
        flat = kept.ravel()
        if short >= 0:
            return kept + self.multinomial(short, flat / flat.sum()).reshape(kept.shape)
        return kept - self.multivariate_hypergeometric(flat, -short, method="marginals").reshape(kept.shape)
