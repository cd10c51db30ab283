/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The data stream of a migration: records, each a header and what it announces,
 * all numbers little-endian. The framing is that of upstream's driver, which skips
 * records that are optional and unknown to it:
 *
 *	START	  ours	   struct mlx5vf_start; the first record
 *	PREPARE	  upstream __le64: bytes of the largest image that is expected
 *	NEXT	  ours	   struct mlx5vf_next: an IMAGE follows
 *	IMAGE	  upstream what firmware saved with one command
 *	SUM	  ours	   struct mlx5vf_sum: the image is complete
 *	...		   NEXT, IMAGE, SUM for each image
 *	END	  ours	   struct mlx5vf_sum; the last record
 *
 * Records of ours begin with a checksum (xxh64) of all of the stream up to their own
 * end, except such checksums. So each also says that nothing before it was cut, changed,
 * repeated, reordered or taken from another stream.
 *
 * With MLX5VF_START_SUMS an image is in that checksum with four sums of each block of
 * 4 KiB in place of its bytes. Words and sums have 64 bits and are little-endian. The
 * block's words are added to the four in turn, and after each 256 bytes all four are
 * rotated left by 29 bits and multiplied by 0x9e3779b97f4a7c15. Zeros make the last block
 * whole. This takes one and a half instructions for a word, and xxh64 of all bytes, as
 * without the flag, seven. Two errors in the same 256 bytes can cancel each other, if
 * one adds to a word what the other takes from a word of the same sum.
 *
 * A stream without START is one of upstream's driver, in which nothing is checked.
 *
 * How it can grow: a later version may add optional records anywhere behind START,
 * and fields at the end of the structures here; both are skipped. What must not be
 * skipped needs one of the lower 16 bits of mlx5vf_start.flags, or, if nothing is
 * as it was, another mlx5vf_start.version.
 */
#ifndef MLX5VF_STREAM_H
#define MLX5VF_STREAM_H

#include <linux/bits.h>
#include <linux/sizes.h>
#include <linux/types.h>
#include <linux/xxhash.h>

#define MLX5VF_STREAM_VERSION	1

/* Bits 31 to 8 of our tags: "MLX". */
#define MLX5VF_OUR_TAGS		0x4d4c5800

enum mlx5vf_tag {
	MLX5VF_TAG_IMAGE	= 0,
	MLX5VF_TAG_PREPARE	= 1,
	MLX5VF_TAG_START	= MLX5VF_OUR_TAGS | 1,
	MLX5VF_TAG_NEXT		= MLX5VF_OUR_TAGS | 2,
	MLX5VF_TAG_SUM		= MLX5VF_OUR_TAGS | 3,
	MLX5VF_TAG_END		= MLX5VF_OUR_TAGS | 4,
};

/* Of mlx5vf_record.flags: who does not know the tag skips the record. */
#define MLX5VF_RECORD_OPTIONAL	BIT(0)

/**
 * struct mlx5vf_record - Header of a record
 * @length: Bytes that follow the header
 * @flags: MLX5VF_RECORD_OPTIONAL, or 0 for IMAGE
 * @tag: enum mlx5vf_tag
 */
struct mlx5vf_record {
	__le64 length;
	__le32 flags;
	__le32 tag;
} __packed;

/* Of mlx5vf_start.flags: what the loading side must be able to. */
#define MLX5VF_START_CHUNKS	BIT(0)	/* images that are chunks */
#define MLX5VF_START_SEVERAL	BIT(1)	/* more than one image */
#define MLX5VF_START_SUMS	BIT(2)	/* sums of images, in place of their bytes */
#define MLX5VF_START_REQUIRED	GENMASK(15, 0)

/* What is reduced to four sums. */
#define MLX5VF_SUM_BLOCK	SZ_4K

#define MLX5VF_PSID_LENGTH	32

/**
 * struct mlx5vf_start - What the other side should know first
 * @sum: Checksum
 * @stream: Random, so that no two streams have the same checksums
 * @version: MLX5VF_STREAM_VERSION
 * @flags: MLX5VF_START_*
 * @vendor: PCI vendor of the VF
 * @device: PCI device of the VF
 * @fw: Version of the PF's firmware: major, minor, subminor
 * @reserved: 0
 * @psid: What board the PF is, and how its firmware was configured when it was made
 *	(PSID); padded with 0
 */
struct mlx5vf_start {
	__le64 sum;
	__le64 stream;
	__le32 version;
	__le32 flags;
	__le16 vendor;
	__le16 device;
	__le16 fw[3];
	__le16 reserved[3];
	char psid[MLX5VF_PSID_LENGTH];
} __packed;

/**
 * struct mlx5vf_next - An image follows
 * @sum: Checksum
 * @length: Bytes of the image
 */
struct mlx5vf_next {
	__le64 sum;
	__le64 length;
} __packed;

/**
 * struct mlx5vf_sum - What SUM and END hold, and how NEXT and START begin
 * @sum: Checksum
 */
struct mlx5vf_sum {
	__le64 sum;
} __packed;

/* Longest content that is kept of a record that is no image. */
#define MLX5VF_SMALL		256

/* Bytes in front of an image and behind it. */
#define MLX5VF_IMAGE_HEAD	(2 * sizeof(struct mlx5vf_record) + sizeof(struct mlx5vf_next))
#define MLX5VF_IMAGE_TAIL	(sizeof(struct mlx5vf_record) + sizeof(struct mlx5vf_sum))
/* Bytes of START and PREPARE together, and of END. */
#define MLX5VF_STREAM_HEAD	(2 * sizeof(struct mlx5vf_record) +		\
				 sizeof(struct mlx5vf_start) + sizeof(__le64))
#define MLX5VF_STREAM_TAIL	MLX5VF_IMAGE_TAIL

/**
 * struct mlx5vf_stream - Place in a stream, on either side
 * @sum: Checksum of what was before it
 * @sums: Images are in it with their sums; START says so
 * @part: Bytes of the current image that were moved over
 *
 * The rest is for the loading side:
 * @first: Nothing was before it
 * @checked: It began with START
 * @announced: NEXT was the last record, @next the length in it
 * @unchecked: IMAGE was the last record, and a SUM must follow
 * @ended: END was the last record
 * @next: As said
 * @images: Number of images so far
 */
struct mlx5vf_stream {
	struct xxh64_state sum;
	bool sums;
	size_t part;
	bool first;
	bool checked;
	bool announced;
	bool unchecked;
	bool ended;
	u64 next;
	u64 images;
};

/* What is to be done with the content of a record. */
enum mlx5vf_content {
	MLX5VF_CONTENT_IMAGE,	/* for firmware */
	MLX5VF_CONTENT_SMALL,	/* kept, at most MLX5VF_SMALL bytes of it */
	MLX5VF_CONTENT_SKIP,	/* of a record that is not known */
};

void mlx5vf_stream_begin(struct mlx5vf_stream *stream);
void mlx5vf_stream_data(struct mlx5vf_stream *stream, const void *data, size_t n);
void mlx5vf_stream_part(struct mlx5vf_stream *stream, const void *data, size_t n, bool last);
size_t mlx5vf_stream_put(void *to, enum mlx5vf_tag tag, const void *content, size_t length);
u64 mlx5vf_stream_size(u64 total, u64 image);
void mlx5vf_stream_seal(struct mlx5vf_stream *stream, void *record);
int mlx5vf_stream_head(struct mlx5vf_stream *stream, const struct mlx5vf_record *head,
		       enum mlx5vf_content *content, const char **why);
int mlx5vf_stream_small(struct mlx5vf_stream *stream, const struct mlx5vf_record *head,
			const void *data, const char **why);
void mlx5vf_stream_image(struct mlx5vf_stream *stream);

#endif
