#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# native-test.sh: make bench-native and make hardware-report, in VMs: with the IOMMUs of QEMU,
# Intel's and AMD's, which do not track, and with the virtual platform's, which do. TAP, of
# native-guest.sh. A VM that ends badly is one more failure.
set -uo pipefail
. "$(dirname "$0")/../../build-aux/lib.sh"

here=$TOP/selftests/bench
load_kernel
{
	"$TOP/build-aux/modules.sh" test && "$TOP/build-aux/modules.sh" upstream &&
		"$TOP/build-aux/programs.sh" tools bench
} >&2 || exit 1

files=(--file "$here/native.sh" --file "$here/hardware-report.sh"
       --file "$here/native-guest.sh" --file "$BUILD/bench/bench" --file "$BUILD/bench/report"
       --file "$BUILD/bench/hardware" --file "$BUILD/tools/iommufdctl")
theirs=()
for m in iommufd vfio vfio_iommu_type1 vfio-pci-core vfio-pci; do
	ko=$(grep -m1 "/${m}[.]o$" "$BUILD/upstream/modules.list")
	theirs+=(--file "${ko%.o}.ko:upstream-$m.ko")
done

# vm NAME KIND OPTION...
vm()
{
	local name=$1 kind=$2 status=0

	shift 2
	say "native: $name ..."
	"$TOP/selftests/vm/run.sh" --name "native-$name" --timeout 1800 "${files[@]}" "$@" \
		--command "native-guest.sh $kind" </dev/null |
		sed "s/^\(not \)\{0,1\}ok [0-9]* - /&$name: /; s/^1\.\.//; /^[0-9]*$/d" || status=$?
	[ $status = 0 ] || echo "not ok - $name: the VM ended with status $status"
}

edu=(--virt off --modules 'vfio_iommu_type1 vfio-pci' --device 'nvme,serial=serial-of-mine')
{
	vm intel edu --iommu intel "${edu[@]}" "${theirs[@]}"
	vm amd edu --iommu amd "${edu[@]}" "${theirs[@]}"
	vm virtual virtual --virt iommus=intel:2,none+tracker:1 \
		--modules 'vfio_iommu_type1 vfio-pci iommufd-virt-vfio-pci iommufd-virt'
} | awk '
	/^(not )?ok / { sub(/ok [0-9]* ?-/, "ok " ++n " -") }
	/^not ok / { bad = 1 }
	{ print; fflush() }
	END { print "1.." n; exit bad }'
