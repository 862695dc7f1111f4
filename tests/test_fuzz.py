"""What the fuzzer keeps is read, or refused in one line; what it once broke stays mended."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "fuzz"))
from fuzz import CORPUS, TARGETS, one

INPUTS = [(target, path.name) for target in TARGETS for path in sorted((CORPUS / target).iterdir())]


@pytest.mark.parametrize(("target", "name"), INPUTS)
def test_an_input_of_the_corpus_is_read_or_refused_in_one_line(target, name, tmp_path):
    read = one(target, (CORPUS / target / name).read_bytes(), tmp_path)
    assert read or not name.startswith("plain")


def test_the_corpus_has_both_and_stays_small(tmp_path, tally):
    read = [one(target, (CORPUS / target / name).read_bytes(), tmp_path) for target, name in INPUTS]
    assert 0.2 < sum(read) / len(read) < 0.9
    assert sum(path.stat().st_size for path in CORPUS.rglob("*")) < 300_000
    tally("inputs that the fuzzer found, read or refused in one line", len(INPUTS))
