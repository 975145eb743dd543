# The front door. CMake does the work (presets: cmake --list-presets); scripts/ holds the longer recipes.

PREFIX ?= /usr/local
DESTDIR ?=
# For scripts/check.sh, that is for ctest: make check ARGS='-L unit'
ARGS ?=

.PHONY: all build demo check check-asan check-tsan check-valgrind check-clang check-servers check-packages \
	soak fuzz bench bench-peers abi docs pictures packages install format lint clean help

all: build

build:
	@scripts/install-deps.sh build
	@scripts/build.sh release -DPGM_TESTS=OFF

demo: build
	@[ -n "$$PGM_DEMO_CONFIG" ] || scripts/install-deps.sh server
	@scripts/demo.sh

check:
	@scripts/install-deps.sh build test
	@scripts/check.sh dev $(ARGS)

check-asan check-tsan: check-%:
	@scripts/install-deps.sh build test sanitizers
	@scripts/check.sh $* $(ARGS)

check-valgrind:
	@scripts/install-deps.sh build test valgrind
	@scripts/check.sh valgrind $(ARGS)

check-clang:
	@scripts/install-deps.sh build test clang
	@scripts/check.sh clang $(ARGS)

# Which of the servers: SERVERS='16.14.0-beta.17 ...', versions of the npm package that the script names.
check-servers:
	@scripts/install-deps.sh build test
	@scripts/check-servers.sh $(SERVERS)

check-packages:
	@scripts/install-deps.sh build test packages
	@scripts/check.sh release -L packages

# The seed is printed; SEED=n repeats what was done, by whom, in which order. PRESET=asan or tsan: with a sanitizer.
MINUTES ?= 10
SEED ?=
PRESET ?= dev
soak:
	@scripts/install-deps.sh build test sanitizers
	@scripts/build.sh $(PRESET) -DPGM_TESTS=ON
	@$(if $(filter-out dev,$(PRESET)),PGM_TEST_SLOW=1 )PGM_SOAK_SECONDS=$$(($(MINUTES) * 60)) PGM_SOAK_SEED=$(SEED) \
		TSAN_OPTIONS="die_after_fork=0:suppressions=$(CURDIR)/tests/tsan.supp" \
		LSAN_OPTIONS="suppressions=$(CURDIR)/tests/lsan.supp" tests/support/server.sh with \
		"$${PGM_BUILD_ROOT:-build}/$(PRESET)/tests/soak_test"

# What it finds lands in the current folder (crash-...); it becomes a file of the corpus, and a test.
FUZZ_SECONDS ?= 600
FUZZ_TARGETS ?= $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
fuzz:
	@scripts/install-deps.sh build test clang clang-rt
	@scripts/build.sh fuzz -DPGM_TESTS=ON
	@for target in $(FUZZ_TARGETS); do \
		mkdir -p "$${PGM_BUILD_ROOT:-build}/fuzz/corpus-$$target" && \
		"$${PGM_BUILD_ROOT:-build}/fuzz/tests/$${target}_fuzz" -max_total_time=$(FUZZ_SECONDS) -timeout=20 -max_len=8192 \
			"$${PGM_BUILD_ROOT:-build}/fuzz/corpus-$$target" "tests/fuzz/corpus/$$target" || exit 1; \
	done

bench:
	@scripts/install-deps.sh build server
	@scripts/build.sh release -DPGM_TESTS=OFF -DPGM_BENCH=ON
	@bench/run.sh $(ARGS)

# What the benchmarks compare with, as far as it can be had here.
bench-peers:
	@scripts/install-deps.sh bench
	@bench/async/peers/get.sh

# After an addition to the public headers, or a change that is meant: it becomes what the tests hold the libraries against.
abi:
	@scripts/install-deps.sh build test abidw
	@scripts/build.sh dev -DPGM_TESTS=ON
	@scripts/abi.sh "$${PGM_BUILD_ROOT:-build}/dev"

# Writes what the sources say into the files that show it; the tests tell when that was forgotten.
docs:
	@scripts/install-deps.sh build test
	@scripts/build.sh dev -DPGM_TESTS=ON
	@scripts/docs.sh "$${PGM_BUILD_ROOT:-build}/dev"

# The front page's: the chart from the last run of the benchmarks that was kept, the terminals from the program.
pictures:
	@scripts/install-deps.sh build server gnuplot script
	@scripts/build.sh release -DPGM_TESTS=OFF
	@docs/make/charts.sh docs/benchmarks.txt docs/pictures/figures.svg
	@docs/make/pictures.sh "$${PGM_BUILD_ROOT:-build}/release" docs/pictures

# Those of the kinds that this machine has the tools for.
packages:
	@scripts/install-deps.sh build packages scdoc
	@scripts/packages.sh

# A loader that keeps a list of libraries has to be told of a new one; in a DESTDIR there is no loader.
install: build
	@DESTDIR="$(DESTDIR)" cmake --install "$${PGM_BUILD_ROOT:-build}/release" --prefix "$(PREFIX)"
	@[ -n "$(DESTDIR)" ] || ! command -v ldconfig >/dev/null 2>&1 || ldconfig 2>/dev/null || :

format:
	@scripts/install-deps.sh clang-format
	@scripts/lint.sh format

lint:
	@scripts/install-deps.sh build test lint
	@scripts/lint.sh

clean:
	rm -rf build

help:
	@echo "make                 build the library and the program (build/release)"
	@echo "make demo            see it work, on a throwaway PostgreSQL"
	@echo "make check           run every test (ARGS='-L unit', ARGS='-R slots': some of them)"
	@echo "make check-asan      the same with address and undefined-behaviour sanitizers"
	@echo "make check-tsan      the same with the thread sanitizer"
	@echo "make check-valgrind  unit and integration tests under valgrind"
	@echo "make check-clang     the same, built with clang"
	@echo "make check-servers   the tests of pgserverconfig on PostgreSQL 12 to 18 (SERVERS=...: some of them)"
	@echo "make check-packages  make Debian and RPM packages, and look at them"
	@echo "make soak            every fault together (MINUTES=$(MINUTES), SEED=n to repeat one, PRESET=asan or tsan)"
	@echo "make fuzz            feed the YAML loader and the CSV splitter with libFuzzer (FUZZ_SECONDS=$(FUZZ_SECONDS) each)"
	@echo "make bench           measure (on a quiet machine)"
	@echo "make bench-peers     get what the benchmarks compare with"
	@echo "make abi             write down what the shared libraries offer, after a change that is meant"
	@echo "make docs            write the pages that are made from the sources"
	@echo "make pictures        draw those of the front page"
	@echo "make install         to PREFIX ($(PREFIX)), under DESTDIR if given"
	@echo "make packages        Debian and RPM packages, into build/packages"
	@echo "make format          put the sources into the house's format"
	@echo "make lint            clang-format, clang-tidy, cppcheck, layers"
	@echo "make clean           remove build/"
	@echo
	@echo "What is missing on the machine is installed first (scripts/install-deps.sh)."
	@echo "PGM_BUILD_ROOT=dir builds there instead of in build/."
