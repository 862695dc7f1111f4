"""Workbooks, SQLite, PostgreSQL and S3 give what the same rows give as a frame; no password is asked in an address."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from test_ledger import drawn

from analysis.ledger import check, daily_metric, daily_panel, read_daily

BY = ("entity", "channel")


def same(source, ledger: pd.DataFrame, **options) -> None:
    """Every panel and metric of the source is that of the frame, to the last cent."""
    own = {"offline_channels": ("counter",)}
    for by in (BY, ("digital",), ()):
        theirs = daily_panel(source, by, **own, **options)
        pd.testing.assert_frame_equal(theirs, daily_panel(ledger, by, **own), check_exact=True)
    theirs = daily_metric(source, "payers", **own, **options)
    pd.testing.assert_series_equal(theirs, daily_metric(ledger, "payers", **own))


@pytest.fixture
def ledger() -> pd.DataFrame:
    return drawn(800, days=40)


@pytest.fixture
def sqlite(tmp_path, ledger) -> Path:
    pytest.importorskip("adbc_driver_sqlite", reason="databases are an extra: pip install .[sql]")
    path = tmp_path / "payments.db"
    with sqlite3.connect(path) as connection:
        ledger.assign(paid_at=ledger["paid_at"].astype(str)).to_sql("payments", connection, index=False)
    connection.close()
    return path


def test_sqlite_gives_the_sums_of_the_frame(sqlite, ledger):
    same(sqlite, ledger)
    same(sqlite, ledger, query="payments")
    same(sqlite, ledger, query="SELECT * FROM payments;")
    assert {f.column for f in check(sqlite)} == {"service", "payer_id", "paid_at"}


def test_a_table_of_sqlite_is_named_where_there_are_several(sqlite):
    with sqlite3.connect(sqlite) as connection:
        connection.execute("CREATE TABLE refunds (paid_at TEXT, amount REAL)")
    connection.close()
    with pytest.raises(
        ValueError, match=r"payments.db: holds the tables payments, refunds; name one with --query"
    ):
        daily_panel(sqlite)
    with pytest.raises(ValueError, match=r"payments.db: no such table: paymnts"):
        daily_panel(sqlite, query="paymnts")


def test_a_workbook_gives_the_sums_of_the_frame(tmp_path, ledger):
    pytest.importorskip("xlsxwriter", reason="tests write workbooks with XlsxWriter, of the dev extra")
    path = tmp_path / "ledger.xlsx"
    with pd.ExcelWriter(path, engine="xlsxwriter") as book:
        ledger.to_excel(book, sheet_name="payments", index=False)
        pd.DataFrame().to_excel(book, sheet_name="notes", index=False)
    whole = ledger.assign(paid_at=ledger["paid_at"].dt.floor("s"))
    same(path, whole)
    with pd.ExcelWriter(path, engine="xlsxwriter") as book:
        ledger.to_excel(book, sheet_name="payments", index=False)
        ledger.head(3).to_excel(book, sheet_name="refunds", index=False)
    with pytest.raises(
        ValueError, match=r"ledger.xlsx: sheets payments, refunds hold data; name one with --query"
    ):
        daily_panel(path)
    same(path, whole, query="payments")
    (fault, *_) = check(path, query="payments")
    assert fault.file == "ledger.xlsx"
    days = pd.DataFrame({"date": pd.date_range("2017-10-01", periods=9), "n": range(9)})
    days.to_excel(tmp_path / "daily.xlsx", index=False, engine="xlsxwriter")
    assert read_daily(tmp_path / "daily.xlsx")["n"].tolist() == list(range(9))


BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/none"))


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """An address of a PostgreSQL of our own, its user's password in PGPASSWORD alone."""
    pytest.importorskip("adbc_driver_postgresql", reason="databases are an extra: pip install .[sql]")
    if not (BIN / "initdb").exists():
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    root, as_user = os.geteuid() == 0, {}
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    if root:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "secret").write_text("s3cret-word\n")
    (folder / "secret").chmod(0o644)
    run = {"check": True, "cwd": folder, "stdout": subprocess.DEVNULL, **as_user}
    init = [
        BIN / "initdb",
        "-D",
        folder / "data",
        "-U",
        "clerk",
        "-A",
        "scram-sha-256",
        "--pwfile",
        folder / "secret",
    ]
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    try:
        subprocess.run(init, **run)
        start = [BIN / "pg_ctl", "-D", folder / "data", "-w", "-l", folder / "log", "-o", options, "start"]
        subprocess.run(start, **run)
        os.environ["PGPASSWORD"] = "s3cret-word"
        yield f"postgresql://clerk@127.0.0.1:{port}/postgres"
    finally:
        os.environ.pop("PGPASSWORD", None)
        subprocess.run(
            [BIN / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop"], **(run | {"check": False})
        )
        shutil.rmtree(folder, ignore_errors=True)


TABLES = {
    "typed": "paid_at timestamp, amount numeric(14,2)",
    "zoned": "paid_at timestamptz, amount double precision",
    "text": "paid_at text, amount text",
}


@pytest.fixture
def table(postgres, ledger):
    """A function that fills a table with the ledger and gives its address."""
    from adbc_driver_postgresql import dbapi

    def fill(name: str, rows: pd.DataFrame = ledger, kinds: str = "") -> str:
        kinds = kinds or TABLES[name]
        with dbapi.connect(postgres) as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
            others = "transaction_id text, entity text, channel text, payer_id text"
            cursor.execute(f"CREATE TABLE {name} ({kinds}, {others})")
            order = [part.split()[0] for part in f"{kinds}, {others}".split(", ")]
            text = pl.from_pandas(rows.assign(paid_at=rows["paid_at"].astype(str))).select(
                pl.col(order).cast(pl.String)
            )
            cursor.adbc_ingest(name + "_rows", text.to_arrow(), mode="replace")
            cast = ", ".join(
                f"{part.split()[0]}::{' '.join(part.split()[1:])}"
                for part in f"{kinds}, {others}".split(", ")
            )
            cursor.execute("SET timezone TO 'Asia/Dubai'")
            cursor.execute(f"INSERT INTO {name} SELECT {cast.replace('(14,2)', '(14,2)')} FROM {name}_rows")
            connection.commit()
        return f"{postgres}?table={name}"

    return fill


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_postgresql_gives_the_sums_of_the_frame(name, table, ledger):
    same(table(name), ledger, timezone="Asia/Dubai")


@pytest.mark.slow
def test_postgresql_refunds_mapped_names_and_queries(table, ledger):
    rows = ledger.assign(amount=ledger["amount"].where(ledger.index % 9 > 0, -5.0))
    address = table("refunds", rows, TABLES["typed"])
    with pytest.raises(ValueError, match="refunds: holds negative amounts"):
        daily_panel(address)
    pd.testing.assert_frame_equal(daily_panel(address, BY, refunds=True), daily_panel(rows, BY, refunds=True))
    query = "SELECT paid_at AS day, amount AS sum, channel FROM refunds WHERE amount >= 0"
    base = address.partition("?")[0]
    columns = {"paid_at": "day", "amount": "sum"}
    kept = rows[rows["amount"] >= 0][["paid_at", "amount", "channel"]]
    pd.testing.assert_series_equal(
        daily_metric(base, "value", columns=columns, query=query), daily_metric(kept, "value")
    )


@pytest.mark.slow
def test_postgresql_refuses_what_a_file_is_refused_for(table, ledger):
    twice = pd.concat([ledger, ledger])
    with pytest.raises(ValueError, match=r"typed: 50.00% of the rows repeat a transaction_id"):
        daily_panel(table("typed", twice))
    bad = ledger.assign(amount=ledger["amount"].mask(ledger.index == 3, float("nan")))
    with pytest.raises(ValueError, match=r"zoned: amount of 1 rows is missing or not a number"):
        daily_panel(table("zoned", bad), timezone="Asia/Dubai")
    with pytest.raises(ValueError, match=r"carries a time zone.*--timezone"):
        daily_panel(table("zoned"))
    renamed = table("typed", ledger.replace({"channel": {"counter": "Counter"}}))
    with pytest.raises(ValueError, match="'Counter' looks like 'counter'"):
        daily_panel(renamed, offline_channels=("counter",))
    with pytest.raises(ValueError, match="no payment on 2018-01-01"):
        daily_metric(table("typed"), "count", event=["2018-01-01"])
    assert {f.column for f in check(table("typed"))} == {"service", "payer_id", "paid_at"}


@pytest.mark.slow
def test_a_password_is_neither_taken_nor_told(postgres, table, monkeypatch):
    address = table("typed")
    for secret in (address.replace("clerk@", "clerk:s3cret-word@"), address + "&password=s3cret-word"):
        with pytest.raises(ValueError, match="holds a password; leave it out and set PGPASSWORD") as told:
            daily_panel(secret)
        assert "s3cret" not in str(told.value)
        assert "s3cret" not in str(check(secret))
    monkeypatch.setenv("PGPASSWORD", "wrong-w0rd")
    with pytest.raises(ValueError, match=r"^typed: .*password authentication failed") as told:
        daily_panel(address)
    assert "w0rd" not in str(told.value)
    assert "\n" not in str(told.value)
    monkeypatch.setenv("PGPASSWORD", "s3cret-word")
    with pytest.raises(ValueError, match=r"add \?table=NAME to the address, or --query"):
        daily_panel(postgres)


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """An S3-compatible store on this machine; its address and keys in the environment."""
    pytest.importorskip("moto.server", reason="tests of s3:// need moto[server], of the dev extra")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "clerk",
        "AWS_SECRET_ACCESS_KEY": "s3cret-word",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.environ.update(settings)
    try:
        for _ in range(200):
            try:
                put(f"{settings['AWS_ENDPOINT_URL']}/payments", b"")
                break
            except OSError:
                time.sleep(0.1)
        yield settings["AWS_ENDPOINT_URL"] + "/payments"
    finally:
        server.terminate()
        server.wait()
        for name in settings:
            os.environ.pop(name)


def put(url: str, body: bytes) -> None:
    headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=clerk/20170101/us-east-1/s3/aws4_request"}
    headers["Content-Type"] = "application/octet-stream"
    urllib.request.urlopen(urllib.request.Request(url, body, headers, method="PUT"), timeout=5).read()


@pytest.mark.slow
def test_parquet_in_an_s3_compatible_store(bucket, ledger, tmp_path):
    for month, part in ledger.groupby(ledger["paid_at"].dt.month):
        part.to_parquet(tmp_path / "part.parquet", index=False)
        put(f"{bucket}/2017/{month}.parquet", (tmp_path / "part.parquet").read_bytes())
    same("s3://payments/2017/*.parquet", ledger)
    with pytest.raises(ValueError, match=r"only Parquet is read there; name it as s3://payments/\*.parquet"):
        daily_panel("s3://payments/")
    with pytest.raises(ValueError, match=r"^gone.parquet: the store has no such object") as told:
        daily_panel("s3://payments/gone.parquet")
    assert "s3cret" not in str(told.value)
    assert "\n" not in str(told.value)
