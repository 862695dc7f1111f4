"""The parameters of a study, with their types: one YAML file, or a notebook's names."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Mapping
from dataclasses import replace
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
    model_validator,
)

if TYPE_CHECKING:
    from analysis.windows import Windows

LARGEST = 1_000_000  # bytes of a study's file: no parameters need more


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
        raise ValueError(f"{value!r} is not a time zone: write it as Europe/London") from None
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


class Parameters(BaseModel):
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
    seed: int = Field(1, ge=0)
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


def _sentence(fault: dict) -> str:
    """One fault of pydantic's, with what to do."""
    name = ".".join(map(str, fault["loc"])) or "study"
    given = fault.get("input")
    shown = reprlib.repr(given)
    kind = fault["type"]
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(name, Parameters.model_fields, n=1, cutoff=0.4)
        known = f"did you mean {near[0]}?" if near else f"known are {', '.join(Parameters.model_fields)}"
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
