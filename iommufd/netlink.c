// SPDX-License-Identifier: GPL-2.0-only
/*
 * The generic netlink family "iommufd_dirty" (uapi/linux/iommufd_dirty_netlink.h): what
 * contexts, objects and trackers there are on this host. Only for callers with
 * CAP_NET_ADMIN in the initial user namespace, since it shows what other users have.
 *
 * It must not disturb those whose objects it shows. It takes no reference (context.c),
 * and of the locks that are held while a user's memory or a device is waited for, it
 * takes only those that are free: otherwise the object is shown as *busy*, without what
 * the lock protects. A dump remembers numbers and not pointers from one part to the
 * next, and its answer says (NLM_F_DUMP_INTR) when something has changed.
 */
#include <net/genetlink.h>
#include <uapi/linux/iommufd_dirty_netlink.h>

#include "context.h"
#include "iommufd_private.h"
#include "netlink.h"
#include "policy.h"
#include "test.h"
#include "tracker.h"

/* The object that a request chooses. @attrs has those of the policy of @cmd. */
static struct dirty_wanted wanted_object(u8 cmd, struct nlattr *const *attrs)
{
	unsigned int id = dirty_object_attr(cmd);
	struct nlattr *attr = attrs[id], *hwpt = NULL;

	if (id == IOMMUFD_DIRTY_A_TRACKER)
		hwpt = attrs[IOMMUFD_DIRTY_A_TRACKER_HWPT];
	if (hwpt)
		attr = hwpt;
	return (struct dirty_wanted){
		.id = attr ? nla_data(attr) : NULL,
		.hwpt = hwpt,
	};
}

static int dump_objects(struct dirty_message *msg, struct iommufd_ctx *ictx,
			const struct dirty_wanted *wanted,
			struct dirty_dump *dump)
{
	struct iommufd_object *obj;
	int rc;

	for (;;) {
		obj = xa_find(&ictx->objects, &dump->id, ULONG_MAX, XA_PRESENT);
		if (!obj)
			return 0;
		dirty_test_delay("found");
		rc = dirty_object_fill(msg, ictx, obj, wanted, dump);
		if (rc && rc != -ENOENT)
			return rc;
		dump->source = 0;
		dump->id++;
		cond_resched();
	}
}

static int netlink_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct genl_dumpit_info *request = genl_dumpit_info(cb);
	struct nlattr **attrs = request->info.attrs;
	struct dirty_dump *dump = (void *)cb->ctx;
	struct dirty_message msg = {
		.skb = skb,
		.portid = NETLINK_CB(cb->skb).portid,
		.seq = cb->nlh->nlmsg_seq,
		.flags = NLM_F_MULTI,
		.cmd = request->op.cmd,
		.cb = cb,
	};
	u64 from = 1, to = U64_MAX;
	struct dirty_wanted wanted = wanted_object(msg.cmd, attrs);
	struct iommufd_ctx *ictx;
	int rc = 0;

	BUILD_BUG_ON(sizeof(*dump) > sizeof(cb->ctx));
	if (attrs[IOMMUFD_DIRTY_A_CONTEXT])
		from = to = nla_get_uint(attrs[IOMMUFD_DIRTY_A_CONTEXT]);
	dump->context = max(dump->context, from);
	/* A change after this shows in the next part, or in the message that ends the dump */
	cb->seq = dirty_context_generation();
	while (!rc && dump->context && dump->context <= to) {
		ictx = dirty_context_lock(dump->context, to);
		if (!ictx)
			break;
		if (dump->context != ictx->dirty.number) {
			dump->context = ictx->dirty.number;
			dump->id = 0;
			dump->source = 0;
		}
		if (msg.cmd == IOMMUFD_DIRTY_CMD_CONTEXT_GET)
			rc = dirty_context_fill(&msg, ictx);
		else
			rc = dump_objects(&msg, ictx, &wanted, dump);
		if (!rc) {
			dump->context++;
			dump->id = 0;
		}
		dirty_context_unlock(ictx);
	}
	/* Full (EMSGSIZE): netlink_dump() sends what there is, and calls again for the rest */
	return rc ? rc : skb->len;
}

static int get_object(struct dirty_message *msg, struct iommufd_ctx *ictx,
		      const struct dirty_wanted *wanted,
		      struct genl_info *info)
{
	struct dirty_dump dump = {};
	struct iommufd_object *obj;
	unsigned long index;
	int rc;

	if (msg->cmd == IOMMUFD_DIRTY_CMD_CONTEXT_GET)
		return dirty_context_fill(msg, ictx);
	xa_for_each(&ictx->objects, index, obj) {
		rc = dirty_object_fill(msg, ictx, obj, wanted, &dump);
		if (rc != -ENOENT)
			return rc;
	}
	NL_SET_ERR_MSG(info->extack, "no such object in this context");
	return -ENOENT;
}

static int netlink_get(struct sk_buff *skb, struct genl_info *info)
{
	struct dirty_message msg = {
		.portid = info->snd_portid,
		.seq = info->snd_seq,
		.cmd = info->genlhdr->cmd,
	};
	struct dirty_wanted wanted = wanted_object(msg.cmd, info->attrs);
	struct iommufd_ctx *ictx;
	u64 number;
	int rc;

	if (GENL_REQ_ATTR_CHECK(info, IOMMUFD_DIRTY_A_CONTEXT))
		return -EINVAL;
	if (msg.cmd != IOMMUFD_DIRTY_CMD_CONTEXT_GET && !wanted.id &&
	    GENL_REQ_ATTR_CHECK(info, dirty_object_attr(msg.cmd)))
		return -EINVAL;
	msg.skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg.skb)
		return -ENOMEM;
	number = nla_get_uint(info->attrs[IOMMUFD_DIRTY_A_CONTEXT]);
	ictx = number ? dirty_context_lock(number, number) : NULL;
	if (ictx) {
		rc = get_object(&msg, ictx, &wanted, info);
		dirty_context_unlock(ictx);
	} else {
		NL_SET_ERR_MSG_ATTR(info->extack,
				    info->attrs[IOMMUFD_DIRTY_A_CONTEXT],
				    "no such context");
		rc = -ENOENT;
	}
	if (rc) {
		nlmsg_free(msg.skb);
		return rc;
	}
	return genlmsg_reply(msg.skb, info);
}

static int policy_get(struct sk_buff *skb, struct genl_info *info)
{
	struct dirty_message msg = {
		.portid = info->snd_portid,
		.seq = info->snd_seq,
		.cmd = IOMMUFD_DIRTY_CMD_POLICY_GET,
	};
	void *hdr;

	msg.skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg.skb)
		return -ENOMEM;
	hdr = dirty_message_begin(&msg);
	if (!hdr ||
	    dirty_message_end(&msg, hdr,
		!nla_put_u32(msg.skb, IOMMUFD_DIRTY_A_POLICY,
			     dirty_policy_of(IOMMU_DIRTY_POLICY_AUTO)) &&
		!nla_put_u32(msg.skb, IOMMUFD_DIRTY_A_SMALL_LEAVES,
			     dirty_policy_small_leaves()) &&
		!nla_put_u32(msg.skb, IOMMUFD_DIRTY_A_SERVE_HWPT_IOCTLS,
			     iommufd_dirty_serves()))) {
		nlmsg_free(msg.skb);
		return -EMSGSIZE;
	}
	return genlmsg_reply(msg.skb, info);
}

static int policy_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *policy = info->attrs[IOMMUFD_DIRTY_A_POLICY];
	struct nlattr *small = info->attrs[IOMMUFD_DIRTY_A_SMALL_LEAVES];
	struct nlattr *serve = info->attrs[IOMMUFD_DIRTY_A_SERVE_HWPT_IOCTLS];

	if (policy)
		dirty_policy_set(nla_get_u32(policy));
	if (small)
		dirty_policy_set_small_leaves(nla_get_u32(small));
	if (serve)
		dirty_hwpt_serve(nla_get_u32(serve));
	return 0;
}

static const struct nla_policy policy_policy[] = {
	[IOMMUFD_DIRTY_A_POLICY] =
		NLA_POLICY_MAX(NLA_U32, IOMMU_DIRTY_POLICY_DEVICE),
	[IOMMUFD_DIRTY_A_SMALL_LEAVES] = NLA_POLICY_MAX(NLA_U32, 1),
	[IOMMUFD_DIRTY_A_SERVE_HWPT_IOCTLS] = NLA_POLICY_MAX(NLA_U32, 1),
};

static const struct nla_policy context_policy[] = {
	[IOMMUFD_DIRTY_A_CONTEXT] = { .type = NLA_UINT },
};

#define OBJECT_POLICY(name, attr)					\
static const struct nla_policy name##_policy[] = {			\
	[IOMMUFD_DIRTY_A_CONTEXT] = { .type = NLA_UINT },		\
	[attr] = { .type = NLA_U32 },					\
}

OBJECT_POLICY(ioas, IOMMUFD_DIRTY_A_IOAS);
OBJECT_POLICY(hwpt, IOMMUFD_DIRTY_A_HWPT);
OBJECT_POLICY(device, IOMMUFD_DIRTY_A_DEVICE);

static const struct nla_policy tracker_policy[] = {
	[IOMMUFD_DIRTY_A_CONTEXT] = { .type = NLA_UINT },
	[IOMMUFD_DIRTY_A_TRACKER] = { .type = NLA_U32 },
	[IOMMUFD_DIRTY_A_TRACKER_HWPT] = { .type = NLA_U32 },
};

#define OBJECT_OP(CMD, name)							\
	{									\
		.cmd = IOMMUFD_DIRTY_CMD_##CMD##_GET,				\
		.flags = GENL_ADMIN_PERM,					\
		.policy = name##_policy,					\
		.maxattr = ARRAY_SIZE(name##_policy) - 1,			\
		.doit = netlink_get,						\
		.dumpit = netlink_dump,						\
	}

static const struct genl_ops ops[] = {
	OBJECT_OP(CONTEXT, context),
	OBJECT_OP(IOAS, ioas),
	OBJECT_OP(HWPT, hwpt),
	OBJECT_OP(DEVICE, device),
	OBJECT_OP(TRACKER, tracker),
	{
		.cmd = IOMMUFD_DIRTY_CMD_SOURCE_GET,
		.flags = GENL_ADMIN_PERM,
		.policy = tracker_policy,
		.maxattr = ARRAY_SIZE(tracker_policy) - 1,
		.dumpit = netlink_dump,
	},
	{
		.cmd = IOMMUFD_DIRTY_CMD_POLICY_GET,
		.flags = GENL_ADMIN_PERM,
		.doit = policy_get,
	},
	{
		.cmd = IOMMUFD_DIRTY_CMD_POLICY_SET,
		.flags = GENL_ADMIN_PERM,
		.policy = policy_policy,
		.maxattr = ARRAY_SIZE(policy_policy) - 1,
		.doit = policy_set,
	},
};

static const struct genl_multicast_group groups[] = {
	{ .name = IOMMUFD_DIRTY_MCGRP_EVENTS, .flags = GENL_MCAST_CAP_NET_ADMIN },
};

static int netlink_bind(int group)
{
	dirty_message_joined();
	return 0;
}

static struct genl_family family __ro_after_init = {
	.name = IOMMUFD_DIRTY_FAMILY_NAME,
	.version = IOMMUFD_DIRTY_FAMILY_VERSION,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = ops,
	.n_ops = ARRAY_SIZE(ops),
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
	.bind = netlink_bind,
};

/**
 * dirty_netlink_init() - iommufd is loaded
 *
 * Return: -ENOMEM, -EEXIST.
 */
int dirty_netlink_init(void)
{
	dirty_contexts_init();
	dirty_messages_init(&family);
	return genl_register_family(&family);
}

/**
 * dirty_netlink_exit() - iommufd is unloaded
 */
void dirty_netlink_exit(void)
{
	genl_unregister_family(&family);
}

MODULE_ALIAS_GENL_FAMILY(IOMMUFD_DIRTY_FAMILY_NAME);
