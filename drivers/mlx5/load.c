// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data session of RESUMING: takes a stream (stream.h) through write() and
 * loads its images. Decides what firmware gets to see: nothing but whole images,
 * checked, in order. Anything wrong ends the session for good, and RESUMING can
 * then be left through ERROR and a reset only.
 *
 * A header makes us allocate nothing but a bounded reserve; memory for an image
 * comes as its bytes come.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/xxhash.h>

#include "buffer.h"
#include "cmd.h"
#include "device.h"
#include "load.h"
#include "stream.h"

/* The most that is made ready because a stream says that it will be needed. */
#define MAX_PREPARE	SZ_64M

/**
 * struct mlx5vf_loader - the session
 * @ref: one of the file, one of mlx5vf_device.loader
 * @mv: the VF, of which it holds references, to both devices
 * @write_lock: one write() at a time; taken before state_lock, and not by what
 *	ends the session. Protects the fields up to @error; @buf is changed with
 *	state_lock held too.
 * @head: header of the current record
 * @head_got: bytes of it that were written
 * @small: what follows it, if it is not an image
 * @data_got: bytes of what follows that were written
 * @sum: of them
 * @buf: for the image; mapped only while it is loaded
 * @stream: the place
 * @complete: END has come, and all was right
 * @error: what went wrong, or 0
 * @pd: protection domain; this and the rest under state_lock
 * @dead: the session has ended
 */
struct mlx5vf_loader {
	struct kref ref;
	struct mlx5vf_device *mv;

	struct mutex write_lock;
	struct mlx5vf_record head;
	size_t head_got;
	u8 small[MLX5VF_SMALL] __aligned(8);
	size_t data_got;
	struct xxh64_state sum;
	struct mlx5vf_buffer *buf;
	struct mlx5vf_stream stream;
	bool complete;
	int error;

	u32 pd;
	bool dead;
};

static void loader_free(struct kref *ref)
{
	struct mlx5vf_loader *l = container_of(ref, struct mlx5vf_loader, ref);

	mlx5vf_buffer_put(l->buf);
	pci_dev_put(l->mv->core.pdev);
	vfio_put_device(&l->mv->core.vdev);
	kfree(l);
}

/* Nothing more is taken. */
static int refuse(struct mlx5vf_loader *l, int error, const char *why)
{
	lockdep_assert_held(&l->write_lock);
	if (!READ_ONCE(l->dead))
		dev_err_ratelimited(mlx5vf_dev(l->mv), "the migration data is refused at record %u: %s (error %d); VFIO_DEVICE_RESET makes the device usable again\n",
			l->stream.seq, why, error);
	WRITE_ONCE(l->error, error);
	return error;
}

/*
 * What the PCI core and the interrupt code have put into the device is theirs,
 * also if an image has other values. Interrupts can be set up at any time
 * (VFIO_DEVICE_SET_IRQS), which igate keeps out here, and what they have set is
 * written again after each image.
 */
static void keep_pci(struct mlx5vf_device *mv, u16 command)
{
	struct vfio_pci_core_device *core = &mv->core;
	struct pci_dev *pdev = core->pdev;
	u16 now;

	mutex_lock(&core->igate);
	down_write(&core->memory_lock);
	pci_read_config_word(pdev, PCI_COMMAND, &now);
	/* Asleep, and then they are written when it wakes up; or gone. */
	if (pdev->current_state != PCI_D0 || PCI_POSSIBLE_ERROR(now))
		goto unlock;
	if (now != command)
		dev_warn(mlx5vf_dev(mv), "the loaded state changed the PCI command register from %#x to %#x; it is set back\n",
			 command, now);
	/* The MSI-X table is behind a BAR. */
	pci_write_config_word(pdev, PCI_COMMAND, command | PCI_COMMAND_MEMORY);
	pci_restore_msi_state(pdev);
	pci_write_config_word(pdev, PCI_COMMAND, command);
unlock:
	up_write(&core->memory_lock);
	mutex_unlock(&core->igate);
}

/* May firmware be spoken to? Under state_lock. */
static int loader_ready(struct mlx5vf_loader *l)
{
	lockdep_assert_held(&l->mv->state_lock);
	return l->dead ? -ENODEV : mlx5vf_pf_ready(l->mv);
}

static int load_image(struct mlx5vf_loader *l, size_t length)
{
	struct mlx5vf_device *mv = l->mv;
	u16 command;
	int ret;

	/* Nothing to load, and no buffer to map. */
	if (!length)
		return 0;
	ret = mutex_lock_killable(&mv->state_lock);
	if (ret)
		return ret;
	ret = loader_ready(l);
	if (ret)
		goto unlock;
	if (!l->buf->mapped)
		ret = mlx5vf_buffer_map(mv, l->buf, l->pd);
	if (ret)
		goto unlock;
	mlx5vf_buffer_for_device(mv, l->buf);
	pci_read_config_word(mv->core.pdev, PCI_COMMAND, &command);
	ret = mlx5vf_cmd_load(mv, l->buf->mkey, length);
	keep_pci(mv, command);
	mlx5vf_buffer_for_cpu(mv, l->buf);
	if (ret)
		/* Maybe still being read. */
		mlx5vf_buffer_unmap(mv, l->buf);
unlock:
	mlx5vf_state_unlock(mv);
	return ret;
}

/* A buffer for an image of this size, empty or of some memory, but not mapped. */
static int image_buffer(struct mlx5vf_loader *l, size_t length)
{
	struct mlx5vf_device *mv = l->mv;
	struct mlx5vf_buffer *buf;
	int ret;

	if (l->buf && length <= mlx5vf_buffer_size(l->buf))
		return 0;
	buf = mlx5vf_buffer_alloc(length, DMA_TO_DEVICE);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	ret = mutex_lock_killable(&mv->state_lock);
	if (ret) {
		mlx5vf_buffer_put(buf);
		return ret;
	}
	if (l->buf && !l->dead)
		mlx5vf_buffer_unmap(mv, l->buf);
	mlx5vf_buffer_put(l->buf);
	l->buf = buf;
	mlx5vf_state_unlock(mv);
	return 0;
}

static int take_start(struct mlx5vf_loader *l, const char **why)
{
	const struct mlx5vf_start *start = (void *)l->small;
	struct mlx5vf_device *mv = l->mv;
	u64 prepare = le64_to_cpu(start->prepare);
	int ret;

	if (le16_to_cpu(start->vendor) != mv->core.pdev->vendor ||
	    le16_to_cpu(start->device) != mv->core.pdev->device) {
		*why = "it is of another kind of device";
		return -EOPNOTSUPP;
	}
	if ((le32_to_cpu(start->flags) & ~MLX5VF_START_CHUNKS) ||
	    ((le32_to_cpu(start->flags) & MLX5VF_START_CHUNKS) && !mv->chunks)) {
		*why = "the firmware cannot load state in chunks";
		return -EOPNOTSUPP;
	}
	if (!prepare)
		return 0;
	/* So that the guest does not wait for it later. Can fail: it is a hint. */
	ret = image_buffer(l, min_t(u64, prepare, MAX_PREPARE));
	if (!ret)
		mlx5vf_buffer_grow(l->buf, min_t(u64, prepare, MAX_PREPARE));
	return fatal_signal_pending(current) ? -EINTR : 0;
}

static int take_end(struct mlx5vf_loader *l, const char **why)
{
	int ret;

	ret = mlx5vf_stream_check_end(&l->stream, (void *)l->small, why);
	if (!ret)
		WRITE_ONCE(l->complete, true);
	return ret;
}

/* All of a record is here. */
static int take_record(struct mlx5vf_loader *l, const char **why)
{
	int ret;

	if (xxh64_digest(&l->sum) != le64_to_cpu(l->head.data_sum)) {
		*why = "it is damaged";
		return -EBADMSG;
	}
	*why = "the task was killed";
	switch (le16_to_cpu(l->head.type)) {
	case MLX5VF_RECORD_START:
		ret = take_start(l, why);
		break;
	case MLX5VF_RECORD_IMAGE:
		*why = "the image cannot be loaded";
		ret = load_image(l, le64_to_cpu(l->head.length));
		break;
	default:
		ret = take_end(l, why);
		break;
	}
	if (ret)
		return ret;
	mlx5vf_stream_passed(&l->stream, &l->head);
	l->head_got = 0;
	return 0;
}

/* The header is complete, what it announces follows. */
static int take_head(struct mlx5vf_loader *l, const char **why)
{
	int ret;

	ret = mlx5vf_stream_check(&l->stream, &l->head, why);
	if (ret)
		return ret;
	l->data_got = 0;
	xxh64_reset(&l->sum, mlx5vf_stream_seed(&l->stream));
	if (le16_to_cpu(l->head.type) != MLX5VF_RECORD_IMAGE || !l->head.length)
		return 0;
	*why = "there is no memory for an image";
	return image_buffer(l, le64_to_cpu(l->head.length));
}

/* Where the next bytes of the current record's content go; *n is cut to fit. */
static int data_at(struct mlx5vf_loader *l, size_t *n, void **to)
{
	size_t left = le64_to_cpu(l->head.length) - l->data_got;
	int ret;

	*n = min(*n, left);
	if (le16_to_cpu(l->head.type) != MLX5VF_RECORD_IMAGE) {
		*to = l->small + l->data_got;
		return 0;
	}
	if (l->data_got >= mlx5vf_buffer_size(l->buf)) {
		ret = mlx5vf_buffer_grow(l->buf, l->data_got + min_t(size_t, left, SZ_4M));
		if (ret)
			return ret;
	}
	*to = mlx5vf_buffer_at(l->buf, l->data_got, n);
	return 0;
}

/* Take some bytes; returns how many, or an error that ends the session. */
static ssize_t take_some(struct mlx5vf_loader *l, const char __user *data, size_t count,
			 const char **why)
{
	size_t n = count;
	bool in_head = l->head_got < sizeof(l->head);
	void *to;
	int ret = 0;

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
	if (in_head) {
		l->head_got += n;
		if (l->head_got < sizeof(l->head))
			return n;
		ret = take_head(l, why);
		if (!ret && !l->head.length)
			ret = take_record(l, why);
	} else {
		xxh64_update(&l->sum, to, n);
		l->data_got += n;
		if (l->data_got == le64_to_cpu(l->head.length))
			ret = take_record(l, why);
	}
	return ret ?: n;
}

static ssize_t loader_write(struct file *file, const char __user *data, size_t count, loff_t *pos)
{
	struct mlx5vf_loader *l = file->private_data;
	const char *why = "the session has ended";
	ssize_t done = 0, n;

	n = mutex_lock_killable(&l->write_lock);
	if (n)
		return n;
	n = READ_ONCE(l->dead) ? -ENODEV : l->error;
	if (n)
		goto out;
	while (done < count) {
		if (l->complete) {
			n = refuse(l, -EBADMSG, "something follows its end");
			goto out;
		}
		n = take_some(l, data + done, count - done, &why);
		if (n < 0) {
			refuse(l, n, why);
			goto out;
		}
		if (!n) {
			n = done ?: -EFAULT;
			goto out;
		}
		done += n;
		if (READ_ONCE(l->dead)) {
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

static int loader_release(struct inode *inode, struct file *file)
{
	struct mlx5vf_loader *l = file->private_data;

	kref_put(&l->ref, loader_free);
	return 0;
}

static const struct file_operations loader_fops = {
	.owner = THIS_MODULE,
	.write = loader_write,
	.release = loader_release,
};

/**
 * mlx5vf_load_begin - open a session for loading
 * @mv: the VF; ready, stopped, state_lock held
 *
 * Return: the session's file, or an ERR_PTR.
 */
struct file *mlx5vf_load_begin(struct mlx5vf_device *mv)
{
	struct mlx5vf_loader *l;
	struct file *file;
	int ret;

	lockdep_assert_held(&mv->state_lock);
	l = kzalloc(sizeof(*l), GFP_KERNEL_ACCOUNT);
	if (!l)
		return ERR_PTR(-ENOMEM);
	kref_init(&l->ref);
	mutex_init(&l->write_lock);
	l->mv = mv;
	get_device(&mv->core.vdev.device);
	pci_dev_get(mv->core.pdev);

	ret = mlx5_core_alloc_pd(mv->mdev, &l->pd);
	if (ret)
		goto put;
	file = anon_inode_getfile("[mlx5vf-load]", &loader_fops, l, O_WRONLY);
	if (IS_ERR(file)) {
		ret = PTR_ERR(file);
		goto dealloc;
	}
	stream_open(file_inode(file), file);
	kref_get(&l->ref);
	mv->loader = l;
	return file;

dealloc:
	mlx5_core_dealloc_pd(mv->mdev, l->pd);
put:
	kref_put(&l->ref, loader_free);
	return ERR_PTR(ret);
}

/**
 * mlx5vf_load_finish - leave RESUMING
 * @mv: the VF; state_lock held
 *
 * Return: 0 if a whole stream was loaded, and the session is over; -ENODATA if
 * some is still missing, and the session goes on; or what went wrong with it.
 */
int mlx5vf_load_finish(struct mlx5vf_device *mv)
{
	struct mlx5vf_loader *l = mv->loader;

	lockdep_assert_held(&mv->state_lock);
	if (!l)
		return -ENODEV;
	if (READ_ONCE(l->error))
		return READ_ONCE(l->error);
	if (!READ_ONCE(l->complete))
		return -ENODATA;
	mlx5vf_load_end(mv);
	return 0;
}

/**
 * mlx5vf_load_end - end the session, if there is one
 * @mv: the VF; attached, state_lock held
 *
 * Writes fail from now on; nothing is waited for.
 */
void mlx5vf_load_end(struct mlx5vf_device *mv)
{
	struct mlx5vf_loader *l = mv->loader;

	lockdep_assert_held(&mv->state_lock);
	if (!l)
		return;
	mv->loader = NULL;
	WRITE_ONCE(l->dead, true);
	/* A write() that fills it goes on, in memory that firmware has left. */
	if (l->buf)
		mlx5vf_buffer_unmap(mv, l->buf);
	mlx5_core_dealloc_pd(mv->mdev, l->pd);
	kref_put(&l->ref, loader_free);
}
