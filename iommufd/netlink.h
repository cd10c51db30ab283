/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The generic netlink family "iommufd_dirty".
 */
#ifndef __IOMMUFD_DIRTY_NETLINK_H
#define __IOMMUFD_DIRTY_NETLINK_H

#include <linux/types.h>

struct genl_family;
struct iommufd_ctx;
struct iommufd_object;
struct netlink_callback;
struct sk_buff;

/**
 * struct dirty_dump - Where a dump continues; in struct netlink_callback::ctx
 * @context: Number of the context
 * @id: ID of the object in it
 * @source: Index of the source of it
 */
struct dirty_dump {
	u64 context;
	unsigned long id;
	u32 source;
};

/**
 * struct dirty_wanted - Which object a request names
 * @id: Its ID; NULL for all
 * @hwpt: It is that of a HWPT, whose own tracker is meant
 */
struct dirty_wanted {
	const u32 *id;
	bool hwpt;
};

/**
 * struct dirty_message - A message that is being filled
 * @skb: Where to
 * @portid: Of the caller; 0 in an event
 * @seq: Of the request
 * @flags: NLM_F_*
 * @cmd: enum iommufd_dirty_cmd
 * @cb: The dump that it is part of, or NULL
 */
struct dirty_message {
	struct sk_buff *skb;
	u32 portid;
	u32 seq;
	int flags;
	u8 cmd;
	struct netlink_callback *cb;
};

#ifdef CONFIG_IOMMUFD_DIRTY_NETLINK
/* message.c */
void dirty_messages_init(const struct genl_family *fam);
void *dirty_message_begin(struct dirty_message *msg);
int dirty_message_end(struct dirty_message *msg, void *hdr, bool whole);
void dirty_message_joined(void);
bool dirty_message_wanted(void);
void dirty_message_multicast(struct sk_buff *skb, gfp_t gfp);
void dirty_message_lost(void);

/* objects.c */
unsigned int dirty_object_attr(u8 cmd);
int dirty_context_fill(struct dirty_message *msg, struct iommufd_ctx *ictx);
int dirty_object_fill(struct dirty_message *msg, struct iommufd_ctx *ictx,
		      struct iommufd_object *obj,
		      const struct dirty_wanted *wanted,
		      struct dirty_dump *dump);

/* netlink.c */
int dirty_netlink_init(void);
void dirty_netlink_exit(void);
#else
static inline int dirty_netlink_init(void)
{
	return 0;
}

static inline void dirty_netlink_exit(void)
{
}
#endif

#endif
