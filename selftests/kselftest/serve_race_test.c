// SPDX-License-Identifier: GPL-2.0-only
/*
 * serve_hwpt_ioctls while several threads use it: tracking that is switched while a log
 * moves, and READs of HWPTs between which a device moves.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "serve_fixture.h"

static int set_off(void *arg)
{
	FIXTURE_DATA(serve) *self = arg;

	return iommufd_hwpt_set_dirty(self->b.fd, self->hwpt[LOG], false);
}

/*
 * A log goes from one HWPT to another, while tracking of the first is switched off,
 * which lets its bindings go: pages written after that which the second does not
 * report. The log of another IOAS could be distinguished; these two have the same.
 */
static int moved_while_stopping(FIXTURE_DATA(serve) *self)
{
	unsigned int tries = 100;
	struct call off;
	__u32 first;

	if (start(self, LOG))
		return -1;
	first = self->hwpt[LOG];
	if (make(self, LOG) || set(self, LOG, true))
		return -1;
	/* The last harvest for the first takes long */
	if (virt_set("hold_track", "1") ||
	    vdev_attach(&self->dev[LOG], self->hwpt[LOG], NULL))
		return -1;
	self->hwpt[LOG_2] = self->hwpt[LOG];
	self->hwpt[LOG] = first;
	if (delay_at("logs_detach", 4000000) || call_begin(&off, set_off, self))
		return -1;
	usleep(100000);
	if (virt_set("hold_track", "0"))
		return -1;
	/* Until the second has the log */
	while (tries-- && get(self, LOG_2) == RAM_PAGES)
		usleep(20000);
	if (call_end(&off) || delay_at("", 0) || dma(self, LOG, 100, 7) ||
	    get(self, LOG_2) < 0)
		return -1;
	return 7 - reported(self, 100, 7);
}

TEST_F(serve, moved_while_stopping)
{
	EXPECT_EQ(0, moved_while_stopping(self));
	EXPECT_EQ(7, testbed_count(&self->b));
}

/* ---- Threads ---- */

/**
 * struct crowd - Threads that use the HWPTs of a device, while it moves
 * @fd: /dev/iommu
 * @hwpt: Two HWPTs
 * @setting: They switch tracking on and off, too
 * @stop: End
 * @bad: An error that is none of those that may be
 * @bits: All that they have read, each bit set for good
 */
struct crowd {
	int fd;
	__u32 hwpt[2];
	bool setting;
	bool stop;
	int bad;
	__u64 bits[RAM_WORDS];
};

static void crowd_add(struct crowd *crowd, const __u64 *bits)
{
	unsigned int i;

	for (i = 0; i < RAM_WORDS; i++)
		if (bits[i])
			__atomic_fetch_or(&crowd->bits[i], bits[i],
					  __ATOMIC_RELAXED);
}

static void *crowd_read(void *arg)
{
	struct crowd *crowd = arg;
	unsigned int n = 0;

	while (!__atomic_load_n(&crowd->stop, __ATOMIC_RELAXED)) {
		__u64 bits[RAM_WORDS] = {};
		int rc = iommufd_hwpt_get_dirty(crowd->fd, crowd->hwpt[n++ % 2],
						IOVA, RAM_SIZE, PAGE, bits, 0);

		if (rc && !(crowd->setting && rc == -EINVAL))
			__atomic_store_n(&crowd->bad, rc, __ATOMIC_RELAXED);
		crowd_add(crowd, bits);
	}
	return NULL;
}

static void *crowd_set(void *arg)
{
	struct crowd *crowd = arg;
	unsigned int n = 0;

	while (!__atomic_load_n(&crowd->stop, __ATOMIC_RELAXED)) {
		int rc = iommufd_hwpt_set_dirty(crowd->fd, crowd->hwpt[n % 2],
						n / 2 % 3);

		if (rc)
			__atomic_store_n(&crowd->bad, rc, __ATOMIC_RELAXED);
		n++;
	}
	return NULL;
}

/* Two HWPTs of LOG that track; it is in the second. */
static int crowd_init(FIXTURE_DATA(serve) *self, struct crowd *crowd)
{
	int rc = start(self, LOG);

	crowd->fd = self->b.fd;
	crowd->hwpt[0] = self->hwpt[LOG];
	if (!rc)
		rc = start(self, LOG);
	crowd->hwpt[1] = self->hwpt[LOG];
	return rc;
}

/* One step of what happens to the device and its memory; or -errno. */
static int crowd_step(FIXTURE_DATA(serve) *self, struct crowd *crowd,
		      unsigned int *seed, __u64 *wrote)
{
	struct testbed *b = &self->b;
	__u64 page = rand_r(seed) % RAM_PAGES, i;
	__u64 pages = 1 + rand_r(seed) % (RAM_PAGES - page < 40 ?
					  RAM_PAGES - page : 40);
	int rc = dma(self, LOG, page, pages);

	for (i = page; i < page + pages; i++)
		wrote[i / 64] |= 1ull << i % 64;
	switch (rand_r(seed) % 4) {
	case 0:
		return rc ? rc : vdev_attach(&self->dev[LOG],
					     crowd->hwpt[rand_r(seed) % 2], NULL);
	case 1:
		if (!rc)
			rc = vdev_detach(&self->dev[LOG]);
		return rc ? rc : vdev_attach(&self->dev[LOG],
					     crowd->hwpt[rand_r(seed) % 2], NULL);
	case 2:
		if (!rc)
			rc = iommufd_ioas_unmap(b->fd, b->ioas_id, IOVA, RAM_SIZE,
						NULL);
		return rc ? rc : iommufd_ioas_map(b->fd, b->ioas_id, b->ram,
						  RAM_SIZE, IOVA, IOMMUFD_MAP_RW);
	default:
		return rc;
	}
}

static unsigned int get_seed(void)
{
	const char *text = getenv("SEED");
	unsigned int seed = text ? (unsigned int)strtoul(text, NULL, 0) :
				   (unsigned int)time(NULL);

	printf("# SEED=%u\n", seed);
	return seed;
}

/* Nothing is lost between two readers, wherever the device is. */
TEST_F(serve, readers)
{
	unsigned int seed = get_seed(), i, lost = 0;
	struct crowd crowd = {};
	__u64 wrote[RAM_WORDS] = {};
	pthread_t thread[2];

	ASSERT_EQ(0, crowd_init(self, &crowd));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, crowd_read, &crowd));
	for (i = 0; i < 60; i++)
		EXPECT_EQ(0, crowd_step(self, &crowd, &seed, wrote));
	crowd.stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	EXPECT_EQ(0, crowd.bad);
	for (i = 0; i < 2; i++) {
		self->hwpt[LOG] = crowd.hwpt[i];
		EXPECT_LE(0, get(self, LOG));
		crowd_add(&crowd, self->b.bits);
	}
	for (i = 0; i < RAM_WORDS; i++)
		lost += __builtin_popcountll(wrote[i] & ~crowd.bits[i]);
	EXPECT_EQ(0, lost);
}

/* Two threads switch it on and off, two read; at the end it is as exact as ever. */
TEST_F(serve, switchers)
{
	unsigned int seed = get_seed(), i;
	struct crowd crowd = { .setting = true };
	__u64 wrote[RAM_WORDS] = {};
	pthread_t thread[4];

	ASSERT_EQ(0, crowd_init(self, &crowd));
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL,
					    i % 2 ? crowd_set : crowd_read, &crowd));
	for (i = 0; i < 40; i++)
		EXPECT_EQ(0, crowd_step(self, &crowd, &seed, wrote));
	crowd.stop = true;
	for (i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	EXPECT_EQ(0, crowd.bad);
	ASSERT_EQ(0, vdev_attach(&self->dev[LOG], self->hwpt[LOG], NULL));
	ASSERT_EQ(0, set(self, LOG, true));
	ASSERT_EQ(0, dma(self, LOG, 300, 20));
	EXPECT_EQ(20, get(self, LOG));
	EXPECT_EQ(20, reported(self, 300, 20));
}

TEST_HARNESS_MAIN
