// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual ConnectX under stock mlx5_core, and our variant driver on its
 * VFs: one VF migrates to another while its generator writes, the sequence goes
 * on without a gap, and the page tracker reports what ground truth says.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "kselftest_harness.h"
#include "fixture.h"
#include "../lib/truth.h"
#include "virt_connectx.h"

#define PF	"0010:00:10.0"
#define GUEST	(64ull << 20)
#define BASE	0x40000000ull
#define KEY	0x1234567ull
#define BITS	(GUEST / PAGE)
#define STREAM	(256ull << 20)

struct vf {
	int fd;
	void *bar;
	size_t bar_size;
	volatile __u64 *reg;
};

static __u64 vf_read(const struct vf *vf, unsigned int reg)
{
	return vf->reg[reg / 8];
}

static void vf_write(struct vf *vf, unsigned int reg, __u64 value)
{
	vf->reg[reg / 8] = value;
}

static unsigned long parameter_get(const char *name)
{
	unsigned long value = ~0ul;
	char path[96];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/iommufd_virt/parameters/%s",
		 name);
	f = fopen(path, "r");
	if (f) {
		if (fscanf(f, "%lu", &value) != 1)
			value = ~0ul;
		fclose(f);
	}
	return value;
}

static int pf_write(const char *attribute, const char *value)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/" PF "/%s",
		 attribute);
	return sysfs_write(path, value);
}

/* Open a VF bound to our driver: registers mapped, bus master on. */
static int vf_open(struct vf *vf, int iommufd, __u32 ioas_id, unsigned int n)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind),
						 .iommufd = iommufd };
	struct vfio_device_attach_iommufd_pt pt = { .argsz = sizeof(pt),
						    .pt_id = ioas_id };
	struct vfio_region_info info = { .argsz = sizeof(info) };
	char name[16], path[64];
	__u16 command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	int rc;

	snprintf(name, sizeof(name), "0010:00:10.%u", n);
	rc = sysfs_pci_bind(name, "mlx5_vfio_pci");
	if (!rc)
		rc = sysfs_vfio_cdev(name, path, sizeof(path));
	if (rc)
		return rc;
	vf->fd = open(path, O_RDWR);
	if (vf->fd < 0 || ioctl(vf->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind) ||
	    ioctl(vf->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &pt))
		return -errno;
	info.index = VFIO_PCI_CONFIG_REGION_INDEX;
	if (ioctl(vf->fd, VFIO_DEVICE_GET_REGION_INFO, &info) ||
	    pwrite(vf->fd, &command, 2, (off_t)info.offset + PCI_COMMAND) != 2)
		return -errno;
	info.index = VFIO_PCI_BAR0_REGION_INDEX;
	if (ioctl(vf->fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		return -errno;
	vf->bar_size = info.size;
	vf->bar = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       vf->fd, (off_t)info.offset);
	if (vf->bar == MAP_FAILED)
		return -errno;
	vf->reg = (volatile __u64 *)((char *)vf->bar + VIRT_CX_OFFSET);
	return vf_read(vf, VIRT_CX_ID) == VIRT_CX_MAGIC ? 0 : -ENODEV;
}

/* The map of the BAR holds the device open as well as its descriptor. */
static void vf_close(struct vf *vf)
{
	munmap(vf->bar, vf->bar_size);
	close(vf->fd);
}

static int vf_command(struct vf *vf, __u64 command)
{
	unsigned int ms;

	vf_write(vf, VIRT_CX_CTRL, command);
	for (ms = 0; ms < 10000; ms++) {
		if (!vf_read(vf, VIRT_CX_CTRL))
			return 0;
		usleep(1000);
	}
	return -ETIMEDOUT;
}

static int feature(struct vf *vf, __u32 flags, void *data, size_t size)
{
	__u64 buffer[16] = {};
	struct vfio_device_feature *f = (void *)buffer;

	f->argsz = sizeof(*f) + size;
	f->flags = flags;
	memcpy(f->data, data, size);
	if (ioctl(vf->fd, VFIO_DEVICE_FEATURE, f))
		return -errno;
	memcpy(data, f->data, size);
	return 0;
}

/* @data_fd: set when the state has one; may be NULL */
static int set_state(struct vf *vf, unsigned int state, int *data_fd)
{
	struct vfio_device_feature_mig_state cmd = { .device_state = state,
						     .data_fd = -1 };
	int rc = feature(vf, VFIO_DEVICE_FEATURE_SET |
			 VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, &cmd,
			 sizeof(cmd));

	if (!rc && data_fd && cmd.data_fd >= 0)
		*data_fd = cmd.data_fd;
	return rc;
}

static int log_start(struct vf *vf)
{
	struct vfio_device_feature_dma_logging_range range = { BASE, GUEST };
	struct vfio_device_feature_dma_logging_control cmd = {
		.page_size = PAGE,
		.num_ranges = 1,
		.ranges = (uintptr_t)&range,
	};

	return feature(vf, VFIO_DEVICE_FEATURE_SET |
		       VFIO_DEVICE_FEATURE_DMA_LOGGING_START, &cmd, sizeof(cmd));
}

static int log_report(struct vf *vf, __u64 *bits)
{
	struct vfio_device_feature_dma_logging_report cmd = {
		.iova = BASE,
		.length = GUEST,
		.page_size = PAGE,
		.bitmap = (uintptr_t)bits,
	};

	return feature(vf, VFIO_DEVICE_FEATURE_GET |
		       VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT, &cmd, sizeof(cmd));
}

FIXTURE(connectx) {
	int fd;
	int truth;
	__u32 ioas_id;
	struct vf src;
	struct vf dst;
	char *guest;
	char *stream;
	size_t stream_len;
	__u64 *bits;
	__u64 *written;
};

FIXTURE_VARIANT(connectx) {
	bool precopy;
};

FIXTURE_VARIANT_ADD(connectx, precopy) { .precopy = true };
FIXTURE_VARIANT_ADD(connectx, stop_copy) { .precopy = false };

static void *memory(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

FIXTURE_SETUP(connectx)
{
	self->guest = memory(GUEST);
	self->stream = memory(STREAM);
	self->bits = memory(BITS / 8);
	self->written = memory(BITS / 8);
	memset(self->guest, 0, GUEST);
	ASSERT_EQ(0, pf_write("sriov_drivers_autoprobe", "0"));
	ASSERT_EQ(0, pf_write("sriov_numvfs", "2"));
	self->truth = truth_open();
	ASSERT_LE(0, self->truth);
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &self->ioas_id));
	ASSERT_EQ(0, iommufd_ioas_map(self->fd, self->ioas_id, self->guest,
				      GUEST, BASE, IOMMUFD_MAP_RW));
	ASSERT_EQ(0, vf_open(&self->src, self->fd, self->ioas_id, 1));
	ASSERT_EQ(0, vf_open(&self->dst, self->fd, self->ioas_id, 2));
}

FIXTURE_TEARDOWN(connectx)
{
	vf_close(&self->src);
	vf_close(&self->dst);
	close(self->fd);
	close(self->truth);
	EXPECT_EQ(0, pf_write("sriov_numvfs", "0"));
	/* Nothing that a driver asks for is unknown to the firmware */
	EXPECT_EQ(0, parameter_get("connectx_unknown"));
}

/* Read the data FD to its end, or to the end of what pre-copy has now. */
static ssize_t stream_read(int fd, char *to, size_t room)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, to + len, room - len)) > 0)
		len += n;
	return n < 0 && errno != ENOMSG ? -errno : (ssize_t)len;
}

static ssize_t stream_write(int fd, const char *from, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(fd, from + done, len - done);

		if (n <= 0)
			return -errno;
		done += n;
	}
	return 0;
}

/* What ground truth says that @device wrote; returns the number of writes. */
static __u64 truth_pages(int truth, __u64 device, __u64 *pages)
{
	struct virt_truth_rec recs[256];
	__u64 writes = 0;
	int n, i;

	while ((n = truth_read(truth, recs, 256)) > 0)
		for (i = 0; i < n; i++) {
			__u64 page = (recs[i].iova - BASE) / PAGE;

			if (recs[i].device != device)
				continue;
			pages[page / 64] |= 1ull << (page % 64);
			writes++;
		}
	return writes;
}

TEST_F(connectx, migrates)
{
	struct vf *src = &self->src, *dst = &self->dst;
	__u64 position, end, sum, i, wrong = 0;
	int fd = -1, pass;
	ssize_t len;

	vf_write(src, VIRT_CX_BASE, BASE);
	vf_write(src, VIRT_CX_LENGTH, GUEST);
	vf_write(src, VIRT_CX_UNIT, PAGE);
	vf_write(src, VIRT_CX_RATE, 20000);
	vf_write(src, VIRT_CX_KEY, KEY);
	vf_write(src, VIRT_CX_POSITION, 0);
	ASSERT_EQ(0, log_start(src));
	ASSERT_EQ(0, vf_command(src, VIRT_CX_CTRL_START));

	if (variant->precopy) {
		ASSERT_EQ(0, set_state(src, VFIO_DEVICE_STATE_PRE_COPY, &fd));
		for (pass = 0; pass < 3; pass++) {
			usleep(100000);
			ASSERT_EQ(0, log_report(src, self->bits));
			len = stream_read(fd, self->stream + self->stream_len,
					  STREAM - self->stream_len);
			ASSERT_LE(0, len);
			self->stream_len += len;
		}
		EXPECT_LT(0, self->stream_len);
		ASSERT_EQ(0, set_state(src, VFIO_DEVICE_STATE_PRE_COPY_P2P,
				       NULL));
	} else {
		usleep(300000);
		ASSERT_EQ(0, log_report(src, self->bits));
		ASSERT_EQ(0, set_state(src, VFIO_DEVICE_STATE_RUNNING_P2P,
				       NULL));
	}
	/* In P2P it issues no DMA */
	position = vf_read(src, VIRT_CX_POSITION);
	EXPECT_LT(0, position);
	usleep(20000);
	EXPECT_EQ(position, vf_read(src, VIRT_CX_POSITION));
	ASSERT_EQ(0, set_state(src, VFIO_DEVICE_STATE_STOP_COPY, &fd));
	len = stream_read(fd, self->stream + self->stream_len,
			  STREAM - self->stream_len);
	ASSERT_LT(0, len);
	self->stream_len += len;

	/* All pages that it wrote, and no other */
	ASSERT_EQ(0, log_report(src, self->bits));
	EXPECT_EQ(position, truth_pages(self->truth,
					vf_read(src, VIRT_CX_INDEX),
					self->written));
	EXPECT_EQ(0, memcmp(self->bits, self->written, BITS / 8));
	sum = vf_read(src, VIRT_CX_STATE_SUM);
	close(fd);
	ASSERT_EQ(0, set_state(src, VFIO_DEVICE_STATE_STOP, NULL));

	ASSERT_EQ(0, set_state(dst, VFIO_DEVICE_STATE_RESUMING, &fd));
	ASSERT_EQ(0, stream_write(fd, self->stream, self->stream_len));
	ASSERT_EQ(0, set_state(dst, VFIO_DEVICE_STATE_STOP, NULL));
	close(fd);
	EXPECT_EQ(position, vf_read(dst, VIRT_CX_POSITION));
	EXPECT_EQ(sum, vf_read(dst, VIRT_CX_STATE_SUM));
	ASSERT_EQ(0, set_state(dst, VFIO_DEVICE_STATE_RUNNING, NULL));
	usleep(200000);
	ASSERT_EQ(0, vf_command(dst, VIRT_CX_CTRL_STOP));
	end = vf_read(dst, VIRT_CX_POSITION);
	EXPECT_LT(position, end);
	for (i = 0; i < end; i++) {
		__u64 at = virt_connectx_offset(GUEST, PAGE, i);

		if (*(__u64 *)(self->guest + at) !=
		    virt_connectx_value(KEY, i, BASE + at))
			wrong++;
	}
	EXPECT_EQ(0, wrong);
	TH_LOG("%llu writes, then %llu on the other side; %zu bytes of state",
	       position, end - position, self->stream_len);

	/* Reset is a way out of every state */
	ASSERT_EQ(0, ioctl(src->fd, VFIO_DEVICE_RESET));
	ASSERT_EQ(0, ioctl(dst->fd, VFIO_DEVICE_RESET));
	EXPECT_EQ(0, vf_read(dst, VIRT_CX_POSITION));
}

/* A stream with one bit flipped is refused, and reset is the way out. */
TEST_F(connectx, refuses_a_bad_stream)
{
	int fd = -1, rc;
	ssize_t len;

	if (variant->precopy)
		SKIP(return, "one way is enough");
	ASSERT_EQ(0, set_state(&self->src, VFIO_DEVICE_STATE_STOP_COPY, &fd));
	len = stream_read(fd, self->stream, STREAM);
	ASSERT_LT(0, len);
	close(fd);
	self->stream[len / 2] ^= 4;
	ASSERT_EQ(0, set_state(&self->dst, VFIO_DEVICE_STATE_RESUMING, &fd));
	rc = stream_write(fd, self->stream, len);
	if (!rc)
		rc = set_state(&self->dst, VFIO_DEVICE_STATE_STOP, NULL);
	EXPECT_GT(0, rc);
	close(fd);
	ASSERT_EQ(0, ioctl(self->dst.fd, VFIO_DEVICE_RESET));
	EXPECT_EQ(0, set_state(&self->dst, VFIO_DEVICE_STATE_STOP, NULL));
	EXPECT_EQ(0, set_state(&self->dst, VFIO_DEVICE_STATE_RUNNING, NULL));
}

TEST_HARNESS_MAIN
