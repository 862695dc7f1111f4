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
from analysis.simulate.world import CHANNELS, COUNTER, Model, entities

BATCH = 1_000_000  # rows of a row group; a longer day is written in one piece
SCHEMA = pa.schema(
    [
        ("transaction_id", pa.string()),
        ("paid_at", pa.timestamp("us")),
        ("entity", pa.dictionary(pa.int32(), pa.string())),
        ("service", pa.dictionary(pa.int32(), pa.string())),
        ("channel", pa.dictionary(pa.int32(), pa.string())),
        ("amount", pa.float64()),
        ("payer_id", pa.string()),
    ]
)
COUNTER_HOURS = (7.5, 14.5)
COUNTER_HOURS_RAMADAN = (9.0, 14.0)
# Weight of each hour of the day.
DIGITAL_HOURS = {
    "app": [3, 2, 1, 1, 1, 2, 4, 7, 10, 11, 11, 11, 10, 9, 8, 8, 8, 8, 8, 9, 10, 10, 8, 5],
    "website": [1, 1, 1, 1, 1, 1, 2, 6, 12, 14, 14, 14, 12, 11, 9, 7, 5, 4, 4, 4, 4, 4, 3, 2],
    "kiosk": [0, 0, 0, 0, 0, 0, 1, 4, 9, 12, 13, 13, 11, 9, 8, 7, 7, 7, 7, 7, 6, 4, 2, 0],
}
_STEPS = 4096  # of the tables that turn a uniform number into a time of day
_HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), np.uint16)


def write(path: Path, account: Account, seed: int, metadata: dict[str, str]) -> None:
    """Write the ledger as Parquet, in order of time.

    Each cell has the account's count, and its value to half a cent a payment. A day's rows depend on the
    seed and the day only. Text columns read back as plain text; `metadata` goes into the file's own.
    """
    form = {"use_dictionary": ["entity", "service", "channel"], "store_schema": False}
    with (
        path.open("wb") as raw,
        pq.ParquetWriter(raw, SCHEMA, **form) as file,
        ThreadPoolExecutor(1) as writer,
    ):
        file.add_key_value_metadata(metadata)
        pending = writer.submit(lambda: None)
        for batch in _batches(account, seed):  # the next batch is drawn while one is written
            pending.result()
            pending = writer.submit(file.write_batch, batch)
        pending.result()


def services(model: Model) -> tuple[list[str], np.ndarray]:
    """Names of the services, and where each entity's begin; the last entry is their number.

    Every entity has 20, 30 or 40, so that 36 entities have 1,080.
    """
    sizes = np.array([20 + 10 * ((k + k // 12) % 3) for k in range(model.entities)])
    names = [
        f"{entity.removesuffix(' (synthetic)')} service {number + 1:02d}"
        for entity, size in zip(model.names, sizes, strict=True)
        for number in range(size)
    ]
    return names, np.concatenate([[0], np.cumsum(sizes)])


def _batches(account: Account, seed: int) -> Iterator[pa.RecordBatch]:
    """Record batches of whole days."""
    count = account.count.sum(0)
    service_names, first_service = services(account.model)
    words = [pa.array(list(names)) for names in (account.model.names, service_names, CHANNELS)]
    per_day = count.sum((1, 2))
    number = _digits(int(per_day.max(initial=0)))
    day = _Day(account, seed, first_service)

    waiting: list[tuple[np.ndarray, ...]] = []
    for position, rows in enumerate(per_day):
        if waiting and sum(len(part[0]) for part in waiting) + rows > BATCH:
            yield _batch(waiting, words)
            waiting = []
        stamp = f"{day.dates[position]:%Y%m%d}-".encode()
        name = np.empty((rows, len(stamp) + number.shape[1]), np.uint8)
        name[:, : len(stamp)] = np.frombuffer(stamp, np.uint8)
        name[:, len(stamp) :] = number[:rows]
        waiting.append((name, *day.rows(position)))
    if waiting:
        yield _batch(waiting, words)


def _batch(parts: list[tuple[np.ndarray, ...]], words: list[pa.Array]) -> pa.RecordBatch:
    name, time, entity, service, channel, amount, payer = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    codes = (
        pa.DictionaryArray.from_arrays(pa.array(code), word)
        for code, word in zip((entity, service, channel), words, strict=True)
    )
    columns = [_text(name), pa.array(time), *codes, pa.array(amount), _text(payer)]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


class _Day:
    """Draws the rows of one day."""

    def __init__(self, account: Account, seed: int, first_service: np.ndarray) -> None:
        self.dates, self.payers, self.seed = account.model.dates, Payers(account, seed), seed
        self.count, self.value = account.totals
        self.by_counter_customers = account.switched.copy()
        self.by_counter_customers[:, :, COUNTER] = self.count[:, :, COUNTER]
        self.spread = np.repeat(entities(account.model)["spread"], len(CHANNELS)).astype(np.float32)
        self.first_service, self.services = first_service[:-1], np.diff(first_service)
        self.ramadan = days.features(self.dates, "AE")["ramadan"].to_numpy()
        self.clocks = {flag: _clock(flag) for flag in (False, True)}

    def rows(self, position: int) -> tuple[np.ndarray, ...]:
        """paid_at, entity, service, channel, amount, payer: arrays in order of time."""
        date = self.dates[position]
        rng = np.random.default_rng([self.seed, 1, date.toordinal()])
        count = self.count[position].ravel()
        cell = np.repeat(np.arange(count.size, dtype=np.int32), count)
        start = np.cumsum(count) - count
        amount = self._amounts(rng, position, cell, start)
        # Of a cell's rows the first are those of counter customers.
        last = start + self.by_counter_customers[position].ravel()
        customer = np.arange(cell.size) < np.repeat(last, count)

        seconds, order = self._times(rng, position, cell)
        cell, amount, customer = cell[order], amount[order], customer[order]
        entity, channel = np.divmod(cell, np.int32(len(CHANNELS)))
        popular = rng.random(cell.size, np.float32) ** 2 * np.float32(0.999999)
        service = (self.first_service[entity] + popular * self.services[entity]).astype(np.int32)
        paid_at = np.datetime64(date.date(), "us") + seconds.astype("timedelta64[s]")
        payer = _pseudonym(self.payers.draw(rng, position, channel, customer))
        return paid_at, entity, service, channel, amount, payer

    def _amounts(self, rng: Generator, position: int, cell: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Log-normal payments, scaled so that each cell has its value."""
        amount = rng.standard_normal(cell.size, np.float32).clip(-4, 4)
        amount = np.exp(amount * self.spread[cell]).astype(float)
        value, filled = self.value[position].ravel(), self.count[position].ravel() > 0
        scale = np.zeros(filled.size)
        if cell.size:
            scale[filled] = 100 * value[filled] / np.add.reduceat(amount, start[filled])
        return np.rint(amount * scale[cell]) / 100

    def _times(self, rng: Generator, position: int, cell: np.ndarray) -> tuple[np.ndarray, ...]:
        """Seconds of the day in order, and that order; rows of one second keep theirs on every machine."""
        clock = self.clocks[bool(self.ramadan[position])]
        place = rng.random(cell.size, np.float32) * np.float32(_STEPS - 0.01)
        step = place.astype(np.int32)
        at = cell % len(CHANNELS) * (_STEPS + 1) + step
        seconds = (clock[at] + (place - step) * (clock[at + 1] - clock[at])).astype(np.int64)
        key = np.sort(seconds << 32 | np.arange(cell.size))
        return key >> 32, key & 0xFFFFFFFF


def _clock(ramadan: bool) -> np.ndarray:
    """Seconds of the day at `_STEPS` + 1 even quantiles, channel after channel."""
    edges = np.arange(0, 86_401, 1_800)
    tables = []
    for name in CHANNELS:
        if name == CHANNELS[COUNTER]:
            opens, closes = COUNTER_HOURS_RAMADAN if ramadan else COUNTER_HOURS
            hour = edges[:-1] / 3_600
            weight = ((hour >= opens) & (hour < closes)).astype(float)
        else:
            weight = np.repeat(DIGITAL_HOURS[name], 2).astype(float)
        total = np.concatenate([[0], np.cumsum(weight)]) / weight.sum()
        busy = np.concatenate([[True], np.diff(total) > 0])
        busy[:-1] |= busy[1:]  # keep the start of the first busy half hour
        tables.append(np.interp(np.linspace(0, 1, _STEPS + 1), total[busy], edges[busy]))
        tables[-1][-1] -= 1
    return np.concatenate(tables).astype(np.float32)


def _digits(count: int) -> np.ndarray:
    """(count, width) decimal digits of 0, 1, 2 …, as ASCII."""
    width = max(7, len(str(count)))
    number = np.arange(count)
    digits = np.empty((count, width), np.uint8)
    for place in range(width - 1, -1, -1):
        number, digits[:, place] = np.divmod(number, 10)
    return digits + np.uint8(ord("0"))


def _pseudonym(who: np.ndarray) -> np.ndarray:
    """(n, 9) ASCII: P and eight hexadecimal digits, one to one, that do not betray how active a payer is."""
    mixed = who * np.uint32(2_654_435_761) + np.uint32(97_654_321)
    text = np.empty((len(who), 9), np.uint8)
    text[:, 0] = ord("P")
    text[:, 1:] = _HEX[mixed.view(np.uint8).reshape(-1, 4)].view(np.uint8)
    return text


def _text(letters: np.ndarray) -> pa.Array:
    """Strings of one width from (n, width) ASCII."""
    count, width = letters.shape
    ends = np.arange(count + 1, dtype=np.int32) * np.int32(width)
    return pa.StringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(np.ascontiguousarray(letters)))
