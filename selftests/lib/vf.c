// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VF of the virtual ConnectX: opened through vfio, driven by its registers,
 * migrated through VFIO_DEVICE_FEATURE. What the registers mean is
 * in virt_connectx.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <linux/vfio_mig_precopy.h>

#include "cdev.h"
#include "feature.h"
#include "sysfs.h"
#include "vf.h"

#define PF_DEVFN	0x80	/* 10.0 */
/* How long a device may take to see a write to CTRL, in ms. */
#define DOORBELL_MS	10000
#define MAX_IRQS	8

static int call(const struct vf *vf, unsigned long request, void *arg)
{
	return ioctl(vf->fd, request, arg) < 0 ? -errno : 0;
}

static int pf_write(const char *pf, const char *attribute, const char *value)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", pf,
		 attribute);
	return sysfs_write(path, value);
}

static int create(const char *pf, unsigned int count)
{
	char text[16];
	int rc;

	rc = pf_write(pf, "sriov_drivers_autoprobe", "0");
	if (!rc)
		rc = pf_write(pf, "sriov_numvfs", "0");
	if (rc || !count)
		return rc;
	snprintf(text, sizeof(text), "%u", count);
	return pf_write(pf, "sriov_numvfs", text);
}

/**
 * vf_pf_write() - Write an attribute of the physical function
 * @attribute: Its name
 * @value: The string
 *
 * Return: 0, or -errno.
 */
int vf_pf_write(const char *attribute, const char *value)
{
	return pf_write(VF_PF, attribute, value);
}

/**
 * vf_create() - Have the PF make VFs that no driver probes; those there are go
 * @count: How many; 0 for none
 *
 * Return: 0, or -errno.
 */
int vf_create(unsigned int count)
{
	return create(VF_PF, count);
}

/** vf_create_second() - The same for the PF of the second device */
int vf_create_second(unsigned int count)
{
	return create(VF_PF_SECOND, count);
}

/**
 * vf_address() - PCI address of a VF
 * @n: Number of the VF, from 1; from VF_SECOND + 1 on, of the second device
 * @name: The address
 * @len: Room at @name in bytes
 */
void vf_address(unsigned int n, char *name, size_t len)
{
	unsigned int devfn = PF_DEVFN + n;

	snprintf(name, len, "0010:00:%02x.%x", devfn >> 3, devfn & 7);
}

static int region(struct vf *vf, __u32 index, struct vfio_region_info *info)
{
	*info = (struct vfio_region_info){ .argsz = sizeof(*info),
					   .index = index };
	return call(vf, VFIO_DEVICE_GET_REGION_INFO, info);
}

static int use_vf(struct vf *vf)
{
	struct vfio_region_info info;
	int rc;

	rc = region(vf, VFIO_PCI_CONFIG_REGION_INDEX, &info);
	if (rc)
		return rc;
	vf->config = (off_t)info.offset;
	rc = vf_bus_master(vf, true);
	if (!rc)
		rc = cdev_map_bar0(vf->fd, &vf->bar, &vf->bar_size);
	if (rc)
		return rc;
	vf->reg = (volatile __u64 *)((char *)vf->bar + VIRT_CX_OFFSET);
	return vf_read(vf, VIRT_CX_ID) == VIRT_CX_MAGIC ? 0 : -ENODEV;
}

/**
 * vf_open() - Open a VF, ready to be attached
 * @vf: Filled in
 * @iommufd: To bind it to; must stay open as long as the VF
 * @name: PCI address
 * @driver: That is to have it
 *
 * Binds the VF to the driver if it is not, and enables bus mastering.
 *
 * Return: 0, or -errno: ENXIO the driver did not take it, or has no character
 * device; ENODEV it is no VF of the virtual ConnectX.
 */
int vf_open(struct vf *vf, int iommufd, const char *name, const char *driver)
{
	int rc;

	*vf = (struct vf){ .fd = -1, .bar = MAP_FAILED };
	snprintf(vf->name, sizeof(vf->name), "%s", name);
	rc = sysfs_pci_bind(name, driver);
	if (!rc)
		rc = cdev_open(name, iommufd, &vf->fd, &vf->dev_id);
	if (!rc)
		rc = use_vf(vf);
	if (rc)
		vf_close(vf);
	return rc;
}

/**
 * vf_close() - Close a VF; the kernel detaches and resets it
 * @vf: From vf_open(); one that is closed already is left alone
 *
 * The map of the BAR holds the device open as well as its descriptor.
 */
void vf_close(struct vf *vf)
{
	if (vf->fd < 0)
		return;
	if (vf->bar != MAP_FAILED)
		munmap(vf->bar, vf->bar_size);
	close(vf->fd);
	vf->bar = MAP_FAILED;
	vf->fd = -1;
}

/**
 * vf_attach() - Attach to an IOAS or an HWPT
 * @vf: The VF
 * @pt_id: The IOAS or HWPT
 *
 * Return: 0, or -errno.
 */
int vf_attach(struct vf *vf, __u32 pt_id)
{
	return cdev_attach(vf->fd, pt_id, NULL);
}

/**
 * vf_reset() - VFIO_DEVICE_RESET
 * @vf: The VF; its generator stops, bus mastering stays
 *
 * Return: 0, or -errno.
 */
int vf_reset(struct vf *vf)
{
	return call(vf, VFIO_DEVICE_RESET, NULL);
}

/**
 * vf_bus_master() - Allow or forbid DMA and interrupts in the command register
 * @vf: The VF
 * @enable: Allow
 *
 * Return: 0, or -EIO.
 */
int vf_bus_master(struct vf *vf, bool enable)
{
	__u16 command = PCI_COMMAND_MEMORY | (enable ? PCI_COMMAND_MASTER : 0);

	return pwrite(vf->fd, &command, sizeof(command),
		      vf->config + PCI_COMMAND) == sizeof(command) ? 0 : -EIO;
}

/**
 * vf_irqs() - VFIO_DEVICE_SET_IRQS of the first MSI-X vectors
 * @vf: The VF
 * @eventfds: One for each vector
 * @count: How many; 0 turns MSI-X off
 *
 * Return: 0, or -errno.
 */
int vf_irqs(struct vf *vf, const int *eventfds, unsigned int count)
{
	struct {
		struct vfio_irq_set set;
		__s32 fds[MAX_IRQS];
	} cmd = {
		.set = {
			.argsz = sizeof(cmd.set) + count * sizeof(__s32),
			.flags = VFIO_IRQ_SET_ACTION_TRIGGER |
				 (count ? VFIO_IRQ_SET_DATA_EVENTFD :
					  VFIO_IRQ_SET_DATA_NONE),
			.index = VFIO_PCI_MSIX_IRQ_INDEX,
			.count = count,
		},
	};

	if (count > MAX_IRQS)
		return -EINVAL;
	if (count)
		memcpy(cmd.fds, eventfds, count * sizeof(__s32));
	return call(vf, VFIO_DEVICE_SET_IRQS, &cmd);
}

/**
 * vf_read() - Read a register of the generator
 * @vf: The VF
 * @reg: VIRT_CX_*, in bytes
 *
 * Return: Its value.
 */
__u64 vf_read(const struct vf *vf, unsigned int reg)
{
	__u64 value = vf->reg[reg / sizeof(*vf->reg)];

	__sync_synchronize();
	return value;
}

/**
 * vf_write() - Write a register of the generator
 * @vf: The VF
 * @reg: VIRT_CX_*, in bytes
 * @value: To write
 */
void vf_write(const struct vf *vf, unsigned int reg, __u64 value)
{
	__sync_synchronize();
	vf->reg[reg / sizeof(*vf->reg)] = value;
	__sync_synchronize();
}

/* A command is taken when the device has made CTRL read as 0. */
static int doorbell(struct vf *vf, __u64 command)
{
	unsigned int ms;

	vf_write(vf, VIRT_CX_CTRL, command);
	for (ms = 0; ms < DOORBELL_MS; ms++) {
		if (!vf_read(vf, VIRT_CX_CTRL))
			return 0;
		usleep(1000);
	}
	return -ETIMEDOUT;
}

/**
 * vf_stop() - Stop the generator; when it returns, nothing is in flight
 * @vf: The VF, RUNNING
 *
 * Return: 0, or -errno.
 */
int vf_stop(struct vf *vf)
{
	return doorbell(vf, VIRT_CX_CTRL_STOP);
}

/**
 * vf_start() - Stop the generator, and let it begin with write number 0
 * @vf: The VF, RUNNING
 * @job: What to do
 *
 * Return: 0, or -errno.
 */
int vf_start(struct vf *vf, const struct vf_job *job)
{
	int rc;

	/* Else it writes POSITION, too */
	if (vf_read(vf, VIRT_CX_STATUS) & VIRT_CX_STATUS_RUNNING) {
		rc = vf_stop(vf);
		if (rc)
			return rc;
	}
	vf_write(vf, VIRT_CX_BASE, job->base);
	vf_write(vf, VIRT_CX_LENGTH, job->length);
	vf_write(vf, VIRT_CX_UNIT, job->unit);
	vf_write(vf, VIRT_CX_RATE, job->rate);
	vf_write(vf, VIRT_CX_KEY, job->key);
	vf_write(vf, VIRT_CX_POSITION, 0);
	vf_write(vf, VIRT_CX_END, job->end);
	vf_write(vf, VIRT_CX_IRQ, job->irq);
	rc = doorbell(vf, VIRT_CX_CTRL_START);
	if (!rc && vf_read(vf, VIRT_CX_STATUS) & VIRT_CX_STATUS_FAULT)
		rc = -EINVAL;
	return rc;
}

/**
 * vf_set_up() - Stop the generator, and let it continue where it was
 * @vf: The VF, RUNNING or PRE_COPY
 *
 * A driver that sets the function up again does this, so all of its state may be new.
 *
 * Return: 0, or -errno.
 */
int vf_set_up(struct vf *vf)
{
	int rc = vf_stop(vf);

	return rc ? rc : doorbell(vf, VIRT_CX_CTRL_START);
}

/**
 * vf_wrong() - How many words of a sequence are not in memory as they should be
 * @memory: What lies at @job->base
 * @job: What wrote to it
 * @position: How many writes were made; of a word that was written more than once,
 *	the last counts
 *
 * Return: How many.
 */
__u64 vf_wrong(const void *memory, const struct vf_job *job, __u64 position)
{
	__u64 words = job->length / sizeof(__u64), wrong = 0, n;

	for (n = position > words ? position - words : 0; n < position; n++) {
		__u64 at = virt_connectx_offset(job->length, job->unit, n);
		__u64 word;

		memcpy(&word, (const char *)memory + at, sizeof(word));
		wrong += word != virt_dma_value(job->key, n, job->base + at);
	}
	return wrong;
}

/* ---- VFIO_DEVICE_FEATURE --------------------------------------------------- */

/**
 * vf_set_state() - Set the migration state
 * @vf: The VF
 * @state: Where to
 * @data_fd: Set to the data FD if there is a new one, else to -1; may be NULL,
 *	and then it is closed
 *
 * Return: 0, or -errno.
 */
int vf_set_state(struct vf *vf, enum vfio_device_mig_state state, int *data_fd)
{
	struct vfio_device_feature_mig_state cmd = { .device_state = state,
						     .data_fd = -1 };
	int rc = vfio_feature(vf->fd, VFIO_DEVICE_FEATURE_SET |
			      VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, &cmd,
			      sizeof(cmd));

	if (rc)
		cmd.data_fd = -1;
	if (data_fd)
		*data_fd = cmd.data_fd;
	else if (cmd.data_fd >= 0)
		close(cmd.data_fd);
	return rc;
}

/**
 * vf_get_state() - The migration state
 * @vf: The VF
 *
 * Return: enum vfio_device_mig_state, or -errno.
 */
int vf_get_state(struct vf *vf)
{
	struct vfio_device_feature_mig_state cmd = {};
	int rc = vfio_feature(vf->fd, VFIO_DEVICE_FEATURE_GET |
			      VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, &cmd,
			      sizeof(cmd));

	return rc ? rc : (int)cmd.device_state;
}

/**
 * vf_migration_flags() - Which migration states there are
 * @vf: The VF
 * @flags: VFIO_MIGRATION_*
 *
 * Return: 0, or -errno.
 */
int vf_migration_flags(struct vf *vf, __u64 *flags)
{
	struct vfio_device_feature_migration cmd = {};
	int rc = vfio_feature(vf->fd, VFIO_DEVICE_FEATURE_GET |
			      VFIO_DEVICE_FEATURE_MIGRATION, &cmd,
			      sizeof(cmd));

	*flags = cmd.flags;
	return rc;
}

/**
 * vf_data_size() - How much would have to be moved if it were stopped now?
 * @vf: The VF
 * @size: An estimate, in bytes
 *
 * Return: 0, or -errno.
 */
int vf_data_size(struct vf *vf, __u64 *size)
{
	struct vfio_device_feature_mig_data_size cmd = {};
	int rc = vfio_feature(vf->fd, VFIO_DEVICE_FEATURE_GET |
			      VFIO_DEVICE_FEATURE_MIG_DATA_SIZE, &cmd,
			      sizeof(cmd));

	*size = cmd.stop_copy_length;
	return rc;
}

/**
 * vf_state_name() - A migration state in words
 * @state: enum vfio_device_mig_state, or -errno
 *
 * Return: A name, which is never freed.
 */
const char *vf_state_name(int state)
{
	static const char * const names[VF_STATES] = {
		[VFIO_DEVICE_STATE_ERROR] = "ERROR",
		[VFIO_DEVICE_STATE_STOP] = "STOP",
		[VFIO_DEVICE_STATE_RUNNING] = "RUNNING",
		[VFIO_DEVICE_STATE_STOP_COPY] = "STOP_COPY",
		[VFIO_DEVICE_STATE_RESUMING] = "RESUMING",
		[VFIO_DEVICE_STATE_RUNNING_P2P] = "RUNNING_P2P",
		[VFIO_DEVICE_STATE_PRE_COPY] = "PRE_COPY",
		[VFIO_DEVICE_STATE_PRE_COPY_P2P] = "PRE_COPY_P2P",
	};

	return state >= 0 && state < VF_STATES ? names[state] : "unknown";
}

/**
 * vf_precopy_again() - Be told in pre-copy when there is initial data again
 * @vf: The VF
 *
 * From then on, flags of struct vfio_precopy_info are valid.
 *
 * Return: 0, or -errno: ENOTTY the kernel is older than 7.1, and the driver is not ours.
 */
int vf_precopy_again(struct vf *vf)
{
	return vfio_feature(vf->fd, VFIO_DEVICE_FEATURE_SET |
			    VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2, NULL, 0);
}

/**
 * vf_precopy_info() - VFIO_MIG_GET_PRECOPY_INFO
 * @data_fd: Of a saving state
 * @info: Filled in
 *
 * Return: 0, or -errno.
 */
int vf_precopy_info(int data_fd, struct vfio_precopy_info *info)
{
	*info = (struct vfio_precopy_info){ .argsz = sizeof(*info) };
	return ioctl(data_fd, VFIO_MIG_GET_PRECOPY_INFO, info) < 0 ? -errno : 0;
}

/**
 * vf_stream_read() - Read the device's state as far as it goes
 * @data_fd: Of a saving state
 * @to: Where to
 * @room: Bytes there
 * @end: Why it ended: 0 all was read, ENOSPC @room is full, ENOMSG the temporary
 *	end of pre-copy, or another errno
 *
 * Return: Bytes read.
 */
ssize_t vf_stream_read(int data_fd, void *to, size_t room, int *end)
{
	size_t done = 0;
	ssize_t n;

	*end = ENOSPC;
	while (done < room) {
		n = read(data_fd, (char *)to + done, room - done);
		if (n <= 0) {
			*end = n ? errno : 0;
			break;
		}
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/**
 * vf_stream_write() - Write state to a device
 * @data_fd: Of RESUMING
 * @from: The stream, or a part of it
 * @length: Bytes of it
 *
 * Return: 0, or -errno.
 */
int vf_stream_write(int data_fd, const void *from, size_t length)
{
	size_t done = 0;
	ssize_t n;

	while (done < length) {
		n = write(data_fd, (const char *)from + done, length - done);
		if (n < 0)
			return -errno;
		done += (size_t)n;
	}
	return 0;
}
