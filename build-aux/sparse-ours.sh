#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# kbuild's CHECK: sparse for our files, nothing for upstream's.
for last; do :; done
case $last in
*/iommufd/dirty/* | */vfio/dirty/* | */iommufd/virt/* | dirty/* | virt/*)
	exec sparse "$@"
	;;
esac
