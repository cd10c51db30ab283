#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh TEST...: run the test programs in $OUT, the mutants and plot.sh, and count.
# Called by the Makefile.
set -uo pipefail

passed=0 failed=0

# count LOG STATUS: a program that ended badly without saying so is one failure
count()
{
	local p f

	read -r p f < <(sed -n 's/^Pass: \([0-9]*\), fail: \([0-9]*\),.*/\1 \2/p' "$1")
	p=${p:-0} f=${f:-0}
	[ "$2" = 0 ] || [ "$f" -gt 0 ] || f=1
	passed=$((passed + p))
	failed=$((failed + f))
}

for test; do
	status=0
	echo "== $test"
	"$OUT/$test" 2>&1 | tee "$OUT/$test.log" || status=$?
	count "$OUT/$test.log" $status
done

status=0
echo "== mutants"
./control.sh 2>&1 | tee "$OUT/control.log" || status=$?
count "$OUT/control.log" $status

status=0
echo "== plot"
./plot.sh 2>&1 | tee "$OUT/plot.log" || status=$?
count "$OUT/plot.log" $status

echo "unit: $passed passed, $failed failed"
[ $failed = 0 ]
