// SPDX-License-Identifier: GPL-2.0-only
/*
 * iommufdctl check: how exact a migration with a device would be, asked of a device that
 * is free, and of one in use.
 */
#include <string.h>
#include <json-c/json.h>

#include "kselftest_harness.h"
#include "ctl_fixture.h"

static struct json_object *check(struct ctl_run *r, const char *name)
{
	struct json_object *json, *one;

	ctl(r, "-j check %s", name);
	json = json_tokener_parse(r->out);
	if (!json || json_object_array_length(json) != 1)
		return NULL;
	one = json_object_get(json_object_array_get_idx(json, 0));
	json_object_put(json);
	return one;
}

static void name_of(unsigned int device, char *name, size_t len)
{
	sysfs_pci_find(VIRT_DMA_VENDOR_ID, VIRT_DMA_DEVICE_ID, device, name, len);
}

FIXTURE(check) {
	struct ctl_run r;
	char name[16];
	struct json_object *json;
};

FIXTURE_VARIANT(check) {
	unsigned int device;
	const char *driver;
	int status;
	const char *kind;
};

FIXTURE_VARIANT_ADD(check, amd) { CTL_AMD, "vfio-pci", 0, "iommu" };
FIXTURE_VARIANT_ADD(check, intel_gather) { CTL_INTEL_GATHER, "vfio-pci", 0, "iommu" };
FIXTURE_VARIANT_ADD(check, smmu) { CTL_SMMU, "vfio-pci", 0, "iommu" };
FIXTURE_VARIANT_ADD(check, none) { CTL_NONE, "vfio-pci", 1, "mapped" };
FIXTURE_VARIANT_ADD(check, log) { CTL_LOG, VDEV_TRACKER_DRIVER, 0, "device" };
FIXTURE_VARIANT_ADD(check, log_unused) { CTL_LOG, "vfio-pci", 1, "mapped" };

FIXTURE_SETUP(check)
{
	name_of(variant->device, self->name, sizeof(self->name));
	ASSERT_EQ(0, sysfs_pci_bind(self->name, variant->driver));
}

FIXTURE_TEARDOWN(check)
{
}

/* What the kernel would do, for each kind of IOMMU and driver */
TEST_F(check, personality)
{
	struct json_object *json = check(&self->r, self->name);

	ASSERT_NE(NULL, json) TH_LOG("%s", self->r.err);
	EXPECT_EQ(variant->status, self->r.status);
	EXPECT_STREQ(variant->kind, ctl_value(json, "kind"));
	EXPECT_STREQ(variant->status ? "false" : "true", ctl_value(json, "tracked"));
	EXPECT_STREQ(strcmp(variant->kind, "device") ? "false" : "true",
		     ctl_value(json, "page-log"));
	EXPECT_STREQ(variant->driver, ctl_value(json, "driver"));
	json_object_put(json);
	ctl(&self->r, "check %s", self->name);
	EXPECT_EQ(variant->status, self->r.status);
	EXPECT_NE(NULL, strstr(self->r.out, variant->status ?
			       "a VMM gets  everything mapped for it is reported dirty" :
			       "a VMM gets  exact"));
}

/* The advice helps: with small leaves it is exact at pages. */
TEST(check_small_leaves)
{
	struct json_object *json;
	struct ctl_run r;
	char name[16];

	name_of(CTL_AMD, name, sizeof(name));
	ASSERT_EQ(0, sysfs_pci_bind(name, "vfio-pci"));
	json = check(&r, name);
	EXPECT_STREQ("false", ctl_value(json, "fine"));
	EXPECT_NE(NULL, strstr(ctl_value(json, "advice"), "small-leaves on"));
	json_object_put(json);
	ctl(&r, "policy set small-leaves on");
	ASSERT_EQ(0, r.status);
	json = check(&r, name);
	EXPECT_STREQ("true", ctl_value(json, "fine"));
	EXPECT_STREQ("", ctl_value(json, "advice"));
	json_object_put(json);
	ctl(&r, "policy set small-leaves off");
	ASSERT_EQ(0, r.status);
}

/*
 * A log that ends below what can be mapped may leave something to be reported because it
 * is mapped, unless a VMM maps less.
 */
TEST(check_low_log)
{
	struct json_object *json;
	struct ctl_run r;
	char name[16];

	name_of(CTL_LOW, name, sizeof(name));
	ASSERT_EQ(0, sysfs_pci_bind(name, VDEV_TRACKER_DRIVER));
	json = check(&r, name);
	ASSERT_NE(NULL, json) TH_LOG("%s", r.err);
	EXPECT_EQ(1, r.status);
	EXPECT_STREQ("device", ctl_value(json, "kind"));
	EXPECT_STREQ("false", ctl_value(json, "tracked"));
	EXPECT_NE(NULL, strstr(ctl_value(json, "advice"), "--up-to"));
	json_object_put(json);
	ctl(&r, "check --up-to 1G %s", name);
	EXPECT_EQ(0, r.status) TH_LOG("%s", r.out);
	ctl(&r, "check --up-to 0x40001000 %s", name);
	EXPECT_EQ(1, r.status);
	EXPECT_NE(NULL, strstr(r.out, "log covers  IOVA 0 to 0x3fffffff")) TH_LOG("%s", r.out);
	ctl(&r, "check --up-to much %s", name);
	EXPECT_EQ(2, r.status);
}

/* Of a device in use, its user's tracker says it; without one, it is not known. */
TEST_F(ctl, check_in_use)
{
	struct json_object *json;

	json = check(&self->r, self->dev.name);
	ASSERT_NE(NULL, json);
	EXPECT_EQ(0, tracker_set(self->fd, self->tracker_id, IOMMU_DIRTY_TRACKER_ENABLE, NULL,
				 NULL));
	json_object_put(json);
	json = check(&self->r, self->dev.name);
	EXPECT_EQ(0, self->r.status);
	EXPECT_STREQ("iommu", ctl_value(json, "kind"));
	json_object_put(json);
	ASSERT_EQ(0, iommufd_destroy(self->fd, self->tracker_id));
	json = check(&self->r, self->dev.name);
	EXPECT_EQ(1, self->r.status);
	EXPECT_STREQ("not known", ctl_value(json, "outcome"));
	json_object_put(json);
}

TEST_HARNESS_MAIN
