#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# dkms-tree.sh DIR VERSION: make DIR, with what the packages have of the kernel's source for each
# series of debian/series:
#
#	iommufd-dirty/SERIES/		the overlay of the product, hooks applied
#	iommufd-dirty-virt/SERIES/	the virtual platform
#	.../SERIES/kbuild.mk		options and flags that it is built with
#	.../dkms.conf			from debian/dkms/*.conf.in and which-kernels.in
#	uapi/linux/			headers of the newest series, for programs
set -euo pipefail
. "$(dirname "$0")/lib.sh"

dir=$1
version=$2
conf=$TOP/debian/dkms

# kbuild_mk FILE VARIANT: the options of the variant, and the flags of module_flags()
kbuild_mk()
{
	module_flags .
	# The first is -I./include
	flags[0]=-Iinclude
	variant_flags "$2"
	cat >"$1" <<-END
		# SPDX-License-Identifier: GPL-2.0-only
		KBUILD_OPTIONS := ${vars[*]}
		KBUILD_FLAGS := ${flags[*]}
	END
}

# product SERIES
product()
{
	local to=$dir/iommufd-dirty/$1

	"$TOP/build-aux/overlay.sh" "$to"
	rm -rf "$to"/.manifest "$to"/.overlay-of "$to/drivers/iommu/iommufd/virt" \
		"$to/drivers/iommu/iommufd/selftest.c"
	kbuild_mk "$to/kbuild.mk" product
}

# laboratory SERIES: it includes nothing of iommufd's or vfio's own folders.
laboratory()
{
	local to=$dir/iommufd-dirty-virt/$1

	copy_ours drivers/virt "$to" virt
	copy_ours include "$to" include
	copy_ours uapi "$to" include/uapi
	! vfio_namespace "$to" ||
		echo 'ccflags-y += -include dirty/namespace.h' >>"$to/virt/vfio/Kbuild"
	echo 'obj-m += virt/' >"$to/Kbuild"
	kbuild_mk "$to/kbuild.mk" ours
}

# set_conf NAME: with which kernels it is for, and the list of series and modules
set_conf()
{
	local text

	text=$(cat "$conf/$1.conf.in")
	text=${text/@WHICH@/"$(tail -n +2 "$conf/which-kernels.in")"}
	text=${text//@SERIES@/$newest}
	text=${text//@KERNELS@/$kernels}
	text=${text//@VERSION@/$version}
	printf '%s\n' "${text/@CHOICE@/$choice}" >"$dir/$1/dkms.conf"
}

rm -rf "$dir"
mkdir -p "$dir/iommufd-dirty" "$dir/iommufd-dirty-virt" "$dir/uapi/linux"
kernels='' newest='' choice=''
while read -r series package pattern; do
	[[ $series != \#* && -n $series ]] || continue
	KERNEL_ENV=$(build_of "$series")/kernel.env
	[ -e "$KERNEL_ENV" ] ||
		die "kernel $series of debian/series is not set up; run \"make setup KERNEL=$series\""
	export KERNEL_ENV
	load_kernel
	[[ $RELEASE =~ $pattern ]] ||
		die "debian/series has $series, and what is set up is kernel $RELEASE; the files of $package are needed"
	product "$series"
	laboratory "$series"
	kernels+=${kernels:+|}$pattern newest=$series
	# shellcheck disable=SC2016 # for dkms.conf
	choice+=$(printf '[[ ! $kernelver =~ %s ]] || series=%s\n.' "$pattern" "$series")
	choice=${choice%.}
done <"$TOP/debian/series"
# stddef.h where vfio.h needs more of it than the distribution's has (setup.sh)
for f in iommufd vfio stddef; do
	[ ! -e "$KSRC/include/uapi/linux/$f.h" ] ||
		cp "$KSRC/include/uapi/linux/$f.h" "$dir/uapi/linux/"
done
set_conf iommufd-dirty
set_conf iommufd-dirty-virt
# As it would be in a release: no one's umask, and no time but the changelog's
chmod -R u=rwX,go=rX "$dir"
