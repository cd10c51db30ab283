// SPDX-License-Identifier: GPL-2.0-only
/*
 * "bench native": the rows that need no virtual platform, on devices that the user has
 * given. The benchmark cannot make pages dirty there, so READs are of clean memory, or of an
 * address space that no source tracks.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/vfio.h>

#include "bench.h"
#include "../lib/feature.h"

struct native native;

/** native_no_source() - Is what is mapped all that is known? */
bool native_no_source(void)
{
	return native.nr && !native.tracked && !native.logs;
}

/** native_only_log() - Is the log of the device the only source? */
bool native_only_log(void)
{
	return native.nr && !native.tracked && native.logs;
}

/* What is not measured, and why; these lines are for the table's reader. */
static void skip(const char *what, const char *why)
{
	printf("skip %s: %s\n", what, why);
}

/* Open a device, or say what to do */
static void try_device(struct vdev *d, int fd, const char *address)
{
	int rc = vdev_open_address(d, fd, address);

	if (rc == -ENXIO)
		die("%s is not bound to a vfio driver", address);
	if (rc == -EINVAL || rc == -EBUSY)
		die("%s is in use, or another device of its IOMMU group is bound to a driver other than vfio's: end its user, or bind the whole group to vfio-pci",
		    address);
	must(rc, address);
}

/* What the IOMMU and the device can do */
static void probe(void)
{
	int fd = iommufd_open(), rc;
	__u32 ioas, hwpt;
	struct vdev d;
	unsigned int i;

	must(fd, "/dev/iommu");
	must(iommufd_ioas_alloc(fd, &ioas), "IOAS_ALLOC");
	native.tracked = true;
	for (i = 0; i < native.nr; i++) {
		try_device(&d, fd, native.address[i]);
		rc = iommufd_hwpt_alloc(fd, d.dev_id, ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
					&hwpt);
		if (rc == -EOPNOTSUPP)
			native.tracked = false;
		else
			must(rc, "HWPT_ALLOC");
		if (!i)
			native.logs = !vfio_feature(d.fd, VFIO_DEVICE_FEATURE_PROBE |
						    VFIO_DEVICE_FEATURE_SET |
						    VFIO_DEVICE_FEATURE_DMA_LOGGING_START,
						    NULL, 0);
		vdev_close(&d);
	}
	close(fd);
}

/**
 * native_init() - Measure on these devices
 * @addresses: PCI addresses, each bound to a vfio driver
 * @nr: How many
 */
void native_init(char **addresses, unsigned int nr)
{
	if (!nr || nr > MAX_DEVICES)
		die("give the PCI addresses of 1 to %u devices", MAX_DEVICES);
	native.nr = nr;
	native.address = addresses;
	probe();
	native.huge = scene_has_huge();
	meter_native();
	printf("devices %u, the IOMMU %s, a page tracker of the first: %s\n", nr,
	       native.tracked ? "tracks" : "does not track", native.logs ? "yes" : "no");
	skip("READ of dirty memory", "no device here can be told what to write");
	skip("gather, domains, mixed, over, memory, parallel",
	     "the virtual platform has to make memory dirty for them");
	if (!native.tracked)
		skip("unmap-dirty", "the IOMMU tracks no dirty pages");
	if (native_no_source())
		skip("upstream's READ, START and STOP", "nothing tracks, so it has none");
	if (native_only_log())
		skip("READ, formats, START, STOP by the IOMMU", "the device's log is read instead");
	if (!native.logs)
		skip("logs", "no page tracker in the device's driver");
	if (!native.huge)
		skip("leaves of 2 MiB",
		     "no memory in huge pages (/sys/kernel/mm/transparent_hugepage/enabled)");
	if (nr == 1)
		skip("attach and detach beside another device",
		     "one device was given; it is moved alone (attach-alone)");
}

/** native_rows() - All rows that need no virtual platform */
void native_rows(const struct way *way)
{
	rows_read(way, true);
	rows_flush();
	rows_formats(way, true);
	rows_flush();
	rows_control(way, native.quick);
	rows_flush();
	rows_attach(way, true);
	rows_map(way, native.quick);
	rows_flush();
	if (native.logs)
		rows_logs(way, true);
}
