#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# control.sh [MUTANT...]: would the tests notice? Each mutant in mutants.txt is
# one line of the code under test made wrong; a test must fail on it. The tests
# must pass without it, with the same seed, or their failure would prove nothing. TAP.
#
# Called by the Makefile, which exports CC, the flags, OUT, TREE, CODE, TESTS.
# To be quick, it runs a tenth of the random rounds.
set -uo pipefail
. ../tap.sh

dir=$OUT/mutants
export SEED=1 QUICK=1 ASAN_OPTIONS=detect_leaks=0:symbolize=0
mkdir -p "$dir/report"

# The programs that test a file of the code, quickest first.
tests_of()
{
	case $1 in
	dirty_runs|dirty_set*) echo test_dirty_set test_dirty_set_random ;;
	deliver)   echo test_deliver test_deliver_random ;;
	report/*)  echo test_report ;;
	*)         echo "test_$1" ;;
	esac
}

# source_of FILE
source_of()
{
	case $1 in
	report/*) echo "../bench/$1.c" ;;
	*)        echo "$TREE/iommufd/$1.c" ;;
	esac
}

# run PROGRAM: does it pass?
run()
{
	timeout 20 "$1" -f >"$dir/log" 2>&1
}

# build FILE TEST: the test with the mutant of the file in place of the file
build()
{
	local f objects=()

	for f in $CODE; do
		[ "$f" = "$1" ] && objects+=("$dir/$f.o") || objects+=("$OUT/code/$f.o")
	done
	# shellcheck disable=SC2086
	$CC $SANITIZE -o "$dir/$2" "$OUT/$2.o" "${objects[@]}" "$OUT/shim.o" \
		"$OUT/model.o" "$OUT/random.o" "$OUT/scene.o" "$OUT/tap.o"
}

# try FILE SED: ends with 0 when a test fails on the mutant; says why if not
try()
{
	local file=$1 source t

	source=$(source_of "$file")

	sed "$2" "$source" >"$dir/$file.c"
	if cmp -s "$source" "$dir/$file.c"; then
		echo "not made: its line is not in $file.c any more; mend mutants.txt"
		return 1
	fi
	# shellcheck disable=SC2086
	if ! $CC ${CPPFLAGS//-MMD -MP/} -std=gnu11 -O1 -fsanitize=address \
		"-I${source%/*}" -c -o "$dir/$file.o" "$dir/$file.c" 2>"$dir/log"; then
		echo "not made: it does not compile ($dir/log)"
		return 1
	fi
	for t in $(tests_of "$file"); do
		if ! build "$file" "$t"; then
			echo "not made: it does not link"
			return 1
		fi
		run "$dir/$t" || return 0
	done
	echo "NOT DETECTED"
	return 1
}

broken=
for t in $TESTS; do
	run "$OUT/$t" || broken+=" $t"
done

while read -r name file script; do
	[[ $name && $name != \#* ]] || continue
	[[ $# = 0 || " $* " == *" $name "* ]] || continue
	why=
	for t in $(tests_of "$file"); do
		[[ " $broken " != *" $t "* ]] || why="not tried: $t fails without it"
	done
	status=1
	if [ -z "$why" ] && why=$(try "$file" "$script"); then
		status=0
	fi
	ok "mutant $name${why:+: $why}" $status
done <mutants.txt

exit $bad
