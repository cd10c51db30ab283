// SPDX-License-Identifier: GPL-2.0-only
/*
 * Before 6.14 one operation makes paging and nested domains; before 6.19 attach_dev() is
 * not told the domain that the device leaves.
 */
#include <linux/iommu.h>

#include "virt_iommu.h"

static struct iommu_domain *alloc_user(struct device *dev, u32 flags,
				       struct iommu_domain *parent,
				       const struct iommu_user_data *user_data)
{
	if (!parent)
		return virt_iommu_alloc_flags(dev, flags, user_data);
	if (flags)
		return ERR_PTR(-EOPNOTSUPP);
	return virt_nested_alloc(container_of(parent, struct virt_domain, domain),
				 user_data);
}

void __init virt_ops_init(void)
{
	virt_fixed_ops.attach_dev = virt_iommu_attach_fixed;
	virt_domain_ops.attach_dev = virt_iommu_attach;
	virt_nested_ops.attach_dev = virt_nested_attach;
	virt_iommu_ops.domain_alloc_user = alloc_user;
}
