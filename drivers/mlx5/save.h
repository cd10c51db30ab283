/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The data session of the saving states, shared by save_arcs.c (what the arcs do),
 * save.c (SAVE commands and what becomes of their answers) and save_fd.c (the file
 * that the data is read from).
 */
#ifndef MLX5VF_SAVE_H
#define MLX5VF_SAVE_H

#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mlx5/driver.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "cmd.h"
#include "stream.h"

struct file;
struct mlx5vf_buffer;
struct mlx5vf_device;

/**
 * struct mlx5vf_piece - a record on its way to the reader, or a buffer for one
 * @ref: one of the list it is in (or of the command that fills it), one of a read()
 *	that is copying from it
 * @link: in mlx5vf_saver.ready or idle
 * @head: header, and behind it what is no image
 * @head_length: bytes of @head that are used
 * @buf: the image's memory, or NULL
 * @image_length: bytes of it that are used
 */
struct mlx5vf_piece {
	struct kref ref;
	struct list_head link;
	u8 head[sizeof(struct mlx5vf_record) + MLX5VF_SMALL];
	size_t head_length;
	struct mlx5vf_buffer *buf;
	size_t image_length;
};

/* How many images wait to be read before firmware makes another. */
#define MLX5VF_MAX_READY	2

/* What a SAVE command is for. */
enum mlx5vf_save_kind {
	MLX5VF_SAVE_TRACK,	/* pre-copy: from now on, track what changes */
	MLX5VF_SAVE_FINAL,	/* of a stopped VF: the rest, maybe in chunks */
	MLX5VF_SAVE_CLEANUP,	/* end the tracking; the data is of no use */
};

/**
 * struct mlx5vf_saver - the session
 * @ref: one of the file, of mlx5vf_device.saver, of a command under way, and of @work
 *	when it is queued
 * @mv: the VF, of which it holds a reference
 * @work: acts upon an answer, and goes on with the next chunk
 *
 * @kind: of the command; this and what follows is under state_lock
 * @busy: a SAVE command was given, and its answer was not acted upon
 * @async: mlx5_core's part of it
 * @piece: where firmware puts the data
 * @out: where mlx5_core puts the answer
 * @status: the answer, as mlx5_cmd_check() takes it
 * @has_answer: @status and @out are valid
 * @answered: completed when nobody else looks at the session because of the answer
 * @pd: protection domain
 * @chunk: size of a buffer at least, in bytes
 * @next: firmware has more, and wants a buffer of so many bytes for it
 * @full: the last SAVE must be of everything, since pre-copy failed
 * @stream: the place
 * @idle: pieces with buffers that can be used again
 *
 * @lock: protects what follows
 * @wait: for readers, changes of what follows
 * @ready: pieces to read
 * @nready: number of them that have an image
 * @used: pieces with buffers that were read
 * @offset: how far the first was read
 * @queued: bytes that were put into @ready since the beginning
 * @consumed: bytes that were read
 * @initial: bytes up to the end of the first image
 * @saving: data is going to come
 * @precopy: the end is a temporary one
 * @ended: END is in @ready, or was read
 * @dead: the session is over
 * @error: there will be no more data because of this, or 0
 *
 * @read_lock: one read() at a time; no one else takes it
 */
struct mlx5vf_saver {
	struct kref ref;
	struct mlx5vf_device *mv;
	struct work_struct work;

	enum mlx5vf_save_kind kind;
	bool busy;
	struct mlx5_async_work async;
	struct mlx5vf_piece *piece;
	u32 out[MLX5_ST_SZ_DW(save_vhca_state_out)];
	int status;
	bool has_answer;
	struct completion answered;
	u32 pd;
	size_t chunk;
	size_t next;
	bool full;
	struct mlx5vf_stream stream;
	struct list_head idle;

	spinlock_t lock;
	wait_queue_head_t wait;
	struct list_head ready;
	unsigned int nready;
	struct list_head used;
	size_t offset;
	u64 queued;
	u64 consumed;
	u64 initial;
	bool saving;
	bool precopy;
	bool ended;
	bool dead;
	int error;

	struct mutex read_lock;
};

struct file *mlx5vf_save_begin(struct mlx5vf_device *mv, bool precopy);
int mlx5vf_save_settle(struct mlx5vf_device *mv);
int mlx5vf_save_final(struct mlx5vf_device *mv);
void mlx5vf_save_untrack(struct mlx5vf_device *mv);
void mlx5vf_save_end(struct mlx5vf_device *mv);

/* Between save.c, save_arcs.c and save_fd.c. */
struct mlx5vf_piece *mlx5vf_saver_buffer(struct mlx5vf_saver *s, size_t size);
int mlx5vf_saver_queue_small(struct mlx5vf_saver *s, enum mlx5vf_record_type type,
			     const void *data, size_t length);
void mlx5vf_saver_fail(struct mlx5vf_saver *s, int error, const char *why);
int mlx5vf_saver_issue(struct mlx5vf_saver *s, struct mlx5vf_piece *piece, bool incremental,
		       enum mlx5vf_save_kind kind);
void mlx5vf_saver_work(struct work_struct *work);
struct file *mlx5vf_save_file(struct mlx5vf_saver *s);
void mlx5vf_saver_put(struct mlx5vf_saver *s);
void mlx5vf_saver_kick(struct mlx5vf_saver *s);
void mlx5vf_piece_put(struct mlx5vf_piece *piece);
int mlx5vf_save_more(struct mlx5vf_saver *s, size_t size);

#endif
