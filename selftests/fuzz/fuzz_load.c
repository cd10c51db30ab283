// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reader of mlx5's migration data (drivers/mlx5/load.c, stream.c, compat.c), with
 * streams that were damaged on the way: bits flipped, parts cut out, repeated,
 * exchanged, taken from another stream, or forged with right checksums; written
 * in pieces of any size, with faults, allocations that fail, and the session
 * ended in the middle.
 *
 * Firmware must see nothing but images of the stream as it was, in order; a
 * session is finished only with all of it; and nothing is left behind. Of a stream
 * that is forged, or has no checksums, only the last is expected.
 */
#include <mlx5/buffer.h>
#include <mlx5/cmd.h>
#include <mlx5/compat.h>
#include <mlx5/device.h>
#include <mlx5/load.h>
#include <mlx5/stream.h>

#include "tape.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

#define VENDOR		0x15b3
#define DEVICE		0x101e
#define IMAGES		6
#define MAX_STREAM	(256 << 10)

static struct pci_dev pdev;
static struct mlx5_core_dev mdev;
static struct mlx5vf_device vf;
static struct file file;

/* The stream as it was made, what becomes of it, and where its records begin. */
static unsigned char *stream, *damaged;
static size_t length, damaged_length, borders[3 * IMAGES + 4];
static unsigned int nr_borders;
static bool forged, checked;

/* Its images, and how many of them firmware has. */
static size_t image_at[IMAGES], image_length[IMAGES];
static unsigned int nr_images, loaded;

/* What is live. */
static int pds, buffers, mappings;
/* By their keys: one is loaded while the next one is filled. */
#define MKEYS			2
static struct mlx5vf_buffer *mapped[MKEYS];
static bool starved, unready;

/* The LOAD that is under way, and its buffer with the image. */
static struct mlx5vf_cmd load;
static struct mlx5vf_buffer *load_buf;
static size_t load_length;
static bool load_given, load_answered;

/* ---- What load.c calls ----------------------------------------------------- */

int mlx5_core_alloc_pd(struct mlx5_core_dev *mdev, u32 *pd)
{
	(void)mdev;
	*pd = 1;
	pds++;
	return 0;
}

void mlx5_core_dealloc_pd(struct mlx5_core_dev *mdev, u32 pd)
{
	(void)mdev;
	(void)pd;
	pds--;
}

int mlx5vf_pf_ready(struct mlx5vf_device *mv)
{
	(void)mv;
	return unready ? -ENODEV : 0;
}

int mlx5vf_state_lock(struct mlx5vf_device *mv)
{
	return mutex_lock_killable(&mv->state_lock);
}

void mlx5vf_state_unlock(struct mlx5vf_device *mv)
{
	mutex_unlock(&mv->state_lock);
}

void mlx5vf_session_init(struct mlx5vf_session *s, struct mlx5vf_device *mv,
			 const struct mlx5vf_session_ops *ops, work_func_t work)
{
	(void)work;
	kref_init(&s->ref);
	s->mv = mv;
	s->ops = ops;
	get_device(&mv->core.vdev.device);
}

static void session_free(struct kref *ref)
{
	struct mlx5vf_session *s = container_of(ref, struct mlx5vf_session, ref);
	struct mlx5vf_device *mv = s->mv;

	s->ops->free(s);
	vfio_put_device(&mv->core.vdev);
}

void mlx5vf_session_put(struct mlx5vf_session *s)
{
	kref_put(&s->ref, session_free);
}

void mlx5vf_session_release(struct mlx5vf_session *s)
{
	lockdep_assert_held(&s->mv->state_lock);
	if (s->ops->is_busy(s))
		fuzz_bug("a command of a session that has ended is under way");
	s->released = true;
	s->ops->release(s);
}

/* What the driver leaves to the session's work is done at once. */
void mlx5vf_session_end(struct mlx5vf_device *mv)
{
	struct mlx5vf_session *s = mv->session;

	lockdep_assert_held(&mv->state_lock);
	mv->session = NULL;
	s->dead = true;
	s->ops->end(s);
	mlx5vf_session_release(s);
	mlx5vf_session_put(s);
}

struct mlx5vf_buffer *mlx5vf_buffer_alloc(size_t size, enum dma_data_direction dir)
{
	struct mlx5vf_buffer *buf;

	if (!size || size > MLX5VF_MAX_IMAGE)
		fuzz_bug("a buffer of %zu bytes", size);
	if (starved && rnd_chance(10))
		return ERR_PTR(-ENOMEM);
	buf = calloc(1, sizeof(*buf));
	kref_init(&buf->ref);
	buf->dir = dir;
	buf->max_pages = PAGE_ALIGN(size) >> PAGE_SHIFT;
	buffers++;
	return buf;
}

int mlx5vf_buffer_grow(struct mlx5vf_buffer *buf, size_t size)
{
	unsigned int want = PAGE_ALIGN(size) >> PAGE_SHIFT;

	if (want > buf->max_pages || (buf->mapped && want > buf->npages))
		fuzz_bug("a buffer of %u pages grows to %u%s", buf->max_pages, want,
			 buf->mapped ? " and is mapped" : "");
	if (want <= buf->npages)
		return 0;
	/* As much as the largest image of a stream that is not forged */
	if ((starved && rnd_chance(10)) || want > 2 * MAX_STREAM / PAGE_SIZE)
		return -ENOMEM;
	buf->pages = realloc(buf->pages, (want + 1) * sizeof(*buf->pages));
	for (; buf->npages < want; buf->npages++)
		buf->pages[buf->npages] = malloc(PAGE_SIZE);
	buf->pages[want] = NULL;
	return 0;
}

static void buffer_free(struct kref *ref)
{
	struct mlx5vf_buffer *buf = container_of(ref, struct mlx5vf_buffer, ref);

	if (buf->mapped)
		fuzz_bug("a mapped buffer is freed");
	while (buf->npages)
		free(buf->pages[--buf->npages]);
	free(buf->pages);
	free(buf);
	buffers--;
}

void mlx5vf_buffer_put(struct mlx5vf_buffer *buf)
{
	if (buf)
		kref_put(&buf->ref, buffer_free);
}

int mlx5vf_buffer_map(struct mlx5vf_device *mv, struct mlx5vf_buffer *buf, u32 pd)
{
	lockdep_assert_held(&mv->state_lock);
	(void)pd;
	if (buf->mapped)
		fuzz_bug("a buffer is mapped twice");
	if (starved && rnd_chance(10))
		return -EIO;
	buf->mapped = true;
	for (buf->mkey = 0; buf->mkey < MKEYS && mapped[buf->mkey]; buf->mkey++)
		;
	if (buf->mkey == MKEYS)
		fuzz_bug("a third buffer is mapped");
	mapped[buf->mkey] = buf;
	mappings++;
	return 0;
}

void mlx5vf_buffer_unmap(struct mlx5vf_device *mv, struct mlx5vf_buffer *buf)
{
	lockdep_assert_held(&mv->state_lock);
	if (!buf->mapped)
		return;
	if (load_given && !load_answered && load_buf == buf)
		fuzz_bug("an image is unmapped while it is loaded");
	mappings--;
	mapped[buf->mkey] = NULL;
	buf->mapped = false;
}

void mlx5vf_buffer_for_cpu(struct mlx5vf_device *mv, struct mlx5vf_buffer *buf)
{
	(void)mv;
	(void)buf;
}

void mlx5vf_buffer_for_device(struct mlx5vf_device *mv, struct mlx5vf_buffer *buf)
{
	(void)mv;
	(void)buf;
}

static struct mlx5vf_result failed(enum mlx5vf_outcome outcome, int err)
{
	return (struct mlx5vf_result){ .outcome = outcome, .err = err };
}

/*
 * Errors that cancel each other are not noticed (stream.h): for each 256 bytes, are the
 * four sums of every fourth word those of the image as it was?
 */
static bool errors_cancel(struct mlx5vf_buffer *buf, size_t n)
{
	u64 sum[4] = {};
	size_t at;

	for (at = 0; at < n; at++) {
		size_t left_over = n - at;
		unsigned char *byte = mlx5vf_buffer_at(buf, at, &left_over);

		if (at % 256 == 0 && (sum[0] | sum[1] | sum[2] | sum[3]))
			return false;
		sum[at / 8 % 4] += ((u64)*byte - stream[image_at[loaded] + at]) << at % 8 * 8;
	}
	return !(sum[0] | sum[1] | sum[2] | sum[3]);
}

/* Firmware is given an image, and reads it later. */
struct mlx5vf_result mlx5vf_cmd_load(struct mlx5vf_device *mv, u32 mkey, size_t n,
				     void (*done)(void *owner), void *owner,
				     struct mlx5vf_cmd **given)
{
	struct mlx5vf_buffer *buf = mkey < MKEYS ? mapped[mkey] : NULL;

	lockdep_assert_held(&mv->state_lock);
	if (load_given)
		fuzz_bug("two images are loaded at once");
	if (!buf || !n || n > mlx5vf_buffer_size(buf))
		fuzz_bug("%zu bytes are loaded through key %u", n, mkey);
	if (starved && rnd_chance(3))
		return failed(MLX5VF_NOT_GIVEN, -ENOMEM);
	if (!forged && (loaded == nr_images || image_length[loaded] != n))
		fuzz_bug("image %u is not %zu bytes long", loaded, n);
	load.done = done;
	load.owner = owner;
	load_buf = buf;
	load_length = n;
	load_given = true;
	load_answered = false;
	*given = &load;
	return (struct mlx5vf_result){};
}

/* Firmware reads the image, and answers. */
static void answer(void)
{
	size_t at;

	if (load_answered)
		return;
	for (at = 0; at < load_length && !forged; at++) {
		size_t left_over = load_length - at;
		unsigned char *byte = mlx5vf_buffer_at(load_buf, at, &left_over);

		if (*byte != stream[image_at[loaded] + at] && !errors_cancel(load_buf, load_length))
			fuzz_bug("byte %zu of image %u is wrong", at, loaded);
	}
	load_answered = true;
	load.done(load.owner);
}

int mlx5vf_cmd_wait(struct mlx5vf_cmd *cmd)
{
	(void)cmd;
	answer();
	return 0;
}

/* Of a session that ends; it is released after the answer. */
bool mlx5vf_cmd_abandon(struct mlx5vf_cmd *cmd)
{
	(void)cmd;
	answer();
	return false;
}

bool mlx5vf_cmd_is_answered(struct mlx5vf_cmd *cmd)
{
	(void)cmd;
	return load_answered;
}

struct mlx5vf_result mlx5vf_cmd_result(struct mlx5vf_cmd *cmd)
{
	(void)cmd;
	if (starved && rnd_chance(5))
		return failed(MLX5VF_REFUSED, -EIO);
	loaded++;
	return (struct mlx5vf_result){};
}

void mlx5vf_cmd_put(struct mlx5vf_cmd *cmd)
{
	if (!cmd)
		return;
	if (!load_answered)
		fuzz_bug("a command under way is forgotten");
	load_given = false;
}

struct file *anon_inode_getfile(const char *name, const struct file_operations *fops,
				void *private_data, int flags)
{
	(void)name;
	(void)flags;
	file = (struct file){ .fops = fops, .private_data = private_data };
	return &file;
}

static unsigned int fault_percent;

unsigned long copy_from_user(void *to, const void *from, size_t n)
{
	size_t done = n;

	if (fault_percent && rnd_chance(fault_percent))
		done = rnd_below(n);
	memcpy(to, from, done);
	return n - done;
}

u64 get_random_u64(void)
{
	return rnd();
}

/* ---- Streams ----------------------------------------------------------------- */

static void put(const void *data, size_t n)
{
	if (n)
		memcpy(stream + length, data, n);
	length += n;
}

/* A record; of ours, if it is sealed. */
static void put_record(struct mlx5vf_stream *place, u32 tag, bool seal, const void *data,
		       size_t n)
{
	size_t at = length;

	borders[nr_borders++] = at;
	length += mlx5vf_stream_put(stream + at, tag, data, n);
	if (seal) {
		mlx5vf_stream_seal(place, stream + at);
	} else if (tag == MLX5VF_TAG_IMAGE) {
		mlx5vf_stream_data(place, stream + at, sizeof(struct mlx5vf_record));
		mlx5vf_stream_part(place, data, n, true);
	} else {
		mlx5vf_stream_data(place, stream + at, length - at);
	}
}

static void put_image(struct mlx5vf_stream *place, const void *image, size_t size)
{
	struct mlx5vf_next next = { .length = cpu_to_le64(size) };
	__le64 sum = 0;

	if (checked)
		put_record(place, MLX5VF_TAG_NEXT, true, &next, sizeof(next));
	image_at[nr_images] = length + sizeof(struct mlx5vf_record);
	image_length[nr_images++] = size;
	put_record(place, MLX5VF_TAG_IMAGE, false, image, size);
	if (checked)
		put_record(place, MLX5VF_TAG_SUM, true, &sum, sizeof(sum));
}

static void make_stream(void)
{
	static unsigned char image[32 << 10] __aligned(8);
	unsigned int i, n = 1 + rnd_below(IMAGES);
	struct mlx5vf_stream place;
	struct mlx5vf_start start;
	__le64 number;

	length = nr_borders = nr_images = loaded = 0;
	mlx5vf_stream_begin(&place);
	mlx5vf_start_make(&vf, n > 1, &start);
	if (checked)
		put_record(&place, MLX5VF_TAG_START, true, &start, sizeof(start));
	number = rnd_chance(50) ? 0 : rnd_below(64 << 10);
	put_record(&place, MLX5VF_TAG_PREPARE, false, &number, sizeof(number));
	for (i = 0; i < n; i++) {
		size_t size = 1 + (rnd_chance(20) ? rnd_below(sizeof(image)) :
						    rnd_below(200));

		if (size > sizeof(image))
			size = sizeof(image);
		memset(image, rnd_below(256), size);
		put_image(&place, image, size);
	}
	number = 0;
	if (checked)
		put_record(&place, MLX5VF_TAG_END, true, &number, sizeof(number));
	borders[nr_borders] = length;
	memcpy(damaged, stream, length);
	damaged_length = length;
}

/* Any records in any order, with right checksums. */
static void forge_stream(void)
{
	static const u32 tags[] = {
		MLX5VF_TAG_IMAGE, MLX5VF_TAG_PREPARE, MLX5VF_TAG_NEXT, MLX5VF_TAG_SUM,
		MLX5VF_TAG_END, MLX5VF_TAG_START, MLX5VF_OUR_TAGS | 99, 99,
	};
	unsigned char data[2 * MLX5VF_SMALL] __aligned(8) = {};
	unsigned int i, n = rnd_below(3 * IMAGES);
	struct mlx5vf_stream place;
	struct mlx5vf_start start;
	struct mlx5vf_record head;

	forged = true;
	length = nr_borders = 0;
	mlx5vf_stream_begin(&place);
	mlx5vf_start_make(&vf, true, &start);
	if (rnd_chance(80))
		put_record(&place, MLX5VF_TAG_START, true, &start, sizeof(start));
	for (i = 0; i < n; i++) {
		u32 tag = tags[rnd_below(ARRAY_SIZE(tags))];
		size_t size = rnd_chance(70) ? sizeof(__le64) * (1 + rnd_below(2)) :
					       8 + rnd_below(sizeof(data) - 8);

		data[8] = rnd_chance(50) ? 8 : rnd_below(256);
		put_record(&place, tag, tag > MLX5VF_TAG_PREPARE, data, size);
	}
	if (rnd_chance(20)) {
		head.length = rnd_chance(50) ? rnd() : MLX5VF_MAX_IMAGE - rnd_below(2);
		head.flags = rnd_below(2);
		head.tag = tags[rnd_below(ARRAY_SIZE(tags))];
		borders[nr_borders++] = length;
		put(&head, sizeof(head));
	}
	borders[nr_borders] = length;
	memcpy(damaged, stream, length);
	damaged_length = length;
}

/* A place: the border of a record more often than not. */
static size_t place(void)
{
	size_t at = rnd_chance(60) ? borders[rnd_below(nr_borders + 1)] :
				     rnd_below(damaged_length + 1);

	return min(at, damaged_length);
}

static void cut(size_t at, size_t n)
{
	n = min(n, damaged_length - at);
	memmove(damaged + at, damaged + at + n, damaged_length - at - n);
	damaged_length -= n;
}

static void insert(size_t at, const unsigned char *from, size_t n)
{
	unsigned char *copy;

	if (n > 2 * MAX_STREAM - damaged_length || !n)
		return;
	copy = malloc(n);
	memcpy(copy, from, n);
	memmove(damaged + at + n, damaged + at, damaged_length - at);
	memcpy(damaged + at, copy, n);
	damaged_length += n;
	free(copy);
}

static void damage(void)
{
	size_t at = place(), to = place(), n = rnd_below(damaged_length + 1);

	switch (rnd_below(8)) {
	case 0:
		if (at < damaged_length)
			damaged[at] ^= 1 << rnd_below(8);
		break;
	case 1:
		damaged_length = at;
		break;
	case 2:
		cut(at, n);
		break;
	case 3:
		/* From one border to another, again */
		if (at < to)
			insert(rnd_chance(50) ? to : at, damaged + at, to - at);
		break;
	case 4:
		if (at < to) {
			insert(to, damaged + at, to - at);
			cut(at, to - at);
		}
		break;
	case 5:
		insert(at, stream, min(n, length));
		break;
	case 6:
	case 7:
		break;
	}
}

/* ---- One session ------------------------------------------------------------- */

/* Feed it; how many bytes were taken. */
static size_t feed(void)
{
	size_t done = 0, limit = rnd_below(1 << 16) + 1;
	unsigned int faults = 0;
	ssize_t n;

	while (done < damaged_length) {
		n = file.fops->write(&file, (char *)damaged + done,
				     min(limit, damaged_length - done), NULL);
		if (n > (ssize_t)(damaged_length - done))
			fuzz_bug("%zd bytes taken", n);
		if (n == -EFAULT && ++faults < 100)
			continue;
		if (n < 0)
			break;
		if (!n)
			fuzz_bug("a write took nothing");
		done += n;
		if (rnd_chance(2)) {
			mutex_lock(&vf.state_lock);
			mlx5vf_session_end(&vf);
			mutex_unlock(&vf.state_lock);
			if (done < damaged_length &&
			    file.fops->write(&file, (char *)damaged + done, 1, NULL) != -ENODEV)
				fuzz_bug("a session that ended takes more");
			break;
		}
	}
	return done;
}

static void check(size_t done)
{
	bool same = done == length && damaged_length == length &&
		    !memcmp(stream, damaged, length);
	bool parts_fit = vf.multi || nr_images < 2 || !checked;
	int ret;

	mutex_lock(&vf.state_lock);
	if (vf.session) {
		ret = mlx5vf_load_finish(&vf);
		/* One without checksums can end behind any record */
		if (!ret && done && !same && !forged && checked)
			fuzz_bug("a damaged stream was loaded");
		if (ret && same && !starved && !forged && parts_fit)
			fuzz_bug("a good stream was refused: %d", ret);
		if (!ret == !!vf.session)
			fuzz_bug("%d, and the session is %p", ret, (void *)vf.session);
		if (vf.session)
			mlx5vf_session_end(&vf);
	}
	mutex_unlock(&vf.state_lock);
	file.fops->release(NULL, &file);
	if (pds || buffers || mappings || shim.nr_live || pdev.dev.refs ||
	    vf.core.vdev.device.refs)
		fuzz_bug("left behind: %d PDs, %d buffers, %d mappings, %ld objects",
			 pds, buffers, mappings, shim.nr_live);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	unsigned int i, n;
	struct file *f;

	if (!stream) {
		stream = malloc(MAX_STREAM);
		damaged = malloc(2 * MAX_STREAM);
	}
	tape_load(data, size);
	pdev = (struct pci_dev){ .vendor = VENDOR, .device = DEVICE };
	vf = (struct mlx5vf_device){
		.core.pdev = &pdev, .mdev = &mdev, .multi = rnd_chance(80),
	};
	forged = starved = unready = false;
	fault_percent = 0;
	checked = rnd_chance(80);
	if (rnd_chance(20))
		forge_stream();
	else
		make_stream();
	n = rnd_below(4);
	for (i = 0; i < n; i++)
		damage();
	/* Without START there are no checks */
	if (damaged_length < sizeof(struct mlx5vf_record) || !checked ||
	    memcmp(damaged, stream, sizeof(struct mlx5vf_record)))
		forged |= damaged_length != length || memcmp(damaged, stream, length);
	switch (rnd_below(4)) {
	case 0:
		fault_percent = rnd_below(50);
		break;
	case 1:
		starved = true;
		unready = rnd_chance(10);
		break;
	}
	mutex_lock(&vf.state_lock);
	f = mlx5vf_load_begin(&vf);
	mutex_unlock(&vf.state_lock);
	if (IS_ERR(f))
		fuzz_bug("no session: %ld", PTR_ERR(f));
	check(feed());
	return 0;
}
