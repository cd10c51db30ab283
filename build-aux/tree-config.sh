# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# shellcheck disable=SC2154 # what those set who source it
#
# tree-config.sh: the configurations of a full kernel tree in which only the folders that the
# project touches are compiled. To be sourced after lib.sh by scripts that set
#	tree	the kernel tree
#	dir	where to build (O=)
#	arch, cross	ARCH and CROSS_COMPILE
#	log	what make says, appended

common='PRINTK=y BUG=y MODULES=y PCI=y PCI_MSI=y ACPI=y MMU=y MULTIUSER=y NET=y
EVENTFD=y EPOLL=y FUTEX=y DEBUG_FS=y DEBUG_KERNEL=y RUNTIME_TESTING_MENU=y
FAULT_INJECTION=y IOMMU_SUPPORT=y IOMMUFD=m IOMMUFD_TEST=n VFIO=m
VFIO_DEVICE_CDEV=y VFIO_GROUP=y VFIO_PCI=m DIRTY=y DIRTY_TEST=n'
declare -A first=(
	[x86]="64BIT=y SMP=y AMD_IOMMU=y INTEL_IOMMU=y DIRTY_AMD=y DIRTY_INTEL=y
	       DIRTY_SMMU_V3=n VIRT=m"
	[arm64]="SMP=y EFI=y ARM_SMMU_V3=y DIRTY_SMMU_V3=y"
)

# DIRTY_AMD and the like are short for CONFIG_IOMMUFD_DIRTY_AMD.
long_name()
{
	case $1 in
	DIRTY* | VIRT*) echo "CONFIG_IOMMUFD_$1" ;;
	*) echo "CONFIG_$1" ;;
	esac
}

kmake()
{
	kbuild -C "$tree" O="$dir" ARCH="$arch" \
		CROSS_COMPILE="$cross" "$@" >>"$log" 2>&1
}

# Write the row's configuration, and see that it was taken: what an option that
# is n hides need not be there.
configure()
{
	local o name value

	declare -A options=()
	# shellcheck disable=SC2086
	for o in $common ${first[$arch]} $1; do
		options[$(long_name "${o%%=*}")]=${o#*=}
	done
	for name in "${!options[@]}"; do
		value=${options[$name]}
		[ "$value" = n ] && echo "# $name is not set" || echo "$name=$value"
	done >"$dir/row.config"
	[ -e "$dir/.base.config" ] || {
		kmake tinyconfig && cp "$dir/.config" "$dir/.base.config"
	} || return
	# tinyconfig without what the row says, or kconfig warns
	awk '{ name = $1 == "#" ? $2 : $1; sub(/=.*/, "", name) }
	     FNR == NR { row[name] = 1; print; next }
	     !(name in row)' "$dir/row.config" "$dir/.base.config" >"$dir/.config"
	kmake olddefconfig || return
	for name in "${!options[@]}"; do
		value=$(sed -n "s/^$name=//p" "$dir/.config")
		[ "${value:-n}" = "${options[$name]}" ] && continue
		case "$name ${options[CONFIG_IOMMUFD]} ${options[CONFIG_IOMMUFD_DIRTY]}" in
		CONFIG_IOMMUFD_DIRTY_*\ n | *DIRTY*\ n\ * | *VIRT\ n\ * | *VFIO*\ n\ * | \
		CONFIG_IOMMUFD_TEST\ n\ *) continue ;;
		CONFIG_VFIO_*)
			[ "${options[CONFIG_VFIO]}" != n ] || continue ;;
		CONFIG_IOMMUFD_DIRTY_AMD*)
			[ "${options[CONFIG_AMD_IOMMU]}" != n ] || continue ;;
		esac
		echo "$name is ${value:-n}, not ${options[$name]}" >>"$log"
		return 1
	done
}
