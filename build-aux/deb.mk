# SPDX-License-Identifier: GPL-2.0-only
# Verbs about Debian packages; included by the Makefile.

.PHONY: deb setup-deb deb-check deb-test
setup-deb:
	@build-aux/setup.sh build deb

deb: setup-deb ## Debian packages of modules, tools and headers (build/deb)
	+@build-aux/deb.sh

deb-check: setup-deb ## build them twice, compare, and ask lintian
	+@selftests/run.sh deb

deb-test: ## install, use, upgrade, remove them in Debians of their own (root; SUITES)
	+@selftests/run.sh deb-test

.PHONY: clean-deb
clean: clean-deb
clean-deb:
	rm -rf $(B)/deb $(B)/deb-again $(B)/.deb.* $(B)/deb-test/*/{root,logs,esp,initrd*,vars,keys}
