#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# programs.sh [tools] [kselftest] [bench]: build the static programs that run in
# the VM: build/tools/vmigrate, build/kselftest/NAME for each
# selftests/kselftest/NAME.c, and build/bench/bench; and
# build/bench/report, which runs here.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

lock_build
load_kernel

export MAKEFLAGS=${MAKEFLAGS-}
MAKEFLAGS=${MAKEFLAGS%%-- *}
for what; do
	vars=(OUT="$BUILD/$what" UAPI="$KSRC/include/uapi" V="${V:-}")
	[ -z "$CROSS" ] || vars+=(AR="${CROSS}ar"
		CC="${CROSS}gcc -isystem $GUEST/usr/include -L$GUEST/usr/lib/$TRIPLET \
			-L$GUEST/lib/$TRIPLET")
	case $what in
	tools)
		make --no-print-directory -C "$TOP/tools" "${vars[@]}"
		;;
	kselftest)
		make --no-print-directory -f "$TOP/selftests/kselftest.mk" \
			"${vars[@]}" KSRC="$KSRC" PAGE_SIZE="$GUEST_PAGE_SIZE"
		;;
	bench)
		vars[0]=OUT=$BUILD/bench
		make --no-print-directory -f "$TOP/selftests/bench.mk" "${vars[@]}"
		;;
	esac
done
