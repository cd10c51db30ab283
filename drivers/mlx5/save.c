// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data session of the saving states, the firmware's side: SAVE commands, and
 * what becomes of their answers. save_arcs.c decides which are given, save_fd.c is
 * the reader's side.
 *
 * There is at most one SAVE at a time. Its answer comes in an interrupt, which
 * only notes it; it is acted upon under state_lock, by the work or by an arc that
 * waits for it. Then the image gets its header and goes to the reader, and if
 * firmware has more, the next SAVE is given, unless the reader is two images
 * behind already; it then follows when one was read.
 *
 * A session that ends while firmware is writing to a buffer leaves that buffer to
 * the work, which frees it when the answer has come. So nobody waits for it but
 * the PF when it goes down.
 */
#include <linux/slab.h>
#include <linux/xxhash.h>

#include "buffer.h"
#include "device.h"
#include "save.h"

static void piece_free(struct kref *ref)
{
	struct mlx5vf_piece *piece = container_of(ref, struct mlx5vf_piece, ref);

	mlx5vf_buffer_put(piece->buf);
	kfree(piece);
}

/**
 * mlx5vf_piece_put - give back a reference
 * @piece: the piece
 */
void mlx5vf_piece_put(struct mlx5vf_piece *piece)
{
	kref_put(&piece->ref, piece_free);
}

static struct mlx5vf_piece *piece_alloc(void)
{
	struct mlx5vf_piece *piece = kzalloc(sizeof(*piece), GFP_KERNEL_ACCOUNT);

	if (piece)
		kref_init(&piece->ref);
	return piece;
}

static void saver_free(struct kref *ref)
{
	struct mlx5vf_saver *s = container_of(ref, struct mlx5vf_saver, ref);

	vfio_put_device(&s->mv->core.vdev);
	kfree(s);
}

/**
 * mlx5vf_saver_put - give back a reference
 * @s: the session
 */
void mlx5vf_saver_put(struct mlx5vf_saver *s)
{
	kref_put(&s->ref, saver_free);
}

/**
 * mlx5vf_saver_kick - have the work look at the session
 * @s: the session; its VF's workqueue exists, which a command under way and a
 *	session that is not dead (under its lock) warrant
 */
void mlx5vf_saver_kick(struct mlx5vf_saver *s)
{
	kref_get(&s->ref);
	if (!queue_work(s->mv->wq, &s->work))
		mlx5vf_saver_put(s);
}

/* Take a piece away from firmware, and forget it. */
static void piece_drop(struct mlx5vf_saver *s, struct mlx5vf_piece *piece)
{
	if (piece->buf)
		mlx5vf_buffer_unmap(s->mv, piece->buf);
	mlx5vf_piece_put(piece);
}

/**
 * mlx5vf_saver_buffer - a piece with a buffer, mapped
 * @s: the session; ready, state_lock held
 * @size: bytes that it must have; no less than @s->chunk are made
 *
 * Return: the piece, which is the caller's, or an ERR_PTR.
 */
struct mlx5vf_piece *mlx5vf_saver_buffer(struct mlx5vf_saver *s, size_t size)
{
	struct mlx5vf_piece *piece;
	int ret;

	size = max(size, s->chunk);
	spin_lock(&s->lock);
	list_splice_init(&s->used, &s->idle);
	spin_unlock(&s->lock);
	while (!list_empty(&s->idle)) {
		piece = list_first_entry(&s->idle, struct mlx5vf_piece, link);
		list_del(&piece->link);
		if (mlx5vf_buffer_size(piece->buf) >= size)
			return piece;
		piece_drop(s, piece);
	}
	piece = piece_alloc();
	if (!piece)
		return ERR_PTR(-ENOMEM);
	piece->buf = mlx5vf_buffer_alloc(size, DMA_FROM_DEVICE);
	if (IS_ERR(piece->buf)) {
		ret = PTR_ERR(piece->buf);
		piece->buf = NULL;
		goto drop;
	}
	ret = mlx5vf_buffer_grow(piece->buf, size);
	if (!ret)
		ret = mlx5vf_buffer_map(s->mv, piece->buf, s->pd);
	if (ret)
		goto drop;
	return piece;

drop:
	mlx5vf_piece_put(piece);
	return ERR_PTR(ret);
}

static void saver_queue(struct mlx5vf_saver *s, struct mlx5vf_piece *piece)
{
	spin_lock(&s->lock);
	list_add_tail(&piece->link, &s->ready);
	s->queued += piece->head_length + piece->image_length;
	if (piece->buf)
		s->nready++;
	spin_unlock(&s->lock);
}

/**
 * mlx5vf_saver_queue_small - queue a record that is no image
 * @s: the session; state_lock held
 * @type: of the record
 * @data: what it holds
 * @length: bytes of that, at most MLX5VF_SMALL
 *
 * Return: 0 or -ENOMEM.
 */
int mlx5vf_saver_queue_small(struct mlx5vf_saver *s, enum mlx5vf_record_type type,
			     const void *data, size_t length)
{
	struct mlx5vf_piece *piece = piece_alloc();

	if (!piece)
		return -ENOMEM;
	memcpy(piece->head + sizeof(struct mlx5vf_record), data, length);
	mlx5vf_stream_head(&s->stream, (void *)piece->head, type, length,
			   xxh64(data, length, mlx5vf_stream_seed(&s->stream)));
	piece->head_length = sizeof(struct mlx5vf_record) + length;
	saver_queue(s, piece);
	return 0;
}

static int saver_queue_end(struct mlx5vf_saver *s)
{
	struct mlx5vf_end end = {
		.images = cpu_to_le64(s->stream.images),
		.bytes = cpu_to_le64(s->stream.bytes),
	};

	return mlx5vf_saver_queue_small(s, MLX5VF_RECORD_END, &end, sizeof(end));
}

/**
 * mlx5vf_saver_fail - there will be no more data; the VF itself is as it was
 * @s: the session; state_lock held
 * @error: what the reader gets when it has read what there is
 * @why: for the message
 */
void mlx5vf_saver_fail(struct mlx5vf_saver *s, int error, const char *why)
{
	dev_err_ratelimited(mlx5vf_dev(s->mv), "saving the device's state failed: %s (error %d)\n",
			    why, error);
	spin_lock(&s->lock);
	s->saving = false;
	if (!s->error)
		s->error = error;
	spin_unlock(&s->lock);
	wake_up_all(&s->wait);
}

/* Possibly in an interrupt. */
static void saver_answered(int status, struct mlx5_async_work *async)
{
	struct mlx5vf_saver *s = container_of(async, struct mlx5vf_saver, async);

	s->status = status;
	/* Pairs with saver_reap(). */
	smp_store_release(&s->has_answer, true);
	mlx5vf_saver_kick(s);
	complete_all(&s->answered);
}

/**
 * mlx5vf_saver_issue - give a SAVE command
 * @s: the session; ready, state_lock held, no SAVE under way
 * @piece: where firmware puts the data; it is the session's from here on
 * @incremental: only what has changed, or has not been saved
 * @kind: what it is for
 *
 * Return: 0 or an error.
 */
int mlx5vf_saver_issue(struct mlx5vf_saver *s, struct mlx5vf_piece *piece, bool incremental,
		       enum mlx5vf_save_kind kind)
{
	u32 in[MLX5_ST_SZ_DW(save_vhca_state_in)] = {};
	int ret;

	lockdep_assert_held(&s->mv->state_lock);
	MLX5_SET(save_vhca_state_in, in, opcode, MLX5_CMD_OP_SAVE_VHCA_STATE);
	MLX5_SET(save_vhca_state_in, in, incremental, incremental);
	MLX5_SET(save_vhca_state_in, in, set_track, kind == MLX5VF_SAVE_TRACK);
	MLX5_SET(save_vhca_state_in, in, vhca_id, s->mv->vhca_id);
	MLX5_SET(save_vhca_state_in, in, mkey, piece->buf->mkey);
	MLX5_SET(save_vhca_state_in, in, size, mlx5vf_buffer_size(piece->buf));
	mlx5vf_buffer_for_device(s->mv, piece->buf);

	memset(s->out, 0, sizeof(s->out));
	reinit_completion(&s->answered);
	s->has_answer = false;
	s->piece = piece;
	s->kind = kind;
	s->busy = true;
	s->next = 0;
	spin_lock(&s->lock);
	s->saving = true;
	spin_unlock(&s->lock);
	kref_get(&s->ref);
	ret = mlx5_cmd_exec_cb(&s->mv->async, in, sizeof(in), s->out, sizeof(s->out),
			       saver_answered, &s->async);
	if (!ret)
		return 0;

	ret = mlx5_cmd_check(s->mv->mdev, ret, in, s->out) ?: -EIO;
	s->busy = false;
	s->piece = NULL;
	list_add(&piece->link, &s->idle);
	spin_lock(&s->lock);
	s->saving = false;
	spin_unlock(&s->lock);
	mlx5vf_saver_put(s);
	return ret;
}

/* Firmware has more to say: ask it to, if the reader keeps up. */
static void saver_next(struct mlx5vf_saver *s)
{
	struct mlx5vf_piece *piece;
	bool wanted;
	int ret;

	if (s->busy || !s->next)
		return;
	spin_lock(&s->lock);
	wanted = s->nready < MLX5VF_MAX_READY && !s->error;
	spin_unlock(&s->lock);
	if (!wanted)
		return;
	ret = mlx5vf_pf_ready(s->mv);
	if (ret) {
		mlx5vf_saver_fail(s, ret, "the firmware cannot be asked for more");
		return;
	}
	piece = mlx5vf_saver_buffer(s, s->next);
	if (IS_ERR(piece)) {
		mlx5vf_saver_fail(s, PTR_ERR(piece), "no buffer for the next part");
		return;
	}
	/* Of this save, what has not been saved. */
	ret = mlx5vf_saver_issue(s, piece, true, MLX5VF_SAVE_FINAL);
	if (ret)
		mlx5vf_saver_fail(s, ret, "SAVE_VHCA_STATE could not be given");
}

/* Firmware has filled a piece. */
static int saver_take_image(struct mlx5vf_saver *s, struct mlx5vf_piece *piece)
{
	size_t length = MLX5_GET(save_vhca_state_out, s->out, actual_image_size);
	size_t next = MLX5_GET(save_vhca_state_out, s->out, next_required_umem_size);
	u64 seed = mlx5vf_stream_seed(&s->stream);

	if (length > mlx5vf_buffer_size(piece->buf) || next > MLX5VF_MAX_IMAGE) {
		list_add(&piece->link, &s->idle);
		mlx5vf_saver_fail(s, -EIO, "the firmware says that an image is larger than can be");
		return -EIO;
	}
	mlx5vf_buffer_for_cpu(s->mv, piece->buf);
	mlx5vf_stream_head(&s->stream, (void *)piece->head, MLX5VF_RECORD_IMAGE, length,
			   mlx5vf_buffer_sum(piece->buf, length, seed));
	piece->head_length = sizeof(struct mlx5vf_record);
	piece->image_length = length;
	saver_queue(s, piece);
	if (s->kind == MLX5VF_SAVE_FINAL && s->mv->chunks)
		s->next = next;
	return 0;
}

static void saver_took_image(struct mlx5vf_saver *s)
{
	bool last = s->kind == MLX5VF_SAVE_FINAL && !s->next;
	int ret = last ? saver_queue_end(s) : 0;

	if (ret) {
		mlx5vf_saver_fail(s, ret, "no memory for the end of the data");
		return;
	}
	spin_lock(&s->lock);
	if (!s->initial)
		s->initial = s->queued;
	s->saving = s->next;
	s->ended = last;
	spin_unlock(&s->lock);
	wake_up_all(&s->wait);
}

/* A SAVE failed. What failed in pre-copy can be saved later, but then in full. */
static void saver_failed(struct mlx5vf_saver *s)
{
	u32 in[MLX5_ST_SZ_DW(save_vhca_state_in)] = {};
	bool fw = s->status == -EREMOTEIO;
	int ret;

	MLX5_SET(save_vhca_state_in, in, opcode, MLX5_CMD_OP_SAVE_VHCA_STATE);
	ret = mlx5_cmd_check(s->mv->mdev, s->status, in, s->out) ?: -EIO;
	if (s->kind == MLX5VF_SAVE_TRACK && fw &&
	    MLX5_GET(save_vhca_state_out, s->out, status) == MLX5_CMD_STAT_BAD_RES_STATE_ERR) {
		dev_warn(mlx5vf_dev(s->mv), "the firmware cannot track the device's state now; all of it will be saved when the device is stopped\n");
		s->full = true;
		spin_lock(&s->lock);
		s->saving = false;
		spin_unlock(&s->lock);
		wake_up_all(&s->wait);
		return;
	}
	mlx5vf_saver_fail(s, ret, "SAVE_VHCA_STATE failed");
}

/* Give back what the firmware knows. The PF is up, no SAVE under way. */
static void saver_release(struct mlx5vf_saver *s)
{
	struct mlx5vf_piece *piece, *tmp;

	list_for_each_entry_safe(piece, tmp, &s->idle, link)
		piece_drop(s, piece);
	INIT_LIST_HEAD(&s->idle);
	mlx5_core_dealloc_pd(s->mv->mdev, s->pd);
}

/* Act upon an answer, if there is one. */
static void saver_reap(struct mlx5vf_saver *s)
{
	struct mlx5vf_piece *piece = s->piece;

	lockdep_assert_held(&s->mv->state_lock);
	/* Pairs with saver_answered(). */
	if (!s->busy || !smp_load_acquire(&s->has_answer))
		return;
	/* It is in its last lines, and the reference is still its. */
	wait_for_completion(&s->answered);
	s->busy = false;
	s->piece = NULL;
	if (s->dead) {
		list_add(&piece->link, &s->idle);
		saver_release(s);
	} else if (s->status) {
		list_add(&piece->link, &s->idle);
		saver_failed(s);
	} else if (s->kind == MLX5VF_SAVE_CLEANUP) {
		list_add(&piece->link, &s->idle);
	} else if (!saver_take_image(s, piece)) {
		saver_took_image(s);
	}
	mlx5vf_saver_put(s);
}

/**
 * mlx5vf_saver_work - act upon an answer, and go on with the next chunk
 * @work: of the session
 */
void mlx5vf_saver_work(struct work_struct *work)
{
	struct mlx5vf_saver *s = container_of(work, struct mlx5vf_saver, work);
	struct mlx5vf_device *mv = s->mv;

	mutex_lock(&mv->state_lock);
	saver_reap(s);
	if (!s->dead)
		saver_next(s);
	mlx5vf_state_unlock(mv);
	mlx5vf_saver_put(s);
}

/**
 * mlx5vf_save_settle - wait until no SAVE is under way
 * @mv: the VF; state_lock held
 *
 * Return: 0; -EBUSY if killed or it takes too long: the SAVE is still under way, and
 * nothing else has changed.
 */
int mlx5vf_save_settle(struct mlx5vf_device *mv)
{
	struct mlx5vf_saver *s = mv->saver;
	long left;

	lockdep_assert_held(&mv->state_lock);
	if (!s || !s->busy)
		return 0;
	left = wait_for_completion_killable_timeout(&s->answered, mlx5vf_cmd_limit());
	if (left <= 0) {
		dev_err_ratelimited(mlx5vf_dev(mv), "SAVE_VHCA_STATE: %s before the firmware answered\n",
			left ? "killed" : "the time limit was over");
		return -EBUSY;
	}
	saver_reap(s);
	return 0;
}

/**
 * mlx5vf_save_more - save what changed, in pre-copy
 * @s: the session; ready, state_lock held, no SAVE under way
 * @size: what firmware wants for it
 *
 * Return: 0 or an error, which the reader gets too.
 */
int mlx5vf_save_more(struct mlx5vf_saver *s, size_t size)
{
	struct mlx5vf_piece *piece = mlx5vf_saver_buffer(s, size);
	int ret;

	ret = PTR_ERR_OR_ZERO(piece);
	if (!ret)
		ret = mlx5vf_saver_issue(s, piece, true, MLX5VF_SAVE_TRACK);
	if (ret)
		mlx5vf_saver_fail(s, ret, "what changed cannot be saved");
	return ret;
}

/**
 * mlx5vf_save_end - end the session, if there is one
 * @mv: the VF; attached, state_lock held
 *
 * Nothing is waited for; see above.
 */
void mlx5vf_save_end(struct mlx5vf_device *mv)
{
	struct mlx5vf_saver *s = mv->saver;

	lockdep_assert_held(&mv->state_lock);
	if (!s)
		return;
	mv->saver = NULL;
	spin_lock(&s->lock);
	s->dead = true;
	s->saving = false;
	list_splice_init(&s->ready, &s->idle);
	list_splice_init(&s->used, &s->idle);
	spin_unlock(&s->lock);
	wake_up_all(&s->wait);
	if (!s->busy)
		saver_release(s);
	mlx5vf_saver_put(s);
}
