# The front door; needs a C and C++ compiler, make and cargo, and gets the rest itself.
#
# Everything is built in build/ (CMake, and cargo's release artefacts) and target/ (cargo's tests).

.DEFAULT_GOAL := library
CARGO ?= cargo
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
URL ?=

# Tests run side by side, and wait much more than they compute.
CTEST_JOBS ?= 4

# By another name than MAKE, with which `make --dry-run test` would run it.
SELF := $(MAKE)

# Empty for `make test`, which has got them before.
TOOLS := test-tools

# What scripts/ensure-*.sh have unpacked for want of it in the system.
export PATH := $(CURDIR)/build/tools/bin:$(PATH)

CONFIGURED := build/CMakeCache.txt
CONFIGURED_ASAN := build/asan/CMakeCache.txt

MAKEFLAGS += --no-print-directory
# One step after the other: each of them uses all cores itself.
.NOTPARALLEL:
.PHONY: help library demo test configured test-rust test-c test-sanitize lint model bench fuzz
.PHONY: soak install toolchains docs dist check-packages check-report numbers clean
.PHONY: cmake test-tools docs-tools

help: ## This list.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

library: $(CONFIGURED) ## The shared and the static library, in build/lib (the default).
	cmake --build build --target venuepool

demo: $(CONFIGURED) ## A C++ engine against a mock venue; URL=https://... sends it to a real host.
	cmake --build build --parallel $(JOBS)
	@scripts/demo.sh $(if $(URL),'$(URL)')

test: ## All tests and checks.
	@scripts/test.sh '$(SELF)' '$(CARGO)' $(JOBS)

configured: $(CONFIGURED) $(CONFIGURED_ASAN)

test-rust: | $(TOOLS) ## The tests of the crates, and the models within bounds.
	$(CARGO) test --locked --workspace --quiet

lint: ## Format, lints and documentation of the sources.
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps --document-private-items --quiet
	@if [ -x build/tools/cargo/bin/cargo-deny ]; then packaging/checks/dependencies.sh; \
	else echo "SKIPPED: cargo deny, which make check-packages gets"; fi

test-c: $(CONFIGURED) | $(TOOLS) ## The tests in C and C++, the examples, and the installed package.
	cmake --build build --parallel $(JOBS)
	cd build && ctest --output-on-failure --parallel $(CTEST_JOBS)

test-sanitize: test-c $(CONFIGURED_ASAN) ## The same programs under ASan, LSan and UBSan.
	cmake --build build/asan --parallel $(JOBS)
	cd build/asan && ctest --output-on-failure --parallel $(CTEST_JOBS) --label-regex sanitize

bench: | cmake ## Compares with peers, in some 15 minutes; BENCH=--quick takes less than two.
	@scripts/bench.sh $(BENCH)

model: ## Orders of the threads in tests/model, until MODEL_SECONDS (120) cut a model off.
	MODEL_SECONDS=$(or $(MODEL_SECONDS),120) \
	    $(CARGO) test --locked --package venuepool-model --no-fail-fast -- --nocapture

fuzz: ## Fuzzes the codecs and the C functions, FUZZ_SECONDS (60) each; needs a nightly toolchain.
	@scripts/fuzz.sh $(or $(FUZZ_SECONDS),60)

soak: ## Random faults under load, SOAK_SECONDS (1800) long, from SOAK_SEED (a random one).
	SOAK_SECONDS=$(or $(SOAK_SECONDS),1800) SOAK_SEED=$(or $(SOAK_SEED),$(shell date +%s)) \
	    $(CARGO) test --locked --release --test soak

install: $(CONFIGURED) ## Into PREFIX, /usr/local by default.
	cmake --build build --target venuepool venuepool_tools
	cmake --install build $(if $(PREFIX),--prefix '$(PREFIX)')

toolchains: | cmake ## Builds and tests with many compilers and linkers, in roots of their own.
	@scripts/toolchains.sh

docs: | docs-tools ## The site of all pages and of the headers, in build/docs; warnings are errors.
	@scripts/docs.sh

dist: | cmake ## The archives and packages of a release, in build/dist/out.
	@scripts/dist.sh

check-packages: | cmake ## Makes them, and installs and uses each; in some 20 minutes.
	@scripts/check-packages.sh

check-report: $(CONFIGURED) ## Looks at the pages of the probe in a browser; needs Chromium.
	cmake --build build --target venuepool_mock_venue venuepool_probe
	@scripts/check-report.sh

numbers: library ## Measures the table "In numbers" of the README, and prints it.
	@scripts/numbers.sh

clean: ## Removes build/ and target/.
	rm -rf build target

cmake test-tools docs-tools:
	@scripts/ensure-$@.sh

$(CONFIGURED): CMakeLists.txt | cmake
	cmake -S . -B build -DCMAKE_BUILD_TYPE=RelWithDebInfo

# The same library, so cargo's folder is shared; only the C and C++ code is built differently.
$(CONFIGURED_ASAN): CMakeLists.txt | cmake
	cmake -S . -B build/asan -DCMAKE_BUILD_TYPE=Debug -DVENUEPOOL_SANITIZE=address,undefined \
	    -DVENUEPOOL_CARGO_TARGET_DIR='$(CURDIR)/build/cargo'
