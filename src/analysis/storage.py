"""Files written whole or not at all, and the cache between runs: private, and made again where it is damaged."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

ROOT = Path(__file__).parents[2]
STAGED = ".analysis-"  # how folders for work in progress are named
LOCK, JOURNAL, OLD = ".lock", ".journal", ".old"


def write(path: Path, fill: Callable[[Path], Any] | str | bytes) -> None:
    """Write one file; `fill` is its content, or writes it under the path that it is given."""
    with staging(path.parent) as staged:
        if callable(fill):
            fill(staged / path.name)
        else:
            (staged / path.name).write_bytes(fill.encode() if isinstance(fill, str) else fill)
        publish(staged)


@contextlib.contextmanager
def staging(parent: Path | None = None) -> Iterator[Path]:
    """A folder for work in progress, gone at the end: in `parent`, or where the system has its temporary files.

    What a killed process left in the same place is put right and removed first.
    """
    parent = Path(tempfile.gettempdir() if parent is None else parent)
    new = not parent.exists()
    parent.mkdir(parents=True, exist_ok=True)
    sweep(parent)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=STAGED, dir=parent))
        lock = FileLock(folder / LOCK)
        with contextlib.suppress(FileNotFoundError, FileExistsError):  # swept by another before it was locked
            lock.acquire()
            if (folder / LOCK).exists():
                break
            lock.release()
    with contextlib.ExitStack() as ending:
        if new:
            ending.callback(_remove_empty, parent)
        ending.callback(lock.release)
        ending.callback(_remove, folder)
        yield folder


def sweep(parent: Path) -> None:
    """Put right and remove the staged folders of processes that are gone: nobody holds their locks."""
    me = getattr(os, "getuid", int)()  # where there are no users, all files are 0's
    for left in parent.glob(f"{STAGED}*"):
        with contextlib.suppress(OSError, Timeout):
            if left.lstat().st_uid == me and not left.is_symlink():
                with FileLock(left / LOCK, timeout=0):
                    _undo(left)
                    _remove(left)


def publish(staged: Path, last: str = "") -> list[str]:
    """Move the files of a staged folder to the same places beside it, and `last` after all others.

    All or none: when one cannot be moved, those before it are put back; after a kill, by the next to stage there.
    A reader sees each file old or new, and whole.

    Returns
    -------
    list of str
        The files, relative to the folder's parent.
    """
    files = [file for file in staged.rglob("*") if file.is_file() and file.name != LOCK]
    names = [file.relative_to(staged).as_posix() for file in files]
    names.sort(key=lambda name: (name == last, name))
    parent = staged.parent
    for name in names:
        _sync(staged / name)
    try:
        if len(names) > 1:  # one rename needs no journal
            for name in names:
                if (parent / name).exists():
                    (staged / OLD / name).parent.mkdir(parents=True, exist_ok=True)
                    _copy(parent / name, staged / OLD / name)
            (staged / JOURNAL).write_text(json.dumps(names), encoding="utf-8")
            _sync(staged / JOURNAL)
            _sync(staged)
        for name in names:
            (parent / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged / name, parent / name)
        for folder in {(parent / name).parent for name in names}:
            _sync(folder)
        (staged / JOURNAL).unlink(missing_ok=True)
    except BaseException:
        _undo(staged)
        raise
    return names


def _undo(staged: Path) -> None:
    """Put back what an unfinished publication has replaced, and remove what it has added."""
    journal = staged / JOURNAL
    with contextlib.suppress(OSError):
        with contextlib.suppress(ValueError):  # cut short: nothing has been moved yet
            for name in json.loads(journal.read_text(encoding="utf-8")):
                if (staged / OLD / name).exists():
                    os.replace(staged / OLD / name, staged.parent / name)
                elif not (staged / name).exists():
                    (staged.parent / name).unlink(missing_ok=True)
        journal.unlink()


def _remove(staged: Path) -> None:
    """Remove a staged folder, unless something is still to be undone from it."""
    if not (staged / JOURNAL).exists():
        shutil.rmtree(staged, ignore_errors=True)


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # it holds what was published
        folder.rmdir()


def _copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copy2(source, target)


def _sync(path: Path) -> None:
    """Make sure that a file, or a folder's names, outlive a power cut."""
    if path.is_dir() and os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cache_folder() -> Path:
    """Where computed things are kept between runs: ANALYSIS_CACHE, or build/cache of the repository; the user's alone.

    Raises
    ------
    RuntimeError
        If it cannot be made or written.
    """
    folder = Path(os.environ.get("ANALYSIS_CACHE") or ROOT / "build" / "cache")
    advice = "let the variable ANALYSIS_CACHE name a folder of your own"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = folder.stat().st_mode
        if mode & stat.S_ISVTX:
            raise RuntimeError(f"the cache {folder} is a folder of all users: {advice}")
        if mode & 0o077:
            folder.chmod(0o700)
    except OSError as fault:
        raise RuntimeError(f"the cache {folder} cannot be used ({fault.strerror}): {advice}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise RuntimeError(f"the cache {folder} cannot be written: {advice}")
    return folder


def cached(path: Path, make: Callable[[], bytes]) -> bytes:
    """The content of a file of the cache, made if it is missing; whoever asks meanwhile waits for it."""
    with FileLock(path.with_suffix(".lock")):
        content = kept(path)
        if content is None:
            content = make()
            keep(path, content)
    return content


def keep(path: Path, content: bytes) -> None:
    """Put a file into the cache; its last line tells whether it is whole."""
    write(path, content + b"\n" + _digest(content))


def kept(path: Path) -> bytes | None:
    """A file of the cache, None if it is missing; one that is damaged is dropped."""
    try:
        content, _, digest = path.read_bytes().rpartition(b"\n")
    except FileNotFoundError:
        return None
    except OSError:
        content, digest = b"", b""
    if digest == _digest(content):
        return content
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return None


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
