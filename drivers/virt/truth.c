// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ground truth: /dev/virt-truth, the log of all writes to memory while it is open.
 * virt_dma.h is the contract with its reader.
 *
 * The log is a ring. Writers append under a spinlock; when it is full they stop
 * and note the overflow, so what a reader copies is never overwritten.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "truth.h"

static uint truth_records = 1 << 20;
module_param(truth_records, uint, 0644);
MODULE_PARM_DESC(truth_records,
		 "Records that the ground truth log holds, from its next open");

/* @head and @tail count records; @tail is changed under both locks. */
static struct {
	struct mutex mutex;		/* open, read, close */
	spinlock_t lock;		/* writers, and what they see */
	struct virt_truth_rec *ring;
	u32 size;
	u64 head;
	u64 tail;
	bool overflow;
} truth = {
	.mutex = __MUTEX_INITIALIZER(truth.mutex),
	.lock = __SPIN_LOCK_UNLOCKED(truth.lock),
};

/**
 * virt_truth_begin() - The time before a write, for virt_truth_rec.begin_ns
 *
 * Return: Nanoseconds, CLOCK_MONOTONIC; 0 while nothing is logged.
 */
u64 virt_truth_begin(void)
{
	return READ_ONCE(truth.ring) ? ktime_get_ns() : 0;
}

/**
 * virt_truth_end() - Log a write
 * @rec: Filled in but for the end. One that began before the log was opened is
 *	not logged
 */
void virt_truth_end(struct virt_truth_rec *rec)
{
	u32 slot;

	if (!rec->begin_ns)
		return;
	rec->end_ns = ktime_get_ns();

	spin_lock(&truth.lock);
	if (!truth.ring || truth.overflow)
		goto out;
	if (truth.head - truth.tail == truth.size) {
		truth.overflow = true;
		goto out;
	}
	div_u64_rem(truth.head, truth.size, &slot);
	truth.ring[slot] = *rec;
	truth.head++;
out:
	spin_unlock(&truth.lock);
}

/* Copy @count records from @tail on, in one or two pieces. */
static int copy_records(char __user *buf, u64 tail, u64 count)
{
	u32 slot;
	u64 first;

	div_u64_rem(tail, truth.size, &slot);
	first = min_t(u64, count, truth.size - slot);
	if (copy_to_user(buf, &truth.ring[slot], first * sizeof(*truth.ring)) ||
	    copy_to_user(buf + first * sizeof(*truth.ring), truth.ring,
			 (count - first) * sizeof(*truth.ring)))
		return -EFAULT;
	return 0;
}

static ssize_t truth_read(struct file *file, char __user *buf, size_t len,
			  loff_t *pos)
{
	u64 count = len / sizeof(*truth.ring);
	ssize_t ret = 0;

	if (!count)
		return -EINVAL;
	if (mutex_lock_interruptible(&truth.mutex))
		return -ERESTARTSYS;

	spin_lock(&truth.lock);
	if (truth.overflow) {
		truth.overflow = false;
		truth.tail = truth.head;
		ret = -EOVERFLOW;
	}
	count = min(count, truth.head - truth.tail);
	spin_unlock(&truth.lock);

	if (!ret && count) {
		ret = copy_records(buf, truth.tail, count);
		if (!ret) {
			spin_lock(&truth.lock);
			truth.tail += count;
			spin_unlock(&truth.lock);
			ret = count * sizeof(*truth.ring);
		}
	}
	mutex_unlock(&truth.mutex);
	return ret;
}

static int truth_open(struct inode *inode, struct file *file)
{
	u32 size = READ_ONCE(truth_records);
	struct virt_truth_rec *ring;
	int ret = 0;

	if (!size)
		return -EINVAL;
	mutex_lock(&truth.mutex);
	if (truth.ring) {
		ret = -EBUSY;
		goto out;
	}
	ring = vmalloc_array(size, sizeof(*ring));
	if (!ring) {
		ret = -ENOMEM;
		goto out;
	}
	spin_lock(&truth.lock);
	truth.size = size;
	truth.head = 0;
	truth.tail = 0;
	truth.overflow = false;
	WRITE_ONCE(truth.ring, ring);
	spin_unlock(&truth.lock);
out:
	mutex_unlock(&truth.mutex);
	return ret ?: stream_open(inode, file);
}

static int truth_release(struct inode *inode, struct file *file)
{
	struct virt_truth_rec *ring;

	mutex_lock(&truth.mutex);
	spin_lock(&truth.lock);
	ring = truth.ring;
	WRITE_ONCE(truth.ring, NULL);
	spin_unlock(&truth.lock);
	vfree(ring);
	mutex_unlock(&truth.mutex);
	return 0;
}

static const struct file_operations truth_fops = {
	.owner = THIS_MODULE,
	.open = truth_open,
	.release = truth_release,
	.read = truth_read,
};

static struct miscdevice truth_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "virt-truth",
	.fops = &truth_fops,
	.mode = 0400,
};

/**
 * virt_truth_init() - Make /dev/virt-truth
 *
 * Return: 0 or an error of misc_register().
 */
int virt_truth_init(void)
{
	return misc_register(&truth_misc);
}

/**
 * virt_truth_exit() - After the bus was removed
 */
void virt_truth_exit(void)
{
	misc_deregister(&truth_misc);
}
