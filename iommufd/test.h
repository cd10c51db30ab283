/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ways to break the tracker on purpose, so that its tests can prove that they
 * would notice, and to delay it between two steps of a protocol, so that other tasks
 * run in between; and a count of objects, which must be 0 when the module is unloaded
 * (CONFIG_IOMMUFD_DIRTY_TEST; compiled out otherwise).
 */
#ifndef __IOMMUFD_DIRTY_TEST_H
#define __IOMMUFD_DIRTY_TEST_H

#include <linux/types.h>

/**
 * enum dirty_test_break - What to break (module parameter iommufd.dirty_break, which
 *	takes the name in small letters: no_flush)
 * @DIRTY_BREAK_NOTHING: The parameter's default
 * @DIRTY_BREAK_EARLY_PUBLISH: Deliver first, flush the IOTLB later
 * @DIRTY_BREAK_MID_LEAF: Let a domain harvest begin inside a leaf
 * @DIRTY_BREAK_NO_FLUSH: Do not flush the IOTLB at all
 * @DIRTY_BREAK_LOSE_UNDELIVERED: Forget what could not be delivered
 * @DIRTY_BREAK_NO_UNMAP: Do not harvest what is unmapped
 * @DIRTY_BREAK_NO_LAST_HARVEST: Do not harvest a log that is about to end
 * @DIRTY_BREAK_LATE_SOURCE: Change the plan after the device was attached
 * @DIRTY_BREAK_NO_MARK: When *mapped* ends, or a log is lost, forget what was
 *	mapped
 * @DIRTY_BREAK_NO_OUTSIDE: Take what a log cannot hold for clean
 * @DIRTY_BREAK_NO_ACCESS: Take what the CPU writes for clean
 * @DIRTY_BREAK_NO_LENGTH: Do not look how much fits into the caller's bitmap
 * @DIRTY_BREAK_NO_REQUESTS: A READ has no memory for its requests to many logs; this
 *	must cost time and nothing else
 * @DIRTY_BREAK_NO_STEP: Let harvests of the same range of a domain overlap
 * @DIRTY_BREAK_NO_HIDDEN: A READ does not wait for unmaps under way
 * @DIRTY_BREAK_EARLY_UNHIDE: An unmap lets READs go before it has published
 * @DIRTY_BREAK_NO_STALE: Forget what is unmapped and may be in a log
 * @DIRTY_BREAK_LATE_PUBLISH: The last harvest of a domain publishes at its end
 * @DIRTY_BREAK_LATE_UNPIN: What was pinned is published after the access is given
 *	up
 * @DIRTY_BREAK_WALK_WRONG: A walker finds leaves one page off
 * @DIRTY_BREAK_SPLIT_CLEAN: Parts of a dirty leaf that is split are clean
 * @DIRTY_BREAK_REVOKED: Look for dirty bits in pages that were revoked
 * @DIRTY_BREAK_QUIET_LOOK: A driver that clears nothing leaves the gather empty, as
 *	generic_pt's do; this must make no difference where it records
 * @DIRTY_BREAK_JOIN_ANY: Join leaves whose memory is not contiguous
 * @DIRTY_BREAK_JOIN_AREAS: Join leaves of several areas, or of an area that may be cut
 * @DIRTY_BREAK_NO_PASID: The plan leaves out what is attached with a PASID
 */
enum dirty_test_break {
	DIRTY_BREAK_NOTHING,
	DIRTY_BREAK_EARLY_PUBLISH,
	DIRTY_BREAK_MID_LEAF,
	DIRTY_BREAK_NO_FLUSH,
	DIRTY_BREAK_LOSE_UNDELIVERED,
	DIRTY_BREAK_NO_UNMAP,
	DIRTY_BREAK_NO_LAST_HARVEST,
	DIRTY_BREAK_LATE_SOURCE,
	DIRTY_BREAK_NO_MARK,
	DIRTY_BREAK_NO_OUTSIDE,
	DIRTY_BREAK_NO_ACCESS,
	DIRTY_BREAK_NO_LENGTH,
	DIRTY_BREAK_NO_REQUESTS,
	DIRTY_BREAK_NO_STEP,
	DIRTY_BREAK_NO_HIDDEN,
	DIRTY_BREAK_EARLY_UNHIDE,
	DIRTY_BREAK_NO_STALE,
	DIRTY_BREAK_LATE_PUBLISH,
	DIRTY_BREAK_LATE_UNPIN,
	DIRTY_BREAK_WALK_WRONG,
	DIRTY_BREAK_SPLIT_CLEAN,
	DIRTY_BREAK_REVOKED,
	DIRTY_BREAK_QUIET_LOOK,
	DIRTY_BREAK_JOIN_ANY,
	DIRTY_BREAK_JOIN_AREAS,
	DIRTY_BREAK_NO_PASID,
};

#ifdef CONFIG_IOMMUFD_DIRTY_TEST
bool dirty_test_break(enum dirty_test_break what);
bool dirty_test_fail_alloc(void);
void dirty_test_delay(const char *where);
void dirty_test_object(int n);
int dirty_test_objects(void);
#else
static inline bool dirty_test_break(enum dirty_test_break what)
{
	return false;
}

static inline bool dirty_test_fail_alloc(void)
{
	return false;
}

static inline void dirty_test_delay(const char *where)
{
}

static inline void dirty_test_object(int n)
{
}

static inline int dirty_test_objects(void)
{
	return 0;
}
#endif

#endif
