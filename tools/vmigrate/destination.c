// SPDX-License-Identifier: GPL-2.0-only
/*
 * The destination: makes the RAM that the source describes, puts into it what
 * arrives, and compares checksums when all has arrived. With VFs or NICs it has as many of
 * its own, and as many DMA devices: the VFs load what arrives, and when RAM has
 * been compared, the guest continues here. Without either it needs no device and no
 * iommufd. It trusts nothing that it reads from the socket.
 */
#include <stdlib.h>
#include <string.h>

#include "vmigrate.h"

#define RAM_MAX	(1ull << 40)

static int take_hello(struct stream *s, struct guest *g)
{
	const struct wire_slot *slot = (const void *)s->payload;
	struct wire_msg msg;
	unsigned int i;
	u64 end = 0;
	int status;

	status = stream_expect(s, WIRE_HELLO, &msg);
	if (status)
		return status;
	if (!msg.count || msg.count > MAX_SLOTS ||
	    msg.length != msg.count * sizeof(*slot))
		return fail(STATUS_ERROR,
			    "the source describes %llu slots of RAM in %u bytes, 1 to %u are possible",
			    msg.count, msg.length, MAX_SLOTS);

	*g = (struct guest){ .nr_slots = (unsigned int)msg.count };
	for (i = 0; i < g->nr_slots; i++, slot++) {
		if (!slot->length || slot->length % GUEST_PAGE ||
		    slot->iova % GUEST_PAGE || slot->iova < end ||
		    slot->length > RAM_MAX ||
		    slot->iova + slot->length < slot->iova) {
			g->nr_slots = 0;
			return fail(STATUS_ERROR,
				    "the source describes an impossible slot %u: %#llx bytes at IOVA %#llx",
				    i, slot->length, slot->iova);
		}
		g->slots[i].iova = slot->iova;
		g->slots[i].length = slot->length;
		g->length += slot->length;
		end = slot->iova + slot->length;
	}
	return guest_alloc(g, false);
}

/* What the VFs write, which is to be checked. */
static int take_jobs(struct vf_set *vfs, const struct guest *g,
		     const struct wire_vf *wire)
{
	unsigned int i;

	for (i = 0; i < vfs->nr; i++, wire++) {
		if (wire->unit != GUEST_PAGE || !wire->length ||
		    wire->length % GUEST_PAGE || wire->base % GUEST_PAGE ||
		    !guest_at(g, wire->base, wire->length))
			return fail(STATUS_ERROR,
				    "the source describes a VF that writes %llu bytes at IOVA %#llx, which is not RAM",
				    wire->length, wire->base);
		vfs->devices[i].job = (struct vf_job){
			.base = wire->base,
			.length = wire->length,
			.unit = wire->unit,
			.rate = wire->rate,
			.key = wire->key,
		};
	}
	return 0;
}

static bool in_ram(const struct guest *g, u64 iova, u64 length)
{
	return length && !(iova % GUEST_PAGE) && guest_at(g, iova, length);
}

/* What the NICs receive, which goes on */
static int take_nics(struct nic_set *nics, const struct guest *g, const struct wire_nic *wire)
{
	unsigned int i;

	for (i = 0; i < nics->nr; i++) {
		const struct nic_job *job = &wire[i].job;

		if (!in_ram(g, job->rings, NIC_MEMORY) ||
		    !in_ram(g, job->base, job->length) || job->length % GUEST_PAGE ||
		    !job->stride || job->stride % GUEST_PAGE)
			return fail(STATUS_ERROR,
				    "the source describes a NIC that receives %llu bytes at IOVA %#llx, with rings at %#llx, which is not RAM",
				    job->length, job->base, job->rings);
		nics->devices[i].job = *job;
	}
	return 0;
}

/* All are of one kind, whose name is text. */
static bool kind_of(const struct wire_nic *wire, unsigned int nr, char *kind)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (memcmp(wire[i].kind, wire->kind, NIC_KIND))
			return false;
	memcpy(kind, nr ? wire->kind : "", nr ? NIC_KIND : 1);
	return !nr || memchr(kind, 0, NIC_KIND);
}

static int take_devices(struct vmm *vmm, struct stream *s, const struct guest *g,
			const struct options *opt)
{
	const struct wire_vf *vfs = (const void *)s->payload;
	struct options mine = *opt;
	const struct wire_nic *nics;
	char kind[NIC_KIND];
	struct wire_msg msg;
	u64 rest;
	int status;

	status = stream_expect(s, WIRE_DEVICES, &msg);
	if (status)
		return status;
	rest = msg.count <= MAX_VFS ? msg.length - msg.count * sizeof(*vfs) : ~0ull;
	nics = (const void *)(vfs + (msg.count <= MAX_VFS ? msg.count : 0));
	if (rest > MAX_NICS * sizeof(*nics) || rest % sizeof(*nics) || msg.iova > MAX_DEVICES ||
	    !kind_of(nics, (unsigned int)(rest / sizeof(*nics)), kind))
		return fail(STATUS_ERROR,
			    "the source has %llu VFs, %llu devices and %u bytes about them; up to %u VFs, %u devices and %u NICs of one kind are possible",
			    msg.count, msg.iova, msg.length, MAX_VFS, MAX_DEVICES, MAX_NICS);
	if (msg.length) {
		mine.ram = g->length;
		mine.nr_vfs = (unsigned int)msg.count;
		mine.nr_devices = (unsigned int)msg.iova;
		mine.nr_nics = (unsigned int)(rest / sizeof(*nics));
		mine.nic_kind = kind;
		status = vmm_open(vmm, g, &mine);
		if (!status)
			status = take_jobs(&vmm->vfs, g, vfs);
		if (!status)
			status = take_nics(&vmm->nics, g, nics);
		if (!status)
			status = vfs_to(&vmm->vfs, VFIO_DEVICE_STATE_RESUMING);
	}
	return status ? status : stream_send(s, WIRE_READY, 0, 0, NULL, 0);
}

static int take_pages(struct stream *s, const struct guest *g,
		      const struct wire_msg *msg, struct pass *pass)
{
	u64 bytes = msg->count * GUEST_PAGE;
	u32 payload = msg->type == WIRE_ZERO ? 0 : (u32)bytes;
	u8 *to = NULL;

	if (msg->count && msg->count <= WIRE_MAX / GUEST_PAGE &&
	    !(msg->iova % GUEST_PAGE) && msg->length == payload)
		to = guest_at(g, msg->iova, bytes);
	if (!to)
		return fail(STATUS_ERROR,
			    "the source sent %llu pages (%u bytes) for IOVA %#llx, which is not RAM",
			    msg->count, msg->length, msg->iova);
	if (msg->type == WIRE_ZERO)
		memset(to, 0, bytes);
	else
		memcpy(to, s->payload, bytes);
	pass->sent += msg->count;
	pass->zero += msg->type == WIRE_ZERO ? msg->count : 0;
	pass->bytes += sizeof(*msg) + msg->length;
	return 0;
}

static int take_pass(struct report *r, const struct wire_msg *msg, u64 *begin)
{
	struct pass *pass = &r->passes[r->nr_passes];

	if (msg->count != r->nr_passes + 1 || r->nr_passes > MAX_PASSES)
		return fail(STATUS_ERROR,
			    "the source ended pass %llu where pass %u was expected",
			    msg->count, r->nr_passes + 1);
	pass->number = ++r->nr_passes;
	pass->dirty = pass->sent;
	pass->ns = now_ns() - *begin;
	*begin += pass->ns;
	report_pass(r, pass);
	return 0;
}

/* All is there: the VFs take what others send, and send nothing yet. */
static int take_end(struct vmm *vmm, const struct guest *g, struct stream *s,
		    const struct wire_msg *msg)
{
	const struct wire_mark *marks = (const void *)s->payload;
	struct vf_set *vfs = &vmm->vfs;
	int status;

	if (msg->length != vmm_marks(vmm) * sizeof(*marks))
		return fail(STATUS_ERROR,
			    "the source ended with %u bytes about %u VFs and NICs",
			    msg->length, vmm_marks(vmm));
	status = vfs_to(vfs, VFIO_DEVICE_STATE_STOP);
	if (!status)
		status = vfs_compare(vfs, marks);
	if (!status)
		status = nics_take(&vmm->nics, g, marks + vfs->nr);
	if (!status)
		status = vfs_to(vfs, VFIO_DEVICE_STATE_RUNNING_P2P);
	return status ? status : stream_send(s, WIRE_END, 0, 0, NULL, 0);
}

static int receive(struct report *r, struct stream *s, const struct guest *g,
		   struct vmm *vmm)
{
	u64 begin = now_ns(), pass_begin = begin;
	struct wire_msg msg;
	int status;

	for (;;) {
		status = stream_recv(s, &msg);
		if (status)
			return status;
		r->bytes += sizeof(msg) + msg.length;
		switch (msg.type) {
		case WIRE_PAGES:
		case WIRE_ZERO:
			status = take_pages(s, g, &msg,
					    &r->passes[r->nr_passes]);
			break;
		case WIRE_PASS:
			status = take_pass(r, &msg, &pass_begin);
			break;
		case WIRE_STATE:
			status = vfs_receive(&vmm->vfs, s, &msg);
			break;
		case WIRE_END:
			status = take_end(vmm, g, s, &msg);
			r->total_ns = now_ns() - begin;
			return status;
		default:
			return fail(STATUS_ERROR,
				    "the source sent a message of type %u in the middle of RAM",
				    msg.type);
		}
		if (status)
			return status;
	}
}

/* The guest continues here. */
static int take_over(struct vmm *vmm, struct stream *s, const struct guest *g)
{
	struct wire_mark marks[MAX_MARKS] = {};
	struct wire_msg msg;
	int status, sent;

	status = stream_expect(s, WIRE_RUN, &msg);
	if (status)
		return status;
	status = vfs_to(&vmm->vfs, VFIO_DEVICE_STATE_RUNNING);
	if (status)
		/* None may run here when the source hears of it. */
		vfs_close(&vmm->vfs);
	else
		process.handed_over = true;
	sent = stream_send(s, WIRE_RUN, 0, !!status, NULL, 0);
	if (status || sent)
		return status ? status : sent;
	status = vmm_run_on(vmm, g, marks);
	sent = stream_send(s, WIRE_PROOF, 0, 0, marks,
			   vmm_marks(vmm) * (u32)sizeof(*marks));
	return status ? status : sent;
}

/**
 * run_destination() - Be the destination of one migration
 * @opt: The command line
 * @fd: Connected to the source; closed at the end
 *
 * Return: The exit status.
 */
int run_destination(const struct options *opt, int fd)
{
	struct stream *s = stream_new(fd, "source", 0);
	struct report *r = calloc(1, sizeof(*r));
	struct vmm vmm = { .iommufd = -1 };
	struct guest g = { .ram = NULL };
	int status = s && r ? 0 : STATUS_ERROR;

	if (!status)
		status = take_hello(s, &g);
	if (!status)
		status = take_devices(&vmm, s, &g, opt);
	if (!status) {
		*r = (struct report){ .opt = opt, .guest = &g };
		report_setup(r);
		status = receive(r, s, &g, &vmm);
	}
	if (!status) {
		report_received(r);
		status = verify_guest(r, s, false);
	}
	if (!status && vmm_marks(&vmm) && !r->differ)
		status = take_over(&vmm, s, &g);
	if (!status) {
		report_verdict(r);
		status = r->differ ? STATUS_MISMATCH : STATUS_OK;
	}
	vmm_close(&vmm);
	guest_free(&g);
	stream_free(s);
	free(r);
	return status;
}
