#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# vm.sh: "make vm". A VM with our modules loaded and our programs in its PATH;
# a shell, or the command in RUN. TIMEOUT= seconds for RUN.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

"$TOP/build-aux/modules.sh" test
args=()
what=()
[ ! -e "$TOP/tools/Makefile" ] || what+=(tools)
[ -z "$(kselftests)" ] || what+=(kselftest)
"$TOP/build-aux/programs.sh" "${what[@]}"
for p in vmigrate iommufdctl; do
	[ ! -x "$BUILD/tools/$p" ] || args+=(--file "$BUILD/tools/$p")
done
for c in $(kselftests); do
	args+=(--file "$BUILD/kselftest/$c")
done
[ -z "${SEED:-}" ] || args+=(--env "SEED=$SEED")
if [ -n "${RUN:-}" ]; then
	args+=(--command "$RUN" --timeout "${TIMEOUT:-300}")
else
	args+=(--name shell)
fi
exec "$TOP/selftests/vm/run.sh" "${args[@]}"
