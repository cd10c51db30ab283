/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The data stream of a migration: a sequence of records, each a header and what
 * it announces. All numbers are little-endian.
 *
 *	START	struct mlx5vf_start	first, once
 *	IMAGE	what firmware saved	any number, to be loaded in this order
 *	END	struct mlx5vf_end	last, once; nothing follows
 *
 * An image goes to firmware only when all of it is there and its checksum is
 * right, and the VF leaves RESUMING only after END, which counts the images and
 * their bytes.
 */
#ifndef MLX5VF_STREAM_H
#define MLX5VF_STREAM_H

#include <linux/bits.h>
#include <linux/types.h>

#define MLX5VF_RECORD_MAGIC	0x56584c4d	/* "MLXV" */
#define MLX5VF_STREAM_VERSION	1

enum mlx5vf_record_type {
	MLX5VF_RECORD_START	= 1,
	MLX5VF_RECORD_IMAGE	= 2,
	MLX5VF_RECORD_END	= 3,
};

/**
 * struct mlx5vf_record - header of a record
 * @magic: MLX5VF_RECORD_MAGIC
 * @version: MLX5VF_STREAM_VERSION
 * @type: enum mlx5vf_record_type
 * @seq: number of the record, from 0
 * @flags: 0
 * @stream: random, the same in all records of a stream
 * @length: bytes that follow the header
 * @data_sum: xxh64 of them, seeded with @stream + @seq
 * @head_sum: xxh64 of the header without this field, seed 0
 */
struct mlx5vf_record {
	__le32 magic;
	__le16 version;
	__le16 type;
	__le32 seq;
	__le32 flags;
	__le64 stream;
	__le64 length;
	__le64 data_sum;
	__le64 head_sum;
} __packed;

/* Where the stream comes from saved in chunks: LOAD must take several images. */
#define MLX5VF_START_CHUNKS	BIT(0)

/**
 * struct mlx5vf_start - what the other side should know first
 * @vendor: PCI vendor of the VF
 * @device: PCI device of the VF
 * @flags: MLX5VF_START_*
 * @prepare: size of the largest image that is expected; a hint
 */
struct mlx5vf_start {
	__le16 vendor;
	__le16 device;
	__le32 flags;
	__le64 prepare;
} __packed;

/**
 * struct mlx5vf_end - what the other side must have got
 * @images: number of images
 * @bytes: bytes in them
 */
struct mlx5vf_end {
	__le64 images;
	__le64 bytes;
} __packed;

/* The largest that is not an image. */
#define MLX5VF_SMALL	16

/**
 * struct mlx5vf_stream - place in a stream, on either side
 * @id: the stream's random number
 * @seq: number of the next record
 * @images: images before it
 * @bytes: bytes in them
 */
struct mlx5vf_stream {
	u64 id;
	u32 seq;
	u64 images;
	u64 bytes;
};

void mlx5vf_stream_begin(struct mlx5vf_stream *stream);
u64 mlx5vf_stream_seed(const struct mlx5vf_stream *stream);
void mlx5vf_stream_head(struct mlx5vf_stream *stream, struct mlx5vf_record *head,
			enum mlx5vf_record_type type, u64 length, u64 data_sum);
int mlx5vf_stream_check(struct mlx5vf_stream *stream, const struct mlx5vf_record *head,
			const char **why);
int mlx5vf_stream_check_end(const struct mlx5vf_stream *stream, const struct mlx5vf_end *end,
			    const char **why);
void mlx5vf_stream_passed(struct mlx5vf_stream *stream, const struct mlx5vf_record *head);

#endif
