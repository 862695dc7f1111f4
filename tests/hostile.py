"""A small seeded ledger whose every name is hostile, and in which some groups must not be told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

EVENT = "2017-10-26"
NAMES = (  # each begins with a word of its own, by which it is found again
    "alpha $x^2$ and \\href{javascript:alert(1)}{y}",
    "bravo <script>alert(1)</script>",
    "charlie <img src=x onerror=alert(1)>",
    'delta "><svg onload=alert(1)>',
    "echo **bold** _under_ `code` [link](javascript:alert(1)) ![i](http://evil.example/x.png)",
    "foxtrot \x1b[31mred\x1b[0m \x9b2J \x07bell\x00nul",
    "golf \u202etxt.exe\u202c and \u2067left\u2069 \u2066open",
    "hotel \u200bzero\u200b\ufeff width\u2060 soft\xad hyphen \u200e\u200f\u061c",
    "india {0.__class__} {x} %s %(y)s {{z}}",
    "juliet | pipe | $$\\int$$ \\begin{verbatim} \\(a\\)",
    "kilo " + "long-" * 2_000,
    "lima\u2028line\r\nbreak\ttab\x0bvertical",
    "mike &lt;b&gt; &amp; </title></style></table> <!-- comment -->",
    'november \' or 1=1; -- "quoted", comma; =1+1',
    "oscar " + "W" * 300,
    "papa \ufdfd\ufdfd\ufdfd ﷽ عربي \u202eمعكوس",
)
FORMULAS = (
    "=1+1",
    " =1+1",
    "\t=1+1",
    "\r=1+1",
    "+1",
    "-1",
    "@SUM(1)",
    "\u200b=1+1",
    "＝1+1",
    "＋1",
    "\x00=1",
    "a; =1+1",
    "\ufeff@x",
)
FEW, DOMINATED = "quebec three payers", "romeo one payer"


def ledger(folder: Path) -> tuple[Path, pd.DataFrame]:
    """126 days of payments up to two weeks after the event, under hostile names, and their frame under ours.

    One entity has three payers; in another one payer makes nine tenths of the value.
    """
    rng = np.random.default_rng(20171026)
    days = pd.date_range(end="2017-11-09", periods=126)
    names = [*NAMES, *(f"{formula} {i}" for i, formula in enumerate(FORMULAS))]
    rows = []
    for day in days:
        usual = (0.5 if day.day_of_week in (4, 5) else 1.0) * (1.3 if day == pd.Timestamp(EVENT) else 1.0)
        for i, name in enumerate(names):
            n = rng.poisson(usual * (14 + 2 * (i % 5)))
            who = rng.integers(0, 400, n)
            rows.append(
                pd.DataFrame(
                    {"day": day, "entity": name, "payer": who, "amount": 1000 + rng.integers(0, 9000, n)}
                )
            )
        rows.append(
            pd.DataFrame(
                {
                    "day": day,
                    "entity": FEW,
                    "payer": 900 + np.arange(3),
                    "amount": 7919 + rng.integers(0, 50, 3),
                }
            )
        )
        rows.append(
            pd.DataFrame(
                {
                    "day": day,
                    "entity": DOMINATED,
                    "payer": [*range(950, 965)],
                    "amount": [200_003, *rng.integers(900, 1100, 14)],
                }
            )
        )
    table = pd.concat(rows, ignore_index=True)
    channels = ["app $a$", "web\u202esite", "=kiosk", "counter <b>desk</b>"]
    table["channel"] = rng.choice(channels, len(table), p=[0.5, 0.3, 0.1, 0.1])
    table["service"] = [
        f"{entity} service {k}"
        for entity, k in zip(table["entity"], rng.integers(0, 2, len(table)), strict=True)
    ]
    seconds = pd.to_timedelta(rng.integers(8 * 3600, 20 * 3600, len(table)), unit="s")
    table = table.assign(
        paid_at=table["day"] + seconds,
        amount=table["amount"] / 100,
        payer_id=[f"payer-{n:04d}-id" for n in table["payer"]],
        transaction_id=[f"transaction-{n:06d}" for n in range(len(table))],
    )
    path = folder / "led$ger$ <b> \u202e.csv"
    return path, table


COLUMNS = {
    "transaction_id": "=id", "paid_at": "paid\u202eat", "entity": "<i>entity</i>", "service": "$service$",
    "channel": "@channel", "amount": "amount{0}", "payer_id": "payer\x1bid",
}  # fmt: skip


def study(folder: Path) -> Path:
    """The ledger written under hostile columns into the folder, and a study of it; its parameters file."""
    import yaml

    path, table = ledger(folder)
    path = path.with_suffix(".parquet")
    table[[*COLUMNS]].rename(columns=COLUMNS).to_parquet(path)
    given = {
        "title": NAMES[0] + NAMES[1] + NAMES[6], "background": NAMES[4],
        "event_start": EVENT, "campaign_start": "2017-10-10",
        "country": "AE", "currency": "AED", "ledger": str(path), "columns": COLUMNS,
        "offline_channels": ["counter <b>desk</b>"], "metrics": ["count", "value", "payers", "ticket", "digital_share"],
    }  # fmt: skip
    file = folder / "study $x$; rm -rf nothing.yaml"
    file.write_text(yaml.safe_dump(given), encoding="utf-8")
    return file
