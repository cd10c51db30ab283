// SPDX-License-Identifier: GPL-2.0-only
/* QEMU's edu device opened through its vfio character device. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cdev.h"
#include "edu.h"
#include "sysfs.h"

/* How long a transfer may take on a busy machine */
#define WAIT_US	20000000u

/** edu_count() - How many there are, or -errno */
int edu_count(void)
{
	return sysfs_pci_count(EDU_VENDOR, EDU_DEVICE);
}

/**
 * edu_use() - Allow DMA of a device that is open and bound to an iommufd, and map its registers
 * @e: With @e->fd and @e->dev_id
 *
 * Return: 0, or -errno: ENODEV it is no edu.
 */
int edu_use(struct edu *e)
{
	void *registers;
	int rc = edu_bus_master(e);

	if (!rc)
		rc = cdev_map_bar0(e->fd, &registers, &e->size);
	if (rc)
		return rc;
	e->reg = registers;
	return (e->reg[EDU_ID / 4] & 0xff) == 0xed ? 0 : -ENODEV;
}

/**
 * edu_open() - Give a device to vfio-pci and open it, ready to be attached
 * @e: Filled in
 * @iommufd: To bind it to; must stay open as long as the device
 * @index: Which of them, in order of their PCI address, from 0
 *
 * Return: 0, or -errno.
 */
int edu_open(struct edu *e, int iommufd, unsigned int index)
{
	int rc;

	*e = (struct edu){ .fd = -1 };
	rc = sysfs_pci_find(EDU_VENDOR, EDU_DEVICE, index, e->name,
			    sizeof(e->name));
	if (!rc)
		rc = sysfs_pci_bind(e->name, "vfio-pci");
	if (!rc)
		rc = cdev_open(e->name, iommufd, &e->fd, &e->dev_id);
	if (!rc)
		rc = edu_use(e);
	if (rc)
		edu_close(e);
	return rc;
}

/** edu_close() - Close it; one that is closed already is left alone */
void edu_close(struct edu *e)
{
	if (e->reg)
		munmap((void *)e->reg, e->size);
	e->reg = NULL;
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}

/**
 * edu_attach() - Attach to an IOAS or an HWPT, or replace what it is attached to
 * @pt_id: The IOAS or HWPT
 * @out_hwpt: The HWPT that it is attached to now; may be NULL
 *
 * Return: 0, or -errno.
 */
int edu_attach(struct edu *e, __u32 pt_id, __u32 *out_hwpt)
{
	return cdev_attach(e->fd, pt_id, out_hwpt);
}

/** edu_detach() - Detach; DMA is refused from here on */
int edu_detach(struct edu *e)
{
	return cdev_detach(e->fd);
}

/** edu_bus_master() - Allow DMA, which a reset forbids */
int edu_bus_master(struct edu *e)
{
	return cdev_bus_master(e->fd, true);
}

static void write64(struct edu *e, unsigned int at, __u64 value)
{
	*(volatile __u64 *)(e->reg + at / 4) = value;
}

/**
 * edu_start() - Begin a transfer; none may be under way
 * @src: Address that the DMA engine reads, EDU_BUFFER or an IOVA
 * @dst: Address that it writes
 * @count: Bytes, at most EDU_BUFFER_SIZE
 * @direction: 0 or EDU_DMA_TO_RAM
 */
void edu_start(struct edu *e, __u64 src, __u64 dst, __u64 count, __u64 direction)
{
	__sync_synchronize();
	write64(e, EDU_DMA_SRC, src);
	write64(e, EDU_DMA_DST, dst);
	write64(e, EDU_DMA_COUNT, count);
	write64(e, EDU_DMA_CMD, EDU_DMA_START | direction);
}

/** edu_busy() - Is a transfer under way? */
bool edu_busy(struct edu *e)
{
	bool busy = e->reg[EDU_DMA_CMD / 4] & EDU_DMA_START;

	__sync_synchronize();
	return busy;
}

/** edu_wait() - Wait until it is done, whether it was refused or not */
int edu_wait(struct edu *e)
{
	const unsigned int pause = 50;
	unsigned int us;

	for (us = 0; us < WAIT_US; us += pause) {
		if (!edu_busy(e))
			return 0;
		usleep(pause);
	}
	return -ETIMEDOUT;
}

/**
 * edu_write() - DMA from the device's memory to RAM
 * @iova: First byte written
 * @from: Offset in the device's memory
 * @count: Bytes
 *
 * Return: 0, or -errno.
 */
int edu_write(struct edu *e, __u64 iova, unsigned int from, unsigned int count)
{
	edu_start(e, EDU_BUFFER + from, iova, count, EDU_DMA_TO_RAM);
	return edu_wait(e);
}

/**
 * edu_read() - DMA from RAM to the device's memory
 * @iova: First byte read
 * @to: Offset in the device's memory
 * @count: Bytes
 *
 * Return: 0, or -errno.
 */
int edu_read(struct edu *e, __u64 iova, unsigned int to, unsigned int count)
{
	edu_start(e, iova, EDU_BUFFER + to, count, 0);
	return edu_wait(e);
}
