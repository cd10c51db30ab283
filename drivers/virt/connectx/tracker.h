/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page trackers. See tracker.c.
 */
#ifndef _VIRT_CONNECTX_TRACKER_H
#define _VIRT_CONNECTX_TRACKER_H

#include <linux/types.h>

struct cx_command;
struct cx_vhca;

void cx_tracker_caps(void *caps);
u8 cx_create_tracker(struct cx_command *cmd);
u8 cx_modify_tracker(struct cx_command *cmd);
u8 cx_query_tracker(struct cx_command *cmd);
u8 cx_destroy_tracker(struct cx_command *cmd);
bool cx_tracker_reports(struct cx_vhca *vhca);
bool cx_tracker_poll(struct cx_vhca *pf);
void cx_trackers_cancel(struct cx_vhca *pf);

#endif
