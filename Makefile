# SPDX-License-Identifier: Apache-2.0
# The door to the build: CMake presets and the scripts in tools/ do the work.
SHELL := /bin/bash
JOBS ?= $(shell nproc)
SEED ?=
TIME_S ?= 60
TARGET ?=
TRIALS ?= 5
export JOBS

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: sim-runs help deps build demo check style sim fuzz bench bench-runs bench-guard format check-crash

help: ## what can be made here
	@echo "make TARGET [JOBS=n]"
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  \1|\2/p' $(firstword $(MAKEFILE_LIST)) | column -t -s '|'

deps: ## install what the build and the checks need (apt)
	@tools/deps.sh build check

build: ## build/aire, the program
	@tools/deps.sh build
	@tools/build.sh release aire

demo: build ## an agent's calls survive a failing provider, and what happens without the Governor
	@build/aire demo

check: ## every check and test; the last line is "N passed, N failed"
	@tools/deps.sh build check $(if $(wildcard tests/e2e/package.json),e2e)
	@tools/check.sh

style: ## layers, sizes, forbidden calls, format, clang-tidy, hygiene
	@tools/deps.sh build check
	@tools/build.sh release
	@tools/style.sh

sim: ## the simulator: SEED=n replays one run, else new seeds for TIME_S=60
	@tools/deps.sh build check
	@tools/sim.sh sim "$(SEED)" "$(TIME_S)"

sim-runs: ## the same of durable runs: agents die, the Governor is killed, the disk fails
	@tools/deps.sh build check
	@tools/sim.sh sim_runs "$(SEED)" "$(TIME_S)"

fuzz: ## libFuzzer on every parser for TIME_S=60 each, or on TARGET=json alone
	@tools/deps.sh build check fuzz
	@tools/fuzz.sh "$(TARGET)" "$(TIME_S)"

check-crash: ## runs whose agent or Governor is killed at every moment, TRIALS=5 each: the matrix
	@tools/deps.sh build check
	@tools/build.sh release aire
	@AIRE_BIN=build/aire PYTHONPATH=tests/wire CRASH_TRIALS=$(TRIALS) python3 tests/wire/test_crash_matrix.py

bench: ## speed and memory, as ratios against nginx
	@tools/deps.sh build bench
	@tools/build.sh release aire
	@python3 bench/run.py

bench-runs: ## durable runs: speed, growth, kills, and other engines beside it
	@tools/deps.sh build peers
	@tools/build.sh release aire bench_history
	@python3 bench/runs.py

bench-guard: ## what the guardrails find on the shared corpora, against their numbers
	@tools/deps.sh build
	@tools/build.sh release aire
	@python3 bench/guard.py

format: ## clang-format over src, tests and bench
	@tools/deps.sh check
	@find src tests bench -name '*.[ch]' -print0 | xargs -0 clang-format -i
