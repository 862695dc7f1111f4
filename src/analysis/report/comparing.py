"""Two editions of a report: every number that moved, by how much, and what their provenance knows of why."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from analysis import words
from analysis.report import summary
from analysis.report.causes import WHY, Change, changes, code, sentences
from analysis.report.page import page
from analysis.words import _

SIZES = ("half_widths", "relative", "absolute")
HEADS = ("half widths", "relative", "absolute", "before", "after", "cause", "number")
ASIDE = ("format", "study", "title")  # of results.json: no results


@dataclass(frozen=True, slots=True)
class Edition:
    """What one report wrote: results.json, and provenance.json beside it (empty where there is none)."""

    results: dict[str, Any]
    provenance: dict[str, Any]

    @property
    def named(self) -> str:
        """Study, day and code, as far as known."""
        run = self.provenance.get("run", {})
        known = (run.get("date"), f"code {code(run)}") if run else ("without provenance.json",)
        return ", ".join((self.results["study"], *known))


@dataclass(frozen=True, slots=True)
class Move:
    """A value that differs, and every place where it does so alike; `half_width` is that of the earlier interval."""

    places: tuple[str, ...]
    before: Any
    after: Any
    half_width: float | None
    causes: tuple[str, ...]

    @property
    def sizes(self) -> tuple[float | None, ...]:
        """After less before: in half widths of the earlier interval, as a fraction of the size before, and as it is."""
        if not (_number(self.before) and _number(self.after)):
            return None, None, None
        size = self.after - self.before
        units = self.half_width, abs(self.before), 1
        return tuple(size / unit if unit else None for unit in units)

    @property
    def rank(self) -> tuple[int, float]:
        """Sorts the biggest first: against their intervals, then relative ones, those from zero, and texts."""
        return next(((i, -abs(size)) for i, size in enumerate(self.sizes) if size is not None), (3, 0.0))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, numbers at full precision."""
        return asdict(self) | dict(zip(SIZES, self.sizes, strict=True))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two editions beside each other; places are paths of results.json, joined by a slash."""

    before: Edition
    after: Edition
    moved: tuple[Move, ...]
    appeared: tuple[str, ...]
    vanished: tuple[str, ...]
    changes: tuple[Change, ...]

    @property
    def same(self) -> bool:
        """Whether nothing moved, appeared or vanished."""
        return not (self.moved or self.appeared or self.vanished)

    @property
    def synthetic(self) -> bool:
        """Whether either edition holds simulated numbers."""
        return self.before.results["synthetic"] or self.after.results["synthetic"]

    @property
    def headline(self) -> str:
        """What became of the effect that the study leads with, in words; nothing where it has none."""
        for metric, over, was, now in headlines(self.before.results, self.after.results):
            return f"{metric} over {over}: {was}, {'unchanged' if was == now else f'now {now}'}"
        return ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "headline": self.headline,
            "before": self.before.named,
            "after": self.after.named,
            "synthetic": self.synthetic,
            "changes": [
                {name: getattr(change, name) for name in ("kind", "name", "before", "after")}
                for change in self.changes
            ],
            "moved": [move.to_dict() for move in self.moved],
            "appeared": self.appeared,
            "vanished": self.vanished,
        }

    def rows(self) -> list[tuple[str, ...]]:
        """A row a move, written out: half widths, relative, absolute, before, after, cause, place."""
        rows = []
        for move in self.moved:
            more = f" and {len(move.places) - 1} more" if len(move.places) > 1 else ""
            sizes = map(_written, move.sizes, ("+,.3g", "+,.3%", "+"))
            values = map(_written, (move.before, move.after))
            rows.append((*sizes, *values, ", ".join(move.causes), move.places[0] + more))
        return rows

    def __str__(self) -> str:
        lines = ["Synthetic data."] * self.synthetic + [self.headline] * bool(self.headline)
        lines += [f"before: {self.before.named}", f"after:  {self.after.named}"]
        lines += [f"changed: {change.kind}: {change}" for change in self.changes] or ["changed: unknown"]
        lines.append(f"{len(self.moved)} moved, {len(self.appeared)} appeared, {len(self.vanished)} vanished")
        if self.moved:
            table = [HEADS, *self.rows()]
            wide = [max(map(len, column)) for column in zip(*table, strict=True)]
            for *numbers, cause, place in table:
                cells = [cell.rjust(width) for cell, width in zip(numbers, wide, strict=False)]
                lines.append("  ".join((*cells, cause.ljust(wide[5]), place)))
        lines += [f"appeared: {place}" for place in self.appeared]
        return "\n".join(lines + [f"vanished: {place}" for place in self.vanished])

    def page(self) -> str:
        """The comparison as a page, in English."""
        with words.using("en"):
            title = "What moved between two editions of a report"
            return page("compare.html", title, self.synthetic, mixed=True, alternates=[], compared=self)


def load(path: str | Path) -> Edition:
    """An edition from its results.json or the folder of its report; ValueError where that is neither."""
    path = Path(path)
    path = path / "results.json" if path.is_dir() else path
    results = _read(path)
    if not results.keys() >= {"format", "study", "synthetic", "answers", "results"}:
        raise ValueError(f"{path} is no results.json of a report: give one, or the folder that holds it")
    beside = path.with_name("provenance.json")
    return Edition(results, _read(beside) if beside.is_file() else {})


def compare(before: Edition, after: Edition) -> Comparison:
    """Every value of results.json that differs between two editions, and what changed between them."""
    sides = (
        {name: v for name, v in edition.results.items() if name not in ASIDE} for edition in (before, after)
    )
    old, new = (dict(_leaves(side)) for side in sides)
    changed = changes(before.provenance, after.provenance)
    together: dict[tuple, list[tuple]] = {}
    for path in old.keys() & new.keys():
        if old[path] != new[path] or isinstance(old[path], bool) != isinstance(new[path], bool):
            together.setdefault((path[-1], repr(old[path]), repr(new[path])), []).append(path)
    moved = []
    for paths in together.values():
        places = sorted("/".join(map(str, path)) for path in paths)
        width = next(filter(None, (_half_width(old, path) for path in sorted(paths, key=str))), None)
        kinds = {change.kind for change in changed if _reaches(change, places)}
        causes = tuple(kind for kind in WHY if kind in kinds) or ("unknown",)
        moved.append(Move(tuple(places), old[paths[0]], new[paths[0]], width, causes))
    moved.sort(key=lambda move: (move.rank, move.places))
    return Comparison(before, after, tuple(moved), _only(new, old), _only(old, new), tuple(changed))


def since(earlier: Edition, numbers: dict[str, Any], provenance: dict[str, Any]) -> dict[str, Any]:
    """The headline numbers whose written form moved since an earlier edition, in the language spoken now."""
    moved = [row for row in headlines(earlier.results, numbers) if row[2] != row[3]]
    day = earlier.provenance.get("run", {}).get("date")
    lead = _("The last edition is of {date}.").format(date=words.date(date.fromisoformat(day))) if day else ""
    answering = {place["notebook"] for places in numbers["answers"].values() for place in places.values()}
    why = [c for c in changes(earlier.provenance, provenance) if c.notebooks & answering]
    caption = _("Effect with its interval, where what is written has changed")
    return {
        "heading": _("What changed since the last edition of this report"),
        "lead": lead,
        "none": _("No headline number has moved."),
        "caption": _("Synthetic data. {text}").format(text=caption) if numbers["synthetic"] else caption,
        "columns": [_("Metric"), _("Over"), _("Last edition"), _("This edition")],
        "rows": moved,
        "why": sentences(why) if moved else [],
    }


def headlines(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """Each effect of either side, in the language spoken now: metric, over what, as written before and after."""
    now, was = (
        {(row["metric"], row["over"]): f"{row['effect']} ({row['interval']})" for row in summary.rows(side)}
        for side in (after, after | before)  # what an older one does not say, the newer does
    )
    return [(*key, was.get(key, "–"), now.get(key, "–")) for key in (now | was)]


def _leaves(value: Any, path: tuple = ()) -> Iterator[tuple[tuple, Any]]:
    """Path and value of everything that is neither a mapping nor a list."""
    if not isinstance(value, dict | list):
        yield path, value
        return
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _leaves(inner, (*path, name))


def _only(these: dict[tuple, Any], others: dict[tuple, Any]) -> tuple[str, ...]:
    """What only one side has, as high up as it is whole: a record, not each of its numbers."""
    known = {path[:n] for path in others for n in range(len(path) + 1)}
    own = these.keys() - others.keys()
    tops = {next((path[:n] for n in range(1, len(path)) if path[:n] not in known), path) for path in own}
    return tuple(sorted("/".join(map(str, path)) for path in tops))


def _half_width(leaves: dict[tuple, Any], path: tuple) -> float | None:
    """Half the interval around a number, by the ends beside it: NAME_low, NAME_interval, or low of an estimate."""
    *record, name = path if isinstance(path[-1], str) else path[:-1]
    stem = re.sub("_(low|high|interval)$", "", str(name))
    pairs = [(f"{stem}_low",), (f"{stem}_high",)], [(f"{stem}_interval", 0), (f"{stem}_interval", 1)]
    if stem in ("estimate", "low", "high"):
        pairs += ([("low",), ("high",)],)
    for ends in pairs:
        low, high = (leaves.get((*record, *end)) for end in ends)
        if _number(low) and _number(high) and high > low:
            return (high - low) / 2
    return None


def _reaches(change: Change, places: list[str]) -> bool:
    """Whether a change can have moved what stands at some places: those of its notebooks, or of none in particular."""
    named = [place for place in places if place.startswith("results/")]
    return not named or any(place.split("/")[1] in change.notebooks for place in named)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _written(value: Any, form: str = "") -> str:
    if not _number(value):
        return "–" if value is None else str(value)[:60]
    large = abs(value) >= 1e6 and form in ("", "+")
    return format(value, f"{form},.0f" if large else f"{form},.6g" if form in ("", "+") else form)


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as fault:
        raise ValueError(f"{path} is not JSON: {fault}") from None
    return value if isinstance(value, dict) else {}
