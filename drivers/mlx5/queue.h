/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MLX5VF_QUEUE_H
#define MLX5VF_QUEUE_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "stream.h"

struct file;
struct mlx5vf_buffer;

/**
 * struct mlx5vf_piece - An image with its records, on its way to the reader
 * @ref: One of the list it is in (or of the command that fills it), one of a read()
 *	that is copying from it
 * @link: In mlx5vf_queue.ready or used, or in mlx5vf_pool.idle
 * @head: Records in front, the first of which is one of ours
 * @head_length: Bytes of them
 * @buf: The image's memory, or NULL
 * @image_length: Bytes of it that are used
 * @tail: A record of ours behind
 * @tail_length: Bytes of it
 */
struct mlx5vf_piece {
	struct kref ref;
	struct list_head link;
	u8 head[MLX5VF_STREAM_HEAD] __aligned(8);
	size_t head_length;
	struct mlx5vf_buffer *buf;
	size_t image_length;
	u8 tail[MLX5VF_IMAGE_TAIL] __aligned(8);
	size_t tail_length;
};

/**
 * struct mlx5vf_queue - What waits to be read
 * @room: Called under @lock when an image was read, and the session is not over
 *
 * @lock: Protects what follows
 * @wait: For readers, changes of what follows
 * @ready: Pieces to read
 * @nready: Number of them that have an image
 * @used: Pieces with buffers that were read
 * @offset: How far the first was read
 * @queued: Bytes that were put into @ready since the beginning
 * @consumed: Bytes that were read
 * @initial: Bytes up to the end of the last image of initial data
 * @is_initial: The next image will be such a one
 * @saving: Data is going to come
 * @precopy: The end is a temporary one
 * @ended: END is in @ready, or was read
 * @dead: The session is over
 * @error: There will be no more data because of this, or 0
 *
 * @read_lock: One read() at a time; no one else takes it, and it protects @stream and
 *	what the records of the first piece say
 * @stream: The reader's place
 */
struct mlx5vf_queue {
	void (*room)(struct mlx5vf_queue *q);

	spinlock_t lock;
	wait_queue_head_t wait;
	struct list_head ready;
	unsigned int nready;
	struct list_head used;
	size_t offset;
	u64 queued;
	u64 consumed;
	u64 initial;
	bool is_initial;
	bool saving;
	bool precopy;
	bool ended;
	bool dead;
	int error;

	struct mutex read_lock;
	struct mlx5vf_stream stream;
};

struct mlx5vf_piece *mlx5vf_piece_alloc(void);
void mlx5vf_piece_put(struct mlx5vf_piece *piece);
void mlx5vf_queue_init(struct mlx5vf_queue *q, void (*room)(struct mlx5vf_queue *q));
int mlx5vf_queue_start(struct mlx5vf_queue *q, const struct mlx5vf_start *start, u64 prepare);
void mlx5vf_queue_image(struct mlx5vf_queue *q, struct mlx5vf_piece *piece, size_t length);
int mlx5vf_queue_end(struct mlx5vf_queue *q);
void mlx5vf_queue_expect(struct mlx5vf_queue *q, bool saving);
void mlx5vf_queue_reinit(struct mlx5vf_queue *q);
void mlx5vf_queue_stopped(struct mlx5vf_queue *q);
void mlx5vf_queue_fail(struct mlx5vf_queue *q, int error);
void mlx5vf_queue_die(struct mlx5vf_queue *q, struct list_head *pieces);
void mlx5vf_queue_reuse(struct mlx5vf_queue *q, struct list_head *pieces);
unsigned int mlx5vf_queue_images(struct mlx5vf_queue *q);
int mlx5vf_queue_error(struct mlx5vf_queue *q);
u64 mlx5vf_queue_unread(struct mlx5vf_queue *q, u64 *initial);
ssize_t mlx5vf_queue_read(struct mlx5vf_queue *q, struct file *file, char __user *data,
			  size_t count);
__poll_t mlx5vf_queue_poll(struct mlx5vf_queue *q, struct file *file,
			   struct poll_table_struct *wait);

#endif
