/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A peer of the generic netlink family "iommufd_dirty", with libnl.
 */
#ifndef _KSELFTEST_PEER_H
#define _KSELFTEST_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <linux/iommufd_dirty_netlink.h>

/**
 * struct peer_entry - One message
 * @cmd: enum iommufd_dirty_cmd
 * @has: A bit for each attribute in it
 * @value: Of attributes that are numbers
 * @string: COMM, NAME, PLATFORM
 */
struct peer_entry {
	uint8_t cmd;
	uint64_t has;
	uint64_t value[IOMMUFD_DIRTY_A_MAX + 1];
	char string[3][32];
};

/**
 * struct peer_answer - An answer, a dump, or events
 * @entries: The messages; to be freed with peer_answer_free()
 * @nr: How many
 * @room: How many there is memory for
 * @changed: NLM_F_DUMP_INTR
 * @malformed: An attribute is unknown, there twice, or of a wrong size
 * @complete: The end has arrived
 */
struct peer_answer {
	struct peer_entry *entries;
	unsigned int nr, room;
	bool changed;
	bool malformed;
	bool complete;
};

/**
 * struct peer - A socket
 * @sk: The socket
 * @family: Number of the family
 */
struct peer {
	struct nl_sock *sk;
	int family;
};

int peer_open(struct peer *p);
int peer_listen(struct peer *p);
void peer_close(struct peer *p);

struct nl_msg *peer_request(struct peer *p, uint8_t cmd, int flags, uint64_t context,
			    unsigned int attr, uint32_t id);
int peer_receive(struct peer *p, struct peer_answer *a);
int peer_ask(struct peer *p, uint8_t cmd, int flags, uint64_t context,
	     unsigned int attr, uint32_t id, struct peer_answer *a);
int peer_dump(struct peer *p, uint8_t cmd, uint64_t context, struct peer_answer *a);
int peer_get(struct peer *p, uint8_t cmd, uint64_t context, unsigned int attr,
	     uint32_t id, struct peer_answer *a);
int peer_set_policy(struct peer *p, unsigned int attr, uint32_t value);
int peer_events(struct peer *p, struct peer_answer *a);
void peer_answer_free(struct peer_answer *a);
uint64_t peer_own_context(struct peer *p);

double peer_limit(double seconds);

static inline bool peer_has(const struct peer_entry *e, unsigned int attr)
{
	return e->has >> attr & 1;
}

#endif
