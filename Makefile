# make demo   a simulated bank, through a private mosquitto, to a real subscriber
# make test   all tests
# make lint   ruff and mypy
# make fuzz   the properties with many more examples; SEED=1
# make dist   the release tarballs (as root; ARCHES=x86_64 for one of them)
# make system-test   everything that needs a kernel and systemd, in an emulated machine (as root)
# make lock   new lock files from pyproject.toml

PYTHON ?= python3
VENV ?= .venv
# How long the demo runs; empty: until Ctrl-C.
SECONDS =

PIP = $(VENV)/bin/pip --disable-pip-version-check install --quiet --require-hashes
SUDO = $(if $(filter-out 0,$(shell id -u)),sudo)
BROKER = mosquitto mosquitto_sub mosquitto_passwd openssl

.PHONY: demo test fuzz lint lock mosquitto dist system-test

demo: $(VENV)/installed mosquitto
	$(VENV)/bin/python -m tests.demo $(if $(SECONDS),--seconds $(SECONDS))

test: $(VENV)/installed-test mosquitto
	$(VENV)/bin/python -m pytest --cov $(TESTS)

lint: $(VENV)/installed-lint
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

SEED = 1

fuzz: $(VENV)/installed-test
	$(VENV)/bin/python -m pytest --hypothesis-profile=long --hypothesis-seed=$(SEED) tests/protocol \
	  tests/sources/test_candump.py tests/sources/test_lines.py tests/test_config.py \
	  tests/sinks/test_spool.py tests/sinks/test_outbox.py tests/test_bridge.py $(TESTS)

dist:
	$(SUDO) dist/build.sh $(ARCHES)

# Where the release that is tested is made: what dist/ holds stays as it is.
RELEASE = $(or $(EFLEX_SYSTEM_CACHE),$(HOME)/.cache/eflexcan2mqtt)/release

system-test: $(VENV)/installed-test
	EFLEX_DIST_OUT=$(RELEASE) dist/build.sh x86_64
	EFLEX_RELEASE=$(RELEASE) $(VENV)/bin/python -m pytest --override-ini addopts= -v -s \
	  tests/system $(TESTS)

$(VENV)/installed: requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements.lock
	touch $@

$(VENV)/installed-test: $(VENV)/installed requirements-test.lock pyproject.toml
	$(PIP) -r requirements-test.lock
	$(VENV)/bin/pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation \
	  --editable .
	touch $@

$(VENV)/installed-lint: $(VENV)/installed requirements-lint.lock
	$(PIP) -r requirements-lint.lock
	touch $@

# mosquitto lives in /usr/sbin, where only root looks.
mosquitto:
	@PATH="$$PATH:/usr/sbin"; for program in $(BROKER); do command -v $$program; done \
	  | wc -l | grep -qx $(words $(BROKER)) || \
	  { $(SUDO) apt-get update -qq && \
	    $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
	      mosquitto mosquitto-clients openssl >/dev/null; }

LOCK = $(VENV)/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.10 \
  --generate-hashes --no-header

lock: $(VENV)/installed
	$(VENV)/bin/pip install --quiet uv
	$(LOCK) --output-file requirements.lock
	$(LOCK) --group test --output-file requirements-test.lock
	$(VENV)/bin/uv pip compile dist/requirements-build.in --constraint requirements.lock --quiet \
	  --universal --python-version 3.11 --generate-hashes --no-header \
	  --output-file dist/requirements-build.lock
	$(LOCK) --group lint --output-file requirements-lint.lock
