#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# demo.sh: "make demo". vmigrate in a VM with two DMA devices behind one IOMMU
# that tracks. Its verdict is the status.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

"$TOP/build-aux/modules.sh" test
"$TOP/build-aux/programs.sh" tools

command='bind-all >/dev/null && vmigrate --demo'
[ -z "${TRACKER:-}" ] || command+=" --tracker $(printf %q "$TRACKER")"
[ -z "${M:-}" ] || command+=" -m $(printf %q "$M")"
[ -z "${SEED:-}" ] || command+=" --seed $(printf %q "$SEED")"

load_kernel
say "booting kernel $RELEASE in a VM ..."
exec "$TOP/selftests/vm/run.sh" --name demo --timeout "${TIMEOUT:-180}" \
	--virt "${VIRT:-iommus=amd:2}" --file "$BUILD/tools/vmigrate" \
	--command "$command"
