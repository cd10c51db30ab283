/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * The virtual mediated device: /dev/vfio/devices/vfioN of the platform device
 * "iommufd-virt-cpu", which writes memory with the CPU, through the functions that
 * mediated devices have for it. A command is a struct virt_cpu_cmd written to the
 * device FD; it is done when write() returns.
 */
#ifndef _VIRT_CPU_H
#define _VIRT_CPU_H

#include <linux/types.h>

/**
 * enum virt_cpu_op - Commands; all but READ, DECLARE and LATE are about whole pages
 * @VIRT_CPU_READ: read @length bytes with vfio_dma_rw()
 * @VIRT_CPU_WRITE: write them; each byte gets the low byte of its page number
 * @VIRT_CPU_PIN_READ: Pin with vfio_pin_pages() for reading; pages may be pinned
 *	more than once
 * @VIRT_CPU_PIN_WRITE: Pin for writing
 * @VIRT_CPU_TOUCH: write the first eight bytes of each page, which is pinned:
 *	its address, and 1
 * @VIRT_CPU_MARK: iommufd_dirty_access_mark()
 * @VIRT_CPU_UNPIN: Unpin once
 * @VIRT_CPU_PIN_RANGE_READ: Pin all of at most 16 pages with one call, for reading; at
 *	most 4 such ranges, which may overlap
 * @VIRT_CPU_PIN_RANGE_WRITE: The same for writing
 * @VIRT_CPU_UNPIN_RANGE: Unpin just this range
 * @VIRT_CPU_DECLARE: iommufd_dirty_access_declare()
 * @VIRT_CPU_LATE: Until the FD is closed, TOUCH and MARK each page that is still
 *	pinned when its IOVA is unmapped or the device is detached, and then unpin it
 */
enum virt_cpu_op {
	VIRT_CPU_READ,
	VIRT_CPU_WRITE,
	VIRT_CPU_PIN_READ,
	VIRT_CPU_PIN_WRITE,
	VIRT_CPU_TOUCH,
	VIRT_CPU_MARK,
	VIRT_CPU_UNPIN,
	VIRT_CPU_DECLARE,
	VIRT_CPU_LATE,
	VIRT_CPU_PIN_RANGE_READ,
	VIRT_CPU_PIN_RANGE_WRITE,
	VIRT_CPU_UNPIN_RANGE,
};

/**
 * struct virt_cpu_cmd - A command
 * @op: enum virt_cpu_op
 * @__reserved: 0
 * @iova: First byte
 * @length: Bytes, at most 16 MiB
 */
struct virt_cpu_cmd {
	__u32 op;
	__u32 __reserved;
	__aligned_u64 iova;
	__aligned_u64 length;
};

#endif
