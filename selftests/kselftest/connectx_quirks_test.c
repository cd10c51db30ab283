// SPDX-License-Identifier: GPL-2.0-only
/*
 * Other firmware (connectx_lacks, connectx_quirks, connectx_ids and the limits of page
 * trackers): each combination of capabilities, each quirk alone and any of them
 * together. A driver offers what the firmware can do and no more, gives no command that
 * it cannot execute, and migrates. What upstream's driver does not pass, and why, is in
 * Documentation/virtual-platform.rst; the tables here say so.
 *
 * SEED=n repeats the random choices.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <linux/vfio_mig_precopy.h>

#include "kselftest_harness.h"
#include "firmware.h"
#include "pair.h"
#include "../lib/feature.h"
#include "../lib/sysfs.h"
#include "../lib/truth.h"

#define DRIVER	"/sys/bus/pci/drivers/mlx5_core/"
#define PAGES	"/sys/kernel/debug/mlx5/" VF_PF "/pages/"
#define WRITES	1024		/* two messages of 4 KiB, if they are that small */

/* Ours has parameters, upstream's has none. */
static bool is_upstream(void)
{
	return parameter_get("mlx5_vfio_pci", "cmd_timeout_ms") == ~0ul;
}

/* The PF is set up again, and its driver looks at capabilities. */
static int restart_pf(void)
{
	int rc = vf_create(0);

	if (!rc)
		rc = sysfs_write(DRIVER "unbind", VF_PF);
	if (!rc)
		rc = sysfs_write(DRIVER "bind", VF_PF);
	return rc;
}

FIXTURE(quirks) {
	struct pair p;
	unsigned long invalid;
	unsigned long left;
};

FIXTURE_SETUP(quirks)
{
	self->invalid = virt_get("connectx_invalid");
	self->left = virt_get("connectx_left");
}

FIXTURE_TEARDOWN(quirks)
{
	EXPECT_EQ(0, virt_set("connectx_lacks", ""));
	EXPECT_EQ(0, virt_set("connectx_quirks", ""));
	EXPECT_EQ(0, virt_set("connectx_ids", "0"));
	EXPECT_EQ(0, virt_set("connectx_trackers", "8"));
	EXPECT_EQ(0, virt_set("connectx_min_space", "12"));
	EXPECT_EQ(0, virt_set("connectx_icm", "0"));
	EXPECT_EQ(0, virt_set("connectx_icm_pages", "4096"));
	EXPECT_EQ(0, firmware_faults(""));
	EXPECT_EQ(0, restart_pf());
	EXPECT_EQ(self->invalid, virt_get("connectx_invalid"));
	EXPECT_EQ(self->left, virt_get("connectx_left"));
	EXPECT_EQ(0, virt_get("connectx_unknown"));
}

static int log_begin(struct vf *vf)
{
	static const struct vfio_device_feature_dma_logging_range range = {
		PAIR_BASE, PAIR_RAM
	};
	__u64 page_size = PAGE;

	return log_start(vf->fd, &range, 1, &page_size);
}

/* A report has what was written, and nothing else. Returns 0 or -errno. */
static int check_report(struct pair *p, struct vf *vf)
{
	static __u64 bits[PAIR_PAGES / 64], written[PAIR_PAGES / 64];
	int truth = truth_open(), rc, ms;

	memset(bits, 0, sizeof(bits));
	memset(written, 0, sizeof(written));
	if (truth < 0)
		return truth;
	rc = log_begin(vf);
	p->job.end = WRITES;
	if (!rc)
		rc = pair_run(p, vf);
	p->job.end = 0;
	for (ms = 0; !rc && vf_read(vf, VIRT_CX_POSITION) < WRITES; ms++) {
		usleep(1000);
		if (ms == 10000)
			rc = -ETIMEDOUT;
	}
	if (!rc)
		rc = log_report(vf->fd, PAIR_BASE, PAIR_RAM, PAGE, bits);
	pair_truth(vf, truth, written);
	close(truth);
	if (!rc && memcmp(bits, written, sizeof(bits)))
		rc = -EILSEQ;
	log_stop(vf->fd);
	return rc;
}

/* With a report, and there and back again if that is possible. */
static int check_migration(struct pair *p, bool precopy)
{
	struct vf was;
	int i, rc = 0;

	for (i = 0; i < 2 && !rc; i++) {
		rc = pair_run(p, &p->src);
		if (!rc)
			rc = pair_migrate(p, precopy);
		was = p->src;
		p->src = p->dst;
		p->dst = was;
	}
	return rc;
}

/* ---- Capabilities ---- */

static const char * const caps[] = {
	"migration", "migratable", "multi_load", "tracking_state", "in_chunks",
	"adv_virtualization",
};

enum { MIGRATION, MIGRATABLE, MULTI_LOAD, TRACKING, IN_CHUNKS, ADV_VIRT };

static void set_lacks(unsigned int lacks)
{
	char text[128] = "";
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(caps); i++)
		if (lacks & 1u << i) {
			strcat(text, caps[i]);
			strcat(text, ",");
		}
	virt_set("connectx_lacks", text);
}

/* What a driver offers when these are missing; 0 for no migration. */
static __u64 expected_flags(unsigned int lacks)
{
	const __u64 least = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P;
	bool several = !(lacks & (1u << MULTI_LOAD | 1u << TRACKING));

	if (lacks & (1u << MIGRATION | 1u << MIGRATABLE))
		return 0;
	if (!several && is_upstream())
		return 0;
	return several ? least | VFIO_MIGRATION_PRE_COPY : least;
}

TEST_F_TIMEOUT(quirks, capabilities, 3000)
{
	struct pair *p = &self->p;
	unsigned int lacks, rows = 0;

	for (lacks = 0; lacks < 1u << ARRAY_SIZE(caps); lacks++) {
		__u64 flags = 0, expected = expected_flags(lacks);
		int rc;

		/* Without migration the others mean nothing */
		if (lacks & 3 && lacks & ~3u)
			continue;
		set_lacks(lacks);
		ASSERT_EQ(0, restart_pf());
		ASSERT_EQ(0, pair_open(p));
		rc = vf_migration_flags(&p->src, &flags);
		EXPECT_EQ(expected ? 0 : -ENOTTY, rc);
		EXPECT_EQ(expected, flags) {
			TH_LOG("without %#x", lacks);
		}
		if (expected & VFIO_MIGRATION_PRE_COPY)
			EXPECT_EQ(0, check_migration(p, true)) {
				TH_LOG("pre-copy without %#x", lacks);
			}
		if (expected)
			EXPECT_EQ(0, check_migration(p, false)) {
				TH_LOG("stop-copy without %#x", lacks);
			}
		rc = check_report(p, &p->src);
		EXPECT_EQ(expected && !(lacks & 1u << ADV_VIRT) ? 0 : -ENOTTY,
			  rc) {
			TH_LOG("tracker without %#x", lacks);
		}
		pair_close(p);
		EXPECT_EQ(self->invalid, virt_get("connectx_invalid")) {
			TH_LOG("without %#x", lacks);
		}
		rows++;
	}
	TH_LOG("%u combinations", rows);
}

/* ---- Quirks ---- */

/*
 * @upstream: upstream's driver does not pass, for the reason that is in the
 * documentation, and is not run: it WARNs about an empty message and can lose pages
 * after an event that is not about its tracker.
 */
static const struct quirk {
	const char *name;
	bool upstream;
} quirk_list[] = {
	{ "track_running" },
	{ "resume_ok" },
	{ "resume_sys" },
	{ "query_zero" },
	{ "total_less" },
	{ "next_more" },
	{ "save_whole" },
	{ "full_last" },
	{ "empty_message", .upstream = true },
	{ "duplicates" },
	{ "outside" },
	{ "events", .upstream = true },
	{ "lost_events" },
	{ "report_alone" },
	{ "reinit" },
	{ "uar_arm" },
};

static bool passes(const struct quirk *q)
{
	return !q->upstream || !is_upstream();
}

static int check_all(struct pair *p)
{
	int rc = check_report(p, &p->src);

	if (!rc)
		rc = check_report(p, &p->dst);
	if (!rc)
		rc = check_migration(p, true);
	return rc ? rc : check_migration(p, false);
}

TEST_F_TIMEOUT(quirks, one_by_one, 3000)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(quirk_list); i++) {
		int rc;

		if (!passes(&quirk_list[i]))
			continue;
		ASSERT_EQ(0, pair_open(&self->p));
		ASSERT_EQ(0, virt_set("connectx_quirks", quirk_list[i].name));
		rc = check_all(&self->p);
		pair_close(&self->p);
		EXPECT_EQ(0, rc) {
			TH_LOG("%s: %d", quirk_list[i].name, rc);
		}
	}
}

TEST_F_TIMEOUT(quirks, together, 3000)
{
	const char *value = getenv("SEED");
	unsigned int seed = value && *value ? strtoul(value, NULL, 0) : 1;
	unsigned int round, i;
	char text[256];

	for (round = 0; round < 5; round++) {
		srandom(seed + round);
		*text = '\0';
		for (i = 0; i < ARRAY_SIZE(quirk_list); i++)
			if (passes(&quirk_list[i]) && random() % 2) {
				strcat(text, quirk_list[i].name);
				strcat(text, ",");
			}
		ASSERT_EQ(0, pair_open(&self->p));
		ASSERT_EQ(0, virt_set("connectx_quirks", text));
		ASSERT_EQ(0, virt_set("connectx_ids", round % 2 ? "1" : "0"));
		EXPECT_EQ(0, check_all(&self->p)) {
			TH_LOG("SEED=%u: %s", seed + round, text);
		}
		pair_close(&self->p);
	}
}

/*
 * A LOAD that clears Bus Master: no driver writes it back, and a VMM that restores config
 * space as it does on any migration has the device run.
 */
TEST_F(quirks, load_command)
{
	struct pair *p = &self->p;

	ASSERT_EQ(0, pair_open(p));
	ASSERT_EQ(0, virt_set("connectx_quirks", "load_command"));
	ASSERT_EQ(0, pair_run(p, &p->src));
	EXPECT_TRUE(pair_moves(&p->src));
	ASSERT_EQ(0, pair_save(p, true));
	ASSERT_EQ(0, vf_bus_master(&p->dst, true));
	ASSERT_EQ(0, pair_load(p));
	ASSERT_EQ(0, vf_set_state(&p->dst, VFIO_DEVICE_STATE_RUNNING, NULL));
	EXPECT_TRUE(pair_still(&p->dst));
	ASSERT_EQ(0, vf_bus_master(&p->dst, true));
	EXPECT_TRUE(pair_moves(&p->dst));
	pair_close(p);
}

/* Does an interrupt arrive? What came before does not count. */
static bool interrupted(int fd)
{
	__u64 n;
	int ms;

	for (ms = 0; read(fd, &n, sizeof(n)) > 0 && ms < 100; ms++)
		usleep(1000);
	for (ms = 0; ms < 500; ms++) {
		if (read(fd, &n, sizeof(n)) > 0)
			return true;
		usleep(1000);
	}
	return false;
}

/*
 * A LOAD that resets the MSI-X table: no driver writes the kernel's vectors back, and a
 * VMM that sets interrupts up behind it, as it does when a guest's config space is
 * restored, has them. Firmware that leaves the table alone is the control.
 */
TEST_F(quirks, load_msix)
{
	int fd = eventfd(0, EFD_NONBLOCK), resets;
	struct pair *p = &self->p;

	ASSERT_LE(0, fd);
	for (resets = 0; resets < 2; resets++) {
		ASSERT_EQ(0, pair_open(p));
		ASSERT_EQ(0, virt_set("connectx_quirks",
				      resets ? "load_msix" : ""));
		p->job.irq = 10;
		ASSERT_EQ(0, pair_run(p, &p->src));
		ASSERT_EQ(0, pair_save(p, true));
		ASSERT_EQ(0, vf_bus_master(&p->dst, true));
		ASSERT_EQ(0, vf_irqs(&p->dst, &fd, 1));
		ASSERT_EQ(0, pair_load(p));
		ASSERT_EQ(0, vf_set_state(&p->dst, VFIO_DEVICE_STATE_RUNNING,
					  NULL));
		EXPECT_TRUE(pair_moves(&p->dst));
		EXPECT_EQ(!resets, interrupted(fd));
		ASSERT_EQ(0, vf_irqs(&p->dst, NULL, 0));
		ASSERT_EQ(0, vf_irqs(&p->dst, &fd, 1));
		EXPECT_TRUE(interrupted(fd));
		pair_close(p);
	}
	close(fd);
}

/* ---- Pages of the host for page trackers ---- */

static long pages_given(void)
{
	return number_in(PAGES "fw_pages_total", "");
}

/* Pages that mlx5_core had and the firmware did not take. */
static long pages_dropped(void)
{
	return number_in(PAGES "fw_pages_give_dropped", "");
}

/*
 * mlx5_core counts the pages that it gives or takes after the firmware has answered:
 * wait until it has from @least to @most, and say how many it has.
 */
static long pages_become(long least, long most)
{
	long pages;
	int ms;

	for (ms = 0; ms < 5000; ms++) {
		pages = pages_given();
		if (least <= pages && pages <= most)
			break;
		usleep(1000);
	}
	return pages;
}

static void *begin_log(void *vf)
{
	return (void *)(long)log_begin(vf);
}

/*
 * A page tracker that needs pages of the host, in proportion to its address space: it
 * is answered when they are there, fails when there cannot be as many or the host
 * has none, and gives them back. mlx5_core counts them.
 */
TEST_F(quirks, pages_of_trackers)
{
	struct pair *p = &self->p;
	struct firmware fw;
	pthread_t thread;
	long had, dropped;
	void *rc;
	int ms;

	ASSERT_EQ(0, pair_open(p));
	had = pages_given();
	ASSERT_LT(0, had);
	/* The control: none are needed */
	EXPECT_EQ(0, check_report(p, &p->src));
	ASSERT_EQ(0, log_begin(&p->src));
	EXPECT_EQ(had, pages_given());
	ASSERT_EQ(0, log_stop(p->src.fd));
	/* 16 MiB, and a page for each 64 KiB */
	ASSERT_EQ(0, virt_set("connectx_icm", "16"));
	ASSERT_EQ(0, log_begin(&p->src));
	EXPECT_LE(had + 256, pages_become(had + 256, LONG_MAX));
	ASSERT_EQ(0, log_stop(p->src.fd));
	EXPECT_EQ(had, pages_become(had, had));
	EXPECT_EQ(0, check_report(p, &p->src));
	EXPECT_EQ(had, pages_become(had, had));
	ASSERT_EQ(0, virt_set("connectx_icm_pages", "255"));
	EXPECT_GT(0, log_begin(&p->src));
	EXPECT_EQ(had, pages_given());
	ASSERT_EQ(0, virt_set("connectx_icm_pages", "4096"));
	/* What the host gives does not arrive, then it says that it has none */
	dropped = pages_dropped();
	ASSERT_LE(0, dropped);
	ASSERT_EQ(0, firmware_faults("0x108:fail"));
	ASSERT_EQ(0, pthread_create(&thread, NULL, begin_log, &p->src));
	for (ms = 0; ms < 5000 && pages_dropped() == dropped; ms++)
		usleep(1000);
	EXPECT_LT(dropped, pages_dropped());
	firmware_begin(&fw, CMD_MANAGE_PAGES, 16, 16);
	EXPECT_EQ(STAT_OK, firmware_exec(&fw));
	pthread_join(thread, &rc);
	EXPECT_GT(0, (long)rc);
	EXPECT_EQ(had, pages_given());
	EXPECT_EQ(0, check_report(p, &p->src));
	EXPECT_EQ(had, pages_become(had, had));
	pair_close(p);
}

/* Without the capability there is no word of initial data. */
TEST_F(quirks, no_migration_state)
{
	struct vfio_precopy_info info;
	struct pair *p = &self->p;
	int fd, end;

	if (is_upstream())
		SKIP(return, "upstream's driver of 6.12 does not look at it");
	ASSERT_EQ(0, virt_set("connectx_lacks", "migration_state"));
	ASSERT_EQ(0, restart_pf());
	ASSERT_EQ(0, pair_open(p));
	ASSERT_EQ(0, virt_set("connectx_quirks", "reinit"));
	ASSERT_EQ(0, vfio_feature(p->src.fd, VFIO_DEVICE_FEATURE_SET |
				  VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2,
				  NULL, 0));
	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, vf_set_state(&p->src, VFIO_DEVICE_STATE_PRE_COPY, &fd));
	vf_stream_read(fd, p->stream, PAIR_STREAM, &end);
	ASSERT_EQ(ENOMSG, end);
	ASSERT_EQ(0, vf_start(&p->src, &p->job));
	ASSERT_EQ(0, vf_precopy_info(fd, &info));
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(0, info.initial_bytes);
	close(fd);
	pair_close(p);
}

/* A state in several images is refused at once where only one can be loaded. */
TEST_F(quirks, several_images)
{
	struct pair *p = &self->p;
	int kmsg = kmsg_open();
	size_t length;
	char *stream;

	if (is_upstream())
		SKIP(return, "upstream's stream does not say so");
	ASSERT_EQ(0, pair_open(p));
	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, pair_save(p, true));
	length = p->length;
	stream = malloc(length);
	ASSERT_NE(NULL, stream);
	memcpy(stream, p->stream, length);
	pair_close(p);
	ASSERT_EQ(0, virt_set("connectx_lacks", "multi_load,in_chunks"));
	ASSERT_EQ(0, restart_pf());
	ASSERT_EQ(0, pair_open(p));
	memcpy(p->stream, stream, length);
	p->length = length;
	free(stream);
	EXPECT_EQ(-EOPNOTSUPP, pair_load(p));
	EXPECT_TRUE(kmsg_says(kmsg, p->dst.name, "in so many parts"));
	close(kmsg);
	pair_close(p);
}

TEST(names)
{
	EXPECT_EQ(-EINVAL, virt_set("connectx_quirks", "full_last,odd"));
	EXPECT_EQ(-EINVAL, virt_set("connectx_lacks", "everything"));
}

/* ---- Numbers and limits ---- */

TEST_F(quirks, large_numbers)
{
	ASSERT_EQ(0, virt_set("connectx_ids", "1"));
	ASSERT_EQ(0, restart_pf());
	ASSERT_EQ(0, pair_open(&self->p));
	EXPECT_EQ(0, check_all(&self->p));
	pair_close(&self->p);
}

/* Firmware that has died and recovered calls its VFs otherwise. */
TEST_F_TIMEOUT(quirks, numbers_change, 3000)
{
	struct pair *p = &self->p;
	__u64 size;
	int i, rc = -1;

	ASSERT_EQ(0, pair_open(p));
	EXPECT_EQ(0, check_migration(p, true));
	ASSERT_EQ(0, virt_set("connectx_ids", "1"));
	ASSERT_EQ(0, firmware_faults("0x117:fatal"));
	EXPECT_GT(0, vf_data_size(&p->src, &size));
	for (i = 0; i < (is_upstream() ? 15 : 60); i++) {
		sleep(1);
		rc = vf_reset(&p->src);
		rc = rc ? rc : vf_reset(&p->dst);
		rc = rc ? rc : vf_data_size(&p->src, &size);
		if (!rc)
			break;
	}
	TH_LOG("%d after %d s", rc, i);
	rc = rc ? rc : check_migration(p, true);
	EXPECT_EQ(is_upstream(), !!rc);
	pair_close(p);
}

TEST_F(quirks, trackers_run_out)
{
	struct pair *p = &self->p;

	ASSERT_EQ(0, virt_set("connectx_trackers", "1"));
	ASSERT_EQ(0, virt_set("connectx_min_space", "30"));
	ASSERT_EQ(0, restart_pf());
	ASSERT_EQ(0, pair_open(p));
	if (is_upstream()) {
		/* Its ranges are less than the least */
		EXPECT_EQ(-EOPNOTSUPP, log_begin(&p->src));
		ASSERT_EQ(0, virt_set("connectx_min_space", "24"));
		pair_close(p);
		ASSERT_EQ(0, restart_pf());
		ASSERT_EQ(0, pair_open(p));
	}
	ASSERT_EQ(0, log_begin(&p->src));
	EXPECT_GT(0, log_begin(&p->dst));
	ASSERT_EQ(0, log_stop(p->src.fd));
	EXPECT_EQ(0, check_report(p, &p->dst));
	EXPECT_EQ(0, check_report(p, &p->src));
	pair_close(p);
}

TEST_HARNESS_MAIN
