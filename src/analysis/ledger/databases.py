"""SQLite files and PostgreSQL through ADBC: their rows, a batch at a time, as a temporary Parquet file.

That is twice as fast as PostgreSQL's own sums with distinct payers (3 million rows on one machine: 6 s against 14 s).
User and password come from the environment alone (PGUSER, PGPASSWORD, a service file), never from the address.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

POSTGRESQL = ("postgresql:/", "postgres:/")
TABLES = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"


def named(url: str) -> str:
    """What an error calls an address: its table or its database, nothing else of it."""
    parts = urlsplit(url)
    return parse_qs(parts.query).get("table", [parts.path.strip("/") or "the database"])[0]


def columns(source: str, query: str | None = None) -> list[str]:
    """The names of the columns."""
    with _table(source, query) as (_, _, types):
        return list(types)


def spooled(source: str, query: str | None, folder: Path) -> Path:
    """Every row as a Parquet file in `folder`; a cell without a type of its own as text."""
    import pyarrow.parquet as pq

    target = folder / "rows.parquet"
    with _table(source, query) as (cursor, table, types):
        picked = []
        for name, kind in types.items():
            column = _quoted(name)
            if not source.startswith(POSTGRESQL):
                column = f"CAST({column} AS TEXT)"  # a column of SQLite holds any type
            elif "numeric" in kind:
                column = f"{column}::double precision"
            elif not re.match(r"timestamp|date|int|float|double|bool", kind):
                column = f"{column}::text"
            picked.append(f"{column} AS {_quoted(name)}")
        cursor.execute(f"SELECT {', '.join(picked)} FROM {table}")
        batches = cursor.fetch_record_batch()
        with pq.ParquetWriter(target, batches.schema) as out:
            for batch in batches:
                out.write_batch(batch)
    return target


@contextlib.contextmanager
def _table(source: str, query: str | None) -> Iterator[tuple[Any, str, dict[str, str]]]:
    """A cursor on a SQLite file or a PostgreSQL address, what follows FROM, and each column's Arrow type."""
    try:
        if source.startswith(POSTGRESQL):
            from adbc_driver_postgresql import dbapi
        else:
            from adbc_driver_sqlite import dbapi
    except ImportError:
        raise ValueError("a database needs the extra sql; pip install 'analysis[sql]'") from None
    with dbapi.connect(_address(source)) as connection, connection.cursor() as cursor:
        table = _from(source, query, cursor)
        cursor.execute(f"SELECT * FROM {table} LIMIT 0")
        yield cursor, table, {field.name: str(field.type) for field in cursor.fetch_arrow_table().schema}


def _address(source: str) -> str:
    """What the driver connects to."""
    if not source.startswith(POSTGRESQL):
        return f"file:{Path(source).resolve()}?mode=ro"
    parts = urlsplit(re.sub(r"^postgres(?:ql)?:/+", "postgresql://", source))
    keep = [f"{k}={v[0]}" for k, v in parse_qs(parts.query).items() if k != "table"]
    if parts.password or any(k.startswith("password=") for k in keep):
        advice = "leave it out and set PGPASSWORD in the environment"
        raise ValueError(f"{named(source)}: the address holds a password; {advice}")
    return urlunsplit(parts._replace(query="&".join(keep)))


def _from(source: str, query: str | None, cursor: Any) -> str:
    """What follows FROM: the table or SELECT that is named, or a SQLite file's only table."""
    remote = source.startswith(POSTGRESQL)
    if remote:
        query = query or parse_qs(urlsplit(source).query).get("table", [None])[0]
    elif query is None:
        cursor.execute(TABLES)
        tables = [row[0] for row in cursor.fetchall()]
        if len(tables) != 1:
            held = f"holds the tables {', '.join(tables)}" if tables else "holds no table"
            raise ValueError(f"{Path(source).name}: {held}; name one with --query")
        query = tables[0]
    if not query:
        raise ValueError(f"{named(source)}: no table is named; add ?table=NAME to the address, or --query")
    if re.match(r"\s*(select|with)\b", query, re.I):
        return f"({query.rstrip().rstrip(';')}) AS payments"
    return ".".join(map(_quoted, query.split("."))) if remote else _quoted(query)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
