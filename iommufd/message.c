// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages of the netlink family, and to whom events go.
 */
#include <net/genetlink.h>

#include "netlink.h"

static const struct genl_family *family;

/* Some socket has joined the group of events since the module was loaded */
static bool had_listeners;

/**
 * dirty_messages_init() - The family is about to be registered
 * @fam: The family
 */
void dirty_messages_init(const struct genl_family *fam)
{
	family = fam;
}

/**
 * dirty_message_begin() - Begin a message
 * @msg: The message
 *
 * Return: For dirty_message_end(); NULL when there is no room.
 */
void *dirty_message_begin(struct dirty_message *msg)
{
	void *hdr = genlmsg_put(msg->skb, msg->portid, msg->seq, family,
				msg->flags, msg->cmd);

	if (hdr && msg->cb)
		genl_dump_check_consistent(msg->cb, hdr);
	return hdr;
}

/**
 * dirty_message_end() - End a message, or take it back
 * @msg: The message
 * @hdr: From dirty_message_begin()
 * @whole: All that belongs to it had room
 *
 * Return: -EMSGSIZE if not @whole.
 */
int dirty_message_end(struct dirty_message *msg, void *hdr, bool whole)
{
	if (!whole) {
		genlmsg_cancel(msg->skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(msg->skb, hdr);
	return 0;
}

/**
 * dirty_message_joined() - A socket is about to join the group of events
 */
void dirty_message_joined(void)
{
	WRITE_ONCE(had_listeners, true);
}

/**
 * dirty_message_wanted() - Is there a listener to events?
 *
 * On a host that never had one this costs a load.
 *
 * Return: true if an event would reach a listener. Only a hint: it takes no lock.
 */
bool dirty_message_wanted(void)
{
	return READ_ONCE(had_listeners) &&
	       genl_has_listeners(family, &init_net, 0);
}

/**
 * dirty_message_multicast() - Send an event
 * @skb: The event; freed
 * @gfp: How to allocate
 *
 * Who has no room for it gets ENOBUFS.
 */
void dirty_message_multicast(struct sk_buff *skb, gfp_t gfp)
{
	genlmsg_multicast(family, skb, 0, 0, gfp);
}

/**
 * dirty_message_lost() - An event could not be made: all listeners get ENOBUFS
 */
void dirty_message_lost(void)
{
	genl_set_err(family, &init_net, 0, 0, -ENOBUFS);
}
