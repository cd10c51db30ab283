// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reader of mlx5's migration data (drivers/mlx5/load.c, stream.c), with
 * streams that were damaged on the way: bits flipped, parts cut out, repeated,
 * exchanged, taken from another stream, or forged with right checksums; written
 * in pieces of any size, with faults, allocations that fail, and the session
 * ended in the middle.
 *
 * Firmware must see nothing but images of the stream as it was, in order; a
 * session is finished only with all of it; and nothing is left behind. Of a
 * forged stream only the last is expected.
 */
#include <mlx5/buffer.h>
#include <mlx5/cmd.h>
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
static struct mlx5vf_device vf;
static struct file file;

/* The stream as it was made, what becomes of it, and where its records begin. */
static unsigned char *stream, *damaged;
static size_t length, damaged_length, borders[IMAGES + 3];
static unsigned int nr_borders;
static bool forged;

/* Its images, and how many of them firmware has. */
static size_t image_at[IMAGES], image_length[IMAGES];
static unsigned int nr_images, loaded;

/* What is live. */
static int pds, buffers, mappings;
static struct mlx5vf_buffer *mapped_last;
static bool starved, unready;

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

void mlx5vf_state_unlock(struct mlx5vf_device *mv)
{
	mutex_unlock(&mv->state_lock);
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
	/* As much as the largest image of a stream that is not forged */
	if ((starved && rnd_chance(10)) || want > 2 * MAX_STREAM / PAGE_SIZE)
		return -ENOMEM;
	buf->pages = realloc(buf->pages, want * sizeof(*buf->pages));
	for (; buf->npages < want; buf->npages++)
		buf->pages[buf->npages] = malloc(PAGE_SIZE);
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
	mapped_last = buf;
	mappings++;
	return 0;
}

void mlx5vf_buffer_unmap(struct mlx5vf_device *mv, struct mlx5vf_buffer *buf)
{
	lockdep_assert_held(&mv->state_lock);
	mappings -= buf->mapped;
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

/* Firmware gets an image. */
int mlx5vf_cmd_load(struct mlx5vf_device *mv, u32 mkey, size_t n)
{
	struct mlx5vf_buffer *buf = mapped_last;
	size_t at;

	lockdep_assert_held(&mv->state_lock);
	(void)mkey;
	if (!buf->mapped || !n || n > mlx5vf_buffer_size(buf))
		fuzz_bug("%zu bytes are loaded from %zu", n, mlx5vf_buffer_size(buf));
	while (loaded < nr_images && !image_length[loaded])
		loaded++;
	if (!forged && (loaded == nr_images || image_length[loaded] != n))
		fuzz_bug("image %u is not %zu bytes long", loaded, n);
	for (at = 0; at < n && !forged; at++) {
		size_t left = n - at;
		unsigned char *byte = mlx5vf_buffer_at(buf, at, &left);

		if (*byte != stream[image_at[loaded] + at])
			fuzz_bug("byte %zu of image %u is wrong", at, loaded);
	}
	if (starved && rnd_chance(5))
		return -EIO;
	loaded++;
	/* An image can hold what is the PCI core's */
	pdev.command = 0;
	return 0;
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

static void put_record(struct mlx5vf_stream *place, enum mlx5vf_record_type type,
		       const void *data, size_t n)
{
	struct mlx5vf_record head;

	borders[nr_borders++] = length;
	mlx5vf_stream_head(place, &head, type, n,
			   xxh64(data, n, mlx5vf_stream_seed(place)));
	put(&head, sizeof(head));
	put(data, n);
}

static void make_stream(void)
{
	struct mlx5vf_start start = {
		.vendor = VENDOR, .device = DEVICE,
		.flags = rnd_chance(50) ? MLX5VF_START_CHUNKS : 0,
	};
	static unsigned char image[32 << 10];
	struct mlx5vf_stream place;
	struct mlx5vf_end end;
	unsigned int i, n = 1 + rnd_below(IMAGES);

	length = nr_borders = nr_images = loaded = 0;
	mlx5vf_stream_begin(&place);
	start.prepare = rnd_chance(50) ? 0 : rnd_below(64 << 10);
	put_record(&place, MLX5VF_RECORD_START, &start, sizeof(start));
	for (i = 0; i < n; i++) {
		size_t size = rnd_chance(20) ? rnd_below(sizeof(image)) : rnd_below(200);

		memset(image, rnd_below(256), size);
		image_at[i] = length + sizeof(struct mlx5vf_record);
		image_length[i] = size;
		put_record(&place, MLX5VF_RECORD_IMAGE, image, size);
		nr_images++;
	}
	end.images = place.images;
	end.bytes = place.bytes;
	put_record(&place, MLX5VF_RECORD_END, &end, sizeof(end));
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

/* A header with any values, but right checksums. */
static void forge(void)
{
	struct mlx5vf_record head;
	size_t at = borders[rnd_below(nr_borders)];

	if (at + sizeof(head) > damaged_length)
		return;
	forged = true;
	memcpy(&head, damaged + at, sizeof(head));
	switch (rnd_below(6)) {
	case 0:
		head.type = rnd_below(5);
		break;
	case 1:
		head.length = rnd();
		break;
	case 2:
		head.length = rnd_below(sizeof(struct mlx5vf_record));
		break;
	case 3:
		head.seq += rnd_below(3);
		break;
	case 4:
		head.data_sum = xxh64(damaged + at + sizeof(head),
				      min(head.length, (u64)(damaged_length - at -
							     sizeof(head))),
				      head.stream + head.seq);
		break;
	case 5:
		head.length = MLX5VF_MAX_IMAGE - rnd_below(2);
		break;
	}
	head.head_sum = xxh64(&head, offsetof(struct mlx5vf_record, head_sum), 0);
	memcpy(damaged + at, &head, sizeof(head));
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
		forge();
		break;
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
			mlx5vf_load_end(&vf);
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
	bool chunks_fit;
	int ret;

	mutex_lock(&vf.state_lock);
	if (vf.loader) {
		ret = mlx5vf_load_finish(&vf);
		chunks_fit = vf.chunks ||
			     !(((struct mlx5vf_start *)(stream + sizeof(struct mlx5vf_record)))->flags &
			       MLX5VF_START_CHUNKS);
		if (!ret && !same && !forged)
			fuzz_bug("a damaged stream was loaded");
		if (ret && same && !starved && chunks_fit)
			fuzz_bug("a good stream was refused: %d", ret);
		mlx5vf_load_end(&vf);
	}
	mutex_unlock(&vf.state_lock);
	file.fops->release(NULL, &file);
	if (pds || buffers || mappings || shim.nr_live || pdev.dev.refs ||
	    vf.core.vdev.device.refs)
		fuzz_bug("left behind: %d PDs, %d buffers, %d mappings, %ld objects",
			 pds, buffers, mappings, shim.nr_live);
	if (loaded && pdev.command != 6)
		fuzz_bug("the PCI command register was not put back");
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
	pdev = (struct pci_dev){ .vendor = VENDOR, .device = DEVICE, .command = 6 };
	vf = (struct mlx5vf_device){ .core.pdev = &pdev, .chunks = rnd_chance(80) };
	forged = starved = unready = false;
	fault_percent = 0;
	make_stream();
	n = rnd_below(4);
	for (i = 0; i < n; i++)
		damage();
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
