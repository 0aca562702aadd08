# make demo   a simulated bank, through a private mosquitto, to a real subscriber;
#             FAULTS='missing:3@20s, hot:5@1m' for one with faults
# make test   all tests
# make lint   ruff and mypy
# make fuzz   the properties with many more examples; SEED=1
# make chaos   program, broker and network fail at random; SEED=1 MINUTES=4
# make release   dist/: everything for all architectures, and each file executed on Debian 12 and 13
#                (as root; an hour)
# make release-amd64   only that for this machine, where the tests and the benchmark look for it
# make container   the container image of that, as an archive for podman load (as root)
# make system-test   everything that needs a kernel and systemd, in an emulated Debian 13, and the
#                    short form of it in a Debian 12 (as root); SUITE=bookworm runs all in that one
# make bench   what it costs, into bench/RESULTS.md (20 minutes, as root)
# make ha-test   real Home Assistants show the bank: all tests with the newest, the short form with older
#                ones (as root); HASS=2026.2 runs all with that one
# make ha-screenshots   the pictures of it in docs/ (as root)
# make web-test   the page in a real Chromium, its metrics in a real Prometheus
# make screenshots   the pictures of the page in docs/
# make influx-test   mosquitto, Node-RED and InfluxDB keep every point
# make cluster-test   RabbitMQ and NATS, three nodes each that fail, and the storing reader with
#                PostgreSQL: every reading is there (as root); SEED=1 LONG=1
# make fleet-bench   one broker and three, 1 to 200 banks, a reader and PostgreSQL, into
#                bench/FLEET.md (an hour, as root)
# make test-python-3.14   all tests with Debian forky's Python (as root)
# make test-debian-13   all tests with Debian 13's Python and its own packages (as root)
# make generated   eflexcan2mqtt.ini, man page, completion and tables in docs/, from the code
# make lock   new lock files from pyproject.toml
#
# make test TESTS=tests/sinks/test_table.py runs only these tests; so do the other targets with tests.

PYTHON ?= python3
VENV ?= .venv
# How long the demo runs; empty: until Ctrl-C.
SECONDS =
# Those of the simulated bank: docs/command-line.md.
FAULTS =

PIP = $(VENV)/bin/pip --disable-pip-version-check install --quiet --require-hashes
SUDO = $(if $(filter-out 0,$(shell id -u)),sudo)
BROKER = mosquitto mosquitto_sub mosquitto_passwd openssl

.PHONY: demo test test-python-3.14 test-debian-13 fuzz chaos lint lock generated mosquitto release \
  release-amd64 container system-test ha-test ha-trees ha-screenshots influx-test bridge-test cluster-test \
  cluster-tree postgresql web-test screenshots bench fleet-bench

demo: $(VENV)/installed mosquitto
	$(VENV)/bin/python -m tests.support.demo $(if $(SECONDS),--seconds $(SECONDS)) $(if $(FAULTS),--faults '$(FAULTS)')

test: $(VENV)/installed-test mosquitto
	$(VENV)/bin/python -m pytest $(or $(TESTS),--cov)

test-python-3.14:
	$(SUDO) tests/support/tree.sh forky $(TESTS)

test-debian-13:
	$(SUDO) tests/support/tree.sh trixie $(TESTS)

lint: $(VENV)/installed-lint
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

SEED = 1

# Every test that hypothesis gives its examples.
fuzz: $(VENV)/installed-test
	$(VENV)/bin/python -m pytest -m hypothesis --hypothesis-profile=long --hypothesis-seed=$(SEED) \
	  $(TESTS)

MINUTES = 4

chaos: $(VENV)/installed-test mosquitto
	EFLEX_SEED=$(SEED) EFLEX_MINUTES=$(MINUTES) $(VENV)/bin/python -m pytest \
	  --override-ini addopts= -v -s $(or $(TESTS),tests/chaos)

generated: $(VENV)/installed
	$(VENV)/bin/python -m tests.support.generated

DIST = $(or $(EFLEX_DIST_OUT),dist)
DIST_ENV = $(SUDO) env EFLEX_DIST_OUT=$(DIST) EFLEX_DIST_NO_SECURITY="$(EFLEX_DIST_NO_SECURITY)"

release:
	$(DIST_ENV) packaging/build.sh
	$(DIST_ENV) packaging/try.sh $(DIST)

# Where the release that is tested and measured is made: what dist/ holds stays as it is.
RELEASE = $(or $(EFLEX_SYSTEM_CACHE),$(HOME)/.cache/eflexcan2mqtt)/release

# The Debian of the machine: trixie, 13, or bookworm, 12.  Empty: all on 13, the short form on 12.
SUITE =

SYSTEM_TEST = EFLEX_RELEASE=$(RELEASE) $(VENV)/bin/python -m pytest --override-ini addopts= -v -s --durations=15

system-test: $(VENV)/installed-test release-amd64
	EFLEX_SYSTEM_SUITE=$(or $(SUITE),trixie) $(SYSTEM_TEST) $(or $(TESTS),tests/system)
	$(if $(SUITE)$(TESTS),,EFLEX_SYSTEM_SUITE=bookworm $(SYSTEM_TEST) -m short tests/system)

# BENCH=--quick is the gate of each commit: it takes minutes, and keeps bench/RESULTS.md as it is.
BENCH = --results bench/RESULTS.md

bench: $(VENV)/installed-test mosquitto release-amd64
	EFLEX_RELEASE=$(RELEASE) $(VENV)/bin/python -m bench $(BENCH)

release-amd64:
	EFLEX_DIST_OUT=$(RELEASE) packaging/build.sh x86_64

container: release-amd64
	EFLEX_DIST_OUT=$(RELEASE) packaging/container.sh container $(RELEASE)-container.tar

# axe-core of tests/web/package.json; needs npm.
web-test: $(VENV)/installed-web mosquitto
	@command -v chromium >/dev/null && command -v promtool >/dev/null || \
	  { $(SUDO) apt-get update -qq && \
	    $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
	      chromium fonts-noto-core prometheus >/dev/null; }
	cd tests/web && npm install --silent --no-audit --no-fund --no-package-lock
	$(VENV)/bin/python -m pytest --override-ini addopts= -v -s $(or $(TESTS),tests/web)

screenshots: $(VENV)/installed-web
	$(VENV)/bin/python -m tests.web.screenshots

$(VENV)/installed-web: tests/web/requirements.txt $(VENV)/installed-test
	$(VENV)/bin/pip --disable-pip-version-check install --quiet -r $<
	touch $@

# Node-RED of tests/influx/package.json, and Debian's InfluxDB; needs npm.
influx-test: $(VENV)/installed-test mosquitto
	@command -v influxd >/dev/null && command -v influx >/dev/null || \
	  { $(SUDO) apt-get update -qq && \
	    $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
	      influxdb influxdb-client >/dev/null; }
	cd tests/influx && npm install --silent --no-audit --no-fund --no-package-lock
	$(VENV)/bin/python -m pytest --override-ini addopts= -v -s $(or $(TESTS),tests/influx)

# The tests of mosquitto's bridge, RUNS times, beside three busy loops.
RUNS = 10

bridge-test: $(VENV)/installed-test mosquitto
	for each in 1 2 3; do timeout 3600 sh -c 'while :; do :; done' & busy="$$busy $$!"; done; \
	trap 'kill $$busy' EXIT; trap 'exit 1' INT TERM HUP; \
	for run in $$(seq $(RUNS)); do \
	  $(VENV)/bin/python -m pytest --override-ini addopts= -q $(or $(TESTS),tests/test_many_banks.py) || exit; \
	done

# Debian's PostgreSQL, and the driver that the storing reader needs; RabbitMQ and NATS in a Debian 13 of
# their own.  SEED chooses what happens to them; LONG=1 is twice as much of it; QOS is that of the banks.
LONG =
QOS =

cluster-test: $(VENV)/installed-cluster mosquitto postgresql cluster-tree
	$(SUDO) env PYTHONDONTWRITEBYTECODE=1 EFLEX_SEED=$(SEED) EFLEX_LONG=$(LONG) EFLEX_QOS=$(QOS) \
	  tests/cluster/apart.sh \
	  $(VENV)/bin/python -m pytest --override-ini addopts= -p no:cacheprovider -v -s --durations=5 \
	  $(or $(TESTS),tests/cluster)

# It is kept.
cluster-tree:
	$(SUDO) tests/cluster/tree.sh nats-server --version

# FLEET=--quick keeps bench/FLEET.md as it is.
FLEET = --results bench/FLEET.md database fleet

fleet-bench: $(VENV)/installed-cluster mosquitto postgresql cluster-tree
	$(SUDO) env PYTHONDONTWRITEBYTECODE=1 tests/cluster/apart.sh $(VENV)/bin/python -m bench $(FLEET)

postgresql:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || \
	  { $(SUDO) apt-get update -qq && \
	    $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
	      postgresql >/dev/null; }

$(VENV)/installed-cluster: tests/cluster/requirements.txt $(VENV)/installed-test
	$(VENV)/bin/pip --disable-pip-version-check install --quiet -r $<
	touch $@

# The version of Home Assistant: 2026.11, 2026.2 or 2025.4.  Empty: all tests with the newest, the short
# form with the others.
HASS =

# How long each of the tests of rows and entries watches, in seconds.
WATCHED = 300

in_hass = $(SUDO) env PYTHONDONTWRITEBYTECODE=1 EFLEX_WATCHED_S=$(WATCHED) \
  EFLEX_HASS="$(CURDIR)/tests/homeassistant/tree.sh $1 hass" $(VENV)/bin/python -m

# The trees that they run in, which are kept.
ha-trees:
	$(SUDO) tests/homeassistant/tree.sh 2026.11 hass --version
	$(SUDO) tests/homeassistant/tree.sh 2026.2 hass --version

define ha_test
$(SUDO) tests/homeassistant/tree.sh $1 hass --version
$(in_hass) pytest --override-ini addopts= -p no:cacheprovider -n 4 --dist=loadfile -v $2
endef

ha-test: $(VENV)/installed-test mosquitto
	$(call ha_test,$(or $(HASS),2026.11),$(or $(TESTS),tests/homeassistant))
	$(if $(HASS)$(TESTS),,$(call ha_test,2026.2,-m short tests/homeassistant))
	$(if $(HASS)$(TESTS),,$(call ha_test,2025.4,-m short tests/homeassistant))

ha-screenshots: $(VENV)/installed-web mosquitto
	$(call in_hass,$(or $(HASS),2026.11)) tests.homeassistant.screenshots

$(VENV)/installed: requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(PIP) -r requirements.lock
	touch $@

$(VENV)/installed-test: $(VENV)/installed requirements-test.lock pyproject.toml
	$(PIP) -r requirements-test.lock
	$(VENV)/bin/pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation \
	  --editable .
	touch $@

$(VENV)/installed-lint: $(VENV)/installed-test requirements-lint.lock
	$(PIP) -r requirements-lint.lock
	touch $@

# mosquitto lives in /usr/sbin, where only root looks.
mosquitto:
	@PATH="$$PATH:/usr/sbin"; for program in $(BROKER); do command -v $$program; done \
	  | wc -l | grep -qx $(words $(BROKER)) || \
	  { $(SUDO) apt-get update -qq && \
	    $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends \
	      mosquitto mosquitto-clients openssl >/dev/null; }

# Extras stay: a pip before 23.3 asks for the newest `coverage[toml]`, whatever `coverage` is pinned.
LOCK = $(VENV)/bin/uv pip compile pyproject.toml --all-extras --quiet --universal \
  --python-version 3.10 --generate-hashes --no-header --no-strip-extras

lock: $(VENV)/installed
	$(VENV)/bin/pip install --quiet uv
	$(LOCK) --output-file requirements.lock
	$(LOCK) --group test --output-file requirements-test.lock
	$(VENV)/bin/uv pip compile packaging/requirements-build.in --constraint requirements.lock --quiet \
	  --universal --python-version 3.11 --generate-hashes --no-header \
	  --output-file packaging/requirements-build.lock
	$(LOCK) --group lint --output-file requirements-lint.lock
