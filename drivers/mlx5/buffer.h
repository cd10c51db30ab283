/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MLX5VF_BUFFER_H
#define MLX5VF_BUFFER_H

#include <linux/dma-direction.h>
#include <linux/kref.h>
#include <linux/mm_types.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>

struct mlx5_core_dev;
struct mlx5vf_device;

/**
 * struct mlx5vf_buffer - Memory that firmware reads or writes
 * @ref: Who may still touch the memory; the firmware is not among them
 * @dir: Direction of the DMA
 * @pages: The pages, @npages of them, then NULL, room for @max_pages
 * @npages: Number of pages
 * @max_pages: How many it can grow to
 * @mapped: Firmware can get at it, through @sgt and @mkey
 * @stuck: Firmware did not give it back: the pages are never freed
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

/* No longer piece is looked for. */
#define MLX5VF_PIECE	SZ_64K

/*
 * The memory at @offset, which is inside of the buffer; *@length is cut to what
 * lies in one piece there. Pages behind @offset + *@length are not looked at.
 */
static inline void *mlx5vf_buffer_at(struct mlx5vf_buffer *buf, size_t offset, size_t *length)
{
	struct page **page = &buf->pages[offset >> PAGE_SHIFT];
	size_t n = PAGE_SIZE - offset_in_page(offset);
	unsigned long i = 0;

	*length = min_t(size_t, *length, MLX5VF_PIECE);
	while (n < *length && page + i + 1 < buf->pages + buf->max_pages && page[i + 1] &&
	       page_to_pfn(page[i + 1]) == page_to_pfn(page[i]) + 1) {
		n += PAGE_SIZE;
		i++;
	}
	*length = min(*length, n);
	return page_address(*page) + offset_in_page(offset);
}

#endif
