"""Who pays: every row of the simulated ledger gets a payer with a habit.

Payers stand in one line, by habit; within a habit the first are the most active:

    0 digital only ........ | either way | counters, active ones last .... | not seen yet ..... 1
                          0.45         0.50                  0.65        0.85

Each day some pay digitally for the first time: people never seen before and counter customers who try it of their own
accord, and counter customers whom the initiative sends. Of each, a share stays and pays digitally from then on, at
`Model.return_rate` payments a day; the rest is not seen online again. A day can be drawn without the days before it.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from analysis.simulate.accounts import FROM_COUNTERS, Account
from analysis.simulate.world import COUNTER

EITHER, ACTIVE, UNSEEN = (0.45, 0.50), (0.65, 0.85), (0.85, 1.0)
DIGITAL_PAYERS, COUNTER_PAYERS = (0.0, 0.50), (0.85, -0.40)  # from the most active, and how far
NEVER = np.iinfo(np.int32).max
HORIZONS = (30, 60, 90)


class Payers:
    """The payers of an account in whole payments; `seed` is the same as the rows'."""

    def __init__(self, account: Account, seed: int) -> None:
        model = self.model = account.model
        rng = np.random.default_rng([seed, 2])
        event = model.position
        switched = account.switched.sum((1, 2))
        self.unsent = account.count[:, :, :, :COUNTER].sum((0, 2, 3)) - switched

        by_itself = rng.binomial(self.unsent, model.newcomers)
        known = rng.binomial(by_itself, model.newcomers_from_counters)
        on_day = np.zeros_like(switched)
        on_day[event] = -account.count[FROM_COUNTERS, event, :, COUNTER].sum()
        until = np.arange(len(switched)) <= event
        sent = rng.binomial([np.where(until, switched - on_day, 0), on_day], model.newcomers_sent)
        fresh = _within(by_itself - known, len(self._line(UNSEEN)))
        others = _within(np.stack([known, *sent]), len(self._line(ACTIVE)))
        self.first = np.stack(
            [fresh, *others]
        )  # fresh, known, sent by the campaign, by the day; a column a day

        stay = np.full(len(switched), model.stay)
        if model.stay_spread:
            size = model.stay * (1 - model.stay) / model.stay_spread**2 - 1
            stay = rng.beta(model.stay * size, (1 - model.stay) * size, len(switched))
        staying = rng.binomial(self.first, [stay, stay, stay, np.full_like(stay, model.stay_sent)])

        # Each day's first-timers take the next places of their part of the line, in random order.
        active, unseen = rng.permutation(self._line(ACTIVE)), rng.permutation(self._line(UNSEEN))
        fresh = np.split(unseen, np.cumsum(self.first[0]))
        others = np.split(active, np.cumsum(self.first[1:].T))
        people = [[fresh[day], *others[3 * day : 3 * day + 3]] for day in range(len(switched))]
        self.by_themselves = [np.concatenate(of_day[:2]) for of_day in people]
        self.sent = [np.concatenate(of_day[2:]) for of_day in people]
        regulars = zip((part for of_day in people for part in of_day), staying.T.ravel(), strict=True)
        self.regulars = np.concatenate([part[:number] for part, number in regulars])
        self.left = np.full(model.payers + 1, NEVER, np.int32)  # the day from which one is digital for good
        self.left[self.regulars] = np.repeat(np.arange(len(switched)), staying.sum(0))

        self.settled = np.concatenate([[0], np.cumsum(staying.sum(0))])[:-1]  # before each day
        self.share = np.minimum(model.return_rate * self.settled / max(self.unsent.mean(), 1.0), 0.5)

    def _line(self, part: tuple[float, float]) -> np.ndarray:
        """The payers of a part of the line."""
        return np.arange(*(int(end * self.model.payers) for end in part))

    def draw(self, rng: Generator, day: int, channel: np.ndarray, customer: np.ndarray) -> np.ndarray:
        """A payer (uint32) for each row of a day: its position in `CHANNELS`, and whether a counter customer pays."""
        share, scale = self.share[day], self.model.payers - 1
        luck = rng.random(customer.size)
        # The square makes a few pay very often. The last `share` of luck belongs to those who stayed.
        first = np.array([DIGITAL_PAYERS[0], COUNTER_PAYERS[0]]) * scale
        width = np.array([DIGITAL_PAYERS[1] / (1 - share) ** 2, COUNTER_PAYERS[1]]) * scale
        kind = customer.astype(np.int8)
        who = (first[kind] + luck**2 * width[kind]).astype(np.uint32)
        online = np.flatnonzero(~customer)
        if share:
            again = online[luck[online] >= 1 - share]
            place = (luck[again] - (1 - share)) / share * self.settled[day]
            who[again] = self.regulars[np.minimum(place.astype(np.int64), self.settled[day] - 1)]

        customers = np.flatnonzero(customer)
        sent = customers[channel[customers] != COUNTER]
        astray = customers[self.left[who[customers]] <= day]
        low, high = (int(end * self.model.payers) for end in EITHER)
        for rows in (astray, sent):
            who[rows] = low + who[rows] % max(high - low, 1)
        for rows, people in ((online, self.by_themselves[day]), (sent, self.sent[day])):
            who[rng.choice(rows, len(people), replace=False)] = people
        return who

    def truth(self) -> dict:
        """First-time digital payers of the event day, and the share of them expected to pay digitally again.

        `count`: all; those that the day and the campaign each sent, counter customers all; those who came by
        themselves, and of these the counter customers. `again`: for each horizon in days, the expected share of those
        sent by the day, of the others (as on an ordinary day), and of all together; days after the ledger's end count
        as usual ones.
        """
        model, event = self.model, self.model.position
        fresh, known, campaign, day = self.first[:, event].tolist()
        total, again = fresh + known + campaign + day, {}
        for horizon in HORIZONS:
            ahead = slice(event + 1, event + 1 + horizon)
            drawn = self.unsent[ahead] - self.first[:2, ahead].sum(0)
            settled = np.maximum(self.settled[ahead], 1)
            never = float(drawn @ np.log1p(-self.share[ahead] / settled))
            never -= model.return_rate * (horizon - len(drawn))
            returns = 1 - np.exp(never)
            sent, others = model.stay_sent * returns, model.stay * returns
            mixed = (day * sent + (total - day) * others) / total if total else None
            again[f"{horizon}"] = {"day": sent, "others": others, "all": mixed}
        count = {"all": total, "day": day, "campaign": campaign}
        count |= {"by_themselves": fresh + known, "from_counters": total - fresh}
        return {"count": count, "again": again}


def _within(counts: np.ndarray, people: int) -> np.ndarray:
    """Counts lowered in proportion where they need more people than there are."""
    total = counts.sum()
    return counts if total <= people else counts * people // total
