#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh [SECONDS]: the fuzzers of this machine, each for its share of the time,
# beginning with the saved corpus. First, as control, each must find a bug that is
# put in on purpose, within half a minute (it takes seconds at most).
#
# What they find new is kept in build/fuzz/found/TARGET; MERGE=1 puts what adds
# coverage of it into the saved corpus. An input that breaks something is left in
# build/fuzz as TARGET-crash-*: build/fuzz/fuzz_TARGET FILE repeats it.
#
# Prints TAP, and the seed, which SEED= takes.
set -euo pipefail
. "$(dirname "$0")/../../build-aux/lib.sh"
. "$TOP/selftests/tap.sh"

seconds=${1:-30}
here=$TOP/selftests/fuzz
out=$BUILD/fuzz
targets=(set deliver window load)
seed=${SEED:-$((RANDOM << 15 | RANDOM | 1))}

mkdir -p "$out"
# build DIR CODE TARGET...
build()
{
	make --no-print-directory -j2 -C "$here" OUT="$1" GREATEST_DIR="$FETCHED/greatest" \
		CODE_DIR="$2" "${@:3}" >"$out/build.log" 2>&1 || {
		tail -n 20 "$out/build.log" >&2
		die "the fuzzers do not build ($out/build.log)"
	}
}

# mutant TARGET FILE SED: is it found? By an abort of the harness, that is, and
# not by running out of memory, say.
mutant()
{
	local dir=$out/mutant status=0 start=$SECONDS

	rm -rf "$dir/code" "$dir/new"
	mkdir -p "$dir/code/drivers" "$dir/new"
	cp -r "$TOP/iommufd" "$dir/code/"
	cp -r "$TOP/drivers/mlx5" "$dir/code/drivers/"
	sed -i "$3" "$dir/code/$2"
	if cmp -s "$dir/code/$2" "$TOP/$2"; then
		echo "# the line to break is not in $2 any more"
		ok "fuzz_$1 finds a bug" 1
		return
	fi
	build "$dir" "$dir/code" "$dir/fuzz_$1" CFLAGS='-std=gnu11 -O1 -g -w'
	"$dir/fuzz_$1" -seed="$seed" -max_total_time=30 -timeout=10 -max_len=512 \
		-rss_limit_mb=1024 -artifact_prefix="$dir/" "$dir/new" "$here/corpus/$1" \
		>"$dir/log" 2>&1 &&
		status=1
	grep -q 'BUG in the code under test\|ERROR: AddressSanitizer' "$dir/log" || status=1
	echo "# $((SECONDS - start)) s, with its build"
	ok "fuzz_$1 finds a bug" $status
}

# Those of the unit tests are known to be bugs.
of_unit()
{
	sed -n "s/^$1[[:space:]]*[a-z_]*[[:space:]]*//p" "$TOP/selftests/unit/mutants.txt"
}

echo "1..$((${#targets[@]} * 2 + 2))"
echo "# SEED=$seed"
build "$out" "$TOP" all
mutant set iommufd/dirty_set.c "$(of_unit add-hi)"
mutant deliver iommufd/deliver.c "$(of_unit clear-before-copy)"
mutant deliver iommufd/deliver.c "$(of_unit clear-before-chunk)"
mutant window iommufd/window.c "$(of_unit wrap)"
mutant load drivers/mlx5/stream.c \
	's/record_sum(stream, head, data) != ((const struct mlx5vf_sum \*)data)->sum/false/'
mutant load drivers/mlx5/stream.c 's/sum\[i \/ sizeof(word) % SUMS\] += le64_to_cpu(word);/;/'

for target in "${targets[@]}"; do
	found=$out/found/$target status=0
	mkdir -p "$found"
	"$out/fuzz_$target" -max_total_time=$((seconds / ${#targets[@]} + 1)) -max_len=512 \
		-timeout=20 -rss_limit_mb=1024 -print_final_stats=1 \
		-seed="$seed" -artifact_prefix="$out/$target-" \
		"$found" "$here/corpus/$target" >"$out/$target.log" 2>&1 || status=$?
	sed -n 's/^stat::number_of_executed_units: */# inputs: /p
		/BUG in the code under test\|ERROR: \|runtime error/s/^/# /p' "$out/$target.log"
	grep -o 'cov: [0-9]*' "$out/$target.log" | tail -n 1 | sed 's/^/# /' || true
	[ $status = 0 ] || echo "# $out/$target.log"
	ok "fuzz_$target finds nothing" $status
	if [ -n "${MERGE:-}" ]; then
		"$out/fuzz_$target" -merge=1 -use_counters=0 -max_len=512 \
			"$here/corpus/$target" "$found" 2>/dev/null
	fi
done
exit $bad
