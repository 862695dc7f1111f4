# Needs python3 (3.11 or later), make and a package index; everything else goes into .venv, once.
STUDY ?= notebooks/dubai-2017.yaml
PYTHON ?= python3
FUZZ_SECONDS ?= 600
BIN := .venv/bin
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check
LOCK := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help report test test-all versions lint lab notebooks catalogue bench lock audit sbom fuzz

help: ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

report: .venv/ready ## the reports of STUDY, in English and Arabic, under reports/
	$(BIN)/python -m analysis report $(STUDY)

test: .venv/ready ## the quick tests
	$(BIN)/python -m pytest -n auto --dist loadscope -m "not slow"

test-all: .venv/ready-ci ## what is slow, or needs a browser, Java or a cluster; every notebook by nbval
	$(BIN)/python -m pytest -n auto --dist loadscope -m slow
	$(BIN)/python -m pytest -n auto --dist loadscope --nbval --nbval-sanitize-with tests/nbval_sanitize.cfg notebooks

versions: .venv/ready ## the recorded numbers by every other Python, 3.11 to 3.13, that is found here
	@tests/versions.sh

lint: .venv/ready ## style and formatting, notebooks too
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lab: .venv/ready ## JupyterLab
	$(BIN)/jupyter lab notebooks

notebooks: .venv/ready ## execute the notebooks in place
	$(BIN)/jupyter nbconvert --log-level=WARN --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False notebooks/*.ipynb

catalogue: .venv/ready ## collect new sentences into the Arabic catalogue, to be translated there
	@$(BIN)/pybabel -q extract -F src/analysis/words/locale/babel.cfg -k N_ --add-location=file --sort-by-file -o .venv/messages.pot .
	@$(BIN)/pybabel -q update -i .venv/messages.pot -d src/analysis/words/locale -l ar -N --ignore-obsolete \
		--ignore-pot-creation-date --no-wrap

bench: .venv/ready-ci ## measure beside peers
	$(BIN)/python benchmarks/run.py

audit: .venv/ready ## known vulnerabilities of what is locked; fails on a finding
	@$(PIP) pip-audit
	@$(BIN)/python tests/audit.py requirements.lock requirements-ci.lock

sbom: .venv/ready ## what is installed with the project, as CycloneDX in build/sbom.json
	@$(PIP) cyclonedx-bom
	@mkdir -p build
	@$(BIN)/cyclonedx-py requirements --output-reproducible --of JSON --pyproject pyproject.toml -o build/sbom.json requirements.lock
	@echo build/sbom.json

fuzz: .venv/ready ## FUZZ_SECONDS (600) of coverage-guided fuzzing on what reads text; fails on a crash
	@$(PIP) --no-build-isolation -e '.[fuzz]'
	$(BIN)/python tests/fuzz/fuzz.py ledger -max_total_time=$$(( $(FUZZ_SECONDS) / 2 ))
	$(BIN)/python tests/fuzz/fuzz.py daily -max_total_time=$$(( $(FUZZ_SECONDS) / 2 ))

lock: .venv/ready ## lock the newest versions that pyproject.toml allows; rewrite environment.yml
	$(PIP) uv
	$(LOCK) --upgrade --extra dev -o requirements.lock
	$(LOCK) --upgrade --extra dev --extra spark --extra cluster --extra sql -c requirements.lock -o requirements-ci.lock
	$(BIN)/pyproject2conda yaml -c conda-forge -n analysis --python-include infer -e dev \
		--custom-command "make lock" -o environment.yml -w force

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 11) and sys.exit("Python 3.11 or later is needed: make PYTHON=python3.11 names one")'
	@echo "Setting up .venv, once: a minute or two"
	@$(PYTHON) -m venv .venv
	@$(PIP) --require-hashes -r requirements.lock
	@$(PIP) --no-build-isolation --no-deps -e .
	@touch $@

.venv/ready-ci: requirements-ci.lock .venv/ready
	@$(PIP) --require-hashes -r requirements-ci.lock
	@$(BIN)/python tests/classics.py
	@touch $@
