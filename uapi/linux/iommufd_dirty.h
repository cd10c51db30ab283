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
 * Value 1: HWPTs that are allocated in the IOAS from now on have leaves of one page, so
 * that a dirty bit stands for a page and not for 512 of them or more. Value 0
 * (default): they have the largest leaves that memory allows. Existing HWPTs do not
 * change. Huge pages stay huge for the CPU. The object_id is the IOAS ID.
 *
 * Errors: those of IOMMU_OPTION; EINVAL any other value.
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
 * enum iommu_dirty_policy - Which source the tracker uses where several are possible
 * @IOMMU_DIRTY_POLICY_AUTO: The source with the finest granule that covers every
 *	device of the HWPT; the IOMMU if the granules are equal. An IOMMU whose leaves
 *	may be larger than a page is coarser than a log of pages. The administrator
 *	of the host can set another policy for trackers that ask for this one
 * @IOMMU_DIRTY_POLICY_IOMMU: The IOMMU wherever it can track
 * @IOMMU_DIRTY_POLICY_DEVICE: The devices' own logs wherever all devices of the HWPT
 *	have one
 *
 * The policy applies to each HWPT separately. It never prefers a source that covers
 * fewer devices.
 */
enum iommu_dirty_policy {
	IOMMU_DIRTY_POLICY_AUTO = 0,
	IOMMU_DIRTY_POLICY_IOMMU = 1,
	IOMMU_DIRTY_POLICY_DEVICE = 2,
};

/**
 * enum iommu_dirty_tracker_alloc_flags - Flags for struct
 *	iommu_dirty_tracker_alloc
 * @IOMMU_DIRTY_TRACKER_REQUIRE_PRECISE: Never fall back to "everything that is
 *	mapped writable is dirty": a START, attach or map that would need it
 *	fails with ENXIO
 * @IOMMU_DIRTY_TRACKER_EVENTFD: Signal @event_fd when INFO has changed: the plan has
 *	changed, a source has failed, or a source has become free
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
 *	two of at least the kernel's page size and at most 2^51, or 0 for the finest that
 *	the sources have. The tracker rounds what a source reports outward to whole units
 * @out_tracker_id: ID of the new tracker, for the other ioctls and for
 *	IOMMU_DESTROY
 * @event_fd: An eventfd, with IOMMU_DIRTY_TRACKER_EVENTFD; else 0
 *
 * Allocate a dirty tracker for an IOAS; SET starts it. An IOAS has at most one
 * tracker. While it exists, IOMMU_HWPT_SET_DIRTY_TRACKING and
 * IOMMU_HWPT_GET_DIRTY_BITMAP on the IOAS's HWPTs, and
 * VFIO_DEVICE_FEATURE_DMA_LOGGING_START on its devices, fail with EBUSY: of two readers
 * that clear, each would miss what the other has cleared.
 * IOMMU_HWPT_SET_DIRTY_TRACKING makes a tracker of one HWPT, without an ID. While a
 * HWPT has one, ALLOC fails with EBUSY for its IOAS, whether the module parameter
 * serve_hwpt_ioctls is set or not.
 *
 * Errors: ENOENT no such IOAS; EBUSY the IOAS has a tracker, or a HWPT of it
 * is being tracked or read through the per-HWPT ioctls, or a device of it logs
 * for its user; EINVAL page_size or policy is out of range, or event_fd is no eventfd;
 * EBADF event_fd is not open; EOPNOTSUPP an unknown or unsupported flag, or event_fd
 * without its flag; ENOMEM.
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
 * @IOMMU_DIRTY_TRACKER_ENABLE: Start; if the tracker runs already, restart the
 *	sources that have failed. Without it: stop
 * @IOMMU_DIRTY_TRACKER_SPLIT: Also split large leaves, so that a dirty bit stands
 *	for a page, where the kernel can do that in place
 * @IOMMU_DIRTY_TRACKER_POLICY: Also apply @policy from now on, to the device
 *	@dev_id or to the tracker
 */
enum iommu_dirty_tracker_set_flags {
	IOMMU_DIRTY_TRACKER_ENABLE = 1 << 0,
	IOMMU_DIRTY_TRACKER_SPLIT = 1 << 1,
	IOMMU_DIRTY_TRACKER_POLICY = 1 << 2,
};

/**
 * enum iommu_dirty_tracker_out_flags - How precise an answer is
 * @IOMMU_DIRTY_TRACKER_CONSERVATIVE: A device cannot be tracked, or memory is mapped
 *	that its log does not cover: every READ reports all of that memory
 * @IOMMU_DIRTY_TRACKER_DEGRADED: A source has failed and no other covers its device:
 *	every READ reports all memory that is mapped for the device, until
 *	IOMMU_DIRTY_TRACKER_SET with ENABLE restarts the source. If another source
 *	takes over, one READ has the flag and reports all that is mapped for the
 *	device; later READs are as precise as the other source and do not have the
 *	flag, and INFO counts the failure
 * @IOMMU_DIRTY_TRACKER_COARSE: IOMMU leaves larger than out_page_size were dirty, or
 *	a device's log has larger units; they are reported as a whole
 * @IOMMU_DIRTY_TRACKER_RUNNING: The tracker is started (INFO only)
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
 *	(the tracker of another IOAS plans with the policy of a device from its next
 *	START on)
 *
 * Start or stop. A start begins clean: READ need not report what a device wrote before
 * the start returned, and reports what a device writes afterwards. A stop discards what
 * has not been read. Both may be repeated.
 *
 * SPLIT is best effort: the answer has COARSE where a HWPT whose dirty bits are
 * used still has large leaves. Leaves can be split in place from 7.x on, behind AMD's
 * IOMMU and VT-d; a stop joins them again where a full page table of leaves is
 * physically contiguous and belongs to one mapping. Elsewhere, use
 * IOMMU_OPTION_DIRTY_SMALL_LEAVES and a second HWPT.
 *
 * POLICY changes the sources of a running tracker without a gap: READs harvest the old
 * sources until nothing is left in them, and may report pages twice. The policy of
 * a device overrides that of the tracker, for as long as the device is bound and
 * wherever it is attached; AUTO leaves the choice to the tracker. If the device is
 * attached to another IOAS, the tracker there follows when it next makes its plan. One
 * HWPT has one kind of source. If its devices disagree, the tracker uses the IOMMU,
 * which covers them all.
 *
 * Errors: ENOENT no such tracker or device; EOPNOTSUPP an unknown or unsupported
 * flag, @policy or @dev_id without POLICY; EINVAL @policy is unknown, SPLIT without
 * ENABLE; ENXIO the tracker has REQUIRE_PRECISE and a device cannot be tracked
 * (IOMMU_DIRTY_TRACKER_INFO names it); ENOMEM; EFAULT the answer cannot be written; EINTR
 * the caller was killed. After an error the tracker runs if it ran before, and has the
 * policy that it had.
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
 * @IOMMU_DIRTY_TRACKER_READ_NO_CLEAR: Report without clearing: the next READ reports
 *	the same pages again
 * @IOMMU_DIRTY_TRACKER_READ_RANGES: Fill @data with struct iommu_dirty_range
 *	instead of a bitmap
 * @IOMMU_DIRTY_TRACKER_READ_COUNT: Only count; implies NO_CLEAR
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
 * @iova: First byte to read, a multiple of @page_size. READ does not round it,
 *	because bit 0 would then stand for another page than the caller expects
 * @length: Bytes to read, a multiple of @page_size, not 0; or U64_MAX, with
 *	@iova 0, for the whole address space, as in IOMMU_IOAS_UNMAP. READ skips
 *	unmapped parts, which costs little
 * @page_size: Bytes per bit, or unit of ranges and count: a power of two of
 *	at least the kernel's page size. If it is larger than the tracked granule, one
 *	bit covers several granules; if smaller, a dirty granule sets all of its bits
 * @data: User pointer. Bitmap: array of __u64, bit i (of word i / 64) stands
 *	for @iova + i * @page_size; READ sets bits and clears none. Ranges:
 *	array of struct iommu_dirty_range, merged and in ascending order; a range that
 *	is the whole address space has length U64_MAX. Count: must be 0
 * @data_len: Size of @data in bytes. A bitmap needs one word for each 64 bits or part
 *	of them; ranges need room for at least one; count: must be 0
 * @out_dirty_bytes: Bytes that this call reports, in whole units of @page_size
 * @out_next_iova: Where to continue. @iova + @length when the READ is complete (0 at
 *	the end of the address space); less when the RANGES buffer is full, the timeout
 *	has expired or the call failed: then everything below has been reported, and
 *	nothing from here on is lost
 * @out_nr_ranges: RANGES: entries of @data that the kernel has filled
 * @timeout_ms: Stop after so many milliseconds, between two windows of at most
 *	64 GiB or during the wait for a device; 0 for no limit
 * @__reserved: Must be 0
 *
 * Report what devices have written since it was last reported, and clear it. The
 * call reports each write that completed before the call began. What it could not
 * deliver (EFAULT, EINTR, ENOMEM, a full buffer, an expired timeout) is
 * reported by the next READ. A page may be reported more than once but is never
 * lost. READs run in parallel. Of READs whose ranges overlap, and of a READ and
 * an UNMAP at the same time, at least one reports each page; if that one ends
 * before it reaches the page, the next READ does. The kernel writes the out fields on
 * failure too, if it can.
 *
 * Errors: ENOENT no such tracker; ENODATA the tracker does not run; EINVAL
 * page_size is no power of two, below the kernel's or less than 1 / 2^18 of that of
 * ALLOC, @iova or @length is not a multiple of it (round @iova down and the end up),
 * length 0, data_len too small, RANGES with COUNT; EOVERFLOW iova + length exceeds 2^64, or
 * the buffer reaches it; EOPNOTSUPP an unknown flag, or __reserved is not 0; EFAULT
 * @data cannot be written, or this struct, and then nothing was cleared; EINTR the caller
 * was killed.
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
 * @IOMMU_DIRTY_TRACKER_UNMAP_CONSERVATIVE: Report everything in the range that was
 *	mapped writable. For devices that may write to it during the call
 * @IOMMU_DIRTY_TRACKER_UNMAP_RANGES: Fill @data with struct iommu_dirty_range
 *	instead of a bitmap
 * @IOMMU_DIRTY_TRACKER_UNMAP_STOP: With RANGES: unmap one mapping after the other, in
 *	ascending order, and stop after the mapping whose ranges fill @data
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
 * @tracker_id: The tracker; the call unmaps from its IOAS
 * @out_flags: Combination of enum iommu_dirty_tracker_out_flags
 * @iova: First byte to unmap, a multiple of @page_size
 * @length: Bytes to unmap, a multiple of @page_size; or U64_MAX, with @iova 0, for
 *	everything. As for IOMMU_IOAS_UNMAP, the range must contain whole mappings only
 * @page_size: As in struct iommu_dirty_tracker_read
 * @data: As in struct iommu_dirty_tracker_read
 * @data_len: As in struct iommu_dirty_tracker_read
 * @out_unmapped: Bytes that were unmapped
 * @out_dirty_bytes: Bytes that this call reports, in whole units of @page_size
 * @out_next_iova: @iova + @length, or less when the RANGES buffer is full
 * @out_nr_ranges: RANGES: entries of @data that the kernel has filled
 *
 * Unmap, and report the dirty pages of the range that were not reported yet. The
 * call reports each write that completed before it began. It may miss a write that
 * races the unmap, since no IOMMU driver can read dirty bits while it unmaps; with
 * CONSERVATIVE it misses none.
 *
 * When the RANGES buffer is full, all of the range is unmapped, and the next UNMAP or
 * READ of it reports the rest of its dirty pages: call again from
 * @out_next_iova before you map something else there. With STOP, everything above the
 * mapping that contains @out_next_iova is still mapped, so that a caller with a small
 * buffer gets everything in order by calling until @out_next_iova is @iova + @length.
 * The call reads the logs of devices once, at the beginning.
 *
 * When the report fails (EFAULT, EINTR, ENOMEM) the range is unmapped (with STOP, in
 * part) and the next READ reports its dirty pages; the kernel writes @out_unmapped
 * then too, if it can.
 *
 * Errors: those of READ, and ENOENT nothing is mapped in the range and nothing is
 * pending there; ERANGE a mapping extends beyond the range, and nothing was
 * unmapped; EFAULT also this struct cannot be written, and nothing was unmapped; EINVAL
 * also STOP without RANGES; EBUSY another thread is mapping or unmapping there, and
 * @out_unmapped is what was unmapped before.
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
 * enum iommu_dirty_source_kind - What records the writes of a device
 * @IOMMU_DIRTY_SOURCE_NONE: No source: the HWPT has no device
 * @IOMMU_DIRTY_SOURCE_IOMMU: Dirty bits in the IOMMU's page table
 * @IOMMU_DIRTY_SOURCE_DEVICE: The device's own log
 * @IOMMU_DIRTY_SOURCE_SCOPE: The pages that the device's driver has declared as the
 *	only ones that the device can write
 * @IOMMU_DIRTY_SOURCE_MAPPED: No source: READ reports all that is mapped writable
 * @IOMMU_DIRTY_SOURCE_ACCESS: No DMA: the pages that the device's driver writes with
 *	the CPU, or has pinned for writing
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
 * @IOMMU_DIRTY_SOURCE_OFF: The tracker does not run
 * @IOMMU_DIRTY_SOURCE_ON: The source tracks
 * @IOMMU_DIRTY_SOURCE_FAILED: The source has failed; READ reports all that is mapped
 *	for the device instead
 */
enum iommu_dirty_source_state {
	IOMMU_DIRTY_SOURCE_OFF = 0,
	IOMMU_DIRTY_SOURCE_ON = 1,
	IOMMU_DIRTY_SOURCE_FAILED = 2,
};

/**
 * enum iommu_dirty_source_flags - Properties of a source
 * @IOMMU_DIRTY_SOURCE_GATHER: The IOMMU driver records no bitmap; the tracker reads
 *	its dirty bits through its flush ranges
 * @IOMMU_DIRTY_SOURCE_FINE: No leaf of the HWPT is larger than @granule
 */
enum iommu_dirty_source_flags {
	IOMMU_DIRTY_SOURCE_GATHER = 1 << 0,
	IOMMU_DIRTY_SOURCE_FINE = 1 << 1,
};

/**
 * struct iommu_dirty_source_info - One line of the plan
 * @dev_id: iommufd device ID; 0 for a HWPT without a device
 * @hwpt_id: The HWPT that the device is attached to; 0 for ACCESS
 * @kind: One of enum iommu_dirty_source_kind
 * @state: One of enum iommu_dirty_source_state
 * @flags: Combination of enum iommu_dirty_source_flags
 * @pasid: The PASID with which the device is attached, or 0: it is attached without one, or
 *	there is no device. Always 0 on kernels that cannot attach a PASID
 * @granule: Finest unit that the source can report, in bytes
 * @largest: Largest unit that it has reported so far, in bytes; 0 if none
 * @dirty_bytes: Total of the bytes that it has reported since START; a page counts
 *	each time it is reported
 * @harvests: Number of harvests since START
 * @harvest_ns: Total duration of these harvests, in nanoseconds
 * @failures: Number of failures since START
 * @platform: Kind of IOMMU, one of the names in Documentation/uapi.rst; NUL-terminated
 * @first: First byte (IOVA) that the source covers
 * @last: Last byte, inclusive. READ reports everything that is mapped outside of
 *	[@first, @last]
 *
 * The devices of a HWPT whose source is the IOMMU share its counters.
 *
 * A device has a line for each PASID with which it is attached, and one if it is attached without.
 * Its own log has only what it writes without PASID, so the source of a PASID is IOMMU or MAPPED.
 */
struct iommu_dirty_source_info {
	__u32 dev_id;
	__u32 hwpt_id;
	__u32 kind;
	__u32 state;
	__u32 flags;
	__u32 pasid;
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
 *	for each device or PASID attached to the IOAS, with DMA or without, and one for
 *	each HWPT without a device. May be 0 if @nr_sources is 0
 * @source_size: sizeof(struct iommu_dirty_source_info) of the caller: the
 *	stride of the array. The kernel fills the part that both sides know
 * @nr_sources: In: entries that @sources has room for. Out: entries that exist;
 *	if these are more, the kernel has left out the rest
 * @out_page_size: Finest unit, in bytes, in which dirty pages are reported
 * @out_pending_bytes: Bytes known to be dirty and not yet delivered
 * @out_memory: Kernel memory that the tracker holds for them, in bytes
 *
 * Report the plan: the source of each device, and its counters. While no tracker
 * runs (state OFF) it is the plan that START would make; a device may still refuse
 * to log then.
 *
 * Errors: ENOENT no such tracker or IOAS; EOPNOTSUPP an unknown flag; EINVAL
 * source_size is less than the first eight bytes of an entry or more than a page;
 * EFAULT @sources cannot be written; ENOMEM; EINTR the caller was killed.
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
