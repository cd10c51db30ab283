// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration of the virtual DMA device (iommufd-virt-vfio-pci): a run that was begun on
 * one device continues on another, behind another IOMMU, with the access that follows its
 * last one. Ground truth says which device made each write; memory says that no access is
 * missing, and none was made twice.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/pci_regs.h>

#include "kselftest_harness.h"
#include "device_log.h"
#include "fixture.h"
#include "pair.h"
#include "../lib/truth.h"

#define S(name) VFIO_DEVICE_STATE_##name

#define SIZE	(4ull << 20)
#define UNITS	(SIZE / PAGE)

FIXTURE(migrate) {
	int fd;
	int truth;
	__u32 ioas_id;
	char *ram;
	struct vdev src;
	struct vdev dst;
	struct virt_dma_image image;
};

static int use(FIXTURE_DATA(migrate) *self, struct vdev *d, unsigned int index)
{
	int rc = vdev_open_driver(d, self->fd, index, VDEV_TRACKER_DRIVER);

	return rc ? rc : vdev_attach(d, self->ioas_id, NULL);
}

FIXTURE_SETUP(migrate)
{
	self->src.fd = -1;
	self->dst.fd = -1;
	self->ram = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->ram);
	self->truth = truth_open();
	ASSERT_LE(0, self->truth);
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &self->ioas_id));
	ASSERT_EQ(0, iommufd_ioas_map(self->fd, self->ioas_id, self->ram, SIZE,
				      IOVA, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, use(self, &self->src, FULL));
	ASSERT_EQ(0, use(self, &self->dst, WITHOUT));
}

FIXTURE_TEARDOWN(migrate)
{
	if (self->src.fd >= 0)
		vdev_close(&self->src);
	if (self->dst.fd >= 0)
		vdev_close(&self->dst);
	close(self->fd);
	close(self->truth);
	munmap(self->ram, SIZE);
}

static int set_state(struct vdev *d, int state, int *fd)
{
	struct vf vf = { .fd = d->fd };

	return vf_set_state(&vf, state, fd);
}

static int get_state(struct vdev *d)
{
	struct vf vf = { .fd = d->fd };

	return vf_get_state(&vf);
}

/* From RUNNING or RUNNING_P2P to STOP, with the image taken. */
static int save(struct vdev *d, struct virt_dma_image *image)
{
	int fd, rc = set_state(d, S(STOP_COPY), &fd);
	char more;

	if (rc)
		return rc;
	if (read(fd, image, sizeof(*image)) != sizeof(*image) ||
	    read(fd, &more, 1))
		rc = -EIO;
	close(fd);
	return rc ? rc : set_state(d, S(STOP), NULL);
}

/* From RUNNING to STOP, with @length bytes of the image loaded. */
static int load(struct vdev *d, const struct virt_dma_image *image,
		size_t length)
{
	int fd, rc = set_state(d, S(RESUMING), &fd);

	if (rc)
		return rc;
	if (write(fd, image, length) != (ssize_t)length)
		rc = -errno;
	close(fd);
	return rc ? rc : set_state(d, S(STOP), NULL);
}

static void job(struct vdev_job *j, __u64 pattern, __u64 sweeps, __u64 rate)
{
	vdev_job_init(j);
	j->op = VIRT_DMA_OP_WRITE;
	j->pattern = pattern;
	j->iova = IOVA;
	j->length = SIZE;
	j->seed = 0x5eed;
	j->sweeps = sweeps;
	j->rate = rate;
}

/* How many words are not what the last of @done sequential accesses left there. */
static unsigned int wrong_words(FIXTURE_DATA(migrate) *self, __u64 done)
{
	unsigned int wrong = 0;
	__u64 u, n;

	for (u = 0; u < UNITS; u++) {
		__u64 word = *(__u64 *)(self->ram + u * PAGE);

		n = u + (done > u ? (done - 1 - u) / UNITS * UNITS : 0);
		wrong += word != (done > u ? virt_dma_value(0x5eed, n,
							    IOVA + u * PAGE) : 0);
	}
	return wrong;
}

static bool moves(struct vdev *d, unsigned int ms)
{
	__u64 done = vdev_read64(d, VIRT_DMA_DONE);

	for (; ms; ms--, usleep(1000))
		if (vdev_read64(d, VIRT_DMA_DONE) != done)
			return true;
	return false;
}

TEST_F(migrate, sequence_goes_on)
{
	struct vdev *src = &self->src, *dst = &self->dst, *was;
	struct vdev_job j;
	__u64 done;
	int i;

	job(&j, VIRT_DMA_PATTERN_SEQ, 0, 5000);
	ASSERT_EQ(0, vdev_start(src, &j));
	for (i = 0; i < 6; i++) {
		ASSERT_TRUE(moves(src, 5000));
		usleep(50000);
		ASSERT_EQ(0, set_state(src, S(RUNNING_P2P), NULL));
		done = vdev_read64(src, VIRT_DMA_DONE);
		EXPECT_FALSE(moves(src, 20));
		EXPECT_EQ(0, wrong_words(self, done));
		ASSERT_EQ(0, save(src, &self->image));
		EXPECT_EQ(done, self->image.done);
		ASSERT_EQ(0, load(dst, &self->image, sizeof(self->image)));
		EXPECT_EQ(done, vdev_read64(dst, VIRT_DMA_DONE));
		EXPECT_EQ(VIRT_DMA_STATUS_RUNNING,
			  vdev_read64(dst, VIRT_DMA_STATUS));
		ASSERT_EQ(0, set_state(dst, S(RUNNING_P2P), NULL));
		EXPECT_FALSE(moves(dst, 20));
		ASSERT_EQ(0, set_state(dst, S(RUNNING), NULL));
		ASSERT_EQ(0, vdev_reset(src));
		EXPECT_EQ(S(RUNNING), get_state(src));
		EXPECT_EQ(0, vdev_read64(src, VIRT_DMA_DONE));
		was = src;
		src = dst;
		dst = was;
	}
	ASSERT_TRUE(moves(src, 5000));
	ASSERT_EQ(0, vdev_stop(src));
	done = vdev_read64(src, VIRT_DMA_DONE);
	EXPECT_EQ(0, wrong_words(self, done));
	TH_LOG("%llu accesses on two devices", done);
	/* The control: one more is missed */
	EXPECT_EQ(1, wrong_words(self, done + 1));
}

/* The control: a position that is not the right one is seen. */
TEST_F(migrate, gap_is_found)
{
	struct virt_dma_image *image = &self->image;
	struct vdev_job j;
	__u64 done;

	job(&j, VIRT_DMA_PATTERN_SEQ, 0, 2000);
	ASSERT_EQ(0, vdev_start(&self->src, &j));
	ASSERT_TRUE(moves(&self->src, 5000));
	ASSERT_EQ(0, save(&self->src, image));
	image->step = (image->step + 3) % UNITS;
	image->checksum = virt_dma_sum(image);
	ASSERT_EQ(0, load(&self->dst, image, sizeof(*image)));
	ASSERT_EQ(0, set_state(&self->dst, S(RUNNING), NULL));
	ASSERT_TRUE(moves(&self->dst, 5000));
	ASSERT_EQ(0, vdev_stop(&self->dst));
	done = vdev_read64(&self->dst, VIRT_DMA_DONE);
	EXPECT_LT(0, wrong_words(self, done));
}

/* Two sweeps of a permutation, begun here and ended there: each unit twice. */
TEST_F(migrate, permutation_goes_on)
{
	static unsigned char times[UNITS];
	__u64 by_src = 0, by_dst = 0;
	struct virt_truth_rec recs[256];
	struct vdev_job j;
	int n, i;

	memset(times, 0, sizeof(times));
	job(&j, VIRT_DMA_PATTERN_RANDOM, 2, 4000);
	ASSERT_EQ(0, vdev_start(&self->src, &j));
	usleep(150000);
	ASSERT_EQ(0, save(&self->src, &self->image));
	ASSERT_EQ(0, load(&self->dst, &self->image, sizeof(self->image)));
	ASSERT_EQ(0, set_state(&self->dst, S(RUNNING), NULL));
	ASSERT_EQ(0, vdev_wait(&self->dst, 20000));
	EXPECT_EQ(2 * UNITS, vdev_read64(&self->dst, VIRT_DMA_DONE));
	while ((n = truth_read(self->truth, recs, 256)) > 0)
		for (i = 0; i < n; i++) {
			times[(recs[i].iova - IOVA) / PAGE]++;
			by_src += recs[i].device == FULL;
			by_dst += recs[i].device == WITHOUT;
		}
	EXPECT_EQ(self->image.done, by_src);
	EXPECT_EQ(2 * UNITS, by_src + by_dst);
	EXPECT_LT(0, by_src);
	EXPECT_LT(0, by_dst);
	for (i = 0; i < (int)UNITS; i++)
		EXPECT_EQ(2, times[i]);
}

/* In P2P registers work, and what is started waits. */
TEST_F(migrate, started_in_p2p)
{
	struct vdev_job j;

	ASSERT_EQ(0, set_state(&self->src, S(RUNNING_P2P), NULL));
	job(&j, VIRT_DMA_PATTERN_SEQ, 0, 1000);
	ASSERT_EQ(0, vdev_start(&self->src, &j));
	EXPECT_FALSE(moves(&self->src, 50));
	EXPECT_EQ(0, vdev_read64(&self->src, VIRT_DMA_DONE));
	ASSERT_EQ(0, set_state(&self->src, S(RUNNING), NULL));
	EXPECT_TRUE(moves(&self->src, 5000));
	ASSERT_EQ(0, vdev_stop(&self->src));
}

/* An interrupt that could not be delivered is, by the other device. */
TEST_F(migrate, interrupt_goes_along)
{
	struct vdev_job j;
	__u64 count;
	int irq = eventfd(0, EFD_NONBLOCK);

	ASSERT_LE(0, irq);
	job(&j, VIRT_DMA_PATTERN_SEQ, 0, 1000);
	j.irq = 1;
	ASSERT_EQ(0, vdev_irq_set(&self->src, irq));
	ASSERT_EQ(0, vdev_start(&self->src, &j));
	ASSERT_TRUE(moves(&self->src, 5000));
	ASSERT_EQ(0, set_state(&self->src, S(RUNNING_P2P), NULL));
	ASSERT_EQ(0, vdev_stop(&self->src));
	usleep(20000);
	EXPECT_EQ(-1, read(irq, &count, sizeof(count)));
	ASSERT_EQ(0, save(&self->src, &self->image));
	EXPECT_EQ(1, self->image.pending);
	ASSERT_EQ(0, load(&self->dst, &self->image, sizeof(self->image)));
	ASSERT_EQ(0, vdev_irq_set(&self->dst, irq));
	usleep(20000);
	EXPECT_EQ(-1, read(irq, &count, sizeof(count)));
	ASSERT_EQ(0, set_state(&self->dst, S(RUNNING), NULL));
	usleep(100000);
	EXPECT_EQ(8, read(irq, &count, sizeof(count)));
	close(irq);
}

/* What is no image is refused, the device is in ERROR, and a reset helps. */
TEST_F(migrate, bad_images)
{
	struct virt_dma_image bad, *good = &self->image;
	struct vdev_job j;
	unsigned int i;
	int fd;

	job(&j, VIRT_DMA_PATTERN_SEQ, 0, 1000);
	ASSERT_EQ(0, vdev_start(&self->src, &j));
	ASSERT_EQ(0, save(&self->src, good));
	for (i = 0; i < 6; i++) {
		size_t length = sizeof(bad);

		bad = *good;
		if (i == 0)
			bad.magic++;
		else if (i == 1)
			bad.done++;
		else if (i == 2)
			bad.step = UNITS;
		else if (i == 3)
			bad.run.unit = 24;
		else if (i == 4)
			bad.running = 2;
		else
			length--;
		if (i > 1)
			bad.checksum = virt_dma_sum(&bad);
		EXPECT_EQ(-EINVAL, load(&self->dst, &bad, length)) {
			TH_LOG("image %u", i);
		}
		EXPECT_EQ(S(ERROR), get_state(&self->dst));
		EXPECT_GT(0, set_state(&self->dst, S(RUNNING), NULL));
		ASSERT_EQ(0, vdev_reset(&self->dst));
		EXPECT_EQ(S(RUNNING), get_state(&self->dst));
	}
	/* More than an image */
	ASSERT_EQ(0, set_state(&self->dst, S(RESUMING), &fd));
	EXPECT_EQ(sizeof(*good), write(fd, good, sizeof(*good)));
	EXPECT_EQ(-1, write(fd, good, 1));
	EXPECT_EQ(EINVAL, errno);
	ASSERT_EQ(0, set_state(&self->dst, S(STOP), NULL));
	EXPECT_EQ(-1, write(fd, good, 1));
	EXPECT_EQ(ENODEV, errno);
	close(fd);
	ASSERT_EQ(0, set_state(&self->dst, S(RUNNING), NULL));
	EXPECT_TRUE(moves(&self->dst, 5000));
}

/* Reset is a way out of every state, and RESUMING can be left as it was entered. */
TEST_F(migrate, states_are_left)
{
	static const int states[] = { S(RUNNING_P2P), S(STOP), S(STOP_COPY),
				      S(RESUMING) };
	struct vdev_job j;
	unsigned int i;
	char byte;
	int fd;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		fd = -1;
		ASSERT_EQ(0, set_state(&self->src, states[i], &fd));
		EXPECT_EQ(states[i], get_state(&self->src));
		ASSERT_EQ(0, vdev_reset(&self->src));
		EXPECT_EQ(S(RUNNING), get_state(&self->src));
		if (states[i] == S(STOP_COPY)) {
			EXPECT_EQ(-1, read(fd, &byte, 1));
			EXPECT_EQ(ENODEV, errno);
		}
		if (fd >= 0)
			close(fd);
		job(&j, VIRT_DMA_PATTERN_SEQ, 0, 1000);
		ASSERT_EQ(0, vdev_start(&self->src, &j));
		EXPECT_TRUE(moves(&self->src, 5000));
	}
	ASSERT_EQ(0, set_state(&self->src, S(RESUMING), &fd));
	close(fd);
	ASSERT_EQ(0, set_state(&self->src, S(RUNNING), NULL));
	EXPECT_TRUE(moves(&self->src, 5000));
	/* Closed in STOP, it is RUNNING for the next */
	ASSERT_EQ(0, set_state(&self->src, S(STOP), NULL));
	vdev_close(&self->src);
	ASSERT_EQ(0, use(self, &self->src, FULL));
	EXPECT_EQ(S(RUNNING), get_state(&self->src));
	EXPECT_EQ(-EINVAL, set_state(&self->src, S(PRE_COPY), &fd));
}

static int command(struct vdev *d, __u16 *value, bool write)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	ssize_t n;

	if (ioctl(d->fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		return -errno;
	n = write ? pwrite(d->fd, value, 2, (off_t)info.offset + PCI_COMMAND) :
		    pread(d->fd, value, 2, (off_t)info.offset + PCI_COMMAND);
	return n == 2 ? 0 : -errno;
}

/* A VMM restores the command register after the state: memory space is off. */
TEST_F(migrate, without_memory_space)
{
	struct vdev_job j;
	__u16 on, off, now;

	job(&j, VIRT_DMA_PATTERN_SEQ, 0, 1000);
	ASSERT_EQ(0, vdev_start(&self->src, &j));
	ASSERT_TRUE(moves(&self->src, 5000));
	ASSERT_EQ(0, save(&self->src, &self->image));
	ASSERT_EQ(0, command(&self->dst, &on, false));
	off = on & ~PCI_COMMAND_MEMORY;
	ASSERT_EQ(0, command(&self->dst, &off, true));
	ASSERT_EQ(0, load(&self->dst, &self->image, sizeof(self->image)));
	ASSERT_EQ(0, command(&self->dst, &now, false));
	EXPECT_EQ(off, now);
	ASSERT_EQ(0, command(&self->dst, &on, true));
	EXPECT_EQ(self->image.done, vdev_read64(&self->dst, VIRT_DMA_DONE));
	ASSERT_EQ(0, set_state(&self->dst, S(RUNNING), NULL));
	EXPECT_TRUE(moves(&self->dst, 5000));
}

TEST_F(migrate, capabilities)
{
	struct vf vf = { .fd = self->dst.fd };
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_BAR4_REGION_INDEX,
	};
	__u64 flags, size, id;

	ASSERT_EQ(0, vf_migration_flags(&vf, &flags));
	EXPECT_EQ(VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P, flags);
	ASSERT_EQ(0, vf_data_size(&vf, &size));
	EXPECT_EQ(sizeof(struct virt_dma_image), size);
	/* The registers for it are not the user's */
	ASSERT_EQ(0, ioctl(self->dst.fd, VFIO_DEVICE_GET_REGION_INFO, &info));
	EXPECT_EQ(0, info.size);
	EXPECT_EQ(-1, pread(self->dst.fd, &id, 8,
			    (off_t)info.offset + VIRT_MIG_ID));
}

TEST_HARNESS_MAIN
