// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the core calls of the virtual IOMMU's driver, as far as it differs from one kernel
 * to the next.
 */
#include <linux/iommu.h>
#include <uapi/linux/iommufd.h>

#include "virt_iommu.h"

static int attach_fixed(struct iommu_domain *domain, struct device *dev,
			struct iommu_domain *old)
{
	return virt_iommu_attach_fixed(domain, dev);
}

static int attach_paging(struct iommu_domain *domain, struct device *dev,
			 struct iommu_domain *old)
{
	return virt_iommu_attach(domain, dev);
}

static int attach_nested(struct iommu_domain *domain, struct device *dev,
			 struct iommu_domain *old)
{
	return virt_nested_attach(domain, dev);
}

static int attach_pasid(struct iommu_domain *domain, struct device *dev, ioasid_t pasid,
			struct iommu_domain *old)
{
	return virt_iommu_attach_pasid(domain, dev, pasid);
}

static int detach_pasid(struct iommu_domain *domain, struct device *dev, ioasid_t pasid,
			struct iommu_domain *old)
{
	return virt_iommu_detach_pasid(domain, dev, pasid);
}

/* The AMD driver has no table that PASIDs can use and that has dirty bits */
static struct iommu_domain *alloc_paging(struct device *dev, u32 flags,
					 const struct iommu_user_data *user_data)
{
	struct virt_requester *rq = dev_iommu_priv_get(dev);

	if (flags & IOMMU_HWPT_ALLOC_PASID && flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING &&
	    !rq->iommu->personality->pasid_tracks)
		return ERR_PTR(-EOPNOTSUPP);
	return virt_iommu_alloc_flags(dev, flags & ~IOMMU_HWPT_ALLOC_PASID, user_data);
}

static struct iommu_domain *
alloc_nested(struct device *dev, struct iommu_domain *parent, u32 flags,
	     const struct iommu_user_data *user_data)
{
	if (flags)
		return ERR_PTR(-EOPNOTSUPP);
	return virt_nested_alloc(container_of(parent, struct virt_domain, domain),
				 user_data);
}

/**
 * virt_ops_init() - Complete the tables of operations
 */
void __init virt_ops_init(void)
{
	virt_fixed_ops.attach_dev = attach_fixed;
	virt_fixed_ops.set_dev_pasid = detach_pasid;
	virt_domain_ops.attach_dev = attach_paging;
	virt_domain_ops.set_dev_pasid = attach_pasid;
	virt_nested_ops.attach_dev = attach_nested;
	virt_iommu_ops.domain_alloc_paging_flags = alloc_paging;
	virt_iommu_ops.domain_alloc_nested = alloc_nested;
}
