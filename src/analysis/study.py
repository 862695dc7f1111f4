"""One study: its parameters, and what its data have and are, computed once and shared by all notebooks."""

from __future__ import annotations

import difflib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from analysis.fingerprint import code_key, digest
from analysis.parameters import Parameters
from analysis.storage import ROOT, cache_folder, cached, keep, kept

if TYPE_CHECKING:
    import pandas as pd

SYNTHETIC = ROOT / "data" / "synthetic" / "dubai-2017.parquet"


class Study(Parameters):
    """A study's parameters and its data; see `Parameters` for what it takes."""

    @cached_property
    def source(self) -> Path:
        """The ledger's path; the project's own synthetic ledger is made when it is missing or out of date."""
        if self.ledger is None:
            raise ValueError("the study has no ledger: give the path of one as `ledger`")
        given = Path(self.ledger).expanduser()
        if ROOT / given == SYNTHETIC:
            self._ensure_synthetic()
            return SYNTHETIC
        for folder in (self._folder, ROOT, Path.cwd()):
            place = (folder or ROOT) / given
            if place.exists() or (any(c in given.name for c in "*?[") and any(place.parent.glob(given.name))):
                return place
        raise FileNotFoundError(f"{self.ledger} does not exist: check `ledger`")

    @staticmethod
    def _ensure_synthetic() -> None:
        done = cache_folder() / f"synthetic-{code_key('simulate')}.done"
        if SYNTHETIC.exists() and kept(done) == _mark(SYNTHETIC):
            return
        with FileLock(cache_folder() / "synthetic.lock"):
            from analysis import simulate

            simulate.ensure(SYNTHETIC)
            keep(done, _mark(SYNTHETIC))

    @property
    def synthetic(self) -> bool:
        """Whether the ledger is simulated, as its own metadata say."""
        if self.ledger is None:
            return False
        from analysis import ledger

        return ledger.is_synthetic(self.source)

    @cached_property
    def is_daily(self) -> bool:
        """Whether the data are daily figures, and no ledger."""
        from analysis import ledger

        how = {"columns": self.columns, "date_column": self.columns.get("date"), "encoding": self.encoding}
        return self.ledger is not None and ledger.is_daily(self.source, **how)

    @cached_property
    def _names(self) -> dict[str, str]:
        """The ledger's columns, ours to theirs."""
        from analysis.ledger.sources import opened

        with opened(self.source, columns=self.columns, encoding=self.encoding) as source:
            return source.names

    @cached_property
    def _table(self) -> pd.DataFrame:
        """Daily figures, a column a measure; or a column a group of the one measure."""
        from analysis import ledger

        how = {name: value for name, value in self._options().items() if name != "offline_channels"}
        named = [theirs for ours, theirs in self.columns.items() if ours != "date"]
        only = named[0] if len(named) == 1 and not self.donors and not self.covariates else None
        how |= {"date_column": self.columns.get("date"), "value_column": only, "timezone": self.timezone}
        return ledger.read_daily(self.source, **how)

    @cached_property
    def measured(self) -> list[str]:
        """The metrics that are estimated: those that the study names, or all that its data give."""
        if self.metrics or self.ledger is None:
            return self.metrics
        if self.is_daily:
            if "groups" in self._table.attrs:
                return [self._table.attrs["measure"]]
            aside = {*self.donors, *self.covariates}
            return list(self.measures) or [name for name in self._table if name not in aside]
        needs = {"count": (), "value": ("amount",), "payers": ("payer_id",), "ticket": ("amount",)}
        found = [name for name, columns in needs.items() if all(c in self._names for c in columns)]
        return found + (["digital_share"] if "channel" in self._names and self.offline_channels else [])

    @cached_property
    def has(self) -> frozenset[str]:
        """What the study has, by one word each; a notebook's cell that is tagged ``needs-<word>`` stays if it is there.

        ledger or daily (figures); offline (and digital channels); entity, service, channel (two of them or more, of
        channels digital ones); value, payers; campaign; after (days to see what lasts), dates (a history long enough to
        split ordinary ones), habit (payers, and time to see them again), designs (entities, and days enough to compare
        designs of an edition on them); day or days (one, several), single or editions (several); donors, covariates,
        figures (published), calendar (of a country), ramadan (days on which work is shorter), background; metrics
        (several); synthetic or real, truth (of a simulation).
        """
        true = {
            "campaign": len(self.windows.campaign_days) > 0,
            "days": len(self.windows.event_days) > 1,
            "day": len(self.windows.event_days) == 1,
            "calendar": self.country is not None,
            "synthetic": self.synthetic,
            "real": not self.synthetic,
            "editions": len(self.every_edition) > 1,
            "single": len(self.every_edition) == 1,
        } | {name: bool(getattr(self, name)) for name in ("background", "donors", "figures", "covariates")}
        if self.ledger is not None:
            from analysis import days

            names = {} if self.is_daily else self._names
            groups = {
                name: name in names and self._compares(name) for name in ("entity", "service", "channel")
            }
            entity = groups["entity"] or (self.is_daily and "groups" in self._table.attrs)
            true |= groups
            true |= {
                "ledger": not self.is_daily,
                "daily": self.is_daily,
                "entity": entity,
                "value": "amount" in names,
                "payers": "payer_id" in names,
                "ramadan": bool(days.features(self._days, self.country)["ramadan"].any()),
                "offline": "channel" in names and bool(self.offline_channels),
                "metrics": len(self.measured) > 1,
                "truth": bool(self.truth),
                "after": self._open_days_after(14) >= 5,
                "dates": self._spans(before=130 + len(self.windows.campaign_days), after=0),
                "habit": {"payer_id", "channel"} <= names.keys() and self._spans(before=210, after=30),
                "designs": entity and self._like_the_event() >= 35,
            }
        return frozenset(name for name, holds in true.items() if holds)

    def _compares(self, group: str) -> bool:
        """Whether there are two entities, services or channels to compare, and one with payers enough to be shown."""
        from analysis.disclosure import count, together

        labels = self.by(group)[group].unique()
        return count(labels) > 1 and any(not together([name]) for name in labels)

    @cached_property
    def _days(self) -> pd.DatetimeIndex:
        """Every day from the first to the last of the data."""
        import pandas as pd

        found = self._table.index if self.is_daily else self.panel(("digital",))["date"]
        return pd.date_range(found.min(), found.max())

    def _spans(self, before: int, after: int) -> bool:
        """Whether the data hold so many days before the event, and so many after it."""
        ahead = (
            (self.windows.event_start - self._days[0]).days,
            (self._days[-1] - self.windows.event_end).days,
        )
        return ahead[0] >= before and ahead[1] >= after

    def _open_days_after(self, days_after: int) -> int:
        """Working days that the data hold beyond so many days after the event."""
        from analysis import days

        beyond = self._days[self._days > self.windows.event_end]
        return int(days.features(beyond[days_after:], self.country)["working"].sum())

    def _like_the_event(self) -> int:
        """Days like the event's first in the last year of the history."""
        from analysis.placebo import comparable_days

        one = replace(self.windows, event_end=self.windows.event_start)
        history = self._days[one.ordinary(self._days, "history")][-380:]
        return len(comparable_days(history, one))

    @cached_property
    def truth(self) -> dict[str, Any]:
        """What `simulate` wrote beside its ledger; empty for any other."""
        beside = self.source.with_name(f"{self.source.stem}.truth.json")
        return json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {}

    @property
    def setting(self) -> dict[str, Any]:
        """What the words of its reports are said of: see `words.Setting`."""
        measures = {name: measure.model_dump() for name, measure in self.measures.items()}
        words = {"currency": self.currency, "offline": bool(self.offline_channels), "measures": measures}
        campaign = len(self.windows.campaign_days) > 0
        return words | {"synthetic": self.synthetic, "campaign": campaign}

    def daily(self, metric: str) -> pd.Series:
        """One metric a day: of all digital payments of a ledger, or a column of daily figures."""
        from analysis import ledger

        if self.is_daily:
            theirs = self.columns.get(metric)
            return ledger.picked(self._table, theirs or metric, theirs, self.source.name).rename(metric)
        panel = self.panel(("digital",))
        ledger.refuse_absent(panel, self.windows.event_days, self.source.name)
        return ledger.metric(panel, metric, tuple(self.offline_channels))

    def beside(self) -> pd.DataFrame | None:
        """The covariates, a column each; None without any."""
        return self._table[self.covariates] if self.covariates else None

    def untouched(self, metric: str) -> pd.DataFrame:
        """One metric a day of each donor, a column a donor."""
        import pandas as pd

        from analysis import ledger

        if not self.donors:
            raise ValueError("the study has no donors: name units that the initiative did not touch")
        if self.is_daily:
            return pd.concat([self.daily(name) for name in self.donors], axis=1)
        read = partial(
            ledger.daily_panel, by=("entity", "digital")
        )  # each is needed, small or not, and none is shown
        panel = self.model_copy(update={"participants": self.donors})._read(read)
        of = {name: ledger.metric(rows, metric) for name, rows in panel[panel["digital"]].groupby("entity")}
        return pd.DataFrame({name: of[name] for name in self.donors})

    def panel(self, by: tuple[str, ...] = ("entity", "channel")) -> pd.DataFrame:
        """The daily panel: date, *by, count, value, payers; days without payments are zeros.

        Groups too small to be shown one by one are together in it, see `analysis.disclosure`. Of daily figures by
        group, the panel of their one measure by "entity".
        """
        from analysis.ledger import shown

        by = (by,) if isinstance(by, str) else tuple(by)
        if self.is_daily:
            return self._table.melt(
                var_name="entity", value_name=self._table.attrs["measure"], ignore_index=False
            ).reset_index()
        days = tuple(map(str, self.windows.event_days))
        small = None
        if not {"entity", "service", "channel"}.isdisjoint(by):
            read = partial(shown.small_groups, event_days=self.windows.event_days)
            small = self._kept("small-groups", "ledger.shown", read, days)
        return self._kept("panel", "ledger.shown", partial(shown.panel, by=by, small=small), (*by, *days))

    def labels(self, group: str) -> set[str]:
        """Every entity, service or channel of the ledger, small or not, for what is asked of the study's own words."""
        import narwhals as nw

        from analysis.ledger.sources import opened

        with opened(self.source, columns=self.columns, encoding=self.encoding) as source:
            found = source.frame.select(nw.col(group).cast(nw.String)).unique().collect()[group]
        return set(found.drop_nulls().to_list())

    def by(self, group: str) -> pd.DataFrame:
        """The daily panel by "entity", "service" or "channel": of digital payments, or of all where none is offline."""
        panel = self.panel((group, "digital"))
        return panel[panel["digital"]].drop(columns="digital") if "digital" in panel else panel

    def published(self) -> pd.DataFrame:
        """The published figures that the study names, one row each; see `published.announcement.figures`."""
        from analysis.published import announcement

        places = [(folder or ROOT) / (self.figures or "") for folder in (self._folder, ROOT, Path.cwd())]
        return announcement.figures(next((place for place in places if place.is_file()), self.figures))

    def first_timers(self) -> pd.DataFrame:
        """Payers who pay digitally for the first time, counts a day and channel: see `habit.first_timers`."""
        from analysis.ledger.first_timers import first_timers

        if not self.offline_channels:
            raise ValueError(
                "the study names no offline_channels, so nobody pays digitally for the first time"
            )
        return self._kept("first-timers", "ledger.first_timers", first_timers)

    def _kept(self, name: str, module: str, read: Callable, by: tuple[str, ...] = ()) -> pd.DataFrame:
        """What one reading of the ledger by a module gives, read once."""
        import pandas as pd

        key = digest(by, self._fingerprint(), self._reading(), code_key(module))

        def make() -> bytes:
            self._read(read).to_parquet(made := io.BytesIO())
            return made.getvalue()

        return pd.read_parquet(io.BytesIO(cached(cache_folder() / f"{name}-{key}.parquet", make)))

    def faults(self) -> list[str]:
        """Every fault of the ledger, a line each, without what the cell holds; none in a sound one."""
        key = digest("faults", self._fingerprint(), self._reading(), code_key("ledger"))

        def make() -> bytes:
            from analysis import ledger

            how = (
                {"date_column": self.columns.get("date")}
                if self.is_daily
                else {"columns": self.columns or None}
            )
            found = ledger.check(self.source, timezone=self.timezone, **how, **self._options())
            return json.dumps([fault.without_cell() for fault in found], ensure_ascii=False).encode()

        return json.loads(cached(cache_folder() / f"faults-{key}.json", make))

    def _read(self, read: Callable) -> pd.DataFrame:
        """A reading of the whole ledger, or of the participants' payments alone."""
        how = {"timezone": self.timezone, **self._options()}
        if not self.participants:
            return read(self.source, columns=self.columns or None, **how)
        import narwhals as nw

        from analysis.ledger.sources import opened

        with opened(self.source, columns=self.columns, encoding=self.encoding) as source:
            entities = set(nw.to_native(source.frame.select("entity").unique().collect())["entity"])
            for name in self.participants:
                if name not in entities:
                    near = difflib.get_close_matches(name, [str(e) for e in entities], n=1)
                    hint = (
                        f"did you mean {near[0]}?" if near else f"{source.name} has {len(entities)} entities"
                    )
                    raise ValueError(f"participants: {name!r} is not an entity of the ledger: {hint}")
            rows = source.frame.filter(nw.col("entity").is_in(self.participants))
            return read(nw.to_native(rows), **how)

    def _options(self) -> dict[str, Any]:
        """How the ledger is to be read, but for its columns and time zone."""
        options = {name: getattr(self, name) for name in ("refunds", "decimal", "date_format", "encoding")}
        return options | {"offline_channels": tuple(self.offline_channels)}

    def _reading(self) -> list:
        """What decides how the ledger is read."""
        return [self.columns, self.participants, self.timezone, self._options()]

    def _fingerprint(self) -> list[list]:
        """Name, size and time of change of each file of the ledger."""
        stats = [(file, file.stat()) for file in files(self.source)]
        return [[str(file), stat.st_size, stat.st_mtime_ns] for file, stat in stats]


def files(source: Path) -> list[Path]:
    """The files behind a path that may be a file, a folder or a glob."""
    if source.is_dir():
        return sorted(f for f in source.rglob("*") if f.is_file() and not f.name.startswith("."))
    return [source] if source.exists() else sorted(source.parent.glob(source.name))


def _mark(file: Path) -> bytes:
    """Changes when a file does."""
    about = file.stat()
    return f"{about.st_size} {about.st_mtime_ns}".encode()
