// SPDX-License-Identifier: GPL-2.0-only
/*
 * SAVE and LOAD as jobs. By default the firmware does one command after the other.
 * With the parameter connectx_busy it does as real firmware does: it works on a SAVE
 * or LOAD in the background, executes commands about other functions at the same time,
 * and refuses those that change the state of the same one. A function-level reset of that
 * function aborts the job, and its command fails.
 *
 * A job belongs to the PF's thread. The function that it is about points to it, under
 * its lock, so that its own thread can abort it.
 */
#define pr_fmt(fmt) "iommufd-virt: " fmt

#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/sizes.h>
#include <linux/timekeeping.h>

#include "../faults.h"
#include "connectx.h"
#include "job.h"
#include "quirks.h"
#include "tracker.h"

#define SLICE	SZ_64K	/* moved between two looks at the clock */

static uint connectx_busy;
static uint connectx_rate;
module_param(connectx_rate, uint, 0644);
MODULE_PARM_DESC(connectx_rate,
		 "With connectx_busy: rate of SAVE and LOAD, in MiB per second (0: no limit)");

static uint connectx_save_ms;
module_param(connectx_save_ms, uint, 0644);
MODULE_PARM_DESC(connectx_save_ms,
		 "With connectx_busy: shortest time of a SAVE or LOAD, in milliseconds");

static int set_busy(const char *value, const struct kernel_param *kp)
{
	unsigned int status;
	int err = kstrtouint(value, 0, &status);

	if (err)
		return err;
	if (status && status != MLX5_CMD_STAT_RES_BUSY &&
	    status != MLX5_CMD_STAT_BAD_RES_STATE_ERR) {
		pr_err("connectx_busy: %u is not 0, %u (RES_BUSY) or %u (BAD_RES_STATE)\n",
		       status, MLX5_CMD_STAT_RES_BUSY,
		       MLX5_CMD_STAT_BAD_RES_STATE_ERR);
		return -EINVAL;
	}
	WRITE_ONCE(connectx_busy, status);
	return 0;
}

static const struct kernel_param_ops busy_ops = {
	.set = set_busy,
	.get = param_get_uint,
};
module_param_cb(connectx_busy, &busy_ops, &connectx_busy, 0644);
MODULE_PARM_DESC(connectx_busy,
		 "Run SAVE and LOAD in the background, and fail other commands for the same function with this status: 6 (RES_BUSY) or 9 (BAD_RES_STATE); 0: run one command after the other");

static atomic_t conflicts;
static atomic_t aborts;

module_param_cb(connectx_conflicts, &virt_atomic_ops, &conflicts, 0444);
MODULE_PARM_DESC(connectx_conflicts,
		 "Number of commands that failed because a SAVE, LOAD or report of the same function was running");
module_param_cb(connectx_aborts, &virt_atomic_ops, &aborts, 0444);
MODULE_PARM_DESC(connectx_aborts, "Number of SAVEs and LOADs that a reset of their function aborted");

/* How many bytes may have moved by now? */
static u64 job_allowed(const struct cx_job *job)
{
	u64 rate = (u64)READ_ONCE(connectx_rate) * SZ_1M;

	return rate ? mul_u64_u64_div_u64(ktime_get_ns() - job->began_ns, rate,
					  NSEC_PER_SEC) : job->size;
}

static bool may_finish(const struct cx_job *job)
{
	u64 least = (u64)READ_ONCE(connectx_save_ms) * NSEC_PER_MSEC;

	return job->moved >= job->size &&
	       ktime_get_ns() - job->began_ns >= least;
}

static u8 run_at_once(struct cx_job *job)
{
	u8 status = MLX5_CMD_STAT_OK;

	while (!status && job->moved < job->size)
		status = job->ops->step(job, SLICE);
	if (!status)
		status = job->ops->finish(job);
	cx_object_unuse(job->cmd->vhca, &job->user);
	job->ops->release(job);
	return status;
}

/**
 * cx_job_run() - Begin with a SAVE or LOAD, and end it or leave it to the background
 * @job: Ops, cmd, vhca, size; belongs to this function and to cx_jobs_poll()
 *
 * The caller has checked that cx_job_conflict() is 0.
 *
 * Return: The command's status, to be ignored if cmd->later is set.
 */
u8 cx_job_run(struct cx_job *job)
{
	job->began_ns = ktime_get_ns();
	if (!READ_ONCE(connectx_busy))
		return run_at_once(job);
	job->cmd->later = true;
	mutex_lock(&job->vhca->lock);
	job->vhca->job = job;
	mutex_unlock(&job->vhca->lock);
	return MLX5_CMD_STAT_OK;
}

/**
 * cx_job_conflict() - Is there something that a command about a function conflicts with
 * @vhca: The function; on the PF's thread
 *
 * A job does, and with the quirk report_alone a page tracker that reports.
 *
 * Return: The status with which the command fails, or 0.
 */
u8 cx_job_conflict(struct cx_vhca *vhca)
{
	if (!vhca->job && cx_quirk(CX_REPORT_ALONE) && cx_tracker_reports(vhca)) {
		atomic_inc(&conflicts);
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	}
	if (!vhca->job)
		return MLX5_CMD_STAT_OK;
	atomic_inc(&conflicts);
	/* It may have been set to 0 since the job began. */
	return READ_ONCE(connectx_busy) ?: MLX5_CMD_STAT_RES_BUSY;
}

/**
 * cx_job_abort() - A function is reset: its job fails
 * @vhca: The function; with its lock
 */
void cx_job_abort(struct cx_vhca *vhca)
{
	if (!vhca->job || vhca->job->aborted)
		return;
	WRITE_ONCE(vhca->job->aborted, true);
	atomic_inc(&aborts);
}

/* The function has no job any more. Return: the command, without an answer. */
static struct cx_command *end_job(struct cx_job *job)
{
	struct cx_command *cmd = job->cmd;

	mutex_lock(&job->vhca->lock);
	job->vhca->job = NULL;
	mutex_unlock(&job->vhca->lock);
	cx_object_unuse(cmd->vhca, &job->user);
	job->ops->release(job);
	return cmd;
}

/* Return: true when there is more to do at once. */
static bool poll_job(struct cx_vhca *pf, struct cx_job *job)
{
	unsigned long end = jiffies + 1;
	u8 status = MLX5_CMD_STAT_OK;
	struct cx_command *cmd;

	while (!status && !READ_ONCE(job->aborted) && job->moved < job->size &&
	       job->moved < job_allowed(job)) {
		if (time_after(jiffies, end) ||
		    virt_function_interrupted(&pf->fn))
			return true;
		status = job->ops->step(job, SLICE);
	}
	if (READ_ONCE(job->aborted))
		status = MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	else if (!status && !may_finish(job))
		return false;
	if (!status)
		status = job->ops->finish(job);
	cmd = end_job(job);
	cmd->ops->answer(cmd, status);
	return true;
}

/**
 * cx_jobs_poll() - Go on with the jobs in the background
 * @pf: The physical function; on its thread
 *
 * Return: true when there is more to do at once.
 */
bool cx_jobs_poll(struct cx_vhca *pf)
{
	bool more = false;
	unsigned int i;

	for (i = 1; i <= pf->cx->vfs; i++)
		if (pf->cx->vhca[i].job)
			more |= poll_job(pf, pf->cx->vhca[i].job);
	return more;
}

/**
 * cx_jobs_cancel() - Forget the jobs and waiting CREATEs of a command queue that ends
 * @pf: The physical function; on its thread, or without one
 */
void cx_jobs_cancel(struct cx_vhca *pf)
{
	unsigned int i;

	for (i = 1; i <= pf->cx->vfs; i++) {
		struct cx_command *cmd;

		if (!pf->cx->vhca[i].job)
			continue;
		cmd = end_job(pf->cx->vhca[i].job);
		cmd->ops->forget(cmd);
	}
	cx_trackers_cancel(pf);
}
