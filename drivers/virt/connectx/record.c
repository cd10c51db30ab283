// SPDX-License-Identifier: GPL-2.0-only
/*
 * What SAVE and LOAD have in common: the format of a record, and the memory that it is
 * in. A record is never in our memory as a whole, since it can be larger than that.
 */
#include <linux/bitops.h>

#include "check.h"
#include "command.h"
#include "connectx.h"
#include "object.h"
#include "record.h"

/**
 * cx_record_mix() - Go on with a checksum
 * @sum: That of what was before; 0 at the beginning
 * @data: What follows
 * @len: Its bytes, a multiple of 8
 *
 * Return: The checksum with @data included.
 */
u64 cx_record_mix(u64 sum, const void *data, size_t len)
{
	const u64 *word = data;
	size_t i;

	for (i = 0; i < len / sizeof(*word); i++)
		sum = rol64(sum ^ word[i], 29) * 0x9e3779b97f4a7c15ull;
	return sum;
}

/**
 * cx_record_use_key() - Use a memory key, which is not destroyed then
 * @cmd: SAVE or LOAD
 * @user: What uses it
 * @key: The key
 * @offset: Where the record begins
 * @size: Bytes of memory for it
 * @write: Memory will be written; else, read
 *
 * Return: The status with which @cmd fails, or 0.
 */
u8 cx_record_use_key(struct cx_command *cmd, struct cx_object *user, u32 key,
		     u64 offset, u32 size, bool write)
{
	if (!cx_mkey_allows(cmd->vhca, key, offset, size, write))
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_PARAM_ERR,
				  "the key does not allow this");
	return cx_object_use(cmd, user, CX_MKEY, key >> 8);
}
