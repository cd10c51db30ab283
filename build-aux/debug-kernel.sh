#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# debug-kernel.sh: "make debug-kernel". A small kernel from the patched tree with
# every checker that it has (selftests/vm/debug.config and kasan.config), in build/debug-kernel:
# arch/x86/boot/bzImage and the modules where they were built. With KCSAN=1 it is
# another, with KCSAN in place of KASAN (selftests/vm/kcsan.config), in
# build/debug-kernel-kcsan.
#
# Nothing is done if nothing changed, and only what changed is compiled; the
# first time takes ten minutes on two processors.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

# That of "make patch": our own tree, whatever KSRC= is.
env -u KSRC -u KDIR "$TOP/build-aux/setup.sh" build tree
load_kernel
tree=$BUILD/linux-${RELEASE%%[+-]*}
dir=$BUILD/debug-kernel log=$BUILD/debug-kernel.log what='debug kernel'
checkers=kasan
if [ -n "${KCSAN:-}" ]; then
	dir+=-kcsan log=$BUILD/debug-kernel-kcsan.log what='KCSAN kernel' checkers=kcsan
fi
fragments=("$TOP/selftests/vm/debug.config" "$TOP/selftests/vm/$checkers.config")
[ ! -e "$TOP/kernels/$SERIES/debug.config" ] || fragments+=("$TOP/kernels/$SERIES/debug.config")
mkdir -p "$dir"

# Not the lock of build/, which other commands need while this runs.
exec 6>"$BUILD/.lock-kernel"
flock -n 6 || {
	say "waiting for another build of the debug kernel ..."
	flock 6
}

hash_of()
{
	cat "$@" | sha256sum | cut -d' ' -f1
}

# Sources, hooks and options; the compiler and the kernel are in the names.
mapfile -t sources < <(list_hooks; for d in iommufd drivers vfio include uapi compat; do
	[ ! -d "$TOP/$d" ] || find "$TOP/$d" -name '*.[ch]' -o -name Kbuild
done | sort)
config=$(hash_of "${fragments[@]}" "$TOP"/{,drivers/*/}Kconfig)
now="$tree $(gcc -dumpfullversion) $config $(hash_of "${sources[@]}")"
if [ -e "$dir/.built" ] && [ "$now" = "$(cat "$dir/.built")" ]; then
	exit 0
fi

"$TOP/build-aux/patch.sh"

kmake()
{
	kbuild -C "$tree" O="$dir" "$@" >>"$log" 2>&1 || {
		grep -E 'error|\*\*\*' "$log" | tail -n 20 >&2 || tail -n 20 "$log" >&2
		die "the $what did not build ($log)"
	}
}

start=$SECONDS
: >"$log"
if [ "$config" != "$(cat "$dir/.configured" 2>/dev/null)" ]; then
	rm -f "$dir/.configured"
	kmake tinyconfig
	(cd "$dir" && "$tree/scripts/kconfig/merge_config.sh" -m .config "${fragments[@]}") \
		>>"$log"
	kmake olddefconfig
	# An option that is not there checks nothing.
	missing=$(grep -hE '^(# )?CONFIG_' "${fragments[@]}" | grep -vxFf "$dir/.config" || true)
	[ -z "$missing" ] ||
		die "${fragments[*]#"$TOP/"}: this kernel does not take $(paste -sd' ' <<<"$missing")"
	echo "$config" >"$dir/.configured"
fi
[ -e "$dir/arch/x86/boot/bzImage" ] ||
	say "building the $what (ten minutes on two processors) ..."
kmake bzImage modules
grep -E '(iommufd/(dirty|virt)|vfio/dirty)/[^ ]*: warning' "$log" >&2 || true
echo "$now" >"$dir/.built"
say "$what: built in $((SECONDS - start)) s"
