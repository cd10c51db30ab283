// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pre-copy of mlx5-vfio-pci: initial data that comes again when the device is set up
 * again (VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2), how much memory and which commands a
 * saving session takes, and what has to be there before the device is stopped. The state
 * is one image or several (plan.txt).
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <linux/vfio_mig_precopy.h>

#include "kselftest_harness.h"
#include "pair.h"
#include "../lib/feature.h"

#define S(name)	VFIO_DEVICE_STATE_##name

FIXTURE(precopy) {
	struct pair p;
	__u64 state;
	unsigned long chunk;
};

FIXTURE_SETUP(precopy)
{
	ASSERT_EQ(0, pair_open(&self->p));
	ASSERT_EQ(0, pair_run(&self->p, &self->p.src));
	self->state = virt_get("connectx_state") << 10;
	self->chunk = virt_get("connectx_chunk") << 10;
}

FIXTURE_TEARDOWN(precopy)
{
	EXPECT_EQ(0, virt_set("connectx_quirks", "\n"));
	pair_close(&self->p);
}

static int opt_in(struct vf *vf)
{
	return vfio_feature(vf->fd, VFIO_DEVICE_FEATURE_SET |
			    VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2, NULL, 0);
}

/* Read to the temporary end; bytes, which are added to those in the pair, or -1. */
static ssize_t read_all(struct pair *p, int fd)
{
	ssize_t n;
	int end;

	n = vf_stream_read(fd, p->stream + p->length, PAIR_STREAM - p->length,
			   &end);
	p->length += (size_t)n;
	return end == ENOMSG ? n : -1;
}

/* Pre-copy begins, and what there is at first is read. */
static int begin(struct pair *p, int *fd)
{
	int rc = vf_set_state(&p->src, S(PRE_COPY), fd);

	p->length = 0;
	return rc ? rc : read_all(p, *fd) > 0 ? 0 : -EPROTO;
}

/* A driver in the guest sets the device up again: all of its state is initial data. */
static int set_up(struct pair *p)
{
	return vf_start(&p->src, &p->job);
}

/* The rest of a migration that is in pre-copy; with what was read so far. */
static int finish(struct pair *p, int fd)
{
	__u64 position, sum;
	int end, rc;

	rc = vf_set_state(&p->src, S(STOP_COPY), NULL);
	if (rc)
		return rc;
	p->length += (size_t)vf_stream_read(fd, p->stream + p->length,
					    PAIR_STREAM - p->length, &end);
	close(fd);
	firmware_faults("");
	position = vf_read(&p->src, VIRT_CX_POSITION);
	sum = vf_read(&p->src, VIRT_CX_STATE_SUM);
	rc = end ? -end : pair_load(p);
	if (rc)
		return rc;
	return vf_read(&p->dst, VIRT_CX_POSITION) == position &&
	       vf_read(&p->dst, VIRT_CX_STATE_SUM) == sum &&
	       !vf_set_state(&p->dst, S(RUNNING), NULL) &&
	       pair_moves(&p->dst) ? 0 : -EILSEQ;
}

/* What comes at first is initial data, also before the firmware has said how much. */
TEST_F(precopy, initial_data_while_suspended)
{
	struct vfio_precopy_info info;
	struct pair *p = &self->p;
	int fd;

	ASSERT_EQ(0, vf_set_state(&p->src, S(RUNNING_P2P), NULL));
	ASSERT_EQ(0, firmware_faults("0x118:late=500"));
	ASSERT_EQ(0, vf_set_state(&p->src, S(PRE_COPY_P2P), &fd));
	ASSERT_EQ(0, vf_precopy_info(fd, &info));
	EXPECT_LT(0, info.initial_bytes);
	EXPECT_EQ(0, info.dirty_bytes);
	p->length = 0;
	EXPECT_EQ((ssize_t)info.initial_bytes, read_all(p, fd));
	EXPECT_EQ(0, vf_precopy_info(fd, &info));
	EXPECT_EQ(0, info.initial_bytes);
	EXPECT_EQ(0, info.dirty_bytes);
	EXPECT_EQ(0, finish(p, fd));

	/* And if there is none, that is an error as in PRE_COPY */
	ASSERT_EQ(0, vf_reset(&p->src));
	ASSERT_EQ(0, vf_set_state(&p->src, S(RUNNING_P2P), NULL));
	ASSERT_EQ(0, firmware_faults("0x118:fail"));
	ASSERT_EQ(0, vf_set_state(&p->src, S(PRE_COPY_P2P), &fd));
	EXPECT_EQ(-EIO, vf_precopy_info(fd, &info));
	close(fd);
}

TEST_F(precopy, feature)
{
	__u32 feature = VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2;
	int fd = self->p.src.fd;

	EXPECT_EQ(0, vfio_feature(fd, VFIO_DEVICE_FEATURE_PROBE |
				  VFIO_DEVICE_FEATURE_SET | feature, NULL, 0));
	EXPECT_EQ(-EINVAL, vfio_feature(fd, VFIO_DEVICE_FEATURE_GET | feature,
					NULL, 0));
	EXPECT_EQ(0, opt_in(&self->p.src));
	EXPECT_EQ(0, opt_in(&self->p.src));
}

/* A user that has not opted in gets no flag, and flags are an output. */
TEST_F(precopy, is_not_said_unasked)
{
	struct vfio_precopy_info info = { .argsz = sizeof(info), .flags = ~0u };
	struct pair *p = &self->p;
	int fd;

	ASSERT_EQ(0, virt_set("connectx_quirks", "reinit"));
	ASSERT_EQ(0, begin(p, &fd));
	ASSERT_EQ(0, set_up(p));
	ASSERT_EQ(0, ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, &info));
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(0, info.initial_bytes);
	EXPECT_LT(0, info.dirty_bytes);
	ASSERT_LT(0, read_all(p, fd));
	EXPECT_EQ(0, finish(p, fd));
}

/* One that has gets it once for each time, and the data arrives. */
TEST_F(precopy, initial_data_again)
{
	struct vfio_precopy_info info;
	struct pair *p = &self->p;
	int fd, round;
	ssize_t n;

	ASSERT_EQ(0, virt_set("connectx_quirks", "reinit"));
	ASSERT_EQ(0, opt_in(&p->src));
	ASSERT_EQ(0, begin(p, &fd));
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, vf_precopy_info(fd, &info));
		EXPECT_EQ(0, info.flags);
		EXPECT_EQ(0, info.initial_bytes);
		ASSERT_LE(0, read_all(p, fd));

		ASSERT_EQ(0, set_up(p));
		ASSERT_EQ(0, vf_precopy_info(fd, &info));
		EXPECT_EQ(VFIO_PRECOPY_INFO_REINIT, info.flags);
		EXPECT_EQ(0, info.dirty_bytes);
		/* All of the state, or what firmware saves of it at a time */
		EXPECT_LE(self->state < self->chunk ? self->state :
			  self->chunk, info.initial_bytes);
		n = read_all(p, fd);
		EXPECT_LE((ssize_t)info.initial_bytes, n);
		if (self->state < self->chunk)
			EXPECT_EQ((ssize_t)info.initial_bytes, n);
	}
	ASSERT_EQ(0, vf_precopy_info(fd, &info));
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(0, info.initial_bytes);
	EXPECT_EQ(0, finish(p, fd));
}

/* A reader that has fallen behind does not make the driver save without end. */
TEST_F(precopy, initial_data_unread)
{
	struct vfio_precopy_info info;
	struct pair *p = &self->p;
	unsigned int round;
	__u64 initial = 0;
	ssize_t n;
	int fd;

	ASSERT_EQ(0, virt_set("connectx_quirks", "reinit"));
	ASSERT_EQ(0, opt_in(&p->src));
	ASSERT_EQ(0, vf_set_state(&p->src, S(PRE_COPY), &fd));
	p->length = 0;
	for (round = 0; round < 6; round++) {
		/* Waits for the SAVE, which would have what follows in it */
		ASSERT_EQ(0, vf_precopy_info(fd, &info));
		ASSERT_EQ(0, set_up(p));
		ASSERT_EQ(0, vf_precopy_info(fd, &info));
		EXPECT_EQ(VFIO_PRECOPY_INFO_REINIT, info.flags);
		EXPECT_EQ(0, info.dirty_bytes);
		if (round > 1)
			EXPECT_EQ(initial, info.initial_bytes);
		initial = info.initial_bytes;
	}
	n = read_all(p, fd);
	EXPECT_LT(0, n);
	EXPECT_GT((ssize_t)initial, n);
	/* What was not saved is not forgotten */
	ASSERT_EQ(0, vf_precopy_info(fd, &info));
	EXPECT_EQ(VFIO_PRECOPY_INFO_REINIT, info.flags);
	ASSERT_LT(0, read_all(p, fd));
	EXPECT_EQ(0, finish(p, fd));
}

/* The next user of the device has to opt in again. */
TEST_F(precopy, is_asked_for_until_close)
{
	struct vfio_precopy_info info;
	struct pair *p = &self->p;
	int fd;

	ASSERT_EQ(0, opt_in(&p->src));
	vf_close(&p->src);
	ASSERT_EQ(0, pair_open_vf(p, &p->src, 1));
	ASSERT_EQ(0, virt_set("connectx_quirks", "reinit"));
	ASSERT_EQ(0, pair_run(p, &p->src));
	ASSERT_EQ(0, begin(p, &fd));
	ASSERT_EQ(0, set_up(p));
	ASSERT_EQ(0, vf_precopy_info(fd, &info));
	EXPECT_EQ(0, info.flags);
	close(fd);
	ASSERT_EQ(0, vf_set_state(&p->src, S(RUNNING), NULL));
}

/* ---- What is there before the device is stopped ---- */

/* No memory is made known to firmware from the moment on at which it stands still. */
TEST_F(precopy, buffers_are_there)
{
	struct pair *p = &self->p;
	int fd, end;

	ASSERT_EQ(0, begin(p, &fd));
	ASSERT_EQ(0, firmware_faults("0x200:fail*0"));
	EXPECT_EQ(0, finish(p, fd));

	ASSERT_EQ(0, firmware_faults(""));
	ASSERT_EQ(0, vf_reset(&p->src));
	ASSERT_EQ(0, vf_reset(&p->dst));
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &fd));
	ASSERT_EQ(0, firmware_faults("0x200:fail*0"));
	vf_stream_read(fd, p->stream, PAIR_STREAM, &end);
	EXPECT_EQ(0, end);
	close(fd);
}

/* Firmware saves the second image while the first waits to be read, and no third. */
TEST_F(precopy, two_images_wait)
{
	/* QUERY, ALLOC_PD, and for each image CREATE_MKEY and SAVE */
	unsigned long before, expected = self->state > 2 * self->chunk ? 6 : 4;
	struct pair *p = &self->p;
	int fd, end;

	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP), NULL));
	before = virt_get("connectx_commands");
	ASSERT_EQ(0, vf_set_state(&p->src, S(STOP_COPY), &fd));
	sleep(2);
	EXPECT_EQ(expected, virt_get("connectx_commands") -
			    before);
	vf_stream_read(fd, p->stream, PAIR_STREAM, &end);
	EXPECT_EQ(0, end);
	close(fd);
}

TEST_HARNESS_MAIN
