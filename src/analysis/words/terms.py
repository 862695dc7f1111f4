"""The reader's word for each code; the words themselves stand in `terms.csv`.

Its rows: a table, a code in it, the English text, and of a column the kind of its cells: one of `values.NUMBERS`,
`values.CODES` or, for `show.table`, of `tables.ROWS`.
"""

from __future__ import annotations

import csv
import datetime
import re
from functools import partial
from pathlib import Path

from analysis.days import WEEKDAYS
from analysis.words.catalogue import _, language, name, ngettext, setting
from analysis.words.inert import LONGEST, UNIT, plain
from analysis.words.numbers import date, weekday

TERMS: dict[str, dict[str, str]] = {}
COLUMNS: dict[str, str] = {}  # the kind of each column's cells
with Path(__file__).with_name("terms.csv").open(encoding="utf-8", newline="") as file:
    for row in csv.DictReader(file):
        TERMS.setdefault(row["table"], {})[row["code"]] = row["text"]
        if row["kind"]:
            COLUMNS[row["code"]] = row["kind"]
REST, TOGETHER = "All others", "All others together"  # the row of all groups that are not shown one by one


def term(table: str, code: str) -> str:
    """The word for `code` in a table; what the table does not have keeps its name."""
    known = TERMS.get(table, {}).get(str(code))
    return _(known) if known else name(str(code).replace("_", " ") if table in TERMS else code)


method, series, process = partial(term, "estimator"), partial(term, "series"), partial(term, "process")
part, period_name = partial(term, "part"), partial(term, "period")


def estimand(code: str, table: str = "estimand") -> str:
    """What the effect is measured over; without a campaign there is one baseline, the days before."""
    if not setting().campaign:
        return _("Over the days before") if table == "estimand" else _("Days before")
    return term(table, code)


def choice(column: str, value) -> str:
    """One choice of a specification as a reader calls it."""
    if column == "baseline":
        return estimand(value)
    if str(value) in TERMS.get(column, {}) or not str(value).isdigit():
        return term(column, value)
    forms = {
        "history": ngettext("{n} day of history", "{n} days of history", int(value)),
        "baseline_days": ngettext("baseline of {n} day", "baseline of {n} days", int(value)),
        "wait_days": ngettext("last {n} day left out", "last {n} days left out", int(value)),
    }
    return forms.get(column, str(value)).format(n=int(value))


def coefficient(column: str) -> str:
    """A column of the regression as a reader calls it."""
    if column in WEEKDAYS:
        return weekday(WEEKDAYS.index(column))
    template = re.sub(r"[0-9-]*[0-9]", "{n}", column)
    number = column[len(template.split("{n}")[0]) :].split(" ")[0]
    if template == "{n}":
        template = "the event, {n}"
    if template not in TERMS["coefficient"]:  # a covariate of the user's
        return name(column)
    n = date(datetime.date.fromisoformat(number)) if "-" in number else number
    return _(template).format(n=n)


def reason(text: str) -> str:
    """Why an estimator refuses, with its days written out."""
    given = [
        date(datetime.date.fromisoformat(n)) if "-" in n else n for n in re.findall(r"\d[\d.-]*\b", text)
    ]
    template = name(re.sub(r"\d[\d.-]*\b", "{n}", text))
    return re.sub(r"\{n\}", lambda _found: given.pop(0), template)


def heading(column: str) -> str:
    """A column's heading: known names are translated, an end of an interval is named after its column."""
    column = str(column)
    if column in TERMS["column"]:
        return _(TERMS["column"][column])
    if end := re.fullmatch("(.+)_(low|high)", column, re.DOTALL):
        return f"{heading(end[1])}: {heading(end[2]).lower()}"
    plain = column.replace("_", " ").capitalize()
    return name(column) if name(column) != column or not column.isidentifier() else name(plain)


def metric(code: str) -> str:
    """A metric as a reader calls it; a foreign column that the study gives no label keeps its name."""
    if code in setting().measures:
        return _("number of {what}").format(what=label(code)) if kind(code) == "count" else label(code)
    known = TERMS["metric"] | (TERMS["digital"] if setting().offline else {})
    return _(known[code]) if code in known else name(code)


def label(code: str) -> str:
    """What the study calls a measure, in the language spoken, or else in the first that it gives."""
    return plain(in_language(setting().measures[code]["label"]), LONGEST)


def in_language(texts) -> str:
    """What a study says of itself, a text by language: in the one spoken, or else in the first that it gives."""
    return plain(texts.get(language()) or next(iter(texts.values()), ""))


def kind(code: str) -> str:
    """How a metric's numbers are written: "count", "money", "percent", or "number" with nothing known of it."""
    if code in setting().measures:
        own = setting().measures[code]["kind"]
        return {"share": "percent", "sum": "number", "mean": "number"}.get(own, own)
    known = {"value": "money", "ticket": "money", "digital_share": "percent"}
    return known.get(code, "count" if code in TERMS["metric"] else "number")


def unit(code: str) -> str:
    """The unit of a measure that is neither money nor a count, as the study says it; or ""."""
    return plain((setting().measures.get(code) or {}).get("unit") or "", UNIT)


def table_kind(code: str) -> str:
    """The kind of a metric's numbers in a table."""
    return {"count": "number.0"}.get(kind(code), kind(code))
