"""Whatever is killed, cut, full, damaged or run twice: files stay old or new and whole, and errors are one line."""

from __future__ import annotations

import contextlib
import copy
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pandas as pd
import papermill
import pytest
import yaml
from click.testing import CliRunner
from faults import Killed, assert_one_line_error, content, failing, staged
from test_report import EFFECT, notebook, shown

from analysis import simulate, storage
from analysis.__main__ import cli
from analysis.report import kernels
from analysis.study import Study

STUDY = {"title": "A day", "event_start": "2017-10-26", "baseline_days": 7, "seed": 7}
CELLS = (
    "# What did the day add?",
    "import numpy as np\n"
    "rng = np.random.default_rng(seed)\n"
    "X = rng.standard_normal((700, 300))\n"
    "fit = np.linalg.lstsq(X, X @ rng.standard_normal(300) + rng.standard_normal(700), rcond=None)[0]\n"
    "numbers = [float(fit.sum()), float((X.T @ X).sum()), float(np.linalg.eigvalsh(X.T @ X).sum()),\n"
    "           float(len('|'.join({'a', 'b', 'c'})))]",
    f"effect = {EFFECT!r} | {{'observed': 31000 + numbers[0], 'expected': 26000 + abs(numbers[1] % 100)}}",
    "display({'text/plain': 'x'}, raw=True, metadata={'analysis': {'kind': 'record', 'key': 'count.pre-week', "
    "'synthetic': True, 'record': effect}})",
    shown({"kind": "table", "key": "t", "csv": "a\n1\n", "languages": {"en": {"table": "<table></table>"}}}),
)
RECORDED = (Path(__file__).with_name("expected_results.json")).read_text(encoding="utf-8")
TINY = notebook(*CELLS, parameters='event_start = "2000-01-01"\nseed = 1')


def report(folder: Path, *words: str, **env: str) -> subprocess.Popen:
    """`report` of the study in a folder, started; it hears every signal, whatever the tests were started under."""
    command = [sys.executable, "-m", "analysis", "report", "study.yaml", "--out", "out", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf-8"}
    env = {"ANALYSIS_CACHE": str(folder / "cache"), "SOURCE_DATE_EPOCH": "1511395200"} | env

    def hear() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # which nohup turns off

    return subprocess.Popen(command, cwd=folder, env=os.environ | env, preexec_fn=hear, **pipes)


def ended(process: subprocess.Popen, seconds: float = 120) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    out, err = process.communicate(timeout=seconds)
    return process.returncode, out, err


def prepared(folder: Path, **changed: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY | changed), encoding="utf-8")
    nbformat.write(TINY, folder / "03_effect.ipynb")
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny study with its reports and its cache."""
    folder = prepared(tmp_path_factory.mktemp("study"))
    code, _, err = ended(report(folder))
    assert code == 0, err
    return folder


@pytest.fixture
def recorded(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The notebook is not executed: its outputs are those of the run before, so that a report takes a moment."""
    (file,) = (made / "cache" / "runs").glob("03_effect-*.ipynb")
    executed = nbformat.reads(storage.kept(file).decode(), as_version=4)
    monkeypatch.setattr(papermill, "execute_notebook", lambda *_, **__: copy.deepcopy(executed))
    monkeypatch.setattr(kernels, "pool", lambda env: contextlib.nullcontext())
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1511395200")


def rendered(folder: Path) -> tuple[int, str, str]:
    """As `report`, in this process and one language."""
    words = ["report", str(folder / "study.yaml"), "--out", str(folder / "out"), "--language", "en"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANALYSIS_CACHE", str(folder / "cache"))
        result = CliRunner().invoke(cli, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def timeless(files: dict[str, bytes]) -> dict[str, bytes]:
    """Without the seconds that a run took."""
    files = dict(files)
    if "provenance.json" in files:
        told = json.loads(files["provenance.json"])
        for run in told["notebooks"].values():
            run["seconds"] = 0
        files["provenance.json"] = json.dumps(told).encode()
    return files


@pytest.fixture
def versions(tmp_path: Path, recorded: None) -> tuple[Path, dict[str, bytes], dict[str, bytes]]:
    """A folder with the reports of a study and the study changed since, its reports now, and those to come."""
    folder = prepared(tmp_path / "base")
    assert rendered(folder)[0] == 0
    old = timeless(content(folder / "out" / "study"))
    shutil.copytree(folder, tmp_path / "new")
    for place in (folder, tmp_path / "new"):
        prepared(place, title="Another day", seed=8)
    assert rendered(tmp_path / "new")[0] == 0
    new = timeless(content(tmp_path / "new" / "out" / "study"))
    assert old.keys() == new.keys()
    assert old["results.json"] != new["results.json"]
    return folder, old, new


@pytest.mark.slow
@pytest.mark.parametrize("killed", [False, True])
def test_each_change_of_the_disk_may_fail_in_a_report(versions, tmp_path, killed, tally):
    """The n-th, for n = 1, 2, … until none fails: all old or all new; after a kill each file is, and the next run
    ends as if nothing had been."""
    base, old, new = versions
    for n in itertools.count(1):
        folder = tmp_path / f"{n}"
        shutil.copytree(base, folder)
        outcome = None
        try:
            with failing(n, killed) as changes:
                outcome = rendered(folder)
        except Killed:
            pass
        if len(changes) < n:
            break
        after = timeless(content(folder / "out" / "study"))
        after = {name: file for name, file in after.items() if not name.startswith(".analysis-")}
        if killed:
            assert after.keys() == old.keys()
            assert all(after[name] in (old[name], new[name]) for name in old), changes[n - 1]
        else:
            if outcome[0]:
                assert_one_line_error(*outcome, expected=1)
            assert after in (old, new), changes[n - 1]
            assert not staged(folder), changes[n - 1]
        assert rendered(folder)[0] == 0
        assert timeless(content(folder / "out" / "study")) == new, changes[n - 1]
        assert not staged(folder), changes[n - 1]
        shutil.rmtree(folder)
    assert outcome[0] == 0
    tally(f"changes of the disk that {'a kill stops' if killed else 'fail'} in `report`, each in turn", n - 1)


def pair(folder: Path) -> tuple[bytes | None, bytes | None]:
    """A ledger and its truth."""
    files = (folder / "ledger.parquet", folder / "ledger.truth.json")
    return tuple(file.read_bytes() if file.exists() else None for file in files)


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("before", [False, True])
def test_each_change_of_the_disk_may_fail_while_a_ledger_is_written(tmp_path, killed, before, tally):
    """Ledger and truth are both old or both new; after a kill the next run in the folder sees to it."""

    def written(folder: Path, seed: int) -> None:
        simulate.simulate(folder / "ledger.parquet", days=28, entities=2, rows=200, seed=seed)

    written(tmp_path / "old", 1)
    written(tmp_path / "new", 2)
    old, new = pair(tmp_path / "old"), pair(tmp_path / "new")
    for n in itertools.count(1):
        folder = tmp_path / f"{n}"
        if before:
            shutil.copytree(tmp_path / "old", folder)
        else:
            folder.mkdir()
        with contextlib.suppress(OSError, Killed), failing(n, killed) as changes:
            written(folder, 2)
        if len(changes) < n:
            break
        start = old if before else (None, None)
        if killed:
            ledger, truth = pair(folder)
            assert ledger in (start[0], new[0])
            assert truth in (start[1], new[1])
            assert ledger is None or truth is not None  # never a ledger without its truth
            storage.sweep(folder)
        assert pair(folder) in (start, new), changes[n - 1]
        assert not staged(folder), changes[n - 1]
        written(folder, 2)
        assert pair(folder) == new
    assert pair(folder) == new
    tally(
        f"changes of the disk that {'a kill stops' if killed else 'fail'} in `simulate`, each in turn", n - 1
    )


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("command", ["new", "compare"])
def test_each_change_of_the_disk_may_fail_while_one_file_is_written(tmp_path, command, killed, tally):
    """The file is the old one or the new one, whole; the next run ends as if nothing had been."""
    days = "".join(f"{day:%Y-%m-%d},{100 + day.day}\n" for day in pd.date_range("2017-01-01", "2017-10-31"))
    (tmp_path / "daily.csv").write_text(f"date,visits\n{days}")
    effect = {key: value for key, value in json.loads(RECORDED)["answers"].items() if key == "count"}
    for name, observed in (("a", 1), ("b", 2)):
        effect["count"]["pre-week"]["observed"] = observed
        (tmp_path / f"{name}.json").write_text(json.dumps(json.loads(RECORDED) | {"answers": effect}))
    words = {
        "new": ["new", "made.yaml", "--data", "daily.csv", "--event", "2017-10-26", "--yes", "--force"],
        "compare": ["compare", "a.json", "b.json", "--out", "made.yaml"],
    }[command]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        made = tmp_path / "made.yaml"
        CliRunner().invoke(cli, words)
        new = made.read_text()
        for n in itertools.count(1):
            made.write_text("old")
            with contextlib.suppress(Killed), failing(n, killed) as changes:
                done = CliRunner().invoke(cli, words)
            if len(changes) < n:
                break
            assert made.read_text() in ("old", new), changes[n - 1]
            if not killed:
                assert not staged(tmp_path), changes[n - 1]
                if made.read_text() == "old":
                    assert_one_line_error(done.exit_code, "", done.stderr, expected=1)
        assert made.read_text() == new
        assert not staged(tmp_path)
    tally(
        f"changes of the disk that {'a kill stops' if killed else 'fail'} in `{command}`, each in turn", n - 1
    )


DAMAGES = {
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-7]),
    "half": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "empty": lambda file: file.write_bytes(b""),
    "one bit": lambda file: file.write_bytes(bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:]),
    "another format": lambda file: file.write_text('{"state": [1]}\n'),
    "a folder": lambda file: (file.unlink(), file.mkdir(), (file / "x").touch()),
    "a link to nothing": lambda file: (file.unlink(), file.symlink_to("nothing")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_made_again(recorded, tmp_path, damage, monkeypatch, tally):
    """Each of its files in turn; the pages are the same and their numbers too."""
    folder = prepared(tmp_path)
    assert rendered(folder)[0] == 0
    pages = timeless(content(folder / "out" / "study"))
    (folder / "ledger.csv").write_text("paid_at,entity,channel,amount\n2017-10-26 09:00:00,A,web,1.00\n")
    monkeypatch.setenv("ANALYSIS_CACHE", str(folder / "cache"))

    def of_the_ledger() -> tuple:
        (folder / "own.yaml").write_text(yaml.safe_dump(STUDY | {"ledger": "ledger.csv"}))
        study = Study.load(folder / "own.yaml")
        return study.panel(("entity",)).to_csv(), study.faults()

    known = of_the_ledger()
    files = [file for file in (folder / "cache").rglob("*") if file.is_file() and file.suffix != ".lock"]
    kinds = {file.name.partition("-")[0] for file in files}
    assert kinds >= {"hashes.json", "panel", "faults", "03_effect"}
    for file in files:
        DAMAGES[damage](file)
        code, _, err = rendered(folder)
        assert code == 0, (file, err)
        assert timeless(content(folder / "out" / "study")) == pages
        assert of_the_ledger() == known, file
    assert (folder / "cache").stat().st_mode & 0o777 == 0o700
    tally("damaged caches, recognised and made again", len(DAMAGES) * len(files))


BROKEN = {
    "04_hangs": notebook("# A", "import time; time.sleep(600)"),
    "05_ends": notebook("# A", "import os; os._exit(3)"),
    "06_crashes": notebook("# A", "import ctypes; ctypes.string_at(0)"),
    "07_raises": notebook("# A", "raise ValueError('\\x1b[31mred\\u202e ' + 'long ' * 500)"),
    "08_json": '{"cells": [',
    "09_none": '{"nbformat": 4}',
    "10_old": '{"nbformat": 3, "worksheets": []}',
    "11_deep": "[" * 100_000,
    "12_empty": "",
    "13_record": notebook("# A", shown({"kind": "record", "key": "x", "record": {"estimand": "week"}})),
}


def test_broken_notebooks_do_not_keep_a_page_from_being_written(tmp_path, tally):
    """Each is named on stderr, and on the index with the reason; the good one is there."""
    prepared(tmp_path)
    for name, source in BROKEN.items():
        text = source if isinstance(source, str) else nbformat.writes(source)
        (tmp_path / f"{name}.ipynb").write_text(text)
    outcome = ended(report(tmp_path, "--cell-seconds", "3"))
    told = assert_one_line_error(*outcome, expected=1)
    index = (tmp_path / "out" / "study" / "index.html").read_text(encoding="utf-8")
    for name in BROKEN:
        assert name[:8] in told
    for why in (
        "cell 3: was not done in 3 seconds", "cell 3: ended its kernel", "cell 3: ValueError:",
        "is not a notebook: Expecting value", "it has no cells", "format 3: save it anew", "a record does not fit",
    ):  # fmt: skip
        assert why in index
    assert index.count("This report is missing") == len(BROKEN)
    tally("broken and hanging notebooks", len(BROKEN))
    assert sorted(page.name for page in (tmp_path / "out" / "study" / "en").iterdir()) == ["03_effect.html"]


def processes(mark: str) -> list[int]:
    """Processes with a text in their environment, but for this one."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if mark.encode() in (entry / "environ").read_bytes() and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_a_report_and_leaves_nothing(tmp_path, number):
    prepared(tmp_path)
    begun = tmp_path / "begun"
    hangs = notebook("# A", f"import pathlib, time; pathlib.Path({str(begun)!r}).touch(); time.sleep(600)")
    nbformat.write(hangs, tmp_path / "04_hangs.ipynb")
    (tmp_path / "tmp").mkdir()
    process = report(tmp_path, TMPDIR=str(tmp_path / "tmp"))
    until(lambda: begun.exists())
    process.send_signal(number)
    assert assert_one_line_error(*ended(process, 20), expected=1) == "stopped"
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not staged(tmp_path)
    until(lambda: not processes(str(tmp_path)))


def test_writers_side_by_side_do_not_sweep_one_another(tmp_path):
    def writes(number: int) -> None:
        for k in range(40):
            storage.write(tmp_path / f"{number}-{k}.txt", f"{number} {k}")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(writes, range(8)))
    assert {path.read_text() for path in tmp_path.iterdir()} == {
        f"{n} {k}" for n in range(8) for k in range(40)
    }


def until(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_two_reports_of_a_study_at_once_give_whole_files(made, tmp_path):
    prepared(tmp_path)
    processes = [report(tmp_path) for _ in range(2)]
    for process in processes:
        code, _, err = ended(process)
        assert code == 0, err
    assert timeless(content(tmp_path / "out" / "study")).keys() == content(made / "out" / "study").keys()
    for name in ("results.json", "index.html", "index.ar.html"):
        assert same(tmp_path, made, name)
    assert not staged(tmp_path)


def same(one: Path, other: Path, name: str = "results.json") -> bool:
    return (one / "out" / "study" / name).read_bytes() == (other / "out" / "study" / name).read_bytes()


@pytest.mark.parametrize(
    ("folder", "words", "env"),
    [
        ("again", (), {}),
        ("jobs", ("--jobs", "1"), {}),
        ("hashes", (), {"PYTHONHASHSEED": "12345"}),
        ("zone", (), {"TZ": "Pacific/Auckland"}),
        ("locale", (), {"LC_ALL": "C", "PYTHONUTF8": "0"}),
        ("a folder, مجلد {x} 100%", (), {}),
        ("threads", (), {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}),
    ],
)
def test_results_are_the_same_to_the_last_byte(made, tmp_path, folder, words, env):
    place = prepared(tmp_path / folder)
    code, _, err = ended(report(place, *words, **env))
    assert code == 0, err
    assert same(place, made)


BLOCK = """
import socket
real = socket.socket
class Blocked(real):
    def __init__(self, family=-1, *args, **kwargs):
        if family in (-1, socket.AF_INET, socket.AF_INET6):
            raise OSError("the network is not to be used")
        super().__init__(family, *args, **kwargs)
socket.socket = Blocked
"""


def test_a_report_needs_no_network(made, tmp_path):
    """Sockets of the internet cannot be made, in no process of the run."""
    place = prepared(tmp_path / "study")
    (tmp_path / "block").mkdir()
    (tmp_path / "block" / "sitecustomize.py").write_text(BLOCK)
    path = os.pathsep.join([str(tmp_path / "block"), os.environ.get("PYTHONPATH", "")])
    check = [sys.executable, "-c", "import socket; socket.socket(socket.AF_INET)"]
    assert subprocess.run(check, env=os.environ | {"PYTHONPATH": path}, capture_output=True).returncode == 1
    code, _, err = ended(report(place, PYTHONPATH=path))
    assert code == 0, err
    assert same(place, made)


BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n" for i in range(20)
)
HOSTILE = "\x1b[2J\x07\u202e\u2066\x9b\u200e"
STUDIES = {
    "unhashable": "? [a]\n: b\n",
    "unhashable too": "columns: {? {a: b} : c}\n",
    "bomb": BOMB,
    "NUL": "title: a\0b\n",
    "escape": "title: a\x1bb\n",
    "NUL in a path": 'title: x\nevent_start: 2017-10-26\nledger: "a\\0b"\n',
    "deep": "title: " + "[" * 3_000,
    "huge": "title: " + "x" * 2_000_000,
    "long": "title: x\nevent_start: " + "9" * 10_000,
    "digits": "title: x\nseed: " + "9" * 5_000,
    "many": "".join(f"x{i}: 1\n" for i in range(1000)),
    "tag": "title: !!python/object/apply:os.system [ls]\n",
    "two": "title: x\n---\ntitle: y\n",
    "key": HOSTILE.encode("unicode_escape").decode().join(('"', '": 1\n')),
    "value": 'title: x\nevent_start: "' + HOSTILE.encode("unicode_escape").decode() + '"\n',
}


@pytest.mark.parametrize("kind", STUDIES)
def test_a_faulty_study_is_refused_in_one_inert_line(tmp_path, kind):
    (tmp_path / "study.yaml").write_text(STUDIES[kind], encoding="utf-8")
    began = time.monotonic()
    result = CliRunner().invoke(cli, ["report", str(tmp_path / "study.yaml"), "--out", str(tmp_path / "out")])
    assert_one_line_error(result.exit_code, result.stdout, result.stderr, expected=2)
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    "words",
    [
        ["report", "."],
        ["report", "/dev/zero"],
        ["report", f"no{HOSTILE}.yaml"],
        ["report", "x" * 5_000],
        ["estimate", f"no{HOSTILE}.csv", "--event", "2017-10-26"],
        ["estimate", "no.csv", "--event", HOSTILE],
        ["check", f"no{HOSTILE}.csv"],
        ["simulate", "--out", f"{HOSTILE}.csv"],
        ["bounds", f"no{HOSTILE}.csv"],
        [HOSTILE],
        ["estimate", f"--{HOSTILE}"],
    ],
)
def test_wrong_use_is_one_inert_line(words):
    result = CliRunner().invoke(cli, words)
    assert_one_line_error(result.exit_code, result.stdout, result.stderr, expected=2)


@pytest.mark.parametrize(
    "fault", [MemoryError(), RecursionError("deep"), TypeError(HOSTILE), AssertionError("a\nb")]
)
def test_a_fault_nobody_thought_of_is_one_line_too(monkeypatch, fault):
    def broken(*_: object) -> None:
        raise fault

    monkeypatch.setattr("analysis.published.report", broken)
    result = CliRunner().invoke(cli, ["bounds"])
    assert_one_line_error(result.exit_code, result.stdout, result.stderr, expected=1)


def limited(number: int, most: int):
    import resource

    return lambda: resource.setrlimit(number, (most, most))


def test_limits_of_the_machine_are_told_in_one_line(made, tmp_path):
    """A cache that cannot be made or is everybody's, files that may not grow, few handles: exit code 1."""
    import resource

    place = prepared(tmp_path / "study")
    (tmp_path / "file").touch()
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)
    for cache in (tmp_path / "file", "/proc/cache", tmp_path / "shared"):
        told = assert_one_line_error(*ended(report(place, ANALYSIS_CACHE=str(cache))), expected=1)
        assert "ANALYSIS_CACHE" in told
    command = [sys.executable, "-m", "analysis", "report", "study.yaml", "--out", "out"]
    for number, most in ((resource.RLIMIT_NOFILE, 40), (resource.RLIMIT_FSIZE, 1500)):
        env = os.environ | {"ANALYSIS_CACHE": str(place / "cache")}
        run = subprocess.run(
            command, cwd=place, env=env, preexec_fn=limited(number, most), capture_output=True, text=True
        )
        assert_one_line_error(run.returncode, run.stdout, run.stderr, expected=1)
        assert not staged(place)
    home = {"HOME": "/proc/none", "XDG_CONFIG_HOME": "/proc/none", "XDG_CACHE_HOME": "/proc/none"}
    code, _, err = ended(report(place, **home))  # nothing of ours needs a home
    assert (code, "Traceback" in err) == (0, False)
    assert same(place, made)


KILLS = 50


def killed_at(process: subprocess.Popen, seconds: float) -> bool:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.kill()
    process.communicate()
    return process.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_reports_survive_kills(made, tmp_path, tally):
    """Fifty at any moment of a run; each file is of the study before or after, and the last run ends it."""
    place, other = prepared(tmp_path / "study"), prepared(tmp_path / "other", title="Another day", seed=8)
    for folder in (place, other):
        assert ended(report(folder))[0] == 0
    versions = [content(folder / "out" / "study") for folder in (place, other)]
    rng, kills, turn = random.Random(1), 0, 0
    (place / "tmp").mkdir()
    while kills < KILLS:
        turn += 1
        prepared(place, **({"title": "Another day", "seed": 8} if turn % 2 else {}))
        shutil.rmtree(place / "cache" / "runs", ignore_errors=True)
        began = time.monotonic()
        process = report(place, TMPDIR=str(place / "tmp"))
        until(lambda process=process: list((place / "tmp").iterdir()) or process.poll() is not None)
        kills += killed_at(process, rng.uniform(0, 1.6) * (time.monotonic() - began))
        after = content(place / "out" / "study")
        for name in versions[0]:
            if name.endswith((".html", ".csv", "results.json")):
                assert after[name] in [version[name] for version in versions], name
    prepared(place)
    assert ended(report(place, TMPDIR=str(place / "tmp")))[0] == 0
    assert same(place, made)
    assert list((place / "tmp").iterdir()) == []
    assert not staged(place)
    tally("kills of `report` at any moment", kills)


@pytest.mark.slow
def test_writers_of_ledgers_survive_kills(tmp_path, tally):
    """Fifty; ledger and truth belong together once the next run has begun."""
    words = ["simulate", "--out", "ledger.parquet", "--days", "28", "--rows", "20000"]

    def simulated(folder: Path, seed: int) -> subprocess.Popen:
        folder.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "analysis", *words, "--seed", str(seed)]
        return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    took, pairs = [], []
    for seed in (1, 2):
        began = time.monotonic()
        simulated(tmp_path / f"{seed}", seed).communicate()
        took.append(time.monotonic() - began)
        pairs.append(pair(tmp_path / f"{seed}"))
    rng, kills, turn = random.Random(1), 0, 0
    place = tmp_path / "place"
    while kills < KILLS:
        turn += 1
        kills += killed_at(simulated(place, 1 + turn % 2), rng.uniform(0.3, 1.1) * min(took))
        ledger, truth = pair(place)
        assert ledger in (None, pairs[0][0], pairs[1][0])
        assert truth in (None, pairs[0][1], pairs[1][1])
        assert ledger is None or truth is not None
        storage.sweep(place)
        assert pair(place) in (*pairs, (None, None))
        assert not staged(place)
    tally("kills of `simulate` at any moment", kills)
