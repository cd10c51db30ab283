// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings of a file (memfd), which need no process that has it mapped: a tracker goes on
 * when a VMM executes its next version and takes the mappings over (kernel 7.x).
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "devices.h"
#include "fixture.h"

FIXTURE(file) {
	struct testbed b;
};

FIXTURE_VARIANT(file) {
	unsigned int device;
};

FIXTURE_VARIANT_ADD(file, amd) {
	.device = AMD_0,
};

FIXTURE_VARIANT_ADD(file, amd_gather) {
	.device = AMD_GATHER,
};

FIXTURE_VARIANT_ADD(file, smmu) {
	.device = SMMU,
};

FIXTURE_VARIANT_ADD(file, untracked) {
	.device = UNTRACKED,
};

FIXTURE_SETUP(file)
{
	struct testbed *b = &self->b;
	int fd, rc;

	ASSERT_EQ(0, testbed_open(b, variant->device, false));
	ASSERT_EQ(0, iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE, NULL));
	fd = memfd_create("guest", MFD_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, RAM_SIZE));
	rc = iommufd_ioas_map_file(b->fd, b->ioas_id, fd, RAM_SIZE, IOVA, IOMMUFD_MAP_RW);
	close(fd);
	if (rc == -ENOTTY)
		SKIP(return, "this kernel maps no files");
	ASSERT_EQ(0, rc);
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_LE(0, testbed_read_ram(b));
}

FIXTURE_TEARDOWN(file)
{
	testbed_close(&self->b);
}

static bool is_precise(const FIXTURE_VARIANT(file) *variant)
{
	return variant->device != UNTRACKED;
}

/* The pages @page and @page + 7 have been written; others only if it is not precise. */
static void expect_two(struct __test_metadata *_metadata, FIXTURE_DATA(file) *self,
		       const FIXTURE_VARIANT(file) *variant, __u64 page)
{
	EXPECT_EQ(is_precise(variant) ? 2 : RAM_PAGES, testbed_read_ram(&self->b));
	EXPECT_TRUE(testbed_bit(&self->b, page));
	EXPECT_TRUE(testbed_bit(&self->b, page + 7));
}

/* Of a file that no one has open or mapped any more. */
TEST_F(file, is_tracked)
{
	ASSERT_EQ(0, testbed_write(&self->b, 5, 1));
	ASSERT_EQ(0, testbed_write(&self->b, 12, 1));
	expect_two(_metadata, self, variant, 5);
	EXPECT_EQ(is_precise(variant) ? 0 : RAM_PAGES, testbed_read_ram(&self->b));
	/* What was written and is unmapped is reported once more */
	ASSERT_EQ(0, testbed_write(&self->b, 5, 1));
	ASSERT_EQ(0, iommufd_ioas_unmap(self->b.fd, self->b.ioas_id, IOVA, RAM_SIZE, NULL));
	EXPECT_EQ(is_precise(variant) ? 1 : RAM_PAGES, testbed_read_ram(&self->b));
	EXPECT_TRUE(testbed_bit(&self->b, 5));
}

/* Written before, and after another process has taken the mappings over. */
TEST_F(file, survives_the_process)
{
	int status;
	pid_t pid;

	if (iommufd_change_process(self->b.fd) == -ENOTTY)
		SKIP(return, "this kernel does not pass mappings on");
	ASSERT_EQ(0, testbed_write(&self->b, 100, 1));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int rc = iommufd_change_process(self->b.fd);

		rc = rc ?: testbed_write(&self->b, 107, 1);
		_exit(rc ? 1 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	/* The process that has them is no more; this one takes them */
	expect_two(_metadata, self, variant, 100);
	ASSERT_EQ(0, iommufd_change_process(self->b.fd));
	ASSERT_EQ(0, testbed_write(&self->b, 200, 1));
	ASSERT_EQ(0, testbed_write(&self->b, 207, 1));
	expect_two(_metadata, self, variant, 200);
}

/* A mapping of memory of the process cannot be passed on, and everything is as before. */
TEST_F(file, is_refused_with_memory)
{
	struct testbed *b = &self->b;

	if (iommufd_change_process(b->fd) == -ENOTTY)
		SKIP(return, "this kernel does not pass mappings on");
	ASSERT_EQ(0, testbed_write(b, 300, 1));
	ASSERT_EQ(0, iommufd_ioas_map(b->fd, b->ioas_id, b->ram, PAGE, IOVA + RAM_SIZE,
				      IOMMUFD_MAP_RW));
	EXPECT_EQ(-EINVAL, iommufd_change_process(b->fd));
	ASSERT_EQ(0, testbed_write(b, 307, 1));
	expect_two(_metadata, self, variant, 300);
}

struct beside {
	int fd;
	atomic_bool stop;
	unsigned int changes;
	int rc;
};

static void *change_thread(void *arg)
{
	struct beside *t = arg;

	while (!t->stop && !t->rc) {
		t->rc = iommufd_change_process(t->fd);
		t->changes++;
	}
	return NULL;
}

/* While mappings are passed on, no write is lost. */
TEST_F(file, passed_on_beside_reads)
{
	struct beside t = { .fd = self->b.fd };
	unsigned int round, lost = 0;
	pthread_t thread;

	if (iommufd_change_process(self->b.fd) == -ENOTTY)
		SKIP(return, "this kernel does not pass mappings on");
	ASSERT_EQ(0, pthread_create(&thread, NULL, change_thread, &t));
	for (round = 0; round < 200; round++) {
		__u64 page = round * 37 % RAM_PAGES;

		ASSERT_EQ(0, testbed_write(&self->b, page, 1));
		ASSERT_LE(0, testbed_read_ram(&self->b));
		lost += !testbed_bit(&self->b, page);
	}
	t.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, t.rc);
	EXPECT_EQ(0, lost);
	EXPECT_LT(0, t.changes);
	TH_LOG("%u writes, beside %u changes of the process", round, t.changes);
}

TEST_HARNESS_MAIN
