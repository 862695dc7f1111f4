"""The command line: `python -m analysis COMMAND`.

Modules are imported inside the commands, so that `--help` answers at once.
Exit code 0: done; 1: faults found or work failed; 2: wrong use, said in one line.
"""

from __future__ import annotations

import contextvars
import errno
import signal
import sys
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click import Choice, IntRange, argument, option

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from analysis.windows import Windows


LONGEST = 290  # characters of an error
# What is wrong with the machine and not with the command: disks, handles, memory, pipes.
MACHINE = {
    getattr(errno, name)
    for name in "ENOSPC EDQUOT EROFS EFBIG EIO EMFILE ENFILE ENOMEM EAGAIN EPIPE".split()
    if hasattr(errno, name)
}


class _OneLine(click.Group):
    """A group that says what was wrong in one line, without a traceback."""

    def main(self, *args: Any, **kwargs: Any) -> None:
        kwargs["standalone_mode"] = False
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number and signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, signal.default_int_handler)
        try:  # what words speak of is this command's alone
            code = contextvars.copy_context().run(super().main, *args, **kwargs)
        except click.exceptions.NoArgsIsHelpError as fault:
            fault.show()
            code = 2
        except (click.Abort, KeyboardInterrupt):
            code = _say("stopped", 1)
        except SystemExit:
            raise
        except BaseException as fault:  # Rust's panics are no Exception
            code = _say(*_told_fault(fault))
        sys.exit(code if isinstance(code, int) else 0)


def _told_fault(fault: BaseException) -> tuple[str, int]:
    """What a fault says, and the exit code: 2 where another command line would help."""
    if isinstance(fault, click.ClickException):
        return fault.format_message(), 2
    if isinstance(fault, OSError):
        where = f"{fault.filename}: " if fault.filename else ""
        return f"{where}{fault.strerror or fault}", 1 if fault.errno in MACHINE else 2
    if isinstance(fault, MemoryError):
        return f"too little memory: {fault}", 1
    if isinstance(fault, ValueError | RuntimeError) and not isinstance(fault, RecursionError):
        return str(fault), 2 if isinstance(fault, ValueError) else 1
    return f"unexpected {type(fault).__name__}: {fault}", 1


def _say(message: str, code: int) -> int:
    """One line of at most `LONGEST` characters, its middle left out where it is longer."""
    from analysis.words import seen

    line = f"error: {seen(' '.join(message.split()))}"
    cut = f"{line[: LONGEST - 100]} … {line[-90:]}" if len(line) > LONGEST else line
    click.echo(cut, err=True)
    return code


def _echo(text: Any, err: bool = False) -> None:
    """Print lines in which nothing from the data or the command acts on the terminal."""
    from analysis.words import seen

    click.echo("\n".join(map(seen, str(text).split("\n"))), err=err)


@click.group(cls=_OneLine, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """Did a one-day initiative work? Estimates with honest intervals, and the reports."""


def _mapping(_context: click.Context, _parameter: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    """NAME=FOREIGN, repeated."""
    mapping = {}
    for pair in pairs:
        name, equals, foreign = pair.partition("=")
        if not (name and equals and foreign):
            raise click.BadParameter(f"{pair!r}: write it as NAME=FOREIGN, such as paid_at=date")
        mapping[name] = foreign
    return mapping


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
    _several("--columns", "columns", metavar="NAME=FOREIGN", callback=_mapping, help=COLUMNS),
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
series_options = _options(
    _several("--event", "events", required=True, metavar="DATE", help="Its day; once for each edition."),
    option("--event-end", metavar="DATE", help="Its last day, where it has several."),
    option("--campaign-start", metavar="DATE", help="The day it was announced."),
    option("--metric", metavar="NAME", help=METRIC),
    option("--wait-days", type=IntRange(min=0), help="Last days before it that people may wait."),
    option("--country", metavar="CC", help="Whose weekends and holidays; by default plain weeks."),
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
    _echo(f"{pages} report{'s' * (pages != 1)}, {run}: {built.index}")
    if built.printed:
        found = ", ".join(map(str, filter(None, built.printed)))
        _echo(found or "no PDF: no Chromium was found; install one, or print brief.en.html from a browser")


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
        _print_json(compared.to_dict())
    else:
        _echo(compared)
    sys.exit(0 if compared.same else 1)


@cli.command()
@argument("study", type=click.Path(path_type=Path, dir_okay=False))
@option("--data", required=True, metavar="FILE", help="A ledger of payments or daily figures, or a folder.")
@_several("--event", "events", metavar="DATE", help="Its day; once for each edition.")
@option("--event-end", metavar="DATE", help="Its last day, where it has several.")
@option("--campaign-start", metavar="DATE", help="The day it was announced.")
@option("--title", metavar="TEXT", help="By default STUDY's name.")
@option("--country", metavar="CC", help="Whose weekends and holidays; by default plain weeks.")
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
    ask = _on_terminal() and not yes
    own = ("events", "event_end", "campaign_start", "country", "currency", "offline_channels")
    answers = {name: given.pop(name) for name in own}
    seen = _answered(proposal.look, given, ask)
    _echo("\n".join(seen.facts))
    if ask and not answers["country"]:
        question = "Country of its weekends and holidays, such as GB; empty for plain weeks"
        answers["country"] = click.prompt(question, "", show_default=False).strip() or None
    answers |= {"seen": seen, "title": title, "path": study, "data": given["data"], "yes": yes}
    values = _answered(proposal.proposed, answers, ask)
    if "country" not in values:
        _echo("no country: weeks are plain and without holidays; name it with --country")
    text = proposal.written(seen, values)
    if ask:
        _echo("\n" + text)
        click.confirm(f"Write {study}?", default=True, abort=True)
    proposal.save(study, text)
    _echo(f"Written: {study}. Look it over, then: python -m analysis report {study}")


def _on_terminal() -> bool:
    return sys.stdin.isatty()


def _answered(function: Callable, given: dict[str, Any], ask: bool) -> Any:
    """What a function returns; on a terminal its user is asked for the flag that an error names."""
    import re

    short = {"events": "event", "offline_channels": "offline-channel"}
    flags = {"--" + short.get(name, name).replace("_", "-"): name for name in given}
    while True:
        try:
            return function(**given)
        except ValueError as fault:
            flag = next((one for one in re.findall("--[a-z-]+", str(fault)) if one in flags), None)
            if not (ask and flag):
                raise
            name = flags[flag]
            _echo("\n".join([str(fault), *getattr(fault, "__notes__", ())]), err=True)
            answer = click.confirm("Are they?", abort=True) if name == "refunds" else click.prompt(flag)
            if name == "columns":
                answer = given[name] | _mapping(None, None, (answer,))
            elif isinstance(given[name], tuple):
                answer = tuple(part.strip() for part in answer.split(","))
            given[name] = answer


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
    estimator: str | None,
    baseline: str,
    level: float,
    at_least: float | None,
    covariates: tuple[str, ...],
    donors: tuple[str, ...],
    label: str | None,
    currency: str | None,
    as_json: bool,
    **series: Any,
) -> None:
    """What an event added to one metric of DATA, a ledger of payments or daily figures."""
    from analysis import console, effect

    daily, windows = _series(observed=True, **series)
    options: dict[str, Any] = {}
    if covariates:
        options["covariates"] = _columns(covariates, "--covariate", daily.name, **series)
    if donors:
        options["donors"] = _columns(donors, "--donor", daily.name, **series)
        estimator = estimator or "synthetic_control"
    which = windows[0] if len(windows) == 1 else windows
    result = effect.estimate(daily, which, estimator=estimator, baseline=baseline, **options)
    if as_json:
        more = {} if at_least is None else {"at_least": at_least, "probability": result.probability(at_least)}
        _print_json(result.to_dict(level) | more)
    elif len(windows) > 1:
        _echo(console.pooled(result, level))
    else:
        campaign = len(windows[0].campaign_days) > 0
        _speak_of(daily.name, label, currency, series["data"], series["offline_channels"], campaign)
        _echo(console.effect(result, level))
        if at_least is not None:
            _echo(f"probability of at least {at_least:+.0%}: {result.probability(at_least):.3g}")


def _columns(names: tuple[str, ...], flag: str, own: str, data: str, **series: Any) -> pd.DataFrame:
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
        warnings.showwarning = lambda message, *_: _echo(f"Mind: {message}", err=True)
        daily = ledger.daily_metric(data, metric, event=days, **reading)
    return daily, windows


def _speak_of(
    metric: str, label: str | None, currency: str | None, data: str, offline: tuple, campaign: bool
) -> None:
    """Tell the sentences what the numbers are of, as far as the user says it."""
    from analysis import ledger, words

    own = {"count": "count", "payers": "count", "value": "sum", "ticket": "sum", "digital_share": "share"}
    kind = "money" if currency and own.get(metric, "sum") == "sum" else own.get(metric, "count")
    measures = {metric: {"label": {"en": label or metric}, "kind": kind}}
    if not label and (metric in own or not currency):
        measures = {}  # it has words already
    synthetic = ledger.is_synthetic(data)
    words.speak_of(
        currency=currency, offline=bool(offline), measures=measures, synthetic=synthetic, campaign=campaign
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
        _echo(f"note: {told.message}", err=True)
    if as_json:
        _print_json([asdict(fault) for fault in faults])
    else:
        _echo("\n".join(map(str, faults)) or f"{data}: no faults")
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

    _echo(make(out, **{name: value for name, value in options.items() if value is not None}))


@cli.command()
@series_options
@option("--power", type=float, default=0.8, show_default=True, help="Probability of showing the effect.")
def power(power: float, level: float, as_json: bool, **series: Any) -> None:
    """The effect that the next edition could show, by its length, weekday and history in DATA."""
    from analysis import console
    from analysis.power import detectable

    daily, (windows, *more) = _series(observed=False, **series)
    if more:
        raise click.UsageError("power takes one --event, the edition that was held")
    frame = detectable(daily, windows, power=power, level=level)
    designs = frame.astype(object).where(frame.notna(), None).to_dict("records")
    if as_json:
        _print_json({"metric": daily.name, "power": power, "level": level, "designs": designs})
    else:
        _echo(console.power(designs, power))


@cli.command()
@argument("figures", type=click.Path(path_type=Path), required=False)
@json_option
def bounds(figures: Path | None, as_json: bool) -> None:
    """What published FIGURES alone can say; by default those of data/raw/published_figures.csv."""
    from analysis import console, published

    found = published.report(figures)
    if as_json:
        _print_json(found)
    else:
        _echo(console.bounds(found))


def _print_json(value: Any) -> None:
    """JSON that every parser reads: what is not finite is null."""
    from pydantic_core import to_json

    from analysis.words import escaped

    def other(entry: Any) -> Any:
        return entry.item() if hasattr(entry, "item") else str(entry)

    _echo(escaped(to_json(value, indent=2, inf_nan_mode="null", fallback=other).decode()))


if __name__ == "__main__":
    cli(prog_name="python -m analysis")
