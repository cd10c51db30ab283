#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh TEST...: run the test programs in $OUT, the mutants, plot.sh and report.sh, in
# TAP; the lines "# program NAME" and "# exit NAME STATUS" are around each. Called by the
# Makefile.
set -uo pipefail

worst=0

# run NAME COMMAND...
run()
{
	local status=0

	echo "# program $1"
	"${@:2}" 2>&1 || status=$?
	echo "# exit $1 $status"
	[ $status = 0 ] || worst=1
}

for test; do
	run "$test" "$OUT/$test"
done
run mutants ./control.sh
run plot ./plot.sh
run report ./report.sh
exit $worst
