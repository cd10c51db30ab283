// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data stream's records (stream.h): making headers and checking them. Pure
 * functions; where the bytes come from or go to is the business of save.c and
 * load.c, and what is in an image is firmware's.
 *
 * The checks are against accidents and mistakes: data that was cut, reordered,
 * repeated, mixed up with that of another VF, or damaged. Who can write a stream
 * can also forge one, and then it is firmware that must hold.
 */
#include <linux/errno.h>
#include <linux/random.h>
#include <linux/xxhash.h>

#include "cmd.h"
#include "stream.h"

static u64 head_sum(const struct mlx5vf_record *head)
{
	return xxh64(head, offsetof(struct mlx5vf_record, head_sum), 0);
}

/**
 * mlx5vf_stream_begin - start a stream
 * @stream: its place
 */
void mlx5vf_stream_begin(struct mlx5vf_stream *stream)
{
	*stream = (struct mlx5vf_stream){ .id = get_random_u64() };
}

/**
 * mlx5vf_stream_seed - seed of the checksum of what the next record holds
 * @stream: the place
 *
 * Return: the seed.
 */
u64 mlx5vf_stream_seed(const struct mlx5vf_stream *stream)
{
	return stream->id + stream->seq;
}

/**
 * mlx5vf_stream_head - make the header of the next record
 * @stream: the place, which moves behind the record
 * @head: where to
 * @type: of the record
 * @length: bytes that follow
 * @data_sum: their checksum, with mlx5vf_stream_seed()
 */
void mlx5vf_stream_head(struct mlx5vf_stream *stream, struct mlx5vf_record *head,
			enum mlx5vf_record_type type, u64 length, u64 data_sum)
{
	head->magic = cpu_to_le32(MLX5VF_RECORD_MAGIC);
	head->version = cpu_to_le16(MLX5VF_STREAM_VERSION);
	head->type = cpu_to_le16(type);
	head->seq = cpu_to_le32(stream->seq);
	head->flags = 0;
	head->stream = cpu_to_le64(stream->id);
	head->length = cpu_to_le64(length);
	head->data_sum = cpu_to_le64(data_sum);
	head->head_sum = cpu_to_le64(head_sum(head));
	mlx5vf_stream_passed(stream, head);
}

static bool length_fits(const struct mlx5vf_record *head)
{
	u64 length = le64_to_cpu(head->length);

	switch (le16_to_cpu(head->type)) {
	case MLX5VF_RECORD_START:
		return length == sizeof(struct mlx5vf_start);
	case MLX5VF_RECORD_IMAGE:
		return length <= MLX5VF_MAX_IMAGE;
	case MLX5VF_RECORD_END:
		return length == sizeof(struct mlx5vf_end);
	}
	return false;
}

/**
 * mlx5vf_stream_check - is this the header of the next record?
 * @stream: the place; the first record gives it the stream's number
 * @head: the header
 * @why: what is wrong with it
 *
 * Return: 0; -EBADMSG if it is not; -EOPNOTSUPP if it is one of another version.
 */
int mlx5vf_stream_check(struct mlx5vf_stream *stream, const struct mlx5vf_record *head,
			const char **why)
{
	u16 type = le16_to_cpu(head->type);

	if (head->magic != cpu_to_le32(MLX5VF_RECORD_MAGIC)) {
		*why = "it is not of this driver, or bytes are missing";
		return -EBADMSG;
	}
	if (head->head_sum != cpu_to_le64(head_sum(head))) {
		*why = "a header is damaged";
		return -EBADMSG;
	}
	if (head->version != cpu_to_le16(MLX5VF_STREAM_VERSION) || head->flags) {
		*why = "it is of another version of this driver";
		return -EOPNOTSUPP;
	}
	if (le32_to_cpu(head->seq) != stream->seq) {
		*why = "a record is missing or repeated";
		return -EBADMSG;
	}
	if (!stream->seq)
		stream->id = le64_to_cpu(head->stream);
	if (le64_to_cpu(head->stream) != stream->id) {
		*why = "a record is of another stream";
		return -EBADMSG;
	}
	if ((type == MLX5VF_RECORD_START) != !stream->seq) {
		*why = "it does not begin with its start";
		return -EBADMSG;
	}
	if (!length_fits(head)) {
		*why = "a record is of unknown kind or wrong length";
		return -EBADMSG;
	}
	return 0;
}

/**
 * mlx5vf_stream_check_end - is the stream complete?
 * @stream: the place before END
 * @end: what END says
 * @why: what is wrong
 *
 * Return: 0 or -EBADMSG.
 */
int mlx5vf_stream_check_end(const struct mlx5vf_stream *stream, const struct mlx5vf_end *end,
			    const char **why)
{
	if (stream->images && le64_to_cpu(end->images) == stream->images &&
	    le64_to_cpu(end->bytes) == stream->bytes)
		return 0;
	*why = "images are missing";
	return -EBADMSG;
}

/**
 * mlx5vf_stream_passed - move behind a record
 * @stream: the place
 * @head: the record's header
 */
void mlx5vf_stream_passed(struct mlx5vf_stream *stream, const struct mlx5vf_record *head)
{
	stream->seq++;
	if (le16_to_cpu(head->type) != MLX5VF_RECORD_IMAGE)
		return;
	stream->images++;
	stream->bytes += le64_to_cpu(head->length);
}
