/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MLX5VF_HASHER_H
#define MLX5VF_HASHER_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct mlx5vf_buffer;
struct mlx5vf_stream;

/**
 * struct mlx5vf_hasher - moves a stream over an image beside who copies it
 * @work: on another processor, if there is one with nothing else to do
 * @stream: of whose checksum the image becomes a part
 * @lock: protects @done, and @stream from mlx5vf_hasher_more() to
 *	mlx5vf_hasher_finish()
 * @buf: the image's memory, with a reference, between these two; else NULL. Set and
 *	cleared by the owner when the work has nothing to do.
 * @ready: bytes that are in @buf; stored by the owner only
 * @kicked: value of @ready when the work was queued last; the owner's
 * @done: bytes that are in the checksum
 */
struct mlx5vf_hasher {
	struct work_struct work;
	struct mlx5vf_stream *stream;
	struct mutex lock;
	struct mlx5vf_buffer *buf;
	size_t ready;
	size_t kicked;
	size_t done;
};

void mlx5vf_hasher_init(struct mlx5vf_hasher *h, struct mlx5vf_stream *stream);
void mlx5vf_hasher_more(struct mlx5vf_hasher *h, struct mlx5vf_buffer *buf, size_t length);
void mlx5vf_hasher_finish(struct mlx5vf_hasher *h);
void mlx5vf_hasher_end(struct mlx5vf_hasher *h);

#endif
