# Each target has one line of help: `make help` shows them.
.DEFAULT_GOAL := help
.PHONY: run test test-kernels test-packages test-reproducible check bench soak fuzz static deb rpm fmt clean help needs test-needs release
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash

# Under sudo, cargo is where the calling user has it.
HOMES := $(HOME) $(shell getent passwd "$(SUDO_USER)" | cut -d: -f6)
export PATH := $(PATH):$(subst $(eval ) ,:,$(addsuffix /.cargo/bin,$(HOMES)))
ifneq ($(SUDO_USER),)
export RUSTUP_HOME ?= $(firstword $(wildcard $(addsuffix /.rustup,$(HOMES))))
export CARGO_HOME ?= $(firstword $(wildcard $(addsuffix /.cargo,$(HOMES))))
endif
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
# Where cargo puts the binary; for recipes, which find cargo.
BIN = "$$(packaging/target-dir)/release/sigtrail"
C_SOURCES := $(wildcard bpf/*.[ch] tests/*.c tests/bench/*.c tests/evasions/*.[ch] tests/exits/*.[ch] tests/names/*.c tests/processes/*.c tests/ways/*.[ch])

# Each builds in the same directory.
.NOTPARALLEL:

run: release ## build and trace: JSON lines on stdout (ARGS="--pretty" adds options)
	@$(SUDO) $(BIN) $(ARGS)

test: test-needs ## build and run all tests (as root, or through sudo)
	@SUDO="$(SUDO)" tests/run $(ARGS)

test-kernels: needs ## trace for real on other kernels, in virtual machines (ARGS="-k 6.1", "-a arm64")
	@tests/vm/run $(ARGS)

check: test-needs ## formatting, lints, dependencies and documentation, all without a warning
	cargo fmt --all --check
	clang-format --dry-run --Werror $(C_SOURCES)
	bpf/check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked --test kernels -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items --quiet
	@packaging/check-crates

bench: release ## what tracing costs, beside untraced, sigsnoop and bpftrace
	@SUDO="$(SUDO)" tests/bench/run $(ARGS)

soak: release ## ten minutes of 50,000 calls a second into rotated files (ARGS="--duration 1m")
	@SUDO="$(SUDO)" tests/bench/soak $(ARGS)

fuzz: ## fuzz what reads bytes from outside, for a minute each (ARGS=SECONDS)
	@packaging/build-needs fuzz >&2
	@tests/fuzz/run $(ARGS)

static: ## one static binary for every distribution, the same from the same source (ARGS=aarch64)
	@packaging/build-needs static $(ARGS) >&2
	@packaging/static-build $(ARGS)

deb: ## a Debian package of the static binary
	@packaging/build-needs static >&2
	@packaging/packages deb

rpm: ## an rpm package of the static binary
	@packaging/build-needs static >&2
	@packaging/packages rpm

test-packages: ## install, upgrade and purge the packages in a booted Debian (as root, or through sudo)
	@$(SUDO) env "PATH=$$PATH" tests/packages/run

test-reproducible: ## build the static binary twice, in two places: the same bytes
	@packaging/build-needs static >&2
	@tests/packages/reproducible

fmt: test-needs ## format the sources
	cargo fmt --all
	clang-format -i $(C_SOURCES)

clean: ## remove what was built
	cargo clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

# Nothing but lines goes to stdout: `make run | jq .` works.
release: needs
	@[ -e $(BIN) ] || echo "Building sigtrail (a minute or two, the first time)" >&2
	@cargo build --release --locked >&2

needs:
	@packaging/build-needs >&2

test-needs:
	@packaging/build-needs test >&2
