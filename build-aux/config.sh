#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# config.sh VARIANT: the options of one variant of the modules, one
# "CONFIG_X=y|m|n" a line. From the Kconfig's defaults, then the variant, then
# what the environment (that is: the make line) says.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

variant=$1
dirty=n

# The test variant has what a VM can play all parts with.
declare -A test_variant=(
	[CONFIG_IOMMUFD_DIRTY_TEST]=y
	[CONFIG_IOMMUFD_DIRTY_SMMU_V3]=y
	[CONFIG_IOMMUFD_VIRT]=m
	[CONFIG_IOMMUFD_VIRT_VFIO]=m
)

# To be measured: what is in the product, on the virtual platform; and that
# platform with nothing of ours besides.
declare -A ours_variant=(
	[CONFIG_IOMMUFD_VIRT]=m
	[CONFIG_IOMMUFD_VIRT_VFIO]=m
)
declare -A upstream_variant=(
	[CONFIG_IOMMUFD_DIRTY]=n
	[CONFIG_IOMMUFD_VIRT_VFIO]=m
	[CONFIG_IOMMUFD_VIRT]=m
)

while read -r name value; do
	case $variant in
	product) ;;
	ours) value=${ours_variant[$name]-$value} ;;
	upstream) value=${upstream_variant[$name]-$value} ;;
	*) value=${test_variant[$name]-$value} ;;
	esac
	value=$(arch_option "$name" "$value" "$variant")
	value=${!name-$value}
	case $value in
	y | m | n | '') ;;
	*) die "$name=$value: must be y, m or n" ;;
	esac
	# What Kconfig would do: without the tracker there is nothing of it
	[ "$name" != CONFIG_IOMMUFD_DIRTY ] || dirty=${value:-n}
	[[ "$name" != CONFIG_IOMMUFD_DIRTY_* || $dirty = y ]] || value=n
	echo "$name=${value:-n}"
done < <(awk '$1 == "config" { name = $2 }
	      $1 == "default" { print "CONFIG_" name, $2 }' "$TOP/Kconfig" \
	"$TOP"/drivers/mlx5/Kconfig)
