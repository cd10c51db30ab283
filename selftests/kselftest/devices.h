/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The devices of the machine that the tests run on (plan.txt): one or two
 * behind each kind of IOMMU.
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
