// SPDX-License-Identifier: GPL-2.0-only
/*
 * HWPTs that are made by hand.
 *
 * Without a dirty tracker, each HWPT is made with dirty bits, switched on, and
 * read by itself, with the ioctls that the kernel's own iommufd has, for comparison;
 * that works with the kernel's iommufd too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cdev.h"
#include "vmigrate.h"

/** hwpt_members() - How many devices are attached: VFs first, then DMA devices, then NICs */
unsigned int hwpt_members(const struct vmm *vmm)
{
	return vmm->vfs.nr + vmm->nr_devices + vmm->nics.nr;
}

static u32 member_id(const struct vmm *vmm, unsigned int i)
{
	if (i < vmm->vfs.nr)
		return vmm->vfs.devices[i].vf.dev_id;
	i -= vmm->vfs.nr;
	if (i < vmm->nr_devices)
		return vmm->devices[i].dev_id;
	return vmm->nics.devices[i - vmm->nr_devices].nic.dev_id;
}

/** hwpt_member_name() - Name of device number @i, for messages */
const char *hwpt_member_name(const struct vmm *vmm, unsigned int i)
{
	if (i < vmm->vfs.nr)
		return vmm->vfs.devices[i].vf.name;
	i -= vmm->vfs.nr;
	if (i < vmm->nr_devices)
		return vmm->devices[i].name;
	return vmm->nics.devices[i - vmm->nr_devices].nic.name;
}

/** hwpt_member_attach() - Attach device number @i to a HWPT, or move it there; 0 or -errno */
int hwpt_member_attach(struct vmm *vmm, unsigned int i, u32 hwpt_id)
{
	if (i < vmm->vfs.nr)
		return vf_attach(&vmm->vfs.devices[i].vf, hwpt_id);
	i -= vmm->vfs.nr;
	if (i < vmm->nr_devices)
		return vdev_attach(&vmm->devices[i], hwpt_id, NULL);
	return cdev_attach(vmm->nics.devices[i - vmm->nr_devices].nic.fd, hwpt_id, NULL);
}

/**
 * hwpt_attach() - Attach a device to a HWPT with dirty bits
 * @vmm: Gets the HWPT, if it is a new one
 * @i: Number of the device
 *
 * Return: 0 or -errno; EOPNOTSUPP when its IOMMU has no dirty bits.
 */
int hwpt_attach(struct vmm *vmm, unsigned int i)
{
	unsigned int n;
	u32 id;
	int rc;

	/* One that is for another IOMMU is refused. */
	for (n = 0; n < vmm->nr_hwpts; n++)
		if (!hwpt_member_attach(vmm, i, vmm->hwpts[n]))
			return 0;
	rc = iommufd_hwpt_alloc(vmm->iommufd, member_id(vmm, i), vmm->ioas_id,
				IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &id);
	if (rc)
		return rc;
	vmm->hwpts[vmm->nr_hwpts++] = id;
	return hwpt_member_attach(vmm, i, id);
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

/**
 * hwpt_make() - Make a HWPT, with dirty bits where the IOMMU has them
 * @vmm: Its IOAS is used
 * @dev_id: A device that it is for
 * @id: The HWPT
 *
 * Return: 0 or -errno.
 */
int hwpt_make(struct vmm *vmm, u32 dev_id, u32 *id)
{
	int rc = iommufd_hwpt_alloc(vmm->iommufd, dev_id, vmm->ioas_id,
				    IOMMU_HWPT_ALLOC_DIRTY_TRACKING, id);

	if (rc == -EOPNOTSUPP)
		rc = iommufd_hwpt_alloc(vmm->iommufd, dev_id, vmm->ioas_id, 0,
					id);
	return rc;
}

static int attach_large(struct vmm *vmm, unsigned int i)
{
	struct leaves *leaves = &vmm->leaves;
	struct leaves_hwpt *hwpt;
	unsigned int n;
	int rc;

	/* One that is for another IOMMU is refused. */
	for (n = 0; n < leaves->nr; n++)
		if (!hwpt_member_attach(vmm, i, leaves->hwpts[n].large)) {
			leaves->of[i] = n;
			return 0;
		}
	hwpt = &leaves->hwpts[n];
	hwpt->dev_id = member_id(vmm, i);
	rc = hwpt_make(vmm, hwpt->dev_id, &hwpt->large);
	if (rc)
		return rc;
	leaves->nr++;
	leaves->of[i] = n;
	return hwpt_member_attach(vmm, i, hwpt->large);
}

/**
 * hwpt_open_large() - Move the devices from automatic HWPTs to some that are made by hand
 * @vmm: The devices are attached, and do no DMA yet
 *
 * Return: A status.
 */
int hwpt_open_large(struct vmm *vmm)
{
	unsigned int i;

	for (i = 0; i < hwpt_members(vmm); i++) {
		int rc = attach_large(vmm, i);

		if (rc)
			return fail(STATUS_ERROR,
				    "cannot attach device %s to a HWPT of its own: %s",
				    hwpt_member_name(vmm, i), strerror(-rc));
	}
	return 0;
}
