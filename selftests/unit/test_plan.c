// SPDX-License-Identifier: GPL-2.0-only
/*
 * The plan against the rules of the design, for every small configuration there
 * is. The oracle knows no rules of precedence: it tries every way to cover a
 * domain and takes the cheapest.
 */
#include <iommufd/plan.h>
#include "harness.h"

#define MAX_DOMAINS	2
#define MAX_DEVICES	3
#define DEVICE_KINDS	(2 * 3 * 2 * 2)
/* Of each device its own policy, with three devices only the plan's */
#define POLICIES	3

static const unsigned long granules[] = { 0, 0x1000, 0x200000 };

static struct dirty_plan_domain domains[MAX_DOMAINS];
static struct dirty_plan_device devices[MAX_DEVICES];
static char text[400];

static const char *describe(const struct dirty_plan *plan)
{
	int n = sprintf(text, "policy %u", plan->policy);
	unsigned int i;

	for (i = 0; i < plan->nr_domains; i++)
		n += sprintf(text + n, ", domain %u: granule %#lx kind %u", i,
			     domains[i].granule, domains[i].kind);
	for (i = 0; i < plan->nr_devices; i++)
		n += sprintf(text + n,
			     ", device in %u: granule %#lx nested %d scoped %d policy %u kind %u",
			     devices[i].domain, devices[i].granule,
			     devices[i].nested, devices[i].scoped,
			     devices[i].policy, devices[i].kind);
	return text;
}

#define EXPECT_PLAN(cond) EXPECT(cond, "%s", describe(plan))

/* One way to cover the devices of a domain. Less is better. */
struct cover {
	unsigned int untracked;	/* 100 for each that is mapped, 1 for a scope */
	unsigned long granule;	/* the coarsest that is used */
	unsigned int devices;	/* sources in devices, which may be redundant */
};

static bool better(const struct cover *a, const struct cover *b)
{
	if (a->untracked != b->untracked)
		return a->untracked < b->untracked;
	if (a->granule != b->granule)
		return a->granule < b->granule;
	return a->devices < b->devices;
}

/* Is this a way for the device? With the IOMMU all devices go, or none. */
static bool possible(const struct dirty_plan_device *dev, u8 kind)
{
	switch (kind) {
	case IOMMU_DIRTY_SOURCE_DEVICE:
		return dev->granule && !dev->nested;
	case IOMMU_DIRTY_SOURCE_SCOPE:
		return dev->scoped;
	default:
		return kind == IOMMU_DIRTY_SOURCE_MAPPED;
	}
}

/* All ways for the devices in @domain, as digits of @code in base 3. */
static bool devices_cover(const struct dirty_plan *plan, unsigned int domain,
			  unsigned int code, u8 *kinds, struct cover *c)
{
	unsigned int i;

	*c = (struct cover){};
	for (i = 0; i < plan->nr_devices; i++) {
		const struct dirty_plan_device *dev = &plan->devices[i];

		kinds[i] = IOMMU_DIRTY_SOURCE_DEVICE + code % 3;
		code /= 3;
		if (dev->domain != domain)
			continue;
		if (!possible(dev, kinds[i]))
			return false;
		c->devices++;
		if (kinds[i] == IOMMU_DIRTY_SOURCE_SCOPE)
			c->untracked += 1;
		else if (kinds[i] == IOMMU_DIRTY_SOURCE_MAPPED)
			c->untracked += 100;
		else if (dev->granule > c->granule)
			c->granule = dev->granule;
	}
	return true;
}

/* What the devices of a domain want, if they want anything, and the plan otherwise. */
static u32 wanted(const struct dirty_plan *plan, unsigned int domain)
{
	unsigned int i, count[POLICIES] = {};

	for (i = 0; i < plan->nr_devices; i++)
		if (plan->devices[i].domain == domain)
			count[plan->devices[i].policy]++;
	if (count[IOMMU_DIRTY_POLICY_IOMMU])
		return IOMMU_DIRTY_POLICY_IOMMU;
	return count[IOMMU_DIRTY_POLICY_DEVICE] ? IOMMU_DIRTY_POLICY_DEVICE :
						  plan->policy;
}

/* The oracle for one domain: its devices' kinds, and its own. */
static u8 oracle(const struct dirty_plan *plan, unsigned int domain, u8 *best)
{
	const struct cover iommu = {
		.granule = plan->domains[domain].granule,
	};
	struct cover c, least = { .untracked = ~0U };
	unsigned int code, i;
	u8 kinds[MAX_DEVICES];
	bool use_iommu;

	for (code = 0; code < 27; code++) {
		if (!devices_cover(plan, domain, code, kinds, &c) ||
		    !better(&c, &least))
			continue;
		least = c;
		memcpy(best, kinds, sizeof(kinds));
	}
	use_iommu = iommu.granule && (!least.devices || better(&iommu, &least));
	if (iommu.granule && least.devices && !least.untracked) {
		if (wanted(plan, domain) == IOMMU_DIRTY_POLICY_IOMMU)
			use_iommu = true;
		if (wanted(plan, domain) == IOMMU_DIRTY_POLICY_DEVICE)
			use_iommu = false;
	}
	/* Where no device is, nothing is written */
	if (!least.devices)
		return IOMMU_DIRTY_SOURCE_NONE;
	if (use_iommu) {
		for (i = 0; i < plan->nr_devices; i++)
			best[i] = IOMMU_DIRTY_SOURCE_IOMMU;
		return IOMMU_DIRTY_SOURCE_IOMMU;
	}
	return least.untracked < 100 ? IOMMU_DIRTY_SOURCE_DEVICE :
				       IOMMU_DIRTY_SOURCE_MAPPED;
}

static enum greatest_test_res check_oracle(const struct dirty_plan *plan)
{
	bool conservative = false;
	u8 kinds[MAX_DEVICES];
	unsigned int i, j;

	for (i = 0; i < plan->nr_domains; i++) {
		u8 kind = oracle(plan, i, kinds);

		EXPECT_PLAN(domains[i].kind == kind);
		conservative |= kind == IOMMU_DIRTY_SOURCE_MAPPED;
		for (j = 0; j < plan->nr_devices; j++)
			EXPECT_PLAN(devices[j].domain != i ||
				    devices[j].kind == kinds[j]);
	}
	EXPECT_PLAN(plan->conservative == conservative);
	PASS();
}

/* What must hold, whatever the oracle thinks. */
static enum greatest_test_res check_properties(const struct dirty_plan *plan)
{
	unsigned int i, j;

	for (i = 0; i < plan->nr_devices; i++) {
		const struct dirty_plan_device *dev = &devices[i];
		const struct dirty_plan_domain *domain = &domains[dev->domain];

		EXPECT_PLAN(dev->kind >= IOMMU_DIRTY_SOURCE_IOMMU &&
			    dev->kind <= IOMMU_DIRTY_SOURCE_MAPPED);
		if (dev->kind == IOMMU_DIRTY_SOURCE_IOMMU)
			EXPECT_PLAN(domain->granule);
		else
			EXPECT_PLAN(possible(dev, dev->kind));
		/* A table that is read is read for all devices in it */
		EXPECT_PLAN((domain->kind == IOMMU_DIRTY_SOURCE_IOMMU) ==
			    (dev->kind == IOMMU_DIRTY_SOURCE_IOMMU));
		if (dev->kind == IOMMU_DIRTY_SOURCE_MAPPED)
			EXPECT_PLAN(plan->conservative && !domain->granule);
		if (wanted(plan, dev->domain) != IOMMU_DIRTY_POLICY_AUTO)
			continue;
		/* Never coarser than what also covers all */
		if (dev->kind == IOMMU_DIRTY_SOURCE_DEVICE)
			EXPECT_PLAN(!domain->granule ||
				    dev->granule < domain->granule);
		for (j = 0; j < plan->nr_devices; j++)
			if (devices[j].domain == dev->domain &&
			    (devices[j].nested || !devices[j].granule ||
			     devices[j].granule >= domain->granule))
				break;
		if (j == plan->nr_devices)
			EXPECT_PLAN(dev->kind == IOMMU_DIRTY_SOURCE_DEVICE ||
				    !domain->granule);
	}
	PASS();
}

/* The policy decides where the IOMMU and all devices can, and nowhere else. */
static enum greatest_test_res check_policy(struct dirty_plan *plan)
{
	u8 kinds[3][MAX_DOMAINS];
	unsigned int i, j;

	for (plan->policy = 0; plan->policy < 3; plan->policy++) {
		for (i = 0; i < MAX_DEVICES; i++)
			devices[i].kind = 0xff;
		for (i = 0; i < MAX_DOMAINS; i++)
			domains[i].kind = 0xff;
		plan->conservative = true;
		dirty_plan_make(plan);
		CHECK_CALL(check_oracle(plan));
		CHECK_CALL(check_properties(plan));
		for (i = 0; i < plan->nr_domains; i++)
			kinds[plan->policy][i] = domains[i].kind;
	}
	for (i = 0; i < plan->nr_domains; i++) {
		bool both = domains[i].granule, any = false, own = false;

		for (j = 0; j < plan->nr_devices; j++) {
			if (devices[j].domain != i)
				continue;
			any = true;
			own |= devices[j].policy != IOMMU_DIRTY_POLICY_AUTO;
			both &= possible(&devices[j], IOMMU_DIRTY_SOURCE_DEVICE);
		}
		if (both && any && !own) {
			EXPECT_PLAN(kinds[1][i] == IOMMU_DIRTY_SOURCE_IOMMU);
			EXPECT_PLAN(kinds[2][i] == IOMMU_DIRTY_SOURCE_DEVICE);
		} else {
			EXPECT_PLAN(kinds[0][i] == kinds[1][i]);
			EXPECT_PLAN(kinds[0][i] == kinds[2][i]);
		}
	}
	PASS();
}

static struct dirty_plan_device make_device(unsigned int code)
{
	return (struct dirty_plan_device){
		.domain = code & 1,
		.nested = code & 2,
		.scoped = code & 4,
		.granule = granules[code / 8 % 3],
		.policy = code / DEVICE_KINDS,
	};
}

static enum greatest_test_res enumerate(struct dirty_plan *plan)
{
	unsigned int kinds = plan->nr_devices < MAX_DEVICES ?
				     DEVICE_KINDS * POLICIES : DEVICE_KINDS;
	unsigned int code, d, c, n = 1, i;

	for (i = 0; i < plan->nr_devices; i++)
		n *= kinds;
	for (code = 0; code < n; code++) {
		for (i = 0, c = code; i < plan->nr_devices; i++) {
			devices[i] = make_device(c % kinds);
			c /= kinds;
			if (devices[i].domain >= plan->nr_domains)
				break;
		}
		if (i < plan->nr_devices)
			continue;
		for (d = 0; d < (plan->nr_domains == 2 ? 9 : 3); d++) {
			domains[0].granule = granules[d % 3];
			domains[1].granule = granules[d / 3];
			CHECK_CALL(check_policy(plan));
		}
	}
	PASS();
}

TEST every_small_plan(void)
{
	struct dirty_plan plan = { .domains = domains, .devices = devices };

	for (plan.nr_domains = 0; plan.nr_domains <= MAX_DOMAINS; plan.nr_domains++) {
		plan.nr_devices = 0;
		CHECK_CALL(enumerate(&plan));
		while (plan.nr_domains && plan.nr_devices++ < MAX_DEVICES)
			CHECK_CALL(enumerate(&plan));
	}
	PASS();
}

/* No domain and no device: nothing to cover, nothing conservative. */
TEST empty_plan(void)
{
	struct dirty_plan plan = { .conservative = true };

	dirty_plan_make(&plan);
	ASSERT(!plan.conservative);
	PASS();
}

GREATEST_MAIN_DEFS();

int main(int argc, char **argv)
{
	GREATEST_MAIN_BEGIN();
	RUN_TEST(empty_plan);
	RUN_TEST(every_small_plan);
	HARNESS_MAIN_END();
}
