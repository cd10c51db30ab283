// SPDX-License-Identifier: GPL-2.0-only
/*
 * A scene: an address space of any size made of the same memory mapped again and
 * again, and devices in it. Dirty bits are injected by the virtual platform,
 * outside of what is measured.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "bench.h"
#include "../lib/sysfs.h"

#define PARAMETERS "/sys/module/iommufd_virt/parameters/"

/** parameter_write() - Set a parameter of the virtual platform */
void parameter_write(const char *name, const char *value)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		die("%s = %s: %s", name, value, strerror(errno));
	close(fd);
}

/** parameter_read() - Read a parameter that is a number */
__u64 parameter_read(const char *name)
{
	unsigned long long value = 0;
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%llu", &value) != 1)
		die("%s: not to be read", name);
	fclose(f);
	return value;
}

/**
 * scene_max() - Largest address space that is to be measured
 *
 * iommufd looks at each page of 4 KiB that it maps, so 1 TiB takes minutes.
 *
 * Return: Bytes.
 */
__u64 scene_max(void)
{
	const char *text = getenv("BENCH_MAX_GIB");
	__u64 gib = text ? strtoull(text, NULL, 10) : 0;

	return gib ? gib * GIB : TIB;
}

/*
 * Pages of 4 KiB are touched in an order that leaves no two neighbours in
 * physical memory, as in a machine that has been up for a while; huge pages come
 * as such.
 */
static char *make_memory(const struct scene_plan *plan)
{
	__u64 pages = SCENE_MEM / PAGE, i, at = 0;
	char *va = mmap(NULL, SCENE_MEM + 2 * LEAF_2M, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (va == MAP_FAILED)
		die("memory: %s", strerror(errno));
	va += -(unsigned long)va & (LEAF_2M - 1);
	if (plan->leaf > PAGE || plan->shifted) {
		madvise(va, SCENE_MEM + LEAF_2M, MADV_HUGEPAGE);
		memset(va, 1, SCENE_MEM + LEAF_2M);
		return va + (plan->shifted ? PAGE : 0);
	}
	madvise(va, SCENE_MEM, MADV_NOHUGEPAGE);
	for (i = 0; i < pages; i++) {
		at = (at * 0x5851f42d + 0x14057b7f) & (pages - 1);
		va[(at ^ at >> 8) * PAGE] = 1;
	}
	return va;
}

static void *make_bitmap(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("bitmap: %s", strerror(errno));
	madvise(p, len, MADV_NOHUGEPAGE);
	memset(p, 0, len);
	return p;
}

/*
 * A device whose memory space is off looks at nothing but once a second. The
 * registers are not used: dirty bits are injected.
 */
static void quiet(struct vdev *d)
{
	struct vfio_region_info info = {
		.argsz = sizeof(info),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	__u16 command = PCI_COMMAND_MASTER;

	if (ioctl(d->fd, VFIO_DEVICE_GET_REGION_INFO, &info) ||
	    pwrite(d->fd, &command, sizeof(command),
		   (off_t)info.offset + PCI_COMMAND) != sizeof(command))
		die("%s: PCI_COMMAND: %s", d->name, strerror(errno));
}

/**
 * scene_has_huge() - Does memory come in huge pages?
 *
 * Return: true if all that a scene has can.
 */
bool scene_has_huge(void)
{
	static const struct scene_plan plan = { .leaf = LEAF_2M };
	char *mem = make_memory(&plan);
	long kib = number_in("/proc/self/smaps_rollup", "AnonHugePages:");

	munmap(mem, SCENE_MEM + LEAF_2M);
	return kib >= (long)(SCENE_MEM / KIB);
}

/** scene_far() - IOVA beyond what is mapped, which every IOMMU can translate */
__u64 scene_far(void)
{
	/* Intel's have 39 bits and more; 1 TiB is as it was measured in the VM. */
	return IOVA + (native.nr ? 256 * GIB : TIB);
}

/** scene_hwpt() - A further HWPT for a device; 0 or -errno */
int scene_hwpt(struct scene *s, unsigned int device, __u32 *hwpt_id)
{
	bool untracked = s->plan.untracked ||
			 device >= s->plan.nr_devices - s->plan.nr_untracked;

	return iommufd_hwpt_alloc(s->fd, s->dev[device].dev_id, s->ioas_id,
				  untracked ? 0 : IOMMU_HWPT_ALLOC_DIRTY_TRACKING, hwpt_id);
}

/* One that the user has given, or one of the virtual platform */
static void open_device(struct scene *s, unsigned int i)
{
	const struct scene_plan *plan = &s->plan;

	if (native.nr) {
		if (i >= native.nr)
			die("a row for %u devices, and %u were given", i + 1, native.nr);
		must(vdev_open_address(&s->dev[i], s->fd, native.address[i]),
		     native.address[i]);
		return;
	}
	must(vdev_open_driver(&s->dev[i], s->fd, plan->device + i,
			      plan->logs ? VDEV_TRACKER_DRIVER : "vfio-pci"), "device");
	s->number[i] = vdev_read64(&s->dev[i], VIRT_DMA_INDEX);
	if (!plan->logs && !plan->writes)
		quiet(&s->dev[i]);
}

/** scene_open() - IOAS, domains, devices; nothing is mapped yet */
void scene_open(struct scene *s, const struct scene_plan *plan)
{
	unsigned int i, domains = plan->apart ? plan->nr_devices : 1;

	*s = (struct scene){ .plan = *plan, .nr_hwpts = domains };
	if (native.nr && !native.tracked)
		s->plan.untracked = true;
	s->fd = iommufd_open();
	must(s->fd, "/dev/iommu");
	s->mem = make_memory(plan);
	must(iommufd_ioas_alloc(s->fd, &s->ioas_id), "IOAS_ALLOC");
	if (plan->leaf == PAGE && !plan->shifted)
		must(iommufd_ioas_huge_pages(s->fd, s->ioas_id, false),
		     "IOMMU_OPTION_HUGE_PAGES");
	if (plan->fine)
		must(iommufd_ioas_small_leaves(s->fd, s->ioas_id, true),
		     "IOMMU_OPTION_DIRTY_SMALL_LEAVES");
	for (i = 0; i < plan->nr_devices; i++) {
		open_device(s, i);
		if (i < domains)
			must(scene_hwpt(s, i, &s->hwpt_id[i]), "HWPT_ALLOC");
		must(vdev_attach(&s->dev[i], s->hwpt_id[i % domains], NULL),
		     "attach");
	}
}

/** scene_make_bitmaps() - All that is mapped is @size bytes from IOVA on: make bitmaps for it */
void scene_make_bitmaps(struct scene *s, __u64 size)
{
	if (s->bitmap) {
		munmap(s->bitmap, s->bitmap_len);
		munmap(s->part, s->bitmap_len);
	}
	s->size = size;
	s->bitmap_len = size / (s->unit ? s->unit : PAGE) / 8;
	s->bitmap = make_bitmap(s->bitmap_len);
	s->part = make_bitmap(s->bitmap_len);
}

/** scene_grow() - Map more, up to @size, a multiple of SCENE_MEM or less than it */
void scene_grow(struct scene *s, __u64 size)
{
	__u64 at = s->size;

	for (; at < size && (!at || s->plan.anew); at += SCENE_MEM)
		must(iommufd_ioas_map(s->fd, s->ioas_id, s->mem,
				      size - at < SCENE_MEM ? size - at : SCENE_MEM,
				      IOVA + at, IOMMUFD_MAP_RW), "IOAS_MAP");
	for (; at < size; at += SCENE_MEM)
		must(iommufd_ioas_copy(s->fd, s->ioas_id, s->ioas_id, IOVA + at, IOVA,
				       SCENE_MEM, IOMMUFD_MAP_RW), "IOAS_COPY");
	scene_make_bitmaps(s, size);
}

static bool keep;

/**
 * scene_keep() - Leave scenes as they are when they are closed
 *
 * To unmap a large one takes minutes. The process must not end before the machine does.
 */
void scene_keep(void)
{
	keep = true;
}

/** scene_close() - Give everything back */
void scene_close(struct scene *s)
{
	unsigned int i;

	if (keep)
		return;
	for (i = 0; i < s->plan.nr_devices; i++)
		vdev_close(&s->dev[i]);
	close(s->fd);
	munmap(s->mem, SCENE_MEM);
	if (s->bitmap) {
		munmap(s->bitmap, s->bitmap_len);
		munmap(s->part, s->bitmap_len);
	}
}

/** scene_dirty() - The IOMMU says that a device has written to @count units */
void scene_dirty(struct scene *s, unsigned int device, __u64 iova, __u64 length,
		 __u64 unit, __u64 count, enum pattern pattern)
{
	char value[128];

	if (native.nr && !count)
		return;
	if (native.nr)
		die("nothing can be made dirty without the virtual platform");
	snprintf(value, sizeof(value), "%llu %llu %llu %llu %llu %u",
		 s->number[device], iova, length, unit, count, pattern == SEQ ? 0 : 12345);
	parameter_write("set_dirty", value);
}

/** scene_count() - Pages dirty in the bitmap of @length bytes, which is emptied */
__u64 scene_count(const struct scene *s, __u64 length)
{
	__u64 words = length / PAGE / 64, i, n = 0;

	for (i = 0; i < words; i++)
		n += (unsigned int)__builtin_popcountll(s->bitmap[i]);
	memset(s->bitmap, 0, words * 8);
	return n;
}

/**
 * scene_expected() - What a READ has to report
 * @s: The scene
 * @dirty: Pages or bits that are dirty
 * @all: Those that are mapped
 *
 * Return: @dirty, or @all where no source tracks.
 */
__u64 scene_expected(const struct scene *s, __u64 dirty, __u64 all)
{
	return native_no_source() && !s->plan.logs ? all : dirty;
}
