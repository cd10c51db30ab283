// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data session of RESUMING: takes a stream (stream.h) through write() and
 * loads its images. Decides what firmware gets to see: whole images, in order, and,
 * if the stream has checksums, only after those were right. Anything wrong ends the
 * session for good, and RESUMING can then be left through ERROR and a reset only.
 *
 * In a stream with checksums the firmware loads one image while the next one arrives:
 * write() gives a LOAD, and acts upon its answer before it gives the next, or at END.
 *
 * A header makes us allocate nothing but a bounded reserve; memory for an image
 * is allocated as its bytes arrive.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "buffer.h"
#include "cmd.h"
#include "compat.h"
#include "device.h"
#include "load.h"
#include "stream.h"

static bool require_checked_streams;
module_param(require_checked_streams, bool, 0644);
MODULE_PARM_DESC(require_checked_streams, "Refuse migration data without checksums, which upstream's driver makes");

/* The most that is made ready because a stream says that it will be needed. */
#define MAX_PREPARE	SZ_64M
/* A larger image is loaded before memory for the next one is allocated. */
#define MAX_BEHIND	SZ_64M

/**
 * struct mlx5vf_loader - The session
 * @base: What all sessions have
 * @write_lock: One write() at a time; taken before state_lock, and not by what
 *	ends the session. Protects the rest; @buf and @other are changed with
 *	state_lock held too.
 * @head: Header of the current record
 * @head_got: Bytes of it that were written
 * @content: What is to be done with what follows it
 * @small: What follows it, if it is kept
 * @data_got: Bytes of what follows that were written
 * @buf: For the image that arrives, or NULL; mapped since it was first loaded
 * @other: Memory of the image before, or NULL; firmware reads it while @cmd is under way
 * @cmd: The LOAD of which the answer was not acted upon, or NULL; under state_lock
 * @stored: Bytes of an image that is complete and was not loaded
 * @stream: The place
 * @records: Number of records so far
 * @begun: A byte was written
 * @closed: The file was closed
 * @complete: The VF can leave RESUMING as far as the stream is concerned
 * @error: What went wrong, or 0
 */
struct mlx5vf_loader {
	struct mlx5vf_session base;

	struct mutex write_lock;
	struct mlx5vf_record head;
	size_t head_got;
	enum mlx5vf_content content;
	u8 small[MLX5VF_SMALL] __aligned(8);
	u64 data_got;
	struct mlx5vf_buffer *buf;
	struct mlx5vf_buffer *other;
	struct mlx5vf_cmd *cmd;
	size_t stored;
	struct mlx5vf_stream stream;
	u32 records;
	bool begun;
	bool closed;
	bool complete;
	int error;
};

static struct mlx5vf_loader *to_loader(struct mlx5vf_session *base)
{
	return container_of(base, struct mlx5vf_loader, base);
}

/* Nothing more is taken. */
static int loader_refuse(struct mlx5vf_loader *l, int error, const char *why)
{
	lockdep_assert_held(&l->write_lock);
	if (!READ_ONCE(l->base.dead))
		dev_err_ratelimited(mlx5vf_dev(l->base.mv), "the migration data is refused at record %u: %s (error %d); VFIO_DEVICE_RESET makes the device usable again\n",
				    l->records, why, error);
	error = mlx5vf_final_error(error);
	WRITE_ONCE(l->error, error);
	return error;
}

/* ---- Images ---- */

/* Possibly in an interrupt. The work takes over the command's reference. */
static void loader_answered(void *owner)
{
	struct mlx5vf_loader *l = owner;

	if (!queue_work(l->base.mv->wq, &l->base.work))
		mlx5vf_session_put(&l->base);
}

/* Wait for the LOAD that is under way, and act upon its answer. */
static int loader_settle(struct mlx5vf_loader *l)
{
	struct mlx5vf_device *mv = l->base.mv;
	struct mlx5vf_result result;
	int ret;

	lockdep_assert_held(&mv->state_lock);
	if (!l->cmd)
		return 0;
	ret = mlx5vf_cmd_wait(l->cmd);
	if (ret && mlx5vf_cmd_abandon(l->cmd)) {
		/* While it is being read, the buffer stays. */
		mv->unsure = true;
		return ret;
	}
	result = mlx5vf_cmd_result(l->cmd);
	if (result.outcome == MLX5VF_UNKNOWN)
		mv->unsure = true;
	mlx5vf_cmd_put(l->cmd);
	l->cmd = NULL;
	mlx5vf_buffer_for_cpu(mv, l->other);
	return result.err;
}

/* Give the LOAD of an image; none is under way. */
static int loader_issue(struct mlx5vf_loader *l, size_t length)
{
	struct mlx5vf_device *mv = l->base.mv;
	struct mlx5vf_result result;
	int ret;

	ret = mlx5vf_pf_ready(mv);
	if (!ret && !l->buf->mapped)
		ret = mlx5vf_buffer_map(mv, l->buf, l->base.pd);
	if (ret)
		return ret;
	mlx5vf_buffer_for_device(mv, l->buf);
	kref_get(&l->base.ref);
	result = mlx5vf_cmd_load(mv, l->buf->mkey, length, loader_answered, l, &l->cmd);
	if (result.err) {
		mlx5vf_session_put(&l->base);
		mlx5vf_buffer_for_cpu(mv, l->buf);
		return result.err;
	}
	swap(l->buf, l->other);
	return 0;
}

/* Load the image, after the one before; or only wait for that one if there is none. */
static int load_image(struct mlx5vf_loader *l, size_t length)
{
	struct mlx5vf_device *mv = l->base.mv;
	int ret;

	ret = mlx5vf_state_lock(mv);
	if (ret)
		return ret;
	ret = l->base.dead ? -ENODEV : loader_settle(l);
	if (!ret && length)
		ret = loader_issue(l, length);
	if (!ret && (!l->stream.checked || length > MAX_BEHIND)) {
		ret = loader_settle(l);
		/* Nothing reads it any more, and the next image may need as much. */
		if (!l->cmd)
			swap(l->buf, l->other);
	}
	mlx5vf_state_unlock(mv);
	return ret;
}

/* A buffer for an image of this size, empty or of some memory. */
static int image_buffer(struct mlx5vf_loader *l, size_t length)
{
	struct mlx5vf_device *mv = l->base.mv;
	struct mlx5vf_buffer *buf;
	int ret;

	if (l->buf && length <= mlx5vf_buffer_size(l->buf))
		return 0;
	buf = mlx5vf_buffer_alloc(length, DMA_TO_DEVICE);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	ret = mlx5vf_state_lock(mv);
	if (ret) {
		mlx5vf_buffer_put(buf);
		return ret;
	}
	if (l->buf && !l->base.released)
		mlx5vf_buffer_unmap(mv, l->buf);
	mlx5vf_buffer_put(l->buf);
	l->buf = buf;
	mlx5vf_state_unlock(mv);
	return 0;
}

/* ---- Records ---- */

/* So that the guest does not wait for it later. Can fail: it is a hint. */
static int take_prepare(struct mlx5vf_loader *l)
{
	u64 size = le64_to_cpu(*(__le64 *)l->small);

	size = min_t(u64, size, MAX_PREPARE);
	if (size && !image_buffer(l, size))
		mlx5vf_buffer_grow(l->buf, size);
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/*
 * START. The bytes may have come long after the write() began (userfaultfd), and the PF is
 * there for no longer than the session.
 */
static int take_start(struct mlx5vf_loader *l, const char **why)
{
	struct mlx5vf_device *mv = l->base.mv;
	int ret;

	*why = "the task was killed";
	ret = mlx5vf_state_lock(mv);
	if (ret)
		return ret;
	ret = l->base.dead ? -ENODEV : mlx5vf_start_check(mv, (void *)l->small, why);
	mlx5vf_state_unlock(mv);
	return ret;
}

static int take_small(struct mlx5vf_loader *l, const char **why)
{
	int ret = mlx5vf_stream_small(&l->stream, &l->head, l->small, why);

	if (ret)
		return ret;
	switch (le32_to_cpu(l->head.tag)) {
	case MLX5VF_TAG_START:
		return take_start(l, why);
	case MLX5VF_TAG_PREPARE:
		*why = "the task was killed";
		return take_prepare(l);
	case MLX5VF_TAG_SUM:
		*why = "the image cannot be loaded";
		ret = load_image(l, l->stored);
		l->stored = 0;
		return ret;
	case MLX5VF_TAG_END:
		*why = "the image cannot be loaded";
		ret = load_image(l, 0);
		if (!ret)
			WRITE_ONCE(l->complete, true);
		return ret;
	default:
		return 0;
	}
}

static int take_image(struct mlx5vf_loader *l, const char **why)
{
	/* Nothing to load, and no state to leave RESUMING with. */
	if (!l->data_got)
		return 0;
	mlx5vf_stream_image(&l->stream);
	if (l->stream.checked) {
		l->stored = l->data_got;
		return 0;
	}
	*why = "the image cannot be loaded";
	return load_image(l, l->data_got);
}

/* All of a record is here. */
static int take_record(struct mlx5vf_loader *l, const char **why)
{
	int ret = 0;

	if (l->content == MLX5VF_CONTENT_SMALL)
		ret = take_small(l, why);
	else if (l->content == MLX5VF_CONTENT_IMAGE)
		ret = take_image(l, why);
	if (ret)
		return ret;
	l->records++;
	l->head_got = 0;
	/* A stream of upstream's driver can end behind any record. */
	if (!l->stream.checked)
		WRITE_ONCE(l->complete, l->stream.images);
	return 0;
}

/* The header is complete, what it announces follows. */
static int take_head(struct mlx5vf_loader *l, const char **why)
{
	int ret;

	ret = mlx5vf_stream_head(&l->stream, &l->head, &l->content, why);
	if (ret)
		return ret;
	if (!l->records && !l->stream.checked) {
		*why = "it has no checksums, and require_checked_streams is set";
		if (READ_ONCE(require_checked_streams))
			return -EOPNOTSUPP;
		dev_info_ratelimited(mlx5vf_dev(l->base.mv), "the migration data is of upstream's driver, and has no checksums\n");
	}
	l->data_got = 0;
	if (l->content != MLX5VF_CONTENT_IMAGE || !l->head.length)
		return 0;
	*why = "there is no memory for an image";
	return image_buffer(l, le64_to_cpu(l->head.length));
}

/* Where the next bytes of the current record's content go; *n is cut to fit. */
static int data_at(struct mlx5vf_loader *l, size_t *n, void **to)
{
	u64 left = le64_to_cpu(l->head.length) - l->data_got;
	int ret;

	*n = min_t(u64, *n, left);
	switch (l->content) {
	case MLX5VF_CONTENT_SMALL:
		*to = l->small + l->data_got;
		return 0;
	case MLX5VF_CONTENT_SKIP:
		*n = min(*n, sizeof(l->small));
		*to = l->small;
		return 0;
	default:
		break;
	}
	if (l->data_got >= mlx5vf_buffer_size(l->buf)) {
		ret = mlx5vf_buffer_grow(l->buf, l->data_got + min_t(u64, left, SZ_4M));
		if (ret)
			return ret;
	}
	*to = mlx5vf_buffer_at(l->buf, l->data_got, n);
	return 0;
}

static int took_head(struct mlx5vf_loader *l, size_t n, const char **why)
{
	int ret;

	l->head_got += n;
	/* It does not end where it could have. */
	if (!l->stream.checked)
		WRITE_ONCE(l->complete, false);
	if (l->head_got < sizeof(l->head))
		return 0;
	ret = take_head(l, why);
	return ret || l->head.length ? ret : take_record(l, why);
}

static int took_data(struct mlx5vf_loader *l, const void *data, size_t n, const char **why)
{
	bool last;

	l->data_got += n;
	last = l->data_got == le64_to_cpu(l->head.length);
	if (l->stream.checked && l->content == MLX5VF_CONTENT_IMAGE)
		mlx5vf_stream_part(&l->stream, data, n, last);
	else if (l->stream.checked && l->content == MLX5VF_CONTENT_SKIP)
		mlx5vf_stream_data(&l->stream, data, n);
	return last ? take_record(l, why) : 0;
}

/* Take some bytes; returns how many, or an error that ends the session. */
static ssize_t take_some(struct mlx5vf_loader *l, const char __user *data, size_t count,
			 const char **why)
{
	bool in_head = l->head_got < sizeof(l->head);
	size_t n = count;
	void *to;
	int ret;

	if (in_head) {
		n = min(n, sizeof(l->head) - l->head_got);
		to = (void *)&l->head + l->head_got;
	} else {
		*why = "there is no memory for an image";
		ret = data_at(l, &n, &to);
		if (ret)
			return ret;
	}
	if (copy_from_user(to, data, n))
		return 0;
	WRITE_ONCE(l->begun, true);
	ret = in_head ? took_head(l, n, why) : took_data(l, to, n, why);
	return ret ?: n;
}

/* ---- The file ---- */

static ssize_t loader_write(struct file *file, const char __user *data, size_t count, loff_t *pos)
{
	struct mlx5vf_loader *l = file->private_data;
	const char *why = "the session has ended";
	ssize_t done = 0, n;

	n = mutex_lock_killable(&l->write_lock);
	if (n)
		return n;
	n = READ_ONCE(l->base.dead) ? -ENODEV : l->error;
	if (n)
		goto out;
	while (done < count) {
		if (l->stream.ended) {
			n = loader_refuse(l, -EBADMSG, "something follows its end");
			goto out;
		}
		n = take_some(l, data + done, count - done, &why);
		if (n < 0) {
			n = loader_refuse(l, n, why);
			goto out;
		}
		if (!n) {
			n = done ?: -EFAULT;
			goto out;
		}
		done += n;
		if (READ_ONCE(l->base.dead)) {
			n = -ENODEV;
			goto out;
		}
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	n = done;
out:
	mutex_unlock(&l->write_lock);
	return n;
}

static int loader_release_file(struct inode *inode, struct file *file)
{
	struct mlx5vf_loader *l = file->private_data;

	WRITE_ONCE(l->closed, true);
	mlx5vf_session_put(&l->base);
	return 0;
}

static const struct file_operations loader_fops = {
	.owner = THIS_MODULE,
	.write = loader_write,
	.release = loader_release_file,
};

/* ---- The session ends ---- */

static void loader_end(struct mlx5vf_session *base)
{
	struct mlx5vf_loader *l = to_loader(base);

	if (l->cmd)
		mlx5vf_cmd_abandon(l->cmd);
}

static int loader_wait(struct mlx5vf_session *base)
{
	struct mlx5vf_loader *l = to_loader(base);

	return l->cmd ? mlx5vf_cmd_wait(l->cmd) : 0;
}

static bool loader_is_busy(struct mlx5vf_session *base)
{
	struct mlx5vf_loader *l = to_loader(base);

	return l->cmd && !mlx5vf_cmd_is_answered(l->cmd);
}

/* A write() that fills the buffer continues, in memory that firmware has released. */
static void loader_release(struct mlx5vf_session *base)
{
	struct mlx5vf_loader *l = to_loader(base);

	if (l->buf)
		mlx5vf_buffer_unmap(base->mv, l->buf);
	if (l->other)
		mlx5vf_buffer_unmap(base->mv, l->other);
	mlx5_core_dealloc_pd(base->mv->mdev, base->pd);
}

static void loader_free(struct mlx5vf_session *base)
{
	struct mlx5vf_loader *l = to_loader(base);

	mlx5vf_cmd_put(l->cmd);
	mlx5vf_buffer_put(l->buf);
	mlx5vf_buffer_put(l->other);
	pci_dev_put(base->mv->core.pdev);
	kfree(l);
}

static const struct mlx5vf_session_ops loader_ops = {
	.end = loader_end,
	.wait = loader_wait,
	.release = loader_release,
	.is_busy = loader_is_busy,
	.free = loader_free,
};

static void loader_work(struct work_struct *work)
{
	struct mlx5vf_session *s = container_of(work, struct mlx5vf_session, work);

	mutex_lock(&s->mv->state_lock);
	mlx5vf_session_release(s);
	mlx5vf_state_unlock(s->mv);
	mlx5vf_session_put(s);
}

/* ---- What the arcs do ---- */

/**
 * mlx5vf_load_begin() - Open a session for loading
 * @mv: The VF; ready, stopped, state_lock held
 *
 * Return: The session's file, or an ERR_PTR.
 */
struct file *mlx5vf_load_begin(struct mlx5vf_device *mv)
{
	struct mlx5vf_loader *l;
	struct file *file;
	int ret;

	lockdep_assert_held(&mv->state_lock);
	l = kzalloc_obj(*l, GFP_KERNEL_ACCOUNT);
	if (!l)
		return ERR_PTR(-ENOMEM);
	mlx5vf_session_init(&l->base, mv, &loader_ops, loader_work);
	pci_dev_get(mv->core.pdev);
	mutex_init(&l->write_lock);
	mlx5vf_stream_begin(&l->stream);

	ret = mlx5_core_alloc_pd(mv->mdev, &l->base.pd);
	if (ret)
		goto put;
	file = anon_inode_getfile("[mlx5vf-load]", &loader_fops, l, O_WRONLY);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		goto dealloc;
	}
	stream_open(file_inode(file), file);
	kref_get(&l->base.ref);
	mv->session = &l->base;
	return file;

dealloc:
	mlx5_core_dealloc_pd(mv->mdev, l->base.pd);
put:
	mlx5vf_session_put(&l->base);
	return ERR_PTR(ret);
}

/**
 * mlx5vf_load_finish() - Leave RESUMING
 * @mv: The VF in RESUMING; state_lock held
 *
 * Return: 0 if a stream was loaded or nothing was written at all, and the session is
 * over; -ENODATA if some is still missing and can still arrive, and the session
 * continues; or why it cannot continue.
 */
int mlx5vf_load_finish(struct mlx5vf_device *mv)
{
	struct mlx5vf_loader *l;

	lockdep_assert_held(&mv->state_lock);
	if (!mv->session)
		return -ENODEV;
	l = to_loader(mv->session);
	if (READ_ONCE(l->error))
		return READ_ONCE(l->error);
	if (READ_ONCE(l->begun) && !READ_ONCE(l->complete))
		return READ_ONCE(l->closed) ? -EBADMSG : -ENODATA;
	mlx5vf_session_end(mv);
	return 0;
}
