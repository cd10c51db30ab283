// SPDX-License-Identifier: GPL-2.0-only
/*
 * Legacy users: the type1 container's dirty page ioctls, as uapi/linux/vfio.h
 * describes them, served by a dirty tracker of the compatibility IOAS. A VMM
 * that uses an iommufd as its container gets them.
 *
 * START makes and starts a tracker, STOP destroys it. It is an object like any
 * other, but that only these ioctls use it; a tracker that was made with
 * IOMMU_DIRTY_TRACKER_ALLOC is left alone (EBUSY).
 */
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/limits.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include "io_pagetable.h"
#include "iommufd_private.h"
#include "tracker.h"

/* As type1 has it: INT_MAX pages */
#define LEGACY_BITMAP_MAX (ALIGN((u64)INT_MAX, 64) / BITS_PER_BYTE)

static struct iommufd_ioas *legacy_ioas(struct iommufd_ctx *ictx)
{
	u32 id;
	int rc = iommufd_vfio_compat_ioas_get_id(ictx, &id);

	if (rc)
		return ERR_PTR(rc);
	return iommufd_get_ioas(ictx, id);
}

/* The tracker of @ioas with a reference, or -EINVAL when START made none. */
static struct iommufd_dirty_tracker *legacy_tracker(struct iommufd_ctx *ictx,
						    struct iommufd_ioas *ioas)
{
	struct iommufd_dirty_tracker *tracker;
	struct iommufd_object *obj;
	u32 id = 0;

	mutex_lock(&ioas->iopt.dirty.plan_lock);
	tracker = ioas->iopt.dirty.tracker;
	if (tracker && tracker->legacy)
		id = tracker->obj.id;
	mutex_unlock(&ioas->iopt.dirty.plan_lock);
	if (!id)
		return ERR_PTR(-EINVAL);
	obj = iommufd_get_object(ictx, id, IOMMUFD_OBJ_DIRTY_TRACKER);
	if (IS_ERR(obj))
		return ERR_PTR(-EINVAL);
	return container_of(obj, struct iommufd_dirty_tracker, obj);
}

/* The smallest page of all domains: the only one that the ioctls take. */
static u64 legacy_pgsize(struct iommufd_ioas *ioas)
{
	struct io_pagetable *iopt = &ioas->iopt;
	unsigned long pgsizes = PAGE_MASK;
	struct iommu_domain *domain;
	unsigned long index;

	down_read(&iopt->domains_rwsem);
	xa_for_each(&iopt->domains, index, domain)
		pgsizes &= domain->pgsize_bitmap;
	up_read(&iopt->domains_rwsem);
	return pgsizes ? 1UL << __ffs(pgsizes) : PAGE_SIZE;
}

static int legacy_start(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas)
{
	struct iommufd_dirty_tracker *tracker = legacy_tracker(ictx, ioas);
	int rc;

	if (!IS_ERR(tracker)) {
		iommufd_put_object(ictx, &tracker->obj);
		return 0;
	}
	tracker = iommufd_dirty_tracker_create(ictx, ioas,
					       IOMMU_DIRTY_POLICY_AUTO, 0,
					       PAGE_SIZE);
	if (IS_ERR(tracker))
		return PTR_ERR(tracker);
	tracker->legacy = true;
	rc = iommufd_dirty_tracker_start(tracker);
	if (rc)
		iommufd_object_abort_and_destroy(ictx, &tracker->obj);
	else
		iommufd_object_finalize(ictx, &tracker->obj);
	return rc;
}

static int legacy_stop(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas)
{
	struct iommufd_dirty_tracker *tracker = legacy_tracker(ictx, ioas);
	u32 id;

	if (IS_ERR(tracker))
		return 0;
	id = tracker->obj.id;
	iommufd_put_object(ictx, &tracker->obj);
	return iommufd_object_remove(ictx, NULL, id, 0);
}

static int legacy_check(struct iommufd_ioas *ioas, u64 iova, u64 size,
			const struct vfio_bitmap *bitmap)
{
	u64 pages;

	if (bitmap->pgsize != legacy_pgsize(ioas) || !size ||
	    (iova | size) & (bitmap->pgsize - 1))
		return -EINVAL;
	pages = size / bitmap->pgsize;
	if (bitmap->size > LEGACY_BITMAP_MAX || pages > INT_MAX ||
	    bitmap->size < ALIGN(pages, 64) / BITS_PER_BYTE)
		return -EINVAL;
	/* type1 writes the bitmap, a tracker ORs into it */
	if (clear_user(bitmap->data, ALIGN(pages, 64) / BITS_PER_BYTE))
		return -EFAULT;
	return 0;
}

static int legacy_get_bitmap(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas,
			     const struct vfio_iommu_type1_dirty_bitmap_get *get)
{
	struct iommu_dirty_tracker_read read = {
		.iova = get->iova,
		.length = get->size,
		.page_size = get->bitmap.pgsize,
		.data = (uintptr_t)get->bitmap.data,
		.data_len = get->bitmap.size,
	};
	struct iommufd_dirty_tracker *tracker;
	int rc;

	tracker = legacy_tracker(ictx, ioas);
	if (IS_ERR(tracker))
		return PTR_ERR(tracker);
	rc = legacy_check(ioas, get->iova, get->size, &get->bitmap);
	if (!rc)
		rc = iommufd_dirty_read(tracker, &read);
	iommufd_put_object(ictx, &tracker->obj);
	return rc == -EOVERFLOW ? -EINVAL : rc;
}

/**
 * iommufd_dirty_legacy_ioctl - ioctl(VFIO_IOMMU_DIRTY_PAGES)
 * @ictx: The container
 * @arg: struct vfio_iommu_type1_dirty_bitmap
 */
int iommufd_dirty_legacy_ioctl(struct iommufd_ctx *ictx, void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_iommu_type1_dirty_bitmap,
					 flags);
	struct vfio_iommu_type1_dirty_bitmap_get get;
	struct vfio_iommu_type1_dirty_bitmap dirty;
	struct iommufd_ioas *ioas;
	int rc;

	if (copy_from_user(&dirty, arg, minsz))
		return -EFAULT;
	if (dirty.argsz < minsz)
		return -EINVAL;
	if (dirty.flags == VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP) {
		if (dirty.argsz - minsz < sizeof(get))
			return -EINVAL;
		if (copy_from_user(&get, arg + minsz, sizeof(get)))
			return -EFAULT;
	}

	ioas = legacy_ioas(ictx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	switch (dirty.flags) {
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_START:
		rc = legacy_start(ictx, ioas);
		break;
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP:
		rc = legacy_stop(ictx, ioas);
		break;
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP:
		rc = legacy_get_bitmap(ictx, ioas, &get);
		break;
	default:
		rc = -EINVAL;
	}
	iommufd_put_object(ictx, &ioas->obj);
	return rc;
}

static bool legacy_mapped(struct iommufd_ioas *ioas, u64 iova, u64 size)
{
	struct io_pagetable *iopt = &ioas->iopt;
	bool mapped;

	down_read(&iopt->iova_rwsem);
	mapped = iopt_area_iter_first(iopt, iova, iova + size - 1);
	up_read(&iopt->iova_rwsem);
	return mapped;
}

/**
 * iommufd_dirty_legacy_unmap - ioctl(VFIO_IOMMU_UNMAP_DMA) with
 *	VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP
 * @ictx: The container
 * @arg: struct vfio_iommu_type1_dma_unmap with a struct vfio_bitmap behind it
 */
int iommufd_dirty_legacy_unmap(struct iommufd_ctx *ictx, void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_iommu_type1_dma_unmap,
					 size);
	struct vfio_iommu_type1_dma_unmap unmap;
	struct iommu_dirty_tracker_unmap cmd;
	struct iommufd_dirty_tracker *tracker;
	struct iommufd_ioas *ioas;
	struct vfio_bitmap bitmap;
	int rc;

	if (copy_from_user(&unmap, arg, minsz) ||
	    copy_from_user(&bitmap, arg + minsz, sizeof(bitmap)))
		return -EFAULT;
	if (unmap.argsz < minsz + sizeof(bitmap) ||
	    unmap.flags != VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP)
		return -EINVAL;

	ioas = legacy_ioas(ictx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	tracker = legacy_tracker(ictx, ioas);
	if (IS_ERR(tracker)) {
		rc = PTR_ERR(tracker);
		goto out_put_ioas;
	}
	rc = legacy_check(ioas, unmap.iova, unmap.size, &bitmap);
	if (rc)
		goto out_put;

	/* type1 without v2 may unmap a part of what was mapped */
	if (READ_ONCE(ioas->iopt.disable_large_pages)) {
		unsigned long cuts[] = { unmap.iova + unmap.size - 1,
					 unmap.iova - 1 };

		rc = iopt_cut_iova(&ioas->iopt, cuts, unmap.iova ? 2 : 1);
		if (rc)
			goto out_put;
	}
	cmd = (struct iommu_dirty_tracker_unmap){
		.iova = unmap.iova,
		.length = unmap.size,
		.page_size = bitmap.pgsize,
		.data = (uintptr_t)bitmap.data,
		.data_len = bitmap.size,
	};
	rc = iommufd_dirty_unmap(tracker, &cmd);
	/* To type1 it is no error that nothing was mapped; but to cut is one */
	if (rc == -ENOENT && !legacy_mapped(ioas, unmap.iova, unmap.size))
		rc = 0;
	unmap.size = cmd.out_unmapped;
	if (copy_to_user(arg, &unmap, minsz))
		rc = -EFAULT;
out_put:
	iommufd_put_object(ictx, &tracker->obj);
out_put_ioas:
	iommufd_put_object(ictx, &ioas->obj);
	return rc;
}

/**
 * iommufd_dirty_legacy_cap - The migration capability of VFIO_IOMMU_GET_INFO
 * @ioas: The compatibility IOAS; its iova_rwsem is held
 * @cur: Where the capability goes
 * @avail: Room there, in bytes
 *
 * Return: Bytes that it needs, or -EFAULT.
 */
int iommufd_dirty_legacy_cap(struct iommufd_ioas *ioas,
			     struct vfio_info_cap_header __user *cur,
			     size_t avail)
{
	struct vfio_iommu_type1_info_cap_migration cap = {
		.header = {
			.id = VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION,
			.version = 1,
		},
		.pgsize_bitmap = ioas->iopt.iova_alignment > PAGE_SIZE ?
					 ioas->iopt.iova_alignment : PAGE_SIZE,
		.max_dirty_bitmap_size = LEGACY_BITMAP_MAX,
	};

	if (avail >= sizeof(cap) && copy_to_user(cur, &cap, sizeof(cap)))
		return -EFAULT;
	return sizeof(cap);
}
