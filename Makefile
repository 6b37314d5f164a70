# Every target can be run again: it does only what is out of date. `make help` lists them.
SHELL := /bin/sh
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# The pinned Node comes first; clang, bpftool and nginx may live in sbin.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH):/usr/local/sbin:/usr/sbin:/sbin

# In CI nothing may be skipped.
ifeq ($(CI),true)
export UNDERSTUDY_REQUIRE_KERNEL = 1
endif

CLANG ?= clang
BPFTOOL ?= bpftool
MULTIARCH := $(or $(shell $(CC) -print-multiarch 2>/dev/null),$(shell uname -m)-linux-gnu)
BPF_CFLAGS := -target bpf -mcpu=v3 -g -O2 -Wall -Wextra -Wpadded -Werror -Ibpf/include -I/usr/include/$(MULTIARCH)
NATIVE_CFLAGS := -std=gnu11 -O2 -g -fPIC -Wall -Wextra -Werror
NATIVE_LIBS := -lbpf -lelf -lz -lpthread
SHIM_OBJECTS := $(patsubst native/%.c,build/native/%.o,$(filter-out native/launch.c,$(wildcard native/*.c)))

.PHONY: help setup give-back bpf native build-if-possible types lint test all-tests unit property contract tidy e2e \
	chart render-chart-if-possible kernel-test mini-node-test bench bench-peers demo play docs presubmit vmlinux clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9 -]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 38

setup: ## install missing system packages (as root) and the npm packages
	@./scripts/setup.sh
	@$(MAKE) --no-print-directory give-back

# What root makes in somebody's checkout goes to its owner, whose next `make` has to write there; after a failure, too.
giving-back = @$(MAKE) --no-print-directory $(1); status=$$?; $(MAKE) --no-print-directory give-back; exit $$status

give-back:
	@[ "$$(id -u)" -ne 0 ] || for made in node_modules build; do \
		[ ! -e "$$made" ] || chown -hR --reference=. "$$made"; \
	done

bpf: build/understudy.bpf.o build/inbound.bpf.o ## compile the BPF programs

native: build/libunderstudy.so build/understudy-launch ## compile the native shim and the launcher of commands

types: ## check the types
	node --run types

lint: ## check format and lint, TypeScript and C
	node --run lint

unit property contract tidy e2e: ## run one tier of the tests that need no rights
	node --run test:$@

chart: render-chart-if-possible ## render the chart in all its variants and check it, the image's recipe too
	node --run test:chart

kernel-test: bpf native ## run the tests that load the programs into this kernel (root)
	node --run test:kernel

mini-node-test: bpf native ## run the tests with a real container runtime and pods (root)
	node --run test:mini-node

test: setup ## build everything, then types, lint and every tier of tests
	$(call giving-back,all-tests)

all-tests:
	@$(MAKE) --no-print-directory build-if-possible
	@$(MAKE) --no-print-directory types lint
	node --run test:quick
	@$(MAKE) --no-print-directory chart
	@[ "$$(id -u)" -eq 0 ] || echo "test: not root, so most kernel tests and all with pods skip; run 'sudo make kernel-test mini-node-test' for them"
	node --run test:kernel
	node --run test:mini-node

# On a machine without the toolchain everything that is only TypeScript is still tested; CI has no such excuse.
build-if-possible:
	@if [ "$(CI)" = true ] || ./scripts/setup.sh toolchain; then \
		$(MAKE) --no-print-directory bpf native; \
	else \
		echo "build: no BPF toolchain here, so bpf and native are not built and the kernel tests skip"; \
	fi

render-chart-if-possible:
	@if [ "$(CI)" = true ] || command -v go >/dev/null; then \
		$(MAKE) --no-print-directory build/render-chart; \
	else \
		echo "build: no Go here, so the chart is not rendered and tests that do so skip"; \
	fi

bench: bpf native ## run the benchmarks
	node --run bench

bench-peers: ## compare serve with other mock servers (npm fetches them; needs wrk, and Java for two of them)
	node --run bench:peers

demo: setup ## build, then show one command being intercepted and mocked
	$(call giving-back,play)

play: bpf native
	@./scripts/demo.sh

docs: ## regenerate docs/configuration.md, the schema of the chart's values and what is rendered from the chart
	node --run docs

presubmit: ## what CI runs
	./.ci/run

vmlinux: ## write build/vmlinux.h of this kernel, for editors
	@mkdir -p build
	$(BPFTOOL) btf dump file /sys/kernel/btf/vmlinux format c > build/vmlinux.h

clean: ## remove what was built
	rm -rf build

# gen object deduplicates BTF and fixes its offsets, which is what libbpf then loads.
build/%.bpf.o: build/%.bpf.raw.o
	$(BPFTOOL) gen object $@ $<

build/%.bpf.raw.o: bpf/%.bpf.c Makefile
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF build/$*.bpf.d -MT $@ -c $< -o $@

.PRECIOUS: build/%.bpf.raw.o

build/libunderstudy.so: $(SHIM_OBJECTS)
	$(CC) -shared -Wl,-soname,$(@F) -Wl,--no-undefined $^ -o $@ $(NATIVE_LIBS)

build/native/%.o: native/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(NATIVE_CFLAGS) -MMD -MP -c $< -o $@

build/understudy-launch: build/native/launch.o
	$(CC) $^ -o $@

# Without modules: the packages are Debian's, in its GOPATH, and nothing is fetched.
build/render-chart: $(wildcard scripts/render-chart/*.go) Makefile
	@mkdir -p $(@D)
	GO111MODULE=off GOFLAGS= GOPATH=/usr/share/gocode GOCACHE=$(CURDIR)/build/go-cache go build -o $@ ./scripts/render-chart

-include build/understudy.bpf.d build/inbound.bpf.d $(wildcard build/native/*.d)
