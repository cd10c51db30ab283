#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# In the VM of run.sh, with the package of the modules installed: it is removed while a process
# has /dev/iommu open and a device is bound. Prints lines of TAP.
# shellcheck disable=SC1091,SC2154 # tap.sh, device.sh
. /deb-test/tap.sh
. /deb-test/device.sh

modprobe vfio-pci
bind_edu
bound && is_ours vfio_pci && is_ours iommufd
ok "(a device is bound before the removal)" $?
sleep 6000 <>/dev/iommu &
holder=$!
sleep 1
purge iommufd-dirty-dkms >/tmp/purge 2>&1
ok "iommufd-dirty-dkms is purged while a process has /dev/iommu open" $?
grep 'iommufd-dirty: in use: iommufd;.*until the next boot' /tmp/purge
ok "and apt's output says what is in use" $?
is_ours vfio && is_ours vfio_pci && is_ours iommufd && bound
ok "what is loaded stays, all of it, and the device is bound" $?
[ -z "$(find /lib/modules -path '*updates*')" ]
ok "and no file of it is left" $?

# The command that the message has
kill $holder
wait $holder 2>/dev/null
sed -n 's/.*and this is run: //p' /tmp/purge >/tmp/unload
[ -s /tmp/unload ] && sh -e /tmp/unload
ok "when nothing uses it, the command in the message unloads it" $?
for m in iommufd vfio vfio_pci_core vfio_pci; do
	[ ! -d "/sys/module/$m" ] || echo "# $m is loaded"
done | { ! grep .; }
ok "all of it" $?
modprobe vfio-pci && is_kernels vfio && is_kernels vfio_pci && bound
ok "and the kernel's own vfio takes the device" $?
exit "$bad"
