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
import pandas as pd
from numpy.random import Generator

from analysis.simulate.accounts import Account
from analysis.simulate.world import COMPONENTS, COUNTER

EITHER, ACTIVE, UNSEEN = (0.45, 0.50), (0.65, 0.85), (0.85, 1.0)
DIGITAL_PAYERS, COUNTER_PAYERS = (0.0, 0.50), (0.85, -0.40)  # from the most active, and how far
NEVER = np.iinfo(np.int32).max
HORIZONS = (30, 60, 90)


class Payers:
    """The payers of an account.

    Parameters
    ----------
    account : Account
        In whole payments.
    seed : int
        The same as the rows'.
    """

    def __init__(self, account: Account, seed: int) -> None:
        model = self.model = account.model
        rng = np.random.default_rng([seed, 2])
        total = account.count.sum(0)
        self.event = int(model.dates.get_loc(pd.Timestamp(model.event)))
        switched = account.switched.sum((1, 2)).astype(np.int64)
        self.unsent = total[:, :, :COUNTER].sum((1, 2)).astype(np.int64) - switched

        by_itself = rng.binomial(self.unsent, model.newcomers)
        known = rng.binomial(by_itself, model.newcomers_from_counters)
        on_day = np.zeros_like(switched)
        on_day[self.event] = -account.count[COMPONENTS.index("from_counters"), self.event, :, COUNTER].sum()
        until = np.arange(len(switched)) <= self.event
        campaign = rng.binomial(np.where(until, switched - on_day, 0), model.newcomers_sent)
        day = rng.binomial(on_day, model.newcomers_sent)
        fresh = _within(by_itself - known, self._size(UNSEEN))[0]
        known, campaign, day = _within(np.stack([known, campaign, day]), self._size(ACTIVE))
        self.first = {"fresh": fresh, "known": known, "campaign": campaign, "day": day}

        stay = np.full(len(switched), model.stay)
        if model.stay_spread:
            size = model.stay * (1 - model.stay) / model.stay_spread**2 - 1
            stay = rng.beta(model.stay * size, (1 - model.stay) * size, len(switched))
        staying = {name: rng.binomial(n, stay) for name, n in self.first.items() if name != "day"}
        staying["day"] = rng.binomial(day, model.stay_sent)
        self._people(rng, staying)

        self.settled = np.concatenate([[0], np.cumsum(sum(staying.values()))])[:-1]  # before each day
        usual = max(self.unsent.mean(), 1.0)
        self.share = np.minimum(model.return_rate * self.settled / usual, 0.5)

    def _size(self, part: tuple[float, float]) -> int:
        return int(part[1] * self.model.payers) - int(part[0] * self.model.payers)

    def _people(self, rng: Generator, staying: dict[str, np.ndarray]) -> None:
        """Names each day's first-timers, and who of them stays."""
        people_in, used = self.model.payers, {ACTIVE: 0, UNSEEN: 0}
        line = {part: int(part[0] * people_in) + rng.permutation(self._size(part)) for part in used}
        self.left = np.full(people_in + 1, NEVER, np.int32)  # the day from which one is digital for good
        self.by_themselves, self.sent, regulars = [], [], [np.empty(0, np.int64)]
        for position in range(len(self.unsent)):
            people = {}
            for name, count in self.first.items():
                part = UNSEEN if name == "fresh" else ACTIVE
                people[name] = line[part][used[part] : used[part] + count[position]]
                used[part] += count[position]
                regulars.append(people[name][: staying[name][position]])
                self.left[regulars[-1]] = position
            self.by_themselves.append(np.concatenate([people["fresh"], people["known"]]))
            self.sent.append(np.concatenate([people["campaign"], people["day"]]))
        self.regulars = np.concatenate(regulars)

    def draw(self, rng: Generator, position: int, channel: np.ndarray, customer: np.ndarray) -> np.ndarray:
        """A payer for each row of a day, array of uint32.

        Parameters
        ----------
        channel : ndarray of int
            Position in `CHANNELS`.
        customer : ndarray of bool
            Whether a counter customer pays.
        """
        share, scale = self.share[position], self.model.payers - 1
        luck = rng.random(customer.size)
        # The square makes a few pay very often. The last `share` of luck belongs to those who stayed.
        first = np.array([DIGITAL_PAYERS[0], COUNTER_PAYERS[0]]) * scale
        width = np.array([DIGITAL_PAYERS[1] / (1 - share) ** 2, COUNTER_PAYERS[1]]) * scale
        kind = customer.astype(np.int8)
        who = (first[kind] + luck**2 * width[kind]).astype(np.uint32)
        online = np.flatnonzero(~customer)
        if share:
            again = online[luck[online] >= 1 - share]
            place = (luck[again] - (1 - share)) / share * self.settled[position]
            who[again] = self.regulars[np.minimum(place.astype(np.int64), self.settled[position] - 1)]

        customers = np.flatnonzero(customer)
        sent = customers[channel[customers] != COUNTER]
        astray = customers[self.left[who[customers]] <= position]
        low, size = int(EITHER[0] * self.model.payers), max(self._size(EITHER), 1)
        for rows in (astray, sent):
            who[rows] = low + who[rows] % size
        for rows, people in ((online, self.by_themselves[position]), (sent, self.sent[position])):
            who[rng.choice(rows, len(people), replace=False)] = people
        return who

    def truth(self) -> dict:
        """First-time digital payers of the event day, and the share of them expected to pay digitally again.

        `count`: all; those that the day and the campaign each sent, counter customers all; those who came by
        themselves, and of these the counter customers. `again`: for each horizon in days, the expected share of those
        sent by the day, of the others (as on an ordinary day), and of all together; days after the ledger's end count
        as usual ones.
        """
        count = {name: int(n[self.event]) for name, n in self.first.items()}
        total, model = sum(count.values()), self.model
        again = {}
        for horizon in HORIZONS:
            ahead = slice(self.event + 1, self.event + 1 + horizon)
            drawn = self.unsent[ahead] - [len(people) for people in self.by_themselves[ahead]]
            settled = np.maximum(self.settled[ahead], 1)
            never = float(drawn @ np.log1p(-self.share[ahead] / settled))
            never -= model.return_rate * (horizon - len(drawn))
            returns = 1 - np.exp(never)
            day, others = model.stay_sent * returns, model.stay * returns
            mixed = (count["day"] * day + (total - count["day"]) * others) / total if total else None
            again[f"{horizon}"] = {"day": day, "others": others, "all": mixed}
        return {
            "count": {
                "all": total,
                "day": count["day"],
                "campaign": count["campaign"],
                "by_themselves": count["fresh"] + count["known"],
                "from_counters": total - count["fresh"],
            },
            "again": again,
        }


def _within(counts: np.ndarray, people: int) -> np.ndarray:
    """Counts a kind and day, (kinds, days), lowered in proportion where they need more people than there are."""
    counts = np.atleast_2d(counts)
    total = counts.sum()
    return counts if total <= people else counts * people // total
