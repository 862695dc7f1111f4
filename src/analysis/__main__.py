"""The command line: `python -m analysis COMMAND`.

Modules are imported inside the commands, so that `--help` answers at once.
Exit code 0: done; 1: faults found or work failed; 2: wrong use, said in one line.
"""

from __future__ import annotations

import errno
import signal
import sys
import unicodedata
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from analysis.editions import Editions
    from analysis.effect import Effect
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
        try:
            code = super().main(*args, **kwargs)
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
    line = f"error: {' '.join(_inert(message).split())}"
    cut = f"{line[: LONGEST - 100]} … {line[-90:]}" if len(line) > LONGEST else line
    _echo(cut, err=True)
    return code


def _echo(text: Any, err: bool = False) -> None:
    click.echo(_inert(str(text)), err=err)


def _inert(text: str, instead: Callable[[str], str] = lambda character: "\N{REPLACEMENT CHARACTER}") -> str:
    """Text in which nothing steers a terminal or turns the direction of writing; its lines stay."""
    return "".join(instead(c) if unicodedata.category(c)[0] == "C" and c != "\n" else c for c in text)


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


data_argument = click.argument("data")
columns_option = click.option(
    "--columns",
    multiple=True,
    metavar="NAME=FOREIGN",
    callback=_mapping,
    help="A ledger column and its name in DATA, such as paid_at=date; once for each that differs.",
)
reading_options = (
    columns_option,
    click.option("--date-column", metavar="NAME", help="Of daily figures, where it cannot be guessed."),
    click.option("--value-column", metavar="NAME", help="Of daily figures with several measures."),
    click.option("--timezone", metavar="TZ", help="Whose days they are, where times carry an offset."),
    click.option("--decimal", type=click.Choice([".", ","]), help="The decimal mark, where it is open."),
    click.option("--date-format", metavar="FORM", help="day-first, month-first, or such as %d/%m/%y."),
    click.option("--encoding", metavar="NAME", help="Of text that is not UTF-8, such as cp1256."),
    click.option(
        "--query", metavar="SQL", help="Of a database the table or SELECT; of a workbook the sheet."
    ),
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else.")


def _options(options: tuple[Callable, ...]) -> Callable:
    """Several options as one decorator."""
    return lambda command: reduce(lambda made, option: option(made), reversed(options), command)


series_options = _options(
    (
        data_argument,
        click.option(
            "--event",
            "events",
            required=True,
            multiple=True,
            metavar="DATE",
            help="The day of the event, such as 2017-10-26; once for each edition.",
        ),
        click.option("--event-end", metavar="DATE", help="Its last day, where it has several."),
        click.option("--campaign-start", metavar="DATE", help="The day it was announced."),
        click.option(
            "--metric",
            metavar="NAME",
            help="count (by default), value, payers, ticket, digital_share; or a column of daily figures.",
        ),
        click.option(
            "--wait-days", type=click.IntRange(min=0), help="Last days before it that people may wait."
        ),
        click.option("--country", metavar="CC", help="Whose weekends and holidays; by default plain weeks."),
        click.option("--level", type=float, default=0.95, show_default=True, help="Of the intervals."),
        *reading_options,
        json_option,
    )
)


@cli.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("reports"), show_default=True, help="Folder."
)
@click.option(
    "--language",
    "languages",
    type=click.Choice(["en", "ar"]),
    multiple=True,
    default=("en", "ar"),
    show_default=True,
    help="Once for each language.",
)
@click.option("--jobs", type=click.IntRange(min=1), help="Notebooks at a time; by default one a core.")
@click.option("--only", metavar="NN", help="One notebook alone, by its number.")
@click.option("--fresh", is_flag=True, help="Run again what has not changed.")
@click.option(
    "--cell-seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=600,
    show_default=True,
    help="A cell that takes longer is ended.",
)
@click.option(
    "--cluster", metavar="ADDRESS", help="Dask scheduler that runs the notebooks, as tcp://host:8786."
)
def report(study: Path, languages: tuple[str, ...], **options: Any) -> None:
    """Render the reports of STUDY, a parameters file such as notebooks/dubai-2017.yaml."""
    from analysis.report import build

    built = build(study, languages=languages, **options)
    _echo(
        f"{len(built.pages)} reports, {built.executed} notebooks run, {built.unchanged} unchanged: {built.index}"
    )


@cli.command()
@series_options
@click.option("--estimator", metavar="NAME", help="By default the recommended one.")
@click.option(
    "--baseline",
    type=click.Choice(["pre-week", "history"]),
    default="pre-week",
    show_default=True,
    help="What the day added to the week before, or the initiative to the world without it.",
)
@click.option(
    "--at-least", type=float, metavar="X", help="How probable an effect of at least X is; 0.1 is 10 %."
)
@click.option(
    "--covariate", "covariates", multiple=True, metavar="NAME", help="A column the event cannot move."
)
@click.option("--donor", "donors", multiple=True, metavar="NAME", help="A column of a unit it did not touch.")
def estimate(
    estimator: str | None,
    baseline: str,
    level: float,
    at_least: float | None,
    covariates: tuple[str, ...],
    donors: tuple[str, ...],
    as_json: bool,
    **series: Any,
) -> None:
    """What an event added to one metric of DATA, a ledger of payments or daily figures."""
    from analysis import effect

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
        _echo(_pooled_told(result, level))
    else:
        _echo(_told(result, level))
        if at_least is not None:
            _echo(f"probability of at least {at_least:+.0%}: {result.probability(at_least):.3g}")


def _columns(names: tuple[str, ...], option: str, own: str, data: str, **series: Any) -> pd.DataFrame:
    """Further columns of daily figures."""
    from analysis import ledger

    reading = {
        name: series[name] for name in ("date_column", "timezone", "decimal", "date_format", "encoding")
    }
    if not ledger.is_daily(data, how=ledger.Reading(**reading)):
        raise click.UsageError(f"{option} names a column of daily figures, and {data} is a ledger")
    table = ledger.read_daily(data, **reading)
    for name in names:
        if name not in table or name == own:
            raise click.UsageError(f"{option} {name}: {data} has {', '.join(map(str, table))}")
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
        raise click.UsageError(
            "several --event are editions of one day each, without --event-end or --campaign-start"
        )
    windows = [
        Windows(event, event_end, campaign_start, wait_days=wait_days, country=country)
        for event in sorted(events)
    ]
    days = [day for one in windows for day in one.event_days] if observed else ()
    with warnings.catch_warnings():
        warnings.simplefilter("always", ledger.Note)
        warnings.showwarning = lambda message, *_: _echo(f"Mind: {message}", err=True)
        daily = ledger.daily_metric(data, metric, event=days, **reading)
    return daily, windows


def _pooled_told(editions: Editions, level: float) -> str:
    """Each edition, the effect of all, what the next would do, and how far they differ."""
    frame = editions.frame(level).to_string(index=False, float_format="{:.3f}".format)
    low, high = editions.confidence_interval(level)
    following = editions.prediction_interval(level)
    return (
        f"{frame}\npooled {editions.relative:+.1%}, {100 * level:g}% interval {low:+.1%} to {high:+.1%}; "
        f"p = {editions.p_value:.2g}\nthe next edition: {following.low:+.1%} to {following.high:+.1%}"
    )


def _told(effect: Effect, level: float) -> str:
    """The effect in a few lines: the answer, over what, the numbers, how they were found, what to mind."""
    from analysis import words

    expected, absolute = effect.expected_interval(level), effect.confidence_interval(level)
    lines = [
        words.headline(effect, level),
        f"observed {_plain(effect.observed)}; expected {_plain(effect.expected)}, "
        f"{100 * level:g}% interval {_plain(expected.low)} to {_plain(expected.high)}",
        f"effect {_plain(effect.absolute, '+')}, {_plain(absolute.low, '+')} to {_plain(absolute.high, '+')}; "
        f"p = {effect.p_value:.2g}",
        f"estimator {effect.estimator}, estimand {effect.estimand}, learned from {len(effect.days_used)} days",
    ]
    return "\n".join(lines + [f"Mind: {warning}" for warning in effect.warnings])


def _plain(value: float, sign: str = "") -> str:
    """With thousands apart and five digits at least."""
    return format(value, f"{sign},.0f" if abs(value) >= 1e4 else f"{sign},.5g")


@cli.command()
@data_argument
@_options(reading_options)
@json_option
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
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Parquet file to write."
)
@click.option("--days", type=click.IntRange(min=28), help="By default the whole of 2017.")
@click.option("--entities", type=click.IntRange(min=1), help="By default 36.")
@click.option("--rows", type=click.IntRange(min=1), help="Payments in all, about; by default as published.")
@click.option("--effect", type=float, help="What the day adds, as a fraction; by default as calibrated.")
@click.option("--seed", type=int, help="The same seed, the same ledger.")
def simulate(out: Path, **options: float | None) -> None:
    """Write a synthetic ledger with a known true effect, and the truth beside it."""
    from analysis.simulate import simulate as make

    _echo(make(out, **{name: value for name, value in options.items() if value is not None}))


@cli.command()
@series_options
@click.option(
    "--power", type=float, default=0.8, show_default=True, help="Probability of showing the effect."
)
def power(power: float, level: float, as_json: bool, **series: Any) -> None:
    """The effect that the next edition could show, by its length, weekday and history in DATA."""
    from analysis.power import detectable

    daily, (windows, *more) = _series(observed=False, **series)
    if more:
        raise click.UsageError("power takes one --event, the edition that was held")
    frame = detectable(daily, windows, power=power, level=level)
    designs = frame.astype(object).where(frame.notna(), None).to_dict("records")
    if as_json:
        _print_json({"metric": daily.name, "power": power, "level": level, "designs": designs})
    else:
        _echo(_power_told(designs, power))


def _power_told(designs: list[dict], power: float) -> str:
    """A line a design: what it is, and the least effect it shows."""
    from analysis import words

    lines = [
        f"The least effect that an edition shows with probability {power:g}, had it been held on past dates:"
    ]
    for design in designs:
        day = f"{design['length']} days" if design["length"] > 1 else "one day"
        if design["weekday"] is not None:
            day = f"a {words.weekday(design['weekday'])}"
        past = "all the history" if design["history"] == "all" else f"{design['history']} days of history"
        least = words.percent(design["simulated"], 0.01, signed=True)
        lines.append(f"  {day}, {past}".ljust(40) + f"{least}".rjust(6) + f"  ({design['dates']} dates)")
    return "\n".join(lines)


@cli.command()
@click.argument("figures", type=click.Path(path_type=Path), required=False)
@json_option
def bounds(figures: Path | None, as_json: bool) -> None:
    """What published figures alone can say; by default those of Dubai's day of 26 October 2017."""
    from analysis import published

    found = published.report(figures)
    if as_json:
        _print_json(found)
    else:
        _echo(_bounds_told(found))


def _bounds_told(found: dict) -> str:
    """Each comparison and each assumption, a line each."""
    from analysis import words

    def percent(value: float | None, unlimited: str) -> str:
        return unlimited if value is None else words.percent(value, 0.001, signed=True)

    def between(entry: dict) -> str:
        if not entry.get("feasible", True):
            return "contradicts the figures"
        return f"{percent(entry['relative_low'], 'no limit below')} to {percent(entry['relative_high'], 'no limit')}"

    lines = [
        f"What the published figures alone say of {found['event']}.",
        "",
        "The day compared, with rounding:",
    ]
    for reading in found["readings"]:
        week = "on the day before"
        if reading["week_days"]:
            day = "with" if reading["week_includes_event"] else "without"
            week = f"on a week of {reading['week_days']} days {day} the day"
        lines.append(
            f"  {reading['metric']} {week}".ljust(46)
            + f"{percent(reading['relative'], '')}".rjust(9)
            + f"  ({between(reading)})"
        )
    lines += ["", "The effect, over every reading of the week, assuming of the day without the initiative:"]
    for union in found["by_assumption"]:
        lines.append(f"  {union['metric']}, {union['assumption']}".ljust(46) + between(union))
    for entry in found["breakdown"]:
        rise = words.quantity(entry["rise"], entry["metric"])
        share = percent(entry["relative"], "")
        lines += [
            "",
            f"An untreated rise of {rise} ({share}) on the day before would explain the whole {entry['metric']}.",
        ]
    return "\n".join(lines)


def _print_json(value: Any) -> None:
    """JSON that every parser reads: what is not finite is null."""
    import json

    text = json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False, default=str)
    click.echo(_inert(text, lambda character: json.dumps(character)[1:-1]))


def _finite(value: Any) -> Any:
    import math

    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value.item() if hasattr(value, "item") else value


if __name__ == "__main__":
    cli(prog_name="python -m analysis")
