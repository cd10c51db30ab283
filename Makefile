# SPDX-License-Identifier: GPL-2.0-only
#
# Every verb of the project; "make help" lists them. The work is done by the
# scripts in build-aux/ and selftests/, and everything they make is in build/.

MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash
.DEFAULT_GOAL := help
B := build$(if $(filter-out 6.12,$(KERNEL)),/$(KERNEL))$(addprefix /,$(filter arm64%,$(ARCH)))

# Lists the verbs: every target below with "##" behind it.
.PHONY: help
help:
	@echo "Dirty tracking for I/O address spaces, on top of the kernel's iommufd and vfio"
	@echo
	@echo "Verbs:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | \
		awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'
	@echo
	@echo "Variables:"
	@echo "  KERNEL=n       a series of kernels/series in place of 6.12, in build/n (7.3: Debian 13's backports)"
	@echo "  ARCH=arm64     the modules, kselftest, vm: for Debian's arm64 (or arm64-16k) kernel, in build/arm64"
	@echo "  KDIR=dir       build for these kernel headers instead of Debian's newest 6.12"
	@echo "  KSRC=dir       take upstream's files from this kernel tree instead of the package"
	@echo "  UPDATE=1       with setup: move to the newest kernel"
	@echo "  CONFIG_X=y|n   an option of the Kconfig"
	@echo "  V=1            show the commands of the kernel's build"
	@echo "  DEBUG=1        with test, soak: in the debug kernel (see debug-kernel)"
	@echo "  KCSAN=1        with kselftest, soak: in the debug kernel that finds data races"
	@echo "  DURATION=n     with soak and fuzz: seconds"
	@echo "  -jN            jobs (default: one per processor)"
	@echo "  RUN='command'  with vm: run it instead of a shell"
	@echo "  VIRT='...'     with vm and demo: parameters of the virtual platform, or off"
	@echo "  SEED=n         with test and demo: repeat the random choices of a run"
	@echo "  SCHEDULES=n    with kselftest: random schedules per mix of devices (default 5)"
	@echo "  DELAY_US=n     with kselftest, soak: longest delay in every second schedule (2000)"
	@echo "  ROUNDS=n       with bench-mlx5: how often each is measured (default 7)"
	@echo "  N=n            with soak-migrate: how many migrations"
	@echo "  TRACKER=off    with demo: do not track, to see the migration fail"
	@echo "  QEMU=path      with qemu: this QEMU (9.1 or newer) instead of Debian's"
	@echo "  M=size         with demo: guest memory"
	@echo "  MAX=gib        with bench: the largest address space (default 12288)"
	@echo "  ONLY='parts'   with bench: many, latency, migrations, ... (selftests/bench/run.sh)"
	@echo "  QUICK=1        with bench: three minutes, and fail when a ratio got worse"
	@echo "  DEVICE=address with bench-native, hardware-report: PCI devices to spare, bound to vfio-pci"
	@echo "  FILE=path      with hardware-report: the report (build/hardware-report.txt)"
	@echo "  SUITES='...'   with deb-test: releases of Debian (default: bookworm trixie)"
	@echo "  DESTDIR=dir    with install"

.PHONY: setup setup-build setup-vm setup-test setup-demo setup-model setup-bench \
	setup-check setup-docs
setup: ## install missing packages, fetch and unpack the kernel (done by the others too)
	@build-aux/setup.sh
setup-build:
	@build-aux/setup.sh build
setup-vm:
	@build-aux/setup.sh build vm
setup-test:
	@build-aux/setup.sh build vm unit model plot
setup-demo:
	@build-aux/setup.sh build vm plot
setup-model:
	@build-aux/setup.sh build model
setup-bench:
	@build-aux/setup.sh build vm plot
setup-check:
	@build-aux/setup.sh build check unit
setup-docs:
	@build-aux/setup.sh build docs

.PHONY: modules test-modules
modules: setup-build ## build the modules of the product (build/product)
	+@build-aux/modules.sh product

test-modules: setup-build ## build them with test hooks and the virtual platform (build/test)
	+@build-aux/modules.sh test

.PHONY: demo test nightly soak fuzz unit model kselftest mutants vm vm-test check qemu qemu-build \
	real-iommus
demo: setup-demo ## migrate VFs, and memory that devices keep writing, in a VM
	+@build-aux/demo.sh

# Of selftests/mutants: of one line of plan.txt, which is tried once
mutants := end-logs span-of-last counter-set second-pin fill-failed
# Rows of build-aux/matrix.sh: as it is meant to be, off, in a vmlinux, for Arm
sample := x86:all x86:off x86:built-in arm64:all out:least
test: setup-test ## all tests that fit into CI; the last line counts them
	+@SOAK=180 FUZZ=60 ROWS="$(sample)" QEMU_CASES=legacy-two MUTANTS="$(mutants)" \
		selftests/run.sh unit model kselftest other mutants vm qemu deb fuzz soak \
		bench+matrix

nightly: setup-test ## the rest: debug kernels, arm64, full matrix, mutants, packages
	+@ROWS= MUTANTS= SOAK=3600 FUZZ=600 selftests/run.sh \
		large mutants kernel conformance conformance-vfio debug kcsan native qemu \
		qemu-tracker real newest arm64 deb-test soak fuzz matrix series

soak: setup-vm ## random schedules for DURATION=seconds, SEED=n, DEBUG=1
	+@SOAK="$(or $(DURATION),600)" selftests/run.sh soak

fuzz: setup-test ## the fuzzers, here and in the VM, for DURATION=seconds, SEED=n
	+@FUZZ="$(or $(DURATION),600)" selftests/run.sh fuzz

unit: setup-test ## the tests that run on this machine
	+@selftests/run.sh unit

model: setup-model ## check the protocol, and mistakes in it, with spin (selftests/model)
	+@selftests/run.sh model

kselftest: setup-test ## the tests that run in the VM (TESTS='name ...' for some)
	+@selftests/run.sh kselftest

mutants: setup-test ## are mistakes in the kernel code noticed? (MUTANTS='name ...' for some)
	+@selftests/run.sh mutants

vm-test: setup-test ## the tests of the VM harness
	+@selftests/run.sh vm

qemu: setup-vm ## migrate VFs between two QEMUs in the VM (CASES='name ...', JSON=1)
	+@selftests/qemu/run.sh $(if $(JSON),--json) $(CASES)

qemu-build: ## build a QEMU that uses the tracker (contrib/qemu), in twelve minutes
	+@build-aux/qemu-build.sh

real-iommus: setup-vm ## the kernel's own IOMMU drivers, in a QEMU whose IOMMUs set dirty bits
	+@selftests/run.sh real

vm: setup-vm ## a shell in the VM with everything loaded, or RUN='command'
	+@build-aux/vm.sh

check: setup-check ## W=1, sparse, checkpatch, shellcheck, calls between files, licences
	+@build-aux/check.sh

.PHONY: docs
docs: setup-docs ## Documentation/ as HTML (build/docs/html), with Debian's sphinx
	+@build-aux/docs.sh

.PHONY: soak-migrate
soak-migrate: setup-vm ## N migrations of VFs without faults and 2N with (default 100)
	+@MIGRATIONS="$(or $(N),100)" PASS_ENV=MIGRATIONS TESTS=vmigrate-vfs \
		LIMIT=$$((300 + 25 * $(or $(N),100))) selftests/run.sh kselftest

.PHONY: bench bench-mlx5 bench-native hardware-report programs-native native-test
bench: setup-bench ## what tracking costs, beside upstream (build/bench; QUICK=1: check ratios)
	+@QUICK="$(QUICK)" MAX="$(MAX)" ONLY="$(ONLY)" selftests/bench/run.sh

bench-mlx5: setup-vm ## what mlx5-vfio-pci takes, beside upstream's driver (ROUNDS=n, default 7)
	+@selftests/bench/mlx5.sh

# Refused before anything is fetched or built
bench-native hardware-report: programs-native
programs-native:
	@selftests/bench/native.sh --check $(DEVICE)
	+@build-aux/setup.sh build tools
	+@build-aux/programs.sh tools bench

native := $(if $(QUICK),--quick) --programs $(B)/bench

bench-native: ## what tracking costs on this machine, with DEVICE=0000:01:00.0 to spare (root)
	@selftests/bench/native.sh $(native) --out $(B)/bench-native $(DEVICE)

hardware-report: ## a report on this machine's IOMMU and DEVICE=, to send in (root)
	@selftests/bench/hardware-report.sh $(native) --tools $(B)/tools \
		--file "$(or $(FILE),$(B)/hardware-report.txt)" $(DEVICE)

native-test: setup-vm ## both commands in VMs: what they refuse, and what they report
	+@selftests/run.sh native

.PHONY: install clean distclean
install: ## install the modules that "make modules" built (root; see DESTDIR)
	@build-aux/install.sh

clean: ## remove what was built; keep what was fetched
	rm -rf $(B)/product $(B)/test $(B)/ours $(B)/upstream $(B)/upstream-mlx5 $(B)/bench \
		$(B)/bench-native $(B)/check $(B)/docs $(B)/kselftest $(B)/unit $(B)/fuzz \
		$(B)/model $(B)/mutants $(B)/tools $(B)/vm $(B)/uapi $(B)/qemu/test \
		$(B)/qemu/bundle* $(B)/.stage.* $(B)/.log.*

distclean: ## remove build/ with all that was fetched
	rm -rf $(B)

include build-aux/tree.mk
include build-aux/deb.mk
