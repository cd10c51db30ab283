# SPDX-License-Identifier: GPL-2.0-only
# Verbs that need a full kernel tree; included by the Makefile.

.PHONY: patch series series-build matrix debug-kernel coverage conformance \
	conformance-vfio
patch: ## put hooks and our files into the kernel tree KSRC=dir (or the package's)
	@[ -n "$(KSRC)" ] || build-aux/setup.sh build tree
	@build-aux/patch.sh $(KSRC)

# Patches are for the newest kernel.
newest := $(shell awk '!/^\\#/ && NF { n = $$1 } END { print n }' kernels/series)
series: ## the same as numbered patches with messages, for the newest kernel
	@env -u KSRC -u KDIR KERNEL=$(newest) build-aux/setup.sh build tree
	@KERNEL=$(newest) build-aux/series.sh

series-build: series ## apply these one after the other, and compile after each
	+@KERNEL=$(newest) build-aux/series-build.sh

matrix: ## compile it in the tree with each option y, m and n, for x86-64 and arm64
	@env -u KSRC -u KDIR build-aux/setup.sh build tree matrix
	+@build-aux/matrix.sh

debug-kernel: ## build the kernel with every checker on (KCSAN=1: with KCSAN)
	+@build-aux/debug-kernel.sh

coverage: setup-vm ## which lines of our kernel code the tests in the VM reach, per file
	+@build-aux/coverage.sh

conformance: ## upstream's own tests of iommufd, in the debug kernel
	@build-aux/setup.sh build vm conformance
	+@selftests/conformance/run.sh

conformance-vfio: ## upstream's own tests of vfio, on its modules and on ours (newest kernel)
	+@selftests/run.sh conformance-vfio

.PHONY: clean-tree
clean: clean-tree
clean-tree:
	rm -rf $(B)/debug-kernel{,-kcsan}{,.log} $(B)/matrix $(B)/matrix-out $(B)/matrix.log \
		$(B)/series{,-build,-build.log} $(B)/conformance $(B)/coverage $(B)/coverage.*
