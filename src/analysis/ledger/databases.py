"""SQLite files and PostgreSQL, through ADBC: rows to a temporary file, or PostgreSQL's own sums a day and group.

User and password come from the environment alone (PGUSER, PGPASSWORD, a service file), never from the address.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import pandas as pd

from analysis.ledger.notation import ZONE_ADVICE

POSTGRESQL = ("postgresql:/", "postgres:/")
UNITS = 10_000  # amounts are summed as whole ten-thousandths, so that every engine gives the same last cent
LIMIT = 9e15  # beyond it a double holds no whole units
MISSING = "(missing)"


def named(url: str) -> str:
    """What an error calls an address: its table or its database, nothing else of it."""
    parts = urlsplit(url)
    return parse_qs(parts.query).get("table", [parts.path.strip("/") or "the database"])[0]


@contextlib.contextmanager
def _cursor(source: str) -> Iterator[Any]:
    """A cursor on a SQLite file or a PostgreSQL address."""
    try:
        if not source.startswith(POSTGRESQL):
            from adbc_driver_sqlite import dbapi

            address = f"file:{Path(source).resolve()}?mode=ro"
        else:
            from adbc_driver_postgresql import dbapi

            parts = urlsplit(re.sub(r"^postgres(?:ql)?:/+", "postgresql://", source))
            keep = [f"{k}={v[0]}" for k, v in parse_qs(parts.query).items() if k != "table"]
            if parts.password or any(k.startswith("password=") for k in keep):
                raise ValueError(
                    f"{named(source)}: the address holds a password; leave it out and set PGPASSWORD in the environment"
                )
            address = urlunsplit(parts._replace(query="&".join(keep)))
    except ImportError:
        raise ValueError("a database needs the extra sql; pip install 'analysis[sql]'") from None
    with dbapi.connect(address) as connection, connection.cursor() as cursor:
        yield cursor


def _from(source: str, query: str | None, cursor: Any) -> str:
    """What follows FROM: the table or SELECT that is named, or a SQLite file's only table."""
    if source.startswith(POSTGRESQL):
        query = query or parse_qs(urlsplit(source).query).get("table", [None])[0]
    if query is None and not source.startswith(POSTGRESQL):
        cursor.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
        )
        tables = [row[0] for row in cursor.fetchall()]
        if len(tables) != 1:
            held = f"holds the tables {', '.join(tables)}" if tables else "holds no table"
            raise ValueError(f"{Path(source).name}: {held}; name one with --query")
        query = tables[0]
    if not query:
        raise ValueError(f"{named(source)}: no table is named; add ?table=NAME to the address, or --query")
    if re.match(r"\s*(select|with)\b", query, re.I):
        return f"({query.rstrip().rstrip(';')}) AS payments"
    if source.startswith(POSTGRESQL):
        return ".".join(map(quoted, query.split(".")))
    return quoted(query)


def quoted(name: str) -> str:
    """A name as SQL takes it."""
    return '"' + name.replace('"', '""') + '"'


def _types(source: str, table: str, cursor: Any) -> dict[str, str]:
    """Name and Arrow type of each column."""
    cursor.execute(f"SELECT * FROM {table} LIMIT 0")
    return {field.name: str(field.type) for field in cursor.fetch_arrow_table().schema}


def columns(source: str, query: str | None = None) -> list[str]:
    """The names of the columns."""
    with _cursor(source) as cursor:
        return list(_types(source, _from(source, query, cursor), cursor))


def spooled(source: str, query: str | None, folder: Path) -> Path:
    """Every row, a batch at a time, as a Parquet file in `folder`; a cell without a type of its own as text."""
    import pyarrow.parquet as pq

    target = folder / "rows.parquet"
    with _cursor(source) as cursor:
        table = _from(source, query, cursor)
        picked = []
        for name, kind in _types(source, table, cursor).items():
            column = quoted(name)
            if not source.startswith(POSTGRESQL):
                column = f"CAST({column} AS TEXT)"  # a column of SQLite holds any type
            elif "numeric" in kind:
                column = f"{column}::double precision"
            elif not re.match(r"timestamp|date|int|float|double|bool", kind):
                column = f"{column}::text"
            picked.append(f"{column} AS {quoted(name)}")
        cursor.execute(f"SELECT {', '.join(picked)} FROM {table}")
        batches = cursor.fetch_record_batch()
        with pq.ParquetWriter(target, batches.schema) as out:
            for batch in batches:
                out.write_batch(batch)
    return target


def sums(source: str, names: dict[str, str], by: list[str], how: Any) -> pd.DataFrame | None:
    """What `aggregate.sums` gives, by one GROUP BY in PostgreSQL; None where text has to be read first.

    `names` maps our column names to the table's; `how` is a `sources.Reading`.
    """
    with _cursor(source) as cursor:
        table = _from(source, how.query, cursor)
        types = _types(source, table, cursor)
        if "paid_at" not in names:
            return None
        col = {ours: quoted(theirs) for ours, theirs in names.items()}
        when, money = types[names["paid_at"]], types.get(names.get("amount", ""), "numeric")
        zoned = "tz=" in when
        typed = re.match(r"timestamp|date", when) and re.search(r"numeric|int|float|double", money)
        if not typed:
            return None
        if zoned and how.timezone is None:
            raise ValueError(f"{named(source)}: {names['paid_at']} carries a time zone; {ZONE_ADVICE}")
        day = f"({col['paid_at']} AT TIME ZONE '{how.timezone}')" if zoned else col["paid_at"]
        picked = {"date": f"{day}::date"}
        offline = ", ".join("'" + one.replace("'", "''") + "'" for one in how.offline_channels) or "''"
        for name in by:
            label = f"COALESCE({col['channel' if name == 'digital' else name]}::text, '{MISSING}')"
            picked[name] = f"{label} NOT IN ({offline})" if name == "digital" else label
        groups = ", ".join(map(str, range(1, len(picked) + 1)))
        picked["count"], paying = "COUNT(*)", "TRUE"
        if amount := col.get("amount"):
            fair = f"FILTER (WHERE {amount} BETWEEN -{LIMIT:.0f} AND {LIMIT:.0f})"
            picked["units"] = f"COALESCE(TRUNC(SUM(ROUND({amount}::numeric * {UNITS})) {fair}), 0)::text"
            picked["priced"] = f"COUNT({amount}) {fair}"
            picked["least"] = f"(MIN({amount}) {fair})::double precision"
            if how.refunds:
                picked["refund"] = f"COUNT(*) FILTER (WHERE {amount} < 0)"
                paying = f"NOT COALESCE({amount} < 0, FALSE)"
        if "payer_id" in col:
            payer = f"NULLIF(TRIM({col['payer_id']}::text), '')"
            picked["payers"] = f"COUNT(DISTINCT {payer}) FILTER (WHERE {paying})"
            picked["nameless"] = f"COUNT(*) FILTER (WHERE {payer} IS NULL AND {paying})"
        if "transaction_id" in col:
            identifier = f"NULLIF(TRIM({col['transaction_id']}::text), '')"
            picked["ids"] = f"COUNT({identifier})"
            picked["repeated"] = f"COUNT({identifier}) - COUNT(DISTINCT {identifier})"
        listed = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in picked.items())
        cursor.execute(f"SELECT {listed} FROM {table} GROUP BY {groups}")
        found = cursor.fetch_arrow_table().to_pandas()
    if "units" in found:
        found["units"] = pd.Series([int(text) for text in found["units"]], dtype=object)
    return found


def labels(source: str, query: str | None, column: str) -> list[str | None]:
    """The distinct labels of a column."""
    with _cursor(source) as cursor:
        cursor.execute(f"SELECT DISTINCT {quoted(column)}::text FROM {_from(source, query, cursor)}")
        return [row[0] for row in cursor.fetchall()]
