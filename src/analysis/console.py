"""How the commands speak with people: errors in one line, results in a few, questions on a terminal."""

from __future__ import annotations

import contextvars
import errno
import re
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from analysis.editions import Editions
    from analysis.effect import Effect


LONGEST = 290  # characters of an error
# What is wrong with the machine and not with the command: disks, handles, memory, pipes.
MACHINE = {
    getattr(errno, name)
    for name in "ENOSPC EDQUOT EROFS EFBIG EIO EMFILE ENFILE ENOMEM EAGAIN EPIPE".split()
    if hasattr(errno, name)
}


class OneLine(click.Group):
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
    line = f"error: {' '.join(message.split())}"
    echo(f"{line[: LONGEST - 100]} … {line[-90:]}" if len(line) > LONGEST else line, err=True)
    return code


def echo(text: Any, err: bool = False) -> None:
    """Print lines in which nothing from the data or the command acts on the terminal."""
    from analysis.words import seen

    click.echo("\n".join(map(seen, str(text).split("\n"))), err=err)


def echo_json(value: Any) -> None:
    """JSON that every parser reads: what is not finite is null."""
    from pydantic_core import to_json

    from analysis.words import escaped

    def other(entry: Any) -> Any:
        return entry.item() if hasattr(entry, "item") else str(entry)

    echo(escaped(to_json(value, indent=2, inf_nan_mode="null", fallback=other).decode()))


def mapping(_context: click.Context, _parameter: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    """NAME=FOREIGN, repeated."""
    named = {}
    for pair in pairs:
        name, equals, foreign = pair.partition("=")
        if not (name and equals and foreign):
            raise click.BadParameter(f"{pair!r}: write it as NAME=FOREIGN, such as paid_at=date")
        named[name] = foreign
    return named


def on_terminal() -> bool:
    """Whether someone can be asked."""
    return sys.stdin.isatty()


def answered(function: Callable, given: dict[str, Any], ask: bool) -> Any:
    """What a function returns; on a terminal its user is asked for the flag that an error names."""
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
            echo("\n".join([str(fault), *getattr(fault, "__notes__", ())]), err=True)
            answer = click.confirm("Are they?", abort=True) if name == "refunds" else click.prompt(flag)
            if name == "columns":
                answer = given[name] | mapping(None, None, (answer,))
            elif isinstance(given[name], tuple):
                answer = tuple(part.strip() for part in answer.split(","))
            given[name] = answer


def effect(found: Effect, level: float) -> str:
    """The effect in a few lines: the answer, over what, the numbers, how they were found, what to mind."""
    from analysis import words

    def plain(value: float, sign: str = "") -> str:  # thousands apart, five digits at least
        return format(value, f"{sign},.0f" if abs(value) >= 1e4 else f"{sign},.5g")

    expected, absolute = found.expected_interval(level), found.confidence_interval(level)
    lines = [
        str(words.headline(found, level)),
        f"observed {plain(found.observed)}; expected {plain(found.expected)}, "
        f"{100 * level:g}% interval {plain(expected.low)} to {plain(expected.high)}",
        f"effect {plain(found.absolute, '+')}, {plain(absolute.low, '+')} to {plain(absolute.high, '+')}; "
        f"p = {found.p_value:.2g}",
        f"estimator {found.estimator}, estimand {found.estimand}, learned from {len(found.days_used)} days",
    ]
    return "\n".join(lines + [f"Mind: {warning}" for warning in found.warnings])


def pooled(editions: Editions, level: float) -> str:
    """Each edition, the effect of all, what the next would do, and how far they differ."""
    frame = editions.frame(level).to_string(index=False, float_format="{:.3f}".format)
    (low, high), following = editions.confidence_interval(level), editions.prediction_interval(level)
    return (
        f"{frame}\npooled {editions.relative:+.1%}, {100 * level:g}% interval {low:+.1%} to {high:+.1%}; "
        f"p = {editions.p_value:.2g}\nthe next edition: {following.low:+.1%} to {following.high:+.1%}"
    )


def power(designs: list[dict], probability: float) -> str:
    """A line a design: what it is, and the least effect it shows."""
    from analysis import words

    held = "had it been held on past dates"
    lines = [f"The least effect that an edition shows with probability {probability:g}, {held}:"]
    for design in designs:
        day = f"{design['length']} days" if design["length"] > 1 else "one day"
        if design["weekday"] is not None:
            day = f"a {words.weekday(design['weekday'])}"
        past = "all the history" if design["history"] == "all" else f"{design['history']} days of history"
        least = words.percent(design["simulated"], 0.01, signed=True)
        lines.append(f"{f'  {day}, {past}':<40}{least:>6}  ({design['dates']} dates)")
    return "\n".join(lines)


def bounds(found: dict) -> str:
    """Each comparison and each assumption, a line each."""
    from analysis import words

    def percent(value: float | None, unlimited: str = "") -> str:
        return unlimited if value is None else words.percent(value, 0.001, signed=True)

    def between(entry: dict) -> str:
        if not entry.get("feasible", True):
            return "contradicts the figures"
        low, high = entry["relative_low"], entry["relative_high"]
        return f"{percent(low, 'no limit below')} to {percent(high, 'no limit')}"

    lines = [f"What the published figures alone say of {found['event']}.", ""]
    lines += ["The day compared, with rounding:"]
    for reading in found["readings"]:
        week = "on the day before"
        if reading["week_days"]:
            day = "with" if reading["week_includes_event"] else "without"
            week = f"on a week of {reading['week_days']} days {day} the day"
        told = f"  {reading['metric']} {week}"
        lines.append(f"{told:<46}{percent(reading['relative']):>9}  ({between(reading)})")
    lines += ["", "The effect, over every reading of the week, assuming of the day without the initiative:"]
    for union in found["by_assumption"]:
        lines.append(f"{'  {metric}, {assumption}'.format(**union):<46}{between(union)}")
    for entry in found["breakdown"]:
        rise = f"{words.quantity(entry['rise'], entry['metric'])} ({percent(entry['relative'])})"
        whole = f"on the day before would explain the whole {entry['metric']}."
        lines += ["", f"An untreated rise of {rise} {whole}"]
    return "\n".join(lines)
