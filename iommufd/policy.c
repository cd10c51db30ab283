// SPDX-License-Identifier: GPL-2.0-only
/*
 * Policies of this host: the defaults where a user has chosen nothing. They are parameters
 * of the module, so that a line in /etc/modprobe.d keeps them, and the netlink family
 * changes them. A change does not affect objects that exist already.
 */
#include <linux/compiler.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <uapi/linux/iommufd_dirty.h>

#include "policy.h"

static const char * const policy_names[] = {
	[IOMMU_DIRTY_POLICY_AUTO] = "auto",
	[IOMMU_DIRTY_POLICY_IOMMU] = "iommu",
	[IOMMU_DIRTY_POLICY_DEVICE] = "device",
};

static u32 host_policy = IOMMU_DIRTY_POLICY_AUTO;
static bool host_small_leaves;

static int policy_param_set(const char *value, const struct kernel_param *kp)
{
	int policy = sysfs_match_string(policy_names, value);

	if (policy < 0)
		return policy;
	dirty_policy_set(policy);
	return 0;
}

static int policy_param_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", policy_names[READ_ONCE(host_policy)]);
}

static const struct kernel_param_ops policy_param_ops = {
	.set = policy_param_set,
	.get = policy_param_get,
};

module_param_cb(dirty_policy, &policy_param_ops, NULL, 0644);
MODULE_PARM_DESC(dirty_policy,
		 "Sources of trackers whose user leaves the choice: auto (default), iommu or device");
module_param_named(dirty_small_leaves, host_small_leaves, bool, 0644);
MODULE_PARM_DESC(dirty_small_leaves,
		 "New IOASes begin with IOMMU_OPTION_DIRTY_SMALL_LEAVES (default: no)");

/**
 * dirty_policy_of() - Policy of a tracker
 * @chosen: What its user has chosen, enum iommu_dirty_policy
 *
 * Return: The host's for IOMMU_DIRTY_POLICY_AUTO.
 */
u32 dirty_policy_of(u32 chosen)
{
	return chosen == IOMMU_DIRTY_POLICY_AUTO ? READ_ONCE(host_policy) : chosen;
}

/**
 * dirty_policy_set() - Set the host's policy for trackers to be made
 * @policy: enum iommu_dirty_policy
 */
void dirty_policy_set(u32 policy)
{
	WRITE_ONCE(host_policy, policy);
}

/**
 * dirty_policy_small_leaves() - Do new IOASes begin with small leaves?
 *
 * Return: true if the host's policy says so.
 */
bool dirty_policy_small_leaves(void)
{
	return READ_ONCE(host_small_leaves);
}

/**
 * dirty_policy_set_small_leaves() - Choose what new IOASes begin with
 * @small: Small leaves
 */
void dirty_policy_set_small_leaves(bool small)
{
	WRITE_ONCE(host_small_leaves, small);
}
