// SPDX-License-Identifier: GPL-2.0-only
/*
 * mlx5-vfio-pci without memory: every allocation and every copy of one step of a migration
 * fails in turn, then those of its page tracker. After a failed migration the source
 * continues, and the destination is usable after a reset. A migration that does not fail is
 * correct, whatever else failed in it. Every write is reported, unless the log reports its
 * own loss.
 *
 * Needs a kernel with fault injection (make test DEBUG=1), which also reports splats
 * and leaks. FAIL_NTH=all tries each place; without it later places are sampled.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "kselftest_harness.h"
#include "inject.h"
#include "pair.h"
#include "../lib/truth.h"

#define S(name)	VFIO_DEVICE_STATE_##name

#define PLACES	5000
#define EACH	10	/* places tried one by one */
#define SECONDS	3500	/* that all of them may take */
#define WORDS	(PAIR_PAGES / 64)

FIXTURE(mlx5_fail_nth) {
	struct pair p;
	struct injector in;
	unsigned int failed;
	unsigned int survived;
};

FIXTURE_SETUP(mlx5_fail_nth)
{
	self->p.src.fd = -1;
	self->p.dst.fd = -1;
	self->p.fd = -1;
	if (inject_open(&self->in))
		SKIP(return, "this kernel has no fault injection");
	ASSERT_EQ(0, pair_open(&self->p));
}

FIXTURE_TEARDOWN(mlx5_fail_nth)
{
	inject_close(&self->in);
	pair_close(&self->p);
}

/* The steps of a migration, in one of which a place fails. */
enum step {
	PRE_COPY,
	READ_PRECOPY,
	PRECOPY_INFO,
	DATA_SIZE,
	STOP_COPY,
	READ_REST,
	STOP,
	RESUMING,
	WRITE,
	LOADED,
	RUNNING,
	STEPS,
};

static const char *const names[] = {
	"PRE_COPY", "read in PRE_COPY", "PRECOPY_INFO", "MIG_DATA_SIZE",
	"STOP_COPY", "read in STOP_COPY", "STOP", "RESUMING", "write",
	"STOP after RESUMING", "RUNNING",
};

/* Data of the migration up to where there is none for now, or up to its end. */
static int read_on(struct pair *p, int fd, int expected)
{
	int end;

	p->length += vf_stream_read(fd, p->stream + p->length,
				    PAIR_STREAM - p->length, &end);
	return end == expected ? 0 : end ? -end : -ENODATA;
}

static int take_step(struct pair *p, enum step what, int *fd)
{
	struct vfio_precopy_info info;
	__u64 size;

	switch (what) {
	case PRE_COPY:
		return vf_set_state(&p->src, S(PRE_COPY), fd);
	case READ_PRECOPY:
		return read_on(p, *fd, ENOMSG);
	case PRECOPY_INFO:
		return vf_precopy_info(*fd, &info);
	case DATA_SIZE:
		return vf_data_size(&p->src, &size);
	case STOP_COPY:
		return vf_set_state(&p->src, S(STOP_COPY), NULL);
	case READ_REST:
		return read_on(p, *fd, 0);
	case STOP:
		return vf_set_state(&p->src, S(STOP), NULL);
	case RESUMING:
		return vf_set_state(&p->dst, S(RESUMING), fd);
	case WRITE:
		return vf_stream_write(*fd, p->stream, p->length);
	case LOADED:
		return vf_set_state(&p->dst, S(STOP), NULL);
	default:
		return vf_set_state(&p->dst, S(RUNNING), NULL);
	}
}

/**
 * migrate() - One migration, in which the @n-th place of one step fails
 * @p: The pair, both after a reset
 * @in: For it
 * @where: Which of its steps
 * @n: The place
 * @hit: Whether the step came to it
 * @at: The step that failed, or STEPS
 *
 * Return: 0, -EILSEQ when the two sides differ, or the error of the step @at.
 */
static int migrate(struct pair *p, const struct injector *in, enum step where,
		   unsigned int n, bool *hit, enum step *at)
{
	__u64 position = 0, sum = 0;
	int fd = -1, rc = 0;
	enum step step;

	p->length = 0;
	for (step = PRE_COPY; !rc && step < STEPS; step++) {
		if (step == where)
			inject_nth(in, n);
		rc = take_step(p, step, &fd);
		if (step == where)
			*hit = inject_done(in);
		*at = step;
		if (rc || (step != STOP && step != LOADED))
			continue;
		close(fd);
		fd = -1;
		if (step == STOP) {
			position = vf_read(&p->src, VIRT_CX_POSITION);
			sum = vf_read(&p->src, VIRT_CX_STATE_SUM);
		} else if (vf_read(&p->dst, VIRT_CX_POSITION) != position ||
			   vf_read(&p->dst, VIRT_CX_STATE_SUM) != sum) {
			rc = -EILSEQ;
		}
	}
	if (fd >= 0)
		close(fd);
	if (rc)
		return rc;
	*at = STEPS;
	if (!pair_moves(&p->dst) || vf_stop(&p->dst))
		return -ETIMEDOUT;
	if (vf_read(&p->dst, VIRT_CX_FAULTS) ||
	    vf_wrong(p->ram, &p->job, vf_read(&p->dst, VIRT_CX_POSITION)))
		return -EILSEQ;
	return 0;
}

/* A source that failed is asked to continue, and does. */
static bool goes_on(struct vf *src)
{
	return vf_get_state(src) != S(ERROR) &&
	       !vf_set_state(src, S(RUNNING), NULL) && pair_moves(src) &&
	       !vf_read(src, VIRT_CX_FAULTS);
}

static void fail_in(struct __test_metadata *_metadata,
		    FIXTURE_DATA(mlx5_fail_nth) *self, enum step where)
{
	struct pair *p = &self->p;
	bool hit = true;
	unsigned int n;
	enum step at;
	int rc;

	for (n = 1; hit && n < PLACES; n = inject_next(n, EACH)) {
		ASSERT_EQ(0, vf_reset(&p->src));
		ASSERT_EQ(0, vf_reset(&p->dst));
		ASSERT_EQ(0, pair_run(p, &p->src));
		rc = migrate(p, &self->in, where, n, &hit, &at);
		if (!hit) {
			ASSERT_EQ(0, rc) {
				TH_LOG("nothing fails but %s, with %d",
				       names[at], rc);
			}
		}
		if (!rc) {
			self->survived++;
			continue;
		}
		self->failed++;
		/* Here, and not later for something that was passed over */
		EXPECT_EQ(where, at) {
			TH_LOG("%s: place %u, and %s failed with %d",
			       names[where], n,
			       at < STEPS ? names[at] : "all of it", rc);
		}
		if (at <= STOP) {
			EXPECT_TRUE(goes_on(&p->src)) {
				TH_LOG("%s: place %u, %d, then %s", names[where],
				       n, rc,
				       vf_state_name(vf_get_state(&p->src)));
			}
		}
	}
	ASSERT_FALSE(hit);
	EXPECT_EQ(0, pair_sound(p));
}

TEST_F_TIMEOUT(mlx5_fail_nth, save, SECONDS)
{
	enum step step;

	for (step = PRE_COPY; step <= STOP; step++)
		fail_in(_metadata, self, step);
	TH_LOG("%u migrations failed, %u did all the same", self->failed,
	       self->survived);
}

TEST_F_TIMEOUT(mlx5_fail_nth, load, SECONDS)
{
	enum step step;

	for (step = RESUMING; step < STEPS; step++)
		fail_in(_metadata, self, step);
	TH_LOG("%u migrations failed, %u did all the same", self->failed,
	       self->survived);
}

/* ---- The page tracker ---- */

static const struct vfio_device_feature_dma_logging_range all = {
	PAIR_BASE, PAIR_RAM
};

static int start(struct vf *vf)
{
	__u64 page_size = PAGE;

	return log_start(vf->fd, &all, 1, &page_size);
}

static int report(struct vf *vf, __u64 *bits)
{
	return log_report(vf->fd, PAIR_BASE, PAIR_RAM, PAGE, bits);
}

/* Let the VF write, and collect what it really wrote. */
static int write_some(struct pair *p, int truth, __u64 *bits)
{
	int rc = pair_run(p, &p->src);

	usleep(20000);
	if (!rc)
		rc = vf_stop(&p->src);
	pair_truth(&p->src, truth, bits);
	return rc;
}

static bool has_all(const __u64 *bits, const __u64 *wanted)
{
	unsigned int i;
	__u64 any = 0;

	for (i = 0; i < WORDS; i++) {
		if (wanted[i] & ~bits[i])
			return false;
		any |= wanted[i];
	}
	return any;
}

/* Started, or as if it had not been tried. */
TEST_F(mlx5_fail_nth, log_start)
{
	__u64 bits[WORDS], wanted[WORDS];
	struct pair *p = &self->p;
	int truth = truth_open();
	bool hit = true;
	unsigned int n;
	int rc;

	ASSERT_LE(0, truth);
	for (n = 1; hit && n < PLACES; n = inject_next(n, EACH)) {
		memset(bits, 0, sizeof(bits));
		memset(wanted, 0, sizeof(wanted));
		inject_nth(&self->in, n);
		rc = start(&p->src);
		hit = inject_done(&self->in);
		if (!hit)
			ASSERT_EQ(0, rc);
		if (rc) {
			ASSERT_EQ(0, start(&p->src)) {
				TH_LOG("place %u had failed with %d", n, rc);
			}
		}
		ASSERT_EQ(0, write_some(p, truth, wanted));
		ASSERT_EQ(0, report(&p->src, bits));
		ASSERT_TRUE(has_all(bits, wanted)) {
			TH_LOG("place %u, %d", n, rc);
		}
		ASSERT_EQ(0, log_stop(p->src.fd));
	}
	ASSERT_FALSE(hit);
	close(truth);
}

/* What a report that failed has lost, no other one may pass over in silence. */
TEST_F(mlx5_fail_nth, log_report)
{
	__u64 bits[WORDS], wanted[WORDS];
	struct pair *p = &self->p;
	int truth = truth_open();
	bool hit = true;
	unsigned int n, logs = 0, lost = 0;
	int rc;

	ASSERT_LE(0, truth);
	for (n = 1; hit && n < PLACES; n = inject_next(n, EACH)) {
		ASSERT_EQ(0, start(&p->src));
		logs++;
		memset(bits, 0, sizeof(bits));
		memset(wanted, 0, sizeof(wanted));
		ASSERT_EQ(0, write_some(p, truth, wanted));
		inject_nth(&self->in, n);
		rc = report(&p->src, bits);
		hit = inject_done(&self->in);
		if (!hit)
			ASSERT_EQ(0, rc);
		if (rc)
			rc = report(&p->src, bits);
		if (rc) {
			EXPECT_EQ(-EIO, rc);
			lost++;
		} else {
			ASSERT_TRUE(has_all(bits, wanted)) {
				TH_LOG("place %u", n);
			}
		}
		inject_nth(&self->in, n);
		rc = log_stop(p->src.fd);
		inject_done(&self->in);
		if (rc)
			ASSERT_EQ(0, log_stop(p->src.fd));
	}
	ASSERT_FALSE(hit);
	TH_LOG("%u of %u logs lost, and said so", lost, logs);
	close(truth);
}

/* A VF is opened, bound, attached, and given back. */
TEST_F_TIMEOUT(mlx5_fail_nth, open, SECONDS)
{
	struct pair *p = &self->p;
	bool hit = true;
	unsigned int n;
	int rc;

	for (n = 1; hit && n < PLACES; n = inject_next(n, EACH)) {
		vf_close(&p->dst);
		inject_nth(&self->in, n);
		rc = pair_open_vf(p, &p->dst, 2);
		hit = inject_done(&self->in);
		if (!hit)
			ASSERT_EQ(0, rc);
		if (rc) {
			vf_close(&p->dst);
			ASSERT_EQ(0, pair_open_vf(p, &p->dst, 2)) {
				TH_LOG("place %u had failed with %d", n, rc);
			}
		}
	}
	ASSERT_FALSE(hit);
	EXPECT_EQ(0, pair_sound(p));
}

TEST_HARNESS_MAIN
