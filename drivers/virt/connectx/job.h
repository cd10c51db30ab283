/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SAVE and LOAD as jobs: at once, or in the background. See job.c.
 */
#ifndef _VIRT_CONNECTX_JOB_H
#define _VIRT_CONNECTX_JOB_H

#include <linux/types.h>

#include "object.h"

struct cx_command;
struct cx_job;
struct cx_vhca;

/**
 * struct cx_job_ops - What a job does; all on the PF's thread
 * @step: Move at most so many more bytes and count them in @moved; once @moved is
 *	@size, does nothing. Return: a command's status
 * @finish: Everything is moved. Return: the command's status
 * @release: The job is over: free what it has, and the job
 */
struct cx_job_ops {
	u8 (*step)(struct cx_job *job, u64 bytes);
	u8 (*finish)(struct cx_job *job);
	void (*release)(struct cx_job *job);
};

/**
 * struct cx_job - A SAVE or LOAD
 * @ops: Which of them
 * @cmd: The command; not answered while the job runs in the background
 * @vhca: The virtual function
 * @size: Bytes to move
 * @moved: Bytes that have moved
 * @began_ns: When it began
 * @user: Uses the memory key
 * @loads: It is a LOAD
 * @aborted: By a reset of @vhca; under the lock of @vhca
 */
struct cx_job {
	const struct cx_job_ops *ops;
	struct cx_command *cmd;
	struct cx_vhca *vhca;
	struct cx_object user;
	u64 size;
	u64 moved;
	u64 began_ns;
	bool loads;
	bool aborted;
};

u8 cx_job_run(struct cx_job *job);
u8 cx_job_conflict(struct cx_vhca *vhca);
void cx_job_abort(struct cx_vhca *vhca);
bool cx_jobs_poll(struct cx_vhca *pf);
void cx_jobs_cancel(struct cx_vhca *pf);

#endif
