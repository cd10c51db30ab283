#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh: "make conformance". Upstream's own tests of iommufd, out of the kernel's
# source, in the debug kernel with our hooks in it. The results must be those of
# expected-SERIES.txt; the last line counts.
#
# BASELINE=1 takes the unmodified iommufd.ko instead, in the same kernel, to see
# what upstream's results are. TESTS="iommufd -t NAME" runs this alone, and does
# not compare.
set -euo pipefail
. "$(dirname "$0")/../../build-aux/lib.sh"

here=$TOP/selftests/conformance
dir=$BUILD/conformance
suite=tools/testing/selftests
name=conformance${BASELINE:+-baseline}
args=()

env -u KCSAN "$TOP/build-aux/debug-kernel.sh"
load_kernel
tree=$BUILD/linux-${RELEASE%%[+-]*}

# ---- The programs ---------------------------------------------------------

# The suite of 6.12 is newer than its kernel: names that are not in the kernel's headers.
defines=()
for define in MOCK_FLAGS_DEVICE_PASID=0 MOCK_PASID_WIDTH=20 IOMMU_HW_INFO_TYPE_DEFAULT=0 \
	      IOMMU_HW_INFO_FLAG_INPUT_TYPE=0 in_data_type=__reserved; do
	grep -qw "${define%%=*}" "$tree/drivers/iommu/iommufd/iommufd_test.h" \
		"$tree/include/uapi/linux/iommufd.h" || defines+=("-D$define")
done

mkdir -p "$dir/$suite" "$dir/drivers/iommu/iommufd"
cp -r "$tree/$suite/iommu" "$tree/$suite/kselftest.h" "$dir/$suite/"
cp "$tree/drivers/iommu/iommufd/iommufd_test.h" "$dir/drivers/iommu/iommufd/"
# Only two limits are changed. The time that a test may take: this kernel is slow.
sed 's/^\(#define TEST_TIMEOUT_DEFAULT\) 30$/\1 600/' \
	"$tree/$suite/kselftest_harness.h" >"$dir/$suite/kselftest_harness.h"
# The same, says its comment, for the places in which a call may fail.
sed -i 's/ASSERT_GT(400, nth_state->iteration)/ASSERT_GT(4000, nth_state->iteration)/' \
	"$dir/$suite/iommu/iommufd_fail_nth.c"
program_headers "$tree" "$dir/include"
for program in iommufd iommufd_fail_nth; do
	gcc -O2 -static -w -D_GNU_SOURCE -D"__counted_by(x)=" "${defines[@]}" \
		-I"$dir/include" -I"$dir/$suite" \
		-o "$dir/$program" "$dir/$suite/iommu/$program.c" -lcap ||
		die "upstream's $program.c of $tree does not compile"
done

# Upstream's module against our debug kernel, of which nothing else differs.
build_baseline()
{
	local f

	rm -rf "$dir/baseline"
	mkdir -p "$dir/baseline/iommufd"
	cp "$tree"/drivers/iommu/iommu-p*.h "$dir/baseline/"
	cp "$tree"/drivers/iommu/iommufd/*.[ch] "$tree/drivers/iommu/iommufd/Makefile" \
		"$dir/baseline/iommufd/"
	for f in "$tree".orig/drivers/iommu/iommufd/*.[ch] \
		 "$tree.orig/drivers/iommu/iommufd/Makefile"; do
		cp "$f" "$dir/baseline/iommufd/"
	done
	# Part of the kernel.
	sed -i '/iova_bitmap.o/d' "$dir/baseline/iommufd/Makefile"
	kbuild -s -C "$tree" O="$BUILD/debug-kernel" \
		M="$dir/baseline/iommufd" modules >&2
}

modules='iommufd'
if [ -n "${BASELINE:-}" ]; then
	build_baseline
	args+=(--module "$dir/baseline/iommufd/iommufd.ko")
	say "== upstream's suites, upstream's iommufd"
else
	say "== upstream's suites"
fi

# ---- Run and compare ------------------------------------------------------

# Some of the tests want huge pages.
command='echo 64 >/proc/sys/vm/nr_hugepages
'
limit=${TIMEOUT:-2400}
if [ -n "${TESTS:-}" ]; then
	command+=$TESTS
else
	command+="run-tests $limit iommufd iommufd_fail_nth"
fi
status=0
"$TOP/selftests/vm/run.sh" --kernel debug --name "$name" --virt off \
	--modules "$modules" --timeout $((limit + 60)) "${args[@]}" \
	--file "$dir/iommufd" --file "$dir/iommufd_fail_nth" \
	--command "$command" </dev/null || status=$?
[ -z "${TESTS:-}" ] || exit $status

# Known failures make the programs and run-tests end with 1.
verdict=0
[ $status -le 1 ] || verdict=$status
awk -v died="$verdict" '
	function fail(what) {
		failed++
		print "FAILED " what > "/dev/stderr"
	}
	FNR == NR {
		if ($1 == "total")
			total[$2] = $3
		else if ($1 == "fails")
			fails[$2 " " $3] = 1
		else if ($1 == "skips")
			skips[$2 " " $3] = 1
		next
	}
	/^# program / { program = $3 }
	/^(not )?ok / {
		ok = $1 == "ok"
		test = program " " $(ok ? 3 : 4)
		ran[program]++
		if (/# SKIP/ && !(test in skips))
			fail(test ": was skipped")
		else if (/# SKIP/)
			skipped++
		else if (ok && !(test in fails))
			passed++
		else if (ok)
			fail(test ": passed, but is listed in expected-*.txt")
		else if (test in fails)
			expected[++n] = test
		else
			fail(test)
		delete fails[test]
	}
	END {
		for (program in total)
			if (ran[program] != total[program])
				fail(program ": " ran[program] + 0 " tests ran, not " \
				     total[program])
		for (test in fails)
			fail(test ": is listed in expected-*.txt and did not run")
		if (died)
			fail("the VM ended with status " died)
		for (i = 1; i <= n; i++)
			print "expected to fail: " expected[i]
		print n + 0 " expected failures, " skipped + 0 " skipped"
		print passed + 0 " passed, " failed + 0 " failed"
		exit failed != 0
	}' "$here/expected-$SERIES.txt" "$BUILD/vm/$name.out"
