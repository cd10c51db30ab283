#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# test-kcsan.sh: does kcsan.sh tell our data races from upstream's? And in the KCSAN
# kernel, if VM_KERNEL is that: does KCSAN find one that is there on purpose, and does
# it fail the VM? Prints TAP.
set -uo pipefail
. "$(dirname "$0")/../../build-aux/lib.sh"
. "$TOP/selftests/tap.sh"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# object PATH FUNCTION...
object()
{
	local path=$dir/kernel/$1

	shift
	mkdir -p "${path%/*}"
	printf 'void %s(void) {}\n' "$@" | gcc -x c -c -o "$path" -
}

# frames FUNCTION...: a stack, as the kernel prints it on a serial port
frames()
{
	printf '[   12.345678]  %s+0x1c/0x140 [module]\r\n' "$@"
	printf '[   12.345678] \r\n'
}

# report TITLE "STACK" "STACK"
report()
{
	printf '[   12.345678] ========\r\n'
	printf '[   12.345678] BUG: KCSAN: data-race in %s\r\n[   12.345678] \r\n' "$1"
	printf '[   12.345678] write to 0xffff888000000010 of 8 bytes by task 77 on cpu 1:\r\n'
	# shellcheck disable=SC2086 # words
	frames $2
	printf '[   12.345678] read (marked) to 0xffff888000000010 of 8 bytes by task 78 on cpu 0:\r\n'
	# shellcheck disable=SC2086 # words
	frames $3
	printf '[   12.345678] value changed: 0x0000000000000001 -> 0x0000000000000002\r\n'
	printf '[   12.345678] \r\n[   12.345678] Reported by Kernel Concurrency Sanitizer on:\r\n'
	# Who was running is no access.
	printf '[   12.345678] CPU: 0 UID: 0 PID: 78 Comm: our_read+0x0 Not tainted\r\n'
	printf '[   12.345678] ========\r\n'
}

# is NAME TITLE STACK STACK OURS: one report, and what is said of it
is()
{
	local out

	report "$2" "$3" "$4" >"$dir/log"
	out=$("$TOP/selftests/vm/kcsan.sh" "$dir/log" "$dir/kernel" 2>"$dir/err")
	if [ "$5" = ours ]; then
		[ "$out" = "2:data-race in $2" ] && grep -q '^kcsan: 1 reports of our files' "$dir/err"
	else
		[ -z "$out" ] && grep -q '^kcsan: 1 reports of others' "$dir/err"
	fi
	ok "$1" $?
}

object drivers/iommu/iommufd/dirty/read.o our_read
object drivers/iommu/iommufd/pages.o iopt_pages_fill
object lib/xarray.o xas_store
object mm/gup.o pin_pages

echo "1..$([ "${VM_KERNEL:-}" = kcsan ] && echo 7 || echo 5)"
is "a race of ours with upstream's code" "our_read / pin_pages" \
	"pin_pages sys" "our_read sys" ours
is "a race of upstream's, called by us" "pin_pages / pin_pages" \
	"pin_pages our_read sys" "pin_pages sys" others
is "a race in lib/ is its caller's: ours" "xas_store / xas_store" \
	"xas_store our_read sys" "xas_store iopt_pages_fill sys" ours
is "a race in lib/ is its caller's: upstream's" "xas_store / xas_store" \
	"xas_store iopt_pages_fill our_read" "xas_store iopt_pages_fill" others
{
	report "pin_pages / pin_pages" pin_pages pin_pages
	report "our_read / our_read" our_read our_read
	report "our_read / our_read" our_read our_read
} >"$dir/log"
"$TOP/selftests/vm/kcsan.sh" "$dir/log" "$dir/kernel" >"$dir/out" 2>"$dir/err"
grep -q '^kcsan: 2 reports of our files' "$dir/err" && grep -q '1 reports of others' "$dir/err" &&
	[ "$(wc -l <"$dir/out")" = 2 ]
ok "all of a log are counted" $?
[ "${VM_KERNEL:-}" = kcsan ] || exit 0

out=$(timeout 300 "$TOP/selftests/vm/run.sh" --name kcsan --virt iommus=none:1 --timeout 240 \
	--command 'echo 1 >/sys/module/iommufd_virt/parameters/race' 2>&1)
[ $? = 125 ] && grep -q 'BUG: KCSAN: data-race in race_' <<<"$out"
ok "KCSAN finds a data race of ours, which fails the VM" $?
grep -q 'kcsan: selftest: [0-9]*/[0-9]* tests passed' "$BUILD/vm/kcsan.log"
ok "KCSAN's own tests have run" $?
