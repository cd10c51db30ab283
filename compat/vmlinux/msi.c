// SPDX-License-Identifier: GPL-2.0-only
/*
 * Message signalled interrupts that an IOMMU translates (of an Arm GIC's ITS), where vmlinux
 * was built without CONFIG_IOMMUFD.
 *
 * Since 6.15 vmlinux has iommufd_sw_msi() map the doorbell into a domain of iommufd's. Such
 * a vmlinux has a stub in its place that refuses, and no device could have an interrupt. So
 * the domain gets the cookie that it had before 6.15: vmlinux then maps the doorbell itself,
 * when an interrupt is set up for a device in the domain. As before 6.15, a domain that
 * replaces that one has no doorbell until the user sets up the interrupts again.
 */
#include "iommufd_private.h"
#include "msi.h"

/**
 * iommufd_msi_cookie() - Let vmlinux map doorbells into a domain
 * @hwpt_paging: The HWPT of the domain, which a device is about to be attached to;
 *	ictx->sw_msi_lock is held, under which alone the cookie is exchanged
 * @start: The window for doorbells of the device's group
 *
 * No interrupt of a device in the domain is set up meanwhile, since this precedes the
 * attach of the first device that has such a window. iommu_domain_free() frees the cookie.
 *
 * Return: 0, or -errno; then the domain has the cookie that it had.
 */
int iommufd_msi_cookie(struct iommufd_hwpt_paging *hwpt_paging, phys_addr_t start)
{
	struct iommu_domain *domain = hwpt_paging->common.domain;
	int rc;

	if (domain->cookie_type != IOMMU_COOKIE_IOMMUFD)
		return 0;
	domain->cookie_type = IOMMU_COOKIE_NONE;
	rc = iommu_get_msi_cookie(domain, start);
	if (rc) {
		domain->iommufd_hwpt = &hwpt_paging->common;
		domain->cookie_type = IOMMU_COOKIE_IOMMUFD;
	}
	return rc;
}
