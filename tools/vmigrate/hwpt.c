// SPDX-License-Identifier: GPL-2.0-only
/*
 * Without a dirty tracker: each HWPT is made with dirty bits, switched on, and
 * asked by itself, with the ioctls that the kernel's own iommufd has. To compare
 * with; it works with that iommufd too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmigrate.h"

/**
 * hwpt_attach() - Attach a device to an HWPT with dirty bits
 * @vmm: Gets the HWPT, if it is a new one
 * @d: The device
 *
 * Return: 0 or -errno; EOPNOTSUPP when its IOMMU has no dirty bits.
 */
int hwpt_attach(struct vmm *vmm, struct vdev *d)
{
	unsigned int i;
	u32 id;
	int rc;

	/* One that is for another IOMMU is refused. */
	for (i = 0; i < vmm->nr_hwpts; i++)
		if (!vdev_attach(d, vmm->hwpts[i], NULL))
			return 0;
	rc = iommufd_hwpt_alloc(vmm->iommufd, d->dev_id, vmm->ioas_id,
				IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &id);
	if (rc)
		return rc;
	vmm->hwpts[vmm->nr_hwpts++] = id;
	return vdev_attach(d, id, NULL);
}

/**
 * hwpt_start() - Switch the dirty bits of all HWPTs on
 * @vmm: The devices are attached
 *
 * Return: 0 or -errno.
 */
int hwpt_start(struct vmm *vmm)
{
	unsigned int i;
	int rc = 0;

	for (i = 0; !rc && i < vmm->nr_hwpts; i++)
		rc = iommufd_hwpt_set_dirty(vmm->iommufd, vmm->hwpts[i], true);
	vmm->page_size = GUEST_PAGE;
	return rc;
}

/**
 * hwpt_read() - Ask all HWPTs for the dirty pages of a slot
 * @vmm: With the dirty bits on
 * @slot: Its bitmap gets what was written, unless @peek
 * @peek: Leave it to be reported again
 * @dirty_bytes: Is increased by what was written
 *
 * Return: 0 or -errno.
 */
int hwpt_read(struct vmm *vmm, struct slot *slot, bool peek, u64 *dirty_bytes)
{
	u64 words = (slot->length / GUEST_PAGE + 63) / 64, w;
	u64 *bits = calloc(words, sizeof(*bits));
	unsigned int i;
	int rc = bits ? 0 : -ENOMEM;

	/* Each call adds to what is in the bitmap. */
	for (i = 0; !rc && i < vmm->nr_hwpts; i++)
		rc = iommufd_hwpt_get_dirty(vmm->iommufd, vmm->hwpts[i],
					    slot->iova, slot->length, GUEST_PAGE,
					    bits, peek ?
					    IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR :
					    0);
	for (w = 0; !rc && w < words; w++) {
		*dirty_bytes += (u64)__builtin_popcountll(bits[w]) * GUEST_PAGE;
		if (!peek)
			slot->dirty[w] |= bits[w];
	}
	free(bits);
	return rc;
}
