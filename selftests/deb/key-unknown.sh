#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In the VM of run.sh, with Secure Boot, when the firmware does not know the key that dkms
# signs with: the modules are refused, signed or not, and mokutil takes a request to enrol
# the key. Prints lines of TAP.
# shellcheck disable=SC1091,SC2154 # tap.sh, device.sh
. /deb-test/tap.sh
. /deb-test/signature.sh
. /deb-test/device.sh

mokutil --sb-state | grep -q 'SecureBoot enabled'
ok "Secure Boot is on" $?
grep -q '\[integrity\]' /sys/kernel/security/lockdown
ok "and the kernel in lockdown" $?
modprobe loop
ok "modules of the kernel's own are loaded" $?
[ "$(modinfo -F signer iommufd)" = "DKMS module signing key" ]
ok "dkms has signed the modules with its key" $?
dmesg -C
! modprobe vfio-pci 2>/tmp/refused && grep -q 'Key was rejected by service' /tmp/refused &&
	dmesg | grep -q 'Loading of module with unavailable key is rejected'
ok "they are refused while the key is not enrolled, and the log says why" $?
sed 's/^/# /' /tmp/refused

# What the installation does when the kernel's own are loaded
modprobe irqbypass
load_own vfio vfio-pci-core vfio-pci
bind_edu
bound && is_kernels vfio_pci
ok "(a device is bound to the kernel's own vfio-pci)" $?
! /usr/libexec/iommufd-dirty/vfio-modules reload 2>/tmp/reload &&
	grep -q 'iommufd-dirty: the kernel refuses .*until the next boot' /tmp/reload &&
	is_kernels vfio && is_kernels vfio_pci && bound
ok "what is loaded stays while the kernel refuses the others, and that is said" $?
sed 's/^/# /' /tmp/reload

take_signature_off iommufd
ok "(a module's signature is taken off)" $?
dmesg -C
! modprobe iommufd 2>/tmp/refused && grep -q 'Key was rejected by service' /tmp/refused &&
	dmesg | grep -q 'Loading of unsigned module is rejected'
ok "a module without signature is refused, and the log says why" $?
sed 's/^/# /' /tmp/refused
put_signature_back iommufd

printf 'iommufd-dirty\niommufd-dirty\n' | mokutil --import /var/lib/dkms/mok.pub
ok "mokutil --import takes the request to enrol it" $?
mokutil --list-new | grep 'Subject:.*DKMS module signing key'
ok "and has it listed for the next boot" $?
exit "$bad"
