/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * iommufd dirty tracker: one answer to "which pages did the devices write?"
 * for a whole I/O address space.
 *
 * The ioctls go to /dev/iommu and follow its conventions (see
 * <linux/iommufd.h>, "General ioctl format"): @size first, unknown flags are
 * EOPNOTSUPP, a non-zero tail that the kernel does not know is E2BIG, reserved
 * fields are zero.
 */
#ifndef _UAPI_IOMMUFD_DIRTY_H
#define _UAPI_IOMMUFD_DIRTY_H

#include <linux/types.h>
#include <linux/ioctl.h>
#include <linux/iommufd.h>

/*
 * IOMMU_OPTION_DIRTY_SMALL_LEAVES - An option of ioctl(IOMMU_OPTION)
 *
 * Value 1: HWPTs of the IOAS that are made from now on have leaves of one page, so
 * that a dirty bit stands for a page and not for 512 of them or more. Value 0
 * (default): they have the largest that memory allows. HWPTs that exist stay as they
 * are. Huge pages stay huge for the CPU. The object_id is the IOAS ID.
 *
 * Errors: as IOMMU_OPTION; EINVAL another value.
 */
#define IOMMU_OPTION_DIRTY_SMALL_LEAVES 0xc0

enum {
	IOMMUFD_CMD_DIRTY_TRACKER_BASE = 0xc0,
	IOMMUFD_CMD_DIRTY_TRACKER_ALLOC = IOMMUFD_CMD_DIRTY_TRACKER_BASE,
	IOMMUFD_CMD_DIRTY_TRACKER_SET,
	IOMMUFD_CMD_DIRTY_TRACKER_READ,
	IOMMUFD_CMD_DIRTY_TRACKER_UNMAP,
	IOMMUFD_CMD_DIRTY_TRACKER_INFO,
};

/**
 * enum iommu_dirty_policy - Which source to take where several are possible. It
 *	decides for each HWPT, and never against a source that covers more
 * @IOMMU_DIRTY_POLICY_AUTO: the finest granule that covers every device of a
 *	domain, the IOMMU where there is no difference. An IOMMU whose leaves
 *	may be larger than a page is coarser than a log of pages. The administrator
 *	of the host may have set another policy for trackers that ask for this one
 * @IOMMU_DIRTY_POLICY_IOMMU: the IOMMU wherever it can track
 * @IOMMU_DIRTY_POLICY_DEVICE: the devices' own trackers wherever all devices
 *	of a domain have one
 */
enum iommu_dirty_policy {
	IOMMU_DIRTY_POLICY_AUTO = 0,
	IOMMU_DIRTY_POLICY_IOMMU = 1,
	IOMMU_DIRTY_POLICY_DEVICE = 2,
};

/**
 * enum iommu_dirty_tracker_alloc_flags - Flags for struct
 *	iommu_dirty_tracker_alloc
 * @IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE: never fall back to "everything that is
 *	mapped writable is dirty": a START, attach or map that would need it
 *	fails with ENXIO
 * @IOMMU_DIRTY_TRACKER_EVENTFD: signal @event_fd when the user should look at
 *	INFO: the plan has changed, a source has failed, or one has become free
 */
enum iommu_dirty_tracker_alloc_flags {
	IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE = 1 << 0,
	IOMMU_DIRTY_TRACKER_EVENTFD = 1 << 1,
};

/**
 * struct iommu_dirty_tracker_alloc - ioctl(IOMMU_DIRTY_TRACKER_ALLOC)
 * @size: sizeof(struct iommu_dirty_tracker_alloc)
 * @flags: Combination of enum iommu_dirty_tracker_alloc_flags
 * @ioas_id: IOAS to track
 * @policy: One of enum iommu_dirty_policy
 * @page_size: Finest unit in which dirty pages are reported, in bytes: a power of
 *	two of at least 4096 and at most 2^51, or 0 for the finest there is. What a
 *	source reports is rounded outward to whole units
 * @out_tracker_id: ID of the new tracker, for the other ioctls and for
 *	IOMMU_DESTROY
 * @event_fd: An eventfd, with IOMMU_DIRTY_TRACKER_EVENTFD; else 0
 *
 * Make a dirty tracker for an IOAS; it does not track yet. An IOAS has at most
 * one. While it exists, IOMMU_HWPT_SET_DIRTY_TRACKING and
 * IOMMU_HWPT_GET_DIRTY_BITMAP on the IOAS's HWPTs, and
 * VFIO_DEVICE_FEATURE_DMA_LOGGING_START on its devices, answer EBUSY, since two
 * readers that clear would steal from one another.
 * IOMMU_HWPT_SET_DIRTY_TRACKING makes a tracker of one HWPT, without an ID: while a
 * HWPT tracks so, with the module parameter serve_hwpt_ioctls or without, ALLOC answers
 * EBUSY for its IOAS.
 *
 * Errors: ENOENT no such IOAS; EBUSY the IOAS has a tracker, or an HWPT of it
 * is being tracked or read through the per-HWPT ioctls, or a device of it logs
 * for its user; EINVAL page_size or policy, event_fd is no eventfd; EBADF
 * event_fd; EOPNOTSUPP an unknown or unsupported flag, event_fd without its flag;
 * ENOMEM.
 */
struct iommu_dirty_tracker_alloc {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__u32 policy;
	__aligned_u64 page_size;
	__u32 out_tracker_id;
	__s32 event_fd;
};
#define IOMMU_DIRTY_TRACKER_ALLOC \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_DIRTY_TRACKER_ALLOC)

/**
 * enum iommu_dirty_tracker_set_flags - Flags for struct iommu_dirty_tracker_set
 * @IOMMU_DIRTY_TRACKER_ENABLE: start; when the tracker runs already, restart
 *	the sources that failed. Without it: stop
 * @IOMMU_DIRTY_TRACKER_SPLIT: besides, take large leaves apart, so that a dirty
 *	bit stands for a page, where the kernel can do that in place
 * @IOMMU_DIRTY_TRACKER_POLICY: besides, @policy applies from now on, to the device
 *	@dev_id or to the tracker
 */
enum iommu_dirty_tracker_set_flags {
	IOMMU_DIRTY_TRACKER_ENABLE = 1 << 0,
	IOMMU_DIRTY_TRACKER_SPLIT = 1 << 1,
	IOMMU_DIRTY_TRACKER_POLICY = 1 << 2,
};

/**
 * enum iommu_dirty_tracker_out_flags - What to know about an answer
 * @IOMMU_DIRTY_TRACKER_CONSERVATIVE: a device cannot be tracked, or memory is mapped
 *	that its log does not cover: all of that is reported at every READ
 * @IOMMU_DIRTY_TRACKER_DEGRADED: as before, because a source has failed and no other
 *	covers its device: all that is mapped for it is reported at every READ, until
 *	IOMMU_DIRTY_TRACKER_SET with ENABLE restarts the source. When another source
 *	takes over, one READ has the flag and reports all that is mapped for the
 *	device; later ones are as precise as the other source, without the flag, and
 *	the failure is counted in INFO
 * @IOMMU_DIRTY_TRACKER_COARSE: IOMMU leaves larger than out_page_size were dirty, or
 *	a device's log has larger units; they are reported as a whole
 * @IOMMU_DIRTY_TRACKER_RUNNING: the tracker is started (INFO only)
 */
enum iommu_dirty_tracker_out_flags {
	IOMMU_DIRTY_TRACKER_CONSERVATIVE = 1 << 0,
	IOMMU_DIRTY_TRACKER_DEGRADED = 1 << 1,
	IOMMU_DIRTY_TRACKER_COARSE = 1 << 2,
	IOMMU_DIRTY_TRACKER_RUNNING = 1 << 3,
};

/**
 * struct iommu_dirty_tracker_set - ioctl(IOMMU_DIRTY_TRACKER_SET)
 * @size: sizeof(struct iommu_dirty_tracker_set)
 * @flags: Combination of enum iommu_dirty_tracker_set_flags
 * @tracker_id: The tracker
 * @out_flags: Combination of enum iommu_dirty_tracker_out_flags; 0 after a stop
 * @out_page_size: Finest unit, in bytes, in which dirty pages are reported
 * @policy: With POLICY: one of enum iommu_dirty_policy; else 0
 * @dev_id: With POLICY: a device of this iommufd, or 0 for the tracker; else 0
 *
 * Start or stop. A start begins clean: what was written before it returns need
 * not be reported, what is written after it has returned will be. A stop
 * discards what has not been read. Both may be repeated.
 *
 * SPLIT is best effort: the answer has COARSE where an HWPT whose dirty bits are
 * used goes on having large leaves. No kernel of 6.12 can split a leaf in place;
 * there, IOMMU_OPTION_DIRTY_SMALL_LEAVES and a second HWPT do it.
 *
 * POLICY changes the sources of a tracker that runs without a gap: the old ones are
 * read until nothing is left in them, and pages may be reported twice. The policy of
 * a device overrides that of the tracker, for as long as the device is bound and
 * wherever it is attached; AUTO leaves it to the tracker. The tracker of another IOAS,
 * if the device is attached there, follows when its plan is made next. One HWPT has one
 * kind of source. If its devices disagree, IOMMU is taken, since it covers them all.
 *
 * Errors: ENOENT no such tracker or device; EOPNOTSUPP an unknown or unsupported
 * flag, @policy or @dev_id without POLICY; EINVAL @policy, SPLIT without ENABLE; ENXIO REQUIRE_PRECISE was asked for and a
 * device cannot be tracked (IOMMU_DIRTY_TRACKER_INFO names it); ENOMEM; EINTR
 * killed. A tracker that did not run does not run after an error, and one that ran
 * continues; the policy is what it was.
 */
struct iommu_dirty_tracker_set {
	__u32 size;
	__u32 flags;
	__u32 tracker_id;
	__u32 out_flags;
	__aligned_u64 out_page_size;
	__u32 policy;
	__u32 dev_id;
};
#define IOMMU_DIRTY_TRACKER_SET \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_DIRTY_TRACKER_SET)

/**
 * enum iommu_dirty_tracker_read_flags - Flags for struct
 *	iommu_dirty_tracker_read
 * @IOMMU_DIRTY_TRACKER_READ_NO_CLEAR: look, and leave everything to be
 *	reported again
 * @IOMMU_DIRTY_TRACKER_READ_RANGES: fill @data with struct iommu_dirty_range
 *	instead of a bitmap
 * @IOMMU_DIRTY_TRACKER_READ_COUNT: only count; implies NO_CLEAR
 */
enum iommu_dirty_tracker_read_flags {
	IOMMU_DIRTY_TRACKER_READ_NO_CLEAR = 1 << 0,
	IOMMU_DIRTY_TRACKER_READ_RANGES = 1 << 1,
	IOMMU_DIRTY_TRACKER_READ_COUNT = 1 << 2,
};

/**
 * struct iommu_dirty_range - One dirty range
 * @iova: First byte
 * @length: Bytes
 */
struct iommu_dirty_range {
	__aligned_u64 iova;
	__aligned_u64 length;
};

/**
 * struct iommu_dirty_tracker_read - ioctl(IOMMU_DIRTY_TRACKER_READ)
 * @size: sizeof(struct iommu_dirty_tracker_read)
 * @flags: Combination of enum iommu_dirty_tracker_read_flags
 * @tracker_id: The tracker
 * @out_flags: Combination of enum iommu_dirty_tracker_out_flags
 * @iova: First byte to look at, a multiple of @page_size. It is not rounded, because
 *	bit 0 would stand for another page than the caller thinks
 * @length: Bytes to look at, a multiple of @page_size, not 0; or U64_MAX, with
 *	@iova 0, for the whole address space, as in IOMMU_IOAS_UNMAP. Unmapped parts
 *	are clean, and cheap
 * @page_size: Bytes per bit, or unit of ranges and count: a power of two of
 *	at least 4096. If it is larger than the tracked granule, one bit covers
 *	several granules; if smaller, a dirty granule sets all of its bits
 * @data: User pointer. Bitmap: array of __u64, bit i (of word i / 64) stands
 *	for @iova + i * @page_size; bits are ORed in, none is cleared. Ranges:
 *	array of struct iommu_dirty_range, merged and in ascending order; a range that
 *	is the whole address space has length U64_MAX. Count: must be 0
 * @data_len: Bytes at @data. A bitmap needs one word for every 64 bits begun;
 *	ranges need room for at least one; count: must be 0
 * @out_dirty_bytes: Bytes reported by this call, in units of @page_size
 * @out_next_iova: Where to continue. @iova + @length when all was looked at (0 at
 *	the end of the address space); less when the RANGES buffer is full, the time
 *	is over or the call failed, and then what lies below has been reported and
 *	nothing from here on is lost
 * @out_nr_ranges: RANGES: entries of @data that were filled
 * @timeout_ms: Stop after so many milliseconds, between two windows of at most
 *	64 GiB or while a device is asked; 0 for no limit
 * @__reserved: Must be 0
 *
 * Report what devices have written since it was last reported, and clear it. A
 * write that completed before the call began is reported by it. What could not
 * be delivered (EFAULT, EINTR, ENOMEM, a full buffer, the end of the time) is
 * reported by the next READ. A page may be reported more than once but is never
 * lost. READs run in parallel; of READs whose ranges overlap, and of a READ and
 * an UNMAP at the same time, at least one reports each page, or, if that one ended
 * before it came there, the next READ. The out fields are written on failure too,
 * where that is possible.
 *
 * Errors: ENOENT no such tracker; ENODATA the tracker does not run; EINVAL
 * page_size (also if it is less than 1 / 2^18 of that of ALLOC), @iova or @length is
 * not a multiple of it (round @iova down and the end up), length 0,
 * data_len too small, RANGES with COUNT; EOVERFLOW iova + length exceeds 2^64, or
 * the buffer reaches it; EOPNOTSUPP unknown flag, __reserved; EFAULT @data; EINTR
 * killed.
 */
struct iommu_dirty_tracker_read {
	__u32 size;
	__u32 flags;
	__u32 tracker_id;
	__u32 out_flags;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 page_size;
	__aligned_u64 data;
	__aligned_u64 data_len;
	__aligned_u64 out_dirty_bytes;
	__aligned_u64 out_next_iova;
	__aligned_u64 out_nr_ranges;
	__u32 timeout_ms;
	__u32 __reserved;
};
#define IOMMU_DIRTY_TRACKER_READ \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_DIRTY_TRACKER_READ)

/**
 * enum iommu_dirty_tracker_unmap_flags - Flags for struct
 *	iommu_dirty_tracker_unmap
 * @IOMMU_DIRTY_TRACKER_UNMAP_CONSERVATIVE: report all of what was unmapped and
 *	writable. For devices that may be writing to it right now
 * @IOMMU_DIRTY_TRACKER_UNMAP_RANGES: fill @data with struct iommu_dirty_range
 *	instead of a bitmap
 * @IOMMU_DIRTY_TRACKER_UNMAP_STOP: with RANGES: unmap one mapping after the other, in
 *	ascending order, and stop behind the one with which @data is full
 */
enum iommu_dirty_tracker_unmap_flags {
	IOMMU_DIRTY_TRACKER_UNMAP_CONSERVATIVE = 1 << 0,
	IOMMU_DIRTY_TRACKER_UNMAP_RANGES = 1 << 1,
	IOMMU_DIRTY_TRACKER_UNMAP_STOP = 1 << 2,
};

/**
 * struct iommu_dirty_tracker_unmap - ioctl(IOMMU_DIRTY_TRACKER_UNMAP)
 * @size: sizeof(struct iommu_dirty_tracker_unmap)
 * @flags: Combination of enum iommu_dirty_tracker_unmap_flags
 * @tracker_id: The tracker; what is unmapped is mapped in its IOAS
 * @out_flags: Combination of enum iommu_dirty_tracker_out_flags
 * @iova: First byte to unmap, a multiple of @page_size
 * @length: Bytes to unmap, a multiple of @page_size; or U64_MAX, with @iova 0, for
 *	everything. As for IOMMU_IOAS_UNMAP, a mapping in it has to be in it as a whole
 * @page_size: As in struct iommu_dirty_tracker_read
 * @data: As in struct iommu_dirty_tracker_read
 * @data_len: As in struct iommu_dirty_tracker_read
 * @out_unmapped: Bytes that were unmapped
 * @out_dirty_bytes: Bytes reported, in units of @page_size
 * @out_next_iova: @iova + @length, or less when the RANGES buffer is full
 * @out_nr_ranges: RANGES: entries of @data that were filled
 *
 * Unmap, and report what was dirty and not yet reported in the range. Every
 * write that completed before the call began is reported. A write that races
 * the unmap may be missed, since no IOMMU can be asked while it unmaps; with
 * CONSERVATIVE it is not.
 *
 * When the RANGES buffer is full, all of the range is unmapped, and the rest of its
 * dirty pages is reported by the next UNMAP or READ of it: call again from
 * @out_next_iova before something else is mapped there. With STOP, what lies above the
 * mapping that contains @out_next_iova is still mapped, so that a caller with a small
 * buffer gets everything in order by calling until @out_next_iova is @iova + @length.
 * The logs of devices are asked once, at the beginning.
 *
 * When the report fails (EFAULT, EINTR, ENOMEM) the range is unmapped (with STOP, in
 * part) and its dirty pages are reported by the next READ; @out_unmapped is written
 * then too, where that is possible.
 *
 * Errors: as for READ, and ENOENT when nothing is mapped in the range and nothing is
 * to be reported of it; ERANGE when a mapping reaches out of it, and then nothing is
 * unmapped; EINVAL also for STOP without RANGES; EBUSY when another thread is mapping
 * or unmapping there, and @out_unmapped tells how much was unmapped before.
 */
struct iommu_dirty_tracker_unmap {
	__u32 size;
	__u32 flags;
	__u32 tracker_id;
	__u32 out_flags;
	__aligned_u64 iova;
	__aligned_u64 length;
	__aligned_u64 page_size;
	__aligned_u64 data;
	__aligned_u64 data_len;
	__aligned_u64 out_unmapped;
	__aligned_u64 out_dirty_bytes;
	__aligned_u64 out_next_iova;
	__aligned_u64 out_nr_ranges;
};
#define IOMMU_DIRTY_TRACKER_UNMAP \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_DIRTY_TRACKER_UNMAP)

/**
 * enum iommu_dirty_source_kind - What tells which pages a device has written
 * @IOMMU_DIRTY_SOURCE_NONE: no source: the HWPT has no device
 * @IOMMU_DIRTY_SOURCE_IOMMU: dirty bits in the IOMMU's page table
 * @IOMMU_DIRTY_SOURCE_DEVICE: the device's own page tracker
 * @IOMMU_DIRTY_SOURCE_SCOPE: the pages that the device has declared
 * @IOMMU_DIRTY_SOURCE_MAPPED: no source: all that is mapped writable is reported
 * @IOMMU_DIRTY_SOURCE_ACCESS: no DMA: what its driver writes with the CPU, and has
 *	pinned for that
 */
enum iommu_dirty_source_kind {
	IOMMU_DIRTY_SOURCE_NONE = 0,
	IOMMU_DIRTY_SOURCE_IOMMU = 1,
	IOMMU_DIRTY_SOURCE_DEVICE = 2,
	IOMMU_DIRTY_SOURCE_SCOPE = 3,
	IOMMU_DIRTY_SOURCE_MAPPED = 4,
	IOMMU_DIRTY_SOURCE_ACCESS = 5,
};

/**
 * enum iommu_dirty_source_state - State of a source
 * @IOMMU_DIRTY_SOURCE_OFF: the tracker does not run
 * @IOMMU_DIRTY_SOURCE_ON: it tracks
 * @IOMMU_DIRTY_SOURCE_FAILED: it has failed; MAPPED stands in for it
 */
enum iommu_dirty_source_state {
	IOMMU_DIRTY_SOURCE_OFF = 0,
	IOMMU_DIRTY_SOURCE_ON = 1,
	IOMMU_DIRTY_SOURCE_FAILED = 2,
};

/**
 * enum iommu_dirty_source_flags - More about a source
 * @IOMMU_DIRTY_SOURCE_GATHER: the IOMMU driver has no bitmap and is read
 *	through its flush ranges
 * @IOMMU_DIRTY_SOURCE_FINE: all leaves of the HWPT are of @granule, and none is
 *	larger
 */
enum iommu_dirty_source_flags {
	IOMMU_DIRTY_SOURCE_GATHER = 1 << 0,
	IOMMU_DIRTY_SOURCE_FINE = 1 << 1,
};

/**
 * struct iommu_dirty_source_info - One line of the plan
 * @dev_id: iommufd device ID; 0 for an HWPT without a device
 * @hwpt_id: The HWPT that the device is attached to; 0 for ACCESS
 * @kind: One of enum iommu_dirty_source_kind
 * @state: One of enum iommu_dirty_source_state
 * @flags: Combination of enum iommu_dirty_source_flags
 * @__reserved: 0
 * @granule: Finest unit it can report, in bytes
 * @largest: Largest unit that it has reported so far, in bytes; 0 if none
 * @dirty_bytes: Bytes it has reported since START, each time it did
 * @harvests: How often it was asked since START
 * @harvest_ns: Nanoseconds it took to answer, in all
 * @failures: How often it failed since START
 * @platform: What kind of IOMMU, as in Documentation/uapi.rst; NUL-terminated
 * @first: First byte (IOVA) that it covers
 * @last: Last byte, inclusive. What is mapped outside is reported because it is
 *	mapped
 *
 * Devices of one HWPT share an IOMMU source, and then its counters.
 */
struct iommu_dirty_source_info {
	__u32 dev_id;
	__u32 hwpt_id;
	__u32 kind;
	__u32 state;
	__u32 flags;
	__u32 __reserved;
	__aligned_u64 granule;
	__aligned_u64 largest;
	__aligned_u64 dirty_bytes;
	__aligned_u64 harvests;
	__aligned_u64 harvest_ns;
	__aligned_u64 failures;
	char platform[16];
	__aligned_u64 first;
	__aligned_u64 last;
};

/**
 * enum iommu_dirty_tracker_info_flags - Flags for struct iommu_dirty_tracker_info
 * @IOMMU_DIRTY_TRACKER_INFO_IOAS: @tracker_id is the ID of an IOAS; it need not
 *	have a tracker
 */
enum iommu_dirty_tracker_info_flags {
	IOMMU_DIRTY_TRACKER_INFO_IOAS = 1 << 0,
};

/**
 * struct iommu_dirty_tracker_info - ioctl(IOMMU_DIRTY_TRACKER_INFO)
 * @size: sizeof(struct iommu_dirty_tracker_info)
 * @flags: Combination of enum iommu_dirty_tracker_info_flags
 * @tracker_id: In: the tracker, or the IOAS. Out: the tracker; 0 if the IOAS has none,
 *	or one without an ID, which VFIO_IOMMU_DIRTY_PAGES made
 * @out_flags: Combination of enum iommu_dirty_tracker_out_flags
 * @sources: User pointer to an array of struct iommu_dirty_source_info, one
 *	for each device attached to the IOAS, with DMA or without, and one for each
 *	HWPT without a device. May be 0 when @nr_sources is
 * @source_size: sizeof(struct iommu_dirty_source_info) of the caller: the
 *	distance of the entries. The kernel fills what both sides know
 * @nr_sources: In: entries that @sources has room for. Out: entries that there
 *	are; when that is more than went in, the rest was left out
 * @out_page_size: Finest unit, in bytes, in which dirty pages are reported
 * @out_pending_bytes: Bytes known to be dirty and not yet delivered
 * @out_memory: Kernel memory that the tracker holds for them, in bytes
 *
 * Tell the plan: who is tracked by what, and what it has cost. While no tracker
 * runs (state OFF) it is the plan that START would make; a device may still refuse
 * to log then.
 *
 * Errors: ENOENT no such tracker or IOAS; EOPNOTSUPP flags; EINVAL source_size less
 * than the first eight bytes of an entry or more than a page; EFAULT @sources; ENOMEM;
 * EINTR killed.
 */
struct iommu_dirty_tracker_info {
	__u32 size;
	__u32 flags;
	__u32 tracker_id;
	__u32 out_flags;
	__aligned_u64 sources;
	__u32 source_size;
	__u32 nr_sources;
	__aligned_u64 out_page_size;
	__aligned_u64 out_pending_bytes;
	__aligned_u64 out_memory;
};
#define IOMMU_DIRTY_TRACKER_INFO \
	_IO(IOMMUFD_TYPE, IOMMUFD_CMD_DIRTY_TRACKER_INFO)

#endif
