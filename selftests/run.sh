#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh STAGE...: run test stages and count. The last line is "N passed, N
# failed"; the status says whether it was 0 failed. The line before tells how long
# each stage took. Of STAGE+STAGE both run beside one another, and what they print
# comes at the end.
#
#	unit		selftests/unit, on this machine
#	model		selftests/model: the protocol, checked by spin
#	kselftest	selftests/kselftest, in VMs
#	large		lines of plan.txt that take long, nightly-*
#	real		lines of plan.txt on the QEMU of contrib/qemu, real-*
#	mutants		selftests/mutants: all, or only $MUTANTS of them
#	vm		the VM harness itself
#	native		make bench-native and make hardware-report, in VMs
#	qemu		migrations between QEMUs: cases.txt, or only $QEMU_CASES of it
#	qemu-tracker	the same with the QEMU of contrib/qemu
#	deb		the Debian packages: built twice, compared, lintian
#	deb-test	installed, used, upgraded and removed in a Debian of their own, of each
#			release of $SUITES (bookworm trixie)
#	bench		no ratio of make bench QUICK=1 got worse
#	soak		random schedules for $SOAK seconds (180)
#	fuzz		fuzzers on this machine and in VMs for $FUZZ seconds (60)
#	matrix		the rows $ROWS of build-aux/matrix.sh, or all
#	series		the patches of make series, compiled after each
#	kernel		the debug kernel
#	conformance	upstream's tests of iommufd, in the debug kernel
#	conformance-vfio
#			upstream's tests of vfio, on the newest kernel of kernels/series
#	debug		kselftest and vm, in the debug kernel, all of fail_nth
#	kcsan		what makes threads meet, in the kernel with KCSAN
#	short		a few programs of kselftest, long.txt
#	other		short on another kernel of kernels/series: the newest, or the first
#	newest		kselftest, real and a few mutants on the newest kernel of kernels/series
#	arm64		kselftest, real and vm on an emulated arm64 machine, and kselftest on
#			a kernel with pages of 16 KiB; on this kernel and the newest
#
# Environment: the tests get SEED, SCHEDULES, DELAY_US, and the variables that PASS_ENV
# names. TESTS="name ..." takes only these lines of plan.txt, LIMIT=seconds replaces
# their time limits, JOBS=n runs so many VMs at a time (default: as many as fit; with
# one, or one line, output is printed as it is made, else when its VM has ended).
# DEBUG=1 runs what runs in the VM in the debug kernel, in which everything takes longer
# (tests see SLOW=1); KCSAN=1 in the one with KCSAN. MODULES=dir takes the modules in it
# instead of those of the same name, and EXTRA='command' is run in each VM after the
# tests.
set -euo pipefail
. "$(dirname "$0")/../build-aux/lib.sh"

plan=$TOP/selftests/kselftest/plan.txt
logs=$BUILD/test-logs
mkdir -p "$logs"
prefix='' slow=1
if [ -n "${KCSAN:-}" ]; then
	export VM_KERNEL=kcsan DEBUG=1
	prefix=kcsan- slow=6
elif [ -n "${DEBUG:-}" ]; then
	export VM_KERNEL=debug
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
	# For plot.sh and report.sh
	"$TOP/build-aux/programs.sh" tools bench
	env BUILD="$BUILD" make --no-print-directory -C "$TOP/selftests/unit" OUT="$BUILD/unit" \
		GREATEST_DIR="$FETCHED/greatest" run 2>&1 | tee "$log" || status=$?
	counts=$(count_tap "$log")
	# shellcheck disable=SC2086
	set -- $counts
	if [ $status != 0 ] && [ "$2" = 0 ]; then
		say "FAILED unit: ended with status $status  ($log)"
		set -- "$1" 1 "$3"
	fi
	grep -aE "runtime error:|AddressSanitizer" "$log" | sed "s/^/FAILED unit: /" >&2 || true
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

# How many VMs at a time: each has two processors, and waits a good deal.
slots=${JOBS:-}
choose_slots()
{
	local memory

	[ -z "$slots" ] || return 0
	slots=$(nproc)
	[ "$slots" -le 2 ] || slots=$(((slots + 2) / 2))
	# GiB of memory for one
	memory=$(awk '/^MemAvailable:/ { print int($2 / 1024 / 1024 / 4) }' /proc/meminfo)
	[ "$slots" -le "$memory" ] || slots=$memory
	[ "$slots" -gt 0 ] || slots=1
}

declare -A running=()	# the line's name, by process

# start_line NAME OPTION...: a VM, which ends if this script does
start_line()
{
	local name=$1

	shift
	if [ "$slots" = 1 ]; then
		setpriv --pdeathsig TERM "$TOP/selftests/vm/run.sh" "$@" </dev/null &
	else
		setpriv --pdeathsig TERM "$TOP/selftests/vm/run.sh" "$@" </dev/null \
			>"$logs/$prefix$name.log" 2>&1 &
	fi
	running[$!]=$name
}

# Wait for one, and count.
end_line()
{
	local pid name log status=0 counts

	wait -n -p pid || status=$?
	name=${running[$pid]}
	unset "running[$pid]"
	log=$BUILD/vm/$prefix$name.out
	[ "$slots" = 1 ] || cat "$logs/$prefix$name.log"
	counts=$(count_tap "$log")
	# shellcheck disable=SC2086
	set -- $counts
	if [ $status -ge 124 ] || { [ $status != 0 ] && [ "$2" = 0 ]; }; then
		say "FAILED $name: the VM ended with status $status  (${log%.out}.log)"
		set -- "$1" $(($2 + 1)) "$3"
	fi
	count "$@"
}

# One VM per line of the plan: name | virt parameters | time limit | programs.
# With $only, a list of NAME:PROGRAM, nothing else, and for $duration seconds each.
only='' duration=''
run_plan()
{
	local name virt limit programs iommu modules options p known='' args v taken arches
	local slots=$slots lines=0

	build_modules
	"$TOP/build-aux/programs.sh" tools kselftest
	choose_slots
	[ "$(wc -w <<<"${TESTS:-}")" != 1 ] || slots=1
	while IFS='|' read -r name virt limit programs iommu modules options arches <&3; do
		name=${name//[[:space:]]/}
		[[ $name != '' && $name != \#* ]] || continue
		virt=$(virt_parameters "$(xargs <<<"$virt")")
		limit=$((${LIMIT:-${limit//[[:space:]]/}} * slow))
		known+=" $programs "
		[[ -z ${TESTS:-} || " $TESTS " == *" $name "* ]] || continue
		[[ " ${arches:-amd64} " == *" $ARCH "* ]] || continue
		[[ $virt != *-pt:* ]] || kernel_has_generic_pt || continue
		[[ $name != nightly-* && $name != real-* || -n ${TESTS:-} ]] || continue
		if [ -n "$only" ]; then
			taken=
			for p in $programs; do
				[[ " $only " != *" $name:$p "* ]] || taken+=" $p"
			done
			programs=$taken limit=$((limit + duration))
			[ -n "$programs" ] || continue
		fi

		args=(--file "$BUILD/tools/vmigrate" --file "$BUILD/tools/iommufdctl"
		      --iommu "$(xargs <<<"${iommu:-none}")")
		modules=$(xargs <<<"${modules:-}")
		# Another kernel cannot load the distribution's modules.
		[[ -z ${DEBUG:-} || ${options:-} != *--stock* ]] || continue
		if [[ "$modules ${options:-}" == *upstream* ]]; then
			# Built for the kernel that was not built here
			[ -z "${DEBUG:-}" ] || continue
			"$TOP/build-aux/upstream.sh"
		fi
		if [[ $modules == *upstream:* ]]; then
			args+=(--module "$BUILD/upstream-mlx5/mlx5-vfio-pci.ko")
			modules=${modules//upstream:/}
		fi
		[ -z "$modules" ] || args+=(--modules "$modules")
		# shellcheck disable=SC2206 # words
		args+=(${options:-})
		for v in SEED SCHEDULES DELAY_US ${PASS_ENV:-}; do
			[ -z "${!v:-}" ] || args+=(--env "$v=${!v}")
		done
		[ -z "${DEBUG:-}" ] || args+=(--env SLOW=1)
		[ -z "$duration" ] || args+=(--env "DURATION=$duration")
		[ -z "${MODULES:-}" ] || while read -r p; do
			args+=(--module "$p")
		done < <(find "$MODULES" -name '*.ko')
		for p in $programs; do
			[ -x "$BUILD/kselftest/$p" ] ||
				die "plan.txt, line $name: there is no selftests/kselftest/$p.c"
			args+=(--file "$BUILD/kselftest/$p")
		done
		[ ${#running[@]} -lt "$slots" ] || end_line
		lines=$((lines + 1))
		say "== $name ($virt):$programs"
		# The VM's own limit catches what the programs' does not.
		start_line "$name" --name "$prefix$name" --virt "$virt" \
			--timeout $((limit * ($(wc -w <<<"$programs") + 1) + 30)) "${args[@]}" \
			--command "run-tests $limit $(xargs <<<"$programs")${EXTRA:+
				s=\$?; $EXTRA; exit \$s}"
	done 3<"$plan"
	while [ ${#running[@]} -gt 0 ]; do
		end_line
	done
	[ "$lines" -gt 0 ] || {
		say "FAILED plan.txt: no line for $DEB_ARCH is named ${TESTS:-at all}"
		count 0 1 0
	}

	[ -z "$only" ] || return 0
	for p in $(kselftests); do
		[[ $known == *" $p "* ]] || {
			say "FAILED $p: in no line of plan.txt, so never run"
			count 0 1 0
		}
	done
}

stage_kselftest()
{
	run_plan
}

stage_large()
{
	local TESTS

	TESTS=$(sed -n 's/^\(nightly-[a-z0-9-]*\).*/\1/p' "$plan" | paste -sd' ')
	run_plan
}

# The drivers that users have, behind IOMMUs of QEMU that set dirty bits
stage_real()
{
	local TESTS=${TESTS:-}

	# One for all kernels and architectures
	env -u KERNEL -u ARCH "$TOP/build-aux/qemu-build.sh"
	[ -n "$TESTS" ] ||
		TESTS=$(sed -n 's/^\(real-[a-z0-9-]*\).*/\1/p' "$plan" | paste -sd' ')
	rm -f "$BUILD"/vm/"$prefix"real-*.out
	run_plan
	find "$BUILD/vm" -name "${prefix}real-*.out" -exec \
		sed -n 's/.*seeds [0-9]* to [0-9]*: \([0-9]*\) writes checked.*/\1/p
			s/.*[: ]\([0-9]*\) writes checked$/\1/p' {} + |
		awk '{ n += $1 } END { printf "real: %d writes checked\n", n }'
}

# entries STAGE: the ones in long.txt, LINE:PROGRAM
entries()
{
	awk -F'|' -v stage="$1" '!/^#/ && NF == 3 {
			gsub(/ /, "")
			if ($1 == stage)
				print $2 ":" $3
		}' "$TOP/selftests/kselftest/long.txt" | paste -sd' '
}

# long STAGE SECONDS: its entries, which share the time
long()
{
	only=$(entries "$1")
	duration=$(($2 / $(wc -w <<<"$only")))
	run_plan
	only='' duration=''
}

stage_short()
{
	only=$(entries short)
	MIGRATIONS=3 PASS_ENV="MIGRATIONS ${PASS_ENV:-}" run_plan
	only=''
}

stage_soak()
{
	long soak "${SOAK:-180}"
	# "seeds A to B: N writes checked, N pages reported, N of them over"
	awk 'match($0, /seeds [0-9]+ to [0-9]+: [0-9]+ writes checked, [0-9]+ pages reported/) {
			split(substr($0, RSTART, RLENGTH), word, " ")
			n += word[4] - word[2] + 1
			writes += word[5]
			pages += word[8]
		} END {
			printf "soak: %d schedules, %d writes checked, ", n, writes
			printf "%d pages reported\n", pages
		}' "$BUILD/vm/${prefix}dirty.out" "$BUILD/vm/${prefix}source.out"
}

# What a script says in TAP.
tap()
{
	local log=$logs/$1.log status=0 counts

	{
		echo "# program $1"
		"${@:2}" 2>&1 && status=0 || status=$?
		echo "# exit $1 $status"
	} | tee "$log"
	counts=$(count_tap "$log")
	# shellcheck disable=SC2086
	count $counts
}

stage_model()
{
	tap model "$TOP/selftests/model/run.sh"
}

stage_mutants()
{
	local mutants

	read -ra mutants <<<"${MUTANTS:-}"
	tap mutants "$TOP/selftests/mutants/run.sh" "${mutants[@]}"
}

stage_fuzz()
{
	tap fuzz "$TOP/selftests/fuzz/run.sh" $((${FUZZ:-60} / 2))
	long fuzz $((${FUZZ:-60} / 2))
}

# one NAME COMMAND...: a command that is one test
one()
{
	if "${@:2}"; then
		count 1 0 0
	else
		say "FAILED $1"
		count 0 1 0
	fi
}

stage_matrix()
{
	local rows

	read -ra rows <<<"${ROWS:-}"
	env -u KSRC -u KDIR "$TOP/build-aux/setup.sh" build tree matrix
	one matrix "$TOP/build-aux/matrix.sh" "${rows[@]}"
}

# Patches are for the newest kernel.
stage_series()
{
	local newest

	newest=$(newest_series)
	env -u KSRC -u KDIR KERNEL="$newest" "$TOP/build-aux/setup.sh" build tree
	one "patches of the series" env KERNEL="$newest" "$TOP/build-aux/series.sh"
	one "series" env KERNEL="$newest" "$TOP/build-aux/series-build.sh"
}

stage_native()
{
	tap native "$TOP/selftests/bench/native-test.sh"
}

stage_qemu()
{
	local cases

	read -ra cases <<<"${QEMU_CASES:-}"
	tap qemu "$TOP/selftests/qemu/run.sh" "${cases[@]}"
}

stage_qemu-tracker()
{
	# One for all kernels
	env -u KERNEL "$TOP/build-aux/qemu-build.sh"
	QEMU=$FETCHED/qemu/patched/qemu-system-x86_64 \
		tap qemu-tracker "$TOP/selftests/qemu/run.sh"
}

stage_deb()
{
	"$TOP/build-aux/setup.sh" build deb
	tap deb "$TOP/selftests/deb/packages.sh"
}

stage_deb-test()
{
	local suite

	# The packages are the same with each KERNEL, and this one tries all of them.
	[ "$KERNEL" = 6.12 ] || {
		say "deb-test is skipped: run it without KERNEL=, it tries the others, too"
		count 0 0 1
		return
	}
	[ "$(id -u)" = 0 ] || {
		say "deb-test is skipped: it makes a root file system; run it as root"
		count 0 0 1
		return
	}
	"$TOP/build-aux/setup.sh" build vm deb deb-test
	"$TOP/build-aux/deb.sh"
	for suite in ${SUITES:-bookworm trixie}; do
		"$TOP/selftests/deb/root.sh" "$suite"
		tap "deb-test-$suite" "$TOP/selftests/deb/run.sh" "$suite"
	done
}

stage_bench()
{
	one bench env QUICK=1 "$TOP/selftests/bench/run.sh"
}

# What another run of tests says in its last lines, which has its status too.
count_run()
{
	# shellcheck disable=SC2046
	count $(awk '/^[0-9]+ skipped$/ { skipped = $1 }
		     END { if (/^[0-9]+ passed, [0-9]+ failed$/) print $1, $3, skipped + 0
			   else print 0, 1, 0 }' "$1")
}

nested()
{
	local log=$logs/$1.log

	"${@:2}" </dev/null 2>&1 | tee "$log" || true
	count_run "$log"
}

stage_kernel()
{
	"$TOP/build-aux/debug-kernel.sh"
}

stage_conformance()
{
	"$TOP/build-aux/setup.sh" build vm conformance
	nested conformance "$TOP/selftests/conformance/run.sh"
}

# Older kernels have none.
stage_conformance-vfio()
{
	local newest

	newest=$(newest_series)
	env -u KSRC -u KDIR KERNEL="$newest" "$TOP/build-aux/setup.sh" build vm tree conformance
	KERNEL=$newest nested conformance-vfio "$TOP/selftests/conformance/vfio.sh"
}

stage_debug()
{
	DEBUG=1 FAIL_NTH=all PASS_ENV=FAIL_NTH nested debug "$0" kselftest vm
}

# The line "concurrency" of plan.txt, and the programs that race at random
stage_kcsan()
{
	KCSAN=1 nested kcsan "$0" races vm
}

# On the kernel that the code is written for, if the others run on an older one
# check_series SERIES: what we take of its kernel is there, and as it was read
check_series()
{
	local script

	for script in hooks compat watch; do
		one "$1 $script" env KERNEL="$1" "$TOP/build-aux/$script-check.sh"
	done
}

# Few tests, so that each "make test" loads and uses the modules of more than one kernel
stage_other()
{
	local other

	other=$(newest_series)
	[ "$KERNEL" != "$other" ] || other=$(all_series | head -n 1)
	env -u KSRC -u KDIR KERNEL="$other" "$TOP/build-aux/setup.sh" build vm
	check_series "$other"
	KERNEL=$other nested other "$0" short
}

stage_newest()
{
	local newest mutants

	newest=$(newest_series)
	[ "$KERNEL" != "$newest" ] || return 0
	env -u KSRC -u KDIR KERNEL="$newest" "$TOP/build-aux/setup.sh" build vm unit
	check_series "$newest"
	# Those that the default kernel leaves out
	mutants=$(awk '$3 == "generic-pt" { print $1 }' "$TOP/selftests/mutants/mutants.txt" |
		paste -sd' ')
	KERNEL=$newest MUTANTS=$mutants nested newest "$0" kselftest real mutants
}

# Lines of plan.txt for arm64, on modules and programs that are cross-built, on this kernel and
# the newest
stage_arm64()
{
	local series arch stages

	for series in $(printf '%s\n' "$KERNEL" "$(newest_series)" | uniq); do
		for arch in arm64 arm64-16k; do
			stages=kselftest
			[ $arch = arm64-16k ] || stages+=' real vm'
			env -u KSRC -u KDIR KERNEL="$series" ARCH=$arch \
				"$TOP/build-aux/setup.sh" build vm
			one "$series $arch" env KERNEL="$series" ARCH=$arch \
				"$TOP/build-aux/modules.sh" product
			# shellcheck disable=SC2086 # words
			KERNEL=$series ARCH=$arch nested "$series-$arch" "$0" $stages
		done
	done
}

stage_races()
{
	only="dirty:race_test dirty:schedule_test"
	only+=$(awk -F'|' '$1 ~ /^concurrency / {
			n = split($4, programs, " ")
			for (i = 1; i <= n; i++)
				printf " concurrency:%s", programs[i]
		}' "$plan")
	run_plan
	only=''
}

stage_vm()
{
	local log=$logs/vm.log counts program status checkers=''

	[ "${VM_KERNEL:-}" != debug ] || checkers=conformance/checkers
	build_modules
	{
		for program in vm/test-harness vm/test-kcsan $checkers; do
			echo "# program ${program#*/}"
			"$TOP/selftests/$program.sh" 2>&1 && status=0 || status=$?
			echo "# exit ${program#*/} $status"
		done
	} | tee "$log"
	counts=$(count_tap "$log")
	# shellcheck disable=SC2086
	count $counts
}

# Process groups, since a shell's children in the background do not hear Ctrl-C.
groups=()
# shellcheck disable=SC2317 # called by the trap
end_groups()
{
	local pid

	for pid in "${groups[@]}"; do
		kill -- "-$pid" 2>/dev/null || true
	done
}
trap end_groups EXIT

beside()
{
	local stage

	for stage in "$@"; do
		setsid "$0" "$stage" </dev/null >"$logs/beside-$stage.log" 2>&1 &
		groups+=($!)
	done
	wait "${groups[@]}" || true
	groups=()
	for stage in "$@"; do
		cat "$logs/beside-$stage.log"
		count_run "$logs/beside-$stage.log"
	done
}

times=()
for stage; do
	start=$SECONDS
	say "=== $stage"
	case $stage in
	*+*) IFS=+ read -ra stages <<<"$stage"; beside "${stages[@]}" ;;
	*) "stage_$stage" ;;
	esac
	times+=("$stage $((SECONDS - start)) s")
done
printf 'time:'
printf ' %s,' "${times[@]}" | sed 's/,$/\n/'
[ $skipped = 0 ] || echo "$skipped skipped"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
