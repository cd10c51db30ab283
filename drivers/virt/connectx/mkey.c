// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory keys: pages of the host under a number, addressed from 0 on.
 */
#include <linux/slab.h>

#include "connectx.h"
#include "object.h"
#include "ring.h"

/**
 * struct cx_mkey - a memory key
 * @object: its number is the index
 * @ring: its pages
 */
struct cx_mkey {
	struct cx_object object;
	struct cx_ring ring;
};

static struct cx_mkey *to_mkey(struct cx_object *object)
{
	return container_of(object, struct cx_mkey, object);
}

static void release_mkey(struct cx_vhca *vhca, struct cx_object *object)
{
	struct cx_mkey *mkey = to_mkey(object);

	cx_ring_free(&mkey->ring);
	kfree(mkey);
}

/* CREATE_MKEY, with a translation table and from offset 0 */
u8 cx_create_mkey(struct cx_command *cmd)
{
	void *mkc = MLX5_ADDR_OF(create_mkey_in, cmd->in,
				 memory_key_mkey_entry);
	u32 log_page_size = MLX5_GET(mkc, mkc, log_page_size);
	struct cx_mkey *mkey;
	u8 status;

	if (MLX5_GET(mkc, mkc, access_mode_1_0) != MLX5_MKC_ACCESS_MODE_MTT ||
	    MLX5_GET64(mkc, mkc, start_addr) ||
	    log_page_size < MLX5_ADAPTER_PAGE_SHIFT)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	mkey = kzalloc(sizeof(*mkey), GFP_KERNEL);
	if (!mkey)
		return MLX5_CMD_STAT_NO_RES_ERR;
	mkey->object.kind = CX_MKEY;
	mkey->object.release = release_mkey;
	status = cx_ring_init(&mkey->ring, cmd,
			      MLX5_ADDR_OF(create_mkey_in, cmd->in,
					   klm_pas_mtt),
			      MLX5_GET64(mkc, mkc, len),
			      log_page_size - MLX5_ADAPTER_PAGE_SHIFT);
	if (!status && cx_object_add(cmd->vhca, &mkey->object))
		status = MLX5_CMD_STAT_NO_RES_ERR;
	if (status) {
		release_mkey(cmd->vhca, &mkey->object);
		return status;
	}
	MLX5_SET(create_mkey_out, cmd->out, mkey_index, mkey->object.id);
	return MLX5_CMD_STAT_OK;
}

/* DESTROY_MKEY */
u8 cx_destroy_mkey(struct cx_command *cmd)
{
	return cx_object_destroy(cmd->vhca, CX_MKEY,
				 MLX5_GET(destroy_mkey_in, cmd->in,
					  mkey_index));
}

/**
 * cx_mkey_access() - read or write memory through a key
 * @vhca: whose key
 * @key: the key: its index, and 8 bits that the driver is free to use
 * @offset: first byte
 * @buf: what is written, or where to put what is read
 * @len: bytes
 * @write: memory is written
 *
 * Returns 0, -ENOENT when there is no such key, or cx_ring_access()'s errors.
 */
int cx_mkey_access(struct cx_vhca *vhca, u32 key, u64 offset, void *buf,
		   size_t len, bool write)
{
	struct cx_object *object = cx_object_find(vhca, CX_MKEY, key >> 8);

	if (!object)
		return -ENOENT;
	return cx_ring_access(vhca, &to_mkey(object)->ring, offset, buf, len,
			      write);
}
