// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random use of the migration states and data files of ConnectX VFs: arcs in
 * any order, reads and writes of any size to and from any memory, files that are closed
 * early or kept too long, features with any data; and streams that were damaged. A stream
 * that differs from what was saved is refused, any other is accepted, and a reset
 * leads back to RUNNING from every state.
 *
 * SEED=n repeats a run, DURATION=n takes n seconds instead of 5.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "fixture.h"
#include "fuzz.h"
#include "../lib/vf.h"

#define ROOM (64ull << 20)
/* Not known to the compiler, which would warn */
static char *volatile nowhere = (char *)8;

FIXTURE(fuzz) {
	int fd;
	struct vf vf[2];
	char *guest;
	char *stream;
	char *damaged;
	struct fuzz f;
};

FIXTURE_SETUP(fuzz)
{
	unsigned int i;
	char name[16];
	__u32 ioas_id;

	self->guest = mmap(NULL, 2 * ROOM + (1 << 20), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, self->guest);
	self->stream = self->guest + (1 << 20);
	self->damaged = self->stream + ROOM;
	ASSERT_EQ(0, vf_create(2));
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &ioas_id));
	ASSERT_EQ(0, iommufd_ioas_map(self->fd, ioas_id, self->guest, 1 << 20, IOVA,
				      IOMMUFD_MAP_RW));
	for (i = 0; i < 2; i++) {
		vf_address(i + 1, name, sizeof(name));
		ASSERT_EQ(0, vf_open(&self->vf[i], self->fd, name, VF_DRIVER));
		ASSERT_EQ(0, vf_attach(&self->vf[i], ioas_id));
	}
}

FIXTURE_TEARDOWN(fuzz)
{
	vf_close(&self->vf[0]);
	vf_close(&self->vf[1]);
	close(self->fd);
	EXPECT_EQ(0, vf_create(0));
}

/* ---- Anything -------------------------------------------------------------- */

static void any_io(struct fuzz *f, int fd)
{
	struct vfio_precopy_info info = { .argsz = sizeof(info) };
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN | POLLOUT };
	char *at = (char *)(uintptr_t)fuzz_pointer(f);
	size_t n = fuzz_chance(f, 80) ? fuzz_below(f, 5000) : fuzz_number(f);

	switch (fuzz_below(f, 8)) {
	case 0 ... 2:
		/* Must not wait for what will not come */
		fcntl(fd, F_SETFL, O_NONBLOCK);
		n = read(fd, at, n);
		break;
	case 3 ... 4:
		n = write(fd, at, n);
		break;
	case 5:
		info.argsz = fuzz_chance(f, 70) ? sizeof(info) : fuzz_number(f);
		ioctl(fd, fuzz_chance(f, 90) ? VFIO_MIG_GET_PRECOPY_INFO :
					       VFIO_DEVICE_FEATURE, &info);
		break;
	case 6:
		poll(&poll_fd, 1, 0);
		break;
	case 7:
		n = pread(fd, at, n, fuzz_number(f));
		lseek(fd, fuzz_number(f), SEEK_SET);
		break;
	}
}

static void any_feature(struct fuzz *f, struct vf *vf)
{
	__u64 buffer[12];
	struct vfio_device_feature *feat = (void *)buffer;
	unsigned int i;

	for (i = 0; i < 12; i++)
		buffer[i] = fuzz_chance(f, 30) ? fuzz_pointer(f) : fuzz_number(f);
	feat->argsz = fuzz_chance(f, 80) ? sizeof(*feat) + 8 * fuzz_below(f, 11) :
					   fuzz_number(f);
	feat->flags = fuzz_below(f, 12) | fuzz_below(f, 8) << 16;
	/* Low power would have to be left by other means than a reset */
	if ((feat->flags & 0xffff) - VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY < 3)
		feat->flags |= VFIO_DEVICE_FEATURE_PROBE;
	if (fuzz_chance(f, 60)) {
		/* Logging, of ranges that may be right */
		buffer[1] = 4096ull << fuzz_below(f, 3);
		buffer[2] = fuzz_below(f, 4);
		buffer[3] = fuzz_pointer(f);
	}
	ioctl(vf->fd, VFIO_DEVICE_FEATURE, feat);
}

/* Files stay open for a while after the device has left their state. */
static void mess_about(struct fuzz *f, struct vf *vf)
{
	int files[4] = { -1, -1, -1, -1 }, fd;
	unsigned int i, steps = 10 + fuzz_below(f, 40);

	for (i = 0; i < steps; i++) {
		unsigned int slot = fuzz_below(f, 4);

		switch (fuzz_below(f, 8)) {
		case 0 ... 2:
			vf_set_state(vf, fuzz_chance(f, 95) ? fuzz_below(f, VF_STATES) :
							      fuzz_number(f), &fd);
			if (fd < 0)
				break;
			close(files[slot]);
			files[slot] = fd;
			break;
		case 3 ... 5:
			if (files[slot] >= 0)
				any_io(f, files[slot]);
			break;
		case 6:
			any_feature(f, vf);
			break;
		case 7:
			if (fuzz_chance(f, 20))
				vf_reset(vf);
			close(files[slot]);
			files[slot] = -1;
			break;
		}
	}
	for (i = 0; i < 4; i++)
		close(files[i]);
	if (vf_reset(vf) || vf_get_state(vf) != VFIO_DEVICE_STATE_RUNNING)
		fuzz_violation(f, "after a reset the state is %d", vf_get_state(vf));
}

/* ---- A stream and what becomes of it -------------------------------------------- */

/* In reads of odd sizes, some of which fault; its length or -errno. */
static ssize_t save(struct fuzz *f, struct vf *vf, char *to)
{
	size_t length = 0, piece = 1 + fuzz_below(f, 1 << 20);
	int rc, fd;
	ssize_t n;

	if (fuzz_chance(f, 50)) {
		rc = vf_set_state(vf, VFIO_DEVICE_STATE_PRE_COPY, &fd);
		if (rc)
			return rc;
		while ((n = read(fd, to + length, piece)) > 0)
			length += n;
		if (n < 0 && errno != ENOMSG)
			return -errno;
		rc = vf_set_state(vf, VFIO_DEVICE_STATE_STOP_COPY, NULL);
	} else {
		rc = vf_set_state(vf, VFIO_DEVICE_STATE_STOP_COPY, &fd);
	}
	if (rc)
		return rc;
	for (;;) {
		if (fuzz_chance(f, 10) && read(fd, nowhere, piece) > 0)
			fuzz_violation(f, "data was read to nowhere");
		n = read(fd, to + length, piece);
		if (n <= 0)
			break;
		length += n;
	}
	close(fd);
	rc = vf_set_state(vf, VFIO_DEVICE_STATE_STOP, NULL);
	if (!rc)
		rc = vf_set_state(vf, VFIO_DEVICE_STATE_RUNNING, NULL);
	return n < 0 || rc ? -EIO : (ssize_t)length;
}

static size_t damage(struct fuzz *f, char *data, size_t length)
{
	size_t at = fuzz_below(f, length), n = 1 + fuzz_below(f, length - at);
	size_t to = fuzz_below(f, length - n + 1);

	/* Most of the fields are at the beginning */
	if (fuzz_chance(f, 40))
		at = fuzz_below(f, length < 200 ? length : 200);
	switch (fuzz_below(f, 6)) {
	case 0:
		data[at] ^= 1 << fuzz_below(f, 8);
		return length;
	case 1:
		return at;
	case 2:
		n = n < length - at ? n : length - at;
		memmove(data + at, data + at + n, length - at - n);
		return length - n;
	case 3:
		if (at + n > length)
			n = length - at;
		memmove(data + to, data + at, n);
		return length;
	case 4:
		n = n < ROOM - length ? n : ROOM - length;
		memcpy(data + length, data, n < length ? n : length);
		return length + (n < length ? n : length);
	default:
		memset(data + at, fuzz_below(f, 256), 8);
		return length;
	}
}

/* Does the other side take it? */
static bool load(struct fuzz *f, struct vf *vf, char *data, size_t length)
{
	size_t done = 0, piece = 1 + fuzz_below(f, 1 << 20);
	int fd, rc = vf_set_state(vf, VFIO_DEVICE_STATE_RESUMING, &fd);
	ssize_t n = 0;

	if (rc) {
		fuzz_violation(f, "RESUMING from RUNNING fails: %d", rc);
		return false;
	}
	while (done < length && n >= 0) {
		if (fuzz_chance(f, 5) && write(fd, nowhere, 1) > 0)
			fuzz_violation(f, "data was written from nowhere");
		n = write(fd, data + done, length - done < piece ? length - done : piece);
		if (n > 0)
			done += n;
	}
	rc = vf_set_state(vf, VFIO_DEVICE_STATE_STOP, NULL);
	if (!rc && n < 0)
		fuzz_violation(f, "a stream is refused, and loaded");
	close(fd);
	if (vf_reset(vf) || vf_get_state(vf) != VFIO_DEVICE_STATE_RUNNING)
		fuzz_violation(f, "after a stream a reset leads to %d", vf_get_state(vf));
	return !rc;
}

TEST_F(fuzz, states_and_streams)
{
	__u64 first = fuzz_seed(), seed = first, taken = 0, refused = 0;
	double end = seconds_now() + fuzz_seconds(5);
	struct fuzz *f = &self->f;
	ssize_t length;

	TH_LOG("SEED=%llu", first);
	do {
		size_t n;
		bool same;

		ASSERT_EQ(0, fuzz_open(f, seed));
		mess_about(f, &self->vf[fuzz_below(f, 2)]);
		length = save(f, &self->vf[0], self->stream);
		ASSERT_LT(0, length) {
			TH_LOG("SEED=%llu", seed);
		}
		memcpy(self->damaged, self->stream, length);
		n = length;
		while (n && fuzz_chance(f, 60))
			n = damage(f, self->damaged, n);
		/* Of nothing at all, nothing is missing */
		same = !n || (n == (size_t)length &&
			      !memcmp(self->stream, self->damaged, n));
		if (load(f, &self->vf[1], self->damaged, n) != same)
			fuzz_violation(f, "a stream that was %s is %s",
				       same ? "good" : "damaged",
				       same ? "refused" : "taken");
		taken += same;
		refused += !same;
		ASSERT_EQ(0, f->violation[0]) {
			TH_LOG("SEED=%llu DURATION=0: %s", seed, f->violation);
		}
		fuzz_close(f);
		seed++;
	} while (seconds_now() < end || !taken || !refused);
	TH_LOG("seeds %llu to %llu: %llu streams taken, %llu damaged ones refused",
	       first, seed - 1, taken, refused);
}

/* The control: one bit is all the difference between the two verdicts. */
TEST_F(fuzz, one_bit_decides)
{
	struct fuzz *f = &self->f;
	ssize_t length;

	ASSERT_EQ(0, fuzz_open(f, 1));
	length = save(f, &self->vf[0], self->stream);
	ASSERT_LT(0, length);
	EXPECT_EQ(true, load(f, &self->vf[1], self->stream, length));
	self->stream[length / 3] ^= 1;
	EXPECT_EQ(false, load(f, &self->vf[1], self->stream, length));
	EXPECT_EQ(0, f->violation[0]) {
		TH_LOG("%s", f->violation);
	}
	fuzz_close(f);
}

TEST_HARNESS_MAIN
