#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh [MUTANT...]: would the tests notice? Each mutant of mutants.txt, or of
# those named, is the kernel code with one mistake: it is built in a copy of the
# tree, and the program that must fail on it is run in a VM of its line of
# plan.txt. The same program must pass without it first. TAP: one test a mutant.
#
# run.sh --check: only whether each script changes its file, and each test is there.
set -euo pipefail
. "$(dirname "$0")/../../build-aux/lib.sh"

list=$TOP/selftests/mutants/mutants.txt
plan=$TOP/selftests/kselftest/plan.txt
copy=$BUILD/mutants
# As build-aux/lib.sh has it there
built=$copy${BUILD#"$TOP"}
logs=$BUILD/test-logs/mutants
sources=(build-aux compat drivers include iommufd kernels uapi vfio Kconfig)
ran=0 bad=0

# The entries, with all words but the script behind one another
entries()
{
	local name rest

	while read -r name rest; do
		[[ $name && $name != \#* ]] || continue
		[[ $# = 0 || " $* " == *" $name "* ]] || continue
		echo "$name $rest"
	done <"$list"
}

# column LINE N: of plan.txt
column()
{
	awk -F'|' -v line="$1" -v n="$2" '{
			name = $1
			gsub(/[ \t]/, "", name)
			if (name != line)
				next
			gsub(/^[ \t]+|[ \t]+$/, "", $n)
			print $n
		}' "$plan"
}

# A copy of the tree, in which what is built already need not be built again.
copy_tree()
{
	rm -rf "$copy"
	mkdir -p "$built" "$logs"
	(cd "$TOP" && cp -a "${sources[@]}" "$copy/")
	cp "$BUILD/kernel.env" "$built/"
	cp -a "$BUILD/test" "$built/"
	grep -rlIF --include='.*.cmd' --include='*.mod' --include=modules.order \
		--include=.overlay-of "$BUILD/test" "$built/test" |
		xargs sed -i "s#$BUILD/test#$built/test#g"
}

# vm NAME LINE MODULES COMMAND PROGRAM...: its status
vm()
{
	local name=$1 line=$2 modules=$3 command=$4 module options p virt args=()

	shift 4
	for p in $(printf '%s\n' "$@" | sort -u); do
		args+=(--file "$BUILD/kselftest/$p")
	done
	module=$(column "$line" 6)
	[ -z "$module" ] || args+=(--modules "$module")
	while read -r p; do
		args+=(--module "$p")
	done < <(find "$modules" -name '*.ko')
	options=$(column "$line" 7)
	virt=$(virt_parameters "$(column "$line" 2)")
	# shellcheck disable=SC2206 # words
	args+=($options)
	"$TOP/selftests/vm/run.sh" --name "mutant-$name" \
		--virt "$virt" --env "SEED=${SEED:-1}" \
		--env "SCHEDULES=${SCHEDULES:-2}" \
		--timeout 600 "${args[@]}" --command "$command" \
		</dev/null >"$logs/$name.log" 2>&1
}

# What to run for PROGRAM[:TEST...]
command_of()
{
	local program=${1%%:*} tests=${1#"${1%%:*}"}

	echo "timeout -s KILL $2 $program${tests//:/ -t }"
}

# tests_of LINE PROGRAM: PROGRAM[:TEST...], all that a mutant wants of it
tests_of()
{
	local what tests=''

	for what in ${wanted[$1]}; do
		[ "${what%%:*}" = "$2" ] || continue
		[[ $what == *:* ]] || { echo "$2"; return; }
		tests+=":${what#*:}"
	done
	echo "$2$(tr : '\n' <<<"${tests#:}" | sort -u | sed 's/^/:/' | tr -d '\n')"
}

# Without a mistake: each program of a line, in one VM.
declare -A passes=()
run_baseline()
{
	local line=$1 p command='bind-all >/dev/null 2>&1;' programs=()

	shift
	mapfile -t programs < <(printf '%s\n' "${@%%:*}" | sort -u)
	for p in "${programs[@]}"; do
		command+=" $(command_of "$(tests_of "$line" "$p")" 300); echo \"# $p \$?\";"
	done
	vm "none-$line" "$line" "$BUILD/test" "$command" "${programs[@]}" || true
	for p in "${programs[@]}"; do
		! grep -qx "# $p 0" "$BUILD/vm/mutant-none-$line.out" ||
			passes[$line/$p]=yes
	done
}

# try NAME FILE LINE WHAT SCRIPT: prints why it was not noticed
try()
{
	local name=$1 file=$2 line=$3 what=$4 script=$5 out=$BUILD/vm/mutant-$1.out

	[ -n "${passes[$line/${what%%:*}]:-}" ] || {
		echo "not tried: ${what%%:*} fails without it ($logs/none-$line.log)"
		return
	}
	sed "$script" "$TOP/$file" >"$copy/$file"
	if cmp -s "$TOP/$file" "$copy/$file"; then
		echo "not made: its line is not in $file; mend mutants.txt"
	elif ! "$copy/build-aux/modules.sh" test >"$logs/$name.build" 2>&1; then
		echo "not made: it does not compile ($logs/$name.build)"
	else
		rm -f "$out"
		if vm "$name" "$line" "$built/test" \
			"bind-all >/dev/null 2>&1; $(command_of "$what" 120) &&
				unload-all" "${what%%:*}"; then
			echo "SURVIVED"
		elif ! grep -q '^TAP version' "$out"; then
			echo "not tried: the VM did not start ($logs/$name.log)"
		fi
	fi
	cp -p "$TOP/$file" "$copy/$file"
}

# Have the mutants followed the code? Prints those that have not.
check_list()
{
	local name file line what script test wrong=0

	while read -r name file line what script; do
		! sed "$script" "$TOP/$file" 2>/dev/null | cmp -s - "$TOP/$file" || {
			say "mutants.txt: $name changes nothing in $file"
			wrong=1
		}
		sed "$script" "$TOP/$file" >/dev/null 2>&1 || {
			say "mutants.txt: the script of $name is none that sed knows"
			wrong=1
		}
		[ -n "$(column "$line" 2)" ] || {
			say "mutants.txt: $name is of a line $line that plan.txt does not have"
			wrong=1
		}
		# shellcheck disable=SC2046 # words
		set -- $(tr : ' ' <<<"$what")
		[ -e "$TOP/selftests/kselftest/$1.c" ] || {
			say "mutants.txt: $name is noticed by $1, which is no program"
			wrong=1
		}
		shift
		for test; do
			grep -qE "TEST(_F|_F_TIMEOUT)?\((\w+, )?${test}[,)]" \
				"$TOP"/selftests/kselftest/*.[ch] || {
				say "mutants.txt: $name is noticed by $test, which is no test"
				wrong=1
			}
		done
	done < <(entries)
	return $wrong
}

if [ "${1:-}" = --check ]; then
	check_list
	exit
fi

# Lines that this kernel cannot run are left out.
mapfile -t chosen < <(entries "$@" | while read -r name file line rest; do
	[[ $(column "$line" 2) != *-pt:* ]] || kernel_has_generic_pt || continue
	echo "$name $file $line $rest"
done)
[ ${#chosen[@]} -gt 0 ] || die "no such mutant: $*"
"$TOP/build-aux/modules.sh" test
"$TOP/build-aux/programs.sh" kselftest
copy_tree
echo TAP version 13
echo "1..${#chosen[@]}"

declare -A wanted=()
for entry in "${chosen[@]}"; do
	read -r _ _ line what _ <<<"$entry"
	[[ " ${wanted[$line]:-} " == *" $what "* ]] || wanted[$line]+=" $what"
done
for line in "${!wanted[@]}"; do
	# shellcheck disable=SC2086 # words
	run_baseline "$line" ${wanted[$line]}
done

for entry in "${chosen[@]}"; do
	read -r name file line what script <<<"$entry"
	ran=$((ran + 1))
	why=$(try "$name" "$file" "$line" "$what" "$script")
	if [ -z "$why" ]; then
		echo "ok $ran - $name is noticed by $what"
	else
		bad=$((bad + 1))
		echo "not ok $ran - $name ($what): $why"
	fi
done
[ $bad = 0 ]
