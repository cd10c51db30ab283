// SPDX-License-Identifier: GPL-2.0-only
/*
 * READs in a thread or not; see reader.h.
 */
#include <string.h>
#include <unistd.h>

#include "reader.h"

static int reader_run(void *arg)
{
	struct reader *r = arg;
	struct tracker_read_out out;
	int rc;

	memset(r->ranges, 0, sizeof(r->ranges));
	memset(r->bits, 0, sizeof(r->bits));
	if (r->is_bitmap)
		rc = tracker_read_bitmap(r->fd, r->tracker_id, r->iova, r->length, PAGE,
					 r->bits, 0, &out);
	else
		rc = tracker_read_ranges(r->fd, r->tracker_id, r->iova, r->length, PAGE,
					 r->ranges, READER_RANGES, 0, &out);
	r->flags = out.flags;
	return rc < 0 ? rc : (int)(out.dirty_bytes / PAGE);
}

static void reader_init(struct reader *r, struct crowd *c, __u32 tracker_id,
			__u64 iova, __u64 length)
{
	r->fd = c->b.fd;
	r->tracker_id = tracker_id;
	r->iova = iova;
	r->length = length;
	r->is_bitmap = false;
}

/**
 * reader_begin() - Begin a READ in a thread; to be ended with call_end(&@r->call)
 * @r: The READ
 * @c: The machine
 * @tracker_id: The tracker
 * @iova: First byte
 * @length: Bytes
 *
 * Return: 0, or -errno.
 */
int reader_begin(struct reader *r, struct crowd *c, __u32 tracker_id, __u64 iova,
		 __u64 length)
{
	reader_init(r, c, tracker_id, iova, length);
	return call_begin(&r->call, reader_run, r);
}

/**
 * reader_begin_bits() - Begin a READ with a bitmap of the machine's tracker
 * @r: The READ; to be ended with call_end(&@r->call)
 * @c: The machine
 * @iova: First byte
 * @length: Bytes, at most RAM_SIZE
 *
 * Return: 0, or -errno.
 */
int reader_begin_bits(struct reader *r, struct crowd *c, __u64 iova, __u64 length)
{
	reader_init(r, c, c->b.tracker_id, iova, length);
	r->is_bitmap = true;
	return call_begin(&r->call, reader_run, r);
}

/**
 * reader_begin_held() - As reader_begin(), with the reports of devices held (hold_track)
 * @r: The READ
 * @c: The machine
 * @tracker_id: The tracker
 * @iova: First byte
 * @length: Bytes
 *
 * Nothing can tell from outside that it waits for a log, so this waits for longer than
 * it takes to get there.
 *
 * Return: 0, or -errno.
 */
int reader_begin_held(struct reader *r, struct crowd *c, __u32 tracker_id,
		      __u64 iova, __u64 length)
{
	int rc;

	rc = virt_set("hold_track", "1");
	if (!rc)
		rc = reader_begin(r, c, tracker_id, iova, length);
	usleep(300000);
	return rc;
}

/**
 * reader_read() - READ in this thread
 * @c: The machine
 * @tracker_id: The tracker
 * @iova: First byte
 * @length: Bytes
 *
 * Return: The number of pages, or -errno.
 */
int reader_read(struct crowd *c, __u32 tracker_id, __u64 iova, __u64 length)
{
	struct reader r;

	reader_init(&r, c, tracker_id, iova, length);
	return reader_run(&r);
}
