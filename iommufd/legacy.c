// SPDX-License-Identifier: GPL-2.0-only
/*
 * Legacy users: the type1 container's dirty page ioctls, as uapi/linux/vfio.h
 * describes them, served by a dirty tracker of the compatibility IOAS. A VMM
 * that uses an iommufd as its container gets them.
 *
 * START makes and starts a tracker, STOP stops and frees it. It has no ID: the
 * context has it, also when its compatibility IOAS is exchanged for another. A
 * tracker that was made with IOMMU_DIRTY_TRACKER_ALLOC is left alone (EBUSY).
 *
 * iommufd_dirty_ctx::lock serialises START and STOP; readers hold a reference, so
 * that a STOP does not fail because another thread reads.
 */

#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/limits.h>
#include <linux/uaccess.h>
#include <linux/vfio.h>

#include <linux/kref.h>
#include <linux/slab.h>

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

/**
 * struct dirty_legacy - The tracker of a context's legacy user
 * @ref: One for the context, one for each call under way
 * @tracker: The tracker
 */
struct dirty_legacy {
	struct kref ref;
	struct iommufd_dirty_tracker tracker;
};

static void legacy_free(struct kref *ref)
{
	struct dirty_legacy *legacy = container_of(ref, struct dirty_legacy,
						   ref);

	dirty_tracker_teardown(&legacy->tracker);
	kfree(legacy);
}

static void legacy_put(struct dirty_legacy *legacy)
{
	if (legacy)
		kref_put(&legacy->ref, legacy_free);
}

/* The tracker of @ioas with a reference, or -EINVAL when START made none. */
static struct dirty_legacy *legacy_get(struct iommufd_ctx *ictx,
				       struct iommufd_ioas *ioas)
{
	struct dirty_legacy *legacy;

	if (mutex_lock_killable(&ictx->dirty.lock))
		return ERR_PTR(-EINTR);
	legacy = ictx->dirty.legacy;
	if (legacy && legacy->tracker.ioas == ioas)
		kref_get(&legacy->ref);
	else
		legacy = NULL;
	mutex_unlock(&ictx->dirty.lock);
	return legacy ? legacy : ERR_PTR(-EINVAL);
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

static int legacy_make(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas)
{
	struct dirty_legacy *legacy;
	int rc;

	legacy = kzalloc_obj(*legacy, GFP_KERNEL_ACCOUNT);
	if (!legacy)
		return -ENOMEM;
	kref_init(&legacy->ref);
	rc = dirty_tracker_setup(&legacy->tracker, ictx, ioas,
				 IOMMU_DIRTY_POLICY_AUTO, 0, PAGE_SIZE, NULL);
	if (!rc)
		rc = dirty_tracker_set(&legacy->tracker, IOMMU_DIRTY_TRACKER_ENABLE,
				       NULL);
	if (rc)
		legacy_put(legacy);
	else
		ictx->dirty.legacy = legacy;
	return rc;
}

static int legacy_start(struct iommufd_ctx *ictx, struct iommufd_ioas *ioas)
{
	int rc;

	rc = mutex_lock_killable(&ictx->dirty.lock);
	if (rc)
		return rc;
	if (!ictx->dirty.legacy)
		rc = legacy_make(ictx, ioas);
	else if (ictx->dirty.legacy->tracker.ioas != ioas)
		rc = -EBUSY;
	mutex_unlock(&ictx->dirty.lock);
	return rc;
}

static int legacy_stop(struct iommufd_ctx *ictx)
{
	struct dirty_legacy *legacy;
	int rc;

	rc = mutex_lock_killable(&ictx->dirty.lock);
	if (rc)
		return rc;
	legacy = ictx->dirty.legacy;
	ictx->dirty.legacy = NULL;
	/* READs come to their end first; when killed, the last of them stops it */
	if (legacy)
		rc = dirty_tracker_retire(&legacy->tracker);
	mutex_unlock(&ictx->dirty.lock);
	legacy_put(legacy);
	return rc;
}

/**
 * dirty_legacy_release() - A context is closed
 * @ictx: The context
 */
void dirty_legacy_release(struct iommufd_ctx *ictx)
{
	legacy_put(ictx->dirty.legacy);
}

/* type1 without v2: parts of what was mapped can be unmapped */
static bool legacy_is_v1(struct iommufd_ioas *ioas)
{
	return READ_ONCE(ioas->iopt.disable_large_pages);
}

/* What type1 refuses is refused with its errno, EINVAL. */
static int legacy_check(struct iommufd_ioas *ioas, u64 iova, u64 size,
			const struct vfio_bitmap *bitmap)
{
	u64 pages, last;

	if (bitmap->pgsize != legacy_pgsize(ioas) || !size ||
	    (iova | size) & (bitmap->pgsize - 1))
		return -EINVAL;
	pages = size / bitmap->pgsize;
	if (bitmap->size > LEGACY_BITMAP_MAX ||
	    bitmap->size < ALIGN(pages, 64) / BITS_PER_BYTE)
		return -EINVAL;
	if (check_add_overflow(iova, size - 1, &last) ||
	    !access_ok(bitmap->data, bitmap->size))
		return -EINVAL;
	if (!legacy_is_v1(ioas) && dirty_unmap_cuts(&ioas->iopt, iova, last))
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
	struct dirty_legacy *legacy;
	int rc;

	/* Also the range that ends at 2^64, which UNMAP takes */
	if (get->iova + get->size < get->iova)
		return -EINVAL;
	legacy = legacy_get(ictx, ioas);
	if (IS_ERR(legacy))
		return PTR_ERR(legacy);
	rc = legacy_check(ioas, get->iova, get->size, &get->bitmap);
	if (!rc)
		rc = dirty_read(&legacy->tracker, &read);
	legacy_put(legacy);
	return rc == -ENODATA ? -EINVAL : rc;
}

/**
 * iommufd_dirty_legacy_ioctl() - ioctl(VFIO_IOMMU_DIRTY_PAGES)
 * @ictx: The container
 * @arg: struct vfio_iommu_type1_dirty_bitmap
 *
 * Return: 0, an errno of type1 v2, or -ENODEV without a compatibility IOAS.
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

	/* Also when the context has no compatibility IOAS any more */
	if (dirty.flags == VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP)
		return legacy_stop(ictx);
	ioas = legacy_ioas(ictx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	switch (dirty.flags) {
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_START:
		rc = legacy_start(ictx, ioas);
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

/**
 * iommufd_dirty_legacy_unmap() - ioctl(VFIO_IOMMU_UNMAP_DMA) with
 *	VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP
 * @ictx: The container
 * @arg: struct vfio_iommu_type1_dma_unmap with a struct vfio_bitmap behind it
 *
 * Return: 0, also if nothing was mapped; an errno of type1 v2; or -ENODEV without a
 * compatibility IOAS.
 */
int iommufd_dirty_legacy_unmap(struct iommufd_ctx *ictx, void __user *arg)
{
	const size_t minsz = offsetofend(struct vfio_iommu_type1_dma_unmap,
					 size);
	struct vfio_iommu_type1_dma_unmap unmap;
	struct iommu_dirty_tracker_unmap cmd;
	struct dirty_legacy *legacy;
	struct iommufd_ioas *ioas;
	struct vfio_bitmap bitmap;
	int rc;

	if (copy_from_user(&unmap, arg, minsz))
		return -EFAULT;
	if (unmap.argsz < minsz + sizeof(bitmap) ||
	    unmap.flags != VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP)
		return -EINVAL;
	if (copy_from_user(&bitmap, arg + minsz, sizeof(bitmap)))
		return -EFAULT;

	ioas = legacy_ioas(ictx);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	legacy = legacy_get(ictx, ioas);
	if (IS_ERR(legacy)) {
		rc = PTR_ERR(legacy);
		goto out_put_ioas;
	}
	rc = legacy_check(ioas, unmap.iova, unmap.size, &bitmap);
	if (rc)
		goto out_put;

	/* type1 without v2 may unmap a part of what was mapped */
	if (legacy_is_v1(ioas)) {
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
	rc = dirty_unmap(&legacy->tracker, &cmd);
	if (rc == -ENODATA || rc == -ERANGE)
		rc = -EINVAL;
	/* To type1 it is no error that nothing was mapped */
	if (rc == -ENOENT)
		rc = 0;
	unmap.size = cmd.out_unmapped;
	if (copy_to_user(arg, &unmap, minsz))
		rc = -EFAULT;
out_put:
	legacy_put(legacy);
out_put_ioas:
	iommufd_put_object(ictx, &ioas->obj);
	return rc;
}

/**
 * iommufd_dirty_legacy_cap() - The migration capability of VFIO_IOMMU_GET_INFO
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
