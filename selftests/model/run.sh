#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh [MODEL [MUTANT]]: check the models in this folder with spin; prints TAP.
#
# Each model is checked in full: no assertion fails, nothing blocks forever, and no
# statement is left that no schedule reaches. Then each #ifdef MUTANT_NAME in it, or
# in what it includes, is switched on, and spin must find what is wrong with it.
# With MODEL only that one; with MUTANT (without MUTANT_) the schedule is printed
# that spin found.
set -euo pipefail
. "$(dirname "$0")/../../build-aux/lib.sh"

out=$BUILD/model
mkdir -p "$out"
cd "$TOP/selftests/model"
count=0 failed=0

# search MODEL [MUTANT]: leaves MODEL[-MUTANT].log and .trail in build/model
search()
{
	local name=$1${2:+-$2} dir optimize=-O2

	# A mutant is found soon: compiling takes longest
	[ $# = 1 ] || optimize=-O0
	dir=$(mktemp -d "$out/.run.XXXXXX")
	cp ./*.pml ./*.pmlh "$dir"
	(
		cd "$dir"
		spin -a ${2:+"-DMUTANT_$2"} "$1.pml"
		# All schedules, but for what partial order reduction knows to be alike
		gcc-12 -w "$optimize" -DSAFETY -DVECTORSZ=256 -o pan pan.c
		./pan -m100000 -w24
	) >"$out/$name.log" 2>&1 || echo "model: status $?" >>"$out/$name.log"
	[ ! -e "$dir/$1.pml.trail" ] || mv "$dir/$1.pml.trail" "$out/$name.trail"
	rm -rf "$dir"
}

# ok STATUS DESCRIPTION LOG
ok()
{
	count=$((count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $count $2"
	else
		echo "not ok $count $2"
		sed 's/^/# /' "$3" | tail -n 40
		failed=$((failed + 1))
	fi
}

# A search that was cut short says so; kept() has nothing to complain about.
holds()
{
	# An inline that is used several times may be reached in one place and not in
	# another, so its lines are not looked at.
	awk '
		FNR == NR {
			if (/^inline/)
				body = 1
			if (body)
				inlined[FNR] = 1
			if (/^}/)
				body = 0
			next
		}
		/errors: 0$/ { complete = 1 }
		/too small|out of memory|truncated|^model: status/ { bad = 1 }
		/^unreached in/ { inside = $NF != "kept" }
		/^\t.*state [0-9]+/ && inside && !/-end-/ {
			split($1, at, /[:,]/)
			if (at[1] == model && !(at[2] + 0 in inlined))
				bad = 1
		}
		END { exit !complete || bad }' model="$1.pml" "$1.pml" "$2"
}

mutants()
{
	cat "$1" <(grep -q '^#include' "$1" && cat dirty.pmlh) |
		grep -oE 'MUTANT_[A-Z_]+' | sed 's/^MUTANT_//' | sort -u
}

if [ $# = 2 ]; then
	search "$1" "$2"
	cp "$out/$1-$2.trail" "$out/$1.pml.trail"
	spin -k "$out/$1.pml.trail" -p -g "-DMUTANT_$2" "$1.pml"
	exit
fi

for file in ${1:-*}.pml; do
	model=${file%.pml}
	search "$model"
	states=$(awk '/states, stored/ { print $1 }' "$out/$model.log")
	ok "$(holds "$model" "$out/$model.log"; echo $?)" "$model: holds in ${states:-no} states" \
		"$out/$model.log"
	for mutant in $(mutants "$file"); do
		search "$model" "$mutant"
		ok "$(grep -q 'pan:1: assertion violated' "$out/$model-$mutant.log"; echo $?)" \
			"$model: $mutant is found" "$out/$model-$mutant.log"
	done
done
echo "1..$count"
[ $failed = 0 ]
