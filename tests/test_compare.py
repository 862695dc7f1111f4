"""Two editions of a report beside each other: hand-made numbers with known answers."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import html5lib
import pytest
from click.testing import CliRunner, Result

from analysis import words
from analysis.__main__ import cli
from analysis.report import causes, comparing

EFFECT = {
    "metric": "count", "estimand": "pre-week", "observed": 300.0, "expected": 250.0, "expected_low": 240.0,
    "expected_high": 260.0, "absolute": 50.0, "absolute_low": 40.0, "absolute_high": 60.0, "relative": 0.2,
    "relative_low": 0.15, "relative_high": 0.25, "p_value": 0.01, "level": 0.95, "synthetic": False,
}  # fmt: skip
RESULTS = {
    "format": 2, "study": "made", "title": {"en": "Made by hand"}, "synthetic": False, "event_start": "2017-10-26",
    "event_end": "2017-10-26", "campaign_start": None, "currency": "AED", "offline": True,
    "measures": {}, "level": 0.95,
    "answers": {"count": {"pre-week": EFFECT | {"notebook": "03_effect"}}},
    "reconciliation": {"count": {"pre-week": [{"place": "03_effect: effect", "absolute": 50.0}]}},
    "results": {
        "02_ledger": {"ordinary": {"rows": 100, "faults": 0, "first": 4.0, "first_interval": [2.0, 6.0]}},
        "03_effect": {"effect.count.pre-week": EFFECT, "parts": {"net": {"estimate": 8.0, "low": 4.0, "high": 8.0}}},
    },
}  # fmt: skip
RUN = {"date": "2017-11-23", "commit": "a" * 40, "modified": False, "versions": {"numpy": "2.3"}}
PROVENANCE = {
    "run": RUN,
    "data": [
        {"file": "data/raw/calendar.csv", "sha256": "1"},
        {"file": "data/raw/README.md", "sha256": "1"},
        {"file": "ledger.parquet", "sha256": "1"},
    ],
    "notebooks": {
        "02_ledger": RUN | {"parameters": {"wait_days": 0, "ledger": "ledger.parquet"}},
        "03_effect": RUN | {"parameters": {"wait_days": 0, "title": "Made by hand"}},
    },
}


@pytest.fixture
def editions(tmp_path: Path):
    """Writes two editions, the later with changes: {path in results: value}, {path in provenance: value}."""

    def write(results: dict | None = None, provenance: dict | None = None) -> tuple[Path, Path]:
        for name, of, said in (("a", {}, {}), ("b", results or {}, provenance or {})):
            (tmp_path / name).mkdir(exist_ok=True)
            for file, whole, changed in (("results", RESULTS, of), ("provenance", PROVENANCE, said)):
                text = json.dumps(changed_in(whole, changed))
                (tmp_path / name / f"{file}.json").write_text(text, encoding="utf-8")
        return tmp_path / "a", tmp_path / "b"

    return write


def changed_in(whole: dict, changed: dict[str, object]) -> dict:
    """A copy with some values replaced; the value `...` takes an entry out."""
    whole = copy.deepcopy(whole)
    for path, value in changed.items():
        *above, name = path.split("/")
        inner = whole
        for step in above:
            inner = inner[int(step) if isinstance(inner, list) else step]
        if value is ...:
            del inner[name]
        else:
            inner[int(name) if isinstance(inner, list) else name] = value
    return whole


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["compare", *map(str, arguments)])


def found(*arguments: object) -> dict:
    result = run(*arguments, "--json")
    assert result.exit_code in (0, 1), result.stderr
    return json.loads(result.stdout)


def test_nothing_moved_between_a_report_and_itself(editions):
    a, b = editions()
    result = run(a, b)
    assert result.exit_code == 0
    assert "0 moved, 0 appeared, 0 vanished" in result.stdout
    assert run(a / "results.json", b).exit_code == 0


def test_a_number_is_measured_against_its_interval_wherever_it_stands(editions):
    """250 +- 10 that becomes 255: half a half width, 2 %; one line for the effect and its copy among the answers."""
    effect, answer = "results/03_effect/effect.count.pre-week", "answers/count/pre-week"
    a, b = editions({f"{effect}/expected": 255.0, f"{answer}/expected": 255.0})
    assert run(a, b).exit_code == 1
    (move,) = found(a, b)["moved"]
    assert move["places"] == [f"{answer}/expected", f"{effect}/expected"]
    assert (move["before"], move["after"], move["absolute"]) == (250.0, 255.0, 5.0)
    assert (move["relative"], move["half_width"], move["half_widths"]) == (0.02, 10.0, 0.5)
    assert move["causes"] == ["unknown"]


@pytest.mark.parametrize(
    ("path", "value", "half_widths"),
    [
        ("02_ledger/ordinary/first", 5.0, 0.5),  # inside first_interval, 2 to 6
        ("02_ledger/ordinary/first_interval/1", 10.0, 2.0),
        ("03_effect/parts/net/estimate", 7.0, -0.5),  # between low and high, 4 to 8
        ("03_effect/effect.count.pre-week/relative_low", 0.10, -1.0),
        ("03_effect/effect.count.pre-week/p_value", 0.02, None),
        ("02_ledger/ordinary/rows", 120, None),
    ],
)
def test_each_way_of_writing_an_interval_gives_the_unit(editions, path, value, half_widths):
    a, b = editions({f"results/{path}": value})
    (move,) = found(a, b)["moved"]
    assert move["half_widths"] == (half_widths if half_widths is None else pytest.approx(half_widths))


def test_the_biggest_come_first(editions):
    """Against intervals, then relative, then from zero, then what is no number."""
    ordinary, effect = "results/02_ledger/ordinary", "results/03_effect/effect.count.pre-week"
    moves = {
        f"{ordinary}/first": 4.2, f"{effect}/expected": 300.0, f"{ordinary}/rows": 101,
        f"{ordinary}/faults": 7, f"{effect}/p_value": 0.05, "currency": "EUR",
    }  # fmt: skip
    a, b = editions(moves)
    listed = [move["places"][0] for move in found(a, b)["moved"]]
    first = [f"{effect}/expected", f"{ordinary}/first", f"{effect}/p_value", f"{ordinary}/rows"]
    assert listed == [*first, f"{ordinary}/faults", "currency"]
    faults = found(a, b)["moved"][4]
    assert (faults["absolute"], faults["relative"]) == (7, None)


def test_a_number_that_is_no_longer_finite_moved_by_no_known_amount(editions):
    a, b = editions({"results/03_effect/effect.count.pre-week/relative_high": None})
    (move,) = found(a, b)["moved"]
    assert (move["after"], move["absolute"], move["half_widths"]) == (None, None, None)


def test_entries_appear_and_vanish_whole(editions):
    new = {"x": 1, "y": [1, 2]}
    a, b = editions(
        {"results/03_effect/new": new, "results/02_ledger": ..., "results/03_effect/parts/net/low": ...}
    )
    compared = found(a, b)
    assert compared["appeared"] == ["results/03_effect/new"]
    assert compared["vanished"] == ["results/02_ledger", "results/03_effect/parts/net/low"]
    assert compared["moved"] == []
    assert run(a, b).exit_code == 1


BOTH = {"results/02_ledger/ordinary/rows": 101, "results/03_effect/effect.count.pre-week/p_value": 0.02}


@pytest.mark.parametrize(
    ("changed", "effect", "ledger"),
    [
        ({}, "unknown", "unknown"),
        ({"data/0/sha256": "2"}, "data", "data"),
        ({"data/1/sha256": "2", "notebooks/03_effect/parameters/title": "Other"}, "unknown", "unknown"),
        ({"data/2/sha256": "2"}, "unknown", "data"),  # a ledger that the effect's notebook does not take
        ({"notebooks/03_effect/commit": "b" * 40}, "code", "unknown"),
        ({"notebooks/03_effect/modified": True}, "code", "unknown"),
        ({"notebooks/02_ledger/parameters/wait_days": 2}, "unknown", "parameter"),
        ({"notebooks/03_effect/versions": {"numpy": "2.4"}, "data/0/sha256": "2"}, "data, version", "data"),
        ({"data": ..., "notebooks": ..., "run": ...}, "unknown", "unknown"),
    ],
)
def test_the_cause_is_what_changed_for_the_number_s_notebook(editions, changed, effect, ledger):
    a, b = editions(BOTH, changed)
    of = {move["places"][0].split("/")[1]: ", ".join(move["causes"]) for move in found(a, b)["moved"]}
    assert of == {"03_effect": effect, "02_ledger": ledger}
    (b / "provenance.json").unlink()
    assert {move["causes"][0] for move in found(a, b)["moved"]} == {"unknown"}


def test_text_is_aligned_and_names_what_changed(editions):
    a, b = editions(
        BOTH | {"answers/count/pre-week/absolute": 55.5}, {"notebooks/02_ledger/parameters/wait_days": 2}
    )
    lines = run(a, b).stdout.splitlines()
    assert "changed: parameter: wait_days: 0 → 2" in lines
    table = lines[-4:]
    assert table[0].split("  ")[-1].strip() == "number"
    assert table[1].split() == [
        "+0.55",
        "+11.000%",
        "+5.5",
        "50",
        "55.5",
        "parameter",
        "answers/count/pre-week/absolute",
    ]
    assert (
        len(
            {
                line.index(place)
                for line, place in zip(table, ("number", "answers", "results", "results"), strict=True)
            }
        )
        == 1
    )


def test_a_page_loads_nothing_and_holds_every_number(editions, tmp_path):
    a, b = editions(BOTH | {"synthetic": True, "results/<b>x": {"r": {"n": 1}}})
    result = run(a, b, "--out", tmp_path / "new" / "page.html")
    assert result.exit_code == 1
    page = (tmp_path / "new" / "page.html").read_text(encoding="utf-8")
    html = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    assert "default-src 'none'" in html.find(".//meta[@http-equiv='Content-Security-Policy']").get("content")
    assert html.find(".//title").text.startswith("Synthetic data")
    assert [row.find("th/code").text for row in html.findall(".//table/tbody/tr")] == [
        "results/03_effect/effect.count.pre-week/p_value", "results/02_ledger/ordinary/rows", "synthetic",
    ]  # fmt: skip
    assert "results/<b>x" in "".join(html.find("body").itertext())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("{", "is not JSON"),
        ("[]", "no results.json"),
        ('{"format": 1}', "no results.json"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(editions, tmp_path, content, said):
    a, _ = editions()
    other = tmp_path / "other.json"
    if content is not None:
        other.write_text(content)
    result = run(a, other)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert len(result.stderr) < 300
    assert said in result.stderr
    assert run(a).exit_code == 2


def test_the_first_page_tells_of_headlines_alone_and_why():
    """20 % of 15 % to 25 % becomes 24 %; what moves in a digit that nobody is shown is not news."""
    answer = "answers/count/pre-week"
    earlier = comparing.Edition(RESULTS, PROVENANCE)
    later = changed_in(
        PROVENANCE, {"notebooks/03_effect/commit": "b" * 40, "notebooks/02_ledger/parameters/x": 1}
    )
    moved = changed_in(RESULTS, {f"{answer}/relative": 0.24, "results/02_ledger/ordinary/rows": 9})
    with words.using("en"):
        told = comparing.since(earlier, moved, later)
    assert told["lead"] == "The last edition is of 23 November 2017."
    ((metric, _over, was, now),) = told["rows"]
    assert (metric, was, now) == ("number of digital payments", "+20% (+15% to +25%)", "+24% (+15% to +25%)")
    assert told["why"] == [
        "The code changed from version \u2066aaaaaaaaaa\u2069 to version \u2066bbbbbbbbbb\u2069."
    ]
    with words.using("ar"):
        arabic = comparing.since(earlier, moved, later)
    assert "\u2066+24%\u2069" in arabic["rows"][0][3]
    assert arabic["why"] == [
        "تغيّر البرنامج من الإصدار \u2066aaaaaaaaaa\u2069 إلى الإصدار \u2066bbbbbbbbbb\u2069."
    ]
    same = comparing.since(earlier, changed_in(RESULTS, {f"{answer}/relative": 0.2 + 1e-12}), later)
    assert (same["rows"], same["why"]) == ([], [])
    assert comparing.since(earlier, moved, PROVENANCE)["why"] == ["Why they moved is unknown."]


def test_uncommitted_changes_are_named_where_the_commit_is_the_same():
    later = changed_in(PROVENANCE, {"notebooks/03_effect/modified": True})
    (change,) = causes.changes(PROVENANCE, later)
    assert str(change) == "aaaaaaaaaa → aaaaaaaaaa with uncommitted changes"
    with words.using("ar"):
        (sentence,) = causes.sentences([change])
    assert sentence.endswith("إلى الإصدار \u2066aaaaaaaaaa\u2069 (مع تعديلات غير معتمدة).")
