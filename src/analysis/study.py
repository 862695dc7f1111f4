"""One study: its parameters with their types, and its daily data, computed once and shared by all notebooks."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
)

if TYPE_CHECKING:
    import pandas as pd

    from analysis.windows import Windows

ROOT = Path(__file__).parents[2]


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
    raise ValueError(f"{value!r} is not a date: write it as 2017-10-26")


def _zone(value: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(value)
    except (ValueError, OSError):
        raise ValueError(f"{value!r} is not a time zone: write it as Asia/Dubai") from None
    return value


Day = Annotated[date, BeforeValidator(_day)]
Metric = Literal["count", "value", "payers", "ticket", "digital_share"]


class Study(BaseModel):
    """The parameters of a study, as its YAML file has them; types are strict and unknown keys are refused.

    Parameters
    ----------
    title : str
        Names the study in every report.
    event_start, event_end, campaign_start, history_start, baseline_days, country, excluded
        As in `windows.Windows`.
    timezone : str
        Local time of the ledger.
    currency : str
        ISO 4217 code of the amounts.
    metrics : list
        What is estimated: count, value, payers, ticket, digital_share.
    ledger : str, optional
        Path of the ledger or daily CSV, relative to the study's file or to the repository.
    columns : dict
        Name of each ledger column in the source, where it differs.
    participants : list of str
        The entities that took part; empty means all.
    language : str
        Language of the notebooks' own output, "en" or "ar".
    confidence : float
        Level of every interval.
    seed : int
        Of everything random.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    title: str = Field(min_length=1)
    event_start: Day
    event_end: Day | None = None
    campaign_start: Day | None = None
    baseline_days: int = Field(7, ge=1)
    history_start: Day | None = None
    excluded: list[Day] = []
    timezone: Annotated[str, AfterValidator(_zone)] = "Asia/Dubai"
    country: str | None = Field("AE", pattern="^[A-Z]{2}$")
    currency: str = Field("AED", pattern="^[A-Z]{3}$")
    metrics: list[Metric] = Field(["count", "value", "payers", "ticket", "digital_share"], min_length=1)
    ledger: str | None = None
    columns: dict[str, str] = {}
    participants: list[str] = []
    language: Literal["en", "ar"] = "en"
    confidence: float = Field(0.95, gt=0, lt=1)
    seed: int = Field(20171026, ge=0)

    _folder: Path | None = PrivateAttr(None)
    _name: str = PrivateAttr("study")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a study's YAML file; ValueError says in one line everything that is wrong with it."""
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"{path} does not exist: give a study's parameters file (YAML)")
        try:
            values = yaml.load(path.read_text(encoding="utf-8-sig"), Loader=_Loader)
        except UnicodeDecodeError as fault:
            raise ValueError(f"{path} is not UTF-8 text (byte {fault.start}): save it as UTF-8") from None
        except yaml.YAMLError as fault:
            mark = getattr(fault, "problem_mark", None)
            where = f" line {mark.line + 1}" if mark else ""
            raise ValueError(f"{path}{where}: {getattr(fault, 'problem', None) or fault}") from None
        except ValueError as fault:  # such as 2017-02-31
            raise ValueError(f"{path} holds a date that does not exist: {fault}") from None
        if not isinstance(values, dict):
            raise ValueError(f"{path} holds no parameters: write one `name: value` a line")
        study = cls._checked(values, str(path))
        study._folder, study._name = path.resolve().parent, path.stem
        return study

    @classmethod
    def from_parameters(cls, names: Mapping[str, Any]) -> Self:
        """From a notebook's names after its parameters cell: `Study.from_parameters(globals())`.

        Parameters that the notebook does not declare take their defaults; a title is not required.
        """
        values = {key: names[key] for key in cls.model_fields if key in names}
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
        """Which day is which."""
        from analysis.windows import Windows

        return Windows(
            event_start=self.event_start,
            event_end=self.event_end,
            campaign_start=self.campaign_start,
            baseline_days=self.baseline_days,
            country=self.country,
            history_start=self.history_start,
            excluded=tuple(self.excluded),
        )

    @cached_property
    def source(self) -> Path:
        """The ledger's path; the synthetic ledger is made when it is missing."""
        if self.ledger is None:
            raise ValueError("the study has no ledger: give the path of one as `ledger`")
        given = Path(self.ledger).expanduser()
        places = [(folder / given) for folder in (self._folder, ROOT, Path.cwd()) if folder is not None]
        for place in places:
            if place.exists() or (any(c in given.name for c in "*?[") and any(place.parent.glob(given.name))):
                return place
        if (ROOT / given).parent == ROOT / "data" / "synthetic":
            from analysis import simulate

            with _locked(cache_folder() / f"{given.stem}.lock"):
                if not (ROOT / given).exists():
                    simulate.ensure(ROOT / given)
            return ROOT / given
        raise FileNotFoundError(f"{self.ledger} does not exist: check `ledger`")

    @property
    def synthetic(self) -> bool:
        """Whether the ledger is simulated, as its own metadata say."""
        if self.ledger is None:
            return False
        from analysis import ledger

        return ledger.is_synthetic(self.source)

    def daily(self, metric: str) -> pd.Series:
        """One metric a day, over all digital payments of the ledger."""
        return self._once("daily", lambda: self._daily(metric).rename(metric).to_frame(), metric=metric)[
            metric
        ]

    def panel(self, by: tuple[str, ...] = ("entity", "channel")) -> pd.DataFrame:
        """The daily panel: date, *by, count, value, payers; days without payments are zeros."""
        by = tuple(by)

        def compute() -> pd.DataFrame:
            from analysis import ledger

            panel = ledger.daily_panel(self.source, by=by, columns=self.columns or None)
            if self.participants and "entity" in by:
                panel = panel[panel["entity"].isin(self.participants)].reset_index(drop=True)
            return panel

        return self._once("panel", compute, by=by)

    def data_key(self) -> str:
        """Changes when the ledger or the way it is read does."""
        return _digest(ledger=self.fingerprint(), columns=self.columns, participants=self.participants)

    def fingerprint(self) -> list[list]:
        """Name, size and time of change of each file of the ledger."""
        if self.ledger is None:
            return []
        return [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in files(self.source)]

    def _daily(self, metric: str) -> pd.Series:
        from analysis import ledger

        if not ledger.is_ledger(self.source, self.columns or None):
            return ledger.read_daily(self.source, self.columns.get("date"), self.columns.get(metric, metric))
        panel = self.panel(("channel",))
        return ledger.metric(panel, metric)

    def _once(self, kind: str, compute: Callable[[], pd.DataFrame], **options: Any) -> pd.DataFrame:
        """`compute()`, kept as Parquet; concurrent callers wait for the first instead of computing again."""
        import pandas as pd

        code = [Path(__file__).with_name(f"{module}.py") for module in ("ledger", "accounts", "study")]
        code_key = [hashlib.sha256(file.read_bytes()).hexdigest() for file in code if file.exists()]
        key = _digest(kind=kind, data=self.data_key(), timezone=self.timezone, code=code_key, options=options)
        path = cache_folder() / f"{kind}-{key}.parquet"
        if not path.exists():
            with _locked(path.with_suffix(".lock")):
                if not path.exists():
                    write(path, lambda temporary: compute().to_parquet(temporary))
        return pd.read_parquet(path)


def cache_folder() -> Path:
    """Where computed things are kept between runs: ANALYSIS_CACHE, or build/cache of the repository."""
    folder = Path(os.environ.get("ANALYSIS_CACHE") or ROOT / "build" / "cache")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def files(source: Path) -> list[Path]:
    """The files behind a path that may be a file, a folder or a glob."""
    if source.is_dir():
        return sorted(file for file in source.rglob("*") if file.is_file())
    return [source] if source.exists() else sorted(source.parent.glob(source.name))


def write(path: Path, fill: Callable[[Path], Any] | str | bytes) -> None:
    """Write a file whole or not at all: under a temporary name beside it, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if callable(fill):
            fill(temporary)
        else:
            temporary.write_bytes(fill.encode() if isinstance(fill, str) else fill)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _digest(**parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:24]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time, where the system has file locks; elsewhere work may be done twice."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _sentence(fault: dict) -> str:
    """One fault of pydantic's, with what to do."""
    name = ".".join(map(str, fault["loc"])) or "study"
    given = fault.get("input")
    kind = fault["type"]
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(name, Study.model_fields, n=1, cutoff=0.4)
        known = f"did you mean {near[0]}?" if near else f"known are {', '.join(Study.model_fields)}"
        return f"{name} is not a parameter: {known}"
    if kind == "missing":
        return f"{name} is missing"
    if kind == "string_type":
        if isinstance(given, bool):
            return f"{name} is read as {str(given).lower()}: put it in quotes"
        return f'{name} is {given!r}, not text: put it in quotes, "{given}"'
    if kind == "string_pattern_mismatch":
        example = {"country": "AE", "currency": "AED"}.get(name, "")
        return f"{name} is {given!r}: write a code such as {example}"
    message = fault["ctx"]["error"] if "error" in fault.get("ctx", {}) else fault["msg"]
    if kind == "value_error":
        return f"{name} {message}"
    return f"{name} is {given!r}: {str(message)[:1].lower()}{str(message)[1:]}"


class _Loader(yaml.SafeLoader):
    """YAML in which a key that is given twice is an error, not a silent choice of the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key} is given twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)
