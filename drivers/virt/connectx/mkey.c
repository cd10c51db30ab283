// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory keys: pages of the host under a number, addressed from 0 on.
 */
#include <linux/slab.h>

#include "check.h"
#include "connectx.h"
#include "object.h"
#include "ring.h"

/**
 * struct cx_mkey - A memory key
 * @object: Its number is the index
 * @ring: Its pages
 * @pd: Protection domain
 * @len: Bytes, from 0 on
 * @reads: The device may read
 * @writes: And write
 * @variant: The low 8 bits of the key
 */
struct cx_mkey {
	struct cx_object object;
	struct cx_ring ring;
	u32 pd;
	u64 len;
	bool reads;
	bool writes;
	u8 variant;
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

/* What is wrong with a key of @octwords translations, two in each, or NULL. */
static const char *check_key(struct cx_command *cmd, void *mkc, u32 octwords)
{
	u32 log_page_size = MLX5_GET(mkc, mkc, log_page_size);
	u64 len = MLX5_GET64(mkc, mkc, len);

	if (MLX5_GET(mkc, mkc, access_mode_1_0) != MLX5_MKC_ACCESS_MODE_MTT)
		return "access mode";
	if (MLX5_GET64(mkc, mkc, start_addr))
		return "start address";
	if (log_page_size < MLX5_ADAPTER_PAGE_SHIFT || log_page_size > 30)
		return "size of a page";
	if (MLX5_GET(mkc, mkc, translations_octword_size) != octwords)
		return "number of translations";
	if (!len || DIV_ROUND_UP_ULL(len, BIT_ULL(log_page_size)) > octwords * 2ull)
		return "length";
	if (cmd->in_len != MLX5_ST_SZ_BYTES(create_mkey_in) + octwords * 16ull)
		return "length of the input";
	/* Without a QP of its own. */
	if (MLX5_GET(mkc, mkc, qpn) != 0xffffff)
		return "QP";
	return NULL;
}

/* CREATE_MKEY, with a translation table and from offset 0 */
u8 cx_create_mkey(struct cx_command *cmd)
{
	void *mkc = MLX5_ADDR_OF(create_mkey_in, cmd->in,
				 memory_key_mkey_entry);
	const char *wrong = check_key(cmd, mkc,
		MLX5_GET(create_mkey_in, cmd->in,
			 translations_octword_actual_size));
	struct cx_mkey *mkey;
	u8 status;

	if (wrong)
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_PARAM_ERR, wrong);
	mkey = kzalloc_obj(*mkey, GFP_KERNEL);
	if (!mkey)
		return MLX5_CMD_STAT_NO_RES_ERR;
	mkey->object.kind = CX_MKEY;
	mkey->object.release = release_mkey;
	mkey->pd = MLX5_GET(mkc, mkc, pd);
	mkey->len = MLX5_GET64(mkc, mkc, len);
	mkey->reads = MLX5_GET(mkc, mkc, lr);
	mkey->writes = MLX5_GET(mkc, mkc, lw);
	mkey->variant = MLX5_GET(mkc, mkc, mkey_7_0);
	status = cx_ring_init(&mkey->ring, cmd,
			      MLX5_ADDR_OF(create_mkey_in, cmd->in,
					   klm_pas_mtt),
			      mkey->len,
			      MLX5_GET(mkc, mkc, log_page_size) -
			      MLX5_ADAPTER_PAGE_SHIFT);
	if (!status)
		status = cx_object_use(cmd, &mkey->object, CX_PD,
				       MLX5_GET(mkc, mkc, pd));
	if (!status && cx_object_add(cmd->vhca, &mkey->object))
		status = MLX5_CMD_STAT_NO_RES_ERR;
	if (status) {
		cx_object_discard(cmd->vhca, &mkey->object);
		return status;
	}
	MLX5_SET(create_mkey_out, cmd->out, mkey_index, mkey->object.id);
	return MLX5_CMD_STAT_OK;
}

/* DESTROY_MKEY */
u8 cx_destroy_mkey(struct cx_command *cmd)
{
	return cx_object_destroy(cmd, CX_MKEY,
				 MLX5_GET(destroy_mkey_in, cmd->in,
					  mkey_index));
}

/**
 * cx_mkey_is_of() - Is a key of a protection domain
 * @vhca: Whose key
 * @key: The key
 * @pd: The domain
 *
 * Return: true if it is; a QP can use no other.
 */
bool cx_mkey_is_of(struct cx_vhca *vhca, u32 key, u32 pd)
{
	struct cx_object *object = cx_object_find(vhca, CX_MKEY, key >> 8);

	return object && to_mkey(object)->pd == pd;
}

/**
 * cx_mkey_allows() - Can a command use a key for this
 * @vhca: Whose key
 * @key: The key
 * @offset: First byte
 * @len: Bytes
 * @write: Memory will be written; else, read
 *
 * Return: true if the key exists and allows the access.
 */
bool cx_mkey_allows(struct cx_vhca *vhca, u32 key, u64 offset, u64 len,
		    bool write)
{
	struct cx_object *object = cx_object_find(vhca, CX_MKEY, key >> 8);
	struct cx_mkey *mkey;

	if (!object)
		return false;
	mkey = to_mkey(object);
	return (key & 0xff) == mkey->variant &&
	       (write ? mkey->writes : mkey->reads) && offset <= mkey->len &&
	       len <= mkey->len - offset;
}

/**
 * cx_mkey_access() - read or write memory through a key
 * @vhca: Whose key
 * @key: The key: its index, and 8 bits that the driver is free to use
 * @offset: First byte
 * @buf: What is written, or where to put what is read
 * @len: Bytes
 * @write: Memory is written
 *
 * Return: 0, -ENOENT when there is no such key, -EACCES when it does not allow the
 * access, or an error of cx_ring_access().
 */
int cx_mkey_access(struct cx_vhca *vhca, u32 key, u64 offset, void *buf,
		   size_t len, bool write)
{
	struct cx_object *object = cx_object_find(vhca, CX_MKEY, key >> 8);

	if (!object)
		return -ENOENT;
	if (!cx_mkey_allows(vhca, key, offset, len, write))
		return -EACCES;
	return cx_ring_access(vhca, &to_mkey(object)->ring, offset, buf, len,
			      write);
}
