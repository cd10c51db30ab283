// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtual DMA device opened through its vfio character device: find it in
 * sysfs, give it to a driver, bind it to an iommufd, map its registers, let it
 * work. What the registers mean is in virt_dma.h. Any other device can be opened and
 * attached, and no more.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <linux/vfio.h>

#include "cdev.h"
#include "sysfs.h"
#include "vdev.h"

/* How long a device may take to see a write to CTRL, in ms. */
#define DOORBELL_MS	5000
/* How long vdev_stop() waits for what is in flight, in ms. */
#define STOP_MS		30000

static int call(const struct vdev *d, unsigned long request, void *arg)
{
	return ioctl(d->fd, request, arg) < 0 ? -errno : 0;
}

/**
 * vdev_count() - How many virtual DMA devices there are
 *
 * Return: The number, or -errno.
 */
int vdev_count(void)
{
	return sysfs_pci_count(VIRT_DMA_VENDOR_ID, VIRT_DMA_DEVICE_ID);
}

/**
 * vdev_open_address() - Open a device of any kind, ready to be attached
 * @d: Filled in, without registers
 * @iommufd: To bind it to; must stay open as long as the device
 * @address: Its PCI address; it is bound to a vfio driver
 *
 * Bus mastering stays off, as the driver leaves it.
 *
 * Return: 0, or -errno: ENXIO there is no character device; EBUSY or EINVAL it is in use,
 * or its IOMMU group is.
 */
int vdev_open_address(struct vdev *d, int iommufd, const char *address)
{
	*d = (struct vdev){ .fd = -1, .iommufd = iommufd };
	if (strlen(address) >= sizeof(d->name))
		return -ENAMETOOLONG;
	strcpy(d->name, address);
	return cdev_open(d->name, iommufd, &d->fd, &d->dev_id);
}

/**
 * vdev_use() - Map the registers of a device that vdev_open_address() has opened, and enable
 *	bus mastering
 * @d: The device
 *
 * Return: 0, or -errno: ENODEV it is no virtual DMA device.
 */
int vdev_use(struct vdev *d)
{
	void *bar;
	int rc = cdev_map_bar0(d->fd, &bar, &d->bar_size);

	if (rc)
		return rc;
	d->bar = bar;
	if (vdev_read64(d, VIRT_DMA_ID) != VIRT_DMA_MAGIC)
		rc = -ENODEV;
	if (!rc)
		rc = vdev_bus_master(d, 1);
	return rc;
}

/**
 * vdev_open_driver() - Open a device, ready to be attached
 * @d: Filled in
 * @iommufd: To bind it to; must stay open as long as the device
 * @index: Which of the devices, in order of their PCI address, from 0
 * @driver: VFIO driver, VDEV_TRACKER_DRIVER for one
 *
 * Binds the device to the driver if it is not, and enables bus mastering.
 *
 * Return: 0, or -errno: ENODEV there is no such device, or it is not what its
 * PCI ID says; ENXIO the driver did not take it, or has no character device;
 * EBUSY it is open already.
 */
int vdev_open_driver(struct vdev *d, int iommufd, unsigned int index,
		     const char *driver)
{
	int rc;

	*d = (struct vdev){ .fd = -1, .iommufd = iommufd };
	rc = sysfs_pci_find(VIRT_DMA_VENDOR_ID, VIRT_DMA_DEVICE_ID, index,
			    d->name, sizeof(d->name));
	if (rc)
		return rc;
	rc = sysfs_pci_bind(d->name, driver);
	if (!rc)
		rc = cdev_open(d->name, iommufd, &d->fd, &d->dev_id);
	if (rc)
		return rc;

	rc = vdev_use(d);
	if (rc)
		vdev_close(d);
	return rc;
}

/** vdev_open() - As vdev_open_driver(), with vfio-pci */
int vdev_open(struct vdev *d, int iommufd, unsigned int index)
{
	return vdev_open_driver(d, iommufd, index, "vfio-pci");
}

/**
 * vdev_close() - Close a device; the kernel detaches and resets it
 * @d: From vdev_open(); one that is closed already is left alone
 */
void vdev_close(struct vdev *d)
{
	if (d->bar)
		munmap((void *)d->bar, d->bar_size);
	d->bar = NULL;
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

/**
 * vdevs_init() - None of an array of devices is open
 * @dev: The devices
 * @nr: How many
 */
void vdevs_init(struct vdev *dev, unsigned int nr)
{
	for (; nr; dev++, nr--)
		dev->fd = -1;
}

/**
 * vdevs_close() - Stop and close those of an array of devices that are open
 * @dev: The devices
 * @nr: How many
 */
void vdevs_close(struct vdev *dev, unsigned int nr)
{
	for (; nr; dev++, nr--) {
		if (dev->fd < 0)
			continue;
		vdev_stop(dev);
		vdev_close(dev);
	}
}

/**
 * vdev_attach() - Attach to an IOAS or an HWPT, or replace what it is attached to
 * @d: The device
 * @pt_id: The IOAS or HWPT
 * @out_hwpt: The HWPT that it is attached to now; may be NULL
 *
 * Return: 0, or -errno.
 */
int vdev_attach(struct vdev *d, __u32 pt_id, __u32 *out_hwpt)
{
	return cdev_attach(d->fd, pt_id, out_hwpt);
}

/**
 * vdev_detach() - Detach; the device's accesses are refused from here on
 * @d: The device
 *
 * Return: 0, or -errno.
 */
int vdev_detach(struct vdev *d)
{
	return cdev_detach(d->fd);
}

/**
 * vdev_reset() - Reset the device (VFIO_DEVICE_RESET)
 * @d: The device
 *
 * A reset clears bus mastering; vdev_bus_master() enables it again.
 *
 * Return: 0, or -errno.
 */
int vdev_reset(struct vdev *d)
{
	return call(d, VFIO_DEVICE_RESET, NULL);
}

/**
 * vdev_bus_master() - Allow or forbid DMA in the device's PCI command register
 * @d: The device
 * @enable: 0 or 1
 *
 * Return: 0, or -errno.
 */
int vdev_bus_master(struct vdev *d, int enable)
{
	return cdev_bus_master(d->fd, enable);
}

/**
 * vdev_irq_set() - Connect MSI-X vector 0 to an eventfd
 * @d: The device
 * @fd: The eventfd, or -1 to turn MSI-X off
 *
 * A job with @irq set raises it when the run ends.
 *
 * Return: 0, or -errno.
 */
int vdev_irq_set(struct vdev *d, int fd)
{
	struct {
		struct vfio_irq_set set;
		__s32 fd;
	} cmd = {
		.set = {
			.argsz = fd < 0 ? sizeof(cmd.set) : sizeof(cmd),
			.flags = VFIO_IRQ_SET_ACTION_TRIGGER |
				 (fd < 0 ? VFIO_IRQ_SET_DATA_NONE :
					   VFIO_IRQ_SET_DATA_EVENTFD),
			.index = VFIO_PCI_MSIX_IRQ_INDEX,
			.count = fd < 0 ? 0 : 1,
		},
		.fd = fd,
	};

	return call(d, VFIO_DEVICE_SET_IRQS, &cmd);
}

/**
 * vdev_irq_enable() - Connect MSI-X vector 0 to a new eventfd
 * @d: The device
 *
 * Return: An eventfd that the caller closes, or -errno. See vdev_irq_set().
 */
int vdev_irq_enable(struct vdev *d)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	rc = vdev_irq_set(d, fd);
	if (rc) {
		close(fd);
		return rc;
	}
	return fd;
}

/**
 * vdev_read64() - Read a register
 * @d: The device
 * @reg: VIRT_DMA_*, in bytes
 *
 * Return: Its value.
 */
__u64 vdev_read64(struct vdev *d, unsigned int reg)
{
	__u64 value = d->bar[reg / sizeof(*d->bar)];

	__sync_synchronize();
	return value;
}

/**
 * vdev_write64() - Write a register
 * @d: The device
 * @reg: VIRT_DMA_*, in bytes
 * @value: To write
 */
void vdev_write64(struct vdev *d, unsigned int reg, __u64 value)
{
	__sync_synchronize();
	d->bar[reg / sizeof(*d->bar)] = value;
	__sync_synchronize();
}

static __u64 now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (__u64)ts.tv_sec * 1000 + (__u64)ts.tv_nsec / 1000000;
}

/* Wait until (register & @mask) is 0, looking every 200 us. */
static int wait_clear(struct vdev *d, unsigned int reg, __u64 mask,
		      unsigned int timeout_ms)
{
	const struct timespec pause = { .tv_nsec = 200000 };
	__u64 end = now_ms() + timeout_ms;

	while (vdev_read64(d, reg) & mask) {
		if (now_ms() > end)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* A command is taken when the device has made CTRL read as 0. */
static int doorbell(struct vdev *d, __u64 command)
{
	vdev_write64(d, VIRT_DMA_CTRL, command);
	return wait_clear(d, VIRT_DMA_CTRL, ~0ull, DOORBELL_MS);
}

/**
 * vdev_job_init() - A job with the registers' reset values: 8 bytes at the
 *	beginning of each 4 KiB, in sequence, once, without a limit
 * @job: To fill in; the caller sets at least @iova and @length
 */
void vdev_job_init(struct vdev_job *job)
{
	*job = (struct vdev_job){
		.op = VIRT_DMA_OP_WRITE,
		.pattern = VIRT_DMA_PATTERN_SEQ,
		.unit = 4096,
		.size = 8,
		.stride = 1,
		.sweeps = 1,
	};
}

/**
 * vdev_start() - Start a job; a running one is stopped first
 * @d: The device
 * @job: What to do
 *
 * When it returns, STATUS and DONE are those of this job.
 *
 * Return: 0, or -errno.
 */
int vdev_start(struct vdev *d, const struct vdev_job *job)
{
	int rc = vdev_stop(d);

	if (rc)
		return rc;
	vdev_write64(d, VIRT_DMA_OP, job->op);
	vdev_write64(d, VIRT_DMA_PATTERN, job->pattern);
	vdev_write64(d, VIRT_DMA_IOVA, job->iova);
	vdev_write64(d, VIRT_DMA_LENGTH, job->length);
	vdev_write64(d, VIRT_DMA_UNIT, job->unit);
	vdev_write64(d, VIRT_DMA_SIZE, job->size);
	vdev_write64(d, VIRT_DMA_OFFSET, job->offset);
	vdev_write64(d, VIRT_DMA_STRIDE, job->stride);
	vdev_write64(d, VIRT_DMA_SRC, job->src);
	vdev_write64(d, VIRT_DMA_SEED, job->seed);
	vdev_write64(d, VIRT_DMA_SWEEPS, job->sweeps);
	vdev_write64(d, VIRT_DMA_RATE, job->rate);
	vdev_write64(d, VIRT_DMA_PASID, job->pasid);
	vdev_write64(d, VIRT_DMA_IRQ, job->irq);
	return doorbell(d, VIRT_DMA_CTRL_START);
}

/**
 * vdev_wait() - Wait until the device is idle
 * @d: The device
 * @timeout_ms: How long
 *
 * Return: 0, or -ETIMEDOUT. Accesses that were refused are in FAULTS.
 */
int vdev_wait(struct vdev *d, unsigned int timeout_ms)
{
	return wait_clear(d, VIRT_DMA_STATUS, VIRT_DMA_STATUS_RUNNING,
			  timeout_ms);
}

/**
 * vdev_stop() - Stop the device and wait until nothing is in flight
 * @d: The device; may be idle
 *
 * Return: 0, or -errno.
 */
int vdev_stop(struct vdev *d)
{
	int rc;

	if (!(vdev_read64(d, VIRT_DMA_STATUS) & VIRT_DMA_STATUS_RUNNING))
		return 0;
	rc = doorbell(d, VIRT_DMA_CTRL_STOP);
	return rc ? rc : vdev_wait(d, STOP_MS);
}

/**
 * vdev_run() - Start a job and wait for its end
 * @d: The device
 * @job: What to do; @sweeps not 0
 * @timeout_ms: How long; the device is stopped when it takes longer
 *
 * Return: 0; -ETIMEDOUT; -EFAULT when an access was refused.
 */
int vdev_run(struct vdev *d, const struct vdev_job *job,
	     unsigned int timeout_ms)
{
	int rc = vdev_start(d, job);

	if (rc)
		return rc;
	rc = vdev_wait(d, timeout_ms);
	if (rc) {
		vdev_stop(d);
		return rc;
	}
	return vdev_read64(d, VIRT_DMA_FAULTS) ? -EFAULT : 0;
}
