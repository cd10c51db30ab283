// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's side of the conversation, by libnl: the family, dumps that are asked for
 * again when something has changed in between, events.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "iommufdctl.h"

/* A dump that changes each time is shown as it is */
#define MAX_TRIES	8

static struct nl_sock *sk, *events;
static int family;

static int no_family(void)
{
	if (access("/sys/module/iommufd", F_OK))
		return fail("the module iommufd is not loaded: modprobe iommufd");
	if (access("/sys/module/iommufd/parameters/dirty_policy", F_OK))
		return fail("the iommufd that is loaded has no dirty tracker: see modinfo -n iommufd");
	return fail("there is no family " IOMMUFD_DIRTY_FAMILY_NAME ": this is not the initial network namespace, or iommufd was built without CONFIG_IOMMUFD_DIRTY_NETLINK");
}

static int no_answer(int rc)
{
	if (rc == -NLE_PERM)
		return fail("this needs CAP_NET_ADMIN in the initial user namespace: use sudo");
	return fail("the kernel does not answer: %s", nl_geterror(rc));
}

/** kernel_open() - Find the family */
int kernel_open(void)
{
	int rc;

	if (sk)
		return family < 0 ? STATUS_ERROR : STATUS_OK;
	sk = nl_socket_alloc();
	if (!sk)
		return fail("out of memory");
	rc = genl_connect(sk);
	if (rc)
		return fail("no netlink socket: %s", nl_geterror(rc));
	family = genl_ctrl_resolve(sk, IOMMUFD_DIRTY_FAMILY_NAME);
	return family < 0 ? no_family() : STATUS_OK;
}

/** kernel_close() - Undo kernel_open() and kernel_listen() */
void kernel_close(void)
{
	nl_socket_free(sk);
	nl_socket_free(events);
}

/** objects_free() - Undo kernel_dump() */
void objects_free(struct objects *answer)
{
	free(answer->object);
	memset(answer, 0, sizeof(*answer));
}

/* A process chooses its name: no line or terminal is to be made of it. */
static void make_printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
			*text = '?';
}

static void object_parse(struct object *o, struct genlmsghdr *genl)
{
	struct nlattr *attr;
	int rem;

	memset(o, 0, sizeof(*o));
	o->cmd = genl->cmd;
	nla_for_each_attr(attr, genlmsg_attrdata(genl, 0), genlmsg_attrlen(genl, 0), rem) {
		int type = nla_type(attr), len = nla_len(attr);

		/* A kernel that is newer may say more */
		if (type > IOMMUFD_DIRTY_A_MAX)
			continue;
		o->has |= 1ull << type;
		switch (type) {
		case IOMMUFD_DIRTY_A_COMM:
		case IOMMUFD_DIRTY_A_NAME:
		case IOMMUFD_DIRTY_A_PLATFORM:
			snprintf(o->string[type], sizeof(o->string[type]), "%.*s", len,
				 (const char *)nla_data(attr));
			make_printable(o->string[type]);
			break;
		default:
			if (len == 4)
				o->number[type] = nla_get_u32(attr);
			else if (len == 8)
				o->number[type] = nla_get_u64(attr);
		}
	}
}

static int on_object(struct nl_msg *msg, void *arg)
{
	struct objects *answer = arg;
	struct object *more;

	if (answer->nr == answer->room) {
		answer->room = 2 * answer->room + 16;
		more = realloc(answer->object, answer->room * sizeof(*more));
		if (!more)
			return -NLE_NOMEM;
		answer->object = more;
	}
	if (nlmsg_hdr(msg)->nlmsg_flags & NLM_F_DUMP_INTR)
		answer->changed = true;
	object_parse(&answer->object[answer->nr++], nlmsg_data(nlmsg_hdr(msg)));
	return NL_OK;
}

static int on_end(struct nl_msg *msg, void *arg)
{
	struct objects *answer = arg;

	if (nlmsg_hdr(msg)->nlmsg_flags & NLM_F_DUMP_INTR)
		answer->changed = true;
	answer->complete = true;
	return NL_STOP;
}

static int transact(uint8_t cmd, int flags, uint64_t context, int attr, uint32_t id,
		    struct objects *answer)
{
	struct nl_msg *msg = nlmsg_alloc();
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int rc = -NLE_NOMEM;

	if (msg && cb &&
	    genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, flags, cmd,
			IOMMUFD_DIRTY_FAMILY_VERSION) &&
	    (!context || !nla_put_u64(msg, IOMMUFD_DIRTY_A_CONTEXT, context)) &&
	    (!attr || !nla_put_u32(msg, attr, id)))
		rc = nl_send_auto(sk, msg);
	if (cb) {
		nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_object, answer);
		nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_end, answer);
		nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_end, answer);
	}
	while (rc >= 0 && !answer->complete) {
		rc = nl_recvmsgs(sk, cb);
		if (rc == -NLE_DUMP_INTR) {
			answer->changed = true;
			rc = 0;
		}
	}
	nlmsg_free(msg);
	nl_cb_put(cb);
	return rc < 0 ? rc : 0;
}

/**
 * kernel_dump() - Ask for objects
 * @cmd: enum iommufd_dirty_cmd
 * @context: Only those of this context; 0 for all
 * @attr: Attribute with an ID, or 0
 * @id: Only this one
 * @answer: Out: to be freed with objects_free()
 *
 * Return: STATUS_OK, or the exit status after a message.
 */
int kernel_dump(uint8_t cmd, uint64_t context, int attr, uint32_t id,
	    struct objects *answer)
{
	unsigned int tries;
	int rc;

	memset(answer, 0, sizeof(*answer));
	for (tries = 0; tries < MAX_TRIES; tries++) {
		objects_free(answer);
		rc = transact(cmd, NLM_F_DUMP, context, attr, id, answer);
		if (rc) {
			objects_free(answer);
			return no_answer(rc);
		}
		if (!answer->changed)
			break;
	}
	return STATUS_OK;
}

/** kernel_policy_get() - Ask for the policies of this host */
int kernel_policy_get(struct object *answer)
{
	struct objects all = {};
	int rc = transact(IOMMUFD_DIRTY_CMD_POLICY_GET, NLM_F_REQUEST, 0, 0, 0, &all);

	if (!rc && all.nr == 1)
		*answer = all.object[0];
	else if (!rc)
		rc = -NLE_MSG_TOOSHORT;
	objects_free(&all);
	return rc ? no_answer(rc) : STATUS_OK;
}

/** kernel_policy_set() - Change one */
int kernel_policy_set(int attr, uint32_t value)
{
	struct objects none = {};
	int rc = transact(IOMMUFD_DIRTY_CMD_POLICY_SET, NLM_F_REQUEST, 0, attr, value,
			  &none);

	objects_free(&none);
	if (rc == -NLE_INVAL || rc == -NLE_RANGE)
		return fail("the module that is loaded does not have this policy, or not this value of it");
	return rc ? no_answer(rc) : STATUS_OK;
}

/** kernel_listen() - Begin to listen to events */
int kernel_listen(void)
{
	int rc;

	events = nl_socket_alloc();
	if (!events)
		return fail("out of memory");
	nl_socket_disable_seq_check(events);
	rc = genl_connect(events);
	if (!rc)
		rc = genl_ctrl_resolve_grp(sk, IOMMUFD_DIRTY_FAMILY_NAME,
					   IOMMUFD_DIRTY_MCGRP_EVENTS);
	if (rc >= 0)
		rc = nl_socket_add_membership(events, rc);
	if (rc < 0)
		return no_answer(rc);
	/* As far as net.core.rmem_max lets it */
	nl_socket_set_buffer_size(events, 1 << 20, 0);
	return STATUS_OK;
}

static int on_event(struct nl_msg *msg, void *arg)
{
	int (*event)(const struct object *ev) = arg;
	struct object ev;

	object_parse(&ev, nlmsg_data(nlmsg_hdr(msg)));
	return ev.cmd == IOMMUFD_DIRTY_CMD_EVENT && event(&ev) ? NL_STOP : NL_OK;
}

static int on_any(struct nl_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return NL_OK;
}

/** kernel_has_event() - Would kernel_events() not wait? */
bool kernel_has_event(void)
{
	struct pollfd p = { .fd = nl_socket_get_fd(events), .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

/**
 * kernel_events() - Wait for events and take those that have come
 * @event: Called for each
 * @lost: Called when some were lost
 *
 * Return: A status, also of @lost.
 */
int kernel_events(int (*event)(const struct object *ev), int (*lost)(void))
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int rc;

	if (!cb)
		return fail("out of memory");
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_event, event);
	nl_cb_set(cb, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, on_any, NULL);
	rc = nl_recvmsgs(events, cb);
	nl_cb_put(cb);
	/* libnl's word for ENOBUFS */
	if (rc == -NLE_NOMEM)
		return lost();
	if (rc < 0 && rc != -NLE_INTR)
		return no_answer(rc);
	return STATUS_OK;
}
