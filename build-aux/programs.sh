#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# programs.sh [tools] [kselftest]: build the static programs that run in the
# VM: build/tools/vmigrate, and build/kselftest/NAME for each
# selftests/kselftest/NAME.c.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

lock_build
load_kernel

export MAKEFLAGS=${MAKEFLAGS-}
MAKEFLAGS=${MAKEFLAGS%%-- *}
for what; do
	vars=(OUT="$BUILD/$what" UAPI="$KSRC/include/uapi" V="${V:-}")
	case $what in
	tools)
		make --no-print-directory -C "$TOP/tools" "${vars[@]}"
		;;
	kselftest)
		make --no-print-directory -f "$TOP/selftests/kselftest.mk" \
			"${vars[@]}" KSRC="$KSRC"
		;;
	esac
done
