#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=dash
#
# First process of the VM of run.sh: mounts the folder that is its root, and goes there.

/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox --install -s /bin
PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read -r module; do
	insmod "/modules/$module"
done </modules/order
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=mmap,rw root /root || {
	echo "the root cannot be mounted"
	poweroff -f
}
for d in proc sys dev; do
	mount --move "/$d" "/root/$d"
done
exec switch_root /root /sbin/init
