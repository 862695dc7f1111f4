"""The same panel code on a Spark session: the cluster's path, on this machine."""

from __future__ import annotations

import os

import pandas as pd
import pytest
from test_ledger import by_hand, drawn

from analysis.ledger import daily_metric, daily_panel
from analysis.ledger.first_timers import first_timers

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def spark():
    sql = pytest.importorskip("pyspark.sql", reason="Spark is an extra: pip install .[spark]")
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = sql.SparkSession.builder.master("local[2]").appName("ledger")
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "4",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.session.timeZone": "Europe/London",
    }
    for key, value in settings.items():
        builder = builder.config(key, value)
    try:
        session = builder.getOrCreate()
    except Exception as error:
        pytest.skip(f"Spark does not start here (it needs Java 17): {error}")
    yield session
    session.stop()


@pytest.fixture
def folder(tmp_path):
    for month, part in drawn().groupby(drawn()["paid_at"].dt.month):
        part.to_parquet(tmp_path / f"{month}.parquet", index=False)
    return tmp_path


def test_spark_gives_the_sums_made_by_hand_to_the_last_cent(spark, folder):
    panel = daily_panel(spark.read.parquet(str(folder)))
    pd.testing.assert_frame_equal(panel, by_hand(drawn()), check_exact=True)
    pd.testing.assert_frame_equal(panel, daily_panel(folder), check_exact=True)


def test_spark_takes_mapped_columns_refunds_and_metrics(spark, folder):
    frame = (
        spark.read.parquet(str(folder)).withColumnRenamed("amount", "sum").selectExpr("*", "sum - 100 AS net")
    )
    columns = {"amount": "net"}
    ours = drawn().assign(net=drawn()["amount"] - 100)
    for name in ("value", "payers", "digital_share"):
        pd.testing.assert_series_equal(
            *(
                daily_metric(rows, name, columns=columns, refunds=True, offline_channels=("counter",))
                for rows in (frame, ours)
            )
        )


def test_spark_times_with_a_zone_fall_on_the_day_of_the_study(spark):
    """20:00 and 19:59 in UTC are the two sides of midnight in Dubai, whatever the zone of the session."""
    frame = spark.sql(
        "SELECT explode(array(timestamp'2017-10-25 20:00:00Z', timestamp'2017-10-25 19:59:00Z')) AS paid_at"
    )
    panel = daily_panel(frame, timezone="Asia/Dubai")
    assert panel["date"].dt.strftime("%Y-%m-%d").tolist() == ["2017-10-25", "2017-10-26"]
    with pytest.raises(ValueError, match="--timezone, such as Europe/London"):
        daily_panel(frame)


def test_spark_finds_the_same_first_timers(spark, folder):
    own = {"run_in_days": 2, "offline_channels": ("counter",)}
    found = first_timers(spark.read.parquet(str(folder)), **own)
    assert found["payers"].sum() > 20
    pd.testing.assert_frame_equal(found, first_timers(folder, **own))
