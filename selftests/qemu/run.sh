#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh [--json] [CASE...]: "make qemu". Migrate a guest with VFs of the virtual
# ConnectX from one QEMU to another, in our VM, as cases.txt says: all cases or
# those named. One VM for each IOMMU. Prints TAP and then a table, or only an
# array of JSON. build/qemu/results.json has that in any case, and
# build/vm/qemu-IOMMU the logs of all QEMUs. The status is 0 if all is as cases.txt
# says.
#
# Environment: QEMU=/path/to/qemu-system-x86_64 to try that instead of Debian's.
set -euo pipefail
. "$(dirname "$0")/../../build-aux/lib.sh"

json=
[ "${1:-}" != --json ] || { json=yes; shift; }
names=$*
here=$TOP/selftests/qemu
out=$BUILD/qemu/test
bundle=$BUILD/qemu/bundle${QEMU:+-own}
results=$BUILD/qemu/results.json

# The parameter iommus of iommufd-virt; the ConnectX is behind the first.
# shellcheck disable=SC2054 # commas of iommufd-virt
declare -A iommus=(
	[none]=none:1 [amd]=amd:1 [gather]=amd+gather:1 [smmu]=smmu:1 [intel]=intel:1
	[mixed]=none:0,amd:2
)

# IOMMUs of the cases that are wanted, each once
list_iommus()
{
	awk -F'|' -v names=" $names " '
		/^#/ || NF != 7 { next }
		{
			gsub(/[ \t]/, "")
			if (names == "  " || index(names, " " $1 " "))
				if (!seen[$2]++)
					print $2
			known[$1] = 1
		}
		END {
			count = split(names, wanted, " ")
			for (n = 1; n <= count; n++)
				if (!(wanted[n] in known)) {
					print "error: cases.txt has no case " wanted[n] > "/dev/stderr"
					exit 1
				}
		}' "$here/cases.txt"
}

# try IOMMU: in a VM of its own. Its status is that of the tests.
try()
{
	local modules='vfio_iommu_type1 vfio-pci mlx5-vfio-pci'
	local args=(--name "qemu-$1" --timeout 3600 --memory 2560
		    --virt "iommus=${iommus[$1]} connectx=4:0"
		    --modules "$modules iommufd-virt-vfio-pci iommufd-virt"
		    --dir "$bundle" --file "$out/qemu_migrate" --file "$out/guest.elf"
		    --file "$out/cases.txt" --env "WHERE=$1" --env "CASES=$names")

	[ -z "${DEBUG:-}" ] || args+=(--env SLOW=1)
	rm -rf "$BUILD/vm/qemu-$1"
	"$TOP/selftests/vm/run.sh" "${args[@]}" \
		--command 'run-tests 3500 qemu_migrate'
}

table()
{
	sed -n 's/^{\(.*\)}$/\1/p' "$@" | awk -F', "' '
		function value(n) {
			sub(/^[^:]*: "?/, "", $n)
			sub(/"$/, "", $n)
			return $n
		}
		BEGIN {
			format = "%-15s %-7s %-8s %6s %12s %9s %9s  %s\n"
			printf format, "case", "IOMMU", "outcome", "passes", "bytes", \
				"down ms", "total ms", ""
		}
		{
			sub(/^"/, "", $1)
			name = value(1); iommu = value(2); outcome = value(3)
			right = value(4)
			note = outcome == right ? "" : "right is " right
			printf format, name, iommu, outcome, value(6), value(7), \
				value(8), value(9), note
		}'
}

failed=0 files=()
all=$(list_iommus)
"$TOP/build-aux/qemu.sh" "$bundle"
"$TOP/build-aux/modules.sh" test >&2
load_kernel
make --no-print-directory -f "$TOP/selftests/qemu.mk" OUT="$out" \
	UAPI="$KSRC/include/uapi" V="${V:-}" >&2
# As they are now
cp "$here/cases.txt" "$out/"
[ -z "$json" ] || exec 3>&1 >/dev/null
for iommu in $all; do
	status=0
	try "$iommu" || status=$?
	[ $status = 0 ] || failed=1
	# A VM that died is not in what its programs print.
	[ $status -lt 124 ] || echo "not ok - the VM of $iommu ended with status $status"
	files+=("$BUILD/vm/qemu-$iommu/results")
done
{
	echo '['
	cat "${files[@]}" 2>/dev/null | sed '$!s/$/,/'
	echo ']'
} >"$results"
if [ -n "$json" ]; then
	cat "$results" >&3
else
	cat "$bundle/.version"
	table "${files[@]}" 2>/dev/null
fi
exit $failed
