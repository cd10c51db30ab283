/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What most tests need: an IOAS with RAM in it, one device, a tracker.
 */
#ifndef _KSELFTEST_FIXTURE_H
#define _KSELFTEST_FIXTURE_H

#include <stdbool.h>
#include <sys/types.h>
#include <linux/types.h>

#include "../lib/iommufd.h"
#include "../lib/sysfs.h"
#include "../lib/vdev.h"

/*
 * kselftest_harness.h gives a test 30 seconds; an emulated machine with a debug
 * kernel may need more. run-tests limits a program as a whole.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 1000

/* Of the kernel that the program is built for */
#define PAGE TEST_PAGE_SIZE
#define HUGE (2ull << 20)
#define IOVA 0x10000000ull
#define RAM_SIZE (8 * HUGE)
#define RAM_PAGES (RAM_SIZE / PAGE)
#define RAM_WORDS (RAM_PAGES / 64)

/**
 * struct testbed - The testbed of a test
 * @fd: /dev/iommu
 * @ioas_id: IOAS, RAM mapped at IOVA
 * @hwpt_id: Of the device
 * @tracker_id: Not started
 * @dev: The device
 * @ram: RAM_SIZE bytes, 2 MiB aligned
 * @bits: Room for one READ of all RAM, zero
 */
struct testbed {
	int fd;
	__u32 ioas_id;
	__u32 hwpt_id;
	__u32 tracker_id;
	struct vdev dev;
	char *ram;
	__u64 bits[RAM_WORDS];
};

int testbed_open_empty(struct testbed *b, bool huge);
int testbed_map(struct testbed *b);
int testbed_open(struct testbed *b, unsigned int device, bool huge);
void testbed_close(struct testbed *b);
int testbed_start(struct testbed *b);
int testbed_write(struct testbed *b, __u64 page, __u64 pages);
struct iommu_dirty_tracker_unmap testbed_unmap_cmd(struct testbed *b);
int testbed_read(struct testbed *b, __u64 page, __u64 pages, __u32 flags,
		 struct tracker_read_out *out);
int testbed_read_ram(struct testbed *b);
bool testbed_bit(const struct testbed *b, __u64 bit);
unsigned int testbed_count(const struct testbed *b);
int testbed_source(struct testbed *b, __u32 dev_id,
		   struct iommu_dirty_source_info *source);
int testbed_kind(struct testbed *b, __u32 dev_id);
int parameter_set(const char *module, const char *name, const char *value);
unsigned long parameter_get(const char *module, const char *name);
int virt_set(const char *name, const char *value);
unsigned long virt_get(const char *name);
int tracker_break(const char *what);
bool iommufd_has_walker(void);
bool device_has_generic_pt(unsigned int device);
long iommu_table_pages(void);
bool tracker_born_dirty(int fd, __u32 tracker_id);
bool waits_in_ioctl(pid_t pid);
double seconds_now(void);
double time_limit(double seconds);

#endif
