#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh STAGE...: run test stages (unit, kselftest, vm) and count. The last
# line is "N passed, N failed"; the status says whether it was 0 failed.
#
# Environment: SEED, SCHEDULES, and the variables that PASS_ENV names, go to the tests;
# TESTS="name ..." takes only these lines of plan.txt, LIMIT=seconds replaces their
# time limits. DEBUG=1 runs what runs in the VM in the debug kernel, in which
# everything takes longer.
set -euo pipefail
. "$(dirname "$0")/../build-aux/lib.sh"

plan=$TOP/selftests/kselftest/plan.txt
logs=$BUILD/test-logs
mkdir -p "$logs"
prefix='' slow=1
if [ -n "${DEBUG:-}" ]; then
	export KERNEL=debug
	prefix=debug- slow=6
fi
passed=0 failed=0 skipped=0

# count PASSED FAILED SKIPPED
count()
{
	passed=$((passed + $1))
	failed=$((failed + $2))
	skipped=$((skipped + $3))
}

# count_tap LOG: read TAP and run-tests' notes from it; print "PASSED FAILED SKIPPED", and on stderr
# what failed. A program counts as one more failure if it died, ended badly
# though no test of it failed, or ran fewer tests than it planned. The kernel's
# harness repeats each test's name in RUN and OK lines, which are not TAP.
count_tap()
{
	awk -v where="$1" '
		function fail(what) {
			failed++
			print "FAILED " what "  (" where ")" > "/dev/stderr"
		}
		/^# program / { program = $3; planned = ran = bad = 0; open = 1 }
		/^1\.\.[0-9]+/ { planned = substr($1, 4) + 0 }
		/^ok .*# SKIP/ { skipped++; ran++; next }
		/^ok /         { passed++; ran++ }
		/^not ok / {
			ran++; bad++
			sub(/^not ok [0-9]+ (- )?/, "")
			fail(program ": " $0)
		}
		/^# exit / {
			open = 0
			if ($4 == 137)
				fail(program ": killed, over its time limit")
			else if ($4 == 4 && !planned)
				skipped++
			else if ($4 != 0 && !bad)
				fail(program ": ended with status " $4)
			else if (ran < planned)
				fail(program ": " planned " tests planned, " ran + 0 " ran")
			else if (!ran)
				fail(program ": ran no test")
		}
		END {
			if (open)
				fail(program ": did not end")
			print passed + 0, failed + 0, skipped + 0
		}' "$1"
}

stage_unit()
{
	local log=$logs/unit.log status=0 counts

	[ -e "$TOP/selftests/unit/Makefile" ] || {
		say "FAILED unit: there is no selftests/unit/Makefile"
		count 0 1 0
		return
	}
	make --no-print-directory -C "$TOP/selftests/unit" OUT="$BUILD/unit" \
		GREATEST_DIR="$BUILD/greatest" run 2>&1 | tee "$log" || status=$?
	# greatest's last words: "Pass: N, fail: N, skip: N."
	counts=$(sed -n 's/^Pass: \([0-9]*\), fail: \([0-9]*\), skip: \([0-9]*\).*/\1 \2 \3/p' "$log" |
		awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }')
	# shellcheck disable=SC2086
	set -- $counts
	[ $status = 0 ] || [ "$2" -gt 0 ] || set -- "$1" 1 "$3"
	if [ "$2" != 0 ]; then
		grep -aE '^FAIL |runtime error:|AddressSanitizer' "$log" |
			sed 's/^/FAILED unit: /' >&2 || true
		say "FAILED unit: $2 tests  ($log)"
	fi
	count "$@"
}

# For the kernel that runs.
build_modules()
{
	if [ -n "${DEBUG:-}" ]; then
		"$TOP/build-aux/debug-kernel.sh"
	else
		"$TOP/build-aux/modules.sh" test
	fi
}

# One VM per line of the plan: name | virt parameters | time limit | programs
stage_kselftest()
{
	local name virt limit programs iommu modules p known='' args v counts status log

	build_modules
	"$TOP/build-aux/programs.sh" tools kselftest
	while IFS='|' read -r name virt limit programs iommu modules <&3; do
		name=${name//[[:space:]]/}
		[[ $name != '' && $name != \#* ]] || continue
		virt=$(xargs <<<"$virt")
		limit=$((${LIMIT:-${limit//[[:space:]]/}} * slow))
		known+=" $programs "
		[[ -z ${TESTS:-} || " $TESTS " == *" $name "* ]] || continue

		args=(--file "$BUILD/tools/vmigrate" --iommu "$(xargs <<<"${iommu:-none}")")
		modules=$(xargs <<<"${modules:-}")
		if [[ $modules == *upstream:* ]]; then
			# Built for the kernel that was not built here
			[ -z "${DEBUG:-}" ] || continue
			"$TOP/build-aux/upstream.sh"
			args+=(--module "$BUILD/upstream/mlx5-vfio-pci.ko")
			modules=${modules//upstream:/}
		fi
		[ -z "$modules" ] || args+=(--modules "$modules")
		for v in SEED SCHEDULES ${PASS_ENV:-}; do
			[ -z "${!v:-}" ] || args+=(--env "$v=${!v}")
		done
		for p in $programs; do
			[ -x "$BUILD/kselftest/$p" ] ||
				die "plan.txt, line $name: there is no selftests/kselftest/$p.c"
			args+=(--file "$BUILD/kselftest/$p")
		done
		say "== $name ($virt):$programs"
		status=0
		log=$BUILD/vm/$prefix$name.out
		# The VM's own limit catches what the programs' does not.
		"$TOP/selftests/vm/run.sh" --name "$prefix$name" --virt "$virt" \
			--timeout $((limit * $(wc -w <<<"$programs") + 30)) "${args[@]}" \
			--command "run-tests $limit $(xargs <<<"$programs")" </dev/null || status=$?
		counts=$(count_tap "$log")
		# shellcheck disable=SC2086
		set -- $counts
		if [ $status -ge 124 ] || { [ $status != 0 ] && [ "$2" = 0 ]; }; then
			say "FAILED $name: the VM ended with status $status  (${log%.out}.log)"
			set -- "$1" $(($2 + 1)) "$3"
		fi
		count "$@"
	done 3<"$plan"

	for p in $(kselftests); do
		[[ $known == *" $p "* ]] || {
			say "FAILED $p: in no line of plan.txt, so never run"
			count 0 1 0
		}
	done
}

stage_vm()
{
	local log=$logs/vm.log counts program status

	build_modules
	{
		for program in vm/test-harness ${DEBUG:+conformance/checkers}; do
			echo "# program ${program#*/}"
			"$TOP/selftests/$program.sh" 2>&1 && status=0 || status=$?
			echo "# exit ${program#*/} $status"
		done
	} | tee "$log"
	counts=$(count_tap "$log")
	# shellcheck disable=SC2086
	count $counts
}

times=()
for stage; do
	start=$SECONDS
	say "=== $stage"
	"stage_$stage"
	times+=("$stage $((SECONDS - start)) s")
done
printf 'time:'
printf ' %s,' "${times[@]}" | sed 's/,$/\n/'
[ $skipped = 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
