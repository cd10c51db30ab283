// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small leaves. One dirty bit stands for a whole leaf, of which iommufd makes the
 * largest that memory allows. IOMMU_OPTION_DIRTY_SMALL_LEAVES gives the HWPTs that
 * are allocated from then on leaves of one page: their domains offer no other size
 * (hooks.c). Memory is still pinned and accounted in huge pages.
 */
#include <linux/iommu.h>
#include <linux/iommufd.h>
#include <linux/minmax.h>
#include <linux/sizes.h>

#include "io_pagetable.h"
#include "iommufd_private.h"

/*
 * VT-d's driver of 6.12 makes a leaf of 2 MiB of any 512 aligned pages that one
 * call gives it, whatever size it is asked for. It gets half of that at most.
 */
#define SMALL_CALL ((size_t)SZ_1M)

/**
 * iommufd_dirty_map_small() - iommu_map() in small calls
 * @domain: The domain
 * @iova: First byte
 * @phys: First byte
 * @length: Bytes
 * @prot: As for iommu_map()
 *
 * Return: As for iommu_map(); nothing is mapped after an error.
 */
int iommufd_dirty_map_small(struct iommu_domain *domain, unsigned long iova,
			    phys_addr_t phys, size_t length, int prot)
{
	size_t done = 0;
	int rc = 0;

	while (!rc && done < length) {
		unsigned long at = iova + done;
		size_t n = min(length - done, SMALL_CALL - at % SMALL_CALL);

		rc = iommu_map(domain, at, phys + done, n, prot,
			       GFP_KERNEL_ACCOUNT);
		if (!rc)
			done += n;
	}
	if (rc && done)
		iommu_unmap(domain, iova, done);
	return rc;
}

/**
 * iommufd_dirty_option() - ioctl(IOMMU_OPTION), IOMMU_OPTION_DIRTY_SMALL_LEAVES
 * @ucmd: struct iommu_option
 *
 * Return: 0; -ENOENT no such IOAS; -EOPNOTSUPP unknown op; -EINVAL a value that is not
 * 0 or 1.
 */
int iommufd_dirty_option(struct iommufd_ucmd *ucmd)
{
	struct iommu_option *cmd = ucmd->cmd;
	struct iommufd_ioas *ioas;
	int rc = 0;

	ioas = iommufd_get_ioas(ucmd->ictx, cmd->object_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	mutex_lock(&ioas->mutex);
	if (cmd->op == IOMMU_OPTION_OP_GET)
		cmd->val64 = ioas->iopt.dirty.small_leaves;
	else if (cmd->op != IOMMU_OPTION_OP_SET)
		rc = -EOPNOTSUPP;
	else if (cmd->val64 > 1)
		rc = -EINVAL;
	else
		ioas->iopt.dirty.small_leaves = cmd->val64;
	mutex_unlock(&ioas->mutex);
	iommufd_put_object(ucmd->ictx, &ioas->obj);
	return rc;
}
