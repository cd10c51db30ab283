// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nested domains of the virtual IOMMU: a stage 1 that adds a constant to what a
 * device sends, on top of the page table of a paging domain.
 *
 * That is little, but it is what matters here: the device knows other addresses
 * than those that are mapped, and dirty bits are in the parent. Nothing of a stage
 * 1 is cached, and it does not change.
 */
#include <linux/align.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/overflow.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "virt_iommu.h"
#include "virt_nested.h"

/**
 * struct virt_nested - A nested domain
 * @domain: For the core
 * @parent: What translates further; iommufd keeps it
 * @offset: Added to the addresses of devices
 */
struct virt_nested {
	struct iommu_domain domain;
	struct virt_domain *parent;
	u64 offset;
};

static struct virt_nested *to_virt_nested(struct iommu_domain *domain)
{
	return container_of(domain, struct virt_nested, domain);
}

/**
 * virt_nested_attach() - Attach a nested domain
 * @domain: The domain
 * @dev: A device of the virtual bus
 *
 * Return: 0, or an error of virt_iommu_attach_stages().
 */
int virt_nested_attach(struct iommu_domain *domain, struct device *dev)
{
	return virt_iommu_attach_stages(to_virt_nested(domain)->parent, domain,
					dev);
}

/* There is no entry that would be valid. */
static int virt_nested_invalidate(struct iommu_domain *domain,
				  struct iommu_user_data_array *array)
{
	array->entry_num = 0;
	return -EOPNOTSUPP;
}

static void virt_nested_free(struct iommu_domain *domain)
{
	kfree(to_virt_nested(domain));
}

/* More of it: ops.c */
struct iommu_domain_ops virt_nested_ops __ro_after_init = {
	.cache_invalidate_user = virt_nested_invalidate,
	.free = virt_nested_free,
};

/**
 * virt_nested_parent() - The paging domain below a nested one
 * @domain: Any domain that exists during the call
 * @iova: An address of the device; becomes the IOVA. NULL if not wanted
 *
 * An address that is too high stays so.
 *
 * Return: The paging domain, or NULL when @domain is not nested.
 */
struct virt_domain *virt_nested_parent(struct iommu_domain *domain, u64 *iova)
{
	struct virt_nested *nested;

	if (domain->type != IOMMU_DOMAIN_NESTED)
		return NULL;
	nested = to_virt_nested(domain);
	if (iova && check_add_overflow(*iova, nested->offset, iova))
		*iova = U64_MAX;
	return nested->parent;
}

/**
 * virt_nested_alloc() - Make a nested domain
 * @parent: A paging domain
 * @data: A struct virt_nested_data in user memory
 *
 * Return: The domain; or an ERR_PTR: -EINVAL, -ENOMEM, or an error of the copy.
 */
struct iommu_domain *virt_nested_alloc(struct virt_domain *parent,
				       const struct iommu_user_data *data)
{
	struct virt_nested_data stage1;
	struct virt_nested *nested;
	int err;

	err = iommu_copy_struct_from_user(&stage1, data, VIRT_NESTED_DATA_TYPE,
					  offset);
	if (err)
		return ERR_PTR(err);
	if (!IS_ALIGNED(stage1.offset, SZ_4K) ||
	    stage1.offset > BIT_ULL(VIRT_IOVA_BITS))
		return ERR_PTR(-EINVAL);

	nested = kzalloc_obj(*nested, GFP_KERNEL_ACCOUNT);
	if (!nested)
		return ERR_PTR(-ENOMEM);
	nested->domain.type = IOMMU_DOMAIN_NESTED;
	nested->domain.ops = &virt_nested_ops;
	nested->parent = parent;
	nested->offset = stage1.offset;
	return &nested->domain;
}
