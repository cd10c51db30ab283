// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data session of the saving states: what the arcs of state.c do with it, which
 * is to decide what firmware is told to save, and with how much memory. save.c
 * carries it out.
 */
#include <linux/file.h>
#include <linux/slab.h>

#include "buffer.h"
#include "device.h"
#include "save.h"

/* Where the state comes in chunks, they are of this size, if firmware lets us. */
#define CHUNK_SIZE	SZ_8M

static int saver_queue_start(struct mlx5vf_saver *s)
{
	struct mlx5vf_start start = {
		.vendor = cpu_to_le16(s->mv->core.pdev->vendor),
		.device = cpu_to_le16(s->mv->core.pdev->device),
		.flags = cpu_to_le32(s->mv->chunks ? MLX5VF_START_CHUNKS : 0),
		.prepare = cpu_to_le64(s->chunk),
	};

	mlx5vf_stream_begin(&s->stream);
	return mlx5vf_saver_queue_small(s, MLX5VF_RECORD_START, &start, sizeof(start));
}

/* Have buffers for when the VF is stopped, and the guest waits. */
static int saver_prepare(struct mlx5vf_saver *s)
{
	struct mlx5vf_piece *pieces[MLX5VF_MAX_READY];
	int i, n, ret = 0;

	for (n = 0; n < (s->mv->chunks ? MLX5VF_MAX_READY : 1); n++) {
		pieces[n] = mlx5vf_saver_buffer(s, 0);
		if (IS_ERR(pieces[n])) {
			ret = PTR_ERR(pieces[n]);
			break;
		}
	}
	for (i = 0; i < n; i++)
		list_add(&pieces[i]->link, &s->idle);
	return ret;
}

/**
 * mlx5vf_save_begin - open a session and begin to save
 * @mv: the VF; ready, state_lock held
 * @precopy: the VF is running: save and track; else it is stopped: save all
 *
 * Return: the session's file, or an ERR_PTR.
 */
struct file *mlx5vf_save_begin(struct mlx5vf_device *mv, bool precopy)
{
	struct mlx5vf_piece *piece;
	struct mlx5vf_size size;
	struct mlx5vf_saver *s;
	struct file *file;
	int ret;

	lockdep_assert_held(&mv->state_lock);
	s = kzalloc(sizeof(*s), GFP_KERNEL_ACCOUNT);
	if (!s)
		return ERR_PTR(-ENOMEM);
	kref_init(&s->ref);
	INIT_WORK(&s->work, mlx5vf_saver_work);
	init_completion(&s->answered);
	INIT_LIST_HEAD(&s->idle);
	spin_lock_init(&s->lock);
	init_waitqueue_head(&s->wait);
	INIT_LIST_HEAD(&s->ready);
	INIT_LIST_HEAD(&s->used);
	mutex_init(&s->read_lock);
	s->precopy = precopy;
	s->mv = mv;
	get_device(&mv->core.vdev.device);

	ret = mlx5vf_cmd_query_state(mv, false, &size);
	if (ret)
		goto put;
	s->chunk = max_t(size_t, size.required, PAGE_SIZE);
	if (mv->chunks)
		s->chunk = max_t(size_t, s->chunk, min_t(u64, size.total, CHUNK_SIZE));
	else if (precopy)
		/* It may grow until the VF is stopped. */
		s->chunk = min_t(size_t, s->chunk + s->chunk / 8, MLX5VF_MAX_IMAGE);

	ret = mlx5_core_alloc_pd(mv->mdev, &s->pd);
	if (ret)
		goto put;
	mv->saver = s;
	kref_get(&s->ref);
	ret = saver_queue_start(s);
	if (ret)
		goto end;
	piece = mlx5vf_saver_buffer(s, size.required);
	if (IS_ERR(piece)) {
		ret = PTR_ERR(piece);
		goto end;
	}
	if (precopy) {
		ret = saver_prepare(s);
		if (ret) {
			list_add(&piece->link, &s->idle);
			goto end;
		}
	}
	/* Nothing can fail behind the command but the file, so that comes first. */
	file = mlx5vf_save_file(s);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		list_add(&piece->link, &s->idle);
		goto end;
	}
	ret = mlx5vf_saver_issue(s, piece, false, precopy ? MLX5VF_SAVE_TRACK : MLX5VF_SAVE_FINAL);
	if (ret) {
		mlx5vf_save_end(mv);
		/* Has the session's first reference. */
		fput(file);
		return ERR_PTR(ret);
	}
	return file;

end:
	mlx5vf_save_end(mv);
put:
	mlx5vf_saver_put(s);
	return ERR_PTR(ret);
}

/**
 * mlx5vf_save_final - the VF was stopped after pre-copy: save the rest
 * @mv: the VF; ready, state_lock held
 *
 * Return: 0 or an error; the session goes on, but has no more data then.
 */
int mlx5vf_save_final(struct mlx5vf_device *mv)
{
	struct mlx5vf_saver *s = mv->saver;
	struct mlx5vf_piece *piece;
	struct mlx5vf_size size;
	int ret;

	lockdep_assert_held(&mv->state_lock);
	if (!s)
		return -ENODEV;
	ret = mlx5vf_save_settle(mv);
	if (ret)
		return ret;
	if (s->error)
		return s->error;
	ret = mlx5vf_cmd_query_state(mv, !s->full, &size);
	if (ret)
		goto fail;
	piece = mlx5vf_saver_buffer(s, size.required);
	ret = PTR_ERR_OR_ZERO(piece);
	if (!ret)
		ret = mlx5vf_saver_issue(s, piece, !s->full, MLX5VF_SAVE_FINAL);
	if (ret)
		goto fail;
	spin_lock(&s->lock);
	s->precopy = false;
	spin_unlock(&s->lock);
	wake_up_all(&s->wait);
	return 0;

fail:
	mlx5vf_saver_fail(s, ret, "the last part cannot be saved");
	return ret;
}

/**
 * mlx5vf_save_untrack - pre-copy is given up: let firmware stop tracking
 * @mv: the VF; state_lock held
 *
 * Ends the session. The VF runs, whatever firmware answers; there is nothing to be
 * won from not going on.
 */
void mlx5vf_save_untrack(struct mlx5vf_device *mv)
{
	struct mlx5vf_saver *s = mv->saver;
	struct mlx5vf_piece *piece;
	struct mlx5vf_size size;
	int ret;

	lockdep_assert_held(&mv->state_lock);
	if (!s)
		return;
	ret = mlx5vf_save_settle(mv);
	if (!ret)
		ret = mlx5vf_cmd_query_state(mv, !s->full, &size);
	if (!ret) {
		piece = mlx5vf_saver_buffer(s, size.required);
		ret = PTR_ERR_OR_ZERO(piece);
	}
	if (!ret)
		ret = mlx5vf_saver_issue(s, piece, false, MLX5VF_SAVE_CLEANUP);
	if (!ret)
		ret = mlx5vf_save_settle(mv);
	if (ret)
		dev_warn(mlx5vf_dev(mv), "the firmware may still be tracking the device's state (error %d)\n",
			 ret);
	mlx5vf_save_end(mv);
}
