/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Generic netlink family "iommufd_dirty": the dirty trackers of this host, the objects
 * and processes that they belong to, and events of them. iommufd_dirty_netlink.yaml
 * describes the same in the form of Documentation/netlink; "make check" compares the two.
 *
 * Requests and the multicast group need CAP_NET_ADMIN in the initial user namespace;
 * the family is in the initial network namespace only.
 *
 * Numbers of type "uint" have 4 or 8 bytes, as small as the value allows.
 */
#ifndef _UAPI_IOMMUFD_DIRTY_NETLINK_H
#define _UAPI_IOMMUFD_DIRTY_NETLINK_H

#define IOMMUFD_DIRTY_FAMILY_NAME	"iommufd_dirty"
#define IOMMUFD_DIRTY_FAMILY_VERSION	1

#define IOMMUFD_DIRTY_MCGRP_EVENTS	"events"

/**
 * enum iommufd_dirty_hwpt_type - Type of a HWPT
 * @IOMMUFD_DIRTY_HWPT_TYPE_PAGING: Its page table is made from the mappings of an IOAS
 * @IOMMUFD_DIRTY_HWPT_TYPE_NESTED: Its page table is the guest's, on top of another HWPT
 */
enum iommufd_dirty_hwpt_type {
	IOMMUFD_DIRTY_HWPT_TYPE_PAGING = 1,
	IOMMUFD_DIRTY_HWPT_TYPE_NESTED,
};

/**
 * enum iommufd_dirty_log_owner - Owner of a device's own log
 * @IOMMUFD_DIRTY_LOG_OWNER_FREE: No owner
 * @IOMMUFD_DIRTY_LOG_OWNER_USER: The device's user, by VFIO_DEVICE_FEATURE_DMA_LOGGING_*
 * @IOMMUFD_DIRTY_LOG_OWNER_TRACKER: A tracker
 * @IOMMUFD_DIRTY_LOG_OWNER_ENDING: A tracker has released the log, and the device's
 *	driver is about to stop it
 */
enum iommufd_dirty_log_owner {
	IOMMUFD_DIRTY_LOG_OWNER_FREE = 1,
	IOMMUFD_DIRTY_LOG_OWNER_USER,
	IOMMUFD_DIRTY_LOG_OWNER_TRACKER,
	IOMMUFD_DIRTY_LOG_OWNER_ENDING,
};

/**
 * enum iommufd_dirty_event_type - What has happened
 * @IOMMUFD_DIRTY_EVENT_TYPE_CREATED: A tracker was allocated
 * @IOMMUFD_DIRTY_EVENT_TYPE_STARTED: A tracker was started
 * @IOMMUFD_DIRTY_EVENT_TYPE_STOPPED: A tracker was stopped
 * @IOMMUFD_DIRTY_EVENT_TYPE_DESTROYED: A tracker was destroyed
 * @IOMMUFD_DIRTY_EVENT_TYPE_PLAN: The source of a device of a running tracker has changed;
 *	a device that was detached has no source from now on
 * @IOMMUFD_DIRTY_EVENT_TYPE_FLAGS: The out flags of a running tracker have changed: it
 *	has become degraded, conservative or coarse, or is so no longer
 * @IOMMUFD_DIRTY_EVENT_TYPE_READ: A tracker was read. One event has the sum of the READs
 *	that follow within 100 ms
 * @IOMMUFD_DIRTY_EVENT_TYPE_MIGRATION: The migration state of a device has changed
 */
enum iommufd_dirty_event_type {
	IOMMUFD_DIRTY_EVENT_TYPE_CREATED = 1,
	IOMMUFD_DIRTY_EVENT_TYPE_STARTED,
	IOMMUFD_DIRTY_EVENT_TYPE_STOPPED,
	IOMMUFD_DIRTY_EVENT_TYPE_DESTROYED,
	IOMMUFD_DIRTY_EVENT_TYPE_PLAN,
	IOMMUFD_DIRTY_EVENT_TYPE_FLAGS,
	IOMMUFD_DIRTY_EVENT_TYPE_READ,
	IOMMUFD_DIRTY_EVENT_TYPE_MIGRATION,
};

/**
 * enum iommufd_dirty_attr - Attributes of requests, answers and events
 * @IOMMUFD_DIRTY_A_CONTEXT: uint; number of a context (an open /dev/iommu), unique
 *	since the module was loaded. With an ID of the next five it names an object
 * @IOMMUFD_DIRTY_A_IOAS: u32; ID of an IOAS
 * @IOMMUFD_DIRTY_A_HWPT: u32; ID of a HWPT
 * @IOMMUFD_DIRTY_A_DEVICE: u32; ID of a device
 * @IOMMUFD_DIRTY_A_TRACKER: u32; ID of a tracker; 0 if it has none: the tracker of
 *	VFIO_IOMMU_DIRTY_PAGES, or that of a HWPT, which TRACKER_HWPT names
 * @IOMMUFD_DIRTY_A_PARENT: u32; ID of the HWPT below a nested one
 * @IOMMUFD_DIRTY_A_BUSY: flag; the object's user is changing it, or the kernel waits for
 *	the user or a device; the answer leaves out what it could not read without waiting
 * @IOMMUFD_DIRTY_A_PID: u32; process that opened the context, as the initial PID
 *	namespace numbers it
 * @IOMMUFD_DIRTY_A_COMM: string; its name at that time
 * @IOMMUFD_DIRTY_A_PINNED: uint; bytes of memory that are pinned, each page once
 * @IOMMUFD_DIRTY_A_AREAS: uint; mappings
 * @IOMMUFD_DIRTY_A_MAPPED: uint; bytes of IOVA that are mapped
 * @IOMMUFD_DIRTY_A_SMALL_LEAVES: u32; 1 if new HWPTs of the IOAS get leaves of one
 *	page, or if the HWPT has only such leaves; as a policy: the value for new IOASes
 * @IOMMUFD_DIRTY_A_HWPT_TYPE: u32; enum iommufd_dirty_hwpt_type
 * @IOMMUFD_DIRTY_A_LEAF_SIZES: uint; bitmap of the sizes of leaves, in bytes
 * @IOMMUFD_DIRTY_A_CAN_TRACK: flag; the HWPT has dirty bits that can be read
 * @IOMMUFD_DIRTY_A_AUTOMATIC: flag; iommufd allocated the HWPT when a device was attached
 *	to the IOAS
 * @IOMMUFD_DIRTY_A_PLATFORM: string; kind of IOMMU, "none" if it cannot be tracked
 * @IOMMUFD_DIRTY_A_NAME: string; name of the device on its bus, for PCI its address
 * @IOMMUFD_DIRTY_A_GROUP: u32; number of its IOMMU group
 * @IOMMUFD_DIRTY_A_LOG_OWNER: u32; enum iommufd_dirty_log_owner; left out if the
 *	device has no log
 * @IOMMUFD_DIRTY_A_MIGRATION: u32; enum vfio_device_mig_state; left out until it
 *	has been set, or the device was reset
 * @IOMMUFD_DIRTY_A_POLICY: u32; enum iommu_dirty_policy of a tracker, or of this host;
 *	of a device if it has its own policy
 * @IOMMUFD_DIRTY_A_FLAGS: u32; enum iommu_dirty_tracker_alloc_flags
 * @IOMMUFD_DIRTY_A_OUT_FLAGS: u32; enum iommu_dirty_tracker_out_flags
 * @IOMMUFD_DIRTY_A_OLD_FLAGS: u32; in events: OUT_FLAGS before the event
 * @IOMMUFD_DIRTY_A_PAGE_SIZE: uint; unit of the tracker, in bytes
 * @IOMMUFD_DIRTY_A_PENDING: uint; bytes that are dirty and not delivered
 * @IOMMUFD_DIRTY_A_MEMORY: uint; bytes of kernel memory that hold them
 * @IOMMUFD_DIRTY_A_KIND: u32; enum iommu_dirty_source_kind
 * @IOMMUFD_DIRTY_A_OLD_KIND: u32; in events: KIND before the event
 * @IOMMUFD_DIRTY_A_STATE: u32; enum iommu_dirty_source_state
 * @IOMMUFD_DIRTY_A_SOURCE_FLAGS: u32; enum iommu_dirty_source_flags
 * @IOMMUFD_DIRTY_A_GRANULE: uint; finest unit that the source reports, in bytes
 * @IOMMUFD_DIRTY_A_LARGEST: uint; largest unit that it has reported, in bytes
 * @IOMMUFD_DIRTY_A_FIRST: uint; first byte (IOVA) that it covers
 * @IOMMUFD_DIRTY_A_LAST: uint; last byte, inclusive
 * @IOMMUFD_DIRTY_A_DIRTY_BYTES: uint; total of the bytes that the source has reported
 *	since START. In events: bytes that READs have delivered
 * @IOMMUFD_DIRTY_A_HARVESTS: uint; number of harvests since START
 * @IOMMUFD_DIRTY_A_HARVEST_NS: uint; total duration of these harvests, in nanoseconds
 * @IOMMUFD_DIRTY_A_FAILURES: uint; number of failures since START
 * @IOMMUFD_DIRTY_A_EVENT: u32; enum iommufd_dirty_event_type
 * @IOMMUFD_DIRTY_A_EVENT_SEQ: uint; number of the event. A listener that misses a number
 *	has lost that event
 * @IOMMUFD_DIRTY_A_TIME_NS: uint; when it happened, CLOCK_REALTIME in nanoseconds
 * @IOMMUFD_DIRTY_A_READS: uint; in events: number of READs that the event sums up
 * @IOMMUFD_DIRTY_A_DURATION_NS: uint; total duration of these READs, in nanoseconds
 * @IOMMUFD_DIRTY_A_OLD_MIGRATION: u32; in events: MIGRATION before the event, if known
 * @IOMMUFD_DIRTY_A_SERVE_HWPT_IOCTLS: u32; as a policy: 1 if the tracker's harvest
 *	answers IOMMU_HWPT_GET_DIRTY_BITMAP
 * @IOMMUFD_DIRTY_A_TRACKER_HWPT: u32; ID of the HWPT for which
 *	IOMMU_HWPT_SET_DIRTY_TRACKING has made the tracker. In requests it replaces TRACKER
 * @IOMMUFD_DIRTY_A_PASID: u32; with which PASID the device is attached; left out without one
 * @__IOMMUFD_DIRTY_A_MAX: No attribute
 * @IOMMUFD_DIRTY_A_MAX: The last one
 */
enum iommufd_dirty_attr {
	IOMMUFD_DIRTY_A_CONTEXT = 1,
	IOMMUFD_DIRTY_A_IOAS,
	IOMMUFD_DIRTY_A_HWPT,
	IOMMUFD_DIRTY_A_DEVICE,
	IOMMUFD_DIRTY_A_TRACKER,
	IOMMUFD_DIRTY_A_PARENT,
	IOMMUFD_DIRTY_A_BUSY,
	IOMMUFD_DIRTY_A_PID,
	IOMMUFD_DIRTY_A_COMM,
	IOMMUFD_DIRTY_A_PINNED,
	IOMMUFD_DIRTY_A_AREAS,
	IOMMUFD_DIRTY_A_MAPPED,
	IOMMUFD_DIRTY_A_SMALL_LEAVES,
	IOMMUFD_DIRTY_A_HWPT_TYPE,
	IOMMUFD_DIRTY_A_LEAF_SIZES,
	IOMMUFD_DIRTY_A_CAN_TRACK,
	IOMMUFD_DIRTY_A_AUTOMATIC,
	IOMMUFD_DIRTY_A_PLATFORM,
	IOMMUFD_DIRTY_A_NAME,
	IOMMUFD_DIRTY_A_GROUP,
	IOMMUFD_DIRTY_A_LOG_OWNER,
	IOMMUFD_DIRTY_A_MIGRATION,
	IOMMUFD_DIRTY_A_POLICY,
	IOMMUFD_DIRTY_A_FLAGS,
	IOMMUFD_DIRTY_A_OUT_FLAGS,
	IOMMUFD_DIRTY_A_OLD_FLAGS,
	IOMMUFD_DIRTY_A_PAGE_SIZE,
	IOMMUFD_DIRTY_A_PENDING,
	IOMMUFD_DIRTY_A_MEMORY,
	IOMMUFD_DIRTY_A_KIND,
	IOMMUFD_DIRTY_A_OLD_KIND,
	IOMMUFD_DIRTY_A_STATE,
	IOMMUFD_DIRTY_A_SOURCE_FLAGS,
	IOMMUFD_DIRTY_A_GRANULE,
	IOMMUFD_DIRTY_A_LARGEST,
	IOMMUFD_DIRTY_A_FIRST,
	IOMMUFD_DIRTY_A_LAST,
	IOMMUFD_DIRTY_A_DIRTY_BYTES,
	IOMMUFD_DIRTY_A_HARVESTS,
	IOMMUFD_DIRTY_A_HARVEST_NS,
	IOMMUFD_DIRTY_A_FAILURES,
	IOMMUFD_DIRTY_A_EVENT,
	IOMMUFD_DIRTY_A_EVENT_SEQ,
	IOMMUFD_DIRTY_A_TIME_NS,
	IOMMUFD_DIRTY_A_READS,
	IOMMUFD_DIRTY_A_DURATION_NS,
	IOMMUFD_DIRTY_A_OLD_MIGRATION,
	IOMMUFD_DIRTY_A_SERVE_HWPT_IOCTLS,
	IOMMUFD_DIRTY_A_TRACKER_HWPT,
	IOMMUFD_DIRTY_A_PASID,

	__IOMMUFD_DIRTY_A_MAX,
	IOMMUFD_DIRTY_A_MAX = (__IOMMUFD_DIRTY_A_MAX - 1)
};

/**
 * enum iommufd_dirty_cmd - Requests and events
 * @IOMMUFD_DIRTY_CMD_CONTEXT_GET: Contexts. This one and the next five: the object
 *	that CONTEXT and its ID name, or, as a dump, all, or those of CONTEXT
 * @IOMMUFD_DIRTY_CMD_IOAS_GET: IOASes
 * @IOMMUFD_DIRTY_CMD_HWPT_GET: HWPTs
 * @IOMMUFD_DIRTY_CMD_DEVICE_GET: Devices, with DMA or without
 * @IOMMUFD_DIRTY_CMD_TRACKER_GET: Trackers
 * @IOMMUFD_DIRTY_CMD_SOURCE_GET: Sources of trackers, as struct
 *	iommu_dirty_source_info, without waiting. Only as a dump: of all trackers, or of
 *	the one that CONTEXT and TRACKER or TRACKER_HWPT name
 * @IOMMUFD_DIRTY_CMD_POLICY_GET: Policies of this host
 * @IOMMUFD_DIRTY_CMD_POLICY_SET: Change the policies that the request contains
 * @IOMMUFD_DIRTY_CMD_EVENT: Sent to the multicast group
 * @__IOMMUFD_DIRTY_CMD_MAX: No request
 * @IOMMUFD_DIRTY_CMD_MAX: The last one
 *
 * Errors: EPERM no CAP_NET_ADMIN; EINVAL an attribute is missing, malformed or
 * unknown; ENOENT no such object; ERANGE a policy's value is out of range.
 */
enum iommufd_dirty_cmd {
	IOMMUFD_DIRTY_CMD_CONTEXT_GET = 1,
	IOMMUFD_DIRTY_CMD_IOAS_GET,
	IOMMUFD_DIRTY_CMD_HWPT_GET,
	IOMMUFD_DIRTY_CMD_DEVICE_GET,
	IOMMUFD_DIRTY_CMD_TRACKER_GET,
	IOMMUFD_DIRTY_CMD_SOURCE_GET,
	IOMMUFD_DIRTY_CMD_POLICY_GET,
	IOMMUFD_DIRTY_CMD_POLICY_SET,
	IOMMUFD_DIRTY_CMD_EVENT,

	__IOMMUFD_DIRTY_CMD_MAX,
	IOMMUFD_DIRTY_CMD_MAX = (__IOMMUFD_DIRTY_CMD_MAX - 1)
};

#endif
