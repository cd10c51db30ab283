#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# vfio.sh: "make conformance-vfio". Upstream's own tests of vfio, out of the kernel's source,
# on the stock kernel, in two VMs:
#
#	igb	QEMU's igb behind its intel-iommu; libvfio has a driver for it
#	virt	the virtual DMA device, for which it has none
#
# with the kernel's unmodified iommufd and vfio, and with ours. Each test must end the same
# way with both. What fails or is skipped must be listed in expected-vfio-SERIES.txt. Then our vfio
# is broken on purpose, which must be noticed. The last line counts.
#
# TESTS="PROGRAM ..." runs these programs only, in all VMs, and does not break anything.
set -euo pipefail
. "$(dirname "$0")/../../build-aux/lib.sh"

dir=$BUILD/conformance/vfio
expected=$TOP/selftests/conformance/expected-vfio-$KERNEL.txt
declare -A device=([igb]=0000:00:08.0 [virt]=0010:00:00.0)
bundle=$FETCHED/qemu/bundle
# One processor: in QEMU 10.0 another's access to its APIC goes astray while a device is reset
# (contrib/qemu/iommu/0008).
declare -A machine=([igb]="--qemu $bundle --iommu intel --device igb,romfile=,addr=8 --virt off
			   --smp 1"
		    [virt]='--virt iommus=amd:1')
declare -A modules=([igb]='vfio_iommu_type1 vfio-pci'
		    [virt]='vfio_iommu_type1 vfio-pci iommufd-virt')
# Seconds for a program
limit=1800

load_kernel
tree=$BUILD/linux-${RELEASE%%[+-]*}
suite=tools/testing/selftests
[ -d "$tree/$suite/vfio" ] || die "kernel $RELEASE has no tests of vfio; give KERNEL=$(newest_series)"

[ -r "$expected" ] || die "there is no ${expected#"$TOP/"}"

# ---- The programs and modules -----------------------------------------------------

# By upstream's own Makefile, with headers of the kernel and not of this machine.
build_programs()
{
	rm -rf "$dir/tree" "$dir/programs"
	mkdir -p "$dir/tree/tools/testing" "$dir/programs"
	program_headers "$KSRC" "$dir/include"
	mkdir "$dir/tree/$suite"
	cp -rL "$tree/$suite"/{vfio,lib.mk,kselftest.h,kselftest_harness.h} "$dir/tree/$suite/"
	ln -s "$tree/scripts" "$tree/include" "$dir/tree/"
	ln -s "$tree"/tools/{include,arch} "$dir/tree/tools/"
	# Only a limit is changed: the time that a test may take, since the VM is slow.
	sed -i 's/^\(#define TEST_TIMEOUT_DEFAULT\) 30$/\1 300/' \
		"$dir/tree/$suite/kselftest_harness.h"
	env -u MAKEFLAGS -u MFLAGS -u KERNEL -u ARCH -u TESTS make -s -C "$dir/tree/$suite/vfio" \
		ARCH=x86_64 OUTPUT="$dir/programs" KHDR_INCLUDES="-isystem $dir/include" \
		USERCFLAGS="-D'__counted_by(x)='" USERLDFLAGS=-static >"$dir/programs.log" 2>&1 ||
		die "upstream's tests of vfio do not compile ($dir/programs.log)"
	mapfile -t programs < <(find "$dir/programs" -maxdepth 1 -type f -perm -u+x \
		-printf '%f\n' | sort)
}

# Our vfio.ko, with which every attach to an IOAS is refused; the other modules stay as they are.
build_broken()
{
	local broken=$dir/broken

	rm -rf "$broken"
	mkdir -p "$broken/dirty"
	cp "$BUILD"/ours/drivers/vfio/{*.[ch],Makefile} "$broken/"
	cp "$BUILD"/ours/drivers/vfio/dirty/{*.[ch],Kbuild} "$broken/dirty/"
	sed -i '/^int vfio_dirty_attach/,/^}/s/^\t\treturn 0;/\t\treturn -EBUSY;/' \
		"$broken/dirty/source.c"
	! cmp -s "$TOP/vfio/source.c" "$broken/dirty/source.c" ||
		die "vfio.sh: the line that is to be broken is not in vfio/source.c"
	cat >"$broken/Kbuild" <<-'END'
		include $(src)/Makefile
		obj-m := vfio.o
		obj-y :=
	END
	module_flags "$BUILD/ours"
	variant_flags ours
	[ ! -e "$BUILD/ours/include/dirty/namespace.h" ] || flags+=(-include dirty/namespace.h)
	kbuild -s -C "$KDIR" M="$broken" "${vars[@]}" KCFLAGS="${flags[*]}" \
		KBUILD_EXTRA_SYMBOLS="$BUILD/ours/Module.symvers" modules >"$broken.log" 2>&1 ||
		die "the broken vfio does not compile ($broken.log)"
}

# ---- Run and compare ---------------------------------------------------------------

# The guest's. Some tests want huge pages; others take 1 GiB of shared memory each time, which is
# slow in small pages. The device is vfio-pci's, which may make virtual functions, too.
# shellcheck disable=SC2016 # for the guest's shell
prepare='echo 16 >/proc/sys/vm/nr_hugepages
echo always >/sys/kernel/mm/transparent_hugepage/shmem_enabled
d=$VFIO_SELFTESTS_BDF
echo Y >/sys/module/vfio_pci/parameters/enable_sriov
echo vfio-pci >/sys/bus/pci/devices/$d/driver_override
[ -e /sys/bus/pci/devices/$d/driver ] || echo $d >/sys/bus/pci/drivers_probe
'

# run_vm MACHINE VARIANT NAME PROGRAM...: results in $dir/MACHINE-NAME, "PROGRAM TEST HOW" a line
run_vm()
{
	local name=vfio-$1-$3 status=0 p args=()

	for p in "${@:4}"; do
		args+=(--file "$dir/programs/$p")
	done
	[ "$3" != broken ] || args+=(--module "$dir/broken/vfio.ko")
	say "== $name: ${*:4}"
	# shellcheck disable=SC2086 # words
	"$TOP/selftests/vm/run.sh" --name "$name" --variant "$2" ${machine[$1]} \
		--modules "${modules[$1]}" --memory 3072 --gigantic 1 --timeout $((limit * 4)) \
		--env "VFIO_SELFTESTS_BDF=${device[$1]}" "${args[@]}" \
		--command "$prepare run-tests $limit ${*:4}" </dev/null >"$dir/$name.log" 2>&1 || status=$?
	# Tests that fail make it 1
	[ $status -le 1 ] || say "the VM ended with status $status ($dir/$name.log)"
	awk -v died="$status" '
		/^# program / { program = $3; n = 0; open = 1 }
		/^(not )?ok / {
			how = /# SKIP/ ? "skip" : $1 == "ok" ? "pass" : "fail"
			print program, $($1 == "ok" ? 3 : 4), how
			n++
		}
		/^# exit / {
			open = 0
			if ($4 == 4 && !n)
				print program, "-", "skip"
			else if ($4 > 1 || !n)
				print program, "-", "status-" $4
		}
		END {
			if (open)
				print program, "-", "no-end"
			if (died > 1)
				print "VM", "-", "status-" died
		}' "$BUILD/vm/$name.out" >"$dir/$1-$3"
}

# compare MACHINE OTHER: are the results of upstream's and OTHER's modules the same, and are
# they those that are expected? Prints what is not, and "PASSED FAILED EXPECTED SKIPPED" last
compare()
{
	awk -v machine="$1" -v other="$2" -v tests="${TESTS:-}" '
		function fail(what) {
			failed++
			print "FAILED " machine " " what
		}
		# Is it listed as KIND?
		function listed(kind, test,	i, found) {
			for (i = 1; i <= n; i++)
				if (kinds[i] == kind && test ~ patterns[i])
					used[i] = found = 1
			return found
		}
		FILENAME == ARGV[1] {
			if ($1 == "total" && $2 == machine)
				total[$3] = $4
			else if (($1 == "fails" || $1 == "skips") && $2 == machine) {
				kinds[++n] = $1
				lines[n] = $3 " " $4
				patterns[n] = $3 " " $4
				gsub(/\./, "\\.", patterns[n])
				gsub(/\*/, ".*", patterns[n])
				patterns[n] = "^" patterns[n] "$"
			}
			next
		}
		FILENAME == ARGV[2] { upstream[$1 " " $2] = $3; all[$1 " " $2] = $1; next }
		{ ours[$1 " " $2] = $3; all[$1 " " $2] = $1 }
		END {
			for (test in all) {
				ran[all[test]]++
				u = test in upstream ? upstream[test] : "did not run"
				o = test in ours ? ours[test] : "did not run"
				if (u != o)
					fail(test ": " u " with upstream, " o " with " other)
				else if (o == "pass" && (listed("fails", test) || listed("skips", test)))
					fail(test ": passed, but is listed")
				else if (o == "pass")
					passed++
				else if (o == "skip" && listed("skips", test))
					skipped++
				else if (o == "fail" && listed("fails", test))
					expected++
				else
					fail(test ": " o ", also with upstream, and is not listed")
			}
			for (program in total)
				if (!tests && ran[program] != total[program])
					fail(program ": " ran[program] + 0 " tests ran, not " total[program])
			for (program in ran)
				if (!(program in total))
					fail(program ": is not listed, total " ran[program])
			for (i = 1; i <= n; i++)
				if (!tests && !(i in used))
					fail(lines[i] ": is listed and did not happen")
			print passed + 0, failed + 0, expected + 0, skipped + 0
		}' "$expected" "$dir/$1-upstream" "$dir/$1-$2"
}

# Every test through iommufd is different, and none through the container of type1 is.
control()
{
	local missed

	build_broken
	run_vm igb ours broken vfio_dma_mapping_test vfio_pci_device_test
	missed=$(awk '
		NR == FNR { how[$1 " " $2] = $3; next }
		$1 !~ /^vfio_(dma_mapping|pci_device)_test$/ || how[$1 " " $2] != "pass" { next }
		($3 == "pass") != /vfio_type1/ { print }
		{ n[$3]++ }
		END { if (!n["pass"] || !n["fail"]) print "all ended the same way" }
		' "$dir/igb-upstream" "$dir/igb-broken")
	[ -z "$missed" ] || {
		say "FAILED our vfio refuses to attach: $(head -n 3 <<<"$missed")"
		failed=$((failed + 1))
		return
	}
	passed=$((passed + 1))
	say "our vfio refuses to attach: $(awk '$3 == "fail"' "$dir/igb-broken" | wc -l)" \
		"tests fail, those of the container do not"
}

# The machine's own may be too old to have an igb
env -u KERNEL -u ARCH "$TOP/build-aux/qemu.sh" "$bundle"
for variant in upstream ours; do
	"$TOP/build-aux/modules.sh" $variant
done
build_programs
chosen=("${programs[@]}")
[ -z "${TESTS:-}" ] || read -ra chosen <<<"$TESTS"

passed=0 failed=0 expected_failures=0 skipped=0
for m in igb virt; do
	for variant in upstream ours; do
		run_vm $m $variant $variant "${chosen[@]}"
	done
	out=$(compare $m ours)
	sed '$d' <<<"$out" >&2
	read -r p f e s <<<"$(tail -n 1 <<<"$out")"
	passed=$((passed + p)) failed=$((failed + f))
	expected_failures=$((expected_failures + e)) skipped=$((skipped + s))
done
[ -n "${TESTS:-}" ] || control
echo "$expected_failures expected failures, $skipped skipped by both"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
