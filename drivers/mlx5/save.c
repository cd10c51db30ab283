// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data session of the saving states, the firmware's side: decides what firmware
 * saves, with how much memory, and what becomes of its answers. queue.c is
 * the reader's side.
 *
 * There is at most one SAVE at a time. Its answer is acted upon under state_lock, by
 * the work or by an arc that waits for it. Then the reader gets the image, and if
 * firmware has more, the next SAVE is given, unless the reader is two images behind
 * already; it then follows when one was read.
 *
 * A session that ends while firmware is writing to a buffer abandons the command
 * (cmd.c), and the work frees the buffer when the answer has come.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/vfio_mig_precopy.h>

#include "buffer.h"
#include "cmd.h"
#include "compat.h"
#include "device.h"
#include "feature.h"
#include "pool.h"
#include "queue.h"
#include "save.h"

/* Size of a chunk, where firmware saves the state in chunks and accepts this size. */
#define CHUNK_SIZE	SZ_8M
/* How many images wait to be read before firmware makes another. */
#define MAX_READY	2

/* What a SAVE command is for. */
enum mlx5vf_save_kind {
	MLX5VF_SAVE_TRACK,	/* pre-copy: from now on, track what changes */
	MLX5VF_SAVE_FINAL,	/* of a stopped VF: the rest, maybe in chunks */
	MLX5VF_SAVE_CLEANUP,	/* end the tracking; the data is of no use */
};

/**
 * struct mlx5vf_saver - The session; all but @queue is under state_lock
 * @base: What all sessions have
 * @memcg: Who is charged for what the work allocates, or NULL
 * @cmd: The SAVE of which the answer was not acted upon, or NULL
 * @kind: What it is for
 * @piece: Where firmware puts the data
 * @next: Firmware has more, and wants a buffer of so many bytes for it
 * @full: The last SAVE must be of everything, since pre-copy failed
 * @pool: Pieces to be filled
 * @queue: What waits to be read
 */
struct mlx5vf_saver {
	struct mlx5vf_session base;
	struct mem_cgroup *memcg;
	struct mlx5vf_cmd *cmd;
	enum mlx5vf_save_kind kind;
	struct mlx5vf_piece *piece;
	size_t next;
	bool full;
	struct mlx5vf_pool pool;
	struct mlx5vf_queue queue;
};

static struct mlx5vf_saver *to_saver(struct mlx5vf_session *base)
{
	return container_of(base, struct mlx5vf_saver, base);
}

/* The session of a VF in a saving state; or NULL. */
static struct mlx5vf_saver *saver_of(struct mlx5vf_device *mv)
{
	lockdep_assert_held(&mv->state_lock);
	switch (mv->state) {
	case VFIO_DEVICE_STATE_PRE_COPY:
	case VFIO_DEVICE_STATE_PRE_COPY_P2P:
	case VFIO_DEVICE_STATE_STOP_COPY:
		return mv->session ? to_saver(mv->session) : NULL;
	default:
		return NULL;
	}
}

/* There will be no more data; the VF itself is as it was. */
static void saver_fail(struct mlx5vf_saver *s, int error, const char *why)
{
	dev_err_ratelimited(mlx5vf_dev(s->base.mv), "saving the device's state failed: %s (error %d)\n",
			    why, error);
	mlx5vf_queue_fail(&s->queue, mlx5vf_final_error(error));
}

/* A piece with a buffer of so many bytes at least, mapped; or an ERR_PTR. */
static struct mlx5vf_piece *saver_buffer(struct mlx5vf_saver *s, size_t size)
{
	mlx5vf_queue_reuse(&s->queue, &s->pool.idle);
	return mlx5vf_pool_get(&s->pool, size);
}

/* ---- SAVE commands and their answers ---- */

/* Possibly in an interrupt. The work takes over the command's reference. */
static void saver_answered(void *owner)
{
	struct mlx5vf_saver *s = owner;

	if (!queue_work(s->base.mv->wq, &s->base.work))
		mlx5vf_session_put(&s->base);
}

/*
 * Give a SAVE command; none is under way. The piece is the session's from here on.
 * @incremental: only what has changed, or has not been saved.
 */
static int saver_issue(struct mlx5vf_saver *s, struct mlx5vf_piece *piece, bool incremental,
		       enum mlx5vf_save_kind kind)
{
	u32 in[MLX5_ST_SZ_DW(save_vhca_state_in)] = {};
	struct mlx5vf_device *mv = s->base.mv;
	struct mlx5vf_result result;
	struct mlx5vf_cmd *cmd;

	lockdep_assert_held(&mv->state_lock);
	MLX5_SET(save_vhca_state_in, in, opcode, MLX5_CMD_OP_SAVE_VHCA_STATE);
	MLX5_SET(save_vhca_state_in, in, incremental, incremental);
	MLX5_SET(save_vhca_state_in, in, set_track, kind == MLX5VF_SAVE_TRACK);
	MLX5_SET(save_vhca_state_in, in, vhca_id, mv->vhca_id);
	MLX5_SET(save_vhca_state_in, in, mkey, piece->buf->mkey);
	MLX5_SET(save_vhca_state_in, in, size, mlx5vf_buffer_size(piece->buf));

	cmd = mlx5vf_cmd_alloc(mv, "SAVE_VHCA_STATE", MLX5_ST_SZ_BYTES(save_vhca_state_out));
	if (!cmd) {
		mlx5vf_pool_put(&s->pool, piece);
		return -ENOMEM;
	}
	cmd->done = saver_answered;
	cmd->owner = s;
	mlx5vf_buffer_for_device(mv, piece->buf);
	mlx5vf_queue_expect(&s->queue, true);
	kref_get(&s->base.ref);
	result = mlx5vf_cmd_give(cmd, in, sizeof(in));
	if (result.err) {
		mlx5vf_session_put(&s->base);
		mlx5vf_queue_expect(&s->queue, false);
		mlx5vf_pool_put(&s->pool, piece);
		mlx5vf_cmd_put(cmd);
		return result.err;
	}
	s->cmd = cmd;
	s->piece = piece;
	s->kind = kind;
	s->next = 0;
	return 0;
}

/* Ask how much there is, and have it saved. */
static int saver_ask_and_issue(struct mlx5vf_saver *s, bool ask_incremental, bool incremental,
			       enum mlx5vf_save_kind kind)
{
	struct mlx5vf_piece *piece;
	struct mlx5vf_size size;
	int ret;

	ret = mlx5vf_cmd_query_state(s->base.mv, ask_incremental, &size);
	if (ret)
		return ret;
	piece = saver_buffer(s, size.required);
	if (IS_ERR(piece))
		return PTR_ERR(piece);
	return saver_issue(s, piece, incremental, kind);
}

/* Firmware has more to say: ask it to, if the reader keeps up. */
static void saver_next(struct mlx5vf_saver *s)
{
	struct mlx5vf_piece *piece;
	int ret;

	if (s->cmd || !s->next || mlx5vf_queue_error(&s->queue) ||
	    mlx5vf_queue_images(&s->queue) >= MAX_READY)
		return;
	ret = mlx5vf_pf_ready(s->base.mv);
	if (ret) {
		saver_fail(s, ret, "the firmware cannot be asked for more");
		return;
	}
	piece = saver_buffer(s, s->next);
	if (IS_ERR(piece)) {
		saver_fail(s, PTR_ERR(piece), "no buffer for the next part");
		return;
	}
	/* Of this save, what has not been saved. */
	ret = saver_issue(s, piece, true, MLX5VF_SAVE_FINAL);
	if (ret)
		saver_fail(s, ret, "SAVE_VHCA_STATE could not be given");
}

/* Firmware has filled a piece. */
static void saver_take_image(struct mlx5vf_saver *s, struct mlx5vf_piece *piece,
			     const void *out)
{
	size_t length = MLX5_GET(save_vhca_state_out, out, actual_image_size);
	size_t next = MLX5_GET(save_vhca_state_out, out, next_required_umem_size);
	bool last;
	int ret = 0;

	if (length > mlx5vf_buffer_size(piece->buf) || next > MLX5VF_MAX_IMAGE) {
		mlx5vf_pool_put(&s->pool, piece);
		saver_fail(s, -EIO, "the firmware says that an image is larger than can be");
		return;
	}
	mlx5vf_buffer_for_cpu(s->base.mv, piece->buf);
	if (length)
		mlx5vf_queue_image(&s->queue, piece, length);
	else
		mlx5vf_pool_put(&s->pool, piece);
	if (s->kind == MLX5VF_SAVE_FINAL && s->base.mv->chunks)
		s->next = next;
	last = s->kind == MLX5VF_SAVE_FINAL && !s->next;
	if (last)
		ret = mlx5vf_queue_end(&s->queue);
	if (ret)
		saver_fail(s, ret, "no memory for the end of the data");
	else
		mlx5vf_queue_expect(&s->queue, s->next);
}

/* A SAVE failed. What failed in pre-copy can be saved later, but then in full. */
static void saver_failed(struct mlx5vf_saver *s, struct mlx5vf_result result)
{
	if (s->kind == MLX5VF_SAVE_TRACK && mlx5vf_refused_state(result)) {
		dev_warn_ratelimited(mlx5vf_dev(s->base.mv), "the firmware cannot track the device's state now; all of it will be saved when the device is stopped\n");
		s->full = true;
		mlx5vf_queue_expect(&s->queue, false);
		return;
	}
	saver_fail(s, result.err, "SAVE_VHCA_STATE failed");
}

/* Act upon an answer, if there is one. */
static void saver_reap(struct mlx5vf_saver *s)
{
	struct mlx5vf_piece *piece = s->piece;
	struct mlx5vf_cmd *cmd = s->cmd;
	struct mlx5vf_result result;

	lockdep_assert_held(&s->base.mv->state_lock);
	if (!cmd || !mlx5vf_cmd_is_answered(cmd))
		return;
	s->cmd = NULL;
	s->piece = NULL;
	if (s->base.dead) {
		mlx5vf_pool_put(&s->pool, piece);
		mlx5vf_cmd_put(cmd);
		return;
	}
	result = mlx5vf_cmd_result(cmd);
	if (!result.err && s->kind != MLX5VF_SAVE_CLEANUP) {
		saver_take_image(s, piece, cmd->out);
	} else {
		mlx5vf_pool_put(&s->pool, piece);
		if (result.err)
			saver_failed(s, result);
	}
	mlx5vf_cmd_put(cmd);
}

static void saver_work(struct work_struct *work)
{
	struct mlx5vf_saver *s = to_saver(container_of(work, struct mlx5vf_session, work));
	struct mlx5vf_device *mv = s->base.mv;
	struct mem_cgroup *memcg;

	mutex_lock(&mv->state_lock);
	memcg = set_active_memcg(s->memcg);
	saver_reap(s);
	if (!s->base.dead)
		saver_next(s);
	mlx5vf_session_release(&s->base);
	set_active_memcg(memcg);
	mlx5vf_state_unlock(mv);
	mlx5vf_session_put(&s->base);
}

/* An image was read. Under the queue's lock, and the session is not over. */
static void saver_room(struct mlx5vf_queue *q)
{
	mlx5vf_session_kick(&container_of(q, struct mlx5vf_saver, queue)->base);
}

static int saver_settle(struct mlx5vf_saver *s)
{
	if (!s->cmd)
		return 0;
	if (mlx5vf_cmd_wait(s->cmd))
		return -EBUSY;
	saver_reap(s);
	return 0;
}

/* ---- The session ends ---- */

static void saver_end(struct mlx5vf_session *base)
{
	struct mlx5vf_saver *s = to_saver(base);

	mlx5vf_queue_die(&s->queue, &s->pool.idle);
	if (s->cmd)
		mlx5vf_cmd_abandon(s->cmd);
}

static bool saver_is_busy(struct mlx5vf_session *base)
{
	struct mlx5vf_saver *s = to_saver(base);

	saver_reap(s);
	return s->cmd;
}

static void saver_release(struct mlx5vf_session *base)
{
	struct mlx5vf_saver *s = to_saver(base);

	mlx5vf_pool_drain(&s->pool);
	mlx5_core_dealloc_pd(base->mv->mdev, base->pd);
}

static void saver_free(struct mlx5vf_session *base)
{
	struct mlx5vf_saver *s = to_saver(base);

	mem_cgroup_put(s->memcg);
	kfree(s);
}

static const struct mlx5vf_session_ops saver_ops = {
	.end = saver_end,
	.release = saver_release,
	.is_busy = saver_is_busy,
	.free = saver_free,
};

/* ---- The file ---- */

static ssize_t saver_fop_read(struct file *file, char __user *data, size_t count, loff_t *pos)
{
	struct mlx5vf_saver *s = file->private_data;

	return mlx5vf_queue_read(&s->queue, file, data, count);
}

static __poll_t saver_fop_poll(struct file *file, struct poll_table_struct *wait)
{
	struct mlx5vf_saver *s = file->private_data;

	return mlx5vf_queue_poll(&s->queue, file, wait);
}

/* Save what changed, in pre-copy; no SAVE is under way. */
static int saver_more(struct mlx5vf_saver *s, size_t size)
{
	struct mlx5vf_piece *piece = saver_buffer(s, size);
	int ret;

	ret = PTR_ERR_OR_ZERO(piece);
	if (!ret)
		ret = saver_issue(s, piece, true, MLX5VF_SAVE_TRACK);
	if (ret)
		saver_fail(s, ret, "what changed cannot be saved");
	return ret;
}

/*
 * The device has initial data again. What was not read is in front of it, so it counts as
 * such. It is saved now, unless the reader is behind; then this is said again.
 */
static int saver_reinit(struct mlx5vf_saver *s, size_t required, struct vfio_precopy_info *info)
{
	u64 initial;

	info->flags |= VFIO_PRECOPY_INFO_REINIT;
	info->initial_bytes = mlx5vf_queue_unread(&s->queue, &initial) + required +
			      MLX5VF_IMAGE_HEAD + MLX5VF_IMAGE_TAIL;
	info->dirty_bytes = 0;
	if (mlx5vf_queue_images(&s->queue) >= MAX_READY)
		return 0;
	mlx5vf_queue_reinit(&s->queue);
	return saver_more(s, required);
}

/*
 * How much is there to read, and how much would there be? If all was read and
 * something has changed, it is saved now. A suspended VF changes nothing, and
 * cannot be saved with tracking.
 */
static int saver_info(struct mlx5vf_saver *s, struct vfio_precopy_info *info)
{
	struct mlx5vf_device *mv = s->base.mv;
	struct mlx5vf_size changed = {};
	u64 unread, initial;
	int ret;

	if (s->base.dead || (mv->state != VFIO_DEVICE_STATE_PRE_COPY &&
			     mv->state != VFIO_DEVICE_STATE_PRE_COPY_P2P))
		return -EINVAL;
	/* What is being saved is initial data, and its size is known when it is. */
	ret = mlx5vf_pf_ready(mv);
	if (!ret)
		ret = saver_settle(s);
	if (!ret)
		ret = mlx5vf_queue_error(&s->queue);
	if (!ret && mv->state == VFIO_DEVICE_STATE_PRE_COPY && !s->full)
		ret = mlx5vf_cmd_query_state(mv, true, &changed);
	if (ret)
		return ret;

	if (changed.initial && changed.required && mlx5vf_feature_reinit(mv))
		return saver_reinit(s, changed.required, info);
	unread = mlx5vf_queue_unread(&s->queue, &initial);
	info->initial_bytes = initial;
	info->dirty_bytes = unread - initial + changed.required;
	if (unread || !changed.required)
		return 0;
	info->dirty_bytes += MLX5VF_IMAGE_HEAD + MLX5VF_IMAGE_TAIL;
	return saver_more(s, changed.required);
}

static long saver_fop_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
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
	ret = mlx5vf_state_lock(s->base.mv);
	if (ret)
		return ret;
	ret = saver_info(s, &info);
	mlx5vf_state_unlock(s->base.mv);
	if (ret)
		return ret;
	return copy_to_user(user, &info, minsz) ? -EFAULT : 0;
}

static int saver_fop_release(struct inode *inode, struct file *file)
{
	struct mlx5vf_saver *s = file->private_data;

	mlx5vf_session_put(&s->base);
	return 0;
}

static const struct file_operations saver_fops = {
	.owner = THIS_MODULE,
	.read = saver_fop_read,
	.poll = saver_fop_poll,
	.unlocked_ioctl = saver_fop_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = saver_fop_release,
};

/* ---- What the arcs do ---- */

static struct mlx5vf_saver *saver_alloc(struct mlx5vf_device *mv, bool precopy)
{
	struct mlx5vf_saver *s = kzalloc_obj(*s, GFP_KERNEL_ACCOUNT);

	if (!s)
		return NULL;
	mlx5vf_session_init(&s->base, mv, &saver_ops, saver_work);
	mlx5vf_pool_init(&s->pool, mv);
	mlx5vf_queue_init(&s->queue, saver_room);
	s->queue.precopy = precopy;
	s->memcg = get_mem_cgroup_from_mm(current->mm);
	return s;
}

/* How large buffers are, and how many are made beside the first. */
static unsigned int choose_buffers(struct mlx5vf_saver *s, const struct mlx5vf_size *size,
				   bool precopy)
{
	size_t required = max_t(size_t, size->required, PAGE_SIZE);

	if (s->base.mv->chunks) {
		s->pool.chunk = max_t(size_t, required, min_t(u64, size->total, CHUNK_SIZE));
		if (precopy)
			return MAX_READY;
		return size->total > s->pool.chunk ? MAX_READY - 1 : 0;
	}
	s->pool.chunk = required;
	if (!precopy)
		return 0;
	/* It may grow until the VF is stopped. */
	s->pool.chunk = min_t(size_t, s->pool.chunk + s->pool.chunk / 8, MLX5VF_MAX_IMAGE);
	return 1;
}

/* Everything that can fail and is not the first SAVE itself. */
static struct file *saver_open(struct mlx5vf_saver *s, const struct mlx5vf_size *size,
			       bool precopy, struct mlx5vf_piece **first)
{
	unsigned int more = choose_buffers(s, size, precopy);
	struct mlx5vf_piece *piece;
	struct mlx5vf_start start;
	struct file *file;
	int ret;

	mlx5vf_start_make(s->base.mv, precopy || size->total > size->required, &start);
	ret = mlx5vf_queue_start(&s->queue, &start, s->pool.chunk);
	if (ret)
		return ERR_PTR(ret);
	piece = saver_buffer(s, size->required);
	if (IS_ERR(piece))
		return ERR_CAST(piece);
	/* For when the VF is stopped, and the guest waits. */
	ret = mlx5vf_pool_prepare(&s->pool, more);
	file = ERR_PTR(ret);
	if (!ret)
		file = anon_inode_getfile("[mlx5vf-save]", &saver_fops, s, O_RDONLY);
	if (IS_ERR(file)) {
		mlx5vf_pool_put(&s->pool, piece);
		return file;
	}
	stream_open(file_inode(file), file);
	*first = piece;
	return file;
}

/**
 * mlx5vf_save_begin() - Open a session and begin to save
 * @mv: The VF; ready, state_lock held
 * @precopy: The VF is running: save and track; else it is stopped: save all
 *
 * Return: The session's file, or an ERR_PTR.
 */
struct file *mlx5vf_save_begin(struct mlx5vf_device *mv, bool precopy)
{
	struct mlx5vf_piece *piece;
	struct mlx5vf_size size;
	struct mlx5vf_saver *s;
	struct file *file;
	int ret;

	lockdep_assert_held(&mv->state_lock);
	s = saver_alloc(mv, precopy);
	if (!s)
		return ERR_PTR(-ENOMEM);
	ret = mlx5vf_cmd_query_state(mv, false, &size);
	if (!ret)
		ret = mlx5_core_alloc_pd(mv->mdev, &s->base.pd);
	s->pool.pd = s->base.pd;
	if (ret) {
		mlx5vf_session_put(&s->base);
		return ERR_PTR(ret);
	}
	/* One for the VF, and one for the file. */
	mv->session = &s->base;
	kref_get(&s->base.ref);
	file = saver_open(s, &size, precopy, &piece);
	if (IS_ERR(file)) {
		mlx5vf_session_end(mv);
		mlx5vf_session_put(&s->base);
		return file;
	}
	ret = saver_issue(s, piece, false, precopy ? MLX5VF_SAVE_TRACK : MLX5VF_SAVE_FINAL);
	if (ret) {
		mlx5vf_session_end(mv);
		fput(file);
		return ERR_PTR(ret);
	}
	return file;
}

/**
 * mlx5vf_save_settle() - Wait until the session has no SAVE under way
 * @mv: The VF; state_lock held
 *
 * Return: 0; -EBUSY if killed or it takes too long: the SAVE is still under way, and
 * nothing else has changed.
 */
int mlx5vf_save_settle(struct mlx5vf_device *mv)
{
	struct mlx5vf_saver *s = saver_of(mv);

	return s ? saver_settle(s) : 0;
}

/**
 * mlx5vf_save_final() - The VF was stopped after pre-copy: save the rest
 * @mv: The VF; ready, state_lock held, no SAVE under way
 *
 * Return: 0 or an error; the session continues, but has no more data then.
 */
int mlx5vf_save_final(struct mlx5vf_device *mv)
{
	struct mlx5vf_saver *s = saver_of(mv);
	int ret;

	if (!s)
		return -ENODEV;
	ret = mlx5vf_queue_error(&s->queue);
	if (ret)
		return ret;
	ret = saver_ask_and_issue(s, !s->full, !s->full, MLX5VF_SAVE_FINAL);
	if (ret) {
		saver_fail(s, ret, "the last part cannot be saved");
		return ret;
	}
	mlx5vf_queue_stopped(&s->queue);
	return 0;
}

/**
 * mlx5vf_save_untrack() - pre-copy is given up: let firmware stop tracking
 * @mv: The VF; state_lock held
 *
 * Return: 0, and the session is over: the VF runs, whatever firmware answers. -EBUSY
 * if there still is a SAVE under way, and then nothing has changed.
 */
int mlx5vf_save_untrack(struct mlx5vf_device *mv)
{
	struct mlx5vf_saver *s = saver_of(mv);
	int ret;

	if (!s)
		return 0;
	ret = saver_settle(s);
	if (ret)
		return ret;
	ret = saver_ask_and_issue(s, !s->full, false, MLX5VF_SAVE_CLEANUP);
	if (!ret)
		ret = saver_settle(s);
	if (!ret)
		ret = mlx5vf_queue_error(&s->queue);
	if (ret)
		dev_warn_ratelimited(mlx5vf_dev(mv), "the firmware may still be tracking the device's state (error %d)\n",
				     ret);
	mlx5vf_session_end(mv);
	return 0;
}
