#!/usr/bin/env bash
# The recorded numbers of Dubai's reports, by every Python from 3.11 to 3.13 that this machine has beside that of .venv.
# They agree to the tolerance of tests/test_notebooks.py.
set -euo pipefail
cd "$(dirname "$0")/.."

own=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
for version in 3.11 3.12 3.13; do
    [ "$version" != "$own" ] || continue
    found=
    for python in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$version".*/bin/python; do
        if "$python" -c 'import ensurepip' 2>/dev/null; then found=$python; fi
    done
    if [ -z "$found" ]; then
        echo "Python $version is not here"
        continue
    fi
    bin=.venv-$version/bin
    "$found" -m venv ".venv-$version"
    $bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
    PYTHONPATH=src $bin/python -m pytest -q -p no:cacheprovider tests/test_notebooks.py -k recorded_numbers
    echo "Python $version gives the recorded numbers"
done
