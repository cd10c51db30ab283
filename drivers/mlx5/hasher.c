// SPDX-License-Identifier: GPL-2.0-only
/*
 * An image becomes a part of its stream's checksum while its bytes are copied from or
 * to user memory, and on another processor: one alone needs about as long for the
 * one as for the other, and a guest waits for the sum of both.
 *
 * The work takes what is there in small steps. The owner, who holds the mutex that
 * protects the stream, waits for no more than one of them: at the image's end it
 * hashes what is left itself, which is all of it if no processor was free.
 */
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "buffer.h"
#include "hasher.h"
#include "stream.h"

/* Hashed with the lock held, and what the work is queued for. */
#define STEP	SZ_64K

/* One step; false if all that is there has been hashed. */
static bool hasher_step(struct mlx5vf_hasher *h)
{
	size_t ready, end, n;
	bool more;

	mutex_lock(&h->lock);
	/* Pairs with mlx5vf_hasher_more(): the bytes, and @buf, are there. */
	ready = smp_load_acquire(&h->ready);
	end = min(ready, h->done + STEP);
	while (h->done < end) {
		void *data;

		n = end - h->done;
		data = mlx5vf_buffer_at(h->buf, h->done, &n);
		mlx5vf_stream_data(h->stream, data, n);
		h->done += n;
	}
	more = h->done < ready;
	mutex_unlock(&h->lock);
	return more;
}

static void hasher_work(struct work_struct *work)
{
	struct mlx5vf_hasher *h = container_of(work, struct mlx5vf_hasher, work);

	while (hasher_step(h))
		cond_resched();
}

/**
 * mlx5vf_hasher_init - before anything else
 * @h: the hasher, otherwise zero
 * @stream: whose checksum it makes
 */
void mlx5vf_hasher_init(struct mlx5vf_hasher *h, struct mlx5vf_stream *stream)
{
	INIT_WORK(&h->work, hasher_work);
	mutex_init(&h->lock);
	h->stream = stream;
}

/**
 * mlx5vf_hasher_more - an image begins, or there is more of it
 * @h: the hasher; the owner calls this, and is in @h->stream at the image's first byte
 * @buf: the image's memory
 * @length: bytes in it, not fewer than the last time; they do not change any more
 *
 * The stream is not the owner's until mlx5vf_hasher_finish().
 */
void mlx5vf_hasher_more(struct mlx5vf_hasher *h, struct mlx5vf_buffer *buf, size_t length)
{
	if (!h->buf) {
		mlx5vf_buffer_get(buf);
		h->buf = buf;
		h->kicked = 0;
	}
	/* Pairs with hasher_step(). */
	smp_store_release(&h->ready, length);
	if (length - h->kicked < STEP)
		return;
	h->kicked = length;
	queue_work(system_unbound_wq, &h->work);
}

static void hasher_forget(struct mlx5vf_hasher *h)
{
	struct mlx5vf_buffer *buf = h->buf;

	mutex_lock(&h->lock);
	WRITE_ONCE(h->ready, 0);
	h->done = 0;
	h->buf = NULL;
	mutex_unlock(&h->lock);
	mlx5vf_buffer_put(buf);
}

/**
 * mlx5vf_hasher_finish - the stream is to be behind the image
 * @h: the hasher; the owner calls this. Nothing is done if there is no image.
 */
void mlx5vf_hasher_finish(struct mlx5vf_hasher *h)
{
	if (!h->buf)
		return;
	while (hasher_step(h))
		cond_resched();
	hasher_forget(h);
}

/**
 * mlx5vf_hasher_end - the stream is not needed any more
 * @h: the hasher, which no one else uses
 */
void mlx5vf_hasher_end(struct mlx5vf_hasher *h)
{
	hasher_forget(h);
	cancel_work_sync(&h->work);
}
