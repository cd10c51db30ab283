/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The benchmark of dirty tracking; Documentation/performance.rst says what is
 * measured and how. It runs in the VM, once for each way: upstream's ioctls, and
 * the tracker's.
 */
#ifndef _BENCH_H
#define _BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

#include "../lib/iommufd.h"
#include "../lib/vdev.h"

struct way;

#define PAGE		4096ull
#define KIB		(1ull << 10)
#define MIB		(1ull << 20)
#define GIB		(1ull << 30)
#define TIB		(1ull << 40)
#define LEAF_2M		(2 * MIB)
#define IOVA		(4 * GIB)
#define MAX_DEVICES	64

/* ---- meter.c: what a section costs ---------------------------------------- */

/**
 * struct cost - What sections of the program took
 * @busy_ns: Time for which the processor was busy
 * @wall_ns: Time that went by
 */
struct cost {
	__u64 busy_ns;
	__u64 wall_ns;
};

void meter_init(void);
void meter_native(void);
void meter_begin(void);
void meter_end(struct cost *cost);
int meter_check(double each);

/* ---- row.c: one row of the table ------------------------------------------ */

/**
 * struct row - What was measured
 * @name: Of the row, the same in both ways
 * @cost: Of everything
 * @ops: How often it was done in that
 * @leaves: That had to be visited, each time
 * @dirty: Pages reported, each time
 * @words: Of the bitmap that had to be written, each time
 * @bytes: Held, where the row is about memory
 */
struct row {
	char name[64];
	struct cost cost;
	__u64 ops;
	__u64 leaves;
	__u64 dirty;
	__u64 words;
	__u64 bytes;
};

void row_add(const struct row *row);
void rows_flush(void);
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void must(int rc, const char *what);

/* ---- json.c ---------------------------------------------------------------- */

int json_migration(const char *name, const char *file);

/* ---- native.c: real devices in place of virtual ones ----------------------- */

/**
 * struct native - Devices that the user has given
 * @address: PCI addresses, each bound to a vfio driver
 * @nr: How many; 0: the virtual platform's are used
 * @tracked: The IOMMU of all of them tracks
 * @logs: The first has a log of its own
 * @huge: Memory comes in huge pages
 * @quick: Fewer rows
 */
struct native {
	char **address;
	unsigned int nr;
	bool tracked;
	bool logs;
	bool huge;
	bool quick;
};

extern struct native native;

bool native_no_source(void);
bool native_only_log(void);
void native_init(char **addresses, unsigned int nr);
void native_rows(const struct way *way);

/* ---- scene.c: what is measured -------------------------------------------- */

enum pattern { SEQ, RANDOM };

/**
 * struct scene_plan - What a scene is made of
 * @leaf: Bytes of the IOMMU's leaves, PAGE or LEAF_2M
 * @device: Number of the first device
 * @nr_devices: How many
 * @apart: Each has a domain of its own
 * @untracked: Domains do not track
 * @nr_untracked: With @apart, those of so many devices, the last, do not
 * @logs: The devices have logs, and are to write
 * @writes: The devices are to write
 * @fine: With leaves of 4 KiB whatever @leaf says, where a way can have that
 * @shifted: Memory in 2 MiB that is mapped a page beside its alignment, so that its leaves are
 *	of 4 KiB, and many of them are mapped by one call of the driver
 * @anew: Memory is pinned for each mapping of it, which takes less time than to look up in a
 *	domain where it is; to unmap it takes more
 */
struct scene_plan {
	__u64 leaf;
	unsigned int device;
	unsigned int nr_devices;
	bool apart;
	bool untracked;
	unsigned int nr_untracked;
	bool logs;
	bool writes;
	bool fine;
	bool shifted;
	bool anew;
};

/**
 * struct scene - An address space with devices
 * @plan: What it was made of
 * @fd: /dev/iommu
 * @ioas_id: IOAS
 * @size: Bytes mapped from IOVA on: the same memory, again and again
 * @mem: That memory
 * @dev: Devices
 * @number: What the virtual platform calls them
 * @hwpt_id: Of each domain
 * @nr_hwpts: How many
 * @tracker_id: 0 when there is none
 * @unit: Finest unit that the VMM asks for, in bytes
 * @bitmap: Of the VMM, for all of @size with a bit for each @unit, or page
 * @part: A second one, for what is to be merged into it
 * @bitmap_len: Bytes of each
 */
struct scene {
	struct scene_plan plan;
	int fd;
	__u32 ioas_id;
	__u64 size;
	char *mem;
	struct vdev dev[MAX_DEVICES];
	__u64 number[MAX_DEVICES];
	__u32 hwpt_id[MAX_DEVICES];
	unsigned int nr_hwpts;
	__u32 tracker_id;
	__u64 unit;
	__u64 *bitmap;
	__u64 *part;
	size_t bitmap_len;
};

#define SCENE_MEM (256 * MIB)

__u64 scene_max(void);
void scene_open(struct scene *s, const struct scene_plan *plan);
void scene_grow(struct scene *s, __u64 size);
void scene_make_bitmaps(struct scene *s, __u64 size);
void scene_close(struct scene *s);
void scene_keep(void);
void scene_dirty(struct scene *s, unsigned int device, __u64 iova, __u64 length,
		 __u64 unit, __u64 count, enum pattern pattern);
__u64 scene_count(const struct scene *s, __u64 length);
__u64 scene_expected(const struct scene *s, __u64 dirty, __u64 all);
__u64 scene_far(void);
bool scene_has_huge(void);
int scene_hwpt(struct scene *s, unsigned int device, __u32 *hwpt_id);
void parameter_write(const char *name, const char *value);
__u64 parameter_read(const char *name);

/* Of 10,000 leaves as many as @density are dirty */
static inline __u64 dirty_of(__u64 leaves, unsigned int density)
{
	return leaves / 10000 * density + leaves % 10000 * density / 10000;
}

/* ---- way.c: how a VMM asks ------------------------------------------------- */

/**
 * struct way - One way to track
 * @name: For the table
 * @create: Before the first start
 * @destroy: After the last stop
 * @start: From now on, tell
 * @stop: No more
 * @read: OR what is dirty in [@iova, @iova + @length) into @s->bitmap, whose bit
 *	0 is @iova; @peek leaves it dirty
 */
struct way {
	const char *name;
	void (*create)(struct scene *s);
	void (*destroy)(struct scene *s);
	void (*start)(struct scene *s);
	void (*stop)(struct scene *s);
	void (*read)(struct scene *s, __u64 iova, __u64 length, __u64 page_size,
		     bool peek);
};

extern const struct way upstream, tracker;

/* ---- the rows -------------------------------------------------------------- */

void rows_read(const struct way *way, bool quick);
void rows_formats(const struct way *way, bool quick);
void rows_attach(const struct way *way, bool quick);
void rows_control(const struct way *way, bool quick);
void rows_map(const struct way *way, bool quick);
void rows_memory(const struct way *way, bool quick);
void rows_gather(const struct way *way, bool quick);
void rows_logs(const struct way *way, bool quick);
void rows_over(const struct way *way, bool quick);
void rows_mixed(const struct way *way, bool quick);
void rows_domains(const struct way *way, bool quick);
void rows_parallel(const struct way *way, bool quick);
void rows_large(const struct way *way, bool quick);
void rows_devices(const struct way *way, bool quick);
void rows_mappings(const struct way *way, bool quick);
void rows_latency(const struct way *way, bool quick);

#endif
