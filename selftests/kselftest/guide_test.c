// SPDX-License-Identifier: GPL-2.0-only
/*
 * The program of Documentation/vmm-guide.rst (guide.h is made of it) migrates the
 * memory that a device keeps writing, and what a vIOMMU unmaps in between.
 */
#include <sys/mman.h>
#include <time.h>

#include "kselftest_harness.h"
#include "crowd.h"
#include "guide.h"

/**
 * struct migration - The VMM's own
 * @ram: The guest's memory, at IOVA
 * @copy: Where it is migrated to
 * @far: Memory that a vIOMMU has mapped at FAR
 * @far_copy: Where that is migrated to
 * @strange: Ranges that are in neither
 */
struct migration {
	char *ram;
	char *copy;
	char *far;
	char *far_copy;
	unsigned int strange;
};

void guest_range_dirty(struct vmm *vmm, uint64_t iova, uint64_t length)
{
	struct migration *m = vmm->migration;

	if (iova >= IOVA && iova + length <= IOVA + RAM_SIZE)
		memcpy(m->copy + (iova - IOVA), m->ram + (iova - IOVA), length);
	else if (iova >= FAR && iova + length <= FAR + FAR_SIZE)
		memcpy(m->far_copy + (iova - FAR), m->far + (iova - FAR), length);
	else
		m->strange++;
}

FIXTURE(guide) {
	struct crowd c;
	struct vmm vmm;
	struct migration m;
};

FIXTURE_VARIANT(guide) { unsigned int device; };
FIXTURE_VARIANT_ADD(guide, iommu) { .device = BOTH };
FIXTURE_VARIANT_ADD(guide, gather) { .device = SMMU_GATHER };
FIXTURE_VARIANT_ADD(guide, log) { .device = LOG };

static void *memory(__u64 size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
}

FIXTURE_SETUP(guide)
{
	struct vmm *vmm = &self->vmm;
	struct crowd *c = &self->c;

	ASSERT_EQ(0, crowd_open(c, true));
	self->m = (struct migration){
		.ram = c->b.ram,
		.copy = memory(RAM_SIZE),
		.far = c->far,
		.far_copy = memory(FAR_SIZE),
	};
	ASSERT_NE(MAP_FAILED, (void *)self->m.copy);
	ASSERT_NE(MAP_FAILED, (void *)self->m.far_copy);
	vmm->iommufd = c->b.fd;
	vmm->migration = &self->m;
	ASSERT_EQ(0, vmm_setup(vmm));
	ASSERT_NE(0, vmm->tracker_id);
	ASSERT_EQ(0, vmm_small_leaves(vmm, true));
	ASSERT_EQ(0, iommufd_ioas_map(vmm->iommufd, vmm->ioas_id, c->b.ram, RAM_SIZE,
				      IOVA, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, iommufd_ioas_map(vmm->iommufd, vmm->ioas_id, c->far, FAR_SIZE,
				      FAR, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, crowd_attach(c, variant->device, vmm->ioas_id));
}

FIXTURE_TEARDOWN(guide)
{
	vmm_close(&self->vmm);
	EXPECT_EQ(0, crowd_close(&self->c));
	munmap(self->m.copy, RAM_SIZE);
	munmap(self->m.far_copy, FAR_SIZE);
}

TEST_F(guide, migrates)
{
	struct vmm *vmm = &self->vmm;
	struct migration *m = &self->m;
	struct crowd *c = &self->c;
	unsigned int round;
	long long dirty = 0;

	EXPECT_EQ(1, vmm_is_precise(vmm));
	ASSERT_EQ(0, vmm_start(vmm));
	memcpy(m->copy, m->ram, RAM_SIZE);
	ASSERT_EQ(0, crowd_dma(c, variant->device, FAR + 5 * PAGE, 20));
	ASSERT_EQ(0, crowd_write_on(c, variant->device, IOVA, RAM_SIZE, 5000));
	for (round = 0; round < 6; round++) {
		dirty = vmm_round(vmm);
		EXPECT_LE(0, dirty);
		if (round == 2)
			EXPECT_EQ(0, vmm_unmap(vmm, FAR, FAR_SIZE));
		usleep(20000);
	}
	/* Not all of it: the tracker is precise, and small leaves are */
	EXPECT_GT(RAM_SIZE, dirty);
	ASSERT_EQ(0, vdev_stop(&c->dev[variant->device]));
	EXPECT_LE(0, vmm_stop(vmm, NULL, false, NULL, 0));
	EXPECT_EQ(0, memcmp(m->copy, m->ram, RAM_SIZE));
	EXPECT_EQ(0, memcmp(m->far_copy + 5 * PAGE, m->far + 5 * PAGE, 20 * PAGE));
	EXPECT_EQ(0, m->strange);
	/* Everything, as a vIOMMU's global flush does */
	EXPECT_EQ(0, vmm_unmap(vmm, 0, UINT64_MAX));
	EXPECT_EQ(0, vmm_unmap(vmm, 0, UINT64_MAX));
	EXPECT_EQ(0, iommufd_ioas_map(vmm->iommufd, vmm->ioas_id, c->far, PAGE, IOVA,
				      IOMMUFD_MAP_RW));
	EXPECT_EQ(0, vmm_end(vmm));
}

/* INFO shows what cannot be tracked, and when it has left; READ is correct in any case. */
TEST_F(guide, tells_what_cannot_be_tracked)
{
	struct vmm *vmm = &self->vmm;
	struct crowd *c = &self->c;

	ASSERT_EQ(0, vmm_start(vmm));
	EXPECT_EQ(-EAGAIN, vmm_event(vmm));
	ASSERT_EQ(0, crowd_attach(c, UNTRACKED, vmm->ioas_id));
	EXPECT_EQ(0, vmm_event(vmm));
	EXPECT_EQ(RAM_SIZE + FAR_SIZE, (__u64)vmm_round(vmm));
	ASSERT_EQ(0, crowd_detach(c, UNTRACKED));
	EXPECT_EQ(1, vmm_event(vmm));
	EXPECT_LE(0, vmm_round(vmm));
	EXPECT_EQ(0, vmm_round(vmm));
}

/* A log that fails again and again is restarted once, and the rounds continue. */
TEST_F(guide, restarts_once)
{
	struct vmm *vmm = &self->vmm;
	struct crowd *c = &self->c;
	unsigned int i;

	if (variant->device != LOG)
		SKIP(return, "has no log");
	ASSERT_EQ(0, vmm_start(vmm));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, virt_set("lose_track", "1"));
		EXPECT_EQ(RAM_SIZE + FAR_SIZE, (__u64)vmm_round(vmm));
		EXPECT_TRUE(vmm->restarted);
	}
	ASSERT_EQ(0, virt_set("lose_track", "0"));
	EXPECT_EQ(0, vmm_is_precise(vmm));
	/* The next migration has a restart of its own, if START does not mend it */
	ASSERT_EQ(0, vmm_end(vmm));
	ASSERT_EQ(0, vmm_start(vmm));
	EXPECT_EQ(1, vmm_is_precise(vmm));
	ASSERT_EQ(0, crowd_dma(c, LOG, IOVA, 2));
	EXPECT_EQ(2 * PAGE, (__u64)vmm_round(vmm));
}

TEST_HARNESS_MAIN
