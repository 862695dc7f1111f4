"""A disk that fails where it is told to, and the shape that every error has."""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import os
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CHANGES = ("mkdir", "link", "replace", "fsync")
CLEANING = ("unlink", "remove", "rmdir")


class Killed(BaseException):
    """What a process does not survive; nothing that it would do to the disk afterwards happens."""


@contextlib.contextmanager
def failing(at: int, killed: bool = False) -> Iterator[list[str]]:
    """Let the `at`-th change of the disk fail, as on a full disk; or all from it on, as after a kill.

    Yields the changes so far, in words. What libraries write without Python is not seen.
    """
    done: list[str] = []

    def change(name: str, *args: Any) -> None:
        done.append(f"{name} {args}")
        if killed and len(done) >= at:
            raise Killed
        if len(done) == at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def counted(name: str, real: Callable) -> Callable:
        def call(*args: Any, **kwargs: Any) -> Any:
            change(name, *args)
            return real(*args, **kwargs)

        return call

    def cleaning(real: Callable) -> Callable:
        def call(*args: Any, **kwargs: Any) -> Any:
            if killed and len(done) >= at:
                raise Killed
            return real(*args, **kwargs)

        return call

    class Written:
        """A file whose writes are counted."""

        def __init__(self, file: Any):
            self._file = file

        def write(self, content: Any) -> int:
            change("write", self._file.name)
            return self._file.write(content)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

        def __enter__(self) -> Written:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

    real_open = builtins.open

    def opened(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if set(mode) & set("wax+") and not str(file).startswith("/dev/"):
            change("open", file)
            return Written(real_open(file, mode, *args, **kwargs))
        return real_open(file, mode, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        for name in CHANGES:
            patch.setattr(os, name, counted(name, getattr(os, name)))
        for name in CLEANING:
            patch.setattr(os, name, cleaning(getattr(os, name)))
        patch.setattr(shutil, "rmtree", cleaning(shutil.rmtree))
        patch.setattr(builtins, "open", opened)
        patch.setattr(io, "open", opened)
        yield done


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by its path in it."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def staged(*folders: Path) -> list[Path]:
    """What work in progress has left."""
    return [left for folder in folders for left in folder.rglob(".analysis-*")]


def assert_one_line_error(code: int, out: str, err: str, expected: int | None = None) -> str:
    """One line on stderr and nothing on stdout: short, inert, no traceback; gives what it says.

    A bar of progress before it, which ends its lines by a return, is not part of it.
    """
    lines = [line for line in err.split("\n") if line.strip() and not line.startswith(("\r", "notebooks:"))]
    assert code in ((1, 2) if expected is None else (expected,)), (code, err)
    assert out == ""
    assert len(lines) == 1, err
    assert lines[0].startswith("error: ")
    assert len(lines[0]) < 300
    assert "Traceback" not in err
    assert not [c for c in lines[0] if unicodedata.category(c)[0] == "C"]
    return lines[0].removeprefix("error: ")
