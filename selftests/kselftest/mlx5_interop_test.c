// SPDX-License-Identifier: GPL-2.0-only
/*
 * mlx5-vfio-pci of this tree and upstream's, unmodified, on the two ends of a
 * migration: one module saves on the first VF, goes away, and the other loads on
 * the second VF. In both directions, with and without pre-copy; plan.txt says with
 * what firmware. Needs upstream's module as the program "upstream.ko". MIGRATIONS=n
 * does fewer than 20.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "pair.h"

#define MIGRATIONS	20

/**
 * struct saved - What one migration has moved
 * @stream: The data
 * @length: Of it
 * @position: Of the generator
 * @sum: Of the state
 */
struct saved {
	char *stream;
	size_t length;
	__u64 position;
	__u64 sum;
};

FIXTURE(interop) {
	struct pair p;
	struct saved saved[MIGRATIONS];
};

FIXTURE_VARIANT(interop) {
	const char *from;
	const char *to;
	bool precopy;
};

FIXTURE_VARIANT_ADD(interop, from_upstream) {
	.from = DRIVER_UPSTREAM, .to = DRIVER_OURS,
};
FIXTURE_VARIANT_ADD(interop, from_upstream_precopy) {
	.from = DRIVER_UPSTREAM, .to = DRIVER_OURS, .precopy = true,
};
FIXTURE_VARIANT_ADD(interop, to_upstream) {
	.from = DRIVER_OURS, .to = DRIVER_UPSTREAM,
};
FIXTURE_VARIANT_ADD(interop, to_upstream_precopy) {
	.from = DRIVER_OURS, .to = DRIVER_UPSTREAM, .precopy = true,
};
/* For comparison: what both can, each can with itself */
FIXTURE_VARIANT_ADD(interop, upstream) {
	.from = DRIVER_UPSTREAM, .to = DRIVER_UPSTREAM,
};
FIXTURE_VARIANT_ADD(interop, ours) {
	.from = DRIVER_OURS, .to = DRIVER_OURS,
};

FIXTURE_SETUP(interop)
{
	if (access(DRIVER_UPSTREAM, R_OK))
		SKIP(return, "upstream's module is not here");
	vf_create(0);
	ASSERT_EQ(0, driver_use(variant->from));
	ASSERT_EQ(0, pair_open(&self->p));
}

FIXTURE_TEARDOWN(interop)
{
	unsigned int i;

	for (i = 0; i < MIGRATIONS; i++)
		free(self->saved[i].stream);
	pair_close(&self->p);
	/* It is what other tests expect, and unload-all */
	EXPECT_EQ(0, driver_use(DRIVER_OURS));
}

static int save(struct pair *p, bool precopy, struct saved *s, double *took)
{
	double begin;
	int rc;

	rc = vf_reset(&p->src);
	if (!rc)
		rc = pair_run(p, &p->src);
	usleep(20000);
	begin = seconds_now();
	if (!rc)
		rc = pair_save(p, precopy);
	*took += seconds_now() - begin;
	if (rc)
		return rc;
	*s = (struct saved){
		.stream = malloc(p->length),
		.length = p->length,
		.position = vf_read(&p->src, VIRT_CX_POSITION),
		.sum = vf_read(&p->src, VIRT_CX_STATE_SUM),
	};
	if (!s->stream)
		return -ENOMEM;
	memcpy(s->stream, p->stream, p->length);
	return 0;
}

static int load(struct pair *p, const struct saved *s, double *took)
{
	double begin;
	int rc;

	memcpy(p->stream, s->stream, s->length);
	p->length = s->length;
	rc = vf_reset(&p->dst);
	begin = seconds_now();
	if (!rc)
		rc = pair_load(p);
	*took += seconds_now() - begin;
	if (rc)
		return rc;
	if (vf_read(&p->dst, VIRT_CX_POSITION) != s->position ||
	    vf_read(&p->dst, VIRT_CX_STATE_SUM) != s->sum)
		return -EILSEQ;
	rc = vf_bus_master(&p->dst, true);
	if (!rc)
		rc = vf_set_state(&p->dst, VFIO_DEVICE_STATE_RUNNING, NULL);
	if (rc)
		return rc;
	return pair_moves(&p->dst) && !vf_read(&p->dst, VIRT_CX_FAULTS) ?
		0 : -EIO;
}

TEST_F_TIMEOUT(interop, migrates, 3000)
{
	const char *number = getenv("MIGRATIONS");
	unsigned int n = number ? atoi(number) : MIGRATIONS, i;
	struct pair *p = &self->p;
	double saving = 0, loading = 0;
	__u64 bytes = 0;

	if (n > MIGRATIONS)
		n = MIGRATIONS;
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, save(p, variant->precopy, &self->saved[i],
				  &saving)) {
			TH_LOG("migration %u", i);
		}
		bytes += self->saved[i].length;
	}
	pair_close(p);
	ASSERT_EQ(0, driver_use(variant->to));
	ASSERT_EQ(0, pair_open(p));
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, load(p, &self->saved[i], &loading)) {
			TH_LOG("migration %u", i);
		}
	}
	TH_LOG("%u migrations, %llu bytes: saved in %.2f s, loaded in %.2f s", n,
	       bytes, saving, loading);
}

TEST_HARNESS_MAIN
