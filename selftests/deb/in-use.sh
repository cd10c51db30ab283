#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In the VM of run.sh, with all packages installed: the modules are used, kept apart from
# the kernel's own, and removed. Prints lines of TAP.
# shellcheck disable=SC1091,SC2154 # tap.sh
. /deb-test/tap.sh
. /deb-test/signature.sh
. /deb-test/device.sh

for cpu in /sys/devices/system/cpu/cpu*/online; do
	[ "$(cat "$cpu")" = 1 ] || echo 1 >"$cpu"
done

# ---- Used ---------------------------------------------------------------------

modprobe vfio-pci
ok "modprobe vfio-pci loads it" $?
is_ours vfio_pci && is_ours vfio && is_ours iommufd
ok "and what it loads is of this package" $?
bind_edu
bound
ok "vfio-pci takes a device" $?
kvm_may()
{
	[ "$(stat -c '%G %a' /dev/iommu)" = "kvm 660" ] &&
		[ "$(stat -c '%G %a' /dev/vfio/devices/vfio0)" = "kvm 660" ]
}
# udevadm settle gives up after two minutes, which udevd may need on a busy machine
for _ in $(seq 300); do
	kvm_may && break
	sleep 1
done
kvm_may
ok "the group kvm may use /dev/iommu and the device" $?
iommufdctl check "$edu" >/tmp/check 2>&1
status=$?
sed 's/^/# /' /tmp/check
[ $status -le 1 ] && grep -q "$edu" /tmp/check
ok "iommufdctl check tells of it" $?
iommufdctl show >/tmp/show 2>&1
ok "iommufdctl show has an answer" $?

# ---- A process that holds them --------------------------------------------------

sleep 600 <>/dev/iommu &
holder=$!
sleep 1
! /usr/libexec/iommufd-dirty/vfio-modules reload 2>/tmp/reload &&
	grep -q 'iommufd-dirty: in use: iommufd;.*until the next boot' /tmp/reload &&
	is_ours vfio && is_ours iommufd && bound
ok "what is in use stays, all of it, and that is said" $?
sed 's/^/# /' /tmp/reload
kill $holder
wait $holder 2>/dev/null
/usr/libexec/iommufd-dirty/vfio-modules reload && is_ours vfio_pci && bound
ok "what is not in use is reloaded, and its device bound again" $?

# ---- The virtual platform, and a migration ------------------------------------------

echo 1 >/sys/module/iommufd/parameters/allow_unsafe_interrupts
modprobe iommufd-virt memmap_start=0x70000000 iommus=amd:2 &&
	modprobe vfio_iommu_type1
ok "the virtual platform loads" $?
for dev in /sys/bus/pci/devices/*; do
	[ "$(cat "$dev/vendor"):$(cat "$dev/device")" = 0x1d55:0xd0a0 ] || continue
	echo vfio-pci >"$dev/driver_override"
	echo "${dev##*/}" >/sys/bus/pci/drivers_probe
done
udevadm settle
vmigrate --demo >/tmp/demo 2>&1
ok "vmigrate migrates memory that its devices write" $?
tail -n 3 /tmp/demo | sed 's/^/# /'
vmigrate --demo --tracker off >/tmp/off 2>&1
[ $? = 1 ]
ok "control: without the tracker its verdict fails" $?
purge iommufd-dirty-virt-dkms >/tmp/virt 2>&1 && [ ! -d /sys/module/iommufd_virt ] &&
	[ -z "$(find /lib/modules -name "iommufd-virt*")" ]
ok "the virtual platform is purged, unloaded and gone" $?

# ---- Never beside the kernel's own ------------------------------------------------

modprobe -r vfio-pci vfio-pci-core vfio_iommu_type1 vfio iommufd 2>/dev/null
[ ! -d /sys/module/vfio ] && [ ! -d /sys/module/iommufd ]
ok "all of it is unloaded" $?
modprobe irqbypass
load_own vfio
is_kernels vfio
ok "(the kernel's own vfio is loaded)" $?
dmesg -C
! modprobe iommufd 2>/tmp/beside && [ ! -d /sys/module/iommufd ] &&
	grep -q 'Device or resource busy' /tmp/beside &&
	dmesg | grep -q 'iommufd: not loaded: the vfio that is loaded was built without iommufd; unload it'
ok "iommufd refuses to be beside the kernel's own vfio, and says why" $?
sed 's/^/# /' /tmp/beside
! modprobe vfio-pci 2>/tmp/beside && [ ! -d /sys/module/vfio_pci_core ]
ok "and so does vfio-pci" $?
sed 's/^/# /' /tmp/beside
rmmod vfio && modprobe vfio-pci && is_ours vfio
ok "without it they load" $?
rmmod vfio_pci vfio_pci_core vfio_iommu_type1
for m in vfio-pci-core vfio_iommu_type1; do
	dmesg -C
	xz -dc "$(own "$m")" >/tmp/own.ko
	! insmod /tmp/own.ko 2>/dev/null && dmesg | grep -q 'disagrees about version of symbol vfio'
	ok "the kernel's own $m is refused beside our vfio" $?
done

# ---- Installed while the kernel's own are loaded ---------------------------------------

rmmod vfio iommufd
load_own vfio vfio_iommu_type1 vfio-pci-core vfio-pci
bind_edu
bound && is_kernels vfio_pci && is_kernels vfio
ok "(a device is bound to the kernel's own vfio-pci)" $?
# dkms has built before
touch /etc/dkms/no-autoinstall
/var/lib/dpkg/info/iommufd-dirty-dkms.postinst configure 1.0 >/tmp/postinst 2>&1
ok "the package is configured while it is" $?
rm /etc/dkms/no-autoinstall
sed 's/^/# /' /tmp/postinst
is_ours vfio_pci && is_ours vfio && is_ours vfio_iommu_type1 && is_ours iommufd
ok "what is loaded now is of this package, without a reboot" $?
bound
ok "and the device is bound to it" $?

# ---- Removal ------------------------------------------------------------------------

# For the last test
mkdir /tmp/kept
unsigned_copy iommufd /tmp/kept/iommufd.ko
modprobe vfio_iommu_type1
bind_edu
bound && is_ours vfio_pci
ok "(a device is bound before the removal)" $?
purge iommufd-dirty-dkms >/tmp/purge 2>&1
ok "iommufd-dirty-dkms is purged" $?
sed 's/^/# /' /tmp/purge | tail -n 12
is_kernels vfio && is_kernels vfio_pci && [ ! -d /sys/module/iommufd ]
ok "the kernel's own vfio is back without a reboot" $?
bound
ok "and the device is bound to it" $?
ls /etc/modprobe.d/iommufd-dirty* /etc/kernel/postinst.d/iommufd-dirty 2>/dev/null
[ -z "$(find /lib/modules -path '*updates*')" ] && [ -z "$(find /etc -name 'iommufd-dirty*')" ]
ok "no file of it is left" $?

# ---- Secure Boot's lockdown -------------------------------------------------------------

grep -q none /sys/kernel/security/lockdown && echo integrity >/sys/kernel/security/lockdown
dmesg -C
! insmod /tmp/kept/iommufd.ko 2>/tmp/refused && grep -q 'Operation not permitted' /tmp/refused &&
	dmesg | grep -q 'Lockdown: insmod: unsigned module loading is restricted'
ok "an unsigned module is refused in lockdown, and the log says why" $?
sed 's/^/# /' /tmp/refused
exit "$bad"
