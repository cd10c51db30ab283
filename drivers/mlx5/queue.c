// SPDX-License-Identifier: GPL-2.0-only
/*
 * What waits to be read of a device's state. Decides what a reader sees at each
 * point: data, a temporary end (ENOMSG), the end, or an error; save.c decides what
 * there is.
 *
 * The reader makes the checksums, of bytes that it has just copied and that its
 * processor still has at hand: the firmware is not kept waiting for them.
 *
 * User memory is touched without a lock but read_lock, since what ends the session
 * can be called with locks that a page fault needs. A piece that is being copied
 * stays because of a reference, also if the session ends and the firmware loses the
 * memory in between.
 */
#include <linux/fs.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "buffer.h"
#include "queue.h"

/* ---- Pieces ---- */

/**
 * mlx5vf_piece_alloc() - Make an empty piece
 *
 * Return: The piece with one reference, or NULL.
 */
struct mlx5vf_piece *mlx5vf_piece_alloc(void)
{
	struct mlx5vf_piece *piece = kzalloc_obj(*piece, GFP_KERNEL_ACCOUNT);

	if (piece)
		kref_init(&piece->ref);
	return piece;
}

static void piece_free(struct kref *ref)
{
	struct mlx5vf_piece *piece = container_of(ref, struct mlx5vf_piece, ref);

	mlx5vf_buffer_put(piece->buf);
	kfree(piece);
}

/**
 * mlx5vf_piece_put() - Give back a reference
 * @piece: The piece
 */
void mlx5vf_piece_put(struct mlx5vf_piece *piece)
{
	kref_put(&piece->ref, piece_free);
}

static size_t piece_length(const struct mlx5vf_piece *piece)
{
	return piece->head_length + piece->image_length + piece->tail_length;
}

/*
 * Bytes at @offset of a piece, in one part of memory, of which *@n are wanted; *@n is
 * cut to fit. @image: they are of the image.
 */
static void *piece_at(struct mlx5vf_piece *piece, size_t offset, size_t *n, bool *image)
{
	*image = false;
	if (offset < piece->head_length) {
		*n = min(*n, piece->head_length - offset);
		return piece->head + offset;
	}
	offset -= piece->head_length;
	if (offset < piece->image_length) {
		*image = true;
		*n = min(*n, piece->image_length - offset);
		return mlx5vf_buffer_at(piece->buf, offset, n);
	}
	offset -= piece->image_length;
	*n = min(*n, piece->tail_length - offset);
	return piece->tail + offset;
}

/* ---- What save.c does ---- */

/**
 * mlx5vf_queue_init() - Before anything else
 * @q: The queue, otherwise zero
 * @room: As in struct mlx5vf_queue
 */
void mlx5vf_queue_init(struct mlx5vf_queue *q, void (*room)(struct mlx5vf_queue *q))
{
	q->room = room;
	q->is_initial = true;
	spin_lock_init(&q->lock);
	init_waitqueue_head(&q->wait);
	INIT_LIST_HEAD(&q->ready);
	INIT_LIST_HEAD(&q->used);
	mutex_init(&q->read_lock);
	mlx5vf_stream_begin(&q->stream);
}

/* Under lock. */
static void queue_add(struct mlx5vf_queue *q, struct mlx5vf_piece *piece)
{
	list_add_tail(&piece->link, &q->ready);
	q->queued += piece_length(piece);
}

/**
 * mlx5vf_queue_start() - Queue how a stream begins
 * @q: The queue, empty
 * @start: What START says
 * @prepare: Bytes of the largest image that is expected
 *
 * Return: 0 or -ENOMEM.
 */
int mlx5vf_queue_start(struct mlx5vf_queue *q, const struct mlx5vf_start *start, u64 prepare)
{
	struct mlx5vf_piece *piece = mlx5vf_piece_alloc();
	__le64 size = cpu_to_le64(prepare);
	size_t n;

	if (!piece)
		return -ENOMEM;
	n = mlx5vf_stream_put(piece->head, MLX5VF_TAG_START, start, sizeof(*start));
	n += mlx5vf_stream_put(piece->head + n, MLX5VF_TAG_PREPARE, &size, sizeof(size));
	piece->head_length = n;
	spin_lock(&q->lock);
	queue_add(q, piece);
	spin_unlock(&q->lock);
	return 0;
}

/**
 * mlx5vf_queue_image() - Queue an image
 * @q: The queue, which takes over the reference
 * @piece: Its buffer holds the image
 * @length: Bytes of that, not 0
 */
void mlx5vf_queue_image(struct mlx5vf_queue *q, struct mlx5vf_piece *piece, size_t length)
{
	struct mlx5vf_next next = { .length = cpu_to_le64(length) };
	struct mlx5vf_sum sum = {};
	size_t n;

	n = mlx5vf_stream_put(piece->head, MLX5VF_TAG_NEXT, &next, sizeof(next));
	n += mlx5vf_stream_put(piece->head + n, MLX5VF_TAG_IMAGE, NULL, length);
	piece->head_length = n;
	piece->image_length = length;
	piece->tail_length = mlx5vf_stream_put(piece->tail, MLX5VF_TAG_SUM, &sum, sizeof(sum));
	spin_lock(&q->lock);
	queue_add(q, piece);
	q->nready++;
	if (q->is_initial)
		q->initial = q->queued;
	q->is_initial = false;
	spin_unlock(&q->lock);
}

/**
 * mlx5vf_queue_end() - Queue the end of the stream
 * @q: The queue
 *
 * Return: 0 or -ENOMEM.
 */
int mlx5vf_queue_end(struct mlx5vf_queue *q)
{
	struct mlx5vf_piece *piece = mlx5vf_piece_alloc();
	struct mlx5vf_sum sum = {};

	if (!piece)
		return -ENOMEM;
	piece->head_length = mlx5vf_stream_put(piece->head, MLX5VF_TAG_END, &sum, sizeof(sum));
	spin_lock(&q->lock);
	queue_add(q, piece);
	q->ended = true;
	spin_unlock(&q->lock);
	return 0;
}

/**
 * mlx5vf_queue_expect() - Let readers know whether more data will arrive
 * @q: The queue
 * @saving: It is
 */
void mlx5vf_queue_expect(struct mlx5vf_queue *q, bool saving)
{
	spin_lock(&q->lock);
	q->saving = saving;
	spin_unlock(&q->lock);
	wake_up_all(&q->wait);
}

/**
 * mlx5vf_queue_reinit() - The next image will be of initial data
 * @q: The queue
 */
void mlx5vf_queue_reinit(struct mlx5vf_queue *q)
{
	spin_lock(&q->lock);
	q->is_initial = true;
	spin_unlock(&q->lock);
}

/**
 * mlx5vf_queue_stopped() - The VF is stopped, and the next end of data is final
 * @q: The queue
 */
void mlx5vf_queue_stopped(struct mlx5vf_queue *q)
{
	spin_lock(&q->lock);
	q->precopy = false;
	spin_unlock(&q->lock);
	wake_up_all(&q->wait);
}

/**
 * mlx5vf_queue_fail() - There will be no more data
 * @q: The queue
 * @error: What the reader gets when it has read what there is
 */
void mlx5vf_queue_fail(struct mlx5vf_queue *q, int error)
{
	spin_lock(&q->lock);
	q->saving = false;
	if (!q->error)
		q->error = error;
	spin_unlock(&q->lock);
	wake_up_all(&q->wait);
}

/**
 * mlx5vf_queue_die() - The session is over
 * @q: The queue
 * @pieces: List, to which all pieces are added
 */
void mlx5vf_queue_die(struct mlx5vf_queue *q, struct list_head *pieces)
{
	spin_lock(&q->lock);
	q->dead = true;
	q->saving = false;
	list_splice_init(&q->ready, pieces);
	list_splice_init(&q->used, pieces);
	spin_unlock(&q->lock);
	wake_up_all(&q->wait);
}

/**
 * mlx5vf_queue_reuse() - Take back what was read
 * @q: The queue
 * @pieces: List, to which the pieces are added; each has a buffer
 */
void mlx5vf_queue_reuse(struct mlx5vf_queue *q, struct list_head *pieces)
{
	spin_lock(&q->lock);
	list_splice_init(&q->used, pieces);
	spin_unlock(&q->lock);
}

/**
 * mlx5vf_queue_images() - How many images wait to be read
 * @q: The queue
 *
 * Return: Their number, read without a lock.
 */
unsigned int mlx5vf_queue_images(struct mlx5vf_queue *q)
{
	return READ_ONCE(q->nready);
}

/**
 * mlx5vf_queue_error() - Why no more data will arrive
 * @q: The queue
 *
 * Return: 0 while more data may arrive, else the error that read() returns.
 */
int mlx5vf_queue_error(struct mlx5vf_queue *q)
{
	return READ_ONCE(q->error);
}

/**
 * mlx5vf_queue_unread() - How much waits to be read
 * @q: The queue
 * @initial: How much of it is initial data, or must be read before that
 *
 * Return: Bytes.
 */
u64 mlx5vf_queue_unread(struct mlx5vf_queue *q, u64 *initial)
{
	u64 unread;

	spin_lock(&q->lock);
	unread = q->queued - q->consumed;
	*initial = q->initial > q->consumed ? q->initial - q->consumed : 0;
	spin_unlock(&q->lock);
	return unread;
}

/* ---- What a reader does ---- */

/* The first piece, with a reference; or NULL. */
static struct mlx5vf_piece *queue_first(struct mlx5vf_queue *q, size_t *offset)
{
	struct mlx5vf_piece *piece;

	spin_lock(&q->lock);
	piece = list_first_entry_or_null(&q->ready, struct mlx5vf_piece, link);
	if (piece) {
		kref_get(&piece->ref);
		*offset = q->offset;
	}
	spin_unlock(&q->lock);
	return piece;
}

/* So much of a piece was read. */
static void queue_consumed(struct mlx5vf_queue *q, struct mlx5vf_piece *piece, size_t n)
{
	bool put = false;

	spin_lock(&q->lock);
	if (q->dead)
		goto unlock;
	q->consumed += n;
	q->offset += n;
	if (q->offset == piece_length(piece)) {
		q->offset = 0;
		if (piece->buf) {
			list_move_tail(&piece->link, &q->used);
			q->nready--;
			if (!q->ended)
				q->room(q);
		} else {
			list_del(&piece->link);
			put = true;
		}
	}
unlock:
	spin_unlock(&q->lock);
	if (put)
		mlx5vf_piece_put(piece);
}

/* Why there is nothing to read: 0 is the end, EAGAIN not yet. Under lock. */
static int queue_nothing(const struct mlx5vf_queue *q)
{
	if (q->ended && q->consumed == q->queued)
		return 0;
	if (q->dead)
		return -ENODEV;
	if (q->error)
		return q->error;
	if (q->precopy && !q->saving)
		return -ENOMSG;
	return -EAGAIN;
}

/* 1 if there is something to read, or as above. */
static int queue_look(struct mlx5vf_queue *q)
{
	int ret;

	spin_lock(&q->lock);
	ret = list_empty(&q->ready) ? queue_nothing(q) : 1;
	spin_unlock(&q->lock);
	return ret;
}

/* The records get their checksums when the reader comes to them. */
static void queue_seal(struct mlx5vf_queue *q, struct mlx5vf_piece *piece, size_t offset)
{
	const struct mlx5vf_record *first = (void *)piece->head;
	size_t n;

	if (!offset) {
		mlx5vf_stream_seal(&q->stream, piece->head);
		n = sizeof(*first) + le64_to_cpu(first->length);
		mlx5vf_stream_data(&q->stream, piece->head + n, piece->head_length - n);
	} else if (offset == piece->head_length + piece->image_length && piece->tail_length) {
		mlx5vf_stream_seal(&q->stream, piece->tail);
	}
}

/* Copy from the first piece; the number of bytes, 0 if there is none, or -EFAULT. */
static ssize_t queue_copy(struct mlx5vf_queue *q, char __user *data, size_t count)
{
	struct mlx5vf_stream before;
	struct mlx5vf_piece *piece;
	size_t offset, n;
	ssize_t ret;
	void *from;
	bool image;

	piece = queue_first(q, &offset);
	if (!piece)
		return 0;
	n = count;
	from = piece_at(piece, offset, &n, &image);
	if (!image) {
		before = q->stream;
		queue_seal(q, piece, offset);
	}
	ret = n;
	if (copy_to_user(data, from, n)) {
		/* It is read again. */
		if (!image)
			q->stream = before;
		ret = -EFAULT;
	} else {
		if (image)
			mlx5vf_stream_part(&q->stream, from, n, offset + n ==
					   piece->head_length + piece->image_length);
		queue_consumed(q, piece, n);
	}
	mlx5vf_piece_put(piece);
	return ret;
}

/**
 * mlx5vf_queue_read() - read()
 * @q: The queue
 * @file: For its flags
 * @data: Where to
 * @count: Bytes
 *
 * Return: Bytes, 0 at the end, or an error.
 */
ssize_t mlx5vf_queue_read(struct mlx5vf_queue *q, struct file *file, char __user *data,
			  size_t count)
{
	size_t done = 0;
	ssize_t n = 0;
	int look;

	if (mutex_lock_interruptible(&q->read_lock))
		return -ERESTARTSYS;
	/* What has ended the wait counts, and not what there is a moment later. */
	if (file->f_flags & O_NONBLOCK)
		look = queue_look(q);
	else
		n = wait_event_interruptible(q->wait, (look = queue_look(q)) != -EAGAIN);
	n = n ?: look;
	if (n <= 0)
		goto out;
	n = 0;
	while (done < count) {
		n = queue_copy(q, data + done, count - done);
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
	mutex_unlock(&q->read_lock);
	return n;
}

/**
 * mlx5vf_queue_poll() - poll()
 * @q: The queue
 * @file: As for poll_wait()
 * @wait: As for poll_wait()
 *
 * Return: The events.
 */
__poll_t mlx5vf_queue_poll(struct mlx5vf_queue *q, struct file *file,
			   struct poll_table_struct *wait)
{
	__poll_t events = 0;
	int ret;

	poll_wait(file, &q->wait, wait);
	ret = queue_look(q);
	/* At a temporary end one can wait for more. */
	if (ret != -EAGAIN && ret != -ENOMSG)
		events = EPOLLIN | EPOLLRDNORM;
	if (ret < 0 && events)
		events |= EPOLLERR;
	return events;
}
