// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data stream of mlx5-vfio-pci (drivers/mlx5/stream.h): whatever is not one
 * whole stream in order is refused with an error, never loaded by half, and a
 * reset makes the device usable again. The control is in each test: the same
 * stream, left as it was, is taken.
 */
#include <errno.h>
#include <endian.h>
#include <stdlib.h>

#include "kselftest_harness.h"
#include "pair.h"

#define MAX_RECORDS 64

/* As in drivers/mlx5/stream.h */
struct record {
	__u32 magic;
	__u16 version;
	__u16 type;
	__u32 seq;
	__u32 flags;
	__u64 stream;
	__u64 length;
	__u64 data_sum;
	__u64 head_sum;
} __attribute__((packed));

FIXTURE(stream) {
	struct pair p;
	char *good;
	size_t good_length;
	size_t at[MAX_RECORDS + 1];
	unsigned int records;
	__u64 position;
};

/* Where each record begins; at[records] is the end. */
static int find_records(FIXTURE_DATA(stream) *self)
{
	size_t at = 0;

	while (at < self->good_length && self->records < MAX_RECORDS) {
		struct record head;

		if (self->good_length - at < sizeof(head))
			return -EPROTO;
		memcpy(&head, self->good + at, sizeof(head));
		if (le32toh(head.seq) != self->records)
			return -EPROTO;
		self->at[self->records++] = at;
		at += sizeof(head) + le64toh(head.length);
	}
	self->at[self->records] = at;
	return at == self->good_length ? 0 : -EPROTO;
}

FIXTURE_SETUP(stream)
{
	struct pair *p = &self->p;

	ASSERT_EQ(0, pair_open(p));
	ASSERT_EQ(0, pair_run(p, &p->src));
	usleep(50000);
	ASSERT_EQ(0, pair_save(p, true));
	self->position = vf_read(&p->src, VIRT_CX_POSITION);
	self->good_length = p->length;
	self->good = malloc(p->length);
	ASSERT_NE(NULL, self->good);
	memcpy(self->good, p->stream, p->length);
	ASSERT_EQ(0, find_records(self));
	/* START, images of pre-copy, of the end, END */
	ASSERT_LE(4, self->records);
}

FIXTURE_TEARDOWN(stream)
{
	free(self->good);
	pair_close(&self->p);
}

static void put(struct pair *p, const void *from, size_t length)
{
	memcpy(p->stream + p->length, from, length);
	p->length += length;
}

static void put_record(FIXTURE_DATA(stream) *self, unsigned int n)
{
	put(&self->p, self->good + self->at[n], self->at[n + 1] - self->at[n]);
}

static void put_good(FIXTURE_DATA(stream) *self)
{
	self->p.length = 0;
	put(&self->p, self->good, self->good_length);
}

/* Is p->stream refused, and everything well after a reset? */
static bool refused(FIXTURE_DATA(stream) *self)
{
	struct vf *dst = &self->p.dst;
	int rc = pair_load(&self->p);

	if (!rc || vf_set_state(dst, VFIO_DEVICE_STATE_RUNNING, NULL) == 0)
		return false;
	return !vf_reset(dst) &&
	       vf_get_state(dst) == VFIO_DEVICE_STATE_RUNNING &&
	       vf_read(dst, VIRT_CX_POSITION) == 0;
}

/* And the control: this is taken. */
static bool taken(FIXTURE_DATA(stream) *self)
{
	struct vf *dst = &self->p.dst;

	if (pair_load(&self->p) ||
	    vf_read(dst, VIRT_CX_POSITION) != self->position ||
	    vf_set_state(dst, VFIO_DEVICE_STATE_RUNNING, NULL) ||
	    !pair_moves(dst))
		return false;
	return !vf_reset(dst);
}

TEST_F(stream, truncated)
{
	unsigned int n;

	put_good(self);
	EXPECT_TRUE(taken(self));
	for (n = 0; n < self->records; n++) {
		/* At a record, in a header, in what follows it */
		self->p.length = self->at[n];
		EXPECT_TRUE(refused(self));
		self->p.length = self->at[n] + sizeof(struct record) / 2;
		EXPECT_TRUE(refused(self));
		self->p.length = self->at[n + 1] - 1;
		EXPECT_TRUE(refused(self));
	}
	put_good(self);
	EXPECT_TRUE(taken(self));
}

TEST_F(stream, with_something_behind_it)
{
	put_good(self);
	put(&self->p, "x", 1);
	EXPECT_TRUE(refused(self));
	put_good(self);
	put(&self->p, self->good, self->good_length);
	EXPECT_TRUE(refused(self));
	put_good(self);
	EXPECT_TRUE(taken(self));
}

TEST_F(stream, reordered)
{
	unsigned int n, m;

	for (n = 0; n + 1 < self->records; n++) {
		self->p.length = 0;
		for (m = 0; m < self->records; m++)
			put_record(self, m == n ? n + 1 : m == n + 1 ? n : m);
		EXPECT_TRUE(refused(self)) {
			TH_LOG("records %u and %u swapped", n, n + 1);
		}
	}
	put_good(self);
	EXPECT_TRUE(taken(self));
}

TEST_F(stream, replayed)
{
	unsigned int n, m;

	for (n = 0; n < self->records; n++) {
		self->p.length = 0;
		for (m = 0; m < self->records; m++) {
			put_record(self, m);
			if (m == n)
				put_record(self, m);
		}
		EXPECT_TRUE(refused(self)) {
			TH_LOG("record %u twice", n);
		}
	}
	put_good(self);
	EXPECT_TRUE(taken(self));
}

TEST_F(stream, with_a_record_missing)
{
	unsigned int n, m;

	for (n = 0; n < self->records; n++) {
		self->p.length = 0;
		for (m = 0; m < self->records; m++)
			if (m != n)
				put_record(self, m);
		EXPECT_TRUE(refused(self)) {
			TH_LOG("without record %u", n);
		}
	}
	put_good(self);
	EXPECT_TRUE(taken(self));
}

/* A bit anywhere: in each byte of all headers and short records, and in images. */
TEST_F(stream, bit_flipped)
{
	unsigned int tried = 0, n;
	size_t at, end;

	srandom(1);
	for (n = 0; n < self->records; n++) {
		end = self->at[n] + sizeof(struct record) + 16;
		for (at = self->at[n]; at < end && at < self->at[n + 1];
		     at += 1 + random() % 7) {
			put_good(self);
			self->p.stream[at] ^= 1 << random() % 8;
			EXPECT_TRUE(refused(self)) {
				TH_LOG("record %u, byte %zu", n,
				       at - self->at[n]);
			}
			tried++;
		}
		if (self->at[n + 1] - self->at[n] < PAGE)
			continue;
		at = self->at[n] + PAGE + random() % (self->at[n + 1] -
						      self->at[n] - PAGE);
		put_good(self);
		self->p.stream[at] ^= 1 << random() % 8;
		EXPECT_TRUE(refused(self));
		tried++;
	}
	put_good(self);
	EXPECT_TRUE(taken(self));
	TH_LOG("%u bits in %u records", tried, self->records);
}

/* Each record of one is right, but they are of two streams. */
TEST_F(stream, mixed_up_with_another)
{
	struct pair *p = &self->p;
	char *other = self->good;
	size_t other_at[MAX_RECORDS + 1];
	unsigned int n, others = self->records;

	memcpy(other_at, self->at, sizeof(other_at));
	ASSERT_EQ(0, vf_reset(&p->src));
	ASSERT_EQ(0, pair_run(p, &p->src));
	usleep(50000);
	ASSERT_EQ(0, pair_save(p, true));
	self->position = vf_read(&p->src, VIRT_CX_POSITION);
	self->good_length = p->length;
	self->good = malloc(p->length);
	ASSERT_NE(NULL, self->good);
	memcpy(self->good, p->stream, p->length);
	self->records = 0;
	ASSERT_EQ(0, find_records(self));

	for (n = 1; n < self->records && n < others; n++) {
		p->length = 0;
		put(p, self->good, self->at[n]);
		put(p, other + other_at[n], other_at[others] - other_at[n]);
		EXPECT_TRUE(refused(self)) {
			TH_LOG("another stream from record %u on", n);
		}
	}
	free(other);
	put_good(self);
	EXPECT_TRUE(taken(self));
}

/* What looks right to the driver and is not: the firmware has the last word. */
TEST_F(stream, that_the_firmware_refuses)
{
	static const char * const how[] = {
		"0x119:corrupt=77", "0x119:corrupt=9000", "0x119:cut=1",
		"0x119:corrupt=100@2", "0x119:fail",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(how); i++) {
		ASSERT_EQ(0, firmware_faults(how[i]));
		put_good(self);
		EXPECT_TRUE(refused(self)) {
			TH_LOG("%s", how[i]);
		}
		ASSERT_EQ(0, firmware_faults(""));
		EXPECT_TRUE(taken(self));
	}
}

/* It can be loaded more than once, in as many devices as one likes. */
TEST_F(stream, taken_again_and_again)
{
	int i;

	for (i = 0; i < 3; i++) {
		put_good(self);
		EXPECT_TRUE(taken(self));
	}
	EXPECT_EQ(0, pair_sound(&self->p));
}

TEST_HARNESS_MAIN
