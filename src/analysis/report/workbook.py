"""All tables of a study as one workbook: a sheet a table, numbers as numbers."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from analysis import words
from analysis.words import _

LONGEST = 31  # characters that a spreadsheet lets a sheet's name have
FULL = 32_767  # characters that a cell holds
FIRST_ROW = 3  # caption, empty row, headings


def sheets(notebooks: dict[str, dict], language: str) -> list[dict[str, Any]]:
    """Each table in one language: number of its notebook, caption, columns, rows, whether synthetic."""
    from analysis.report.summary import outputs

    return [
        {"number": name[:2], "synthetic": meta["synthetic"], "caption": told["caption"], **told["sheet"]}
        for name, notebook in notebooks.items()
        for meta in outputs(notebook)
        if "sheet" in (told := meta.get("languages", {}).get(language, {}))
    ]


def workbook(tables: list[dict[str, Any]], title: str, about: Iterable[str], day: str) -> bytes:
    """The workbook in the language spoken now; the same tables give the same bytes.

    Parameters
    ----------
    tables : list of dict
        As `sheets` gives them.
    title : str
        Of the study.
    about : iterable of str
        Lines under the title on the first sheet, which lists the tables.
    day : str
        As 2017-10-26: the date of creation that the file carries.
    """
    import xlsxwriter

    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True}) as book:
        book.set_properties({"title": words.plain(title), "created": datetime.fromisoformat(day)})
        bold = book.add_format({"bold": True})
        head = book.add_format({"bold": True, "text_wrap": True, "bottom": 1, "valign": "bottom"})
        first = book.add_worksheet(_("Contents"))
        for row, text in enumerate(map(words.plain, [title, *about])):
            first.write_string(row, 0, text, None if row else bold)
        first.set_column(0, 0, 90)
        used = {_("Contents").lower()}
        for table in tables:
            told = f"{table['number']} {table['caption']}"
            name = sheet_name(told, used)
            row += 1
            first.write_url(row, 0, "internal:'{}'!A1".format(name.replace("'", "''")), string=told[:255])
            _fill(book.add_worksheet(name), table, bold, head, book.add_format)
        for sheet in book.worksheets():
            if words.direction() == "rtl":
                sheet.right_to_left()
    return made.getvalue()


def sheet_name(text: str, used: set[str]) -> str:
    """A name that a spreadsheet takes and no other sheet has; `used` holds them in lower case, and this one too."""
    plain = " ".join(re.sub(r"[\[\]:*?/\\\x00-\x1f\u2066-\u2069]", " ", text).split()).strip("'")
    name, number = plain[:LONGEST].strip(" '"), 1
    while name.lower() in used:
        number += 1
        end = f" ({number})"
        name = plain[: LONGEST - len(end)].strip(" '") + end
    used.add(name.lower())
    return name


def _fill(sheet: Any, table: dict[str, Any], bold: Any, head: Any, form: Any) -> None:
    """One table: caption, headings, rows; headings stay in sight, and synthetic data say so in print too."""
    caption = table["caption"]
    if table["synthetic"]:
        caption = _("Synthetic data. {text}").format(text=caption)
        sheet.set_header("&C" + _("Synthetic data"))
    sheet.write_string(0, 0, caption, bold)
    sheet.freeze_panes(FIRST_ROW, 1)
    for column, (heading, number_format) in enumerate(table["columns"]):
        sheet.write_string(FIRST_ROW - 1, column, heading, head)
        cells = [row[column] for row in table["rows"]]
        widest = max([len(heading) / 2, *(len(cell) for cell in cells if isinstance(cell, str))], default=0)
        sheet.set_column(column, column, min(max(widest + 2, 12), 60))
        look = form({"num_format": number_format})
        for row, cell in enumerate(cells, start=FIRST_ROW):
            if cell is None:
                continue
            if not isinstance(cell, str):
                sheet.write_number(row, column, cell, look)
            elif number_format.startswith("yyyy") and re.fullmatch(r"\d{4}-\d\d-\d\d", cell):
                sheet.write_datetime(row, column, datetime.fromisoformat(cell), look)
            else:  # never a formula, whatever it begins with
                sheet.write_string(row, column, words.plain(cell)[:FULL])
