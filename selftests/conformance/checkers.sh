#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# checkers.sh: are the debug kernel's checkers awake, and does the VM harness see
# what they say? Makes bugs on purpose (with the kernel's own LKDTM and kmemleak
# sample) and prints TAP. Lockdep is off after the first report of KASAN.
set -uo pipefail
. "$(dirname "$0")/../../build-aux/lib.sh"
. "$TOP/selftests/tap.sh"

# shellcheck disable=SC2016 # for the guest's shell
out=$(timeout 300 "$TOP/selftests/vm/run.sh" --kernel debug --name checkers \
	--virt off --modules 'lkdtm kmemleak-test' --timeout 240 --command '
		cd /sys/kernel/debug/provoke-crash
		for bug in SPINLOCKUP CORRUPT_LIST_ADD ARRAY_BOUNDS READ_AFTER_FREE; do
			sh -c "echo $bug >DIRECT"
		done 2>/dev/null
		true' 2>&1)
status=$?
log=$BUILD/vm/checkers.log

saw()
{
	grep -qE "$2" "$log"
	ok "$1" $?
}

echo 1..7
[ $status = 125 ] && grep -q 'the kernel complained' <<<"$out"
ok "a splat fails a command that succeeded" $?
saw "KASAN: use after free" 'BUG: KASAN: slab-use-after-free'
saw "UBSAN: index out of bounds" 'UBSAN: array-index-out-of-bounds'
saw "list corruption" 'list_add corruption'
saw "lockdep: a lock that is held for ever" 'WARNING: lock held when returning to user space'
saw "sleeping with a spinlock" 'BUG: sleeping function called from invalid context'
saw "kmemleak: memory that nothing points to" 'kmemleak: [0-9]+ new suspected memory leaks'
