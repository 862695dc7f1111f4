"""pyproject.toml, requirements.lock and environment.yml tell one story."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA_NAMES = {"duckdb": "python-duckdb"}  # all others have one name in both worlds
LOCKS = ("requirements.lock", "requirements-ci.lock")


def requirements(*extras: str) -> dict[str, Requirement]:
    """What pyproject.toml asks for, by canonical name."""
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return {canonicalize_name(r.name): r for r in map(Requirement, lines)}


def conda() -> dict[str, Requirement]:
    """What environment.yml asks for, by canonical name, conda's and pip's part together."""
    entries = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    lines = [entry for entry in entries if isinstance(entry, str)]
    lines += [line for entry in entries if isinstance(entry, dict) for line in entry["pip"]]
    return {canonicalize_name(r.name): r for r in map(Requirement, lines)}


def locked(name: str) -> dict[str, str]:
    """The pinned versions that apply on this machine, by canonical name."""
    text = (ROOT / name).read_text(encoding="utf-8")
    pins = [
        Requirement(line.rstrip(" \\")) for line in text.splitlines() if "==" in line and "--hash" not in line
    ]
    environment = default_environment()
    return {
        canonicalize_name(pin.name): next(iter(pin.specifier)).version
        for pin in pins
        if pin.marker is None or pin.marker.evaluate(environment)
    }


def test_environment_yml_asks_for_what_pyproject_asks_for():
    asked = {CONDA_NAMES.get(name, name): str(r.specifier) for name, r in requirements("dev").items()}
    offered = {name: str(r.specifier) for name, r in conda().items() if name not in ("python", "pip")}
    assert offered == asked
    assert str(conda()["python"].specifier) == PROJECT["requires-python"]


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_version_lies_inside_both_bounds(name):
    pins = locked(name)
    for package, requirement in requirements("dev").items():
        assert requirement.specifier.contains(pins[package]), requirement
        assert conda()[CONDA_NAMES.get(package, package)].specifier.contains(pins[package]), requirement


def test_ci_lock_adds_to_the_default_one_and_changes_nothing():
    default, ci = locked("requirements.lock"), locked("requirements-ci.lock")
    assert ci.items() >= default.items()
    assert set(requirements("spark", "cluster")) <= set(ci)
    assert "pyspark" not in default


@pytest.mark.parametrize("name", LOCKS)
def test_locks_carry_hashes_and_name_no_host(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    entries = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in entry for entry in entries)


def test_every_dependency_has_its_reason_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = readme.split("## Dependencies", 1)[1].split("\n## ", 1)[0].lower()
    missing = [name for name in requirements("dev", "spark", "cluster", "bench") if f"`{name}`" not in table]
    assert not missing, f"README's table of dependencies says nothing of {', '.join(missing)}"
