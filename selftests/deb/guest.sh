#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the script of a boot in the VM, with its output in a file of the root.

# shellcheck disable=SC1091
. /deb-test/env
export HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
sh "/deb-test/$SCRIPT.sh" >/deb-test/output 2>&1
echo $? >/deb-test/status
sync
