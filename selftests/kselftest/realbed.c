// SPDX-License-Identifier: GPL-2.0-only
/*
 * An address space on a real IOMMU driver; see realbed.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "realbed.h"

/* Of hugetlb, neighbours are often contiguous: an AMD leaf of several entries */
static char *ram_alloc(bool hugetlb)
{
	FILE *f = hugetlb ? fopen("/proc/sys/vm/nr_hugepages", "w") : NULL;
	char *map = MAP_FAILED;

	if (f && fprintf(f, "16\n") > 0 && !fflush(f))
		map = mmap(NULL, RAM_SIZE + HUGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (f)
		fclose(f);
	return map != MAP_FAILED ? map :
	       mmap(NULL, RAM_SIZE + HUGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/**
 * realbed_open() - Open the device, and make RAM and an IOAS
 * @b: The address space, to be closed with realbed_close()
 * @hugetlb: RAM that is contiguous as far as it can be
 *
 * Return: 0 or -errno.
 */
int realbed_open(struct realbed *b, bool hugetlb)
{
	char *map;
	int rc;

	b->dev.fd = -1;
	b->fd = iommufd_open();
	if (b->fd < 0)
		return b->fd;
	rc = edu_open(&b->dev, b->fd, 0);
	if (rc)
		return rc;
	map = ram_alloc(hugetlb);
	if (map == MAP_FAILED)
		return -ENOMEM;
	b->ram = (char *)(((unsigned long)map + HUGE - 1) & ~(HUGE - 1));
	madvise(b->ram, RAM_SIZE, MADV_HUGEPAGE);
	memset(b->ram, 0xff, RAM_SIZE);
	return iommufd_ioas_alloc(b->fd, &b->ioas_id);
}

/** realbed_close() - Close the device and the iommufd */
void realbed_close(struct realbed *b)
{
	edu_close(&b->dev);
	close(b->fd);
}

/**
 * realbed_map() - Map RAM from IOVA on
 * @b: The address space
 * @length: Bytes; RAM is mapped again and again if it is smaller
 * @piece: Bytes of each mapping: a leaf of AMD's has any power of two that is contiguous
 *
 * Return: 0 or -errno.
 */
int realbed_map(struct realbed *b, __u64 length, __u64 piece)
{
	__u64 at;
	int rc = 0;

	for (at = 0; !rc && at < length; at += piece)
		rc = iommufd_ioas_map(b->fd, b->ioas_id, b->ram + at % RAM_SIZE, piece,
				      IOVA + at, IOMMUFD_MAP_RW);
	return rc;
}

/** realbed_hwpt() - Allocate a HWPT with dirty tracking; 0 or -errno */
int realbed_hwpt(struct realbed *b, __u32 *hwpt_id)
{
	return iommufd_hwpt_alloc(b->fd, b->dev.dev_id, b->ioas_id,
				  IOMMU_HWPT_ALLOC_DIRTY_TRACKING, hwpt_id);
}

/**
 * realbed_start() - Attach the device to @b->hwpt_id, and START a tracker
 * @b: The address space, mapped, with a HWPT
 * @flags: Gets the answer of START, or NULL
 *
 * Return: 0 or -errno.
 */
int realbed_start(struct realbed *b, __u32 *flags)
{
	int rc = edu_attach(&b->dev, b->hwpt_id, NULL);

	if (!rc)
		rc = tracker_alloc(b->fd, b->ioas_id, IOMMU_DIRTY_POLICY_AUTO, 0, 0,
				   &b->tracker_id);
	if (!rc)
		rc = tracker_set(b->fd, b->tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL, flags);
	return rc;
}

/**
 * realbed_write() - The device writes to a page
 * @b: The address space
 * @page: From IOVA on
 *
 * Return: 0, or -errno; -EFAULT when RAM does not have what was written, which a domain
 * may have refused, or translated wrongly.
 */
int realbed_write(struct realbed *b, __u64 page)
{
	volatile __u64 *at = (volatile __u64 *)(b->ram + page * PAGE % RAM_SIZE);
	int rc;

	*at = ~0ull;
	rc = edu_write(&b->dev, IOVA + page * PAGE, 0, REAL_BYTES);
	if (rc)
		return rc;
	return *at ? -EFAULT : 0;
}
