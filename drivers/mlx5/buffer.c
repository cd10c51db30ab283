// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that firmware reads or writes: pages, mapped for the PF's DMA, with an
 * mkey over them. Decides how memory is charged and when it is given back; how
 * much is needed and who may use it is the callers' business.
 *
 * Firmware loses access when the mkey is destroyed. If it refuses that, the pages
 * are never freed: memory that a device may write must not be given to others.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "buffer.h"
#include "cmd.h"
#include "device.h"

/* Contiguous pages: those at hand, and nothing is done to make some. */
#define GFP_RUN		((GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN |	\
			  __GFP_NOMEMALLOC) & ~__GFP_RECLAIM)
#define RUN_ORDER	get_order(SZ_2M)

/**
 * mlx5vf_buffer_alloc() - Make an empty buffer
 * @size: What it can grow to, in bytes
 * @dir: DMA_TO_DEVICE or DMA_FROM_DEVICE
 *
 * Return: The buffer with one reference, or an ERR_PTR: -EFBIG or -ENOMEM.
 */
struct mlx5vf_buffer *mlx5vf_buffer_alloc(size_t size, enum dma_data_direction dir)
{
	struct mlx5vf_buffer *buf;

	if (!size || size > MLX5VF_MAX_IMAGE)
		return ERR_PTR(-EFBIG);
	buf = kzalloc_obj(*buf, GFP_KERNEL_ACCOUNT);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	kref_init(&buf->ref);
	buf->dir = dir;
	buf->max_pages = PAGE_ALIGN(size) >> PAGE_SHIFT;
	buf->pages = kvzalloc_objs(*buf->pages, buf->max_pages, GFP_KERNEL_ACCOUNT);
	if (!buf->pages) {
		kfree(buf);
		return ERR_PTR(-ENOMEM);
	}
	return buf;
}

/*
 * Get @n pages, or some of them; returns how many. They are contiguous if possible:
 * what is charged to a cgroup costs as much for one page as for a run, and longer
 * pieces are copied faster. @order: of the longest run to try, lowered if there is none.
 * @zero: __GFP_ZERO, or 0
 */
static unsigned int get_pages(struct page **pages, unsigned int n, unsigned int *order,
			      gfp_t zero)
{
	struct page *page = NULL;
	unsigned int i;

	*order = min_t(unsigned int, *order, ilog2(n));
	while (*order) {
		page = alloc_pages(GFP_RUN | zero, *order);
		if (page)
			break;
		--*order;
	}
	/* Of what is charged, this gives one page at a time. */
	if (!page)
		return alloc_pages_bulk(GFP_KERNEL_ACCOUNT | zero, n, pages);
	split_page(page, *order);
	for (i = 0; i < 1U << *order; i++)
		pages[i] = page + i;
	return i;
}

/**
 * mlx5vf_buffer_grow() - Have memory for so much
 * @buf: A buffer that is not mapped
 * @size: Bytes, at most what it was made for
 *
 * Return: 0 or -ENOMEM; then it is as large as it was, or a little larger.
 */
int mlx5vf_buffer_grow(struct mlx5vf_buffer *buf, size_t size)
{
	unsigned int want = PAGE_ALIGN(size) >> PAGE_SHIFT;
	unsigned int order = RUN_ORDER;
	/* Firmware could say that it has written more than it has. */
	gfp_t zero = buf->dir == DMA_FROM_DEVICE ? __GFP_ZERO : 0;

	if (want > buf->max_pages || (want > buf->npages && buf->mapped))
		return -EINVAL;
	while (buf->npages < want) {
		/* Few at a time, so that a killed task stops. */
		unsigned int n = min(want - buf->npages, 1024U);

		if (fatal_signal_pending(current))
			return -EINTR;
		n = get_pages(buf->pages + buf->npages, n, &order, zero);
		if (!n)
			return -ENOMEM;
		buf->npages += n;
		cond_resched();
	}
	return 0;
}

static void buffer_free(struct kref *ref)
{
	struct mlx5vf_buffer *buf = container_of(ref, struct mlx5vf_buffer, ref);
	unsigned int i;

	WARN_ON(buf->mapped);
	for (i = 0; i < buf->npages && !buf->stuck; i++) {
		__free_page(buf->pages[i]);
		if (!(i & 0xfff))
			cond_resched();
	}
	kvfree(buf->pages);
	kfree(buf);
}

/**
 * mlx5vf_buffer_put() - Give back a reference
 * @buf: The buffer; no longer mapped if this is the last reference. May be NULL.
 */
void mlx5vf_buffer_put(struct mlx5vf_buffer *buf)
{
	if (buf)
		kref_put(&buf->ref, buffer_free);
}

static int create_mkey(struct mlx5_core_dev *mdev, struct mlx5vf_buffer *buf, u32 pd)
{
	/* Two translations make an octword. */
	u32 octwords = DIV_ROUND_UP(buf->npages, 2);
	struct sg_dma_page_iter iter;
	void *in, *mkc;
	size_t inlen;
	__be64 *mtt;
	int ret;

	inlen = MLX5_ST_SZ_BYTES(create_mkey_in) + (size_t)octwords * 16;
	in = kvzalloc(inlen, GFP_KERNEL_ACCOUNT);
	if (!in)
		return -ENOMEM;
	MLX5_SET(create_mkey_in, in, translations_octword_actual_size, octwords);
	mkc = MLX5_ADDR_OF(create_mkey_in, in, memory_key_mkey_entry);
	MLX5_SET(mkc, mkc, access_mode_1_0, MLX5_MKC_ACCESS_MODE_MTT);
	MLX5_SET(mkc, mkc, lr, 1);
	MLX5_SET(mkc, mkc, rr, 1);
	MLX5_SET(mkc, mkc, lw, 1);
	MLX5_SET(mkc, mkc, rw, 1);
	MLX5_SET(mkc, mkc, qpn, 0xffffff);
	MLX5_SET(mkc, mkc, pd, pd);
	MLX5_SET64(mkc, mkc, len, mlx5vf_buffer_size(buf));
	MLX5_SET(mkc, mkc, translations_octword_size, octwords);
	MLX5_SET(mkc, mkc, log_page_size, PAGE_SHIFT);

	mtt = MLX5_ADDR_OF(create_mkey_in, in, klm_pas_mtt);
	for_each_sgtable_dma_page(&buf->sgt, &iter, 0)
		*mtt++ = cpu_to_be64(sg_page_iter_dma_address(&iter));
	ret = mlx5_core_create_mkey(mdev, &buf->mkey, in, inlen);
	kvfree(in);
	return ret;
}

/**
 * mlx5vf_buffer_map() - Let firmware get at a buffer
 * @mv: The VF, attached; the DMA is its PF's
 * @buf: A buffer that is not mapped
 * @pd: Protection domain
 *
 * Return: 0 or an error.
 */
int mlx5vf_buffer_map(struct mlx5vf_device *mv, struct mlx5vf_buffer *buf, u32 pd)
{
	struct device *dev = mv->mdev->device;
	int ret;

	ret = sg_alloc_table_from_pages_segment(&buf->sgt, buf->pages, buf->npages, 0,
						mlx5vf_buffer_size(buf),
						dma_get_max_seg_size(dev), GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret;
	ret = dma_map_sgtable(dev, &buf->sgt, buf->dir, 0);
	if (ret)
		goto free_table;
	ret = create_mkey(mv->mdev, buf, pd);
	if (ret)
		goto unmap;
	buf->mapped = true;
	return 0;

unmap:
	dma_unmap_sgtable(dev, &buf->sgt, buf->dir, 0);
free_table:
	sg_free_table(&buf->sgt);
	dev_err_ratelimited(mlx5vf_dev(mv), "a buffer of %zu bytes could not be mapped for the firmware: error %d\n",
		mlx5vf_buffer_size(buf), ret);
	return ret;
}

/**
 * mlx5vf_buffer_unmap() - Take a buffer away from firmware
 * @mv: The VF, attached
 * @buf: The buffer; nothing is done if it is not mapped
 */
void mlx5vf_buffer_unmap(struct mlx5vf_device *mv, struct mlx5vf_buffer *buf)
{
	int ret;

	if (!buf->mapped)
		return;
	buf->mapped = false;
	ret = mlx5vf_retry_nomem(mlx5_core_destroy_mkey(mv->mdev, buf->mkey));
	if (ret) {
		buf->stuck = true;
		dev_warn(mlx5vf_dev(mv), "the firmware does not give back %zu bytes of memory (error %d); they are lost until the next boot\n",
			 mlx5vf_buffer_size(buf), ret);
		return;
	}
	dma_unmap_sgtable(mv->mdev->device, &buf->sgt, buf->dir, 0);
	sg_free_table(&buf->sgt);
}

/**
 * mlx5vf_buffer_for_cpu() - See what firmware has written
 * @mv: The VF
 * @buf: A buffer that is mapped
 */
void mlx5vf_buffer_for_cpu(struct mlx5vf_device *mv, struct mlx5vf_buffer *buf)
{
	dma_sync_sgtable_for_cpu(mv->mdev->device, &buf->sgt, buf->dir);
}

/**
 * mlx5vf_buffer_for_device() - Show firmware what was written, or let it write
 * @mv: The VF
 * @buf: A buffer that is mapped
 */
void mlx5vf_buffer_for_device(struct mlx5vf_device *mv, struct mlx5vf_buffer *buf)
{
	dma_sync_sgtable_for_device(mv->mdev->device, &buf->sgt, buf->dir);
}
