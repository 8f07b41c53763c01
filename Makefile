# One command for each chore; `make help` lists them. Every target sets up what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
MUTATION := $(VENV)/.mutation
COVERED_BY := tests/core tests/balance tests/session tests/wiring tests/configuration tests/simulator/test_scenarios_in_virtual_time.py
SYSTEM_TEST := clang libclang-rt-dev systemd openssl mosquitto gcc-avr avr-libc binutils-avr simavr libsimavr-dev libelf-dev
SYSTEM_DEMO := mosquitto
SYSTEM_DEB := dpkg-dev gcc libc6-dev python3-dev python3-venv
SYSTEM_CONTAINER := $(SYSTEM_DEB) mmdebstrap systemd-container util-linux
SYSTEM_VM := $(SYSTEM_CONTAINER) qemu-system-x86 qemu-utils e2fsprogs kmod busybox-static cpio make \
	linux-headers-amd64 linux-source-6.1
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo demo-all test check format docs hil campaign bench evaluate fuzz mutants mutants-full coverage torture trace golden explore clean deb vm vm-ci vm-full

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(READY): pyproject.toml scripts/system_packages.sh
	@$(PYTHON) -c 'import sys; sys.exit("Sternway needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[demo,development]'
	@touch $@

demo: $(READY) ## a simulated patient walks a session, stumbles, and the belt stops; ARGS="--scenario NAME --once" for one script
	@scripts/system_packages.sh $(SYSTEM_DEMO)
	@$(BIN)/python -m simulator.demo $(ARGS)

demo-all: $(READY) ## every scenario once, in real time, on real processes
	@scripts/system_packages.sh $(SYSTEM_DEMO)
	@$(BIN)/python -m simulator.demo --all

test: $(READY) ## set up and run every test: checks, unit, property, contract, scenarios, drive
	@scripts/system_packages.sh $(SYSTEM_TEST)
	@scripts/run_steps.sh $(BIN) $(WORKERS)

check: $(READY) ## format, lint, types, import contracts, generated documents (under a minute)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/generate_docs.py --check
	$(BIN)/python -m telemetry.asyncapi --check
	$(BIN)/python scripts/trace_hazards.py --check

format: $(READY) ## put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY) ## write the documents that are generated from the code
	$(BIN)/python scripts/generate_docs.py
	$(BIN)/python -m telemetry.asyncapi

hil: $(READY) ## the drive's conformance suite, native and AVR; DRIVE=/dev/ttyUSB0 for a board on a desk
	@scripts/system_packages.sh $(SYSTEM_TEST)
	$(BIN)/python -m pytest hil_tests $(if $(DRIVE),--drive=$(DRIVE))

deb: $(READY) ## the Debian package of this machine's release and architecture, into dist/
	@scripts/system_packages.sh $(SYSTEM_DEB)
	$(BIN)/python packaging/build_deb.py $(ARGS)

vm: $(READY) ## the installed package under systemd: in containers, then in a virtual machine with the kernel's GPIO (root)
	@scripts/system_packages.sh $(SYSTEM_VM)
	$(BIN)/python -m pytest hil_tests/vm -p no:cacheprovider --durations=0 -m "not lengthy" $(ARGS)

vm-ci: $(READY) ## the core of it, for CI: installed, booted, commissioned, one stop by a wire, killed while somebody walks (root)
	@scripts/system_packages.sh $(SYSTEM_VM)
	$(BIN)/python -m pytest hil_tests/vm -p no:cacheprovider --durations=0 -m core $(ARGS)

vm-full: $(READY) ## the same with a whole session, every stop and 20 power cuts in the virtual machine (over an hour, root)
	@scripts/system_packages.sh $(SYSTEM_VM)
	STERNWAY_POWER_CUTS=20 $(BIN)/python -m pytest hil_tests/vm -p no:cacheprovider --durations=0 $(ARGS)

bench: $(READY) ## reaction beside C, the cost of a step, processor and memory, lateness beside cyclictest
	@scripts/system_packages.sh mosquitto rt-tests
	$(BIN)/python -m simulator.bench $(ARGS)

campaign: $(READY) ## whole-system simulation, HOURS=2 SEED=1; RUN=1/17 repeats one run; LEDGER=docs/campaign.json DOCUMENT=docs/campaign.md
	@$(BIN)/python -m simulator.campaign $(if $(HOURS),--hours $(HOURS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(RUN),--run $(RUN)) $(if $(LEDGER),--ledger $(LEDGER)) $(if $(DOCUMENT),--document $(DOCUMENT)) $(ARGS)

evaluate: $(READY) ## the balance-loss detector on recordings and made falls
	$(BIN)/python -m evaluation $(ARGS)

fuzz: $(READY) ## fuzz every border with coverage guidance, into fuzzing/corpus and fuzzing/found; ARGS="--seconds 3600 serial" for one for an hour
	@scripts/system_packages.sh clang libclang-rt-dev
	$(BIN)/python -m fuzzing $(ARGS)

torture: $(READY) ## every call that can fail fails with every error, 500 kills, 2,000 power cuts; hours
	@scripts/system_packages.sh $(SYSTEM_TEST)
	STERNWAY_EVERY_ERROR=1 STERNWAY_POWER_CUTS=2000 $(BIN)/python -m pytest tests/torture -q -s -m "not real_time"
	$(BIN)/python -m tests.torture.kills 500

$(MUTATION): $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[demo,development,mutation]'
	@touch $@

mutants: $(MUTATION) ## a sample of 1,000 mutants of what decides, all of the gate's in it, and each control removed; SEED=n repeats a sample
	$(BIN)/python scripts/mutants.py $(if $(SEED),--seed $(SEED)) $(ARGS)

mutants-full: $(MUTATION) ## every mutant there is, and docs/mutants.md written from it (hours)
	$(BIN)/python scripts/mutants.py --all --write $(ARGS)

coverage: $(READY) ## branch coverage of the core by the tests in virtual time: fails below 100 %
	@mkdir -p build
	$(BIN)/coverage run -m pytest -q -m "not real_time" $(COVERED_BY)
	$(BIN)/coverage report

trace: $(READY) ## record which hazard tests have passed in the last runs, and write docs/safety/trace.md
	$(BIN)/python scripts/trace_hazards.py --record build/evidence

explore: $(READY) ## every reachable abstract state of the core with its gate, to closure, and the reached chart; ARGS="--depth 3"
	$(BIN)/python -m exploration --docs docs $(ARGS)

golden: $(READY) ## show how the core's decisions differ from the golden ones; NAME=scenario accepts that one, NAME=all every one
	$(BIN)/python -m tests.golden.golden $(if $(NAME),--accept $(NAME))

clean: ## remove what was built here
	rm -rf build dist $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
