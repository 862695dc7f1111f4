"""One study: its parameters with their types, and its daily data, computed once and shared by all notebooks."""

from __future__ import annotations

import ast
import difflib
import hashlib
import io
import json
import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import yaml
from filelock import FileLock
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from analysis.storage import ROOT, cache_folder, cached, keep, kept

if TYPE_CHECKING:
    import pandas as pd

    from analysis.windows import Windows

SYNTHETIC = ROOT / "data" / "synthetic" / "dubai-2017.parquet"
PACKAGE = Path(__file__).parent
LARGEST = 1_000_000  # bytes of a study's file: no parameters need more
# What no notebook's output depends on: the command line, what precedes a report, and the making of reports.
OUTSIDE = ("__main__.py", "console.py", "preflight.py", "proposal.py", "report")


def _day(value: Any) -> date:
    """A YAML date, or text written exactly as 2017-10-26."""
    if isinstance(value, datetime):
        raise ValueError("has a time of day: write it as 2017-10-26")
    if isinstance(value, date):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a day of the calendar") from None
    raise ValueError(f"{reprlib.repr(value)} is not a date: write it as 2017-10-26")


def _zone(value: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{value!r} is not a time zone: write it as Asia/Dubai") from None
    return value


def _in_language(value: Any) -> Any:
    """A text alone is English."""
    if not isinstance(value, str | dict):
        written = str(value).lower() if isinstance(value, bool) else value
        raise ValueError(f'is {written}, not text: put it in quotes, "{written}"')
    return {"en": value} if isinstance(value, str) else value


def _span(value: Any) -> Any:
    """A day alone is an edition of one day."""
    return value if isinstance(value, list | tuple) else [value, value]


Day = Annotated[date, BeforeValidator(_day)]
Texts = Annotated[dict[Literal["en", "ar"], str], BeforeValidator(_in_language)]
Edition = Annotated[list[Day], Field(min_length=2, max_length=2), BeforeValidator(_span)]


class Measure(BaseModel):
    """A column of daily figures: what a reader calls it, and whether it counts or sums.

    `label` is a noun in the plural ("births") for a "count", else the whole name ("distance ridden"); "money" is in the
    study's currency; a "share" is a fraction; `unit` is said of other sums and means.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    label: Texts
    kind: Literal["count", "money", "sum", "mean", "share"] = "count"
    unit: str | None = None


class Study(BaseModel):
    """The parameters of a study, as its YAML file has them; types are strict and unknown keys are refused.

    Parameters
    ----------
    title : text, or a text in each language
        Names the study in every report.
    background : text, or a text in each language
        What is particular to the initiative; stands at the head of the report on the effect.
    editions : list of days, or of [first, last]
        Every edition of an initiative that was held more than once; the event is the last unless `event_start` says
        another.
    event_start, event_end, campaign_start, history_start, baseline_days, wait_days, country, excluded
        As in `windows.Windows`.
    timezone : str
        Local time of the ledger.
    currency : str
        ISO 4217 code of the amounts.
    measures : dict
        Of columns of daily figures, what they are: see `Measure`.
    metrics : list of str
        What is estimated: count, value, payers, ticket, digital_share of a ledger, or columns of daily figures; by
        default all that the data give.
    ledger : str, optional
        Path of the ledger or daily CSV, relative to the study's file or to the repository.
    columns : dict
        Name of each ledger column in the source, where it differs; of daily figures that of `date`, and of a measure.
    participants : list of str
        The entities that took part; empty means all.
    donors : list of str
        Entities of the ledger, or columns of daily figures, that the initiative did not touch: they are compared with.
    covariates : list of str
        Columns of daily figures that the event cannot move, such as the weather: part of the regression.
    figures : str, optional
        Path of the published figures (CSV) that report 01 is about.
    offline_channels : list of str
        The channels of the ledger that are service centres; every other one is digital.
    refunds, decimal, date_format, encoding
        How the ledger is to be read: see `ledger.Reading`.
    language : str
        Language of the notebooks' own output, "en" or "ar".
    confidence : float
        Level of every interval.
    seed : int
        Of everything random.
    contact, corrections : text, or a text in each language
        Whom to ask, and what has been corrected since the report was first given out: in every footer, as it is.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    title: Annotated[Texts, Field(min_length=1)]
    background: Texts = {}
    event_start: Day
    event_end: Day | None = None
    campaign_start: Day | None = None
    baseline_days: int = Field(7, ge=1)
    wait_days: int | None = Field(None, ge=0)
    history_start: Day | None = None
    excluded: list[Day] = []
    editions: list[Edition] = []
    timezone: Annotated[str, AfterValidator(_zone)] | None = None
    country: str | None = Field(None, pattern="^[A-Z]{2}(-[A-Z0-9]{1,3})?$")
    currency: str | None = Field(None, pattern="^[A-Z]{3}$")
    measures: dict[str, Measure] = {}
    metrics: list[str] = []
    ledger: str | None = Field(None, pattern=r"\S")
    columns: dict[str, str] = {}
    participants: list[str] = []
    donors: list[str] = []
    covariates: list[str] = []
    figures: str | None = None
    offline_channels: list[str] = []
    refunds: bool = False
    decimal: Literal[".", ","] | None = None
    date_format: str | None = None
    encoding: str | None = None
    language: Literal["en", "ar"] = "en"
    confidence: float = Field(0.95, gt=0, lt=1)
    seed: int = Field(20171026, ge=0)
    contact: Texts = {}
    corrections: Texts = {}

    @model_validator(mode="before")
    @classmethod
    def _latest(cls, values: dict) -> dict:
        """The event is the last edition, where nothing else is said."""
        editions = values.get("editions")
        if editions and values.get("event_start") is None and isinstance(editions, list):
            last = max(map(_span, editions), key=lambda span: str(span[0]))
            values = values | {"event_start": last[0], "event_end": last[-1]}
        return values

    _folder: Path | None = PrivateAttr(None)
    _name: str = PrivateAttr("study")

    @classmethod
    def load(cls, path: str | Path, folder: Path | None = None) -> Self:
        """Read a study's YAML file; ValueError says in one line everything that is wrong with it.

        Its relative paths start from `folder`, by default its own.
        """
        path = Path(path)
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist: give a study's parameters file (YAML)")
        if not path.is_file() or path.stat().st_size > LARGEST:
            raise ValueError(f"{path} is not a file of at most {LARGEST:,} bytes: give a study's parameters")
        try:
            values = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)
        except UnicodeDecodeError as fault:
            raise ValueError(f"{path} is not UTF-8 text (byte {fault.start}): save it as UTF-8") from None
        except yaml.reader.ReaderError as fault:
            place = f"{path}, character {fault.position + 1}"
            raise ValueError(f"{place} is U+{fault.character:04X}, which is no text: remove it") from None
        except yaml.YAMLError as fault:
            mark = getattr(fault, "problem_mark", None)
            where = f" line {mark.line + 1}" if mark else ""
            raise ValueError(f"{path}{where}: {getattr(fault, 'problem', None) or fault}") from None
        except RecursionError:
            raise ValueError(f"{path} has lists within lists too deep to read") from None
        except ValueError as fault:  # such as 2017-02-31, or a number of 5,000 digits
            raise ValueError(f"{path} holds a date or number that does not exist: {fault}") from None
        if not isinstance(values, dict):
            raise ValueError(f"{path} holds no parameters: write one `name: value` a line")
        study = cls._checked(values, str(path))
        study._folder, study._name = folder or path.resolve().parent, path.stem
        return study

    @classmethod
    def from_parameters(cls, names: Mapping[str, Any]) -> Self:
        """From a notebook's names after its parameters cell: `Study.from_parameters(globals())`.

        Parameters that nobody gave take their defaults; a title is not required. A name that resembles a parameter
        is an error: papermill sets it all the same, and nothing would use it.
        """
        values = {key: names[key] for key in cls.model_fields if key in names}
        for name, value in names.items():
            plain = (
                name not in values and name[:1] != "_" and isinstance(value, str | int | float | list | dict)
            )
            if plain and (near := difflib.get_close_matches(name, cls.model_fields, 1, 0.8)):
                raise ValueError(f"parameters: {name} is unknown: did you mean {near[0]}?")
        return cls._checked({"title": "Study"} | values, "parameters")

    @classmethod
    def _checked(cls, values: dict, source: str) -> Self:
        try:
            return cls(**{str(key): value for key, value in values.items()})
        except ValidationError as faults:
            raise ValueError(f"{source}: {'; '.join(map(_sentence, faults.errors()))}") from None

    @property
    def name(self) -> str:
        """The folder of its reports: the YAML file's name."""
        return self._name

    @cached_property
    def windows(self) -> Windows:
        """Which day is which, for the event; the days of other editions are not ordinary."""
        from analysis.windows import apart

        return apart(self._windows, self.every_edition)

    @property
    def _windows(self) -> Windows:
        from analysis.windows import Windows

        names = ("event_start", "event_end", "campaign_start", "baseline_days", "wait_days", "country")
        given = {name: getattr(self, name) for name in (*names, "history_start")}
        return Windows(**given, excluded=tuple(self.excluded))

    @cached_property
    def every_edition(self) -> tuple[Windows, ...]:
        """Which day is which, for each edition in order of time; a campaign is as long for each as for the event."""
        spans = {self.event_start: self.event_end or self.event_start} | dict(self.editions)
        notice = self.event_start - (self.campaign_start or self.event_start)
        campaign = {start: start - notice if notice else None for start in spans}
        return tuple(
            replace(self._windows, event_start=start, event_end=spans[start], campaign_start=campaign[start])
            for start in sorted(spans)
        )

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

        return self.ledger is not None and ledger.is_daily(
            self.source, self.columns, self.columns.get("date")
        )

    @cached_property
    def _names(self) -> dict[str, str]:
        """The ledger's columns, ours to theirs."""
        from analysis.ledger.sources import opened

        with opened(self.source, self.columns or None, self.encoding) as source:
            return source.names

    @cached_property
    def _table(self) -> pd.DataFrame:
        """Daily figures, a column a measure; or a column a group of the one measure."""
        from analysis import ledger

        how = {name: value for name, value in self._options().items() if name != "offline_channels"}
        named = [theirs for ours, theirs in self.columns.items() if ours != "date"]
        only = named[0] if len(named) == 1 and not self.donors and not self.covariates else None
        return ledger.read_daily(self.source, self.columns.get("date"), only, timezone=self.timezone, **how)

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

        ledger or daily (figures); offline (and digital channels), entity, service, channel, value, payers; campaign;
        after (days to see what lasts), habit (payers, and time to see them again), designs (entities, and days enough
        to compare designs of an edition on them); day or days (one, several), editions; donors, covariates, figures
        (published), calendar (of a country), background; metrics (several); synthetic or real, truth (of a simulation).
        """
        true = {
            "campaign": len(self.windows.campaign_days) > 0,
            "days": len(self.windows.event_days) > 1,
            "day": len(self.windows.event_days) == 1,
            "calendar": self.country is not None,
            "synthetic": self.synthetic,
            "real": not self.synthetic,
            "editions": len(self.every_edition) > 1,
        } | {name: bool(getattr(self, name)) for name in ("background", "donors", "figures", "covariates")}
        if self.ledger is not None:
            names = {} if self.is_daily else self._names
            groups = {name: name in names and self._shows(name) for name in ("entity", "service", "channel")}
            entity = groups["entity"] or (self.is_daily and "groups" in self._table.attrs)
            true |= groups
            true |= {
                "ledger": not self.is_daily,
                "daily": self.is_daily,
                "entity": entity,
                "value": "amount" in names,
                "payers": "payer_id" in names,
                "offline": "channel" in names and bool(self.offline_channels),
                "metrics": len(self.measured) > 1,
                "truth": bool(self.truth),
                "after": self._open_days_after(14) >= 5,
                "habit": {"payer_id", "channel"} <= names.keys() and self._spans(before=210, after=30),
                "designs": entity and self._like_the_event() >= 35,
            }
        return frozenset(name for name, holds in true.items() if holds)

    def _shows(self, group: str) -> bool:
        """Whether any entity, service or channel has payers enough on the days of the event to be shown."""
        from analysis.disclosure import together

        return any(not together([name]) for name in self.by(group)[group].unique())

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

        with opened(self.source, self.columns or None, self.encoding) as source:
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

        key = _digest(by=by, data=self._fingerprint(), read=self._reading(), code=code_key(module))

        def make() -> bytes:
            self._read(read).to_parquet(made := io.BytesIO())
            return made.getvalue()

        return pd.read_parquet(io.BytesIO(cached(cache_folder() / f"{name}-{key}.parquet", make)))

    def faults(self) -> list[str]:
        """Every fault of the ledger, a line each, without what the cell holds; none in a sound one."""
        key = _digest(faults=True, data=self._fingerprint(), read=self._reading(), code=code_key("ledger"))

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

        with opened(self.source, self.columns or None) as source:
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


@cache
def code_key(module: str | None = None) -> str:
    """Changes with whatever a notebook's numbers or words can come from; or with one module and all that it imports."""
    everything = (".py", ".mplstyle", ".po", ".csv", ".json")
    digest = hashlib.sha256()
    for file in _inside(*everything) if module is None else sorted(_imported(module)):
        digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:24]


def modules() -> list[str]:
    """Names of the modules that a notebook may import: all but `OUTSIDE`."""
    places = [file.relative_to(PACKAGE.parent).with_suffix("").parts for file in _inside(".py")]
    return [".".join(place).removesuffix(".__init__") for place in places]


def _inside(*kinds: str) -> list[Path]:
    """Files of the package, of some kinds, that a notebook's output may depend on."""
    found = (file for file in PACKAGE.rglob("*") if file.suffix in kinds)
    return sorted(file for file in found if file.relative_to(PACKAGE).parts[0] not in OUTSIDE)


def _imported(module: str) -> set[Path]:
    """Files of one of our modules and of those it imports, directly or not, wherever the import stands."""
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        place = PACKAGE.joinpath(*waiting.pop().split("."))
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if file in found or not file.exists():
            continue
        found.add(file)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            for name in names:
                top, *inner = name.split(".")
                if top == "analysis":  # a module is imported after each package that holds it
                    waiting += [".".join(inner[:depth]) for depth in range(1, len(inner) + 1)]
    return found


def _mark(file: Path) -> bytes:
    """Changes when a file does."""
    about = file.stat()
    return f"{about.st_size} {about.st_mtime_ns}".encode()


def _digest(**parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:24]


def _sentence(fault: dict) -> str:
    """One fault of pydantic's, with what to do."""
    name = ".".join(map(str, fault["loc"])) or "study"
    given = fault.get("input")
    shown = reprlib.repr(given)
    kind = fault["type"]
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(name, Study.model_fields, n=1, cutoff=0.4)
        known = f"did you mean {near[0]}?" if near else f"known are {', '.join(Study.model_fields)}"
        return f"{name} is not a parameter: {known}"
    if kind == "missing":
        return f"{name} is missing"
    if kind == "string_type" or (kind == "dict_type" and not isinstance(given, list)):
        if isinstance(given, bool):
            return f"{name} is read as {str(given).lower()}: put it in quotes"
        return f'{name} is {shown}, not text: put it in quotes, "{shown}"'
    if kind == "string_pattern_mismatch":
        if name == "ledger":
            return "ledger is empty: write the path of a file, or leave it out"
        return f"{name} is {shown}: write a code such as {'AED' if name == 'currency' else 'AE or GB-SCT'}"
    message = fault["ctx"]["error"] if "error" in fault.get("ctx", {}) else fault["msg"]
    if kind == "value_error":
        return f"{name} {message}"
    return f"{name} is {shown}: {str(message)[:1].lower()}{str(message)[1:]}"


class _Loader(yaml.SafeLoader):
    """YAML without aliases, in which a key is text and given once: never a silent choice of the last."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):  # a few lines of them expand to more than a machine holds
            problem = "an alias (*name) is not allowed: write the value again"
            raise yaml.composer.ComposerError(problem=problem, problem_mark=self.peek_event().start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                problem = f"{reprlib.repr(key)} is not a name: put it in quotes"
            elif key in seen:
                problem = f"{key} is given twice"
            else:
                seen.add(key)
                continue
            raise yaml.constructor.ConstructorError(problem=problem, problem_mark=key_node.start_mark)
        return super().construct_mapping(node, deep=deep)
