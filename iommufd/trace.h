/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints. Sizes are in bytes, addresses are IOVA, "last" is inclusive, times are in
 * nanoseconds. A context has the number that netlink shows, objects have their IDs in it;
 * the tracker of one HWPT, and a legacy one, have 0.
 * Off, each costs a branch that is never taken; values that only a tracepoint needs are
 * computed only when it is on.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM iommufd_dirty

#if !defined(__IOMMUFD_DIRTY_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define __IOMMUFD_DIRTY_TRACE_H

#include <linux/tracepoint.h>

#define show_kind(kind)							\
	__print_symbolic(kind,						\
			 { IOMMU_DIRTY_SOURCE_NONE, "none" },		\
			 { IOMMU_DIRTY_SOURCE_IOMMU, "iommu" },		\
			 { IOMMU_DIRTY_SOURCE_DEVICE, "device" },	\
			 { IOMMU_DIRTY_SOURCE_SCOPE, "scope" },		\
			 { IOMMU_DIRTY_SOURCE_MAPPED, "mapped" },	\
			 { IOMMU_DIRTY_SOURCE_ACCESS, "access" })

/* A READ has ended: what it has delivered; a peek leaves it dirty */
TRACE_EVENT(dirty_read,
	TP_PROTO(u64 context, u32 tracker, u64 first, u64 length, u64 dirty, u64 ns,
		 bool peek, int ret),
	TP_ARGS(context, tracker, first, length, dirty, ns, peek, ret),
	TP_STRUCT__entry(
		__field(u64, context)
		__field(u32, tracker)
		__field(u64, first)
		__field(u64, length)
		__field(u64, dirty)
		__field(u64, ns)
		__field(bool, peek)
		__field(int, ret)
	),
	TP_fast_assign(
		__entry->context = context;
		__entry->tracker = tracker;
		__entry->first = first;
		__entry->length = length;
		__entry->dirty = dirty;
		__entry->ns = ns;
		__entry->peek = peek;
		__entry->ret = ret;
	),
	TP_printk("context=%llu tracker=%u first=%#llx length=%llu dirty=%llu ns=%llu peek=%d ret=%d",
		  __entry->context, __entry->tracker, __entry->first, __entry->length,
		  __entry->dirty, __entry->ns, __entry->peek, __entry->ret)
);

/* A source was harvested: @dev names a device's log, else it is an HWPT */
TRACE_EVENT(dirty_harvest,
	TP_PROTO(const char *dev, u32 hwpt, u64 first, u64 last, u64 dirty, u64 ns,
		 int ret),
	TP_ARGS(dev, hwpt, first, last, dirty, ns, ret),
	TP_STRUCT__entry(
		__string(dev, dev)
		__field(u32, hwpt)
		__field(u64, first)
		__field(u64, last)
		__field(u64, dirty)
		__field(u64, ns)
		__field(int, ret)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->hwpt = hwpt;
		__entry->first = first;
		__entry->last = last;
		__entry->dirty = dirty;
		__entry->ns = ns;
		__entry->ret = ret;
	),
	TP_printk("dev=%s hwpt=%u first=%#llx last=%#llx dirty=%llu ns=%llu ret=%d",
		  __get_str(dev), __entry->hwpt, __entry->first, __entry->last,
		  __entry->dirty, __entry->ns, __entry->ret)
);

/* The IOTLB has forgotten what was dirty: a range, or all */
TRACE_EVENT(dirty_flush,
	TP_PROTO(u32 hwpt, bool all, u64 first, u64 last),
	TP_ARGS(hwpt, all, first, last),
	TP_STRUCT__entry(
		__field(u32, hwpt)
		__field(bool, all)
		__field(u64, first)
		__field(u64, last)
	),
	TP_fast_assign(
		__entry->hwpt = hwpt;
		__entry->all = all;
		__entry->first = first;
		__entry->last = last;
	),
	TP_printk("hwpt=%u all=%d first=%#llx last=%#llx", __entry->hwpt,
		  __entry->all, __entry->first, __entry->last)
);

/* What was harvested has become pending: @memory bytes of bitmaps */
TRACE_EVENT(dirty_publish,
	TP_PROTO(const void *store, u64 memory),
	TP_ARGS(store, memory),
	TP_STRUCT__entry(
		__field(const void *, store)
		__field(u64, memory)
	),
	TP_fast_assign(
		__entry->store = store;
		__entry->memory = memory;
	),
	TP_printk("store=%p memory=%llu", __entry->store, __entry->memory)
);

/* A device has got another source */
TRACE_EVENT(dirty_plan,
	TP_PROTO(u64 context, u32 tracker, const char *dev, u32 pasid, u8 from, u8 to),
	TP_ARGS(context, tracker, dev, pasid, from, to),
	TP_STRUCT__entry(
		__field(u64, context)
		__field(u32, tracker)
		__string(dev, dev)
		__field(u32, pasid)
		__field(u8, from)
		__field(u8, to)
	),
	TP_fast_assign(
		__entry->context = context;
		__entry->tracker = tracker;
		__assign_str(dev);
		__entry->pasid = pasid;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("context=%llu tracker=%u dev=%s pasid=%u from=%s to=%s", __entry->context,
		  __entry->tracker, __get_str(dev), __entry->pasid, show_kind(__entry->from),
		  show_kind(__entry->to))
);

/* A source has failed: @dev names a device's log, else it is an HWPT */
TRACE_EVENT(dirty_degraded,
	TP_PROTO(const char *dev, u32 hwpt, int error),
	TP_ARGS(dev, hwpt, error),
	TP_STRUCT__entry(
		__string(dev, dev)
		__field(u32, hwpt)
		__field(int, error)
	),
	TP_fast_assign(
		__assign_str(dev);
		__entry->hwpt = hwpt;
		__entry->error = error;
	),
	TP_printk("dev=%s hwpt=%u error=%d", __get_str(dev), __entry->hwpt,
		  __entry->error)
);

/* A mapping was harvested before it is unmapped */
TRACE_EVENT(dirty_unmap,
	TP_PROTO(u64 context, u32 tracker, u64 first, u64 last, u64 ns),
	TP_ARGS(context, tracker, first, last, ns),
	TP_STRUCT__entry(
		__field(u64, context)
		__field(u32, tracker)
		__field(u64, first)
		__field(u64, last)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->context = context;
		__entry->tracker = tracker;
		__entry->first = first;
		__entry->last = last;
		__entry->ns = ns;
	),
	TP_printk("context=%llu tracker=%u first=%#llx last=%#llx ns=%llu",
		  __entry->context, __entry->tracker, __entry->first, __entry->last,
		  __entry->ns)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
