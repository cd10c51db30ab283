// SPDX-License-Identifier: GPL-2.0-only
/* A testbed with an oracle, for the tests of groups and of nested translation. */
#include <errno.h>
#include <string.h>

#include "fixture.h"
#include "oracle.h"
#include "topology.h"

/**
 * topology_start() - Allocate and start a tracker
 * @b: Its IOAS; gets the ID of the tracker
 * @o: Learns when START has returned
 * @policy: enum iommu_dirty_policy
 * @flags: enum iommu_dirty_tracker_alloc_flags
 *
 * Return: 0 or -errno.
 */
int topology_start(struct testbed *b, struct oracle *o, __u32 policy, __u32 flags)
{
	int rc = tracker_alloc(b->fd, b->ioas_id, policy, flags, 0, &b->tracker_id);

	if (!rc)
		rc = testbed_start(b);
	oracle_started(o);
	return rc;
}

/**
 * topology_read() - READ all of RAM
 * @b: Gets the bits of this READ
 * @o: Gets the READ
 *
 * Return: The number of pages reported, or -errno.
 */
int topology_read(struct testbed *b, struct oracle *o)
{
	int rc = oracle_read(o, b->fd, b->tracker_id, IOVA, RAM_SIZE);

	if (rc)
		return rc;
	memcpy(b->bits, o->events[o->nr_events - 1].bits, sizeof(b->bits));
	return (int)testbed_count(b);
}

/**
 * topology_lost() - Compare what was reported with ground truth
 * @o: What was reported
 * @writes: Pages that ground truth must have
 *
 * Return: How many writes were not reported; -ERANGE when ground truth has other than
 * @writes, another -errno when it cannot be read.
 */
int topology_lost(struct oracle *o, __u64 writes)
{
	int rc = oracle_check(o);

	if (rc)
		return rc;
	return o->writes == writes ? (int)o->lost : -ERANGE;
}
