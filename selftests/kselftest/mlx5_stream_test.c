// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data stream of mlx5-vfio-pci (drivers/mlx5/stream.h): anything but one whole stream
 * in order is refused with an error and never loaded in part, and a reset makes the device
 * usable again. Each test has its control: the same stream, unchanged, is accepted.
 */
#include <errno.h>
#include <endian.h>
#include <stdlib.h>

#include "kselftest_harness.h"
#include "pair.h"
#include "../lib/sysfs.h"
#include "../lib/xxh64.h"

#define MAX_RECORDS 64

/* As in drivers/mlx5/stream.h */
struct record {
	__u64 length;
	__u32 flags;
	__u32 tag;
};

#define OPTIONAL	1
#define TAG_IMAGE	0
#define TAG_PREPARE	1
#define TAG_START	0x4d4c5801
#define TAG_SUM		0x4d4c5803
#define TAG_END		0x4d4c5804
#define OURS(tag)	(((tag) & ~0xffu) == 0x4d4c5800)

/* What START holds, and where. */
#define START_VERSION	16
#define START_FLAGS	20
#define FLAG_SUMS	4
#define START_DEVICE	26
#define START_FW	28
#define START_PSID	40

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
	/* START, PREPARE, two images with NEXT and SUM, END */
	ASSERT_LE(9, self->records);
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
		/* Without a byte, nothing was begun */
		if (n)
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
		end = self->at[n] + sizeof(struct record) + 72;
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

/* ---- Streams that others make --------------------------------------------- */

static void put_head(struct pair *p, __u32 tag, __u32 flags, __u64 length)
{
	struct record head = { htole64(length), htole32(flags), htole32(tag) };

	put(p, &head, sizeof(head));
}

/* Only what upstream's driver would write, too; then @extra if there is one. */
static void put_as_upstream(FIXTURE_DATA(stream) *self, __u32 extra, __u32 flags)
{
	struct record head;
	unsigned int n;

	self->p.length = 0;
	for (n = 0; n < self->records; n++) {
		memcpy(&head, self->good + self->at[n], sizeof(head));
		if (OURS(head.tag))
			continue;
		put_record(self, n);
		if (!extra)
			continue;
		put_head(&self->p, extra, flags, 1000);
		put(&self->p, self->p.ram, 1000);
	}
}

/*
 * What an image is in a checksum: four sums of each block of 4 KiB, to which words are
 * added in turn; all are mixed after 256 bytes, and zeros fill the last block. Returns
 * the bytes at @to.
 */
static size_t sums_of(char *to, const char *image, size_t length)
{
	size_t at, i, j, n = 0;

	for (at = 0; at < length; at += 4096) {
		__u64 sum[4] = {};

		for (i = 0; i < 4096; i += 8) {
			size_t there = at + i < length ? length - at - i : 0;
			__u64 word = 0;

			memcpy(&word, image + at + i, there < 8 ? there : 8);
			sum[i / 8 % 4] += le64toh(word);
			for (j = 0; i % 256 == 248 && j < 4; j++)
				sum[j] = xxh64_rol(sum[j], 29) *
					 0x9e3779b97f4a7c15ull;
		}
		for (i = 0; i < 4; i++, n += 8) {
			sum[i] = htole64(sum[i]);
			memcpy(to + n, &sum[i], 8);
		}
	}
	return n;
}

/* Right checksums, whatever was done to the stream in @p, of the kind that it says. */
static int reseal(struct pair *p)
{
	bool sums = p->stream[sizeof(struct record) + START_FLAGS] & FLAG_SUMS;
	char *bytes = malloc(p->length + PAGE);
	size_t at = 0, n = 0;
	struct record head;
	__u64 sum;

	if (!bytes)
		return -ENOMEM;
	for (; at < p->length; at += sizeof(head) + head.length) {
		char *content = p->stream + at + sizeof(head);

		memcpy(&head, p->stream + at, sizeof(head));
		memcpy(bytes + n, &head, sizeof(head));
		n += sizeof(head);
		if (sums && head.tag == TAG_IMAGE) {
			n += sums_of(bytes + n, content, head.length);
			continue;
		}
		if (head.tag < TAG_START || head.tag > TAG_END) {
			memcpy(bytes + n, content, head.length);
			n += head.length;
			continue;
		}
		memcpy(bytes + n, content + 8, head.length - 8);
		n += head.length - 8;
		sum = htole64(xxh64(bytes, n));
		memcpy(content, &sum, sizeof(sum));
	}
	free(bytes);
	return 0;
}

/* The format does not drift: what is computed here is what the driver computes. */
TEST_F(stream, has_the_checksums_that_are_documented)
{
	put_good(self);
	ASSERT_EQ(0, reseal(&self->p));
	EXPECT_EQ(0, memcmp(self->p.stream, self->good, self->good_length));
	EXPECT_TRUE(taken(self));
}

/* The version before had all bytes of images in its checksums, and said nothing. */
TEST_F(stream, of_the_version_before)
{
	char *flags = self->p.stream + sizeof(struct record) + START_FLAGS;

	put_good(self);
	ASSERT_EQ(FLAG_SUMS, *flags & FLAG_SUMS);
	*flags &= ~FLAG_SUMS;
	ASSERT_EQ(0, reseal(&self->p));
	EXPECT_TRUE(taken(self));
	/* The controls: a bit of an image, and sums that it does not announce */
	self->p.stream[self->at[3] + 3 * PAGE + 77] ^= 1;
	EXPECT_TRUE(refused(self));
	put_good(self);
	*flags &= ~FLAG_SUMS;
	EXPECT_TRUE(refused(self));
	put_good(self);
	EXPECT_TRUE(taken(self));
}

/* Exchange two places of an image, or copy one over the other; are they different? */
static bool move_inside(char *a, char *b, size_t n, bool exchange)
{
	char copy[PAGE];

	if (!memcmp(a, b, n))
		return false;
	memcpy(copy, a, n);
	memcpy(a, b, n);
	if (exchange)
		memcpy(b, copy, n);
	return true;
}

/* Parts of an image that have come to other places are noticed, of any size. */
TEST_F(stream, image_in_another_order)
{
	static const size_t sizes[] = { 8, 64, 256, 4096 };
	unsigned int tried = 0, try, i;
	struct record head;
	char *image;

	srandom(2);
	for (try = 0; try < 60; try++) {
		size_t n = sizes[try % ARRAY_SIZE(sizes)], parts, a, b;

		put_good(self);
		/* START, PREPARE, NEXT, IMAGE */
		image = self->p.stream + self->at[3];
		memcpy(&head, image, sizeof(head));
		ASSERT_EQ(TAG_IMAGE, head.tag);
		image += sizeof(head);
		parts = head.length / n;
		for (i = 0; i < 1000; i++) {
			a = random() % parts;
			b = random() % parts;
			/* What is added to the same sums stays the same */
			if (n < 256 && a * n / 256 == b * n / 256)
				continue;
			if (move_inside(image + a * n, image + b * n, n, try % 3))
				break;
		}
		if (i == 1000)
			continue;
		tried++;
		EXPECT_TRUE(refused(self)) {
			TH_LOG("%zu bytes at %zu and %zu", n, a * n, b * n);
		}
	}
	EXPECT_LT(40, tried);
	put_good(self);
	EXPECT_TRUE(taken(self));
}

TEST_F(stream, of_upstream)
{
	struct pair *p = &self->p;
	int kmsg = kmsg_open(), fd;

	ASSERT_LE(0, kmsg);
	put_as_upstream(self, 0, 0);
	EXPECT_TRUE(taken(self));
	EXPECT_TRUE(kmsg_says(kmsg, p->dst.name, "of upstream's driver"));
	/* A later upstream's */
	put_as_upstream(self, 77, OPTIONAL);
	EXPECT_TRUE(taken(self));
	put_as_upstream(self, 77, 0);
	EXPECT_TRUE(refused(self));
	/* Cut at a record, or in one; without an image */
	put_as_upstream(self, 0, 0);
	p->length -= 1;
	EXPECT_TRUE(refused(self));
	put_as_upstream(self, 0, 0);
	put_head(p, TAG_PREPARE, OPTIONAL, 8);
	EXPECT_TRUE(refused(self));
	put_as_upstream(self, 0, 0);
	p->length = sizeof(struct record) + 8;
	ASSERT_EQ(0, vf_set_state(&p->dst, VFIO_DEVICE_STATE_RESUMING, &fd));
	ASSERT_EQ(0, vf_stream_write(fd, p->stream, p->length));
	EXPECT_EQ(-ENODATA, vf_set_state(&p->dst, VFIO_DEVICE_STATE_STOP, NULL));
	/* Only through its file, which is closed, could the rest come */
	close(fd);
	EXPECT_EQ(-EBADMSG, vf_set_state(&p->dst, VFIO_DEVICE_STATE_STOP, NULL));
	EXPECT_EQ(VFIO_DEVICE_STATE_ERROR, vf_get_state(&p->dst));
	ASSERT_EQ(0, vf_reset(&p->dst));

	/* The control: such streams can be forbidden */
	/* Ten refusals in five seconds are said, and tests before this one have had some */
	sleep(6);
	ASSERT_EQ(0, parameter_set("mlx5_vfio_pci", "require_checked_streams",
				   "1"));
	put_as_upstream(self, 0, 0);
	EXPECT_TRUE(refused(self));
	EXPECT_TRUE(kmsg_says(kmsg, p->dst.name, "require_checked_streams is set"));
	put_good(self);
	EXPECT_TRUE(taken(self));
	ASSERT_EQ(0, parameter_set("mlx5_vfio_pci", "require_checked_streams",
				   "0"));
	close(kmsg);
}

/* An image can be as large as a command can name, and no larger. */
TEST_F(stream, of_the_largest_image)
{
	static const __u64 most = (1ull << 32) - PAGE;
	struct pair *p = &self->p;
	struct vf *dst = &p->dst;
	int fd, i;

	for (i = 0; i < 2; i++) {
		p->length = 0;
		put_head(p, TAG_IMAGE, 0, most + i);
		ASSERT_EQ(0, vf_set_state(dst, VFIO_DEVICE_STATE_RESUMING, &fd));
		EXPECT_EQ(i ? -EFBIG : 0,
			  vf_stream_write(fd, p->stream, p->length));
		close(fd);
		ASSERT_EQ(0, vf_reset(dst));
	}
	put_good(self);
	EXPECT_TRUE(taken(self));
}

/* What a stream says will be needed is a hint: no more than 64 MiB are made ready. */
TEST_F(stream, that_asks_for_much)
{
	static const __u64 much = 512ull << 20;
	struct pair *p = &self->p;
	long before, after;
	int fd;

	p->length = 0;
	put_head(p, TAG_PREPARE, OPTIONAL, sizeof(much));
	put(p, &much, sizeof(much));
	ASSERT_EQ(0, vf_set_state(&p->dst, VFIO_DEVICE_STATE_RESUMING, &fd));
	before = number_in("/proc/meminfo", "MemFree:");
	ASSERT_EQ(0, vf_stream_write(fd, p->stream, p->length));
	after = number_in("/proc/meminfo", "MemFree:");
	EXPECT_GT(256 << 10, before - after);
	close(fd);
	ASSERT_EQ(0, vf_reset(&p->dst));
	put_good(self);
	EXPECT_TRUE(taken(self));
}

/* Records and fields that this version does not know, and may skip. */
TEST_F(stream, of_a_later_version)
{
	static const __u32 tags[] = { 0x4d4c5805, 0x4d4c58ff, 77 };
	struct pair *p = &self->p;
	struct record start;
	unsigned int n;

	p->length = 0;
	memcpy(&start, self->good, sizeof(start));
	put_head(p, TAG_START, OPTIONAL, start.length + 24);
	put(p, self->good + sizeof(start), start.length);
	put(p, p->ram, 24);
	/* A flag that need not be known */
	p->stream[sizeof(start) + START_FLAGS + 2] = 1;
	for (n = 1; n < self->records; n++) {
		put_head(p, tags[n % 3], OPTIONAL, 10000 * n);
		put(p, p->ram, 10000 * n);
		put_record(self, n);
		/* Not between an image and its checksum */
		memcpy(&start, self->good + self->at[n], sizeof(start));
		if (start.tag == TAG_IMAGE)
			put_record(self, ++n);
	}
	EXPECT_EQ(0, reseal(p));
	EXPECT_TRUE(taken(self));
	/* The control: one that must not be skipped */
	p->stream[sizeof(start) + START_FLAGS + 1] = 1;
	EXPECT_EQ(0, reseal(p));
	EXPECT_TRUE(refused(self));
}

/* What another firmware has saved is refused before it is tried. */
TEST_F(stream, of_another_firmware)
{
	static const struct {
		size_t at;
		const char *message;
	} cases[] = {
		{ START_VERSION, "of another version of this driver" },
		{ START_DEVICE, "of another kind of device" },
		{ START_FW, "the board and version must be the same" },
		{ START_FW + 4, "the migration data is of firmware" },
		{ START_PSID, "the board and version must be the same" },
	};
	int kmsg = kmsg_open();
	unsigned int i;

	ASSERT_LE(0, kmsg);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		put_good(self);
		self->p.stream[sizeof(struct record) + cases[i].at] ^= 4;
		ASSERT_EQ(0, reseal(&self->p));
		EXPECT_TRUE(refused(self));
		EXPECT_TRUE(kmsg_says(kmsg, self->p.dst.name, cases[i].message)) {
			TH_LOG("%s", cases[i].message);
		}
		/* Ten messages in five seconds is what the driver may say */
		usleep(1500000);
	}
	close(kmsg);
}

/* What a stream says of itself is quoted in the log, and is no line of the log. */
TEST_F(stream, of_a_firmware_with_a_strange_name)
{
	static const char psid[] = "\n\033[2Jkernel: x";
	int kmsg = kmsg_open();

	ASSERT_LE(0, kmsg);
	put_good(self);
	memcpy(self->p.stream + sizeof(struct record) + START_PSID, psid,
	       sizeof(psid));
	ASSERT_EQ(0, reseal(&self->p));
	EXPECT_TRUE(refused(self));
	/* Of a backslash /dev/kmsg makes \x5c */
	EXPECT_TRUE(kmsg_says(kmsg, self->p.dst.name,
			      "PSID \\x5cn\\x5ce[2Jkernel: x; here it is"));
	close(kmsg);
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

/* Also of the last image of upstream's, behind which RESUMING could be left. */
TEST_F(stream, of_upstream_that_the_firmware_refuses)
{
	struct pair *p = &self->p;
	struct record head;
	unsigned int images = 0, n;
	char fault[32];

	for (n = 0; n < self->records; n++) {
		memcpy(&head, self->good + self->at[n], sizeof(head));
		images += head.tag == TAG_IMAGE;
	}
	put_as_upstream(self, 0, 0);
	snprintf(fault, sizeof(fault), "0x119:fail@%u", images);
	ASSERT_EQ(0, firmware_faults(fault));
	EXPECT_EQ(-EIO, pair_load(p));
	EXPECT_EQ(VFIO_DEVICE_STATE_ERROR, vf_get_state(&p->dst));
	ASSERT_EQ(0, firmware_faults(""));
	ASSERT_EQ(0, vf_reset(&p->dst));
	EXPECT_TRUE(taken(self));
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
