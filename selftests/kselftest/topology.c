// SPDX-License-Identifier: GPL-2.0-only
/* A testbed with an oracle, for the tests of groups, of nested translation, and of PASIDs. */
#include <errno.h>
#include <string.h>

#include "fixture.h"
#include "oracle.h"
#include "topology.h"

/**
 * topology_open() - Map RAM in a new IOAS
 * @b: Filled in; without a device
 * @dev: NR devices, which are then closed
 * @o: Begins
 *
 * Return: 0 or -errno; topology_close() is due in both cases.
 */
int topology_open(struct testbed *b, struct vdev *dev, struct oracle *o)
{
	int rc;

	vdevs_init(dev, NR);
	o->truth_fd = -1;
	rc = testbed_open_empty(b, false);
	if (!rc)
		rc = testbed_map(b);
	return rc ? rc : oracle_open(o);
}

/**
 * topology_close() - Undo topology_open(), and what tests break
 * @b: The testbed
 * @dev: The devices
 * @o: The oracle
 *
 * Return: 0 or -errno.
 */
int topology_close(struct testbed *b, struct vdev *dev, struct oracle *o)
{
	vdevs_close(dev, NR);
	testbed_close(b);
	oracle_close(o);
	return virt_set("drop_record", "0") ?: tracker_break("nothing");
}

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
