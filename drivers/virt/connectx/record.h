/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The records that a SAVE makes and a LOAD takes. See record.c.
 */
#ifndef _VIRT_CONNECTX_RECORD_H
#define _VIRT_CONNECTX_RECORD_H

#include <linux/types.h>

#include "generator.h"
#include "state.h"

struct cx_command;
struct cx_object;

#define CX_RECORD_MAGIC	0x3154535852495643ull
#define CX_RECORD_LAST	1

/**
 * struct cx_record - The head of a record
 * @magic: CX_RECORD_MAGIC
 * @stream: The same in all records of a stream
 * @record: Number in the stream
 * @flags: CX_RECORD_LAST
 * @total: Pages of the state
 * @pages: Pages in the record
 * @length: Bytes of the record
 * @checksum: Of the rest of the record, and of this with 0 here
 * @generator: The generator's registers
 * @pending: Interrupts that are pending, a bit per vector
 */
struct cx_record {
	u64 magic;
	u64 stream;
	u32 record;
	u32 flags;
	u32 total;
	u32 pages;
	u64 length;
	u64 checksum;
	struct cx_generator_registers generator;
	u64 pending;
};

/**
 * struct cx_record_page - A page in a record
 * @index: Which
 * @data: What is in it
 */
struct cx_record_page {
	u64 index;
	u8 data[CX_STATE_PAGE];
};

/* Bytes of a record of so many pages. */
static inline u64 cx_record_size(u32 pages)
{
	return sizeof(struct cx_record) + (u64)pages * sizeof(struct cx_record_page);
}

u64 cx_record_mix(u64 sum, const void *data, size_t len);
u8 cx_record_use_key(struct cx_command *cmd, struct cx_object *user, u32 key,
		     u64 offset, u32 size, bool write);

#endif
