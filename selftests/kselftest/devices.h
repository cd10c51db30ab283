/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices of the machine that most tests run on: one or two behind each kind of
 * IOMMU. The runner makes the machine of the lines "Hardware:", whose order is that of the
 * names.
 *
 * Hardware: amd:2 amd+gather:1 intel:1 intel+gather:1 smmu:1 smmu+gather:1 none:1
 *
 * The line generic-pt of plan.txt has amdv1-pt and vtdss-pt in place of amd and intel
 * (device_has_generic_pt()).
 */
#ifndef _KSELFTEST_DEVICES_H
#define _KSELFTEST_DEVICES_H

enum {
	AMD_0,
	AMD_1,
	AMD_GATHER,
	INTEL,
	INTEL_GATHER,
	SMMU,
	SMMU_GATHER,
	UNTRACKED,
	NR_DEVICES,
};

#define DEV(n) (1u << (n))

#endif
