// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is the same for every PCI device that is opened through its vfio character device;
 * vdev.c, vf.c and edu.c have what a kind of device can do besides.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "cdev.h"
#include "sysfs.h"

static int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

static int region(int fd, __u32 index, struct vfio_region_info *info)
{
	*info = (struct vfio_region_info){ .argsz = sizeof(*info), .index = index };
	return call(fd, VFIO_DEVICE_GET_REGION_INFO, info);
}

/* As vfio has them since 6.15, with VFIO_DEVICE_ATTACH_PASID, VFIO_DEVICE_DETACH_PASID */
#define ATTACH_PASID 1

struct attach_pasid {
	__u32 argsz;
	__u32 flags;
	__u32 pt_id;
	__u32 pasid;
};

struct detach_pasid {
	__u32 argsz;
	__u32 flags;
	__u32 pasid;
};

/**
 * cdev_open() - Open a device and bind it to an iommufd, ready to be attached
 * @address: Its PCI address; it is bound to a vfio driver
 * @iommufd: Must stay open as long as the device
 * @fd: Out: the open file; -1 after an error
 * @dev_id: Out: its ID in @iommufd
 *
 * Bus mastering stays as the driver leaves it.
 *
 * Return: 0, or -errno: ENXIO there is no character device; EBUSY or EINVAL it is in use,
 * or its IOMMU group is.
 */
int cdev_open(const char *address, int iommufd, int *fd, __u32 *dev_id)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = iommufd };
	char path[64];
	int rc;

	*fd = -1;
	rc = sysfs_vfio_cdev(address, path, sizeof(path));
	if (rc)
		return rc;
	*fd = open(path, O_RDWR | O_CLOEXEC);
	if (*fd < 0)
		return -errno;
	rc = call(*fd, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	if (rc) {
		close(*fd);
		*fd = -1;
		return rc;
	}
	*dev_id = bind.out_devid;
	return 0;
}

/**
 * cdev_attach() - Attach to an IOAS or an HWPT, or replace what the device is attached to
 * @fd: The device
 * @pt_id: The IOAS or HWPT
 * @out_hwpt: The HWPT that it is attached to now; may be NULL
 *
 * Return: 0, or -errno.
 */
int cdev_attach(int fd, __u32 pt_id, __u32 *out_hwpt)
{
	struct vfio_device_attach_iommufd_pt cmd = { .argsz = sizeof(cmd), .pt_id = pt_id };
	int rc = call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd);

	if (!rc && out_hwpt)
		*out_hwpt = cmd.pt_id;
	return rc;
}

/** cdev_detach() - Detach; the device's accesses are refused from here on */
int cdev_detach(int fd)
{
	struct vfio_device_detach_iommufd_pt cmd = { .argsz = sizeof(cmd) };

	return call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &cmd);
}

/**
 * cdev_attach_pasid() - Attach a PASID, or replace what it is attached to
 * @fd: The device
 * @pasid: The PASID
 * @pt_id: The IOAS or HWPT
 *
 * Return: 0, or -errno: EINVAL or EOPNOTSUPP the kernel or the device has no PASIDs.
 */
int cdev_attach_pasid(int fd, __u32 pasid, __u32 pt_id)
{
	struct attach_pasid cmd = {
		.argsz = sizeof(cmd),
		.flags = ATTACH_PASID,
		.pt_id = pt_id,
		.pasid = pasid,
	};

	return call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd);
}

/** cdev_detach_pasid() - Detach a PASID; the accesses that the device makes with it are refused */
int cdev_detach_pasid(int fd, __u32 pasid)
{
	struct detach_pasid cmd = {
		.argsz = sizeof(cmd),
		.flags = ATTACH_PASID,
		.pasid = pasid,
	};

	return call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &cmd);
}

/**
 * cdev_bus_master() - Allow or forbid DMA in the device's PCI command register
 * @fd: The device
 * @enable: Allow it
 *
 * Return: 0, or -errno.
 */
int cdev_bus_master(int fd, bool enable)
{
	struct vfio_region_info info;
	__u16 command;
	off_t at;
	int rc;

	rc = region(fd, VFIO_PCI_CONFIG_REGION_INDEX, &info);
	if (rc)
		return rc;
	at = (off_t)info.offset + PCI_COMMAND;
	if (pread(fd, &command, sizeof(command), at) != sizeof(command))
		return -EIO;
	command |= PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	if (!enable)
		command &= ~PCI_COMMAND_MASTER;
	if (pwrite(fd, &command, sizeof(command), at) != sizeof(command))
		return -EIO;
	return 0;
}

/**
 * cdev_map_bar0() - Map the registers of a device
 * @fd: The device
 * @bar: Out: BAR0; to be unmapped with munmap()
 * @size: Out: bytes of it
 *
 * Return: 0, or -errno: ENODEV it cannot be mapped.
 */
int cdev_map_bar0(int fd, void **bar, __u64 *size)
{
	struct vfio_region_info info;
	void *map;
	int rc;

	rc = region(fd, VFIO_PCI_BAR0_REGION_INDEX, &info);
	if (rc)
		return rc;
	if (!(info.flags & VFIO_REGION_INFO_FLAG_MMAP))
		return -ENODEV;
	map = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)info.offset);
	if (map == MAP_FAILED)
		return -errno;
	*bar = map;
	*size = info.size;
	return 0;
}
