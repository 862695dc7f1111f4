"""A simulated account written out as a ledger: one row a payment, day by day, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.random import Generator

from analysis import days
from analysis.simulate.accounts import Account
from analysis.simulate.payers import Payers
from analysis.simulate.world import CHANNELS, COUNTER, RECIPE, Model, entities

BATCH = 1_000_000  # rows of a row group; a longer day is written in one piece
WORDS = ["entity", "service", "channel"]
SCHEMA = pa.schema(
    {
        "transaction_id": pa.string(),
        "paid_at": pa.timestamp("us"),
        **dict.fromkeys(WORDS, pa.dictionary(pa.int32(), pa.string())),
        "amount": pa.float64(),
        "payer_id": pa.string(),
    }
)
HOURS = RECIPE["hours"]
_STEPS = 4096  # of the tables that turn a uniform number into a time of day


def write(path: Path, account: Account, seed: int, metadata: dict[str, str]) -> None:
    """Write the ledger as Parquet, in order of time.

    Each cell has the account's count, and its value to half a cent a payment. A day's rows depend on the
    seed and the day only. Text columns read back as plain text; `metadata` goes into the file's own.
    """
    form = {"use_dictionary": WORDS, "store_schema": False}
    with (
        path.open("wb") as raw,
        pq.ParquetWriter(raw, SCHEMA, **form) as file,
        ThreadPoolExecutor(1) as writer,
    ):
        file.add_key_value_metadata(metadata)
        pending = writer.submit(lambda: None)
        for table in _tables(account, seed):  # the next days are drawn while one is written
            pending.result()
            pending = writer.submit(file.write_table, table)
        pending.result()


def services(model: Model) -> tuple[list[str], np.ndarray]:
    """Names of the services, and the number of each entity's: 20, 30 or 40, so that 36 entities have 1,080."""
    sizes = np.array([20 + 10 * ((k + k // 12) % 3) for k in range(model.entities)])
    names = [
        f"{entity.removesuffix(' (synthetic)')} service {number + 1:02d}"
        for entity, size in zip(model.names, sizes, strict=True)
        for number in range(size)
    ]
    return names, sizes


def _tables(account: Account, seed: int) -> Iterator[pa.Table]:
    """Tables of whole days, of `BATCH` rows at most."""
    waiting: list[pa.RecordBatch] = []
    for day in _days(account, seed):
        if waiting and sum(map(len, waiting)) + len(day) > BATCH:
            yield pa.Table.from_batches(waiting)
            waiting = []
        waiting.append(day)
    yield pa.Table.from_batches(waiting)


def _days(account: Account, seed: int) -> Iterator[pa.RecordBatch]:
    """Each day's rows in order of time."""
    model, payers = account.model, Payers(account, seed)
    spread = np.repeat(entities(model)["spread"], len(CHANNELS)).astype(np.float32)
    service_names, services_of = services(model)
    first_service = np.cumsum(services_of) - services_of
    words = [pa.array(list(names)) for names in (model.names, service_names, CHANNELS)]
    ramadan = days.features(model.dates, "AE")["ramadan"].to_numpy()
    clocks = {False: _clock(*HOURS["counter"]), True: _clock(*HOURS["counter_ramadan"])}

    counts, values = (total.reshape(len(total), -1) for total in account.totals)
    by_customers = account.switched.copy()
    by_customers[:, :, COUNTER] = account.count[:, :, :, COUNTER].sum(0)
    by_customers = by_customers.reshape(counts.shape)
    most = int(counts.sum(1).max())
    width = max(7, len(str(most)))
    numbers = _letters("".join(f"{n:0{width}d}" for n in range(most)), width)

    for day, (date, count, value) in enumerate(zip(model.dates, counts, values, strict=True)):
        rng = np.random.default_rng([seed, 1, date.toordinal()])
        cell = np.repeat(np.arange(count.size, dtype=np.int32), count)
        start = np.cumsum(count) - count
        # Log-normal payments, scaled so that each cell has its value.
        amount = np.exp(rng.standard_normal(cell.size, np.float32).clip(-4, 4) * spread[cell]).astype(float)
        filled, scale = count > 0, np.zeros(count.size)
        if cell.size:
            scale[filled] = 100 * value[filled] / np.add.reduceat(amount, start[filled])
        amount = np.rint(amount * scale[cell]) / 100
        # Of a cell's rows the first are those of counter customers.
        customer = np.arange(cell.size) < np.repeat(start + by_customers[day], count)

        seconds, order = _times(rng, cell, clocks[ramadan[day]])
        cell, amount, customer = cell[order], amount[order], customer[order]
        entity, channel = np.divmod(cell, np.int32(len(CHANNELS)))
        popular = rng.random(cell.size, np.float32) ** 2 * np.float32(0.999999)
        service = (first_service[entity] + popular * services_of[entity]).astype(np.int32)
        who = payers.draw(rng, day, channel, customer)

        stamp = np.broadcast_to(_letters(f"{date:%Y%m%d}-", 9), (cell.size, 9))
        name = _text(np.hstack([stamp, numbers[: cell.size]]))
        paid_at = np.datetime64(date.date(), "us") + seconds.astype("timedelta64[s]")
        coded = map(pa.DictionaryArray.from_arrays, map(pa.array, (entity, service, channel)), words)
        columns = [name, pa.array(paid_at), *coded, pa.array(amount), _text(_pseudonym(who))]
        yield pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def _times(rng: Generator, cell: np.ndarray, clock: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Seconds of the day in order, and that order; rows of one second keep theirs on every machine."""
    place = rng.random(cell.size, np.float32) * np.float32(_STEPS - 0.01)
    step = place.astype(np.int32)
    at = cell % len(CHANNELS) * (_STEPS + 1) + step
    seconds = (clock[at] + (place - step) * (clock[at + 1] - clock[at])).astype(np.int64)
    key = np.sort(seconds << 32 | np.arange(cell.size))
    return key >> 32, key & 0xFFFFFFFF


def _clock(opens: float, closes: float) -> np.ndarray:
    """Seconds of the day at `_STEPS` + 1 even quantiles, channel after channel, by the counters' hours."""
    edges = np.arange(0, 86_401, 1_800)
    at_counters = (edges[:-1] >= 3_600 * opens) & (edges[:-1] < 3_600 * closes)
    tables = []
    for name in CHANNELS:
        weight = at_counters.astype(float) if name == "counter" else np.repeat(HOURS[name], 2).astype(float)
        total = np.concatenate([[0], np.cumsum(weight)]) / weight.sum()
        busy = np.concatenate([[True], np.diff(total) > 0])
        busy[:-1] |= busy[1:]  # keep the start of the first busy half hour
        tables.append(np.interp(np.linspace(0, 1, _STEPS + 1), total[busy], edges[busy]))
        tables[-1][-1] -= 1
    return np.concatenate(tables).astype(np.float32)


def _pseudonym(who: np.ndarray) -> np.ndarray:
    """(n, 9) ASCII: P and eight hexadecimal digits, one to one, that do not betray how active a payer is."""
    mixed = who * np.uint32(2_654_435_761) + np.uint32(97_654_321)
    return _letters("P" + mixed.tobytes().hex("P", -4) if who.size else "", 9)


def _letters(text: str, width: int) -> np.ndarray:
    """(n, width) ASCII of as many strings of one width."""
    return np.frombuffer(text.encode(), np.uint8).reshape(-1, width)


def _text(letters: np.ndarray) -> pa.Array:
    """Strings of one width from (n, width) ASCII."""
    count, width = letters.shape
    ends = np.arange(count + 1, dtype=np.int32) * np.int32(width)
    return pa.StringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(np.ascontiguousarray(letters)))
