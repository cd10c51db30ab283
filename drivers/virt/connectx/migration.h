/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Suspend, resume, save and load of a virtual function. See migration.c and load.c.
 */
#ifndef _VIRT_CONNECTX_MIGRATION_H
#define _VIRT_CONNECTX_MIGRATION_H

#include <linux/types.h>

struct cx_command;
struct cx_vhca;

/**
 * struct cx_migration - How far saving or loading is
 * @tracking: What changes after a SAVE can be saved incrementally
 * @reinit: What is to be saved is initial data again
 * @saving: A SAVE has left something for the next
 * @save_stream: Identifies the records that belong together
 * @save_record: Number of the next record to save
 * @loading: A record was loaded since the last RESUME or reset
 * @loaded: And the last one was the last of its stream
 * @load_stream: The stream being loaded
 * @load_record: Number of the next record to load
 */
struct cx_migration {
	bool tracking;
	bool reinit;
	bool saving;
	u64 save_stream;
	u32 save_record;
	bool loading;
	bool loaded;
	u64 load_stream;
	u32 load_record;
};

bool cx_save_in_chunks(void);
u8 cx_suspend_vhca(struct cx_command *cmd);
u8 cx_resume_vhca(struct cx_command *cmd);
u8 cx_query_migration_state(struct cx_command *cmd);
u8 cx_save_vhca_state(struct cx_command *cmd);
u8 cx_load_vhca_state(struct cx_command *cmd);

#endif
