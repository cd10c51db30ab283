#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# mlx5.sh: "make bench-mlx5". How long a VF's state takes to be saved and loaded, and
# how long the guest stands still, with mlx5-vfio-pci of this tree and with
# upstream's, unmodified: mlx5_cost_test with states of 64 and 256 MiB, in chunks of
# 8 MiB and as one image. Once more with one processor on which nothing but
# instructions takes time (-icount): all the work of both, with that of the virtual
# firmware, and nothing beside anything. Documentation/mlx5.rst has the result.
#
# ROUNDS= is how often each is measured (7), STATES= which sizes in MiB.
set -euo pipefail
. "$(dirname "$0")/../../build-aux/lib.sh"

out=$BUILD/bench

"$TOP/build-aux/modules.sh" test
"$TOP/build-aux/programs.sh" kselftest bench
"$TOP/build-aux/upstream.sh"
mkdir -p "$out"
: >"$out/mlx5.out"

# measure KIND ROUNDS MIB CHUNK [OPTION...]: lines of the program go to mlx5.out
measure()
{
	local kind=$1 rounds=$2 mib=$3 chunk=$4 name=mlx5-$1-$3-$4 state

	state="connectx_state=$((mib * 1024)) connectx_chunk=$chunk"
	shift 4
	say "bench: $mib MiB, chunks of $chunk KiB, $kind ..."
	"$TOP/selftests/vm/run.sh" --name "bench-$name" --timeout 1800 --memory 3072 \
		--virt "iommus=amd:1 connectx=2:0 $state" \
		--modules 'vfio_iommu_type1 vfio-pci mlx5-vfio-pci iommufd-virt' \
		--file "$BUILD/kselftest/mlx5_cost_test" \
		--file "$BUILD/upstream-mlx5/mlx5-vfio-pci.ko:upstream.ko" \
		--env "ROUNDS=$rounds" --env TOLERANCE=1000 --env CONTROL=no "$@" \
		--command 'run-tests 1700 mlx5_cost_test' >"$out/$name.out" || {
		tail -n 5 "$out/$name.out" >&2
		die "the benchmark failed ($out/$name.out, $BUILD/vm/bench-$name.log)"
	}
	sed -n "s/^/$kind $chunk /; / ratio /p" "$out/$name.out" >>"$out/mlx5.out"
}

for mib in ${STATES:-64 256}; do
	for chunk in 8192 0; do
		measure time "${ROUNDS:-7}" "$mib" $chunk
		measure work 1 "$mib" $chunk --icount 1 --smp 1
	done
done

"$out/report" --mlx5 "$out/mlx5.out"
