// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data stream's records (stream.h): making them and checking them. Pure
 * functions; where the bytes come from or go to is the business of queue.c and
 * load.c, and what is in an image is firmware's.
 *
 * The checks are against accidents and mistakes: data that was cut, reordered,
 * repeated, mixed up with that of another VF, or damaged. Who can write a stream
 * can also forge one, and then it is firmware that must hold.
 */
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "cmd.h"
#include "stream.h"

/**
 * mlx5vf_stream_begin() - Start a stream, on either side
 * @stream: Its place
 */
void mlx5vf_stream_begin(struct mlx5vf_stream *stream)
{
	*stream = (struct mlx5vf_stream){ .first = true };
	xxh64_reset(&stream->sum, 0);
}

/**
 * mlx5vf_stream_data() - Move over bytes that are no checksum, and not of an image
 * @stream: The place
 * @data: The bytes
 * @n: How many
 */
void mlx5vf_stream_data(struct mlx5vf_stream *stream, const void *data, size_t n)
{
	xxh64_update(&stream->sum, data, n);
}

/* ---- Images ---- */

#define SUMS		4
/* So much is added up, then the sums are mixed. */
#define SUM_GROUP	SZ_256
/* The sums of so many blocks are hashed together. */
#define SUM_BATCH	8

static __always_inline void add_words(u64 *sum, const __le64 *word)
{
	sum[0] += le64_to_cpu(word[0]);
	sum[1] += le64_to_cpu(word[1]);
	sum[2] += le64_to_cpu(word[2]);
	sum[3] += le64_to_cpu(word[3]);
}

static __always_inline void mix_sums(u64 *sum)
{
	sum[0] = rol64(sum[0], 29) * 0x9e3779b97f4a7c15ULL;
	sum[1] = rol64(sum[1], 29) * 0x9e3779b97f4a7c15ULL;
	sum[2] = rol64(sum[2], 29) * 0x9e3779b97f4a7c15ULL;
	sum[3] = rol64(sum[3], 29) * 0x9e3779b97f4a7c15ULL;
}

/* Those of a block. A group without a loop is little but the additions. */
static void sum_block(const __le64 *word, __le64 *sums)
{
	const __le64 *end = word + MLX5VF_SUM_BLOCK / sizeof(*word);
	u64 sum[SUMS] = {};
	unsigned int i;

	for (; word < end; word += SUM_GROUP / sizeof(*word)) {
		add_words(sum, word);
		add_words(sum, word + SUMS);
		add_words(sum, word + 2 * SUMS);
		add_words(sum, word + 3 * SUMS);
		add_words(sum, word + 4 * SUMS);
		add_words(sum, word + 5 * SUMS);
		add_words(sum, word + 6 * SUMS);
		add_words(sum, word + 7 * SUMS);
		mix_sums(sum);
	}
	for (i = 0; i < SUMS; i++)
		sums[i] = cpu_to_le64(sum[i]);
}

/* Those of the last block, of which only @n bytes are there. */
static void sum_rest(const void *data, size_t n, __le64 *sums)
{
	u64 sum[SUMS] = {};
	size_t at, i;

	for (at = 0; at < MLX5VF_SUM_BLOCK; at += SUM_GROUP) {
		for (i = at; i < min_t(size_t, n, at + SUM_GROUP); i += sizeof(__le64)) {
			__le64 word = 0;

			memcpy(&word, data + i, min(n - i, sizeof(word)));
			sum[i / sizeof(word) % SUMS] += le64_to_cpu(word);
		}
		mix_sums(sum);
	}
	for (i = 0; i < SUMS; i++)
		sums[i] = cpu_to_le64(sum[i]);
}

/**
 * mlx5vf_stream_part() - Move over some of an image
 * @stream: The place
 * @data: The bytes, which follow on those before. Aligned as they are in the image; in
 *	front of them is the beginning of their block, if there is one.
 * @n: How many
 * @last: The image ends with them
 */
void mlx5vf_stream_part(struct mlx5vf_stream *stream, const void *data, size_t n, bool last)
{
	size_t before = stream->part % MLX5VF_SUM_BLOCK;
	__le64 sums[SUM_BATCH][SUMS];
	unsigned int blocks = 0;

	stream->part = last ? 0 : stream->part + n;
	if (!stream->sums) {
		mlx5vf_stream_data(stream, data, n);
		return;
	}
	data -= before;
	n += before;
	for (; n >= MLX5VF_SUM_BLOCK; n -= MLX5VF_SUM_BLOCK) {
		sum_block(data, sums[blocks++]);
		data += MLX5VF_SUM_BLOCK;
		if (blocks == SUM_BATCH) {
			xxh64_update(&stream->sum, sums, sizeof(sums));
			blocks = 0;
		}
	}
	if (last && n)
		sum_rest(data, n, sums[blocks++]);
	xxh64_update(&stream->sum, sums, blocks * sizeof(sums[0]));
}

/* How a stream is checked, which it says itself. */
static void take_start(struct mlx5vf_stream *stream, const struct mlx5vf_start *start)
{
	stream->sums = start->flags & cpu_to_le32(MLX5VF_START_SUMS);
}

/* ---- The saving side ---- */

/**
 * mlx5vf_stream_put() - Make a record
 * @to: Where to
 * @tag: Of the record
 * @content: What it holds; NULL if that is put elsewhere
 * @length: Bytes of that
 *
 * Return: Bytes written at @to.
 */
size_t mlx5vf_stream_put(void *to, enum mlx5vf_tag tag, const void *content, size_t length)
{
	struct mlx5vf_record *head = to;

	head->length = cpu_to_le64(length);
	head->flags = cpu_to_le32(tag == MLX5VF_TAG_IMAGE ? 0 : MLX5VF_RECORD_OPTIONAL);
	head->tag = cpu_to_le32(tag);
	if (!content)
		return sizeof(*head);
	memcpy(head + 1, content, length);
	return sizeof(*head) + length;
}

/* The checksum for a record of ours, whose content begins with room for it. */
static __le64 record_sum(struct mlx5vf_stream *stream, const struct mlx5vf_record *head,
			 const void *data)
{
	size_t length = le64_to_cpu(head->length);

	xxh64_update(&stream->sum, data + sizeof(struct mlx5vf_sum),
		     length - sizeof(struct mlx5vf_sum));
	return cpu_to_le64(xxh64_digest(&stream->sum));
}

/**
 * mlx5vf_stream_seal() - Move over a record of ours, and give it its checksum
 * @stream: The place
 * @record: Made by mlx5vf_stream_put()
 */
void mlx5vf_stream_seal(struct mlx5vf_stream *stream, void *record)
{
	struct mlx5vf_record *head = record;
	struct mlx5vf_sum *content = (void *)(head + 1);

	mlx5vf_stream_data(stream, head, sizeof(*head));
	content->sum = record_sum(stream, head, content);
	if (head->tag == cpu_to_le32(MLX5VF_TAG_START))
		take_start(stream, (void *)content);
}

/**
 * mlx5vf_stream_size() - How long a stream of full images would be
 * @total: Bytes in the images
 * @image: Bytes of an image
 *
 * Return: An estimate in bytes, not too small.
 */
u64 mlx5vf_stream_size(u64 total, u64 image)
{
	u64 images = div64_u64(total, max_t(u64, image, PAGE_SIZE)) + 2;

	return total + images * (MLX5VF_IMAGE_HEAD + MLX5VF_IMAGE_TAIL) +
	       MLX5VF_STREAM_HEAD + MLX5VF_STREAM_TAIL;
}

/* ---- The loading side ---- */

static bool is_ours(u32 tag)
{
	return (tag & ~0xffU) == MLX5VF_OUR_TAGS;
}

/* May this record of ours be here? */
static bool ours_fits(const struct mlx5vf_stream *stream, u32 tag, u64 length)
{
	bool between = stream->checked && !stream->announced && !stream->unchecked;

	switch (tag) {
	case MLX5VF_TAG_START:
		return stream->first && length >= sizeof(struct mlx5vf_start);
	case MLX5VF_TAG_NEXT:
		return between && length >= sizeof(struct mlx5vf_next);
	case MLX5VF_TAG_SUM:
		return stream->unchecked && length >= sizeof(struct mlx5vf_sum);
	default:
		return between && stream->images && length >= sizeof(struct mlx5vf_sum);
	}
}

static int ours_head(struct mlx5vf_stream *stream, const struct mlx5vf_record *head,
		     enum mlx5vf_content *content, const char **why)
{
	u64 length = le64_to_cpu(head->length);
	u32 tag = le32_to_cpu(head->tag);

	*why = "a record is missing, repeated or damaged";
	if (head->flags != cpu_to_le32(MLX5VF_RECORD_OPTIONAL) ||
	    (tag != MLX5VF_TAG_START && !stream->checked))
		return -EBADMSG;
	if (tag < MLX5VF_TAG_START || tag > MLX5VF_TAG_END) {
		/* Of a later version. */
		*content = MLX5VF_CONTENT_SKIP;
		return length > MLX5VF_MAX_IMAGE ? -EBADMSG : 0;
	}
	*content = MLX5VF_CONTENT_SMALL;
	if (length > MLX5VF_SMALL || !ours_fits(stream, tag, length))
		return -EBADMSG;
	if (tag == MLX5VF_TAG_START)
		stream->checked = true;
	return 0;
}

static int image_head(struct mlx5vf_stream *stream, const struct mlx5vf_record *head,
		      const char **why)
{
	u64 length = le64_to_cpu(head->length);

	*why = "the header of an image differs from its announcement";
	if (head->flags || (stream->checked && (!stream->announced || stream->next != length)))
		return -EBADMSG;
	*why = "an image is larger than can be loaded";
	if (length > MLX5VF_MAX_IMAGE)
		return -EFBIG;
	stream->announced = false;
	return 0;
}

/**
 * mlx5vf_stream_head() - Move over the header of the next record
 * @stream: The place
 * @head: The header
 * @content: What is to be done with what follows it
 * @why: What is wrong with it
 *
 * Return: 0; -EBADMSG if it cannot be here; -EFBIG if an image is too large;
 * -EOPNOTSUPP if it is of a kind that must not be skipped, and is not known.
 */
int mlx5vf_stream_head(struct mlx5vf_stream *stream, const struct mlx5vf_record *head,
		       enum mlx5vf_content *content, const char **why)
{
	u32 tag = le32_to_cpu(head->tag);
	int ret = 0;

	*why = "something follows its end";
	if (stream->ended)
		return -EBADMSG;
	*why = "an image is not followed by its checksum";
	if (stream->unchecked && !is_ours(tag))
		return -EBADMSG;
	if (is_ours(tag)) {
		ret = ours_head(stream, head, content, why);
	} else if (tag == MLX5VF_TAG_IMAGE) {
		*content = MLX5VF_CONTENT_IMAGE;
		ret = image_head(stream, head, why);
	} else if (!(head->flags & cpu_to_le32(MLX5VF_RECORD_OPTIONAL))) {
		*why = "a record is of a kind that this driver does not know";
		ret = -EOPNOTSUPP;
	} else if (tag == MLX5VF_TAG_PREPARE) {
		*content = MLX5VF_CONTENT_SMALL;
		*why = "a record has the wrong length";
		if (le64_to_cpu(head->length) != sizeof(__le64))
			ret = -EBADMSG;
	} else {
		*content = MLX5VF_CONTENT_SKIP;
		*why = "a record is longer than any can be";
		if (le64_to_cpu(head->length) > MLX5VF_MAX_IMAGE)
			ret = -EBADMSG;
	}
	if (ret)
		return ret;
	stream->first = false;
	if (stream->checked)
		mlx5vf_stream_data(stream, head, sizeof(*head));
	return 0;
}

/**
 * mlx5vf_stream_small() - Move over what was kept of a record
 * @stream: The place
 * @head: The record's header, which mlx5vf_stream_head() took
 * @data: What follows it, all of it
 * @why: What is wrong with it
 *
 * Return: 0, or -EBADMSG.
 */
int mlx5vf_stream_small(struct mlx5vf_stream *stream, const struct mlx5vf_record *head,
			const void *data, const char **why)
{
	u32 tag = le32_to_cpu(head->tag);

	if (!is_ours(tag)) {
		if (stream->checked)
			mlx5vf_stream_data(stream, data, le64_to_cpu(head->length));
		return 0;
	}
	*why = "it is damaged, or something before it is missing";
	if (record_sum(stream, head, data) != ((const struct mlx5vf_sum *)data)->sum)
		return -EBADMSG;
	switch (tag) {
	case MLX5VF_TAG_START:
		take_start(stream, data);
		break;
	case MLX5VF_TAG_NEXT:
		stream->announced = true;
		stream->next = le64_to_cpu(((const struct mlx5vf_next *)data)->length);
		break;
	case MLX5VF_TAG_SUM:
		stream->unchecked = false;
		break;
	case MLX5VF_TAG_END:
		stream->ended = true;
		break;
	}
	return 0;
}

/**
 * mlx5vf_stream_image() - An image was moved over, with mlx5vf_stream_part() if the
 *	stream is checked
 * @stream: The place
 */
void mlx5vf_stream_image(struct mlx5vf_stream *stream)
{
	stream->images++;
	stream->unchecked = stream->checked;
}
