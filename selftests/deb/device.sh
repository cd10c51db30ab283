# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# device.sh: a device of the VM that vfio-pci takes, whose modules are loaded, and how they are
# removed. Sourced by the scripts that run in the VM.
edu=$(basename "$(grep -l 0x11e8 /sys/bus/pci/devices/*/device | head -n 1 | xargs dirname)")

# Is this module loaded, and of ours?
is_ours()
{
	grep -qs O "/sys/module/$1/taint"
}

# Is it loaded, and the kernel's own?
is_kernels()
{
	[ -d "/sys/module/$1" ] && ! is_ours "$1"
}

# The file of a module of the kernel's own; the dkms of Debian 13 moves it out of the way.
own()
{
	find "/lib/modules/$(uname -r)/kernel/drivers/vfio" \
		"/var/lib/dkms/iommufd-dirty/original_module/$(uname -r)" -name "$1.ko.xz" \
		2>/dev/null
}

# load_own MODULE...: the kernel's own, each after those that it needs
load_own()
{
	for m; do
		xz -dc "$(own "$m")" >/tmp/own.ko || return
		insmod /tmp/own.ko || return
	done
}

bind_edu()
{
	echo vfio-pci >"/sys/bus/pci/devices/$edu/driver_override"
	[ ! -e "/sys/bus/pci/devices/$edu/driver" ] ||
		echo "$edu" >"/sys/bus/pci/devices/$edu/driver/unbind"
	echo "$edu" >/sys/bus/pci/drivers_probe
}

bound()
{
	[ "$(basename "$(readlink "/sys/bus/pci/devices/$edu/driver")")" = vfio-pci ]
}

# purge PACKAGE: without apt's terminal, on which each line ends with a carriage return that
# would be part of a command in a message
purge()
{
	apt-get -q -y -o Dpkg::Use-Pty=0 purge "$1"
}
