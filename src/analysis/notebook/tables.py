"""Tables under the headings that a reader sees."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd


def capital(text: str) -> str:
    """The text with a capital to open it."""
    return text[:1].upper() + text[1:]


def headed(table: pd.DataFrame, headings: Mapping[str, str], formats: Mapping[str, str]) -> pd.DataFrame:
    """The table under its headings, with the kind of each column's numbers for `show.table`."""
    headed = table.rename(columns=headings)
    headed.attrs["formats"] = {headings[name]: formats[name] for name in table.columns if name in formats}
    return headed
