# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034 # read by who sources it
#
# arch.sh: the machine that the kernel is for. $ARCH is a flavour of Debian's kernels: amd64,
# or one that is cross-built here and runs in an emulator: arm64, arm64-16k (pages of 16 KiB).
# Sourced by lib.sh.
#
#	DEB_ARCH	Debian's name of the architecture
#	TRIPLET, CROSS	what the names of its compiler and binutils begin with; CROSS is empty
#			where they are the machine's own
#	GUEST_PAGE_SIZE	bytes of a page of the kernel

ARCH=${ARCH:-amd64} GUEST_PAGE_SIZE=4096
case $ARCH in
amd64 | x86 | x86_64)
	ARCH=amd64 DEB_ARCH=amd64 TRIPLET=x86_64-linux-gnu CROSS=''
	;;
arm64 | arm64-16k)
	DEB_ARCH=arm64 TRIPLET=aarch64-linux-gnu CROSS=$TRIPLET-
	[ "$ARCH" = arm64 ] || GUEST_PAGE_SIZE=16384
	;;
*)
	echo "error: ARCH=$ARCH: must be amd64, arm64 or arm64-16k" >&2
	exit 1
	;;
esac

# arch_option NAME VALUE VARIANT: the value of an option of the Kconfig, whose "depends on" a
# build out of tree does not see. The other variants have the virtual platform's IOMMUs.
arch_option()
{
	case $DEB_ARCH:$3:$1 in
	arm64:product:CONFIG_IOMMUFD_DIRTY_AMD | \
	arm64:product:CONFIG_IOMMUFD_DIRTY_INTEL) echo n ;;
	arm64:*:CONFIG_IOMMUFD_DIRTY_SMMU_V3) echo y ;;
	*) echo "$2" ;;
	esac
}

# Of another architecture: what programs of the VM are linked with, and its busybox
GUEST_PACKAGES='busybox-static libnl-3-dev libnl-genl-3-dev libjson-c-dev libncurses-dev'
