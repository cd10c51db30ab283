// SPDX-License-Identifier: GPL-2.0-only
/*
 * A peer of the generic netlink family "iommufd_dirty"; see peer.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <netlink/genl/ctrl.h>

#include "peer.h"

/**
 * peer_limit() - How long something may take
 * @seconds: In a plain kernel
 *
 * Return: Seconds; more in a kernel with all its checkers.
 */
double peer_limit(double seconds)
{
	return getenv("SLOW") ? 30 * seconds : seconds;
}

/**
 * peer_open() - Connect to the family
 * @p: To be closed with peer_close(), also after an error
 *
 * Return: 0 or libnl's error.
 */
int peer_open(struct peer *p)
{
	int rc;

	p->sk = nl_socket_alloc();
	if (!p->sk)
		return -ENOMEM;
	rc = genl_connect(p->sk);
	if (!rc)
		rc = genl_ctrl_resolve(p->sk, IOMMUFD_DIRTY_FAMILY_NAME);
	p->family = rc;
	return rc < 0 ? rc : 0;
}

/** peer_close() - Close the socket of @p */
void peer_close(struct peer *p)
{
	nl_socket_free(p->sk);
}

static int string_of(unsigned int attr)
{
	switch (attr) {
	case IOMMUFD_DIRTY_A_COMM:
		return 0;
	case IOMMUFD_DIRTY_A_NAME:
		return 1;
	case IOMMUFD_DIRTY_A_PLATFORM:
		return 2;
	}
	return -1;
}

static void entry_attr(struct peer_entry *e, struct nlattr *attr, bool *malformed)
{
	unsigned int type = (unsigned int)nla_type(attr);
	int s = string_of(type);

	if (!type || type > IOMMUFD_DIRTY_A_MAX || peer_has(e, type)) {
		*malformed = true;
		return;
	}
	e->has |= 1ull << type;
	if (s >= 0)
		snprintf(e->string[s], sizeof(e->string[s]), "%s",
			 nla_get_string(attr));
	else if (nla_len(attr) == 4 || nla_len(attr) == 8)
		memcpy(&e->value[type], nla_data(attr), (size_t)nla_len(attr));
	else if (nla_len(attr))
		*malformed = true;
}

static int on_message(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *nlh = nlmsg_hdr(msg);
	struct genlmsghdr *genl = nlmsg_data(nlh);
	struct peer_answer *a = arg;
	struct nlattr *attr;
	struct peer_entry *e;
	int rem;

	if (a->nr == a->room) {
		a->room = a->room * 2 + 64;
		a->entries = realloc(a->entries, a->room * sizeof(*a->entries));
	}
	e = &a->entries[a->nr++];
	memset(e, 0, sizeof(*e));
	e->cmd = genl->cmd;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		a->changed = true;
	nla_for_each_attr(attr, genlmsg_attrdata(genl, 0), genlmsg_attrlen(genl, 0), rem)
		entry_attr(e, attr, &a->malformed);
	if (rem)
		a->malformed = true;
	return NL_OK;
}

static int on_finish(struct nl_msg *msg, void *arg)
{
	struct peer_answer *a = arg;

	if (nlmsg_hdr(msg)->nlmsg_flags & NLM_F_DUMP_INTR)
		a->changed = true;
	a->complete = true;
	return NL_STOP;
}

static int on_any(struct nl_msg *msg, void *arg)
{
	return NL_OK;
}

/** peer_answer_free() - Free the messages of @a */
void peer_answer_free(struct peer_answer *a)
{
	free(a->entries);
	memset(a, 0, sizeof(*a));
}

/**
 * peer_receive() - Receive until an ACK, the end of a dump or an error
 * @p: The socket
 * @a: The messages, added
 *
 * Return: 0 or libnl's error, which stands for the kernel's.
 */
int peer_receive(struct peer *p, struct peer_answer *a)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int rc;

	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_message, a);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, a);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_finish, a);
	do {
		rc = nl_recvmsgs(p->sk, cb);
		/* What libnl says when a part of a dump was flagged, after all of it */
		if (rc == -NLE_DUMP_INTR) {
			a->changed = true;
			rc = 0;
		}
	} while (rc >= 0 && !a->complete);
	nl_cb_put(cb);
	return rc < 0 ? rc : 0;
}

/**
 * peer_request() - Make a request
 * @p: The socket
 * @cmd: enum iommufd_dirty_cmd
 * @flags: NLM_F_REQUEST or NLM_F_DUMP
 * @context: CONTEXT, if not 0
 * @attr: The attribute that names an object, if not 0
 * @id: Its value
 *
 * Return: The request, to be freed with nlmsg_free().
 */
struct nl_msg *peer_request(struct peer *p, uint8_t cmd, int flags, uint64_t context,
			    unsigned int attr, uint32_t id)
{
	struct nl_msg *msg = nlmsg_alloc();

	genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, p->family, 0, flags, cmd,
		    IOMMUFD_DIRTY_FAMILY_VERSION);
	if (context)
		nla_put_u64(msg, IOMMUFD_DIRTY_A_CONTEXT, context);
	if (attr)
		nla_put_u32(msg, (int)attr, id);
	return msg;
}

/**
 * peer_ask() - Make a request, send it and receive the answer
 * @p: The socket
 * @cmd: As for peer_request()
 * @flags: As for peer_request()
 * @context: As for peer_request()
 * @attr: As for peer_request()
 * @id: As for peer_request()
 * @a: The answer; to be freed in any case
 *
 * Return: 0 or libnl's error, which stands for the kernel's.
 */
int peer_ask(struct peer *p, uint8_t cmd, int flags, uint64_t context,
	     unsigned int attr, uint32_t id, struct peer_answer *a)
{
	struct nl_msg *msg = peer_request(p, cmd, flags, context, attr, id);
	int rc;

	memset(a, 0, sizeof(*a));
	rc = nl_send_auto(p->sk, msg);
	nlmsg_free(msg);
	return rc < 0 ? rc : peer_receive(p, a);
}

/** peer_dump() - Dump all that @cmd gets, or all of @context */
int peer_dump(struct peer *p, uint8_t cmd, uint64_t context, struct peer_answer *a)
{
	return peer_ask(p, cmd, NLM_F_DUMP, context, 0, 0, a);
}

/** peer_get() - Get the object that @context, @attr and @id name */
int peer_get(struct peer *p, uint8_t cmd, uint64_t context, unsigned int attr,
	     uint32_t id, struct peer_answer *a)
{
	return peer_ask(p, cmd, NLM_F_REQUEST, context, attr, id, a);
}

/** peer_set_policy() - Set the policy @attr of this host to @value */
int peer_set_policy(struct peer *p, unsigned int attr, uint32_t value)
{
	struct peer_answer a;

	return peer_ask(p, IOMMUFD_DIRTY_CMD_POLICY_SET, NLM_F_REQUEST, 0, attr, value, &a);
}

/**
 * peer_own_context() - The number of the last context that this process has opened
 * @p: The socket
 *
 * Return: The number, or 0.
 */
uint64_t peer_own_context(struct peer *p)
{
	uint64_t number = 0;
	struct peer_answer a;
	unsigned int i;

	if (peer_dump(p, IOMMUFD_DIRTY_CMD_CONTEXT_GET, 0, &a))
		return 0;
	for (i = 0; i < a.nr; i++)
		if (a.entries[i].value[IOMMUFD_DIRTY_A_PID] == (uint64_t)getpid())
			number = a.entries[i].value[IOMMUFD_DIRTY_A_CONTEXT];
	peer_answer_free(&a);
	return number;
}

/**
 * peer_listen() - Connect, and listen to events
 * @p: To be closed with peer_close(), also after an error
 *
 * Return: 0 or libnl's error.
 */
int peer_listen(struct peer *p)
{
	int rc = peer_open(p);

	if (rc)
		return rc;
	nl_socket_disable_seq_check(p->sk);
	rc = genl_ctrl_resolve_grp(p->sk, IOMMUFD_DIRTY_FAMILY_NAME,
				   IOMMUFD_DIRTY_MCGRP_EVENTS);
	if (rc >= 0)
		rc = nl_socket_add_membership(p->sk, rc);
	nl_socket_set_nonblocking(p->sk);
	return rc;
}

/**
 * peer_events() - Take all events that have arrived
 * @p: The socket of peer_listen()
 * @a: The events; to be freed in any case
 *
 * Return: 0, or the error that ended it; -NLE_NOMEM if events were lost.
 */
int peer_events(struct peer *p, struct peer_answer *a)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int rc;

	memset(a, 0, sizeof(*a));
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_message, a);
	nl_cb_set(cb, NL_CB_SEQ_CHECK, NL_CB_CUSTOM, on_any, NULL);
	do
		rc = nl_recvmsgs(p->sk, cb);
	while (rc >= 0);
	nl_cb_put(cb);
	return rc == -NLE_AGAIN ? 0 : rc;
}
