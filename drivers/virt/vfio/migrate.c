// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migration of a virtual DMA device (virt_dma.h): its registers are the state, a few
 * hundred bytes that the device gives as one image. The states are those of the uAPI
 * with P2P and without pre-copy; each arc is a command to the device.
 *
 * The registers for that are in a BAR of the device itself, which has to decode memory
 * for them; what the user has done to that bit is put back after each command.
 */
#include <linux/anon_inodes.h>
#include <linux/delay.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../virt_dma.h"
#include "device.h"

#define TIMEOUT_MS	10000

/**
 * struct virt_vfio_stream - A data FD
 * @lock: All below
 * @image: What is read or written
 * @done: Bytes of it that were
 * @dead: The state has been left that the FD was for
 */
struct virt_vfio_stream {
	struct mutex lock;
	struct virt_dma_image image;
	size_t done;
	bool dead;
};

/* ---- The device ---- */

static void __iomem *mig_reg(struct virt_vfio_device *vv, unsigned int reg)
{
	return vv->core.barmap[VIRT_VFIO_HOST_BAR] + reg;
}

/* memory_lock keeps the user away from the bit, and its faults waiting. */
static u16 memory_begin(struct virt_vfio_device *vv)
{
	struct pci_dev *pdev = vv->core.pdev;
	u16 command;

	down_write(&vv->core.memory_lock);
	pci_read_config_word(pdev, PCI_COMMAND, &command);
	if (!(command & PCI_COMMAND_MEMORY))
		pci_write_config_word(pdev, PCI_COMMAND,
				      command | PCI_COMMAND_MEMORY);
	return command;
}

static void memory_end(struct virt_vfio_device *vv, u16 command)
{
	if (!(command & PCI_COMMAND_MEMORY))
		pci_write_config_word(vv->core.pdev, PCI_COMMAND, command);
	up_write(&vv->core.memory_lock);
}

static int wait_for_result(struct virt_vfio_device *vv)
{
	unsigned long end = jiffies + msecs_to_jiffies(TIMEOUT_MS);

	while (ioread64(mig_reg(vv, VIRT_MIG_CTRL))) {
		if (time_after(jiffies, end))
			return -ETIMEDOUT;
		usleep_range(200, 500);
	}
	switch (ioread64(mig_reg(vv, VIRT_MIG_RESULT))) {
	case VIRT_MIG_OK:
		return 0;
	case VIRT_MIG_BAD_IMAGE:
		return -EINVAL;
	default:
		return -EIO;
	}
}

/* Give a command. @image: for SAVE and LOAD. */
static int migration_command(struct virt_vfio_device *vv, u64 what,
			     struct virt_dma_image *image)
{
	u16 saved = memory_begin(vv);
	int ret;

	lockdep_assert_held(&vv->state_lock);
	if (what == VIRT_MIG_LOAD)
		memcpy_toio(mig_reg(vv, VIRT_MIG_IMAGE), image, sizeof(*image));
	iowrite64(what, mig_reg(vv, VIRT_MIG_CTRL));
	ret = wait_for_result(vv);
	if (!ret && what == VIRT_MIG_SAVE)
		memcpy_fromio(image, mig_reg(vv, VIRT_MIG_IMAGE), sizeof(*image));
	memory_end(vv, saved);
	return ret;
}

/* ---- Data FDs ---- */

static int stream_release(struct inode *inode, struct file *filp)
{
	struct virt_vfio_stream *s = filp->private_data;

	mutex_destroy(&s->lock);
	kfree(s);
	return 0;
}

/* User memory is not touched with @lock held: a reset wants it, with memory_lock. */
static ssize_t stream_read(struct file *filp, char __user *buf, size_t len,
			   loff_t *pos)
{
	struct virt_vfio_stream *s = filp->private_data;
	struct virt_dma_image copy;
	size_t from;
	bool dead;

	if (pos)
		return -ESPIPE;
	mutex_lock(&s->lock);
	dead = s->dead;
	from = s->done;
	len = min(len, sizeof(copy) - from);
	memcpy(&copy, (u8 *)&s->image + from, len);
	s->done += len;
	mutex_unlock(&s->lock);
	if (dead)
		return -ENODEV;
	return copy_to_user(buf, &copy, len) ? -EFAULT : len;
}

static ssize_t stream_write(struct file *filp, const char __user *buf,
			    size_t len, loff_t *pos)
{
	struct virt_vfio_stream *s = filp->private_data;
	struct virt_dma_image copy;
	ssize_t ret = len;

	if (pos)
		return -ESPIPE;
	if (len > sizeof(copy))
		return -EINVAL;
	if (copy_from_user(&copy, buf, len))
		return -EFAULT;
	mutex_lock(&s->lock);
	if (s->dead) {
		ret = -ENODEV;
	} else if (len > sizeof(s->image) - s->done) {
		ret = -EINVAL;
	} else {
		memcpy((u8 *)&s->image + s->done, &copy, len);
		s->done += len;
	}
	mutex_unlock(&s->lock);
	return ret;
}

static const struct file_operations save_fops = {
	.owner = THIS_MODULE,
	.read = stream_read,
	.release = stream_release,
};

static const struct file_operations load_fops = {
	.owner = THIS_MODULE,
	.write = stream_write,
	.release = stream_release,
};

/* The session's own reference to the FD is vv->data_file. */
static struct file *open_stream(struct virt_vfio_device *vv, bool saves)
{
	struct virt_vfio_stream *s = kzalloc_obj(*s, GFP_KERNEL_ACCOUNT);
	struct file *file;

	if (!s)
		return ERR_PTR(-ENOMEM);
	mutex_init(&s->lock);
	file = anon_inode_getfile("iommufd-virt-state",
				  saves ? &save_fops : &load_fops, s,
				  saves ? O_RDONLY : O_WRONLY);
	if (IS_ERR(file)) {
		kfree(s);
		return file;
	}
	stream_open(file->f_inode, file);
	vv->data_file = get_file(file);
	return file;
}

/* The data FD is at its end; the user may keep it. */
static void end_stream(struct virt_vfio_device *vv)
{
	struct virt_vfio_stream *s;

	if (!vv->data_file)
		return;
	s = vv->data_file->private_data;
	mutex_lock(&s->lock);
	s->dead = true;
	mutex_unlock(&s->lock);
	fput(vv->data_file);
	vv->data_file = NULL;
}

/* ---- States ---- */

/* Saves and loads. Return: the data FD, NULL or an error. */
static struct file *data_arc(struct virt_vfio_device *vv,
			     enum vfio_device_mig_state from,
			     enum vfio_device_mig_state to)
{
	struct virt_vfio_stream *s;
	struct file *file;
	int ret = 0;

	if (from == VFIO_DEVICE_STATE_STOP) {
		file = open_stream(vv, to == VFIO_DEVICE_STATE_STOP_COPY);
		if (IS_ERR(file) || to != VFIO_DEVICE_STATE_STOP_COPY)
			return file;
		s = file->private_data;
		ret = migration_command(vv, VIRT_MIG_SAVE, &s->image);
		if (!ret)
			return file;
		fput(file);
	} else if (from == VFIO_DEVICE_STATE_RESUMING) {
		s = vv->data_file->private_data;
		mutex_lock(&s->lock);
		/* One that was never begun can be left. */
		if (s->done == sizeof(s->image))
			ret = migration_command(vv, VIRT_MIG_LOAD, &s->image);
		else if (s->done)
			ret = -EINVAL;
		mutex_unlock(&s->lock);
	}
	if (ret && from == VFIO_DEVICE_STATE_RESUMING)
		return ERR_PTR(ret);
	end_stream(vv);
	return ERR_PTR(ret);
}

/* One arc, of those that vfio_mig_get_next_state() makes for this device. */
static struct file *take_arc(struct virt_vfio_device *vv,
			     enum vfio_device_mig_state to)
{
	enum vfio_device_mig_state from = vv->state;
	u64 what;

	if (from == VFIO_DEVICE_STATE_RUNNING &&
	    to == VFIO_DEVICE_STATE_RUNNING_P2P)
		what = VIRT_MIG_SUSPEND_DMA;
	else if (from == VFIO_DEVICE_STATE_RUNNING_P2P &&
		 to == VFIO_DEVICE_STATE_STOP)
		what = VIRT_MIG_SUSPEND_REGS;
	else if (from == VFIO_DEVICE_STATE_STOP &&
		 to == VFIO_DEVICE_STATE_RUNNING_P2P)
		what = VIRT_MIG_RESUME_REGS;
	else if (from == VFIO_DEVICE_STATE_RUNNING_P2P &&
		 to == VFIO_DEVICE_STATE_RUNNING)
		what = VIRT_MIG_RESUME_DMA;
	else
		return data_arc(vv, from, to);
	return ERR_PTR(migration_command(vv, what, NULL));
}

static void after_reset(struct virt_vfio_device *vv)
{
	vv->state = VFIO_DEVICE_STATE_RUNNING;
	end_stream(vv);
}

/* A reset that came while state_lock was held is acted upon when that is released. */
static void state_unlock(struct virt_vfio_device *vv)
{
	for (;;) {
		spin_lock(&vv->reset_lock);
		if (!vv->was_reset)
			break;
		vv->was_reset = false;
		spin_unlock(&vv->reset_lock);
		after_reset(vv);
	}
	mutex_unlock(&vv->state_lock);
	spin_unlock(&vv->reset_lock);
}

static struct file *set_state(struct vfio_device *vdev,
			      enum vfio_device_mig_state state)
{
	struct virt_vfio_device *vv = to_virt_vfio(vdev);
	enum vfio_device_mig_state next;
	struct file *file = NULL;
	int ret;

	mutex_lock(&vv->state_lock);
	while (vv->state != state) {
		/* Only a reset leads out of ERROR. */
		ret = -EINVAL;
		if (vv->state != VFIO_DEVICE_STATE_ERROR)
			ret = vfio_mig_get_next_state(vdev, vv->state, state,
						      &next);
		if (ret) {
			file = ERR_PTR(ret);
			break;
		}
		file = take_arc(vv, next);
		if (IS_ERR(file)) {
			/* The device has not said what it did. */
			if (PTR_ERR(file) == -ETIMEDOUT ||
			    vv->state == VFIO_DEVICE_STATE_RESUMING) {
				vv->state = VFIO_DEVICE_STATE_ERROR;
				end_stream(vv);
			}
			break;
		}
		vv->state = next;
		/* Only the last arc has a data FD. */
		if (file && WARN_ON(state != vv->state)) {
			fput(file);
			file = ERR_PTR(-EINVAL);
			break;
		}
	}
	state_unlock(vv);
	return file;
}

static int get_state(struct vfio_device *vdev, enum vfio_device_mig_state *state)
{
	struct virt_vfio_device *vv = to_virt_vfio(vdev);

	mutex_lock(&vv->state_lock);
	*state = vv->state;
	state_unlock(vv);
	return 0;
}

static int get_data_size(struct vfio_device *vdev, unsigned long *length)
{
	*length = sizeof(struct virt_dma_image);
	return 0;
}

static const struct vfio_migration_ops migration_ops = {
	.migration_set_state = set_state,
	.migration_get_state = get_state,
	.migration_get_data_size = get_data_size,
};

/**
 * virt_vfio_migrate_init() - The device can migrate
 * @vv: The device, not registered yet
 */
void virt_vfio_migrate_init(struct virt_vfio_device *vv)
{
	struct vfio_device *vdev = &vv->core.vdev;

	mutex_init(&vv->state_lock);
	spin_lock_init(&vv->reset_lock);
	vdev->migration_flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P;
	vdev->mig_ops = &migration_ops;
}

/**
 * virt_vfio_migrate_open() - The device was opened, which has reset it
 * @vv: The device, enabled
 *
 * Return: 0; -ENODEV when it has no registers to migrate with; or -errno.
 */
int virt_vfio_migrate_open(struct virt_vfio_device *vv)
{
	void __iomem *bar = vfio_pci_core_get_iomap(&vv->core, VIRT_VFIO_HOST_BAR);
	u64 id;

	if (IS_ERR(bar))
		return PTR_ERR(bar);
	id = ioread64(mig_reg(vv, VIRT_MIG_ID));
	if (id != VIRT_MIG_MAGIC) {
		pci_err(vv->core.pdev, "BAR %u has no registers for migration\n",
			VIRT_VFIO_HOST_BAR);
		return -ENODEV;
	}
	mutex_lock(&vv->state_lock);
	vv->was_reset = true;
	state_unlock(vv);
	return 0;
}

/**
 * virt_vfio_migrate_close() - The device is about to be closed and reset
 * @vv: The device
 */
void virt_vfio_migrate_close(struct virt_vfio_device *vv)
{
	mutex_lock(&vv->state_lock);
	end_stream(vv);
	state_unlock(vv);
}

/**
 * virt_vfio_migrate_reset() - The device was reset
 * @vv: The device; memory_lock may be held, with which state_lock is not waited for
 */
void virt_vfio_migrate_reset(struct virt_vfio_device *vv)
{
	spin_lock(&vv->reset_lock);
	vv->was_reset = true;
	if (!mutex_trylock(&vv->state_lock)) {
		spin_unlock(&vv->reset_lock);
		return;
	}
	spin_unlock(&vv->reset_lock);
	state_unlock(vv);
}
