#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# upstream.sh: build the kernel's own mlx5-vfio-pci, unmodified, in build/upstream-mlx5.
# It goes on our vfio-pci-core ("make kselftest TESTS=upstream"), since struct
# vfio_device is ours, and shows that the virtual ConnectX is not bent to our
# driver.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

lock_build
load_kernel
test=$BUILD/test dir=$BUILD/upstream-mlx5
[ -e "$test/.built" ] || die "upstream.sh: needs the test modules; run \"make test-modules\""

mkdir -p "$dir"
# Only what differs, or all would be compiled again.
for f in "$KSRC"/drivers/vfio/pci/mlx5/*; do
	case $f in
	*.[ch] | */Makefile) cmp -s "$f" "$dir/${f##*/}" || cp "$f" "$dir/" ;;
	esac
done

module_flags "$test"
[ ! -e "$test/include/dirty/namespace.h" ] || flags+=(-include dirty/namespace.h)
kbuild -C "$KDIR" M="$dir" V="${V:-0}" "${vars[@]}" CONFIG_MLX5_VFIO_PCI=m \
	KBUILD_EXTRA_SYMBOLS="$test/Module.symvers" KCFLAGS="${flags[*]}" modules
# Not one of ours by mistake
cmp -s "$KSRC/drivers/vfio/pci/mlx5/main.c" "$dir/main.c" ||
	die "$dir is not the kernel's own driver"
