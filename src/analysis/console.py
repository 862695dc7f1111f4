"""What the commands print of their results: plain text, a few lines each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis import words

if TYPE_CHECKING:
    from analysis.editions import Editions
    from analysis.effect import Effect


def effect(found: Effect, level: float) -> str:
    """The effect in a few lines: the answer, over what, the numbers, how they were found, what to mind."""

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
