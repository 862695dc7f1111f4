"""The command line: `python -m analysis COMMAND`.

Modules are imported inside the commands, so that `--help` answers at once.
Exit code 0: done; 1: faults found or work failed; 2: wrong use, said in one line.
"""

from __future__ import annotations

import sys
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click import Choice, IntRange, argument, option

from analysis import console

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from analysis.windows import Windows


@click.group(
    cls=console.OneLine, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
def cli() -> None:
    """Did a one-day initiative work? Estimates with honest intervals, and the reports."""


def _options(*options: Callable) -> Callable:
    """Several options as one decorator."""
    return lambda command: reduce(lambda made, one: one(made), reversed(options), command)


def _several(flag: str, name: str, **more: Any) -> Callable:
    """An option that is given once for each of several."""
    return option(flag, name, multiple=True, **{"metavar": "NAME"} | more)


COLUMNS = "A ledger column and its name in DATA, such as paid_at=date; once for each that differs."
METRIC = "count (by default), value, payers, ticket, digital_share; or a column of daily figures."
QUERY = "Of a database the table or SELECT; of a workbook the sheet."
BASELINE = "What the day added to the week before, or the initiative to the world without it."

json_option = option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")
level_option = option("--level", type=float, default=0.95, show_default=True, help="Of the intervals.")
reading_options = _options(
    _several("--columns", "columns", metavar="NAME=FOREIGN", callback=console.mapping, help=COLUMNS),
    _several("--offline-channel", "offline_channels", help="A service centre; other channels are digital."),
    option("--date-column", metavar="NAME", help="Of daily figures, where it cannot be guessed."),
    option("--value-column", metavar="NAME", help="Of daily figures with several measures."),
    option("--timezone", metavar="TZ", help="Whose days they are, where times carry an offset."),
    option("--decimal", type=Choice([".", ","]), help="The decimal mark, where it is open."),
    option("--date-format", metavar="FORM", help="day-first, month-first, or such as %d/%m/%y."),
    option("--encoding", metavar="NAME", help="Of text that is not UTF-8, such as cp1256."),
)
data_options = _options(
    argument("data"),
    reading_options,
    option("--query", metavar="SQL", help=QUERY),
    json_option,
)
event_options = _options(
    option("--event-end", metavar="DATE", help="Its last day, where it has several."),
    option("--campaign-start", metavar="DATE", help="The day it was announced."),
    option("--country", metavar="CC", help="Whose weekends and holidays; by default plain weeks."),
)
series_options = _options(
    _several("--event", "events", required=True, metavar="DATE", help="Its day; once for each edition."),
    event_options,
    option("--metric", metavar="NAME", help=METRIC),
    option("--wait-days", type=IntRange(min=0), help="Last days before it that people may wait."),
    level_option,
    data_options,
)


@cli.command()
@argument("study", type=click.Path(path_type=Path))
@option("--out", type=click.Path(path_type=Path), default=Path("reports"), show_default=True, help="Folder.")
@_several(
    "--language",
    "languages",
    type=Choice(["en", "ar"]),
    metavar=None,
    default=("en", "ar"),
    show_default=True,
    help="Once for each.",
)
@option("--jobs", type=IntRange(min=1), help="Notebooks at a time; by default one a core.")
@option("--only", metavar="NN", help="One notebook alone, by its number.")
@option("--fresh", is_flag=True, help="Run again what has not changed.")
@option(
    "--cell-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=600,
    show_default=True,
    help="A cell that takes longer is ended.",
)
@option("--cluster", metavar="ADDRESS", help="Dask scheduler that runs the notebooks, as tcp://host:8786.")
@option("--pdf", is_flag=True, help="The brief as PDF too, where a Chromium is installed.")
@option(
    "--earlier",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The last edition's results.json or folder: say on the first page what changed since.",
)
def report(study: Path, languages: tuple[str, ...], **options: Any) -> None:
    """Render the reports of STUDY, a parameters file such as those in notebooks/."""
    from analysis.report import build

    built = build(study, languages=languages, **options)
    pages, ran = len(built.pages), built.executed
    run = f"{ran} notebook{'s' * (ran != 1)} run, {built.unchanged} unchanged"
    console.echo(f"{pages} report{'s' * (pages != 1)}, {run}: {built.index}")
    if built.printed:
        found = ", ".join(map(str, filter(None, built.printed)))
        console.echo(
            found or "no PDF: no Chromium was found; install one, or print brief.en.html from a browser"
        )


@cli.command()
@argument("before", type=click.Path(path_type=Path))
@argument("after", type=click.Path(path_type=Path))
@option("--out", type=click.Path(path_type=Path), metavar="PAGE", help="Write it as an HTML page, too.")
@json_option
def compare(before: Path, after: Path, out: Path | None, as_json: bool) -> None:
    """Every number that moved between two reports, results.json or folders, and why; exit code 1 if any did."""
    from analysis.report import comparing
    from analysis.storage import write

    compared = comparing.compare(comparing.load(before), comparing.load(after))
    if out:
        write(out, compared.page())
    if as_json:
        console.echo_json(compared.to_dict())
    else:
        console.echo(compared)
    sys.exit(0 if compared.same else 1)


@cli.command()
@argument("study", type=click.Path(path_type=Path, dir_okay=False))
@option("--data", required=True, metavar="FILE", help="A ledger of payments or daily figures, or a folder.")
@_several("--event", "events", metavar="DATE", help="Its day; once for each edition.")
@event_options
@option("--title", metavar="TEXT", help="By default STUDY's name.")
@option("--currency", metavar="CUR", help="Of the amounts, such as GBP.")
@option("--refunds", is_flag=True, help="Negative amounts are refunds.")
@option("--yes", is_flag=True, help="Take what is proposed and ask nothing.")
@option("--force", is_flag=True, help="Replace STUDY where it exists.")
@reading_options
def new(study: Path, title: str | None, yes: bool, force: bool, **given: Any) -> None:
    """Write STUDY, a parameters file for `report`, from what a file holds."""
    from analysis import proposal

    if study.suffix not in (".yaml", ".yml"):
        study = study.with_name(f"{study.name}.yaml")
    if study.exists() and not force:
        raise click.UsageError(f"{study} exists: give another name, or --force to replace it")
    ask = console.on_terminal() and not yes
    own = ("events", "event_end", "campaign_start", "country", "currency", "offline_channels")
    answers = {name: given.pop(name) for name in own}
    seen = console.answered(proposal.look, given, ask)
    console.echo("\n".join(seen.facts))
    if ask and not answers["country"]:
        question = "Country of its weekends and holidays, such as GB; empty for plain weeks"
        answers["country"] = click.prompt(question, "", show_default=False).strip() or None
    answers |= {"seen": seen, "title": title, "path": study, "data": given["data"], "yes": yes}
    values = console.answered(proposal.proposed, answers, ask)
    if "country" not in values:
        console.echo("no country: weeks are plain and without holidays; name it with --country")
    text = proposal.written(seen, values)
    if ask:
        console.echo("\n" + text)
        click.confirm(f"Write {study}?", default=True, abort=True)
    proposal.save(study, text)
    console.echo(f"Written: {study}. Look it over, then: python -m analysis report {study}")


@cli.command()
@series_options
@option("--estimator", metavar="NAME", help="By default the recommended one.")
@option(
    "--baseline", type=Choice(["pre-week", "history"]), default="pre-week", show_default=True, help=BASELINE
)
@option("--at-least", type=float, metavar="X", help="How probable an effect of at least X is; 0.1 is 10 %.")
@_several("--covariate", "covariates", help="A column the event cannot move.")
@_several("--donor", "donors", help="A column of a unit it did not touch.")
@option("--label", metavar="TEXT", help="What the sentence calls the metric, such as 'bicycle hires'.")
@option("--currency", metavar="CODE", help="Of money, such as GBP; the sentence then names it.")
def estimate(
    estimator: str | None, baseline: str, level: float, at_least: float | None, as_json: bool, **series: Any
) -> None:
    """What an event added to one metric of DATA, a ledger of payments or daily figures."""
    from analysis import effect

    beside = {name: series.pop(name) for name in ("covariates", "donors")}
    said = {name: series.pop(name) for name in ("label", "currency")}
    daily, windows = _series(observed=True, **series)
    options = {
        name: _columns(f"--{name[:-1]}", columns, daily.name, **series)
        for name, columns in beside.items()
        if columns
    }
    if "donors" in options:
        estimator = estimator or "synthetic_control"
    which = windows[0] if len(windows) == 1 else windows
    result = effect.estimate(daily, which, estimator=estimator, baseline=baseline, **options)
    if as_json:
        more = {} if at_least is None else {"at_least": at_least, "probability": result.probability(at_least)}
        console.echo_json(result.to_dict(level) | more)
    elif len(windows) > 1:
        console.echo(console.pooled(result, level))
    else:
        campaign = len(windows[0].campaign_days) > 0
        _speak_of(
            daily.name,
            **said,
            data=series["data"],
            offline=bool(series["offline_channels"]),
            campaign=campaign,
        )
        console.echo(console.effect(result, level))
        if at_least is not None:
            console.echo(f"probability of at least {at_least:+.0%}: {result.probability(at_least):.3g}")


def _columns(flag: str, names: tuple[str, ...], own: str, data: str, **series: Any) -> pd.DataFrame:
    """Further columns of daily figures; what has to be known of them was said with the first."""
    import warnings

    from analysis import ledger

    reading = ("date_column", "timezone", "decimal", "date_format", "encoding")
    how = ledger.Reading(**{name: series[name] for name in reading})
    with warnings.catch_warnings(action="ignore", category=ledger.Note):
        if not ledger.is_daily(data, how=how):
            raise click.UsageError(f"{flag} names a column of daily figures, and {data} is a ledger")
        table = ledger.read_daily(data, how=how)
    for name in names:
        if name not in table or name == own:
            raise click.UsageError(f"{flag} {name}: {data} has {', '.join(map(str, table))}")
    return table[list(names)]


def _series(
    data: str,
    events: tuple[str, ...],
    event_end: str | None,
    campaign_start: str | None,
    wait_days: int | None,
    metric: str | None,
    country: str | None,
    observed: bool,
    **reading: Any,
) -> tuple[pd.Series, list[Windows]]:
    import warnings

    from analysis import ledger
    from analysis.windows import Windows

    if len(events) > 1 and (event_end or campaign_start):
        problem = "several --event are editions of one day each, without --event-end or --campaign-start"
        raise click.UsageError(problem)
    more = {"wait_days": wait_days, "country": country}
    windows = [Windows(event, event_end, campaign_start, **more) for event in sorted(events)]
    days = [day for one in windows for day in one.event_days] if observed else ()
    with warnings.catch_warnings():
        warnings.simplefilter("always", ledger.Note)
        warnings.showwarning = lambda message, *_: console.echo(f"Mind: {message}", err=True)
        daily = ledger.daily_metric(data, metric, event=days, **reading)
    return daily, windows


def _speak_of(metric: str, label: str | None, currency: str | None, data: str, **more: bool) -> None:
    """Tell the sentences what the numbers are of, as far as the user says it."""
    from analysis import ledger, words

    own = {"count": "count", "payers": "count", "value": "sum", "ticket": "sum", "digital_share": "share"}
    kind = own.get(metric, "sum" if currency else "count")
    kind = "money" if currency and kind == "sum" else kind
    named = {metric: {"label": {"en": label or metric}, "kind": kind}}
    has_words = not label and (metric in own or not currency)
    words.speak_of(
        currency=currency, measures={} if has_words else named, synthetic=ledger.is_synthetic(data), **more
    )


@cli.command()
@data_options
def check(data: str, as_json: bool, **reading: Any) -> None:
    """Every fault of a ledger or of daily figures at once, with row numbers; exit code 1 if there is any."""
    import warnings
    from dataclasses import asdict

    from analysis import ledger

    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always", ledger.Note)
        faults = ledger.check(data, **reading)
    for told in notes:
        console.echo(f"note: {told.message}", err=True)
    if as_json:
        console.echo_json([asdict(fault) for fault in faults])
    else:
        console.echo("\n".join(map(str, faults)) or f"{data}: no faults")
    sys.exit(1 if faults else 0)


@cli.command()
@option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Parquet file to write."
)
@option("--days", type=IntRange(min=28), help="By default the whole of 2017.")
@option("--entities", type=IntRange(min=1), help="By default 36.")
@option("--rows", type=IntRange(min=1), help="Payments in all, about; by default as published.")
@option("--effect", type=float, help="What the day adds, as a fraction; by default as calibrated.")
@option("--seed", type=int, help="The same seed, the same ledger.")
def simulate(out: Path, **options: float | None) -> None:
    """Write a synthetic ledger with a known true effect, and the truth beside it."""
    from analysis.simulate import simulate as make

    console.echo(make(out, **{name: value for name, value in options.items() if value is not None}))


@cli.command()
@series_options
@option("--power", type=float, default=0.8, show_default=True, help="Probability of showing the effect.")
def power(power: float, level: float, as_json: bool, **series: Any) -> None:
    """The effect that the next edition could show, by its length, weekday and history in DATA."""
    from analysis.power import detectable

    daily, (windows, *more) = _series(observed=False, **series)
    if more:
        raise click.UsageError("power takes one --event, the edition that was held")
    frame = detectable(daily, windows, power=power, level=level)
    designs = frame.astype(object).where(frame.notna(), None).to_dict("records")
    if as_json:
        console.echo_json({"metric": daily.name, "power": power, "level": level, "designs": designs})
    else:
        console.echo(console.power(designs, power))


@cli.command()
@argument("figures", type=click.Path(path_type=Path), required=False)
@json_option
def bounds(figures: Path | None, as_json: bool) -> None:
    """What published FIGURES alone can say; by default those of data/raw/published_figures.csv."""
    from analysis import published

    found = published.report(figures)
    if as_json:
        console.echo_json(found)
    else:
        console.echo(console.bounds(found))


if __name__ == "__main__":
    cli(prog_name="python -m analysis")
