"""The simulated world: how many payments each day, entity and channel would see, and why.

Every mean is a sum of components, and every drawn count is the same sum in whole payments:

- `baseline`: the world without the initiative.
- `campaign`: digital payments that it wins up to the event, and the counter customers that leave for it.
- `from_counters`: counter customers who pay digitally on the event day. Sums to zero over channels.
- `from_other_days`: digital customers who pay on the event day, missing on their own. Zero over days.
- `to_other_days`: turned-away counter customers who pay on another day, at a counter or digitally. Zero over
  days and channels.
- `new`: digital payments of the event day that nobody would have made.
- `lost`: counter payments of the event day that are never made.
- `lasting`: counter customers who stay digital afterwards. Zero over channels.

On the event day: digital gain = from_counters + from_other_days + new, and counters take nothing. The
effect is that gain with ``"pre-week"``, and that gain plus `campaign` with ``"history"``.
"""

from __future__ import annotations

import tomllib
from dataclasses import make_dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis import days

CHANNELS = ("app", "website", "kiosk", "counter")
COMPONENTS = "baseline campaign from_counters from_other_days to_other_days new lost lasting".split()
DIGITAL, COUNTER = slice(0, 3), 3
_AFTER, _YEAR = 66, 365  # 26 October 2017 has 66 days after it in its year

RECIPE = tomllib.loads(Path(__file__).with_name("dubai.toml").read_text(encoding="utf-8"))
SECTORS = pd.DataFrame(RECIPE["sectors"]["rows"], columns=RECIPE["sectors"]["columns"])
RANK_RESPONSE = (1.0, 0.8, 1.15)  # first, second and third entity of a sector, and again


class World:
    """What follows from the parameters."""

    def __post_init__(self) -> None:
        for name, least in (("days", 8), ("entities", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}: give at least {least}")

    @property
    def dates(self) -> pd.DatetimeIndex:
        """The days; the event keeps its place in the year, and a longer history reaches further back."""
        after = min(_AFTER, round(self.days * _AFTER / _YEAR))
        return pd.date_range(end=pd.Timestamp(self.event) + pd.Timedelta(days=after), periods=self.days)

    @property
    def position(self) -> int:
        """The event's place among the days."""
        return int(self.dates.get_loc(pd.Timestamp(self.event)))

    @property
    def names(self) -> list[str]:
        """The entities."""
        known = SECTORS["name"]
        return [f"{known[k % len(known)]} {k // len(known) + 1} (synthetic)" for k in range(self.entities)]

    def without(self) -> Model:
        """The same world without the initiative: no campaign, and counters stay open."""
        return replace(self, campaign=0, to_digital=0, pulled=0, waited=0, new=0, lasting=0, announced=None)


# The parameters of dubai.toml as a frozen dataclass, with Dubai's values where none is given.
_PARAMETERS = {name: tuple(v) if isinstance(v, list) else v for name, v in RECIPE["parameters"].items()}
_FIELDS = [(name, type(value), value) for name, value in _PARAMETERS.items()]
Model = make_dataclass("Model", _FIELDS, bases=(World,), frozen=True)
Model.__module__ = __name__  # where pickle finds it
DUBAI = Model()


def entities(model: Model) -> dict[str, np.ndarray]:
    """The columns of `SECTORS`, an array each of length `Model.entities`; later ones of a sector are smaller."""
    rank, sector = np.divmod(np.arange(model.entities), len(SECTORS))
    who = {name: SECTORS[name].to_numpy()[sector] for name in SECTORS}
    share = who["share"] * (1 + rank) ** -1.5
    business = who["business"].astype(int)
    return who | {
        "business": business,
        "share": share / share.sum(),
        "ticket": who["ticket"] * (1 + rank) ** -0.25 * np.take(model.ticket, business),
        "response": who["response"] * np.take(RANK_RESPONSE, rank % 3),
    }


class Rates(NamedTuple):
    """What the draws and the expectation share. D days, E entities, C channels; the last six are the initiative's."""

    mean: np.ndarray  # (D, E, C) payments of an untouched day
    ticket: np.ndarray  # (E, C) dirhams
    campaign: np.ndarray  # (D,) relative gain of digital channels
    left: np.ndarray  # (D, E) share of counter customers who leave for the campaign
    fate: np.ndarray  # (E, 3) of the turned away: pay digitally, on another day, never
    elsewhere: np.ndarray  # (D, C) where those of "another day" pay; sums to 1
    moved: np.ndarray  # (D,) share of digital payments that move to the event day
    lasting: np.ndarray  # (D,) share of counter customers who are digital


def rates(model: Model) -> Rates:
    """The model's parameters laid out over days, entities and channels."""
    dates, who = model.dates, entities(model)
    mean = _untouched(model, dates, who)
    ticket = np.repeat(who["ticket"][:, None], len(CHANNELS), axis=1)
    ticket[:, COUNTER] *= model.counter_ticket

    lag = np.arange(len(dates)) - model.position
    since = (dates - pd.Timestamp(model.announced or model.event)).days.to_numpy() + 1
    running = (since > 0) & (lag <= 0)
    campaign = np.where(running, model.campaign * (1 - 0.5 ** (since / model.campaign_rise)), 0.0)
    won = campaign[:, None] * mean[:, :, DIGITAL].sum(2) * model.campaign_from_counters
    counter = mean[:, :, COUNTER]
    left = np.divide(won, counter, out=np.zeros_like(won), where=counter > 0).clip(max=0.5)

    digital = np.minimum(model.to_digital * who["response"], 0.95 - model.lost)
    fate = np.stack([digital, 1 - digital - model.lost, np.full_like(digital, model.lost)], axis=1)

    # Days and channels on which the turned away pay instead; counters take them when they are open.
    is_open = counter.sum(1) > 0
    before = _kernel(np.where(is_open, -lag, 0), 7, 2.0)
    after = _kernel(np.where(is_open, lag, 0), 14, 3.0)
    other = model.earlier * before + (1 - model.earlier) * after
    to = np.append(np.array(model.assisted_mix) * model.other_day_digital, 1 - model.other_day_digital)
    elsewhere = (other / other.sum())[:, None] * to

    moved = model.pulled * _kernel(lag, 14, 3.0) + model.waited * _kernel(-lag, 7, 2.0)
    lasting = np.where(lag > 0, model.lasting * 0.5 ** ((lag - 1) / model.half_life), 0.0)
    return Rates(mean, ticket, campaign, left, fate, elsewhere, moved, lasting)


def _untouched(model: Model, dates: pd.DatetimeIndex, who: dict[str, np.ndarray]) -> np.ndarray:
    """(D, E, C) means of days that no initiative touches."""
    day = days.features(dates, "AE")
    since_sunday = (day["weekday"].to_numpy() + 1) % 7  # Sunday 0, Thursday 4, Friday 5, Saturday 6
    holiday, ramadan = (day["holiday"] != "").to_numpy(), day["ramadan"].to_numpy()
    near_end = 0.5 ** (day["month_days_left"].to_numpy() / 1.5)
    years = (dates - pd.Timestamp("2017-07-02")).days.to_numpy() / 365.25
    swing = np.cos(2 * np.pi * (dates.day_of_year.to_numpy() - 75) / 365.25)
    trend = np.exp(model.growth * years) * (1 + model.season * swing)

    week = 1 + np.outer(np.arange(7) - 2, model.climb) / 4  # columns: persons' entities, firms'
    week[4] *= 1 + np.array(model.thursday)
    week[5:] = model.friday, model.saturday
    shape = week[since_sunday] * np.exp(np.outer(near_end, model.month_end))
    shape *= np.where(holiday[:, None], model.holiday, 1) * np.where(ramadan[:, None], model.ramadan, 1)

    mean = np.empty((len(dates), model.entities, len(CHANNELS)))
    entity = model.level * trend[:, None] * shape[:, who["business"]] * who["share"]
    mean[:, :, DIGITAL] = entity[:, :, None] * np.array(model.mix)
    is_open, calm = ~holiday & (since_sunday < 5), np.where(ramadan, model.counter_ramadan, 1)
    open_day = is_open * np.exp(np.mean(model.month_end) * near_end) * calm
    mean[:, :, COUNTER] = open_day[:, None] * model.level * model.counters * who["share"] * who["counter"]
    return mean


def _kernel(lag: np.ndarray, last: int, half: float) -> np.ndarray:
    """Weights that sum to 1 over the lags from 1 to `last` and halve every `half` days; or all zero."""
    weight = np.where((lag >= 1) & (lag <= last), 0.5 ** (np.abs(lag) / half), 0.0)
    return weight / weight.sum() if weight.any() else weight
