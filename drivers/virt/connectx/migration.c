// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend, resume and save of a virtual function, by commands of the PF.
 *
 * A SAVE makes a record: a header, the generator's registers and pages of the
 * state. A stream begins with a SAVE that is not incremental and makes all pages
 * due; each record takes as many of the due pages as its buffer holds, and an
 * incremental SAVE continues with those that are left or have changed again. The
 * record of a suspended function that leaves nothing is the last of its stream.
 * LOAD is in load.c.
 */
#define pr_fmt(fmt) "iommufd-virt: " fmt

#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "check.h"
#include "connectx.h"
#include "faults.h"
#include "ifc.h"
#include "object.h"
#include "quirks.h"
#include "record.h"

static uint connectx_chunk = 4096;
module_param(connectx_chunk, uint, 0444);
MODULE_PARM_DESC(connectx_chunk,
		 "Device state in one chunk of a SAVE, in KiB (0: no chunk mode)");

/**
 * cx_save_in_chunks() - The capability migration_in_chunks
 *
 * Return: true if the firmware has it.
 */
bool cx_save_in_chunks(void)
{
	return connectx_chunk && cx_has(CX_CAP_CHUNKS);
}

static u32 size_of_chunk(u32 pages)
{
	u64 limit = max_t(u64, (u64)connectx_chunk * SZ_1K, cx_record_size(1));

	return min3(cx_record_size(pages), limit,
		    (u64)round_down(U32_MAX, PAGE_SIZE));
}

/* SUSPEND_VHCA: initiator, then responder */
u8 cx_suspend_vhca(struct cx_command *cmd)
{
	struct cx_vhca *vhca = cx_vf_by_vhca_id(cmd->vhca,
		MLX5_GET(suspend_vhca_in, cmd->in, vhca_id));
	bool initiator = cmd->op_mod ==
			 MLX5_SUSPEND_VHCA_IN_OP_MOD_SUSPEND_INITIATOR;
	u8 status;

	if (!vhca)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	status = cx_job_conflict(vhca);
	if (status)
		return status;
	mutex_lock(&vhca->lock);
	if (initiator ? vhca->no_initiator :
			!vhca->no_initiator || vhca->no_responder) {
		status = MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	} else if (initiator) {
		vhca->no_initiator = true;
		virt_msix_quiet(&vhca->fn, true);
	} else {
		vhca->no_responder = true;
	}
	mutex_unlock(&vhca->lock);
	return status;
}

/* RESUME of what is not suspended. */
static u8 resume_running(void)
{
	if (cx_quirk(CX_RESUME_OK))
		return MLX5_CMD_STAT_OK;
	return cx_quirk(CX_RESUME_SYS) ? MLX5_CMD_STAT_BAD_SYS_STATE_ERR :
					 MLX5_CMD_STAT_BAD_RES_STATE_ERR;
}

/* RESUME_VHCA: responder, then initiator */
u8 cx_resume_vhca(struct cx_command *cmd)
{
	struct cx_vhca *vhca = cx_vf_by_vhca_id(cmd->vhca,
		MLX5_GET(resume_vhca_in, cmd->in, vhca_id));
	bool responder = cmd->op_mod ==
			 MLX5_RESUME_VHCA_IN_OP_MOD_RESUME_RESPONDER;
	struct cx_migration *m;
	u8 status;

	if (!vhca)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	status = cx_job_conflict(vhca);
	if (status)
		return status;
	m = &vhca->migration;
	mutex_lock(&vhca->lock);
	if (responder ? !vhca->no_responder : !vhca->no_initiator) {
		status = resume_running();
	} else if (!responder && vhca->no_responder) {
		status = MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	} else if (m->loading && !m->loaded) {
		pr_info("ConnectX function %u: does not resume, its state was loaded in part\n",
			vhca->id);
		status = MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	} else if (responder) {
		vhca->no_responder = false;
		*m = (struct cx_migration) {};
	} else {
		vhca->no_initiator = false;
		cx_generator_resume(vhca);
		virt_msix_quiet(&vhca->fn, false);
	}
	mutex_unlock(&vhca->lock);
	return status;
}

/* What is to be saved of a function that runs? */
static u8 migration_state(const struct cx_vhca *vhca)
{
	if (!vhca->migration.tracking)
		return CX_MIGRATION_IDLE;
	if (vhca->migration.reinit)
		return CX_MIGRATION_INIT;
	return vhca->state.changes ? CX_MIGRATION_DIRTY : CX_MIGRATION_READY;
}

/* QUERY_VHCA_MIGRATION_STATE */
u8 cx_query_migration_state(struct cx_command *cmd)
{
	struct cx_vhca *vhca = cx_vf_by_vhca_id(cmd->vhca,
		MLX5_GET(query_vhca_migration_state_in, cmd->in, vhca_id));
	bool incremental = MLX5_GET(query_vhca_migration_state_in, cmd->in,
				    incremental);
	bool chunk = MLX5_GET(query_vhca_migration_state_in, cmd->in, chunk);
	u64 total, required;
	bool nothing;
	u32 pages;
	u8 status;

	if (!vhca)
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	if (chunk && !cx_save_in_chunks())
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_PARAM_ERR,
				  "without the capability");
	/* The size of what is being saved is known when it is. */
	status = incremental ? cx_job_conflict(vhca) : MLX5_CMD_STAT_OK;
	if (status)
		return status;
	mutex_lock(&vhca->lock);
	if (incremental && !vhca->migration.tracking &&
	    !vhca->migration.saving) {
		mutex_unlock(&vhca->lock);
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	}
	pages = incremental ? vhca->state.changes : vhca->state.count;
	nothing = incremental && !pages && !vhca->no_responder &&
		  cx_quirk(CX_QUERY_ZERO);
	if (cx_has(CX_CAP_STATE))
		MLX5_SET(cx_query_state_out, cmd->out, migration_state,
			 migration_state(vhca));
	mutex_unlock(&vhca->lock);

	total = nothing ? 0 : cx_record_size(pages);
	required = chunk && total ? size_of_chunk(pages) : total;
	if (required > U32_MAX)
		return MLX5_CMD_STAT_LIM_ERR;
	MLX5_SET(query_vhca_migration_state_out, cmd->out, required_umem_size,
		 required);
	if (cx_quirk(CX_TOTAL_LESS))
		total = required / 2;
	if (chunk)
		MLX5_SET64(query_vhca_migration_state_out, cmd->out,
			   remaining_total_size, total);
	return MLX5_CMD_STAT_OK;
}

/* ---- SAVE ---- */

/**
 * struct save - A SAVE under way
 * @job: The job
 * @track: What changes from now on can be saved incrementally
 * @mkey: Where it goes
 * @at: And from which offset on
 * @index: The page to look at next
 * @header: The record's
 * @entry: A page of it
 */
struct save {
	struct cx_job job;
	bool track;
	u32 mkey;
	u64 at;
	u32 index;
	struct cx_record header;
	struct cx_record_page entry;
};

static struct save *to_save(struct cx_job *job)
{
	return container_of(job, struct save, job);
}

/* Each page is copied under the lock, so that the function can run. */
static u8 save_page(struct save *save)
{
	struct cx_vhca *vhca = save->job.vhca;
	struct cx_record *header = &save->header;
	int err;

	mutex_lock(&vhca->lock);
	err = cx_state_next(&vhca->state, &save->index, save->entry.data);
	mutex_unlock(&vhca->lock);
	if (err) {
		/* There are no more, or a reset has made them all unchanged. */
		save->job.moved = save->job.size;
		return MLX5_CMD_STAT_OK;
	}
	save->entry.index = save->index++;
	header->checksum = cx_record_mix(header->checksum, &save->entry,
			       sizeof(save->entry));
	if (cx_mkey_access(save->job.cmd->vhca, save->mkey,
			   save->at + cx_record_size(header->pages),
			   &save->entry, sizeof(save->entry), true))
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	header->pages++;
	save->job.moved += sizeof(save->entry);
	return MLX5_CMD_STAT_OK;
}

/* Make the header and decide whether this is the last record. */
static u8 save_header(struct save *save, u32 *left)
{
	struct cx_vhca *vhca = save->job.vhca;
	struct cx_migration *m = &vhca->migration;
	struct cx_record *header = &save->header;
	bool aborted;

	mutex_lock(&vhca->lock);
	aborted = save->job.aborted;
	if (!aborted) {
		*left = vhca->state.changes;
		header->magic = CX_RECORD_MAGIC;
		header->stream = m->save_stream;
		header->record = m->save_record++;
		header->total = vhca->state.count;
		header->generator = vhca->generator.r;
		header->pending = READ_ONCE(vhca->fn.msix_pending);
		if (vhca->no_responder && !save->track && !*left)
			header->flags = CX_RECORD_LAST;
		m->tracking = save->track;
		m->saving = !save->track && *left;
	}
	mutex_unlock(&vhca->lock);
	if (aborted)
		return MLX5_CMD_STAT_BAD_RES_STATE_ERR;

	header->length = cx_record_size(header->pages);
	swap(header->checksum, save->entry.index);
	header->checksum = 0;
	header->checksum = cx_record_mix(save->entry.index, header, sizeof(*header));
	if (cx_mkey_access(save->job.cmd->vhca, save->mkey, save->at, header,
			   sizeof(*header), true))
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	return MLX5_CMD_STAT_OK;
}

/* Cut the image or change a byte of it, if a test has asked for that. */
static u32 image_spoil(struct save *save, u32 size)
{
	struct cx_vhca *pf = save->job.cmd->vhca;
	u32 offset;
	u8 byte;

	if (cx_fault_corrupt(MLX5_CMD_OP_SAVE_VHCA_STATE, &offset)) {
		offset %= size;
		cx_mkey_access(pf, save->mkey, save->at + offset, &byte, 1,
			       false);
		byte ^= 0x10;
		cx_mkey_access(pf, save->mkey, save->at + offset, &byte, 1,
			       true);
	}
	return cx_fault_cut(MLX5_CMD_OP_SAVE_VHCA_STATE, size);
}

/* Pages were taken that went nowhere: only a full SAVE helps. */
static u8 save_failed(struct save *save, u8 status)
{
	struct cx_vhca *vhca = save->job.vhca;

	mutex_lock(&vhca->lock);
	vhca->migration.tracking = false;
	vhca->migration.saving = false;
	mutex_unlock(&vhca->lock);
	return status;
}

static u8 save_step(struct cx_job *job, u64 bytes)
{
	struct save *save = to_save(job);
	u64 end = job->moved + bytes;
	u8 status = MLX5_CMD_STAT_OK;

	while (!status && job->moved < min(end, job->size))
		status = save_page(save);
	return status ? save_failed(save, status) : status;
}

static u32 size_of_next(u32 left)
{
	return size_of_chunk(left) + (cx_quirk(CX_NEXT_MORE) ? SZ_64K : 0);
}

static u8 save_finish(struct cx_job *job)
{
	struct save *save = to_save(job);
	void *out = job->cmd->out;
	u32 left;
	u8 status = save_header(save, &left);

	if (status)
		return save_failed(save, status);
	MLX5_SET(save_vhca_state_out, out, actual_image_size,
		 image_spoil(save, save->header.length) +
		 (cx_quirk(CX_IMAGE_MORE) ? SZ_64M : 0));
	if (left && !save->track && cx_save_in_chunks())
		MLX5_SET(save_vhca_state_out, out, next_required_umem_size,
			 size_of_next(left));
	return MLX5_CMD_STAT_OK;
}

static void save_release(struct cx_job *job)
{
	kfree(to_save(job));
}

static const struct cx_job_ops save_ops = {
	.step = save_step,
	.finish = save_finish,
	.release = save_release,
};

/* Begin a stream, or go on with it. @pages: how many are to be saved. */
static u8 begin_save(struct cx_vhca *vhca, bool incremental, bool track,
		     u32 *pages)
{
	struct cx_migration *m = &vhca->migration;
	u8 status = MLX5_CMD_STAT_OK;

	mutex_lock(&vhca->lock);
	if (m->loading || (track && vhca->no_initiator &&
			   cx_quirk(CX_TRACK_RUNNING))) {
		status = MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	} else if (!incremental) {
		m->save_stream = get_random_u64();
		m->save_record = 0;
		cx_state_change_all(&vhca->state);
	} else if (!m->tracking && !m->saving) {
		status = MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	}
	if (!status)
		m->reinit = false;
	*pages = vhca->state.changes;
	mutex_unlock(&vhca->lock);
	return status;
}

/* SAVE_VHCA_STATE */
u8 cx_save_vhca_state(struct cx_command *cmd)
{
	struct cx_vhca *vhca = cx_vf_by_vhca_id(cmd->vhca,
		MLX5_GET(save_vhca_state_in, cmd->in, vhca_id));
	u32 size = MLX5_GET(save_vhca_state_in, cmd->in, size);
	bool track = MLX5_GET(save_vhca_state_in, cmd->in, set_track);
	struct save *save;
	u32 pages;
	u8 status;

	if (!vhca || size < cx_record_size(0))
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	if (track && !cx_has(CX_CAP_TRACKING))
		return cx_invalid(cmd, MLX5_CMD_STAT_BAD_PARAM_ERR,
				  "without the capability");
	status = cx_job_conflict(vhca);
	if (status)
		return status;
	save = kzalloc_obj(*save, GFP_KERNEL);
	if (!save)
		return MLX5_CMD_STAT_NO_RES_ERR;
	status = begin_save(vhca, MLX5_GET(save_vhca_state_in, cmd->in,
					   incremental), track, &pages);
	if (!status && !cx_save_in_chunks() && size < cx_record_size(pages) &&
	    cx_quirk(CX_SAVE_WHOLE))
		status = MLX5_CMD_STAT_LIM_ERR;
	if (status) {
		kfree(save);
		return status;
	}
	pages = min_t(u32, pages, (size - cx_record_size(0)) /
				  sizeof(struct cx_record_page));
	save->job.ops = &save_ops;
	save->job.cmd = cmd;
	save->job.vhca = vhca;
	save->job.size = (u64)pages * sizeof(struct cx_record_page);
	save->track = track;
	save->mkey = MLX5_GET(save_vhca_state_in, cmd->in, mkey);
	save->at = MLX5_GET64(save_vhca_state_in, cmd->in, va);
	status = cx_record_use_key(cmd, &save->job.user, save->mkey, save->at, size, true);
	if (status) {
		status = save_failed(save, status);
		kfree(save);
		return status;
	}
	return cx_job_run(&save->job);
}
