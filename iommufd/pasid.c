// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PASIDs with which a device is attached, each with attachments of its own. hooks.c puts
 * these on the list of their IOAS.
 */
#include <linux/rbtree.h>
#include <linux/slab.h>

#include "iommufd_private.h"
#include "pasid.h"
#include "test.h"

static int pasid_compare(const void *key, const struct rb_node *node)
{
	ioasid_t other = rb_entry(node, struct iommufd_dirty_pasid, node)->pasid;
	ioasid_t pasid = *(const ioasid_t *)key;

	return pasid < other ? -1 : pasid > other;
}

static int pasid_compare_nodes(struct rb_node *new, const struct rb_node *node)
{
	return pasid_compare(&rb_entry(new, struct iommufd_dirty_pasid, node)->pasid, node);
}

/**
 * dirty_pasid_find() - Where a device is attached with a PASID
 * @idev: The device; its group's lock is held
 * @pasid: The PASID, or IOMMU_NO_PASID
 *
 * Return: NULL for a PASID that is not attached, nor about to be.
 */
struct iommufd_dirty_pasid *dirty_pasid_find(struct iommufd_device *idev, ioasid_t pasid)
{
	struct rb_node *node;

	if (pasid == IOMMU_NO_PASID)
		return &idev->dirty.rid;
	lockdep_assert_held(&idev->igroup->lock);
	node = rb_find(&pasid, &idev->dirty.pasids, pasid_compare);
	return node ? rb_entry(node, struct iommufd_dirty_pasid, node) : NULL;
}

/**
 * dirty_pasid_get() - A PASID of a device is about to be attached
 * @idev: The device; its group's lock is held
 * @pasid: The PASID, or IOMMU_NO_PASID; it is not attached
 *
 * Return: To be undone with dirty_pasid_put(), or NULL without memory.
 */
struct iommufd_dirty_pasid *dirty_pasid_get(struct iommufd_device *idev, ioasid_t pasid)
{
	struct iommufd_dirty_pasid *owner = dirty_pasid_find(idev, pasid);

	if (owner)
		return owner;
	owner = kzalloc_obj(*owner, GFP_KERNEL_ACCOUNT);
	if (!owner)
		return NULL;
	dirty_test_object(1);
	owner->pasid = pasid;
	rb_find_add(&owner->node, &idev->dirty.pasids, pasid_compare_nodes);
	return owner;
}

/**
 * dirty_pasid_put() - A PASID of a device is not attached any more
 * @idev: The device; its group's lock is held
 * @owner: The PASID, none of whose attachments is on a list
 */
void dirty_pasid_put(struct iommufd_device *idev, struct iommufd_dirty_pasid *owner)
{
	if (owner->pasid == IOMMU_NO_PASID)
		return;
	rb_erase(&owner->node, &idev->dirty.pasids);
	kfree(owner);
	dirty_test_object(-1);
}
