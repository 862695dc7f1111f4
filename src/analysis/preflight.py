"""What a study asks of its data that they do not have, said before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.study import Study


def refuse_unfit(study: Study) -> None:
    """Raise ValueError, one line, for the first thing of a study that its calendar or its data do not bear out.

    Reads the daily panels that the reports need anyway, which are kept between runs.
    """
    from analysis import days

    days.features(study.windows.event_days, study.country)  # an unknown country
    if study.ledger is None:
        return
    name = study.source.name
    for fault in _of_figures(study) if study.is_daily else _of_ledger(study):
        raise ValueError(f"{name}: {fault}")
    for metric in study.measured:
        series = study.daily(metric).dropna()
        first, last = series.index[0], series.index[-1]
        start = max(first, study.windows.history_start or first)
        span = f"{name} runs from {first:%Y-%m-%d} to {last:%Y-%m-%d}"
        for one in study.every_edition:
            for day in one.event_days:
                if not first <= day <= last:
                    raise ValueError(f"the event's day {day:%Y-%m-%d} is outside the data; {span}")
                if day not in series.index:
                    raise ValueError(f"{name}: no {metric} on {day:%Y-%m-%d}, the day of the event")
            before = (one.event_start - start).days
            if before < study.baseline_days:
                lack = f"baseline_days is {study.baseline_days}, and {before} days of data come before"
                raise ValueError(f"{lack} {one.event_start:%Y-%m-%d}; {span}")


def _of_figures(study: Study) -> Iterator[str]:
    """Names that are no columns of daily figures."""
    table = study._table
    known = [*map(str, table), *([table.attrs["measure"]] if "groups" in table.attrs else [])]
    for key, what in (("participants", "entities"), ("offline_channels", "labels")):
        if getattr(study, key):
            yield f"{key} are {what} of a ledger, and these are daily figures; leave them out"
    for key in ("donors", "covariates", "measures"):
        yield from _unknown(key, getattr(study, key), known, "a column")
    for metric in study.metrics:
        try:
            study.daily(metric)
        except ValueError:
            yield from _unknown("metrics", [metric], known, "a measure")
            raise


def _of_ledger(study: Study) -> Iterator[str]:
    """Metrics, channels and entities that a ledger lacks."""
    from analysis.ledger.faults import listed
    from analysis.ledger.panel import METRICS

    names = study._names
    yield from _unknown("metrics", study.metrics, METRICS, "a metric of a ledger")
    for metric, column in (("value", "amount"), ("ticket", "amount"), ("payers", "payer_id")):
        if metric in study.metrics and column not in names:
            yield f"metric {metric} needs {column}, which the ledger lacks; map it in columns, or leave the metric out"
    for key, column in (("offline_channels", "channel"), ("participants", "entity"), ("donors", "entity")):
        if getattr(study, key) and column not in names:
            yield f"{key} needs the ledger's {column}; map it in columns, or leave {key} out"
        if getattr(study, key):
            article = "an" if column == "entity" else "a"
            yield from _unknown(key, getattr(study, key), study.labels(column), f"{article} {column}")
    if both := sorted(set(study.participants).intersection(study.donors)):
        yield f"{both[0]!r} is both a participant and a donor; a donor is what the initiative did not touch"
    if "channel" in names and "offline_channels" not in study.model_fields_set:
        channels = listed(sorted(study.labels("channel")))
        advice = "name them as offline_channels, or write offline_channels: [] if none is"
        yield f"which of the channels {channels} are service centres? {advice}"
    if "digital_share" in study.metrics and not study.offline_channels:
        yield "metric digital_share needs offline_channels; name the channels that are service centres"


def _unknown(key: str, given: Iterable[str], known: Iterable[str], what: str) -> Iterator[str]:
    from analysis.ledger.faults import listed, nearest

    known = sorted(known)
    for name in given:
        if name not in known:
            near = nearest(name, known)
            advice = f"did you mean {near}?" if near else f"there are {listed(known)}"
            yield f"{key}: {name!r} is not {what}; {advice}"
