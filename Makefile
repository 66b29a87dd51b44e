# Plain commands for what the CMake presets and tools/ do. `make help` lists them.
JOBS := $(shell nproc)
# More for the configure step, as in: make test CMAKE_FLAGS=-DISTHMUS_WERROR=ON
CMAKE_FLAGS :=
# Seconds per fuzz target.
SECONDS := 60

.DEFAULT_GOAL := help
.PHONY: help demo build train test bench format lint fuzz clean

help:      ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo:      ## install what it needs, build, and show a network split between machines
	@tools/install_dependencies base
	@cmake --preset release -DISTHMUS_TESTS=OFF $(CMAKE_FLAGS) >/dev/null
	@cmake --build build -j $(JOBS) --target isthmus isthmus-agent
	@build/bin/isthmus demo

build:     ## the programs, in build/bin
	@tools/install_dependencies base
	@cmake --preset release -DISTHMUS_TESTS=OFF $(CMAKE_FLAGS) >/dev/null
	@cmake --build build -j $(JOBS)

train:     ## the same with training (libtorch): isthmus-train
	@tools/install_dependencies base train
	@cmake --preset release -DISTHMUS_TESTS=OFF -DISTHMUS_TRAIN=ON $(CMAKE_FLAGS) >/dev/null
	@cmake --build build -j $(JOBS)

test:      ## build all, training too, run the unit tests and the cases
	@tools/install_dependencies base test train
	@cmake --preset release -DISTHMUS_TESTS=ON -DISTHMUS_TRAIN=ON $(CMAKE_FLAGS) >/dev/null
	@cmake --build build -j $(JOBS)
	@ctest --test-dir build --output-on-failure -j $(JOBS) --timeout 600

bench:     ## measure; one JSON file for each benchmark in build/bench/results
	@tools/install_dependencies base test train
	@tools/bench

format:    ## rewrite the C++ sources in the project's format
	@git ls-files -co --exclude-standard '*.h' '*.cpp' | xargs -r clang-format-19 -i

lint:      ## layers, format and clang-tidy
	@tools/install_dependencies
	@tools/lint

fuzz:      ## run every fuzz target for SECONDS
	@tools/install_dependencies
	@tools/fuzz $(SECONDS)

clean:     ## remove the build folders of the presets
	rm -rf build build-dev build-asan build-tsan build-minimal build-fuzz
