/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MLX5VF_BUFFER_H
#define MLX5VF_BUFFER_H

#include <linux/dma-direction.h>
#include <linux/kref.h>
#include <linux/mm_types.h>
#include <linux/scatterlist.h>

struct mlx5_core_dev;
struct mlx5vf_device;

/**
 * struct mlx5vf_buffer - memory that firmware reads or writes
 * @ref: who may still touch the memory; the firmware is not among them
 * @dir: direction of the DMA
 * @pages: the pages, @npages of them, room for @max_pages
 * @npages: number of pages
 * @max_pages: how many it can grow to
 * @mapped: firmware can get at it, through @sgt and @mkey
 * @stuck: firmware did not give it back: the pages are never freed
 * @sgt: DMA addresses
 * @mkey: firmware's name for the memory, from address 0
 */
struct mlx5vf_buffer {
	struct kref ref;
	enum dma_data_direction dir;
	struct page **pages;
	unsigned int npages;
	unsigned int max_pages;
	bool mapped;
	bool stuck;
	struct sg_table sgt;
	u32 mkey;
};

struct mlx5vf_buffer *mlx5vf_buffer_alloc(size_t size, enum dma_data_direction dir);
int mlx5vf_buffer_grow(struct mlx5vf_buffer *buf, size_t size);
void mlx5vf_buffer_put(struct mlx5vf_buffer *buf);
int mlx5vf_buffer_map(struct mlx5vf_device *mv, struct mlx5vf_buffer *buf, u32 pd);
void mlx5vf_buffer_unmap(struct mlx5vf_device *mv, struct mlx5vf_buffer *buf);
void mlx5vf_buffer_for_cpu(struct mlx5vf_device *mv, struct mlx5vf_buffer *buf);
void mlx5vf_buffer_for_device(struct mlx5vf_device *mv, struct mlx5vf_buffer *buf);

static inline void mlx5vf_buffer_get(struct mlx5vf_buffer *buf)
{
	kref_get(&buf->ref);
}

/* In bytes. */
static inline size_t mlx5vf_buffer_size(const struct mlx5vf_buffer *buf)
{
	return (size_t)buf->npages << PAGE_SHIFT;
}

/*
 * The memory at @offset, which is inside of the buffer; *@length is cut to what
 * lies in one piece there.
 */
static inline void *mlx5vf_buffer_at(struct mlx5vf_buffer *buf, size_t offset, size_t *length)
{
	*length = min_t(size_t, *length, PAGE_SIZE - offset_in_page(offset));
	return page_address(buf->pages[offset >> PAGE_SHIFT]) + offset_in_page(offset);
}

#endif
