#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In the VM of run.sh, with Secure Boot, after the key was enrolled: what dkms has signed is
# loaded. Prints lines of TAP.
# shellcheck disable=SC1091,SC2154 # tap.sh
. /deb-test/tap.sh
. /deb-test/signature.sh

grep -q '\[integrity\]' /sys/kernel/security/lockdown
ok "the kernel is in lockdown" $?
mokutil --test-key /var/lib/dkms/mok.pub | grep 'is already enrolled'
ok "mokutil says that the key is enrolled" $?
modprobe vfio-pci && modprobe iommufd
ok "modprobe loads vfio-pci and iommufd" $?
for m in iommufd vfio vfio_pci_core vfio_pci; do
	[ "$(cat /sys/module/$m/taint)" = O ]
	ok "$m is of this package, and its signature is good" $?
done
iommufdctl show >/tmp/show 2>&1
ok "iommufdctl show has an answer" $?
modprobe iommufd-virt memmap_start=0x70000000 iommus=amd:2
ok "the virtual platform loads" $?
dmesg | grep -i -e lockdown -e 'module verification' | sed 's/^/# /'

take_signature_off mdev
dmesg -C
! modprobe mdev 2>/tmp/refused &&
	dmesg | grep -q 'Loading of unsigned module is rejected'
ok "one whose signature was taken off is refused" $?
put_signature_back mdev
modprobe mdev
ok "and loads with it" $?
exit "$bad"
