// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every ioctl of the tracker with good and bad input: each error code that
 * uapi/linux/iommufd_dirty.h names.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "devices.h"
#include "fixture.h"

#define offsetofend(type, member) \
	(offsetof(type, member) + sizeof(((type *)0)->member))

static int call(int fd, unsigned long request, void *cmd)
{
	return ioctl(fd, request, cmd) ? -errno : 0;
}

FIXTURE(uapi) {
	struct testbed b;
};

FIXTURE_SETUP(uapi)
{
	ASSERT_EQ(0, testbed_open(&self->b, AMD_0, false));
}

FIXTURE_TEARDOWN(uapi)
{
	testbed_close(&self->b);
}

/* The conventions of /dev/iommu, for each of our ioctls. */
TEST_F(uapi, structures)
{
	static const struct {
		unsigned long request;
		__u32 size;
		__u32 min_size;
	} ops[] = {
		{ IOMMU_DIRTY_TRACKER_ALLOC,
		  sizeof(struct iommu_dirty_tracker_alloc),
		  sizeof(struct iommu_dirty_tracker_alloc) },
		{ IOMMU_DIRTY_TRACKER_SET,
		  sizeof(struct iommu_dirty_tracker_set),
		  offsetofend(struct iommu_dirty_tracker_set, out_page_size) },
		{ IOMMU_DIRTY_TRACKER_READ,
		  sizeof(struct iommu_dirty_tracker_read),
		  offsetofend(struct iommu_dirty_tracker_read, out_nr_ranges) },
		{ IOMMU_DIRTY_TRACKER_UNMAP,
		  sizeof(struct iommu_dirty_tracker_unmap),
		  sizeof(struct iommu_dirty_tracker_unmap) },
		{ IOMMU_DIRTY_TRACKER_INFO,
		  sizeof(struct iommu_dirty_tracker_info),
		  sizeof(struct iommu_dirty_tracker_info) },
	};
	unsigned int i;

	for (i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		__u32 buffer[64] = { ops[i].min_size - 1 };

		EXPECT_EQ(-EINVAL, call(self->b.fd, ops[i].request, buffer));
		buffer[0] = 0;
		EXPECT_EQ(-EINVAL, call(self->b.fd, ops[i].request, buffer));
		buffer[0] = ops[i].size + 8;
		buffer[ops[i].size / 4 + 1] = 1;
		EXPECT_EQ(-E2BIG, call(self->b.fd, ops[i].request, buffer));
		EXPECT_EQ(-EFAULT, call(self->b.fd, ops[i].request, NULL));
		/* A longer structure with nothing in its tail is welcome */
		buffer[ops[i].size / 4 + 1] = 0;
		EXPECT_NE(-E2BIG, call(self->b.fd, ops[i].request, buffer));
	}
}

TEST_F(uapi, alloc)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_tracker_alloc cmd = { .size = sizeof(cmd) };
	__u32 ioas_id, id, other;
	__u64 bad[] = { 1, 2048, 4095, 4097, 12288, 1ull << 52, 1ull << 63,
			~0ull };
	unsigned int i;

	ASSERT_EQ(0, iommufd_ioas_alloc(b->fd, &ioas_id));
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		EXPECT_EQ(-EINVAL,
			  tracker_alloc(b->fd, ioas_id, 0, 0, bad[i], &id));
	EXPECT_EQ(-EINVAL, tracker_alloc(b->fd, ioas_id, 3, 0, 0, &id));
	EXPECT_EQ(-EINVAL, tracker_alloc(b->fd, ioas_id, ~0u, 0, 0, &id));
	EXPECT_EQ(-EOPNOTSUPP,
		  tracker_alloc(b->fd, ioas_id, 0, 1u << 31, 0, &id));
	cmd.ioas_id = ioas_id;
	cmd.event_fd = 1;
	EXPECT_EQ(-EOPNOTSUPP, call(b->fd, IOMMU_DIRTY_TRACKER_ALLOC, &cmd));
	EXPECT_EQ(-ENOENT, tracker_alloc(b->fd, 0, 0, 0, 0, &id));
	EXPECT_EQ(-ENOENT, tracker_alloc(b->fd, b->hwpt_id, 0, 0, 0, &id));
	EXPECT_EQ(-EBUSY, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &id));

	/* Largest unit, all policies, again after a destroy */
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, tracker_alloc(b->fd, ioas_id, i,
					   IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE,
					   1ull << 30, &id));
		EXPECT_EQ(-EBUSY,
			  tracker_alloc(b->fd, ioas_id, 0, 0, 0, &other));
		EXPECT_EQ(-EBUSY, iommufd_destroy(b->fd, ioas_id));
		EXPECT_EQ(0, iommufd_destroy(b->fd, id));
		EXPECT_EQ(-ENOENT, iommufd_destroy(b->fd, id));
	}
	EXPECT_EQ(0, iommufd_destroy(b->fd, ioas_id));
}

/* A call whose answer cannot be delivered, since the @size bytes of @cmd are in a read-only page */
static int call_read_only(int fd, unsigned long request, const void *cmd, size_t size)
{
	void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int rc;

	if (page == MAP_FAILED)
		return -errno;
	memcpy(page, cmd, size);
	rc = mprotect(page, PAGE, PROT_READ) ? -errno : call(fd, request, page);
	munmap(page, PAGE);
	return rc;
}

/* Nothing is left behind. */
TEST_F(uapi, alloc_undone)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_tracker_alloc cmd = { .size = sizeof(cmd) };
	__u32 ioas_id, id;

	ASSERT_EQ(0, iommufd_ioas_alloc(b->fd, &ioas_id));
	cmd.ioas_id = ioas_id;
	EXPECT_EQ(-EFAULT,
		  call_read_only(b->fd, IOMMU_DIRTY_TRACKER_ALLOC, &cmd, sizeof(cmd)));
	EXPECT_EQ(0, tracker_alloc(b->fd, ioas_id, 0, 0, 0, &id));
}

/* Nor is anything started or stopped without an answer. */
TEST_F(uapi, set_undone)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_tracker_set cmd = {
		.size = sizeof(cmd),
		.tracker_id = b->tracker_id,
		.flags = IOMMU_DIRTY_TRACKER_ENABLE,
	};
	struct tracker_read_out out;

	EXPECT_EQ(-EFAULT, call_read_only(b->fd, IOMMU_DIRTY_TRACKER_SET, &cmd, sizeof(cmd)));
	EXPECT_EQ(-ENODATA, testbed_read(b, 0, 1, 0, &out));
	ASSERT_EQ(0, testbed_start(b));
	cmd.flags = 0;
	EXPECT_EQ(-EFAULT, call_read_only(b->fd, IOMMU_DIRTY_TRACKER_SET, &cmd, sizeof(cmd)));
	EXPECT_EQ(0, testbed_read(b, 0, 1, 0, &out));
}

TEST_F(uapi, set)
{
	struct testbed *b = &self->b;
	__u64 page_size = 0;
	__u32 flags = ~0u;

	EXPECT_EQ(-EOPNOTSUPP,
		  tracker_set(b->fd, b->tracker_id, 1u << 31, NULL, NULL));
	EXPECT_EQ(-EINVAL, tracker_set(b->fd, b->tracker_id,
				       IOMMU_DIRTY_TRACKER_SPLIT, NULL, NULL));
	EXPECT_EQ(-ENOENT, tracker_set(b->fd, b->ioas_id, 0, NULL, NULL));
	EXPECT_EQ(-ENOENT, tracker_set(b->fd, 12345, 0, NULL, NULL));
	EXPECT_EQ(0, tracker_set(b->fd, b->tracker_id, 0, NULL, NULL));
	EXPECT_EQ(0, tracker_set(b->fd, b->tracker_id,
				 IOMMU_DIRTY_TRACKER_ENABLE, &page_size,
				 &flags));
	EXPECT_EQ(PAGE, page_size);
	EXPECT_EQ(0, flags);
	EXPECT_EQ(0, testbed_start(b));
	page_size = 0;
	flags = ~0u;
	EXPECT_EQ(0, tracker_set(b->fd, b->tracker_id, 0, &page_size, &flags));
	EXPECT_EQ(PAGE, page_size);
	EXPECT_EQ(0, flags);
	EXPECT_EQ(0, tracker_set(b->fd, b->tracker_id, 0, NULL, NULL));
}

static struct iommu_dirty_tracker_read good_read(struct testbed *b)
{
	return (struct iommu_dirty_tracker_read){
		.tracker_id = b->tracker_id,
		.iova = IOVA,
		.length = RAM_SIZE,
		.page_size = PAGE,
		.data = (__u64)(uintptr_t)b->bits,
		.data_len = sizeof(b->bits),
	};
}

#define EXPECT_READ(_rc, _field, _value)                          \
	do {                                                      \
		struct iommu_dirty_tracker_read cmd = good_read(b); \
		cmd._field = _value;                              \
		EXPECT_EQ(_rc, tracker_read(b->fd, &cmd));        \
	} while (0)

/* Nor is anything cleared or unmapped without an answer. */
TEST_F(uapi, read_undone)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_tracker_read read = good_read(b);
	struct iommu_dirty_tracker_unmap unmap = testbed_unmap_cmd(b);

	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 7, 3));
	read.size = sizeof(read);
	EXPECT_EQ(-EFAULT, call_read_only(b->fd, IOMMU_DIRTY_TRACKER_READ, &read, sizeof(read)));
	unmap.size = sizeof(unmap);
	EXPECT_EQ(-EFAULT,
		  call_read_only(b->fd, IOMMU_DIRTY_TRACKER_UNMAP, &unmap, sizeof(unmap)));
	/* It is still mapped; otherwise this write would be refused. */
	ASSERT_EQ(0, testbed_write(b, 20, 1));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(4, testbed_count(b));
	EXPECT_TRUE(testbed_bit(b, 7));
}

TEST_F(uapi, read)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_range range;
	struct iommu_dirty_tracker_read cmd = good_read(b);

	EXPECT_EQ(-ENODATA, tracker_read(b->fd, &cmd));
	ASSERT_EQ(0, testbed_start(b));
	cmd = good_read(b);
	EXPECT_EQ(0, tracker_read(b->fd, &cmd));
	EXPECT_EQ(IOVA + RAM_SIZE, cmd.out_next_iova);
	EXPECT_EQ(0, cmd.out_dirty_bytes);
	EXPECT_EQ(0, cmd.out_flags);

	EXPECT_READ(-ENOENT, tracker_id, b->ioas_id);
	EXPECT_READ(-EOPNOTSUPP, flags, 1u << 31);
	EXPECT_READ(-EINVAL, flags, IOMMU_DIRTY_TRACKER_READ_RANGES |
					    IOMMU_DIRTY_TRACKER_READ_COUNT);
	EXPECT_READ(-EINVAL, page_size, 0);
	EXPECT_READ(-EINVAL, page_size, 1);
	EXPECT_READ(-EINVAL, page_size, 2048);
	EXPECT_READ(-EINVAL, page_size, 12288);
	EXPECT_READ(-EINVAL, page_size, 1ull << 63);
	EXPECT_READ(-EINVAL, page_size, ~0ull);
	EXPECT_READ(-EINVAL, length, 0);
	EXPECT_READ(-EINVAL, length, PAGE + 1);
	EXPECT_READ(-EINVAL, length, ~0ull);
	EXPECT_READ(-EINVAL, iova, IOVA + 1);
	EXPECT_READ(-EOVERFLOW, iova, 0 - RAM_SIZE + PAGE);
	EXPECT_READ(-EOVERFLOW, iova, 0 - PAGE);
	EXPECT_READ(-EINVAL, data, 0);
	EXPECT_READ(-EOVERFLOW, data, ~0ull - 16);
	EXPECT_READ(-EOVERFLOW, data_len, ~0ull);
	EXPECT_READ(-EINVAL, data_len, 0);
	EXPECT_READ(-EINVAL, data_len, sizeof(b->bits) - 1);
	EXPECT_READ(-EOPNOTSUPP, __reserved, 1);
	/* COUNT takes no buffer */
	EXPECT_READ(-EINVAL, flags, IOMMU_DIRTY_TRACKER_READ_COUNT);
	cmd = good_read(b);
	cmd.flags = IOMMU_DIRTY_TRACKER_READ_COUNT;
	cmd.data = 0;
	EXPECT_EQ(-EINVAL, tracker_read(b->fd, &cmd));
	cmd.data_len = 0;
	EXPECT_EQ(0, tracker_read(b->fd, &cmd));
	/* Nothing to write into a bitmap that does not exist */
	EXPECT_READ(0, data, 4096);

	cmd = good_read(b);
	cmd.flags = IOMMU_DIRTY_TRACKER_READ_RANGES;
	cmd.data = (__u64)(uintptr_t)&range;
	cmd.data_len = sizeof(range) - 1;
	EXPECT_EQ(-EINVAL, tracker_read(b->fd, &cmd));
	cmd.data_len = sizeof(range);
	EXPECT_EQ(0, tracker_read(b->fd, &cmd));
	EXPECT_EQ(0, cmd.out_nr_ranges);
}

TEST_F(uapi, read_fault)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_tracker_read cmd = good_read(b);

	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 3, 1));
	cmd.data = 4096;
	EXPECT_EQ(-EFAULT, tracker_read(b->fd, &cmd));
	EXPECT_EQ(0, cmd.out_dirty_bytes);
	cmd.flags = IOMMU_DIRTY_TRACKER_READ_RANGES;
	EXPECT_EQ(-EFAULT, tracker_read(b->fd, &cmd));
	EXPECT_EQ(0, cmd.out_nr_ranges);
	EXPECT_EQ(IOVA + 3 * PAGE, cmd.out_next_iova);
	/* A kernel address is no better */
	cmd.data = 0xffff888000000000ull;
	EXPECT_EQ(-EFAULT, tracker_read(b->fd, &cmd));
	cmd.flags = 0;
	EXPECT_EQ(-EFAULT, tracker_read(b->fd, &cmd));
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
	EXPECT_EQ(1, testbed_count(b));
	EXPECT_TRUE(testbed_bit(b, 3));
}

#define EXPECT_UNMAP(_rc, _field, _value)                           \
	do {                                                        \
		struct iommu_dirty_tracker_unmap cmd = testbed_unmap_cmd(b); \
		cmd._field = _value;                                \
		EXPECT_EQ(_rc, tracker_unmap(b->fd, &cmd));         \
		EXPECT_EQ(0, cmd.out_unmapped);                     \
	} while (0)

TEST_F(uapi, unmap)
{
	struct testbed *b = &self->b;

	EXPECT_UNMAP(-ENODATA, flags, 0);
	ASSERT_EQ(0, testbed_start(b));
	EXPECT_UNMAP(-EOPNOTSUPP, flags, 1u << 31);
	EXPECT_UNMAP(-ENOENT, tracker_id, b->ioas_id);
	EXPECT_UNMAP(-EINVAL, page_size, 0);
	EXPECT_UNMAP(-EINVAL, page_size, 12288);
	EXPECT_UNMAP(-EINVAL, iova, IOVA + 1);
	EXPECT_UNMAP(-EINVAL, length, 0);
	EXPECT_UNMAP(-EINVAL, length, PAGE - 1);
	EXPECT_UNMAP(-EOVERFLOW, iova, 0 - PAGE);
	EXPECT_UNMAP(-EINVAL, data, 0);
	EXPECT_UNMAP(-EINVAL, data_len, 8);
	EXPECT_UNMAP(-EINVAL, flags, IOMMU_DIRTY_TRACKER_UNMAP_STOP);
	/* Part of a mapping, and nothing */
	EXPECT_UNMAP(-ERANGE, length, PAGE);
	EXPECT_UNMAP(-ENOENT, iova, IOVA + RAM_SIZE);
	ASSERT_EQ(0, testbed_read(b, 0, RAM_PAGES, 0, NULL));
}

TEST_F(uapi, info)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_source_info source[2] = {};
	struct iommu_dirty_tracker_info info = { .size = sizeof(info) };

	EXPECT_EQ(-ENOENT, tracker_info(b->fd, b->ioas_id, &info, source, 2));
	info = (struct iommu_dirty_tracker_info){ .size = sizeof(info),
						  .flags = 2,
						  .tracker_id = b->tracker_id };
	EXPECT_EQ(-EOPNOTSUPP, call(b->fd, IOMMU_DIRTY_TRACKER_INFO, &info));

	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, source, 2));
	EXPECT_EQ(1, info.nr_sources);
	EXPECT_EQ(0, info.out_flags);
	EXPECT_EQ(PAGE, info.out_page_size);
	EXPECT_EQ(0, info.out_pending_bytes);
	EXPECT_EQ(0, info.out_memory);
	EXPECT_EQ(b->dev.dev_id, source[0].dev_id);
	EXPECT_EQ(b->hwpt_id, source[0].hwpt_id);
	/* What START would make of it */
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, source[0].kind);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_OFF, source[0].state);
	EXPECT_STREQ("amd", source[0].platform);

	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 0, 5));
	ASSERT_EQ(0, testbed_read(b, 0, 5, IOMMU_DIRTY_TRACKER_READ_NO_CLEAR,
				  NULL));
	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, source, 2));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_RUNNING, info.out_flags);
	/* A peek takes nothing, and so holds nothing */
	EXPECT_EQ(0, info.out_pending_bytes);
	EXPECT_EQ(0, info.out_memory);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, source[0].kind);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_ON, source[0].state);
	EXPECT_EQ(PAGE, source[0].granule);
	EXPECT_EQ(PAGE, source[0].largest);
	EXPECT_EQ(5 * PAGE, source[0].dirty_bytes);
	EXPECT_EQ(1, source[0].harvests);
	EXPECT_LT(0, source[0].harvest_ns);
	EXPECT_EQ(0, source[0].failures);
}

/* What could not be delivered is pending; a peek sees it, and leaves it. */
TEST_F(uapi, info_pending)
{
	struct iommu_dirty_source_info source[2] = {};
	struct iommu_dirty_tracker_info info;
	struct testbed *b = &self->b;
	unsigned int i;

	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, testbed_write(b, 0, 5));
	EXPECT_EQ(-EFAULT, tracker_read_bitmap(b->fd, b->tracker_id, IOVA, 5 * PAGE,
					       PAGE, (void *)8, 0, NULL));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, source, 2));
		EXPECT_EQ(5 * PAGE, info.out_pending_bytes);
		EXPECT_LT(0, info.out_memory);
		memset(b->bits, 0, sizeof(b->bits));
		ASSERT_EQ(0, testbed_read(b, 0, 5, IOMMU_DIRTY_TRACKER_READ_NO_CLEAR,
					  NULL));
		EXPECT_EQ(5, testbed_count(b));
	}
	ASSERT_EQ(0, testbed_read(b, 0, 5, 0, NULL));
	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, source, 2));
	EXPECT_EQ(0, info.out_pending_bytes);
	EXPECT_EQ(0, info.out_memory);
	/* A STOP discards it, with its memory */
	ASSERT_EQ(0, testbed_write(b, 0, 5));
	EXPECT_EQ(-EFAULT, tracker_read_bitmap(b->fd, b->tracker_id, IOVA, 5 * PAGE,
					       PAGE, (void *)8, 0, NULL));
	ASSERT_EQ(0, tracker_set(b->fd, b->tracker_id, 0, NULL, NULL));
	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, source, 2));
	EXPECT_EQ(0, info.out_pending_bytes);
	EXPECT_EQ(0, info.out_memory);
}

/* Without room, and with entries of another size. */
TEST_F(uapi, info_sizes)
{
	__u64 large[sizeof(struct iommu_dirty_source_info) / 8 + 5];
	__u64 small[4] = { ~0ull, ~0ull, ~0ull, ~0ull };
	struct iommu_dirty_tracker_info info;
	struct testbed *b = &self->b;
	unsigned int i;

	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, NULL, 0));
	EXPECT_EQ(1, info.nr_sources);
	info = (struct iommu_dirty_tracker_info){
		.size = sizeof(info),
		.tracker_id = b->tracker_id,
		.sources = (__u64)(uintptr_t)small,
		.source_size = 7,
		.nr_sources = 1,
	};
	EXPECT_EQ(-EINVAL, call(b->fd, IOMMU_DIRTY_TRACKER_INFO, &info));
	info.source_size = 8;
	EXPECT_EQ(0, call(b->fd, IOMMU_DIRTY_TRACKER_INFO, &info));
	EXPECT_EQ(b->dev.dev_id, (__u32)small[0]);
	EXPECT_EQ(~0ull, small[1]);
	/* Of a newer one, what this kernel does not know is 0 */
	memset(large, 0xff, sizeof(large));
	info.sources = (__u64)(uintptr_t)large;
	info.source_size = sizeof(large) - 8;
	EXPECT_EQ(0, call(b->fd, IOMMU_DIRTY_TRACKER_INFO, &info));
	EXPECT_EQ(b->dev.dev_id, (__u32)large[0]);
	for (i = sizeof(struct iommu_dirty_source_info) / 8; i < ARRAY_SIZE(large) - 1; i++)
		EXPECT_EQ(0, large[i]);
	EXPECT_EQ(~0ull, large[ARRAY_SIZE(large) - 1]);
	info.sources = (__u64)(uintptr_t)small;
	info.source_size = 1u << 31;
	EXPECT_EQ(-EINVAL, call(b->fd, IOMMU_DIRTY_TRACKER_INFO, &info));
	info.source_size = 8;
	info.sources = 4096;
	EXPECT_EQ(-EFAULT, call(b->fd, IOMMU_DIRTY_TRACKER_INFO, &info));
}

static int info_ioas(struct testbed *b, __u32 id, struct iommu_dirty_tracker_info *info,
		     struct iommu_dirty_source_info *source, unsigned int nr)
{
	*info = (struct iommu_dirty_tracker_info){
		.size = sizeof(*info),
		.flags = IOMMU_DIRTY_TRACKER_INFO_IOAS,
		.tracker_id = id,
		.sources = (__u64)(uintptr_t)source,
		.source_size = sizeof(*source),
		.nr_sources = nr,
	};
	return call(b->fd, IOMMU_DIRTY_TRACKER_INFO, info);
}

/* Before there is a tracker: would a migration converge? And which one is there? */
TEST_F(uapi, info_of_an_ioas)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_source_info source[2] = {};
	struct iommu_dirty_tracker_info info;
	struct vdev other;

	EXPECT_EQ(-ENOENT, info_ioas(b, b->tracker_id, &info, NULL, 0));
	ASSERT_EQ(0, info_ioas(b, b->ioas_id, &info, source, 2));
	EXPECT_EQ(b->tracker_id, info.tracker_id);
	EXPECT_EQ(0, info.out_flags);
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, info_ioas(b, b->ioas_id, &info, source, 2));
	EXPECT_EQ(b->tracker_id, info.tracker_id);
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_RUNNING, info.out_flags);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_ON, source[0].state);
	ASSERT_EQ(0, iommufd_destroy(b->fd, b->tracker_id));

	ASSERT_EQ(0, info_ioas(b, b->ioas_id, &info, source, 2));
	EXPECT_EQ(0, info.tracker_id);
	EXPECT_EQ(0, info.out_flags);
	EXPECT_EQ(1, info.nr_sources);
	EXPECT_EQ(b->dev.dev_id, source[0].dev_id);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_IOMMU, source[0].kind);
	EXPECT_EQ(IOMMU_DIRTY_SOURCE_OFF, source[0].state);
	ASSERT_EQ(0, vdev_open(&other, b->fd, UNTRACKED));
	ASSERT_EQ(0, vdev_attach(&other, b->ioas_id, NULL));
	ASSERT_EQ(0, info_ioas(b, b->ioas_id, &info, source, 2));
	EXPECT_EQ(2, info.nr_sources);
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_CONSERVATIVE, info.out_flags);
	vdev_close(&other);
}

/* Would it converge? That is asked of a tracker before it is started, and after. */
TEST_F(uapi, info_before_start)
{
	struct testbed *b = &self->b;
	struct iommu_dirty_tracker_info info;
	struct vdev other;

	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, NULL, 0));
	EXPECT_EQ(0, info.out_flags);
	ASSERT_EQ(0, vdev_open(&other, b->fd, UNTRACKED));
	ASSERT_EQ(0, vdev_attach(&other, b->ioas_id, NULL));
	ASSERT_EQ(0, tracker_info(b->fd, b->tracker_id, &info, NULL, 0));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_CONSERVATIVE, info.out_flags);
	ASSERT_EQ(0, testbed_start(b));
	ASSERT_EQ(0, tracker_set(b->fd, b->tracker_id, 0, NULL, NULL));
	ASSERT_EQ(0, info_ioas(b, b->ioas_id, &info, NULL, 0));
	EXPECT_EQ(IOMMU_DIRTY_TRACKER_CONSERVATIVE, info.out_flags);
	vdev_close(&other);
}

/* Two readers that clear would steal from one another. */
TEST_F(uapi, busy)
{
	struct testbed *b = &self->b;
	__u32 id;

	EXPECT_EQ(-EBUSY, iommufd_hwpt_set_dirty(b->fd, b->hwpt_id, true));
	EXPECT_EQ(-EBUSY, iommufd_hwpt_get_dirty(b->fd, b->hwpt_id, IOVA, PAGE,
						 PAGE, b->bits, 0));
	ASSERT_EQ(0, iommufd_destroy(b->fd, b->tracker_id));

	EXPECT_EQ(0, iommufd_hwpt_set_dirty(b->fd, b->hwpt_id, true));
	EXPECT_EQ(0, iommufd_hwpt_set_dirty(b->fd, b->hwpt_id, true));
	EXPECT_EQ(-EBUSY, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &id));
	EXPECT_EQ(0, iommufd_hwpt_get_dirty(b->fd, b->hwpt_id, IOVA, PAGE, PAGE,
					    b->bits, 0));
	EXPECT_EQ(-EBUSY, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &id));
	EXPECT_EQ(0, iommufd_hwpt_set_dirty(b->fd, b->hwpt_id, false));
	EXPECT_EQ(0, iommufd_hwpt_set_dirty(b->fd, b->hwpt_id, false));
	ASSERT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &id));
	ASSERT_EQ(0, iommufd_destroy(b->fd, id));

	/* A hold ends with its HWPT */
	EXPECT_EQ(0, iommufd_hwpt_set_dirty(b->fd, b->hwpt_id, true));
	EXPECT_EQ(-EBUSY, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &id));
	ASSERT_EQ(0, vdev_detach(&b->dev));
	EXPECT_EQ(0, tracker_alloc(b->fd, b->ioas_id, 0, 0, 0, &id));
}

TEST_HARNESS_MAIN
