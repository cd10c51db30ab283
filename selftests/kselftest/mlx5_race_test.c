// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every operation on one device at the same time: changes of state, reads and writes of
 * data, also to and from the device's own BAR (a fault that needs the lock which a reset
 * holds), reports, resets, and firmware that answers late. Nothing hangs, and after a reset
 * the device migrates.
 *
 * DURATION=n runs for n seconds (5 if it is not given), SEED=n repeats the
 * choices, though not the races.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>

#include "kselftest_harness.h"
#include "pair.h"

#define SOME	70000

static struct pair pair;
static volatile bool over;

/**
 * struct racer - One who does things to the device
 * @go: Does one of them
 * @seed: Of its choices
 * @done: How many it did
 * @thread: It
 */
struct racer {
	void (*go)(struct racer *r);
	unsigned int seed;
	unsigned long done;
	pthread_t thread;
};

static unsigned int below(struct racer *r, unsigned int n)
{
	return (unsigned int)rand_r(&r->seed) % n;
}

static void reset(struct racer *r)
{
	vf_reset(&pair.src);
	usleep(below(r, 50000));
}

/* Any state, and what one does with a data FD in whatever state it is then. */
static void set_state(struct racer *r)
{
	static __thread char data[SOME];
	struct vfio_precopy_info info;
	int fd;

	if (vf_set_state(&pair.src, 1 + below(r, VF_STATES - 1), &fd) || fd < 0)
		return;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (below(r, 2))
		vf_precopy_info(fd, &info);
	if (read(fd, data, sizeof(data)) < 0 && below(r, 2) &&
	    write(fd, data, 100) > 0)
		r->done++;
	close(fd);
}

/* The registers that the data overwrites are beyond those of the generator. */
static void read_to_bar(struct racer *r)
{
	int fd;

	if (vf_set_state(&pair.src, VFIO_DEVICE_STATE_PRE_COPY, &fd) || fd < 0)
		return;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (read(fd, (char *)pair.src.bar + 0x90000, PAGE) > 0)
		r->done++;
	close(fd);
}

static void track(struct racer *r)
{
	static const struct vfio_device_feature_dma_logging_range range = {
		PAIR_BASE, PAIR_RAM
	};
	static __u64 bits[PAIR_PAGES / 64];
	__u64 page_size = PAGE;

	if (below(r, 3) || log_start(pair.src.fd, &range, 1, &page_size))
		log_report(pair.src.fd, PAIR_BASE, PAIR_RAM, PAGE, bits);
	else
		log_stop(pair.src.fd);
	usleep(below(r, 5000));
}

static void ask(struct racer *r)
{
	__u64 size;

	vf_get_state(&pair.src);
	vf_data_size(&pair.src, &size);
	/* Not waited for: in many states it is not looked at. */
	vf_write(&pair.src, VIRT_CX_CTRL, VIRT_CX_CTRL_START);
	usleep(below(r, 5000));
}

static void slow_firmware(struct racer *r)
{
	static const unsigned int commands[] = { 0x115, 0x116, 0x117, 0x118 };
	char fault[32];

	snprintf(fault, sizeof(fault), "%#x:late=%u", commands[below(r, 4)],
		 below(r, 150));
	firmware_faults(fault);
	usleep(below(r, 100000));
}

static void *race(void *p)
{
	struct racer *r = p;

	while (!over) {
		r->go(r);
		r->done++;
	}
	return NULL;
}

static unsigned int number(const char *name, unsigned int otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoul(value, NULL, 0) : otherwise;
}

TEST(all_at_once)
{
	static struct racer racers[] = {
		{ .go = reset }, { .go = set_state }, { .go = set_state },
		{ .go = read_to_bar }, { .go = track }, { .go = ask },
		{ .go = slow_firmware },
	};
	const unsigned int n = ARRAY_SIZE(racers);
	unsigned int seed = number("SEED", 1), i;

	ASSERT_EQ(0, pair_open(&pair));
	/* Shorter than some answers take */
	ASSERT_EQ(0, driver_limit("cmd_timeout_ms", 100));
	for (i = 0; i < n; i++) {
		racers[i].seed = seed + i;
		ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL, race,
					    &racers[i]));
	}
	sleep(number("DURATION", 5));
	over = true;
	for (i = 0; i < n; i++) {
		pthread_join(racers[i].thread, NULL);
		EXPECT_LT(0, racers[i].done);
		TH_LOG("SEED=%u, racer %u: %lu", seed, i, racers[i].done);
	}
	EXPECT_EQ(0, firmware_faults(""));
	usleep(300000);
	EXPECT_EQ(0, driver_limit("cmd_timeout_ms", 60000));
	EXPECT_EQ(0, log_stop(pair.src.fd));
	EXPECT_EQ(0, pair_sound(&pair));
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, vf_get_state(&pair.src));
	pair_close(&pair);
}

TEST_HARNESS_MAIN
