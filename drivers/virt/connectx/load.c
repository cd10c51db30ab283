// SPDX-License-Identifier: GPL-2.0-only
/*
 * LOAD: a record becomes the state of a virtual function.
 *
 * It is taken as a whole or not at all: length, order and checksum are checked before
 * anything is applied, so it is read twice. A function that was given a part of a
 * stream does not resume, nor one that lacks a page of its state at the end.
 */
#define pr_fmt(fmt) "iommufd-virt: " fmt

#include <linux/pci_regs.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include "connectx.h"
#include "faults.h"
#include "object.h"
#include "quirks.h"
#include "record.h"

#define NOWHERE		U32_MAX

/**
 * struct load - A LOAD under way
 * @job: The job
 * @mkey: Where the record is
 * @at: And from which offset on
 * @length: Bytes of it
 * @wrong_byte: Which of them is wrong on purpose, or NOWHERE
 * @wrong_page: A page is not one of the state
 * @sum: Checksum of the pages so far
 * @header: Its head
 * @page: A page of it
 */
struct load {
	struct cx_job job;
	u32 mkey;
	u64 at;
	u32 length;
	u32 wrong_byte;
	bool wrong_page;
	u64 sum;
	struct cx_record header;
	struct cx_record_page page;
};

static struct load *to_load(struct cx_job *job)
{
	return container_of(job, struct load, job);
}

static int read_record(struct load *load, u64 offset, void *to, size_t len)
{
	u64 wrong = load->wrong_byte;
	int err;

	err = cx_mkey_access(load->job.cmd->vhca, load->mkey, load->at + offset,
			     to, len, false);
	if (!err && wrong >= offset && wrong < offset + len)
		((u8 *)to)[wrong - offset] ^= 0x10;
	return err;
}

/* The checksum is made of the pages that a record of this length has. */
static u8 load_step(struct cx_job *job, u64 bytes)
{
	struct load *load = to_load(job);
	u64 end = min(job->moved + bytes, job->size);

	while (job->moved < end) {
		if (read_record(load, sizeof(load->header) + job->moved,
				&load->page, sizeof(load->page)))
			return MLX5_CMD_STAT_BAD_PARAM_ERR;
		load->sum = cx_record_mix(load->sum, &load->page,
					  sizeof(load->page));
		if (load->page.index >= job->vhca->state.count)
			load->wrong_page = true;
		job->moved += sizeof(load->page);
	}
	return MLX5_CMD_STAT_OK;
}

static bool checksum_is_right(const struct load *load)
{
	struct cx_record header = load->header;

	header.checksum = 0;
	return cx_record_mix(load->sum, &header, sizeof(header)) ==
	       load->header.checksum;
}

/* What is wrong with a record of which the pages were read, or NULL. */
static const char *check_record(const struct load *load)
{
	const struct cx_record *header = &load->header;
	struct cx_vhca *vhca = load->job.vhca;
	const struct cx_migration *m = &vhca->migration;

	if (load->length < sizeof(*header) || header->magic != CX_RECORD_MAGIC)
		return "header";
	if (header->length != load->length ||
	    header->length != cx_record_size(header->pages))
		return "length";
	if (!checksum_is_right(load))
		return "checksum";
	if (header->total != vhca->state.count)
		return "size of the state (connectx_state)";
	if (header->record && !cx_has(CX_CAP_MULTI_LOAD))
		return "number (migration_multi_load)";
	if (header->record && (!m->loading || m->loaded ||
			       header->stream != m->load_stream ||
			       header->record != m->load_record))
		return "order";
	if (load->wrong_page)
		return "page";
	if (header->generator.running && !cx_generator_check(&header->generator))
		return "registers";
	return NULL;
}

static u8 apply_pages(struct load *load)
{
	struct cx_state *state = &load->job.vhca->state;
	u32 i;

	for (i = 0; i < load->header.pages; i++) {
		if (read_record(load, cx_record_size(i), &load->page,
				sizeof(load->page)) ||
		    load->page.index >= state->count)
			return MLX5_CMD_STAT_BAD_PARAM_ERR;
		if (cx_state_load(state, load->page.index, load->page.data))
			return MLX5_CMD_STAT_NO_RES_ERR;
	}
	return MLX5_CMD_STAT_OK;
}

static u8 apply_record(struct load *load)
{
	const struct cx_record *header = &load->header;
	struct cx_vhca *vhca = load->job.vhca;
	struct cx_migration *m = &vhca->migration;
	u8 status;

	if (!header->record)
		cx_state_expect(&vhca->state);
	m->load_stream = header->stream;
	m->load_record = header->record + 1;
	status = apply_pages(load);
	if (status)
		return status;
	vhca->generator.r = header->generator;
	vhca->fn.msix_pending = header->pending & (BIT(CX_VECTORS) - 1);
	cx_generator_loaded(vhca);
	if (!(header->flags & CX_RECORD_LAST))
		return MLX5_CMD_STAT_OK;
	if (vhca->state.changes) {
		pr_info("ConnectX function %u: the state lacks %u pages\n",
			vhca->id, vhca->state.changes);
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	}
	m->loaded = true;
	if (cx_quirk(CX_LOAD_MSIX)) {
		u64 pending = vhca->fn.msix_pending;

		virt_msix_reset(&vhca->fn);
		vhca->fn.msix_pending = pending;
	}
	if (cx_quirk(CX_LOAD_COMMAND))
		vhca->fn.config[PCI_COMMAND] &= ~PCI_COMMAND_MASTER;
	return MLX5_CMD_STAT_OK;
}

/* All or nothing; from the first record on, resume waits for the last. */
static u8 load_finish(struct cx_job *job)
{
	struct load *load = to_load(job);
	struct cx_vhca *vhca = job->vhca;
	struct cx_migration *m = &vhca->migration;
	const char *wrong;
	u8 status;

	mutex_lock(&vhca->lock);
	wrong = check_record(load);
	if (job->aborted || !vhca->no_responder) {
		status = MLX5_CMD_STAT_BAD_RES_STATE_ERR;
	} else if (wrong) {
		pr_info("ConnectX function %u: image refused because of its %s\n",
			vhca->id, wrong);
		m->loading = true;
		m->loaded = false;
		m->load_record = 0;
		status = MLX5_CMD_STAT_BAD_PARAM_ERR;
	} else {
		m->loading = true;
		m->loaded = false;
		status = apply_record(load);
	}
	mutex_unlock(&vhca->lock);
	return status;
}

static void load_release(struct cx_job *job)
{
	kfree(to_load(job));
}

static const struct cx_job_ops load_ops = {
	.step = load_step,
	.finish = load_finish,
	.release = load_release,
};

/* What a test has asked for, and the head of the record. */
static u8 load_begin(struct load *load, u32 size)
{
	u32 offset;

	load->length = cx_fault_cut(MLX5_CMD_OP_LOAD_VHCA_STATE, size);
	load->wrong_byte = NOWHERE;
	if (cx_fault_corrupt(MLX5_CMD_OP_LOAD_VHCA_STATE, &offset))
		load->wrong_byte = offset % size;
	if (load->length < sizeof(load->header))
		return MLX5_CMD_STAT_OK;
	load->job.size = load->length - sizeof(load->header);
	load->job.size -= load->job.size % sizeof(load->page);
	return read_record(load, 0, &load->header, sizeof(load->header)) ?
	       MLX5_CMD_STAT_BAD_PARAM_ERR : MLX5_CMD_STAT_OK;
}

/* LOAD_VHCA_STATE */
u8 cx_load_vhca_state(struct cx_command *cmd)
{
	struct cx_vhca *vhca = cx_vf_by_vhca_id(cmd->vhca,
		MLX5_GET(load_vhca_state_in, cmd->in, vhca_id));
	u32 size = MLX5_GET(load_vhca_state_in, cmd->in, size);
	struct load *load;
	u8 status;

	if (!vhca || !size || size > cx_record_size(vhca->state.count))
		return MLX5_CMD_STAT_BAD_PARAM_ERR;
	status = cx_job_conflict(vhca);
	if (status)
		return status;
	load = kzalloc_obj(*load, GFP_KERNEL);
	if (!load)
		return MLX5_CMD_STAT_NO_RES_ERR;
	load->job.ops = &load_ops;
	load->job.cmd = cmd;
	load->job.vhca = vhca;
	load->job.loads = true;
	load->mkey = MLX5_GET(load_vhca_state_in, cmd->in, mkey);
	load->at = MLX5_GET64(load_vhca_state_in, cmd->in, va);
	status = cx_record_use_key(cmd, &load->job.user, load->mkey, load->at,
				   size, false);
	if (status) {
		kfree(load);
		return status;
	}
	status = load_begin(load, size);
	if (status) {
		cx_object_unuse(cmd->vhca, &load->job.user);
		kfree(load);
		return status;
	}
	return cx_job_run(&load->job);
}
