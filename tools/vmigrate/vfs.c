// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtual functions that migrate with the guest: their migration states, which
 * all of them pass together, their data streams, and the proof that each continues
 * where it was. What they write is a sequence (drivers/virt/virt_connectx.h)
 * whose position is a part of their state.
 *
 * vmigrate.h says how the data travels. Nothing here knows what is in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/vfio_mig_precopy.h>

#include "vmigrate.h"

/* How often a VF may be set up again while pre-copy is to end */
#define SET_UPS_MAX 16

static int state_failed(const struct vf_device *d, int state, int rc)
{
	const char *advice = "the kernel's log says why";

	if (rc == -EBUSY)
		advice = "the firmware has not answered an earlier command yet";
	return fail(STATUS_ERROR, "VF %s does not go from %s to %s: %s; %s",
		    d->vf.name, vf_state_name(d->state), vf_state_name(state),
		    strerror(-rc), advice);
}

static int set_state(struct vf_device *d, int state)
{
	int fd = -1;
	int rc = vf_set_state(&d->vf, state, &fd);

	if (rc)
		return rc;
	d->state = state;
	if (fd >= 0) {
		if (d->data_fd >= 0)
			close(d->data_fd);
		d->data_fd = fd;
	}
	return 0;
}

/**
 * vfs_to() - Bring all VFs to a state, none further than the others
 * @set: The VFs
 * @state: Where to
 *
 * Return: A status.
 */
int vfs_to(struct vf_set *set, enum vfio_device_mig_state state)
{
	unsigned int i;
	int rc;

	for (i = 0; i < set->nr; i++) {
		rc = set_state(&set->devices[i], state);
		if (rc)
			return state_failed(&set->devices[i], state, rc);
	}
	return 0;
}

static int open_vf(struct vf_set *set, int iommufd, u32 ioas_id, unsigned int n)
{
	struct vf_device *d = &set->devices[set->nr];
	const char *advice = "";
	char name[16];
	u64 flags;
	int rc;

	*d = (struct vf_device){ .data_fd = -1,
				 .state = VFIO_DEVICE_STATE_RUNNING };
	vf_address(n, name, sizeof(name));
	rc = vf_open(&d->vf, iommufd, name, VF_DRIVER);
	if (rc == -ENOENT || rc == -ENODEV)
		advice = "; have the PF make more VFs (sriov_numvfs), or lower --vfs";
	else if (rc == -ENXIO)
		advice = "; load this project's mlx5-vfio-pci.ko";
	else if (rc == -EBUSY)
		advice = "; someone else has it open";
	if (rc)
		return fail(STATUS_ERROR, "cannot open VF %s: %s%s", name,
			    strerror(-rc), advice);
	set->nr++;
	rc = vf_attach(&d->vf, ioas_id);
	if (rc)
		return fail(STATUS_ERROR, "cannot attach VF %s to IOAS %u: %s",
			    name, ioas_id, strerror(-rc));
	rc = vf_migration_flags(&d->vf, &flags);
	if (rc || !(flags & VFIO_MIGRATION_P2P))
		return fail(STATUS_ERROR,
			    "VF %s cannot be migrated; the kernel's log says why (\"no migration: ...\")",
			    name);
	d->precopy = flags & VFIO_MIGRATION_PRE_COPY;
	rc = d->precopy ? vf_precopy_again(&d->vf) : -ENOTTY;
	d->tells = !rc;
	if (rc && rc != -ENOTTY)
		return fail(STATUS_ERROR, "VF %s does not take the feature PRECOPY_INFOv2: %s",
			    name, strerror(-rc));
	return 0;
}

/**
 * vfs_open() - Open VFs and attach them
 * @set: Filled in; vfs_close() it in any case
 * @iommufd: /dev/iommu
 * @ioas_id: Guest RAM
 * @first: Number of the first
 * @nr: How many
 *
 * Return: A status.
 */
int vfs_open(struct vf_set *set, int iommufd, u32 ioas_id, unsigned int first,
	     unsigned int nr)
{
	int status = 0;

	set->nr = 0;
	while (!status && set->nr < nr)
		status = open_vf(set, iommufd, ioas_id, first + set->nr);
	return status;
}

/**
 * vfs_close() - Close them; the kernel resets them
 * @set: From vfs_open(), whatever it returned
 */
void vfs_close(struct vf_set *set)
{
	unsigned int i;

	for (i = 0; i < set->nr; i++) {
		if (set->devices[i].data_fd >= 0)
			close(set->devices[i].data_fd);
		vf_close(&set->devices[i].vf);
	}
	set->nr = 0;
}

/**
 * vfs_start() - Let the VFs write, from the beginning
 * @set: RUNNING, with jobs
 *
 * Return: A status.
 */
int vfs_start(struct vf_set *set)
{
	unsigned int i;

	for (i = 0; i < set->nr; i++) {
		struct vf_device *d = &set->devices[i];
		int rc = vf_start(&d->vf, &d->job);

		if (rc)
			return fail(STATUS_ERROR, "cannot start VF %s: %s",
				    d->vf.name, strerror(-rc));
	}
	return 0;
}

/**
 * vfs_save_begin() - Let them save while they run, those that can
 * @set: RUNNING
 *
 * Return: A status.
 */
int vfs_save_begin(struct vf_set *set)
{
	unsigned int i;
	int rc;

	for (i = 0; i < set->nr; i++) {
		struct vf_device *d = &set->devices[i];

		if (!d->precopy)
			continue;
		rc = set_state(d, VFIO_DEVICE_STATE_PRE_COPY);
		if (rc)
			return state_failed(d, VFIO_DEVICE_STATE_PRE_COPY, rc);
	}
	return 0;
}

/**
 * vfs_quiesce() - From here on no VF issues DMA, but all take that of others
 * @set: Running
 *
 * Return: A status.
 */
int vfs_quiesce(struct vf_set *set)
{
	unsigned int i;
	int rc, state;

	for (i = 0; i < set->nr; i++) {
		struct vf_device *d = &set->devices[i];

		state = d->precopy ? VFIO_DEVICE_STATE_PRE_COPY_P2P :
				     VFIO_DEVICE_STATE_RUNNING_P2P;
		rc = set_state(d, state);
		if (rc)
			return state_failed(d, state, rc);
	}
	return 0;
}

/* A driver in the guest sets the VFs up again. */
int vfs_set_up(struct vf_set *set)
{
	unsigned int i;

	for (i = 0; i < set->nr; i++) {
		struct vf_device *d = &set->devices[i];
		int rc = vf_set_up(&d->vf);

		if (rc)
			return fail(STATUS_ERROR, "cannot set up VF %s again: %s",
				    d->vf.name, strerror(-rc));
	}
	return 0;
}

/*
 * Have what has changed saved, which is what asking how much it is does. @initial: bytes without
 * which the other side cannot prepare the device.
 */
static int ask_one(struct vf_device *d, u64 *initial)
{
	struct vfio_precopy_info info;
	int rc = vf_precopy_info(d->data_fd, &info);

	if (rc)
		return fail(STATUS_ERROR,
			    "VF %s does not say how much state there is: %s; the kernel's log says why",
			    d->vf.name, strerror(-rc));
	d->again += d->tells && info.flags & VFIO_PRECOPY_INFO_REINIT;
	*initial = info.initial_bytes;
	return 0;
}

/* Send what can be read now from one VF. */
static int send_one(struct vf_device *d, struct stream *s, unsigned int n,
		    bool last)
{
	u64 *buf = calloc(1, WIRE_MAX);
	int status = 0, end = ENOSPC;
	ssize_t bytes;

	if (!buf)
		return fail(STATUS_ERROR, "no memory for a device's state");
	while (!status && end == ENOSPC) {
		bytes = vf_stream_read(d->data_fd, buf, WIRE_MAX, &end);
		if (!bytes)
			break;
		/* A payload is whole words; the count says what is in them. */
		status = stream_send(s, WIRE_STATE, n, (u64)bytes, buf,
				     (u32)((bytes + 7) & ~7));
		d->bytes[last] += (u64)bytes;
	}
	free(buf);
	if (!status && end && (last || end != ENOMSG))
		status = fail(STATUS_ERROR,
			      "the state of VF %s cannot be read: %s; the kernel's log says why",
			      d->vf.name, strerror(end));
	return status;
}

/**
 * vfs_send() - Send what there is to send of the VFs' state
 * @set: PRE_COPY, or STOP_COPY if @last
 * @s: Where to
 * @last: To the end, not to what has been saved so far
 *
 * Return: A status.
 */
int vfs_send(struct vf_set *set, struct stream *s, bool last)
{
	unsigned int i;
	int status = 0;
	u64 initial;

	for (i = 0; !status && i < set->nr; i++) {
		struct vf_device *d = &set->devices[i];
		u64 begin = now_ns();

		if (!last && !d->precopy)
			continue;
		status = last ? 0 : ask_one(d, &initial);
		if (!status)
			status = send_one(d, s, i, last);
		d->ns[last] += now_ns() - begin;
	}
	return status;
}

static int send_initial_of(struct vf_device *d, struct stream *s, unsigned int n, bool *sent)
{
	unsigned int limit = d->again + SET_UPS_MAX;
	u64 begin = now_ns(), initial, before;
	int status;

	for (;;) {
		before = d->bytes[0];
		status = ask_one(d, &initial);
		if (status || !initial || d->again > limit)
			break;
		status = send_one(d, s, n, false);
		if (status || d->bytes[0] == before)
			break;
		*sent = true;
	}
	d->ns[0] += now_ns() - begin;
	return status;
}

/**
 * vfs_send_initial() - Before pre-copy ends: send the initial data that there is again
 * @set: PRE_COPY
 * @s: Where to
 * @sent: Set if there was any
 *
 * Otherwise it would be sent while the guest is stopped. A guest that sets a VF up all the time
 * does not keep the migration from its end.
 *
 * Return: A status.
 */
int vfs_send_initial(struct vf_set *set, struct stream *s, bool *sent)
{
	unsigned int i;
	int status = 0;

	*sent = false;
	for (i = 0; !status && i < set->nr; i++)
		if (set->devices[i].precopy)
			status = send_initial_of(&set->devices[i], s, i, sent);
	return status;
}

/**
 * vfs_note() - Where each VF is in its sequence
 * @set: No VF writes
 */
void vfs_note(struct vf_set *set)
{
	unsigned int i;

	for (i = 0; i < set->nr; i++) {
		struct vf_device *d = &set->devices[i];

		d->position = vf_read(&d->vf, VIRT_CX_POSITION);
		d->sum = vf_read(&d->vf, VIRT_CX_STATE_SUM);
		d->refused = vf_read(&d->vf, VIRT_CX_FAULTS);
	}
}

/**
 * vfs_receive() - A piece of a VF's state has come
 * @set: RESUMING
 * @s: With the payload
 * @msg: Its head, WIRE_STATE
 *
 * Return: A status.
 */
int vfs_receive(struct vf_set *set, struct stream *s, const struct wire_msg *msg)
{
	u64 begin = now_ns();
	struct vf_device *d;
	int rc;

	if (msg->iova >= set->nr || msg->count > msg->length ||
	    msg->length - msg->count > 7)
		return fail(STATUS_ERROR,
			    "the source sent %llu bytes of state for VF number %llu, of %u",
			    msg->count, msg->iova, set->nr);
	d = &set->devices[msg->iova];
	rc = vf_stream_write(d->data_fd, s->payload, msg->count);
	if (rc)
		return fail(STATUS_ERROR,
			    "VF %s refuses the state: %s; the kernel's log says why",
			    d->vf.name, strerror(-rc));
	d->bytes[1] += msg->count;
	d->ns[1] += now_ns() - begin;
	return 0;
}

/**
 * vfs_compare() - Has everything arrived?
 * @set: STOP, after a load
 * @marks: Where each was at the source
 *
 * Return: A status.
 */
int vfs_compare(struct vf_set *set, const struct wire_mark *marks)
{
	unsigned int i;

	vfs_note(set);
	for (i = 0; i < set->nr; i++) {
		const struct vf_device *d = &set->devices[i];

		if (d->position != marks[i].position || d->sum != marks[i].sum)
			return fail(STATUS_ERROR,
				    "VF %s has another state than at the source: position %llu, not %llu",
				    d->vf.name, d->position, marks[i].position);
	}
	return 0;
}

/* How long the firmware may take to answer what it was asked before, in ms. */
#define ANSWER_MS	10000

/**
 * vfs_go_on() - The migration has failed: let them run again where they are
 * @set: Of the source, in any state
 *
 * Return: A status.
 */
int vfs_go_on(struct vf_set *set)
{
	unsigned int i, ms;
	int rc;

	for (i = 0; i < set->nr; i++) {
		struct vf_device *d = &set->devices[i];

		for (ms = 0; ms < ANSWER_MS; ms += 10) {
			rc = set_state(d, VFIO_DEVICE_STATE_RUNNING);
			if (rc != -EBUSY)
				break;
			usleep(10000);
		}
		d->state = vf_get_state(&d->vf);
		if (d->state == VFIO_DEVICE_STATE_ERROR)
			return fail(STATUS_ERROR,
				    "VF %s is in state ERROR: what it was is lost, and the guest must reset it",
				    d->vf.name);
		if (rc)
			return state_failed(d, VFIO_DEVICE_STATE_RUNNING, rc);
	}
	vfs_note(set);
	return 0;
}

/**
 * vfs_check() - Stop the VFs and look for gaps in what they wrote
 * @set: RUNNING
 * @g: RAM
 * @marks: Where each is, and how many of its words are wrong; filled in
 *
 * Return: A status.
 */
int vfs_check(struct vf_set *set, const struct guest *g, struct wire_mark *marks)
{
	unsigned int i;
	int rc;

	for (i = 0; i < set->nr; i++) {
		struct vf_device *d = &set->devices[i];
		u64 before = d->position;
		const u8 *memory;

		rc = vf_stop(&d->vf);
		if (rc)
			return fail(STATUS_ERROR, "VF %s does not stop: %s",
				    d->vf.name, strerror(-rc));
		d->position = vf_read(&d->vf, VIRT_CX_POSITION);
		d->sum = vf_read(&d->vf, VIRT_CX_STATE_SUM);
		d->refused = vf_read(&d->vf, VIRT_CX_FAULTS);
		memory = guest_at(g, d->job.base, d->job.length);
		if (!memory)
			return fail(STATUS_ERROR,
				    "VF %s writes to IOVA %#llx, which is not RAM",
				    d->vf.name, d->job.base);
		marks[i] = (struct wire_mark){
			.position = d->position,
			.sum = d->sum,
			.went_on = d->position - before,
			.wrong = vf_wrong(memory, &d->job, d->position),
		};
	}
	return 0;
}
