// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"

#define WAIT_MS		20000

/**
 * testbed_open_empty() - Make a testbed without a device and a tracker
 * @b: The testbed; closed by testbed_close() also when this fails
 * @huge: RAM and leaves of 2 MiB; without, leaves of 4 KiB
 *
 * RAM is not mapped: see testbed_map().
 *
 * Return: 0, or -errno.
 */
int testbed_open_empty(struct testbed *b, bool huge)
{
	char *ram;
	int rc;

	memset(b, 0, sizeof(*b));
	b->dev.fd = -1;
	b->fd = iommufd_open();
	if (b->fd < 0)
		return b->fd;
	ram = mmap(NULL, RAM_SIZE + HUGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (ram == MAP_FAILED)
		return -errno;
	b->ram = (char *)(((uintptr_t)ram + HUGE - 1) & ~(HUGE - 1));
	madvise(b->ram, RAM_SIZE, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	memset(b->ram, 0, RAM_SIZE);

	rc = iommufd_ioas_alloc(b->fd, &b->ioas_id);
	return rc || huge ? rc :
			    iommufd_ioas_huge_pages(b->fd, b->ioas_id, false);
}

/** testbed_map() - Map all RAM at IOVA */
int testbed_map(struct testbed *b)
{
	return iommufd_ioas_map(b->fd, b->ioas_id, b->ram, RAM_SIZE, IOVA,
				IOMMUFD_MAP_RW);
}

/**
 * testbed_open() - Make a testbed
 * @b: The testbed; closed by testbed_close() also when this fails
 * @device: Number of the device
 * @huge: As for testbed_open_empty()
 *
 * Return: 0, or -errno.
 */
int testbed_open(struct testbed *b, unsigned int device, bool huge)
{
	int rc = testbed_open_empty(b, huge);

	if (!rc)
		rc = testbed_map(b);
	if (!rc)
		rc = vdev_open(&b->dev, b->fd, device);
	if (!rc)
		rc = vdev_attach(&b->dev, b->ioas_id, &b->hwpt_id);
	if (!rc)
		rc = tracker_alloc(b->fd, b->ioas_id, IOMMU_DIRTY_POLICY_AUTO,
				   0, 0, &b->tracker_id);
	return rc;
}

/** testbed_close() - Stop the device and close everything */
void testbed_close(struct testbed *b)
{
	if (b->dev.fd >= 0) {
		vdev_stop(&b->dev);
		vdev_close(&b->dev);
	}
	if (b->fd >= 0)
		close(b->fd);
}

/** testbed_start() - START */
int testbed_start(struct testbed *b)
{
	return tracker_set(b->fd, b->tracker_id, IOMMU_DIRTY_TRACKER_ENABLE,
			   NULL, NULL);
}

/** testbed_write() - The device writes @pages pages from @page on, and is done */
int testbed_write(struct testbed *b, __u64 page, __u64 pages)
{
	struct vdev_job job;

	vdev_job_init(&job);
	job.iova = IOVA + page * PAGE;
	job.length = pages * PAGE;
	job.seed = 1;
	return vdev_run(&b->dev, &job, 20000);
}

/** testbed_unmap_cmd() - An UNMAP of all RAM, with what is dirty of it into @b->bits */
struct iommu_dirty_tracker_unmap testbed_unmap_cmd(struct testbed *b)
{
	return (struct iommu_dirty_tracker_unmap){
		.tracker_id = b->tracker_id,
		.iova = IOVA,
		.length = RAM_SIZE,
		.page_size = PAGE,
		.data = (__u64)(uintptr_t)b->bits,
		.data_len = sizeof(b->bits),
	};
}

/** testbed_read() - READ from @page on into @b->bits, cleared before */
int testbed_read(struct testbed *b, __u64 page, __u64 pages, __u32 flags,
		 struct tracker_read_out *out)
{
	memset(b->bits, 0, sizeof(b->bits));
	return tracker_read_bitmap(b->fd, b->tracker_id, IOVA + page * PAGE,
				   pages * PAGE, PAGE, b->bits, flags, out);
}

/** testbed_bit() - One bit of the last READ */
bool testbed_bit(const struct testbed *b, __u64 bit)
{
	return b->bits[bit / 64] >> (bit % 64) & 1;
}

/** testbed_count() - How many bits the last READ set */
unsigned int testbed_count(const struct testbed *b)
{
	unsigned int i, n = 0;

	for (i = 0; i < RAM_WORDS; i++)
		n += __builtin_popcountll(b->bits[i]);
	return n;
}

/** testbed_read_ram() - READ all of RAM; the number of pages reported, or -errno */
int testbed_read_ram(struct testbed *b)
{
	int rc = testbed_read(b, 0, RAM_PAGES, 0, NULL);

	return rc ? rc : (int)testbed_count(b);
}

/**
 * testbed_source() - What INFO says about one device
 * @b: The testbed
 * @dev_id: The device
 * @source: Filled in
 *
 * Return: 0, or -errno; ENOENT when it is not among the first 16.
 */
int testbed_source(struct testbed *b, __u32 dev_id,
		   struct iommu_dirty_source_info *source)
{
	struct iommu_dirty_source_info sources[16];
	struct iommu_dirty_tracker_info info;
	unsigned int i;
	int rc;

	rc = tracker_info(b->fd, b->tracker_id, &info, sources, 16);
	for (i = 0; !rc && i < info.nr_sources && i < 16; i++) {
		if (sources[i].dev_id != dev_id)
			continue;
		*source = sources[i];
		return 0;
	}
	return rc ? rc : -ENOENT;
}

/** testbed_kind() - The kind of source that a device has, or -errno */
int testbed_kind(struct testbed *b, __u32 dev_id)
{
	struct iommu_dirty_source_info source;
	int rc = testbed_source(b, dev_id, &source);

	return rc ? rc : (int)source.kind;
}

/**
 * parameter_set() - Set a module parameter
 * @module: The module's name
 * @name: The parameter's
 * @value: Its new value
 *
 * Return: 0, or -errno.
 */
int parameter_set(const char *module, const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", module,
		 name);
	return sysfs_write(path, value);
}

/**
 * parameter_get() - Read a module parameter that is a number
 * @module: The module's name
 * @name: The parameter's
 *
 * Return: Its value; ~0 when there is none.
 */
unsigned long parameter_get(const char *module, const char *name)
{
	unsigned long value = ~0ul;
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", module,
		 name);
	f = fopen(path, "r");
	if (!f)
		return value;
	if (fscanf(f, "%lu", &value) != 1)
		value = ~0ul;
	fclose(f);
	return value;
}

/**
 * virt_set() - Set a parameter of the virtual platform
 * @name: Its name
 * @value: Its new value
 *
 * Return: 0, or -errno.
 */
int virt_set(const char *name, const char *value)
{
	/* A write of nothing does not reach the kernel */
	return parameter_set("iommufd_virt", name, *value ? value : "\n");
}

/**
 * virt_get() - Read a parameter of the virtual platform that is a number
 * @name: Its name
 *
 * Return: Its value; ~0 when there is none.
 */
unsigned long virt_get(const char *name)
{
	return parameter_get("iommufd_virt", name);
}

/**
 * tracker_break() - Break the tracker on purpose
 * @what: A name of enum dirty_test_break in iommufd/test.h, or "nothing"
 *
 * Return: 0; -EINVAL if the tracker has no such name.
 */
int tracker_break(const char *what)
{
	return parameter_set("iommufd", "dirty_break", what);
}

/**
 * waits_in_ioctl() - Has a process begun an ioctl that blocks?
 * @pid: One that has been started to do so; waited for
 *
 * Return: false when it has not done so for a long time, or no longer exists.
 */
bool waits_in_ioctl(pid_t pid)
{
	unsigned int ms;
	char path[64];

	/* The number of the system call that it is blocked in, or "running" */
	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	for (ms = 0; ms < WAIT_MS; ms++) {
		if (number_in(path, "") == SYS_ioctl)
			return true;
		usleep(1000);
	}
	return false;
}

/** seconds_now() - Monotonic time */
double seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/**
 * time_limit() - How long something may take
 * @seconds: In a plain kernel
 *
 * Return: Seconds; more in a kernel with all its checkers.
 */
double time_limit(double seconds)
{
	return getenv("SLOW") ? 4 * seconds : seconds;
}

/** tracker_born_dirty() - Does the IOMMU driver map memory as dirty, as the SMMUv3's does? */
bool tracker_born_dirty(int fd, __u32 tracker_id)
{
	struct iommu_dirty_source_info source = {};
	struct iommu_dirty_tracker_info info;

	return !tracker_info(fd, tracker_id, &info, &source, 1) &&
	       !strcmp(source.platform, "smmu-v3");
}

/** iommufd_has_walker() - Does iommufd walk page tables of generic_pt by itself? */
bool iommufd_has_walker(void)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	char line[256];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, " pt_walk_check");
	if (f)
		fclose(f);
	return found;
}

/**
 * device_has_generic_pt() - Does the kernel's own code make the page tables of a virtual IOMMU?
 * @device: Number of a device behind it
 *
 * The tracker walks such tables by itself, and the virtual IOMMU's driver reads no dirty bits.
 *
 * Return: false on other kernels, and for other personalities.
 */
bool device_has_generic_pt(unsigned int device)
{
	char name[32], path[128], link[256];
	ssize_t len;

	if (sysfs_pci_find(VIRT_DMA_VENDOR_ID, VIRT_DMA_DEVICE_ID, device, name, sizeof(name)))
		return false;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu", name);
	len = readlink(path, link, sizeof(link) - 1);
	link[len > 0 ? len : 0] = '\0';
	return strstr(link, "-pt");
}

/** iommu_table_pages() - How many pages the tables of all IOMMUs take, or -1 */
long iommu_table_pages(void)
{
	char name[64];
	long n, found = -1;
	FILE *f;

	/* Each processor counts for itself until it is asked */
	f = fopen("/proc/sys/vm/stat_refresh", "w");
	if (f) {
		fputs("1\n", f);
		fclose(f);
	}
	f = fopen("/proc/vmstat", "r");
	while (f && fscanf(f, "%63s %ld", name, &n) == 2)
		if (!strcmp(name, "nr_iommu_pages"))
			found = n;
	if (f)
		fclose(f);
	return found;
}
