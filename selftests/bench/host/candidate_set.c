// SPDX-License-Identifier: GPL-2.0-only
/* The tracker's own set. */
#include <stdlib.h>

#include <iommufd/deliver.h>
#include <iommufd/dirty_set.h>
#include "candidate.h"

const char *const candidate_name = "set";

static struct dirty_set set;

void candidate_init(void)
{
	dirty_set_init(&set, 12);
}

void candidate_add(unsigned long first, unsigned long last)
{
	dirty_set_add(&set, first << 12, last << 12);
}

unsigned long candidate_bytes(void)
{
	return dirty_set_memory(&set);
}

void candidate_deliver(unsigned long *bitmap, unsigned long pages)
{
	struct dirty_read rd = {
		.last = (pages << 12) - 1,
		.shift = 12,
		.bitmap = (u64 *)bitmap,
	};

	if (dirty_deliver(&rd, &set, 0, rd.last) || !dirty_set_empty(&set))
		abort();
}
