#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh: "make bench". The same work on the same virtual hardware, the tracker's
# way and upstream's, in one VM; what each took in instructions, and beside that
# in time. Documentation/performance.rst says how to read the result.
#
# QUICK=1 measures less, and fails when a ratio has got worse than the one in ratios.txt (of
# another kernel ratios-7.3.txt, say) by more than three in a hundred, in two runs, or when two
# READs at once gain less than upstream's; QUICK=update writes that file.
# MAX= is the largest address space, in GiB (12288): those from 1 TiB on take long to map.
# ONLY= measures only some parts of the full run: any of count, parallel, again, wall, scale,
# many, latency, migrations and host.
set -euo pipefail
. "$(dirname "$0")/../../build-aux/lib.sh"

here=$TOP/selftests/bench
out=$BUILD/bench
ratios=$here/ratios.txt		# of a kernel
[ "$KERNEL" = 6.12 ] || ratios=$here/ratios-$KERNEL.txt
quick=${QUICK:-}
shift=1				# an instruction takes 2^shift ns
modules=(iommufd vfio vfio_iommu_type1 vfio-pci-core vfio-pci iommufd-virt-vfio-pci
	 iommufd-virt)

# The devices of rows_read.c, of rows_devices.c (mixed), those with logs, and as many as the
# platform has
base=iommus=intel:4,intel+gather:1,amd:1,none:1
mixed=iommus=intel+tracker:4,none+tracker:2
logs=iommus=none+tracker:16
many=iommus=intel:16
rows="$base read gather formats control map attach memory"
[ -n "$quick" ] || rows+=' domains over'
rows+=" -- $mixed mixed -- $logs logs"
[ -z "$quick" ] || rows="quick $rows"

"$TOP/build-aux/modules.sh" ours
"$TOP/build-aux/modules.sh" upstream
"$TOP/build-aux/programs.sh" tools bench
# What the full run measures on the host compiles in the quick one, too.
make -s -C "$here/host" OUT="$out/host" "$out/host"/{speed,set,runs,orders}
load_kernel
mkdir -p "$out/upstream"

args=(--variant ours --virt iommus=none:1 --memory 2560 --smp 1
      --modules 'vfio_iommu_type1 vfio-pci iommufd-virt-vfio-pci iommufd-virt'
      --file "$out/bench" --file "$here/guest.sh"
      --env "BENCH_MAX_GIB=${MAX:-12288}" --file "$BUILD/tools/vmigrate")
for m in "${modules[@]}"; do
	ko=$(grep -m1 "/${m}[.]o$" "$BUILD/upstream/modules.list")
	strip --strip-debug -o "$out/upstream/$m.ko" "${ko%.o}.ko"
	args+=(--file "$out/upstream/$m.ko:upstream-$m.ko")
done

# vm NAME LIMIT COMMAND [OPTION...]: rows go to $out/NAME.out
first=()
vm()
{
	local name=$1 limit=$2 command=$3

	shift 3
	say "bench: $name ..."
	"${first[@]}" "$TOP/selftests/vm/run.sh" --name "bench-$name" --timeout "$limit" \
		"${args[@]}" "$@" --command "$command" >"$out/$name.out" || {
		tail -n 5 "$out/$name.out" >&2
		die "the benchmark failed ($out/$name.out, $BUILD/vm/bench-$name.log)"
	}
}

# How long instructions take, before they are taken for anything
meter="bench meter $((1 << shift))"

# measure [DELAY]: in seconds
measure()
{
	vm count 3000 "sleep ${1:-0} && $meter && guest.sh $rows" \
		--icount $shift
}

# autogroup NICE: of the processes of this session, where that is allowed
autogroup()
{
	{ echo "$1" >/proc/self/autogroup; } 2>/dev/null || true
}

# READs at once, in wall time: two processors or four, and both ways in turn in one boot.
# The best figures of all boots count, since other work of the machine can only make
# them worse, and it goes before other work where that is allowed; there are up to three
# boots more, until these have shown something.
measure_parallel()
{
	local try status

	[ "$(nproc)" -gt 1 ] || return 0
	trap 'autogroup 0' EXIT
	for try in 1 2 3 4; do
		first=(nice -n -10)
		autogroup -10
		vm "parallel-$try" 900 "guest.sh quick rounds=2 iommus=intel:1 parallel" \
			--smp "$(($(nproc) < 4 ? 2 : 4))"
		autogroup 0
		first=()
		cat "$out/parallel-$try.out" >>"$out/parallel.out"
		status=0
		"$out/report" --parallel "$out/parallel.out" || status=$?
		[ $status != 0 ] || break
		[ $status -le 2 ] || exit 1
	done
}

# The largest address spaces, which are not unmapped: a boot for each way
measure_scale()
{
	local way size=(--icount "$shift" --memory 6144)

	for way in tracker upstream; do
		vm "scale-$way" 14400 "$meter && guest.sh keep=$way iommus=intel:2 large" "${size[@]}"
	done
	cat "$out"/scale-{tracker,upstream}.out >"$out/scale.out"
}

# Take each row's smaller figure of two runs: now and then the kernel has something
# to do besides, and that is in whatever row it falls into. It would be the same row
# again if the second run did not begin later.
measure_again()
{
	mv "$out/count.out" "$out/first.out"
	measure 0.37
	mv "$out/count.out" "$out/second.out"
	"$out/report" --least "$out/first.out" "$out/second.out" >"$out/count.out"
}

# measure_part NAME
measure_part()
{
	case $1 in
	count) measure ;;
	parallel)
		rm -f "$out/parallel.out"
		measure_parallel ;;
	again) vm again 600 "guest.sh quick $base read" --icount $shift ;;
	wall) vm wall 3000 "guest.sh $rows" --accel tcg ;;
	scale) measure_scale ;;
	many)
		vm many 3000 "$meter && guest.sh $base mappings latency -- $many devices" \
			--icount $shift ;;
	latency) vm latency 3000 "guest.sh rounds=2 iommus=intel:1 latency" --smp 2 ;;
	migrations) vm migrations 3000 "$meter && guest.sh migrations" --icount $shift ;;
	host)
		make --no-print-directory -C "$here/host" OUT="$out/host" run \
			>"$out/host.out" ;;
	*) die "ONLY=$1: no part of the benchmark" ;;
	esac
}

parts=(count parallel)
[ -n "$quick" ] || read -ra parts <<<"${ONLY:-count parallel again wall scale many latency migrations host}"
start=$SECONDS
for part in "${parts[@]}"; do
	measure_part "$part"
done
[ "$quick" != update ] || measure_again

case $quick in
'')     judge=() ;;
update) judge=(--update "$ratios") ;;
*)      judge=(--compare "$ratios") ;;
esac

# Its status: 0, or 1 when something is worse
report()
{
	local status=0

	"$out/report" --shift $shift --kernel "$RELEASE" --dir "$out" \
		--targets "$here/targets.txt" "${judge[@]}" "$@" || status=$?
	[ $status -le 1 ] || exit 1
	return $status
}

inputs=()
for part in "${parts[@]}"; do
	[ ! -e "$out/$part.out" ] || inputs+=("$out/$part.out")
done
status=0
report "${inputs[@]}" || status=$?
if [ $status != 0 ] && [ -n "$quick" ]; then
	say 'bench: once more, to see whether it was chance ...'
	measure_again
	measure_parallel
	status=0
	report "${inputs[@]}" || status=$?
fi
if [ -z "$quick" ] && command -v gnuplot >/dev/null; then
	gnuplot -e "dir='$out'" "$here/plots.gp"
fi
say "bench: $((SECONDS - start)) s, $out/bench.json"
exit $status
