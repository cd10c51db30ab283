#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# demo.sh: "make demo". vmigrate in a VM: two VFs of a ConnectX and a DMA device in
# one address space move to two other VFs and another DMA device. Its verdict is
# the status. Without connectx= in VIRT, only memory that DMA devices write moves.
#
# The VM hands out what its pictures are made of: the report of vmigrate, and what
# iommufdctl has seen of it from outside. They are drawn here.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

"$TOP/build-aux/modules.sh" test
"$TOP/build-aux/programs.sh" tools

# The VFs are behind an IOMMU that cannot track, so their own trackers do.
virt=${VIRT:-iommus=amd:2,none:0 connectx=4:1}
modules='vfio_iommu_type1 vfio-pci iommufd-virt'
command='bind-all >/dev/null && vmigrate --demo'
if [[ $virt == *connectx=* ]]; then
	modules+=' mlx5-vfio-pci'
	command='bind-all >/dev/null && make-vfs 4 && vmigrate --demo --vfs 2 --devices 1'
fi
[ -z "${TRACKER:-}" ] || command+=" --tracker $(printf %q "$TRACKER")"
[ -z "${M:-}" ] || command+=" -m $(printf %q "$M")"
[ -z "${SEED:-}" ] || command+=" --seed $(printf %q "$SEED")"

# What a host sees of it
command="iommufdctl -j monitor >/out/events & monitor=\$!
iommufdctl top -d 0.5 --record /out/record >/dev/null & top=\$!
$command --report /out/report 2>/tmp/messages
status=\$?
grep -v gnuplot /tmp/messages >&2
sleep 1
kill \$monitor \$top
wait \$top
exit \$status"

load_kernel
say "booting kernel $RELEASE in a VM ..."
status=0
"$TOP/selftests/vm/run.sh" --name demo --timeout "${TIMEOUT:-600}" \
	--virt "$virt" --modules "$modules" --file "$BUILD/tools/vmigrate" \
	--file "$BUILD/tools/iommufdctl" --command "$command" || status=$?
events=$BUILD/vm/demo/events
if [ -s "$events" ]; then
	say "$(wc -l <"$events") events of it, as iommufdctl -j monitor told them, are in ${events#"$TOP"/}; the first and the last:"
	sed -n '1,2p;$p' "$events" >&2
fi

out=$BUILD/vm/demo
if [ -d "$out/report" ] && [ -s "$out/record" ]; then
	if ! command -v gnuplot >/dev/null; then
		say "gnuplot is not installed (package gnuplot-nox): there are data and scripts, and no pictures, in ${out#"$TOP"/}/report"
	elif (cd "$out/report" && gnuplot -d ./*.gp) &&
		"$BUILD/tools/iommufdctl" plot "$out/record" -o "$out/host" >&2; then
		say "pictures of the migration are in ${out#"$TOP"/}/report, and of what the host saw of it in ${out#"$TOP"/}/host:"
		(cd "$out" && ls -- report/*.svg host/*.svg) >&2
	else
		status=1
	fi
fi
exit $status
