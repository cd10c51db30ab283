// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a queue: pages of the host, given in the command that creates it.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "connectx.h"
#include "ring.h"

/**
 * cx_ring_init() - Take the pages of a queue
 * @ring: Where to
 * @cmd: The command
 * @pas: The addresses, in @cmd's input
 * @size: Bytes of the queue
 * @log_page_size: Of a page, in units of 4 KiB
 *
 * Return: The status of the command.
 */
u8 cx_ring_init(struct cx_ring *ring, struct cx_command *cmd, const void *pas,
		u64 size, unsigned int log_page_size)
{
	const __be64 *address = pas;
	u32 room = (cmd->in + cmd->in_len - pas) / sizeof(*address);
	u32 i;

	/* Without memory the size of its pages means nothing. */
	ring->shift = (size ? log_page_size : 0) + MLX5_ADAPTER_PAGE_SHIFT;
	if (ring->shift > 30)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	ring->count = DIV_ROUND_UP_ULL(size, BIT_ULL(ring->shift));
	if (ring->count > room)
		return MLX5_CMD_STAT_BAD_INP_LEN_ERR;
	ring->page = kvmalloc_objs(*ring->page, ring->count, GFP_KERNEL);
	if (!ring->page)
		return MLX5_CMD_STAT_NO_RES_ERR;
	for (i = 0; i < ring->count; i++)
		ring->page[i] = be64_to_cpu(address[i]) & PAGE_MASK;
	return MLX5_CMD_STAT_OK;
}

/**
 * cx_ring_free() - Forget them
 * @ring: The pages
 */
void cx_ring_free(struct cx_ring *ring)
{
	kvfree(ring->page);
	ring->page = NULL;
}

/**
 * cx_ring_access() - read or write
 * @vhca: Whose memory it is
 * @ring: The pages
 * @offset: First byte
 * @buf: What is written, or where to put what is read
 * @len: Bytes
 * @write: Memory is written
 *
 * Return: 0, -EFAULT beyond the last page, or an error of virt_function_access().
 */
int cx_ring_access(struct cx_vhca *vhca, const struct cx_ring *ring, u64 offset,
		   void *buf, size_t len, bool write)
{
	u64 size = BIT_ULL(ring->shift);

	while (len) {
		u64 page = offset >> ring->shift;
		u64 within = offset & (size - 1);
		size_t part = min_t(u64, len, size - within);
		u64 fault;
		int err;

		if (page >= ring->count)
			return -EFAULT;
		err = virt_function_access(&vhca->fn, ring->page[page] + within,
					   buf, part, write, &fault);
		if (err)
			return err;
		offset += part;
		buf += part;
		len -= part;
	}
	return 0;
}
