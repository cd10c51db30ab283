// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file that a device's state is read from: read(), poll() and
 * VFIO_MIG_GET_PRECOPY_INFO. Decides what a reader sees at each point: data, a
 * temporary end (ENOMSG), the end, or an error; save.c decides what there is.
 *
 * User memory is touched without a lock but read_lock, since what ends the session
 * can be called with locks that a page fault needs. A piece that is being copied
 * stays because of a reference, also if the session ends and the firmware loses the
 * memory meanwhile.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "buffer.h"
#include "device.h"
#include "save.h"

static size_t piece_length(const struct mlx5vf_piece *piece)
{
	return piece->head_length + piece->image_length;
}

/* Bytes at @offset of a piece, in one part of memory. */
static void *piece_at(struct mlx5vf_piece *piece, size_t offset, size_t *n)
{
	if (offset < piece->head_length) {
		*n = min(*n, piece->head_length - offset);
		return piece->head + offset;
	}
	offset -= piece->head_length;
	*n = min(*n, piece->image_length - offset);
	return mlx5vf_buffer_at(piece->buf, offset, n);
}

/* The first piece, with a reference; or NULL. */
static struct mlx5vf_piece *saver_first(struct mlx5vf_saver *s, size_t *offset)
{
	struct mlx5vf_piece *piece;

	spin_lock(&s->lock);
	piece = list_first_entry_or_null(&s->ready, struct mlx5vf_piece, link);
	if (piece) {
		kref_get(&piece->ref);
		*offset = s->offset;
	}
	spin_unlock(&s->lock);
	return piece;
}

/* So much of a piece was read. */
static void saver_consumed(struct mlx5vf_saver *s, struct mlx5vf_piece *piece, size_t n)
{
	bool put = false;

	spin_lock(&s->lock);
	if (s->dead)
		goto unlock;
	s->consumed += n;
	s->offset += n;
	if (s->offset == piece_length(piece)) {
		s->offset = 0;
		if (piece->buf) {
			list_move_tail(&piece->link, &s->used);
			s->nready--;
			/* There is room for another. */
			if (!s->ended)
				mlx5vf_saver_kick(s);
		} else {
			list_del(&piece->link);
			put = true;
		}
	}
unlock:
	spin_unlock(&s->lock);
	if (put)
		mlx5vf_piece_put(piece);
}

/* Why there is nothing to read: 0 is the end, EAGAIN not yet. Under lock. */
static int saver_nothing(const struct mlx5vf_saver *s)
{
	if (s->ended && s->consumed == s->queued)
		return 0;
	if (s->dead)
		return -ENODEV;
	if (s->error)
		return s->error;
	if (s->precopy && !s->saving)
		return -ENOMSG;
	return -EAGAIN;
}

/* 1 if there is something to read, or as above. */
static int saver_look(struct mlx5vf_saver *s)
{
	int ret;

	spin_lock(&s->lock);
	ret = list_empty(&s->ready) ? saver_nothing(s) : 1;
	spin_unlock(&s->lock);
	return ret;
}

/* Copy from the first piece; the number of bytes, 0 if there is none, or -EFAULT. */
static ssize_t saver_copy(struct mlx5vf_saver *s, char __user *data, size_t count)
{
	struct mlx5vf_piece *piece;
	size_t offset, n;
	void *from;

	piece = saver_first(s, &offset);
	if (!piece)
		return 0;
	n = min(count, piece_length(piece) - offset);
	from = piece_at(piece, offset, &n);
	if (copy_to_user(data, from, n)) {
		mlx5vf_piece_put(piece);
		return -EFAULT;
	}
	saver_consumed(s, piece, n);
	mlx5vf_piece_put(piece);
	return n;
}

static ssize_t saver_read(struct file *file, char __user *data, size_t count, loff_t *pos)
{
	struct mlx5vf_saver *s = file->private_data;
	size_t done = 0;
	ssize_t n;
	int ret;

	ret = mutex_lock_interruptible(&s->read_lock);
	if (ret)
		return ret;
	if (!(file->f_flags & O_NONBLOCK)) {
		n = wait_event_interruptible(s->wait, saver_look(s) != -EAGAIN);
		if (n)
			goto out;
	}
	n = saver_look(s);
	if (n <= 0)
		goto out;
	n = 0;
	while (done < count) {
		n = saver_copy(s, data + done, count - done);
		if (n <= 0)
			break;
		done += n;
		if (signal_pending(current))
			break;
		cond_resched();
	}
	if (done)
		n = done;
	else if (!n && count)
		/* The session ended just now. */
		n = -ENODEV;
out:
	mutex_unlock(&s->read_lock);
	return n;
}

static __poll_t saver_poll(struct file *file, struct poll_table_struct *wait)
{
	struct mlx5vf_saver *s = file->private_data;
	__poll_t events = 0;
	int ret;

	poll_wait(file, &s->wait, wait);
	ret = saver_look(s);
	/* At a temporary end one can wait for more. */
	if (ret != -EAGAIN && ret != -ENOMSG)
		events = EPOLLIN | EPOLLRDNORM;
	if (ret < 0 && events)
		events |= EPOLLERR;
	return events;
}

/*
 * How much is there to read, and how much would there be? If all was read and
 * something has changed, it is saved now. A suspended VF changes nothing, and
 * cannot be saved with tracking.
 */
static int saver_info(struct mlx5vf_saver *s, struct vfio_precopy_info *info)
{
	struct mlx5vf_device *mv = s->mv;
	struct mlx5vf_size changed = {};
	u64 unread;
	int ret;

	lockdep_assert_held(&mv->state_lock);
	if (s->dead || (mv->state != VFIO_DEVICE_STATE_PRE_COPY &&
			mv->state != VFIO_DEVICE_STATE_PRE_COPY_P2P))
		return -EINVAL;
	if (mv->state == VFIO_DEVICE_STATE_PRE_COPY) {
		ret = mlx5vf_pf_ready(mv);
		if (!ret)
			ret = mlx5vf_save_settle(mv);
		if (!ret && s->error)
			ret = s->error;
		if (!ret && !s->full)
			ret = mlx5vf_cmd_query_state(mv, true, &changed);
		if (ret)
			return ret;
	}

	spin_lock(&s->lock);
	unread = s->queued - s->consumed;
	if (s->consumed < s->initial) {
		info->initial_bytes = s->initial - s->consumed;
		unread -= info->initial_bytes;
	}
	spin_unlock(&s->lock);
	info->dirty_bytes = unread + changed.required;
	if (info->initial_bytes || unread || !changed.required)
		return 0;
	info->dirty_bytes += sizeof(struct mlx5vf_record);
	return mlx5vf_save_more(s, changed.required);
}

static long saver_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	const size_t minsz = offsetofend(struct vfio_precopy_info, dirty_bytes);
	struct mlx5vf_saver *s = file->private_data;
	void __user *user = (void __user *)arg;
	struct vfio_precopy_info info;
	u32 argsz;
	int ret;

	if (cmd != VFIO_MIG_GET_PRECOPY_INFO)
		return -ENOTTY;
	if (get_user(argsz, (u32 __user *)user))
		return -EFAULT;
	if (argsz < minsz)
		return -EINVAL;
	info = (struct vfio_precopy_info){ .argsz = argsz };
	ret = mutex_lock_killable(&s->mv->state_lock);
	if (ret)
		return ret;
	ret = saver_info(s, &info);
	mlx5vf_state_unlock(s->mv);
	if (ret)
		return ret;
	return copy_to_user(user, &info, minsz) ? -EFAULT : 0;
}

static int saver_release(struct inode *inode, struct file *file)
{
	struct mlx5vf_saver *s = file->private_data;

	mlx5vf_saver_put(s);
	return 0;
}

static const struct file_operations saver_fops = {
	.owner = THIS_MODULE,
	.read = saver_read,
	.poll = saver_poll,
	.unlocked_ioctl = saver_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = saver_release,
};

/**
 * mlx5vf_save_file - the file of a session
 * @s: the session, of which the file takes over a reference
 *
 * Return: the file or an ERR_PTR.
 */
struct file *mlx5vf_save_file(struct mlx5vf_saver *s)
{
	struct file *file = anon_inode_getfile("[mlx5vf-save]", &saver_fops, s, O_RDONLY);

	if (!IS_ERR(file))
		stream_open(file_inode(file), file);
	return file;
}
