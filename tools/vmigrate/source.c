// SPDX-License-Identifier: GPL-2.0-only
/*
 * The source: the devices write all the time, and it sends
 *
 *	pass 1		all of RAM,
 *	pass 2 ...	what READ reports as written since the pass before,
 *	last pass	with the devices stopped, what READ reports then.
 *
 * After each pass COUNT returns how much was written since, without taking
 * it: that decides whether another pass is worth it. Without a tracker there
 * is nothing to continue with after pass 1, and pages are lost.
 *
 * VFs save their state at the same time, and what has changed of it follows each pass.
 * Then all of them pass RUNNING_P2P together, so that none writes to memory that
 * another, or the last pass, has left behind. When RAM has been compared, the other
 * side's VFs continue, and it proves that their sequences have no gap. NICs have no state
 * that a kernel saves: where their rings end follows the last page, in WIRE_END.
 *
 * Whatever fails until then, and RAM that differs, leaves the guest here: it runs on.
 *
 * A page is copied before it is looked at, since a device may write to it at
 * any time; when that happens after the READ that reported it, the next READ
 * reports it again.
 */
#include <stdlib.h>
#include <string.h>

#include "vmigrate.h"

#define RUN_PAGES	(WIRE_MAX / GUEST_PAGE)
/* Passes in a row that may go by without the dirty set having shrunk. */
#define STUCK_PASSES	3
#define PROGRESS_NS	100000000ull

/**
 * struct sender - A pass in the making
 * @s: Where to
 * @r: Who is told
 * @pass: Its row of the table
 * @bandwidth: Bytes per second; 0 for no limit
 * @begin_ns: When it began
 * @begin_bytes: What had been sent then
 * @shown_ns: When the progress was shown last
 * @iova: Of the run of pages that is being gathered
 * @count: Pages in it
 * @zero: They are all zero, and not in @buf
 * @buf: Copies of them
 */
struct sender {
	struct stream *s;
	struct report *r;
	struct pass *pass;
	u64 bandwidth;
	u64 begin_ns;
	u64 begin_bytes;
	u64 shown_ns;
	u64 iova;
	u64 count;
	bool zero;
	u64 buf[RUN_PAGES + 1][GUEST_PAGE / sizeof(u64)];
};

/* Copy a page that may change during the copy. Is the copy all zero? */
static bool copy_page(u64 *to, const u8 *from)
{
	u64 any = 0;
	unsigned int i;

	memcpy(to, from, GUEST_PAGE);
	for (i = 0; i < GUEST_PAGE / sizeof(*to) && !any; i++)
		any = to[i];
	return !any;
}

/* Wait as long as the bandwidth asks for, and tell how far we are. */
static int pace(struct sender *tx)
{
	u64 now = now_ns();

	tx->pass->bytes = tx->s->bytes - tx->begin_bytes;
	tx->pass->ns = now - tx->begin_ns;
	if (now - tx->shown_ns > PROGRESS_NS) {
		tx->shown_ns = now;
		report_progress(tx->r, tx->pass);
	}
	while (tx->bandwidth) {
		u64 due = tx->begin_ns + (u64)((double)tx->pass->bytes * 1e9 /
					       (double)tx->bandwidth);
		int status;

		now = now_ns();
		if (due < now + 1000000)
			break;
		status = wait_fd(-1, 0, due - now < 100000000 ?
				 (int)((due - now) / 1000000) : 100);
		if (status)
			return status;
	}
	return 0;
}

static int flush(struct sender *tx)
{
	int status;

	if (!tx->count)
		return 0;
	if (tx->zero)
		status = stream_send(tx->s, WIRE_ZERO, tx->iova, tx->count,
				     NULL, 0);
	else
		status = stream_send(tx->s, WIRE_PAGES, tx->iova, tx->count,
				     tx->buf, (u32)(tx->count * GUEST_PAGE));
	tx->count = 0;
	return status ? status : pace(tx);
}

static int send_page(struct sender *tx, const struct slot *slot, u64 page)
{
	u64 iova = slot->iova + page * GUEST_PAGE;
	int status = 0;
	bool zero;

	/* One more page than a run may have fits in, for this. */
	zero = copy_page(tx->buf[tx->zero ? 0 : tx->count],
			 slot->va + page * GUEST_PAGE);
	if (tx->count && (zero != tx->zero || tx->count == RUN_PAGES ||
			  iova != tx->iova + tx->count * GUEST_PAGE)) {
		u64 *copy = tx->buf[tx->zero ? 0 : tx->count];

		status = flush(tx);
		if (!zero)
			memmove(tx->buf[0], copy, GUEST_PAGE);
	}
	if (!tx->count) {
		tx->iova = iova;
		tx->zero = zero;
	}
	tx->count++;
	tx->pass->sent++;
	tx->pass->zero += zero;
	return status;
}

/* Send what the slots' bitmaps say, and clear them. */
static int send_pass(struct sender *tx, struct guest *g, u64 dirty, bool last)
{
	struct report *r = tx->r;
	unsigned int i;
	int status = 0;
	u64 page;

	tx->pass = &r->passes[r->nr_passes++];
	*tx->pass = (struct pass){
		.number = r->nr_passes,
		.last = last,
		.dirty = dirty,
		.read_ns = r->read_ns,
	};
	tx->begin_ns = now_ns();
	tx->begin_bytes = tx->s->bytes;
	tx->count = 0;
	for (i = 0; i < g->nr_slots; i++) {
		struct slot *slot = &g->slots[i];

		for (page = 0; page < slot->length / GUEST_PAGE; page++) {
			u64 *word = &slot->dirty[page / 64];

			if (!(page % 64) && !*word) {
				page += 63;
				continue;
			}
			if (!(*word & 1ull << page % 64))
				continue;
			*word &= ~(1ull << page % 64);
			status = send_page(tx, slot, page);
			if (status)
				return status;
		}
	}
	status = flush(tx);
	if (!status)
		status = stream_send(tx->s, WIRE_PASS, 0, tx->pass->number,
				     NULL, 0);
	tx->pass->bytes = tx->s->bytes - tx->begin_bytes;
	tx->pass->ns = now_ns() - tx->begin_ns;
	if (!status)
		report_pass(r, tx->pass);
	return status;
}

static void mark_all(struct guest *g)
{
	unsigned int i;
	u64 page;

	for (i = 0; i < g->nr_slots; i++)
		for (page = 0; page < g->slots[i].length / GUEST_PAGE; page++)
			g->slots[i].dirty[page / 64] |= 1ull << page % 64;
}

/* Is it time to stop the devices? @dirty bytes are waiting. */
static bool enough(struct report *r, u64 dirty, unsigned int stuck)
{
	if (dirty <= r->opt->threshold)
		r->reason = REASON_CONVERGED;
	else if (r->nr_passes >= r->opt->passes)
		r->reason = REASON_PASSES;
	else if (stuck >= STUCK_PASSES)
		r->reason = REASON_STUCK;
	else
		return false;
	return true;
}

/* READ, and note what it says. */
static int read_dirty(struct report *r, struct vmm *vmm, struct guest *g, u64 *dirty)
{
	int status;
	u64 begin;

	status = history_before(r->history, vmm);
	begin = now_ns();
	if (!status)
		status = vmm_read(vmm, g, r->opt->ranges, dirty);
	r->read_ns = now_ns() - begin;
	if (!status)
		status = history_note(r->history, vmm, g, false);
	return status;
}

/* Pass after pass, until the devices may be stopped. */
static int precopy(struct sender *tx, struct vmm *vmm, struct guest *g)
{
	const struct options *opt = tx->r->opt;
	u64 dirty = g->length, waiting;
	unsigned int stuck = 0;
	bool sent;
	int status;

	mark_all(g);
	status = history_note(tx->r->history, vmm, g, true);
	if (status)
		return status;
	for (;;) {
		status = send_pass(tx, g, dirty / GUEST_PAGE, false);
		if (!status)
			status = vfs_send(&vmm->vfs, tx->s, false);
		if (!status && tx->r->nr_passes <= opt->set_up)
			status = vfs_set_up(&vmm->vfs);
		if (status)
			return status;
		if (opt->tracker == TRACKER_OFF) {
			tx->r->reason = REASON_UNTRACKED;
			return 0;
		}
		status = vmm_count(vmm, g, &waiting);
		if (status)
			return status;
		stuck = waiting < dirty ? 0 : stuck + 1;
		if (enough(tx->r, waiting, stuck)) {
			status = vfs_send_initial(&vmm->vfs, tx->s, &sent);
			if (status || !sent || tx->r->nr_passes >= opt->passes)
				return status;
			/* Meanwhile the devices have written */
			stuck = 0;
		}
		status = read_dirty(tx->r, vmm, g, &dirty);
		if (status)
			return status;
	}
}

static void end_phase(struct report *r, enum phase which, u64 *begin)
{
	u64 now = now_ns();

	r->phase_ns[which] = now - *begin;
	if (which != PHASE_PRECOPY)
		r->downtime_ns += now - *begin;
	*begin = now;
}

static int send_last_pages(struct sender *tx, struct vmm *vmm, struct guest *g)
{
	u64 dirty;
	int status;

	if (tx->r->opt->tracker == TRACKER_OFF)
		return 0;
	status = read_dirty(tx->r, vmm, g, &dirty);
	tx->bandwidth = 0;
	return status ? status : send_pass(tx, g, dirty / GUEST_PAGE, true);
}

static int send_last_state(struct sender *tx, struct vf_set *vfs)
{
	int status;

	status = vfs_to(vfs, VFIO_DEVICE_STATE_STOP_COPY);
	if (!status)
		status = vfs_send(vfs, tx->s, true);
	if (!status)
		status = vfs_to(vfs, VFIO_DEVICE_STATE_STOP);
	if (!status)
		vfs_note(vfs);
	return status;
}

static int send_end(struct sender *tx, const struct vmm *vmm)
{
	const struct vf_set *vfs = &vmm->vfs;
	struct wire_mark marks[MAX_MARKS] = {};
	struct wire_msg msg;
	unsigned int i;
	int status;

	for (i = 0; i < vfs->nr; i++) {
		marks[i].position = vfs->devices[i].position;
		marks[i].sum = vfs->devices[i].sum;
	}
	nics_note(&vmm->nics, marks + vfs->nr);
	status = stream_send(tx->s, WIRE_END, 0, 0, marks,
			     vmm_marks(vmm) * (u32)sizeof(*marks));
	return status ? status : stream_expect(tx->s, WIRE_END, &msg);
}

/* The devices stand still from here on: send the rest, wait for the answer. */
static int stop_and_copy(struct sender *tx, struct vmm *vmm, struct guest *g,
			 u64 *begin)
{
	int status;

	status = vfs_quiesce(&vmm->vfs);
	if (!status)
		status = vmm_stop_devices(vmm);
	end_phase(tx->r, PHASE_QUIESCE, begin);
	if (!status)
		status = send_last_pages(tx, vmm, g);
	end_phase(tx->r, PHASE_RAM, begin);
	if (!status)
		status = send_last_state(tx, &vmm->vfs);
	end_phase(tx->r, PHASE_STATE, begin);
	if (!status)
		status = send_end(tx, vmm);
	end_phase(tx->r, PHASE_LOAD, begin);
	return status;
}

static int note_devices(struct report *r, struct vmm *vmm)
{
	unsigned int i;

	for (i = 0; i < vmm->nr_devices; i++) {
		struct vdev *d = &vmm->devices[i];

		r->writes[i] = vdev_read64(d, VIRT_DMA_DONE);
		r->refused[i] = vdev_read64(d, VIRT_DMA_FAULTS);
		if (!r->writes[i])
			return fail(STATUS_ERROR,
				    "device %s wrote nothing (%llu accesses refused, the last at IOVA %#llx): the migration proves nothing",
				    d->name, r->refused[i],
				    vdev_read64(d, VIRT_DMA_FAULT_IOVA));
	}
	for (i = 0; i < vmm->nics.nr; i++) {
		const struct nic_device *d = &vmm->nics.devices[i];

		if (!d->writes)
			return fail(STATUS_ERROR,
				    "NIC %s wrote nothing of %llu frames: the migration proves nothing",
				    d->nic.name, d->position);
	}
	return 0;
}

static int migrate(struct report *r, struct vmm *vmm, struct guest *g,
		   struct stream *s)
{
	const struct options *opt = r->opt;
	struct sender *tx = calloc(1, sizeof(*tx));
	u64 begin, phase;
	int status;

	if (!tx)
		return fail(STATUS_ERROR, "no memory for a send buffer");
	tx->s = s;
	tx->r = r;
	tx->bandwidth = opt->bandwidth;

	begin = now_ns();
	phase = begin;
	status = vfs_save_begin(&vmm->vfs);
	if (!status)
		status = precopy(tx, vmm, g);
	end_phase(r, PHASE_PRECOPY, &phase);
	if (!status)
		status = stop_and_copy(tx, vmm, g, &phase);
	r->total_ns = now_ns() - begin;
	r->bytes = s->bytes;
	free(tx);
	if (!status)
		status = note_devices(r, vmm);
	if (!status && vmm->tracker_id)
		status = vmm_read_plan(vmm);
	return status;
}

/* What the devices write, in @to; how many bytes that takes */
static u32 describe(const struct vmm *vmm, u8 *to)
{
	struct wire_vf *vfs = (void *)to;
	struct wire_nic *nics = (void *)(vfs + vmm->vfs.nr);
	unsigned int i;

	for (i = 0; i < vmm->vfs.nr; i++) {
		const struct vf_job *job = &vmm->vfs.devices[i].job;

		vfs[i] = (struct wire_vf){
			.base = job->base,
			.length = job->length,
			.unit = job->unit,
			.rate = job->rate,
			.key = job->key,
		};
	}
	for (i = 0; i < vmm->nics.nr; i++) {
		const struct nic_device *d = &vmm->nics.devices[i];

		nics[i] = (struct wire_nic){ .job = d->job };
		snprintf(nics[i].kind, sizeof(nics[i].kind), "%s", nic_chip_name(&d->nic));
	}
	return (u32)((u8 *)(nics + i) - to);
}

static int hello(struct stream *s, const struct guest *g, const struct vmm *vmm)
{
	u64 devices[(MAX_VFS * sizeof(struct wire_vf) + MAX_NICS * sizeof(struct wire_nic)) / 8];
	u32 length = describe(vmm, (u8 *)devices);
	struct wire_slot slots[MAX_SLOTS];
	struct wire_msg msg;
	unsigned int i;
	int status;

	for (i = 0; i < g->nr_slots; i++) {
		slots[i].iova = g->slots[i].iova;
		slots[i].length = g->slots[i].length;
	}
	status = stream_send(s, WIRE_HELLO, 0, g->nr_slots, slots,
			     g->nr_slots * (u32)sizeof(*slots));
	if (!status)
		status = stream_send(s, WIRE_DEVICES, vmm->nr_devices,
				     vmm->vfs.nr, devices, length);
	return status ? status : stream_expect(s, WIRE_READY, &msg);
}

/*
 * RAM is there: let the guest continue at the other side, and see that it does.
 * @here: the other side has not, and will not, so it can continue here. Without an
 * answer it is not known where it runs.
 */
static int hand_over(struct report *r, struct stream *s, const struct vmm *vmm,
		     bool *here)
{
	u64 begin = now_ns();
	struct wire_msg msg;
	unsigned int i;
	int status;

	status = stream_send(s, WIRE_RUN, 0, 0, NULL, 0);
	/* The other side does not act upon a message that was not sent as a whole. */
	if (!status) {
		*here = false;
		process.handed_over = true;
		status = stream_expect(s, WIRE_RUN, &msg);
	}
	end_phase(r, PHASE_RUN, &begin);
	if (!status && msg.count) {
		*here = true;
		process.handed_over = false;
		return fail(STATUS_ERROR,
			    "the destination's devices do not run; its own message, if any, says why");
	}
	if (!status)
		status = stream_expect(s, WIRE_PROOF, &msg);
	if (!status && msg.length != vmm_marks(vmm) * sizeof(*r->proof))
		status = fail(STATUS_ERROR, "the destination sent %u bytes of proof",
			      msg.length);
	if (status)
		return status;
	memcpy(r->proof, s->payload, msg.length);
	for (i = 0; !status && i < vmm_marks(vmm); i++)
		if (!r->proof[i].went_on || r->proof[i].wrong)
			status = fail(STATUS_ERROR,
				      "at the other side the device that continues %s made %llu writes, and %llu of the %llu in its sequence are not in RAM",
				      vmm_mark_name(vmm, i), r->proof[i].went_on, r->proof[i].wrong,
				      r->proof[i].position);
	return status;
}

/* The migration has failed with @status; does the guest run on here? */
static int go_on(const struct report *r, struct vmm *vmm, const struct guest *g,
		 int status)
{
	struct wire_mark marks[MAX_MARKS] = {};

	if (vfs_go_on(&vmm->vfs) || vmm_stop_devices(vmm) || leaves_grow(vmm) ||
	    vmm_run_on(vmm, g, marks))
		return status;
	report_goes_on(r, marks);
	return STATUS_GOES_ON;
}

static int open_all(struct vmm *vmm, struct guest *g, const struct options *opt,
		    struct stream *s)
{
	int status;

	status = guest_layout(g, opt);
	if (!status)
		status = guest_alloc(g, opt->hugepages);
	if (status)
		return status;
	guest_fill(g, opt->seed);
	status = vmm_open(vmm, g, opt);
	return status ? status : hello(s, g, vmm);
}

static int start_all(struct vmm *vmm, struct guest *g, const struct options *opt)
{
	int status;

	status = vmm_start_devices(vmm, g);
	if (!status)
		status = vfs_start(&vmm->vfs);
	if (!status && opt->tracker != TRACKER_OFF)
		status = vmm_start_tracker(vmm, opt);
	if (!status && opt->leaves == LEAVES_MIGRATION)
		status = leaves_shrink(vmm, g);
	return status;
}

/**
 * run_source() - Be the source of one migration
 * @opt: The command line
 * @fd: Connected to the destination; closed at the end
 *
 * Return: The exit status.
 */
int run_source(const struct options *opt, int fd)
{
	struct stream *s = stream_new(fd, "destination", opt->timeout);
	struct report *r = calloc(1, sizeof(*r));
	struct vmm vmm = { .iommufd = -1 };
	struct history *history = NULL;
	struct guest g = { .ram = NULL };
	bool here = false;
	int status = s && r ? 0 : STATUS_ERROR;

	if (!status)
		status = history_new(opt->report, &history);
	if (!status)
		status = open_all(&vmm, &g, opt, s);
	if (!status) {
		*r = (struct report){
			.opt = opt,
			.guest = &g,
			.vmm = &vmm,
			.history = history,
		};
		report_setup(r);
		status = start_all(&vmm, &g, opt);
		here = !status;
	}
	if (!status) {
		report_plan(r);
		status = migrate(r, &vmm, &g, s);
	}
	if (!status)
		status = verify_guest(r, s, true);
	if (!status && vmm_marks(&vmm) && !r->differ)
		status = hand_over(r, s, &vmm, &here);
	if (status == STATUS_ERROR && here)
		status = go_on(r, &vmm, &g, status);
	else if (status == STATUS_ERROR && process.handed_over)
		fail(status,
		     "the guest was handed over, but there is no proof that it continues: look at the destination before you start it here");
	if (!status) {
		report_totals(r);
		report_proof(r);
		report_verdict(r);
		status = r->differ ? STATUS_MISMATCH : STATUS_OK;
	}
	if (r && r->vmm && status != STATUS_INTERRUPTED &&
	    history_draw(history, r) && !status)
		status = STATUS_ERROR;
	/* The other side does not run a guest whose RAM differs. The verdict stays. */
	if (r && r->differ && vmm_marks(&vmm)) {
		process.json = false;
		go_on(r, &vmm, &g, status);
	}
	free(history);
	vmm_close(&vmm);
	guest_free(&g);
	stream_free(s);
	free(r);
	return status;
}
