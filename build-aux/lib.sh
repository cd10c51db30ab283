# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What every script of the build shares: where things are, how to talk to the
# person, one lock. Sourced by scripts that have said "set -eu".

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$TOP/build-aux/arch.sh"
# What is built for a kernel other than the default is beside it, in build/7.3, build/arm64
# or build/7.3/arm64.
KERNEL=${KERNEL:-6.12}
# build_of SERIES
build_of()
{
	local dir=$TOP/build

	[ "$1" = 6.12 ] || dir+=/$1
	[ "$ARCH" = amd64 ] || dir+=/$ARCH
	echo "$dir"
}
BUILD=$(build_of "$KERNEL")
# What does not depend on the kernel
# shellcheck disable=SC2034
FETCHED=$TOP/build
# Unpacked GUEST_PACKAGES
# shellcheck disable=SC2034
GUEST=$FETCHED/guest-$DEB_ARCH
. "$TOP/build-aux/hooks.sh"
. "$TOP/build-aux/compat.sh"

say()
{
	printf '%s\n' "$*" >&2
}

die()
{
	say "error: $*"
	exit 1
}

# Only one make at a time changes build/. The lock ends with the process and is
# not for the time a VM runs.
lock_build()
{
	case $TOP in
	*[[:space:]:]*)
		die "the path \"$TOP\" has a space or colon, which the kernel's build cannot take; move the tree" ;;
	esac
	mkdir -p "$BUILD" 2>/dev/null || true
	[ -w "$BUILD" ] ||
		die "$BUILD cannot be written to; make it writable or work on a copy of the tree"
	exec 9>"$BUILD/.lock"
	flock -n 9 && return
	say "waiting for another make that is using $BUILD ..."
	flock 9
}

# What setup.sh decided: RELEASE (as in uname -r), KDIR, KSRC, KROOT (the unpacked image,
# may be empty), TOOLS (programs for PATH, may be empty); and SERIES, whose hooks KSRC
# takes, and MISSING, what of compat/features.list it lacks. KERNEL_DIR, if that is set, is
# KDIR; KERNEL_ENV is another file of such decisions.
load_kernel()
{
	local hint="make setup"

	[ -r "${KERNEL_ENV:-$BUILD/kernel.env}" ] || {
		[ "$KERNEL" = 6.12 ] || hint+=" KERNEL=$KERNEL"
		[ "$ARCH" = amd64 ] || hint+=" ARCH=$ARCH"
		die "kernel $KERNEL is not set up; run: $hint"
	}
	# shellcheck disable=SC1091,SC1090
	. "${KERNEL_ENV:-$BUILD/kernel.env}"
	KDIR=${KERNEL_DIR:-$KDIR}
	[ -z "${TOOLS:-}" ] || PATH=$TOOLS:$PATH
	SERIES=$(tree_series "$KSRC")
	MISSING=$(missing_features "$KSRC" | paste -sd" ")
}

# module_flags DIR: set flags and vars to what makes the headers, and those of the
# modules built in DIR, show what the distribution's configuration hides.
# shellcheck disable=SC2034 # read by who calls
module_flags()
{
	flags=(-I"$1/include"
	       -DCONFIG_IOMMUFD_MODULE=1 -DCONFIG_IOMMUFD_DRIVER=1
	       -DCONFIG_IOMMUFD_DRIVER_CORE=1
	       -DCONFIG_INTERVAL_TREE_SPAN_ITER=1 -DCONFIG_VFIO_DEVICE_CDEV=1)
	vars=(CONFIG_IOMMUFD=m CONFIG_IOMMUFD_DRIVER=y CONFIG_IOMMUFD_DRIVER_CORE=y
	      CONFIG_INTERVAL_TREE_SPAN_ITER=y CONFIG_VFIO_DEVICE_CDEV=y
	      # Needs the kernel's own vmlinux, which no package has.
	      CONFIG_DEBUG_INFO_BTF_MODULES=
	      # So no pahole is used, and its version is not compared
	      PAHOLE=none CONFIG_PAHOLE_VERSION=0)
}

# variant_flags VARIANT: to flags and vars of module_flags, add the options of a variant. For the
# tests that includes devices without an IOMMU, for which the kernel must have a page table.
variant_flags()
{
	local option noiommu=()

	case $1 in
	product | ours | upstream) ;;
	*)
		! kernel_has_generic_pt ||
			! grep -q IOMMUFD_NOIOMMU "$KSRC/drivers/iommu/iommufd/Kconfig" ||
			noiommu=(CONFIG_IOMMUFD_NOIOMMU=y CONFIG_VFIO_NOIOMMU=y) ;;
	esac
	for option in $("$TOP/build-aux/config.sh" "$1") "${noiommu[@]}"; do
		vars+=("$option")
		case $option in
		*=y) flags+=("-D${option%=y}=1") ;;
		*=m) flags+=("-D${option%=m}_MODULE=1") ;;
		esac
	done
}

# kbuild ARGUMENT...: the kernel's make. It keeps -j and the job server of the make that we
# are called from, but not its variables: M= and the like mean other things to the kernel's.
kbuild()
{
	local kept=${MAKEFLAGS-} jobs=()

	kept=${kept%%-- *}
	[[ $kept == *-j* ]] || jobs=(-j"$(nproc)")
	env -u MAKEOVERRIDES -u MAKELEVEL -u MFLAGS -u M -u V -u ARCH -u KCFLAGS -u KBUILD_EXTMOD \
		MAKEFLAGS="$kept" make "${jobs[@]}" --no-print-directory "$@"
}

# program_headers TREE DIR: the kernel's iommufd.h and vfio.h made fit for programs, in DIR/linux
program_headers()
{
	local header

	mkdir -p "$2/linux"
	for header in iommufd.h vfio.h; do
		sed -E 's/([[:space:](])__user[[:space:]]/\1/g' \
			"$1/include/uapi/linux/$header" >"$2/linux/$header"
	done
}

# Names of the test programs for the VM (selftests/kselftest.mk).
kselftests()
{
	grep -l '^TEST_HARNESS_MAIN' "$TOP"/selftests/kselftest/*.c 2>/dev/null |
		sed 's,.*/\(.*\)\.c,\1,'
}

# Does the kernel make page tables by generic_pt, as amdv1-pt and vtdss-pt of iommufd-virt need?
kernel_has_generic_pt()
{
	(load_kernel && grep -q '^CONFIG_IOMMU_PT_AMDV1=y' "$KDIR/.config")
}

# virt_parameters WORDS: parameters of iommufd-virt, as a line of plan.txt has them. For
# iommus=@HEADER it takes the lines "Hardware:" of that header of selftests/kselftest.
virt_parameters()
{
	local word words=()

	for word in $1; do
		case $word in
		iommus=@*)
			word=$(sed -n "s,^ \\* Hardware: ,,p" \
				"$TOP/selftests/kselftest/${word#*@}" | tr " \n" ,)
			[ -n "$word" ] || die "a line of plan.txt ($1) takes a header without Hardware:"
			word=iommus=${word%,} ;;
		esac
		words+=("$word")
	done
	echo "${words[*]}"
}

# ---- Our files in a kernel tree, or in a part of one ------------------------

# copy_ours FROM TREE TO: sources only, as they are compiled for the kernel that lacks
# $MISSING
copy_ours()
{
	local f

	[ -d "$TOP/$1" ] || return 0
	find "$TOP/$1" -type f \( -name '*.[ch]' -o -name Kbuild -o -name Makefile \) \
		-printf '%P\n' |
	while read -r f; do
		mkdir -p "$2/$3/$(dirname "$f")"
		cp -p "$TOP/$1/$f" "$2/$3/$f"
	done
	add_compat "$@"
}

# vfio_namespace TREE: without versions of symbols, the kernel would load the distribution's vfio
# modules on our vfio, whose struct vfio_device differs. A namespace has it refuse them by name:
# there, put into TREE the header that everything of vfio includes first; false where it needs none.
vfio_namespace()
{
	! grep -q '^CONFIG_MODVERSIONS=y' "$KDIR/.config" 2>/dev/null || return 1
	mkdir -p "$1/include/dirty"
	cat >"$1/include/dirty/namespace.h" <<-'END'
		/* SPDX-License-Identifier: GPL-2.0-only */
		#ifndef _DIRTY_NAMESPACE_H
		#define _DIRTY_NAMESPACE_H

		#define DEFAULT_SYMBOL_NAMESPACE "VFIO_DIRTY"

		/* As MODULE_IMPORT_NS(), before any header was included */
		static const char vfio_dirty_import[]
			__attribute__((used, section(".modinfo"), aligned(1))) =
			"import_ns=VFIO_DIRTY";

		#endif
	END
}

# Our folders and where they are in a kernel's tree; a folder in another one before it
FOLDERS='drivers/platform drivers/iommu/iommufd/dirty/platform
iommufd drivers/iommu/iommufd/dirty
drivers/virt drivers/iommu/iommufd/virt
vfio drivers/vfio/dirty
drivers/mlx5 drivers/vfio/pci/mlx5
uapi include/uapi
include include'

# kernel_folder FOLDER: where it is in a kernel's tree
kernel_folder()
{
	awk -v folder="$1" '$1 == folder { print $2 }' <<<"$FOLDERS"
}

# our_folders PREFIX: a script for sed that makes names below PREFIX, a folder with a
# kernel's tree, those of this one
our_folders()
{
	local here there

	while read -r here there; do
		echo "s#$1/$there/#$here/#g"
	done <<<"$FOLDERS"
}

# copy_all_ours TREE
copy_all_ours()
{
	local here there

	# It has the name of upstream's, and nothing of it.
	rm -rf "${1:?}/$(kernel_folder drivers/mlx5)"
	while read -r here there; do
		copy_ours "$here" "$1" "$there"
	done <<<"$FOLDERS"
}

