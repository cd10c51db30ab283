// SPDX-License-Identifier: GPL-2.0-only
/*
 * Thin wrappers of the ioctls on /dev/iommu. They fill in the sizes and turn
 * errno into a return value; what a combination of arguments means is left to
 * the kernel, so that a test can pass a wrong one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "iommufd.h"

/* Of 7.x: newer than the oldest headers that this is compiled with */
#define IOAS_MAP_FILE		_IO(IOMMUFD_TYPE, 0x8f)
#define IOAS_CHANGE_PROCESS	_IO(IOMMUFD_TYPE, 0x92)

struct ioas_map_file {
	__u32 size;
	__u32 flags;
	__u32 ioas_id;
	__s32 fd;
	__aligned_u64 start;
	__aligned_u64 length;
	__aligned_u64 iova;
};

struct ioas_change_process {
	__u32 size;
	__u32 reserved;
};

static int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

/**
 * iommufd_open() - Open /dev/iommu
 *
 * Return: A file descriptor that the caller closes, or -errno; ENOENT and
 * ENODEV mean that iommufd is not loaded.
 */
int iommufd_open(void)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/**
 * iommufd_destroy() - Destroy any object
 * @fd: iommufd
 * @id: The object
 *
 * Return: 0, or -errno.
 */
int iommufd_destroy(int fd, __u32 id)
{
	struct iommu_destroy cmd = { .size = sizeof(cmd), .id = id };

	return call(fd, IOMMU_DESTROY, &cmd);
}

/**
 * iommufd_ioas_alloc() - Make an IOAS
 * @fd: iommufd
 * @out_ioas_id: The new IOAS
 *
 * Return: 0, or -errno.
 */
int iommufd_ioas_alloc(int fd, __u32 *out_ioas_id)
{
	struct iommu_ioas_alloc cmd = { .size = sizeof(cmd) };
	int rc = call(fd, IOMMU_IOAS_ALLOC, &cmd);

	if (!rc && out_ioas_id)
		*out_ioas_id = cmd.out_ioas_id;
	return rc;
}

/**
 * iommufd_ioas_map() - Map memory of this process at an IOVA of the caller's
 *	choice
 * @fd: iommufd
 * @ioas_id: IOAS to map into
 * @va: First byte of the memory
 * @length: Bytes
 * @iova: First IOVA
 * @flags: IOMMU_IOAS_MAP_READABLE and IOMMU_IOAS_MAP_WRITEABLE, or
 *	IOMMUFD_MAP_RW for both
 *
 * Return: 0, or -errno.
 */
int iommufd_ioas_map(int fd, __u32 ioas_id, void *va, __u64 length, __u64 iova,
		     __u32 flags)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = flags | IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = ioas_id,
		.user_va = (uintptr_t)va,
		.length = length,
		.iova = iova,
	};

	return call(fd, IOMMU_IOAS_MAP, &cmd);
}

/**
 * iommufd_ioas_map_file() - Map a file, from its first byte on, at an IOVA of the caller's
 *	choice
 * @fd: iommufd
 * @ioas_id: IOAS to map into
 * @file: A memfd or dma-buf
 * @length: Bytes
 * @iova: First IOVA
 * @flags: As for iommufd_ioas_map()
 *
 * Return: 0, or -errno; ENOTTY before 7.x.
 */
int iommufd_ioas_map_file(int fd, __u32 ioas_id, int file, __u64 length, __u64 iova,
			  __u32 flags)
{
	struct ioas_map_file cmd = {
		.size = sizeof(cmd),
		.flags = flags | IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = ioas_id,
		.fd = file,
		.length = length,
		.iova = iova,
	};

	return call(fd, IOAS_MAP_FILE, &cmd);
}

/**
 * iommufd_change_process() - Have all mappings, which are of files, count as this process's
 * @fd: iommufd
 *
 * Return: 0, or -errno; ENOTTY before 7.x.
 */
int iommufd_change_process(int fd)
{
	struct ioas_change_process cmd = { .size = sizeof(cmd) };

	return call(fd, IOAS_CHANGE_PROCESS, &cmd);
}

/**
 * iommufd_ioas_unmap() - Unmap whole mappings
 * @fd: iommufd
 * @ioas_id: IOAS to unmap from
 * @iova: First IOVA; with @length UINT64_MAX and 0 here, everything
 * @length: Bytes
 * @out_unmapped: Bytes that were mapped and are not any more
 *
 * Return: 0, or -errno.
 */
int iommufd_ioas_unmap(int fd, __u32 ioas_id, __u64 iova, __u64 length,
		       __u64 *out_unmapped)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas_id,
		.iova = iova,
		.length = length,
	};
	int rc = call(fd, IOMMU_IOAS_UNMAP, &cmd);

	if (!rc && out_unmapped)
		*out_unmapped = cmd.length;
	return rc;
}

/**
 * iommufd_ioas_copy() - Map in one IOAS what is mapped in another (or the same)
 * @fd: iommufd
 * @dst_ioas_id: IOAS to map into
 * @src_ioas_id: IOAS that has the mapping
 * @dst_iova: First IOVA of the new mapping
 * @src_iova: First IOVA of the old one
 * @length: Bytes of the old one, all of it
 * @flags: As for iommufd_ioas_map()
 *
 * Return: 0, or -errno.
 */
int iommufd_ioas_copy(int fd, __u32 dst_ioas_id, __u32 src_ioas_id,
		      __u64 dst_iova, __u64 src_iova, __u64 length,
		      __u32 flags)
{
	struct iommu_ioas_copy cmd = {
		.size = sizeof(cmd),
		.flags = flags | IOMMU_IOAS_MAP_FIXED_IOVA,
		.dst_ioas_id = dst_ioas_id,
		.src_ioas_id = src_ioas_id,
		.length = length,
		.dst_iova = dst_iova,
		.src_iova = src_iova,
	};

	return call(fd, IOMMU_IOAS_COPY, &cmd);
}

/**
 * iommufd_ioas_huge_pages() - Allow or forbid leaves larger than a page
 * @fd: iommufd
 * @ioas_id: An IOAS without mappings
 * @enable: False for leaves of PAGE_SIZE only
 *
 * Return: 0, or -errno.
 */
int iommufd_ioas_huge_pages(int fd, __u32 ioas_id, bool enable)
{
	struct iommu_option cmd = {
		.size = sizeof(cmd),
		.option_id = IOMMU_OPTION_HUGE_PAGES,
		.op = IOMMU_OPTION_OP_SET,
		.object_id = ioas_id,
		.val64 = enable,
	};

	return call(fd, IOMMU_OPTION, &cmd);
}

/**
 * iommufd_ioas_small_leaves() - Give HWPTs made from now on leaves of one page, or not
 * @fd: iommufd
 * @ioas_id: The IOAS
 * @enable: True for leaves of one page
 *
 * Return: 0, or -errno.
 */
int iommufd_ioas_small_leaves(int fd, __u32 ioas_id, bool enable)
{
	struct iommu_option cmd = {
		.size = sizeof(cmd),
		.option_id = IOMMU_OPTION_DIRTY_SMALL_LEAVES,
		.op = IOMMU_OPTION_OP_SET,
		.object_id = ioas_id,
		.val64 = enable,
	};

	return call(fd, IOMMU_OPTION, &cmd);
}

/**
 * iommufd_hwpt_alloc() - Make an HWPT of an IOAS
 * @fd: iommufd
 * @dev_id: Device that it is for
 * @pt_id: The IOAS
 * @flags: Combination of enum iommufd_hwpt_alloc_flags
 * @out_hwpt_id: The new HWPT
 *
 * Return: 0, or -errno.
 */
int iommufd_hwpt_alloc(int fd, __u32 dev_id, __u32 pt_id, __u32 flags,
		       __u32 *out_hwpt_id)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = dev_id,
		.pt_id = pt_id,
		.data_type = IOMMU_HWPT_DATA_NONE,
	};
	int rc = call(fd, IOMMU_HWPT_ALLOC, &cmd);

	if (!rc && out_hwpt_id)
		*out_hwpt_id = cmd.out_hwpt_id;
	return rc;
}

/**
 * iommufd_hwpt_nested_alloc() - Make a nested HWPT
 * @fd: iommufd
 * @dev_id: Device that it is for
 * @parent_id: An HWPT that was made to be a parent
 * @data_type: What the IOMMU's driver calls the kind of @data
 * @data: The stage 1
 * @len: Bytes of it
 * @out_hwpt_id: The new HWPT
 *
 * Return: 0, or -errno.
 */
int iommufd_hwpt_nested_alloc(int fd, __u32 dev_id, __u32 parent_id,
			      __u32 data_type, const void *data, __u32 len,
			      __u32 *out_hwpt_id)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.dev_id = dev_id,
		.pt_id = parent_id,
		.data_type = data_type,
		.data_len = len,
		.data_uptr = (uintptr_t)data,
	};
	int rc = call(fd, IOMMU_HWPT_ALLOC, &cmd);

	if (!rc && out_hwpt_id)
		*out_hwpt_id = cmd.out_hwpt_id;
	return rc;
}

/**
 * iommufd_hwpt_set_dirty() - Upstream's per-HWPT dirty tracking, on or off
 * @fd: iommufd
 * @hwpt_id: The HWPT
 * @enable: On or off
 *
 * Return: 0, or -errno.
 */
int iommufd_hwpt_set_dirty(int fd, __u32 hwpt_id, bool enable)
{
	struct iommu_hwpt_set_dirty_tracking cmd = {
		.size = sizeof(cmd),
		.flags = enable ? IOMMU_HWPT_DIRTY_TRACKING_ENABLE : 0,
		.hwpt_id = hwpt_id,
	};

	return call(fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &cmd);
}

/**
 * iommufd_hwpt_get_dirty() - Upstream's per-HWPT dirty bitmap
 * @fd: iommufd
 * @hwpt_id: The HWPT
 * @iova: First IOVA
 * @length: Bytes
 * @page_size: Bytes per bit
 * @bitmap: One bit for every @page_size bytes of @length
 * @flags: Combination of enum iommufd_hwpt_get_dirty_bitmap_flags
 *
 * Return: 0, or -errno.
 */
int iommufd_hwpt_get_dirty(int fd, __u32 hwpt_id, __u64 iova, __u64 length,
			   __u64 page_size, void *bitmap, __u32 flags)
{
	struct iommu_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd),
		.hwpt_id = hwpt_id,
		.flags = flags,
		.iova = iova,
		.length = length,
		.page_size = page_size,
		.data = (uintptr_t)bitmap,
	};

	return call(fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd);
}

/**
 * tracker_alloc() - Make the dirty tracker of an IOAS
 * @fd: iommufd
 * @ioas_id: IOAS to track
 * @policy: One of enum iommu_dirty_policy
 * @flags: Combination of enum iommu_dirty_tracker_alloc_flags
 * @page_size: Finest unit to keep, in bytes, or 0
 * @out_tracker_id: The new tracker
 *
 * Return: 0 or -errno; ENOTTY means that the iommufd that is loaded has no
 * dirty tracker.
 */
int tracker_alloc(int fd, __u32 ioas_id, __u32 policy, __u32 flags,
		  __u64 page_size, __u32 *out_tracker_id)
{
	struct iommu_dirty_tracker_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.ioas_id = ioas_id,
		.policy = policy,
		.page_size = page_size,
	};
	int rc = call(fd, IOMMU_DIRTY_TRACKER_ALLOC, &cmd);

	if (!rc && out_tracker_id)
		*out_tracker_id = cmd.out_tracker_id;
	return rc;
}

/**
 * tracker_set() - Start or stop
 * @fd: iommufd
 * @tracker_id: The tracker
 * @flags: Combination of enum iommu_dirty_tracker_set_flags
 * @out_page_size: Finest unit in which dirty pages are reported, in bytes
 * @out_flags: Combination of enum iommu_dirty_tracker_out_flags
 *
 * Return: 0, or -errno.
 */
int tracker_set(int fd, __u32 tracker_id, __u32 flags, __u64 *out_page_size,
		__u32 *out_flags)
{
	struct iommu_dirty_tracker_set cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.tracker_id = tracker_id,
	};
	int rc = call(fd, IOMMU_DIRTY_TRACKER_SET, &cmd);

	if (rc)
		return rc;
	if (out_page_size)
		*out_page_size = cmd.out_page_size;
	if (out_flags)
		*out_flags = cmd.out_flags;
	return 0;
}

/**
 * tracker_set_policy() - Change the policy of a tracker or of a device
 * @fd: iommufd
 * @tracker_id: The tracker
 * @flags: As for tracker_set()
 * @policy: One of enum iommu_dirty_policy
 * @dev_id: The device, or 0
 *
 * Return: 0, or -errno.
 */
int tracker_set_policy(int fd, __u32 tracker_id, __u32 flags, __u32 policy,
		       __u32 dev_id)
{
	struct iommu_dirty_tracker_set cmd = {
		.size = sizeof(cmd),
		.flags = flags | IOMMU_DIRTY_TRACKER_POLICY,
		.tracker_id = tracker_id,
		.policy = policy,
		.dev_id = dev_id,
	};

	return call(fd, IOMMU_DIRTY_TRACKER_SET, &cmd);
}

/**
 * tracker_read() - READ with every field in the caller's hand
 * @fd: iommufd
 * @cmd: In and out; only its size is filled in here
 *
 * The kernel writes the out fields on failure too, where it can.
 *
 * Return: 0, or -errno.
 */
int tracker_read(int fd, struct iommu_dirty_tracker_read *cmd)
{
	cmd->size = sizeof(*cmd);
	return call(fd, IOMMU_DIRTY_TRACKER_READ, cmd);
}

static int read_out(int fd, struct iommu_dirty_tracker_read *cmd,
		    struct tracker_read_out *out)
{
	int rc;

	cmd->out_next_iova = cmd->iova;
	rc = tracker_read(fd, cmd);
	if (out) {
		out->dirty_bytes = cmd->out_dirty_bytes;
		out->next_iova = cmd->out_next_iova;
		out->flags = cmd->out_flags;
	}
	return rc;
}

/**
 * tracker_read_bitmap() - READ into a bitmap
 * @fd: iommufd
 * @tracker_id: The tracker
 * @iova: First IOVA
 * @length: Bytes
 * @page_size: Bytes per bit
 * @bitmap: One 64-bit word for every 64 bits begun; bits are ORed in
 * @flags: IOMMU_DIRTY_TRACKER_READ_NO_CLEAR or 0
 * @out: May be NULL; filled on failure too
 *
 * Return: 0, or -errno.
 */
int tracker_read_bitmap(int fd, __u32 tracker_id, __u64 iova, __u64 length,
			__u64 page_size, __u64 *bitmap, __u32 flags,
			struct tracker_read_out *out)
{
	__u64 bits = page_size ? length / page_size : 0;
	struct iommu_dirty_tracker_read cmd = {
		.flags = flags,
		.tracker_id = tracker_id,
		.iova = iova,
		.length = length,
		.page_size = page_size,
		.data = (uintptr_t)bitmap,
		.data_len = (bits / 64 + !!(bits % 64)) * sizeof(*bitmap),
	};

	return read_out(fd, &cmd, out);
}

/**
 * tracker_read_ranges() - READ as ranges
 * @fd: iommufd
 * @tracker_id: The tracker
 * @iova: First IOVA
 * @length: Bytes
 * @page_size: Unit of the ranges, in bytes
 * @ranges: Array to fill
 * @nr_ranges: Its entries, at least one
 * @flags: IOMMU_DIRTY_TRACKER_READ_NO_CLEAR or 0
 * @out: May be NULL; filled on failure too
 *
 * Return: The number of ranges filled in, or -errno.
 */
int tracker_read_ranges(int fd, __u32 tracker_id, __u64 iova, __u64 length,
			__u64 page_size, struct iommu_dirty_range *ranges,
			unsigned int nr_ranges, __u32 flags,
			struct tracker_read_out *out)
{
	struct iommu_dirty_tracker_read cmd = {
		.flags = flags | IOMMU_DIRTY_TRACKER_READ_RANGES,
		.tracker_id = tracker_id,
		.iova = iova,
		.length = length,
		.page_size = page_size,
		.data = (uintptr_t)ranges,
		.data_len = (__u64)nr_ranges * sizeof(*ranges),
	};
	int rc = read_out(fd, &cmd, out);

	return rc ? rc : (int)cmd.out_nr_ranges;
}

/**
 * tracker_unmap() - UNMAP with every field in the caller's hand
 * @fd: iommufd
 * @cmd: In and out; only its size is filled in here
 *
 * Return: 0, or -errno.
 */
int tracker_unmap(int fd, struct iommu_dirty_tracker_unmap *cmd)
{
	cmd->size = sizeof(*cmd);
	return call(fd, IOMMU_DIRTY_TRACKER_UNMAP, cmd);
}

/**
 * tracker_count() - Count what a READ would report; nothing is cleared
 * @fd: iommufd
 * @tracker_id: The tracker
 * @iova: First IOVA
 * @length: Bytes
 * @page_size: Unit of the count, in bytes
 * @out: May be NULL; filled on failure too
 *
 * Return: 0, or -errno.
 */
int tracker_count(int fd, __u32 tracker_id, __u64 iova, __u64 length,
		  __u64 page_size, struct tracker_read_out *out)
{
	struct iommu_dirty_tracker_read cmd = {
		.flags = IOMMU_DIRTY_TRACKER_READ_COUNT,
		.tracker_id = tracker_id,
		.iova = iova,
		.length = length,
		.page_size = page_size,
	};

	return read_out(fd, &cmd, out);
}

/**
 * tracker_info() - The plan
 * @fd: iommufd
 * @tracker_id: The tracker
 * @out: The kernel's answer; its @nr_sources is how many sources there are,
 *	which may be more than @nr_sources
 * @sources: Array to fill; may be NULL when @nr_sources is 0
 * @nr_sources: Its entries
 *
 * Return: 0, or -errno.
 */
int tracker_info(int fd, __u32 tracker_id, struct iommu_dirty_tracker_info *out,
		 struct iommu_dirty_source_info *sources,
		 unsigned int nr_sources)
{
	*out = (struct iommu_dirty_tracker_info){
		.size = sizeof(*out),
		.tracker_id = tracker_id,
		.sources = (uintptr_t)sources,
		.source_size = sizeof(*sources),
		.nr_sources = nr_sources,
	};
	return call(fd, IOMMU_DIRTY_TRACKER_INFO, out);
}

/**
 * iommufd_source_words() - A source in words
 * @kind: enum iommu_dirty_source_kind
 *
 * Return: The words; NULL for a kind that is not known.
 */
const char *iommufd_source_words(__u64 kind)
{
	switch (kind) {
	case IOMMU_DIRTY_SOURCE_NONE:
		return "not tracked";
	case IOMMU_DIRTY_SOURCE_IOMMU:
		return "IOMMU";
	case IOMMU_DIRTY_SOURCE_DEVICE:
		return "its own page tracker";
	case IOMMU_DIRTY_SOURCE_SCOPE:
		return "the pages that it declared";
	case IOMMU_DIRTY_SOURCE_MAPPED:
		return "no source, so everything mapped writable is reported dirty";
	case IOMMU_DIRTY_SOURCE_ACCESS:
		return "what its driver writes with the CPU";
	}
	return NULL;
}
