// SPDX-License-Identifier: GPL-2.0-only
/*
 * An address space with one device; see bed.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bed.h"

/* Above what is reserved below 4 GiB, for interrupts and for firmware */
#define IOVA		(4ull << 30)
/* An edu reaches 256 MiB. */
#define EDU_IOVA	(64ull << 20)
/* What a device writes to its queues is not looked at. */
#define QUEUES_OFFSET	(1ull << 30)
#define WRITE_BYTES	64u
#define WAIT_MS		60000

/* ---- Devices that can be told what to write ------------------------------- */

static int edu_begin(struct bed *b)
{
	b->edu = (struct edu){ .fd = b->dev.fd, .dev_id = b->dev.dev_id };
	return edu_use(&b->edu);
}

static int edu_do_write(struct bed *b, __u64 iova)
{
	return edu_write(&b->edu, iova, 0, WRITE_BYTES);
}

static int virtual_begin(struct bed *b)
{
	return vdev_use(&b->dev);
}

static int virtual_write(struct bed *b, __u64 iova)
{
	struct vdev_job job;

	vdev_job_init(&job);
	job.iova = iova;
	job.length = PAGE;
	return vdev_run(&b->dev, &job, WAIT_MS);
}

static int nvme_do_begin(struct bed *b)
{
	__u64 iova = b->iova + QUEUES_OFFSET;
	int rc;

	b->queues = mmap(NULL, NVME_QUEUES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	if (b->queues == MAP_FAILED)
		return -ENOMEM;
	rc = iommufd_ioas_map(b->fd, b->ioas_id, b->queues, NVME_QUEUES, iova, IOMMUFD_MAP_RW);
	return rc ? rc : nvme_begin(&b->nvme, b->dev.fd, b->queues, iova);
}

static int nvme_do_write(struct bed *b, __u64 iova)
{
	return nvme_identify(&b->nvme, iova);
}

static const struct writer writers[] = {
	{ "QEMU's edu", EDU_VENDOR, EDU_DEVICE, EDU_IOVA, edu_begin, edu_do_write },
	{ "a DMA device of the virtual platform", VIRT_DMA_VENDOR_ID, VIRT_DMA_DEVICE_ID,
	  IOVA, virtual_begin, virtual_write },
	{ "an NVMe controller, by Identify", 0, NVME_CLASS, IOVA, nvme_do_begin, nvme_do_write },
};

static unsigned long pci_id(const char *address, const char *name)
{
	char path[128], text[16] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", address, name);
	f = fopen(path, "r");
	if (f) {
		if (!fgets(text, sizeof(text), f))
			*text = 0;
		fclose(f);
	}
	return strtoul(text, NULL, 16);
}

static const struct writer *find_writer(const char *address)
{
	unsigned long vendor = pci_id(address, "vendor"), device = pci_id(address, "device");
	unsigned long class = pci_id(address, "class");
	unsigned int i;

	for (i = 0; i < sizeof(writers) / sizeof(*writers); i++)
		if (writers[i].vendor ? writers[i].vendor == vendor && writers[i].device == device :
					writers[i].device == class)
			return &writers[i];
	return NULL;
}

/* ---- The address space ------------------------------------------------------ */

/** bed_hwpt() - A HWPT for the device, with dirty tracking if there is; 0 or -errno */
int bed_hwpt(struct bed *b, __u32 *hwpt_id)
{
	return iommufd_hwpt_alloc(b->fd, b->dev.dev_id, b->ioas_id,
				  b->tracked ? IOMMU_HWPT_ALLOC_DIRTY_TRACKING : 0, hwpt_id);
}

static int make_ram(struct bed *b)
{
	b->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	if (b->ram == MAP_FAILED)
		return -ENOMEM;
	madvise(b->ram, RAM_SIZE, MADV_NOHUGEPAGE);
	memset(b->ram, 0xff, RAM_SIZE);
	return 0;
}

/* IOAS, memory, HWPT, tracker; the device is bound */
static int make_space(struct bed *b, bool small_leaves)
{
	int rc = iommufd_ioas_alloc(b->fd, &b->ioas_id);

	if (!rc && small_leaves)
		rc = iommufd_ioas_small_leaves(b->fd, b->ioas_id, true);
	if (!rc)
		rc = iommufd_ioas_map(b->fd, b->ioas_id, b->ram, RAM_SIZE, b->iova,
				      IOMMUFD_MAP_RW);
	if (rc)
		return rc;
	b->tracked = true;
	rc = bed_hwpt(b, &b->hwpt_id);
	if (rc == -EOPNOTSUPP) {
		b->tracked = false;
		rc = bed_hwpt(b, &b->hwpt_id);
	}
	if (!rc)
		rc = vdev_attach(&b->dev, b->hwpt_id, NULL);
	if (!rc)
		rc = tracker_alloc(b->fd, b->ioas_id, IOMMU_DIRTY_POLICY_AUTO, 0, 0,
				   &b->tracker_id);
	return rc;
}

/**
 * bed_open() - Make it, with the device attached
 * @b: Filled in; to be closed with bed_close() also after a failure
 * @address: PCI address of the device, which is bound to a vfio driver
 * @small_leaves: With IOMMU_OPTION_DIRTY_SMALL_LEAVES
 *
 * Return: 0, or -errno.
 */
int bed_open(struct bed *b, const char *address, bool small_leaves)
{
	int rc;

	*b = (struct bed){ .dev.fd = -1, .writer = find_writer(address) };
	b->iova = b->writer ? b->writer->iova : IOVA;
	b->fd = iommufd_open();
	if (b->fd < 0)
		return b->fd;
	rc = vdev_open_address(&b->dev, b->fd, address);
	if (!rc)
		rc = make_ram(b);
	if (!rc)
		rc = make_space(b, small_leaves);
	if (!rc && b->writer)
		rc = b->writer->begin(b);
	return rc;
}

/** bed_close() - Give everything back; the kernel resets the device */
void bed_close(struct bed *b)
{
	if (b->edu.reg)
		munmap((void *)b->edu.reg, b->edu.size);
	nvme_end(&b->nvme);
	vdev_close(&b->dev);
	if (b->fd >= 0)
		close(b->fd);
	if (b->ram && b->ram != MAP_FAILED)
		munmap(b->ram, RAM_SIZE);
	if (b->queues && b->queues != MAP_FAILED)
		munmap(b->queues, NVME_QUEUES);
}

/** bed_set() - START or STOP the tracker; @flags gets the answer, or is NULL */
int bed_set(struct bed *b, bool run, __u32 *flags)
{
	return tracker_set(b->fd, b->tracker_id, run ? IOMMU_DIRTY_TRACKER_ENABLE : 0, NULL,
			   flags);
}

/** bed_read() - READ all memory into @b->bits; 0 or -errno */
int bed_read(struct bed *b, __u32 flags)
{
	memset(b->bits, 0, sizeof(b->bits));
	return tracker_read_bitmap(b->fd, b->tracker_id, b->iova, RAM_SIZE, PAGE, b->bits,
				   flags, NULL);
}

/**
 * bed_source() - Who tracks the device
 * @b: Its tracker runs
 * @source: Filled in
 * @flags: Of the tracker
 *
 * INFO also lists HWPTs without a device.
 *
 * Return: 0, -errno; -ENODATA if the device has no source.
 */
int bed_source(struct bed *b, struct iommu_dirty_source_info *source, __u32 *flags)
{
	struct iommu_dirty_source_info all[4] = {};
	const unsigned int nr = sizeof(all) / sizeof(*all);
	struct iommu_dirty_tracker_info info;
	int rc = tracker_info(b->fd, b->tracker_id, &info, all, nr);
	unsigned int i;

	if (rc)
		return rc;
	*flags = info.out_flags;
	for (i = 0; i < nr && i < info.nr_sources; i++) {
		if (all[i].dev_id != b->dev.dev_id)
			continue;
		*source = all[i];
		return 0;
	}
	return -ENODATA;
}

/** bed_dirty() - How many of these pages are set in @b->bits */
unsigned int bed_dirty(const struct bed *b, __u64 first, __u64 pages)
{
	unsigned int n = 0;
	__u64 i;

	for (i = first; i < first + pages; i++)
		n += b->bits[i / 64] >> (i % 64) & 1;
	return n;
}

/**
 * bed_write() - The device writes to a page
 *
 * Return: 0, or -errno; -EIO when memory does not have what was written.
 */
int bed_write(struct bed *b, __u64 page)
{
	volatile __u64 *at = (volatile __u64 *)(b->ram + page * PAGE);
	int rc;

	*at = ~0ull;
	rc = b->writer->write(b, b->iova + page * PAGE);
	if (rc)
		return rc;
	return *at == ~0ull ? -EIO : 0;
}
