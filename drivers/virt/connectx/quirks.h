/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Other firmware: capabilities that it lacks, and what it does differently. See
 * quirks.c.
 */
#ifndef _VIRT_CONNECTX_QUIRKS_H
#define _VIRT_CONNECTX_QUIRKS_H

#include <linux/types.h>

/**
 * enum cx_cap - Capabilities, each of which can be missing
 * @CX_CAP_MIGRATION: Migration, of the PF
 * @CX_CAP_MIGRATABLE: Migratable, of a VF
 * @CX_CAP_MULTI_LOAD: migration_multi_load: a state in several images
 * @CX_CAP_TRACKING: migration_tracking_state: of a running function, incrementally
 * @CX_CAP_CHUNKS: migration_in_chunks
 * @CX_CAP_ADV_VIRT: adv_virtualization: page trackers
 * @CX_CAP_STATE: migration_state: QUERY says whether there is initial data to save
 * @CX_CAPS: How many
 */
enum cx_cap {
	CX_CAP_MIGRATION,
	CX_CAP_MIGRATABLE,
	CX_CAP_MULTI_LOAD,
	CX_CAP_TRACKING,
	CX_CAP_CHUNKS,
	CX_CAP_ADV_VIRT,
	CX_CAP_STATE,
	CX_CAPS,
};

/**
 * enum cx_quirk - What firmware may do differently
 * @CX_TRACK_RUNNING: SAVE with set_track of a suspended function: BAD_RES_STATE
 * @CX_RESUME_OK: RESUME of a function that runs is OK
 * @CX_RESUME_SYS: It is BAD_SYS_STATE
 * @CX_QUERY_ZERO: An incremental QUERY of a running function that has not changed: 0
 * @CX_TOTAL_LESS: QUERY: remaining_total_size is less than required_umem_size
 * @CX_NEXT_MORE: SAVE: next_required_umem_size is more than the last was
 * @CX_SAVE_WHOLE: SAVE, not in chunks, with a buffer that is too small by now: LIM_ERR
 * @CX_FULL_LAST: The last message of a report can be full
 * @CX_EMPTY_MESSAGE: An empty message before each that is not the last
 * @CX_DUPLICATES: Pages are twice in a message, where there is room
 * @CX_OUTSIDE: The last message has a page from below the range
 * @CX_EVENTS: OBJECT_CHANGE events that mean nothing
 * @CX_LOST_EVENTS: No OBJECT_CHANGE event arrives
 * @CX_REPORT_ALONE: While a page tracker reports, commands about the migration of its
 *	function are BAD_RES_STATE, and so is a report while its function is loaded
 * @CX_REINIT: START of the generator in pre-copy makes all of the state initial data
 * @CX_UAR_ARM: A CQ is armed by its doorbell register only
 * @CX_LOAD_COMMAND: The last LOAD clears Bus Master
 * @CX_LOAD_MSIX: The last LOAD resets the MSI-X table: all vectors masked, no addresses
 * @CX_ENDLESS: A report has no end: its first page again and again
 * @CX_ENDLESS_EMPTY: A report has no end: empty messages
 * @CX_IMAGE_MORE: SAVE: actual_image_size is more than the buffer has
 * @CX_QUIRKS: How many
 */
enum cx_quirk {
	CX_TRACK_RUNNING,
	CX_RESUME_OK,
	CX_RESUME_SYS,
	CX_QUERY_ZERO,
	CX_TOTAL_LESS,
	CX_NEXT_MORE,
	CX_SAVE_WHOLE,
	CX_FULL_LAST,
	CX_EMPTY_MESSAGE,
	CX_DUPLICATES,
	CX_OUTSIDE,
	CX_EVENTS,
	CX_LOST_EVENTS,
	CX_REPORT_ALONE,
	CX_REINIT,
	CX_UAR_ARM,
	CX_LOAD_COMMAND,
	CX_LOAD_MSIX,
	CX_ENDLESS,
	CX_ENDLESS_EMPTY,
	CX_IMAGE_MORE,
	CX_QUIRKS,
};

bool cx_has(enum cx_cap cap);
bool cx_quirk(enum cx_quirk quirk);

#endif
