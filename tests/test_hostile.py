"""Hostile names and small groups: what a ledger says is only ever text, and what must not be told is nowhere told."""

from __future__ import annotations

import csv
import getpass
import io
import json
import math
import re
import shutil
import socket
import unicodedata
import zipfile
from pathlib import Path

import hostile
import html5lib
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from analysis import figures, report, storage, words
from analysis.__main__ import cli
from analysis.disclosure import DOMINANT, LEAST, together
from analysis.ledger.shown import small_groups
from analysis.study import Study

ROOT = Path(__file__).parents[1]
# Controls and marks of direction, but for line breaks and the isolates that numbers stand in.
CONTROL = re.compile(
    "[\0-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2065\u2067\u2068\u206a-\u206f\ufeff]"
)
HELD = (".ipynb", ".parquet")  # caches with content
STRINGS = [*hostile.NAMES, *hostile.FORMULAS, *hostile.COLUMNS.values()]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The hostile study rendered: the study, its ledger under our names, what was written, the caches, the panels."""
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANALYSIS_CACHE", str(folder / "cache"))
        file = hostile.study(folder)
        for number in ("02", "03", "06"):
            shutil.copy(next((ROOT / "notebooks").glob(f"{number}_*.ipynb")), folder)
        report.build(file, out=folder / "out", progress=False)
        study = Study.load(file)
        panels = {by: study.by(by) for by in ("entity", "service", "channel")}
        written = {
            path.relative_to(folder): path.read_bytes()
            for path in (folder / "out").rglob("*")
            if path.is_file()
        }
        caches = [path for path in (folder / "cache").rglob("*") if path.is_file()]
        kept = {
            path.relative_to(folder): storage.kept(path) if path.suffix in HELD else path.read_bytes()
            for path in caches
        }
    return study, hostile.ledger(folder)[1], written, kept, panels


def texts(written: dict[Path, bytes], suffix: str) -> dict[Path, str]:
    found = {path: data.decode() for path, data in written.items() if path.suffix == suffix}
    assert found
    return found


def test_pages_hold_hostile_names_as_text(made, capsys):
    _, _, written, kept, _ = made
    pages = texts(written, ".html")
    for path, page in pages.items():
        assert not CONTROL.search(page.replace(">\u200f", ">")), path  # a drawing's Arabic begins with it
        assert page.count("\u2066") == page.count("\u2069"), path
        document = html5lib.parse(page, namespaceHTMLElements=False)
        for element in document.iter():
            assert element.tag not in (
                "script",
                "iframe",
                "object",
                "embed",
                "form",
                "base",
                "foreignObject",
            ), path
            for name, value in element.attrib.items():
                assert not str(name).startswith("on"), (path, name)
                if str(name).endswith(("href", "src")):
                    assert re.match(
                        r"data:(text/csv|image/png)|#|(\.\./)?(en|ar|data|index|brief|tables|results|provenance|0\d_|study%20)",
                        value,
                    ), value
            if element.tag == "math":
                assert not re.search("href|x\\^2|int|begin", element.attrib["alttext"])
    who = next(page for path, page in pages.items() if path.match("en/06_*.html"))
    said = "".join(html5lib.parse(who, namespaceHTMLElements=False).itertext())
    for part in (
        "charlie <img src=x onerror=alert(1)>",
        "$x^2$",
        "\\href{javascript:alert(1)}",
        "**bold** _under_ `code`",
        "{0.__class__}",
    ):
        assert part.lower() in said.lower()
    assert "long-" * 30 not in said  # cut
    with capsys.disabled():
        print(f"\n{len(STRINGS)} strings injected, {len(written)} files and {len(kept)} caches searched")


def test_notebooks_hold_hostile_names_as_text(made):
    """JupyterLab renders Markdown and typesets equations in all that is shown."""
    _, _, _, kept, _ = made
    shown = 0
    for text in texts(kept, ".ipynb").values():
        for cell in json.loads(text)["cells"]:
            for output in cell.get("outputs", ()):
                for kind in ("text/html", "text/markdown"):
                    told = "".join(output.get("data", {}).get(kind, ""))
                    shown += bool(told)
                    assert not CONTROL.search(told)
                    bare = re.sub(r"<span>[$\\]</span>", "", told)
                    assert "$" not in bare
                    assert "\\" not in bare
    assert shown > 20


@pytest.mark.parametrize("text", STRINGS)
def test_markdown_leaves_a_name_as_it_is(text):
    from markdown_it import MarkdownIt

    source = words.markdown(f"Of it {words.plain(text)} made the most.")
    assert "$" not in source  # JupyterLab looks for equations before it reads Markdown
    made = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(source)
    document = html5lib.parseFragment(made, namespaceHTMLElements=False)
    assert {element.tag for element in document.iter()} <= {"DOCUMENT_FRAGMENT", "p", "span", "wbr"}
    assert "".join(document.itertext()).strip() == f"Of it {words.plain(text)} made the most."


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_charts_draw_names_as_they_are_and_within_the_canvas(language):
    rows = pd.DataFrame(
        {"entity": STRINGS, "count_share": 0.1, "value_share": 0.1, "relative": 0.1, "low": 0.0, "high": 0.2}
    )
    kept = pd.DataFrame(
        {"channel": STRINGS[:9], "days": 30, "share": 0.2, "ordinary_share": 0.1, "low": 0.0, "high": 0.1}
    )
    with words.using(language):
        for axes in (figures.shares(rows), figures.entities(rows), figures.retention(kept)):
            drawing = axes.figure
            drawing.draw_without_rendering()
            told = [*axes.get_yticklabels(), *axes.texts, axes.title]
            assert not any(text.get_parse_math() for text in told)
            assert not any(CONTROL.search(text.get_text().removeprefix("\u200f")) for text in told)
            left = min(text.get_window_extent().x0 for text in told if text.get_text())
            assert left >= -1
            assert axes.get_position().width > 0.2
            assert not CONTROL.search(figures.description(axes).alt)


def formula(cell: str) -> bool:
    """Whether a sheet might run the cell, or a part of it where ; parts cells."""
    try:
        return not math.isfinite(float(cell))
    except ValueError:
        parts = unicodedata.normalize("NFKC", cell).split(";")
    return any(part.strip(" \t\r\n\0\u200b\ufeff�")[:1] in tuple("=+-@|") for part in parts)


def test_tables_hold_names_whole_and_no_formula(made):
    _, _, written, _, _ = made
    assert formula(" =1+1")
    assert formula("\u200b＝1")
    for path, data in written.items():
        assert path.suffix != ".xlsx" or b"<f>" not in opened(path, data), path
    seen = set()
    for path, text in texts(written, ".csv").items():
        assert not CONTROL.search(text), path
        for row in csv.reader(io.StringIO(text)):
            seen.update(row)
            assert not [cell for cell in row if formula(cell)], path
    assert hostile.NAMES[10] in seen  # 10,000 characters
    assert "'=1+1 1" in seen
    for formula_ in hostile.FORMULAS:
        assert formula(formula_) or formula_ in ("+1", "-1"), formula_
        assert not formula(words.cell(formula_))
        assert words.cell(words.cell(formula_)) == words.cell(formula_)


def test_json_is_inert_and_gives_names_back_as_they_were(made):
    study, _, written, _, _ = made
    for path, text in texts(written, ".json").items():
        assert not CONTROL.search(text), path
        assert json.loads(text)["title"] == study.title
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x3000), 0x1F600, 0xE0041]))
    assert json.loads(words.escaped(json.dumps(every, ensure_ascii=False))) == every


def test_the_terminal_shows_hostile_text_without_obeying_it(tmp_path):
    """Names of files, columns and metrics, and cells, in faults, errors, answers and JSON."""
    days = pd.date_range("2020-01-01", periods=60)
    evil = "\x1b]0;evil\x07 \u202etxt \x9b2J {0}"
    table = pd.DataFrame({"date": days.strftime("%Y-%m-%d"), evil: 100 + np.arange(60) % 7})
    good, bad = tmp_path / f"good{evil.replace('/', '')}.csv", tmp_path / f"bad{evil}.csv"
    table.to_csv(good, index=False)
    table.astype(object).replace({evil: {103: "\x1b[31mred\u202e"}}).to_csv(bad, index=False)
    ask = ["--event", "2020-02-26"]
    for arguments, code in (
        (["estimate", str(good), *ask], 0),
        (["estimate", str(good), *ask, "--json"], 0),
        (["estimate", str(good), *ask, "--metric", evil + "x"], 2),
        (["estimate", str(bad), *ask], 2),
        (["estimate", str(tmp_path / f"none{evil}"), *ask], 2),
        (["check", str(good)], 0),
        (["check", str(bad)], 1),
        (["check", str(bad), "--json"], 1),
        (["report", str(tmp_path / f"none{evil}.yaml")], 2),
    ):
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == code, (arguments[:1], result.output)
        assert not CONTROL.search(result.output), (arguments[0], result.output)
        assert result.output.strip()


# --- disclosure -------------------------------------------------------------------------------------------------


def secrets(table: pd.DataFrame, entity: str) -> dict[str, float]:
    """Numbers of one entity that would tell of it, but small counts, which are like any other number."""
    own, day = table[table["entity"] == entity], table["day"] == pd.Timestamp(hostile.EVENT)
    digital = ~table["channel"].str.startswith("counter")
    return {
        "value": own["amount"].sum(),
        "digital value": own.loc[digital, "amount"].sum(),
        "value of the event": own.loc[day & digital, "amount"].sum(),
        "share of the number": len(own) / len(table),
        "share of the value": own["amount"].sum() / table["amount"].sum(),
        "ticket": own["amount"].mean(),
    }


def opened(path: Path, data: bytes) -> bytes:
    """What a file holds; a workbook is a zip file."""
    if path.suffix != ".xlsx":
        return data
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        return b"\n".join(book.read(name) for name in book.namelist())


def test_no_identifier_and_no_place_is_told(made, tally):
    study, _, written, kept, _ = made
    private = [b"payer-0", b"transaction-0", *(str(place).encode() for place in (study.source.parent, ROOT))]
    private += [str(Path.home()).encode() + b"/", f"@{socket.gethostname()}".encode()]
    private += [name for name in (getpass.getuser().encode(), socket.gethostname().encode()) if len(name) > 4]
    for path, data in written.items():
        assert not [secret for secret in private if secret in opened(path, data)], path
    for path, data in kept.items():
        assert b"payer-0" not in data, path
        assert b"transaction-0" not in data, path
    tally("hostile strings as names, labels and columns", len(STRINGS))
    tally("published files searched for them, for identifiers and for hidden numbers", len(written))
    tally("files of caches searched for identifiers", len(kept))


def test_numbers_of_small_groups_are_nowhere(made):
    _, table, written, kept, panels = made
    assert all(entity not in set(panels["entity"]["entity"]) for entity in (hostile.FEW, hostile.DOMINATED))
    told: set[float] = set()
    runs = (data for path, data in kept.items() if path.suffix == ".ipynb")
    for data in [*(opened(path, data) for path, data in written.items()), *runs]:
        told.update(
            float(number.replace(b",", b"")) for number in re.findall(rb"\d[\d,]*(?:\.\d+)?(?:e-?\d+)?", data)
        )
    for path, data in kept.items():
        if path.suffix == ".parquet":
            frame = pd.read_parquet(io.BytesIO(data))
            numbers = frame.select_dtypes("number")
            told.update(numbers.to_numpy(float).ravel())
            by = [name for name in ("entity", "service", "channel") if name in frame]
            told.update(frame.groupby(by)[list(numbers)].sum().to_numpy(float).ravel() if by else ())
    ordered = np.array(sorted(told))
    for entity in (hostile.FEW, hostile.DOMINATED):
        for what, secret in secrets(table, entity).items():
            nearest = ordered[np.abs(ordered - secret).argmin()]
            assert abs(nearest / secret - 1) > 1e-9, (entity, what)


def test_no_sum_or_difference_of_what_is_told_gives_a_small_group_away(made):
    """Published sums of the event are equations over its cells: no hidden group may be solved from them."""
    _, table, _, _, panels = made
    digital = table[
        ~table["channel"].str.startswith("counter") & (table["day"] == pd.Timestamp(hostile.EVENT))
    ]
    cells = (
        digital.groupby(["entity", "service", "channel"])
        .size()
        .reset_index()[["entity", "service", "channel"]]
    )
    published, hidden = [np.ones(len(cells))], {}
    for by, panel in panels.items():
        shown = set(panel[by])
        alone = set(cells[by]) & shown
        hidden[by] = set(cells[by]) - shown
        published += [(cells[by] == name).to_numpy(float) for name in alone]
        if hidden[by]:
            published.append(cells[by].isin(hidden[by]).to_numpy(float))
    equations = np.array(published)
    rank = np.linalg.matrix_rank(equations)
    assert len(hidden["entity"]) >= 3
    for by, names in hidden.items():
        for name in names:
            one = (cells[by] == name).to_numpy(float)
            assert np.linalg.matrix_rank(np.vstack([equations, one])) > rank, (by, name)


def test_what_stands_together_is_safe(made):
    _, table, _, _, panels = made
    [label] = [name for name in panels["entity"]["entity"].unique() if together([name])]
    merged = table[~table["entity"].isin(panels["entity"]["entity"])]
    assert together([label]) == merged["entity"].nunique() >= 3
    for part in (merged, merged[merged["day"] == pd.Timestamp(hostile.EVENT)]):
        assert part["payer_id"].nunique() >= LEAST
        for column in ("payer_id", "entity"):
            value = part.groupby(column)["amount"].sum()
            assert value.max() < DOMINANT * value.sum()


def rows(**payers: list[float]) -> pd.DataFrame:
    """A ledger of one day in which each payer of an entity pays once; a payer's number is its place in the list."""
    every = [
        (entity, f"p{i}", amount) for entity, amounts in payers.items() for i, amount in enumerate(amounts)
    ]
    table = pd.DataFrame(every, columns=["entity", "payer_id", "amount"])
    return table.assign(
        paid_at=pd.Timestamp("2017-10-26 12:00"), transaction_id=[str(i) for i in range(len(table))]
    )


def hidden_of(table: pd.DataFrame, **reading) -> set[str]:
    return set(small_groups(table, pd.DatetimeIndex(["2017-10-26"]), **reading)["name"])


def test_few_payers_and_dominant_ones_are_hidden_with_others():
    many = {"a": [1.0] * 300, "b": [1.0] * 200, "c": [1.0] * 100, "d": [1.0] * 90}
    assert hidden_of(rows(**many)) == set()
    assert hidden_of(rows(**many, few=[1.0] * 9)) == {"few", "d", "c"}  # of two, each would know the other
    assert hidden_of(rows(**many, ten=[1.0] * 10)) == set()
    assert hidden_of(rows(**many, one=[44.0] + [1.0] * 11)) == {"one", "d", "c"}  # 44 of 55
    assert hidden_of(rows(**many, one=[43.0] + [1.0] * 11)) == set()


def test_the_largest_joins_where_one_would_be_nearly_all_that_is_hidden():
    table = rows(a=[1.0] * 3000, b=[1.0] * 200, c=[1.0] * 100, big=[9000.0] + [1.0] * 200)
    assert hidden_of(table) == {"big", "a", "b", "c"}  # 9,200 among 3,300: nothing helps, all stand together
    table = rows(a=[1.0] * 3000, b=[1.0] * 200, c=[1.0] * 100, d=[1.0] * 50, big=[2000.0] + [1.0] * 20)
    assert hidden_of(table) == {"big", "d", "c", "a"}  # with d and c alone it is 93 %


def test_a_service_is_hidden_within_its_entity_and_with_it():
    table = rows(A=[1.0] * 100, B=[1.0] * 100, C=[1.0] * 100, D=[1.0] * 100, E=[1.0] * 5)
    place = table.groupby("entity").cumcount()
    table["service"] = table["entity"] + (place % 3).astype(str)
    table.loc[(table["entity"] == "A") & (place < 4), "service"] = "A9"
    assert hidden_of(table) == {"E", "A", "B", *(f"{e}{k}" for e in "ABE" for k in range(3)), "A9"} - {""}
    table = table[table["entity"] != "E"]
    assert len(found := hidden_of(table)) == 3  # with one other alone, that would be 89 % of both
    assert found < {"A0", "A1", "A2", "A9"}


def test_service_centres_never_become_digital():
    channels = ["app"] * 20 + ["web"] * 30 + ["kiosk"] * 4 + ["desk"] * 13 + ["counter"] * 3
    table = rows(a=[1.0] * len(channels)).assign(channel=channels)
    found = small_groups(table, pd.DatetimeIndex(["2017-10-26"]), offline_channels=("counter", "desk"))
    told = {
        "kiosk": "others (3)",
        "app": "others (3)",
        "web": "others (3)",
        "counter": "counter",
        "desk": "counter",
    }
    assert dict(found[["name", "label"]].to_numpy()) == told  # with the kiosk alone the app would be 83 %


def test_without_payers_every_payment_counts_as_one():
    table = rows(a=[1.0] * 300, b=[1.0] * 200, c=[1.0] * 90, few=[500.0] + [1.0] * 8).drop(columns="payer_id")
    assert hidden_of(table) == {"few", "c", "b"}
    assert hidden_of(table.drop(columns="amount")) == {"few", "c", "b"}
