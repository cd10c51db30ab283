// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VMM asks of the kernel: an IOAS with the guest's RAM, devices that
 * are attached to it, and one dirty tracker for all of them. This file also
 * knows what to advise when something is missing.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vmigrate.h"

#define RANGES_PER_READ	256

static int open_iommufd(struct vmm *vmm)
{
	vmm->iommufd = iommufd_open();
	switch (-vmm->iommufd) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return fail(STATUS_ERROR,
			    "/dev/iommu is missing: load this project's iommufd.ko");
	case EACCES:
	case EPERM:
		return fail(STATUS_ERROR,
			    "/dev/iommu: %s: run as root, or give this user access to it",
			    strerror(-vmm->iommufd));
	}
	if (vmm->iommufd < 0)
		return fail(STATUS_ERROR, "/dev/iommu: %s",
			    strerror(-vmm->iommufd));
	return 0;
}

static int choose_leaves(struct vmm *vmm, const struct options *opt)
{
	int rc;

	/* One dirty bit is for a leaf; RAM in small pages can have small ones only. */
	rc = iommufd_ioas_huge_pages(vmm->iommufd, vmm->ioas_id,
				     opt->hugepages);
	if (!rc && opt->leaves == LEAVES_SMALL)
		rc = iommufd_ioas_small_leaves(vmm->iommufd, vmm->ioas_id,
					       true);
	return rc ? fail(STATUS_ERROR,
			 "cannot choose the leaf size of IOAS %u: %s",
			 vmm->ioas_id, strerror(-rc)) : 0;
}

static int map_ram(struct vmm *vmm, const struct guest *g,
		   const struct options *opt)
{
	unsigned int i;
	int rc;

	rc = iommufd_ioas_alloc(vmm->iommufd, &vmm->ioas_id);
	if (rc)
		return fail(STATUS_ERROR, "cannot make an IOAS: %s",
			    strerror(-rc));
	rc = choose_leaves(vmm, opt);
	if (rc)
		return rc;
	for (i = 0; i < g->nr_slots; i++) {
		const struct slot *slot = &g->slots[i];
		const char *advice = "";

		rc = iommufd_ioas_map(vmm->iommufd, vmm->ioas_id, slot->va,
				      slot->length, slot->iova,
				      IOMMUFD_MAP_RW);
		if (!rc)
			continue;
		if (rc == -ENOMEM)
			advice = "; lower -m, or raise the limit of locked memory (ulimit -l)";
		else if (rc == -EINVAL || rc == -EADDRINUSE)
			advice = "; the platform reserves IOVAs there, choose another --iova-base";
		return fail(STATUS_ERROR,
			    "cannot map %llu MiB of guest RAM at IOVA %#llx: %s%s",
			    slot->length >> 20, slot->iova, strerror(-rc),
			    advice);
	}
	return 0;
}

static int open_device(struct vmm *vmm, unsigned int i,
		       const struct options *opt)
{
	struct vdev *d = &vmm->devices[i];
	const char *advice = "";
	int rc;

	rc = vdev_open(d, vmm->iommufd, opt->first_device + i);
	if (rc == -ENODEV)
		return fail(STATUS_ERROR,
			    "there is no virtual DMA device number %u: load the virtual platform (drivers/virt) with more devices, or lower --devices",
			    opt->first_device + i);
	if (rc) {
		if (rc == -ENXIO || rc == -ENOENT)
			advice = "; load this project's vfio-pci.ko, which has character devices";
		else if (rc == -EBUSY)
			advice = "; someone else has it open";
		else if (rc == -EACCES || rc == -EPERM)
			advice = "; run as root";
		return fail(STATUS_ERROR, "cannot open device %u (%s): %s%s", i,
			    d->name, strerror(-rc), advice);
	}
	vmm->nr_devices = i + 1;
	return 0;
}

/* The device that was opened last; VFs are attached already. */
static int attach_last(struct vmm *vmm, const struct options *opt)
{
	unsigned int i = hwpt_members(vmm) - 1;
	const char *advice = "";
	int rc;

	if (opt->tracker == TRACKER_HWPT)
		rc = hwpt_attach(vmm, i);
	else
		rc = hwpt_member_attach(vmm, i, vmm->ioas_id);
	if (rc == -EADDRINUSE)
		advice = "; the platform reserves IOVAs of guest RAM, choose another --iova-base";
	return rc ? fail(STATUS_ERROR, "cannot attach device %s to IOAS %u: %s%s",
			 hwpt_member_name(vmm, i), vmm->ioas_id, strerror(-rc), advice) : 0;
}

static u64 half(const struct slot *slot)
{
	return slot->length / 2 / GUEST_PAGE * GUEST_PAGE;
}

/*
 * VF i has a part of the second half of slot i for itself, since it comes to all
 * words of its pages in the end. So has a NIC: the driver knows what is in its rings and
 * buffers. They are counted together, VFs first.
 */
static int plan_part(unsigned int i, const struct guest *g, const struct options *opt,
		     u64 least, u64 *base, u64 *length)
{
	const struct slot *slot = &g->slots[i % g->nr_slots];
	unsigned int nr = opt->nr_vfs + opt->nr_nics;
	unsigned int sharers = (nr - 1 - i % g->nr_slots) / g->nr_slots + 1;
	u64 part = half(slot) / sharers / GUEST_PAGE * GUEST_PAGE;

	if (part < least)
		return fail(STATUS_ERROR,
			    "%llu bytes of RAM are too few for %u VFs and NICs: raise -m",
			    opt->ram, nr);
	*base = slot->iova + slot->length - half(slot) + i / g->nr_slots * part;
	*length = part;
	return 0;
}

static int plan_vf(struct vmm *vmm, unsigned int i, const struct guest *g,
		   const struct options *opt)
{
	struct vf_job *job = &vmm->vfs.devices[i].job;
	u64 base, part;
	int status;

	status = plan_part(i, g, opt, GUEST_PAGE, &base, &part);
	if (status)
		return status;
	job->base = base;
	job->length = part;
	if (opt->working_set && opt->working_set < part)
		job->length = opt->working_set;
	job->unit = GUEST_PAGE;
	job->rate = opt->rate;
	job->key = virt_dma_value(opt->seed, i + 1, 1);
	return 0;
}

/* A page in as much is what a sparse writer writes: large leaves are of that size. */
#define SPARSE	(2ull << 20)

static void plan_pattern(struct vdev_job *job, enum write_pattern writes)
{
	switch (writes) {
	case WRITES_RING:
		job->pattern = VIRT_DMA_PATTERN_SEQ;
		break;
	case WRITES_SPARSE:
		job->pattern = VIRT_DMA_PATTERN_STRIDE;
		job->stride = SPARSE / GUEST_PAGE;
		break;
	case WRITES_RANDOM:
		job->pattern = VIRT_DMA_PATTERN_RANDOM;
	}
}

/* Prime: frames are received into each page before one has its second */
#define SCATTER	7919u

/* Rings, and behind them buffers of whole pages */
static int plan_nic(struct vmm *vmm, unsigned int i, const struct guest *g,
		    const struct options *opt)
{
	u64 rings = (NIC_MEMORY + GUEST_PAGE - 1) / GUEST_PAGE * GUEST_PAGE;
	struct nic_job *job = &vmm->nics.devices[i].job;
	u64 base, part;
	int status;

	status = plan_part(opt->nr_vfs + i, g, opt, rings + GUEST_PAGE, &base, &part);
	if (status)
		return status;
	*job = (struct nic_job){
		.rings = base,
		.base = base + rings,
		.length = part - rings,
		.step = 1,
		.stride = opt->writes == WRITES_SPARSE ? SPARSE : GUEST_PAGE,
		.rate = opt->rate,
		.key = i + 1,
	};
	if (opt->working_set && opt->working_set < job->length)
		job->length = opt->working_set;
	if (opt->writes == WRITES_RANDOM && job->length / GUEST_PAGE % SCATTER)
		job->step = SCATTER;
	return 0;
}

/* Device i sweeps over slot i, and over a word of its own in each page. */
static void plan_job(struct vmm *vmm, unsigned int i, const struct guest *g,
		     const struct options *opt)
{
	const struct slot *slot = &g->slots[i % g->nr_slots];
	struct vdev_job *job = &vmm->jobs[i];

	vdev_job_init(job);
	plan_pattern(job, opt->writes);
	job->iova = slot->iova;
	job->length = slot->length;
	/* The rest is the VFs' and NICs'. */
	if (opt->nr_vfs + opt->nr_nics)
		job->length = half(slot);
	if (opt->working_set && opt->working_set < job->length)
		job->length = opt->working_set;
	job->unit = GUEST_PAGE;
	job->offset = i * 64;
	job->seed = virt_dma_value(opt->seed, i + 1, 0);
	job->sweeps = 0;
	job->rate = opt->rate;
}

/**
 * vmm_open() - Map guest RAM and attach the devices
 * @vmm: Filled in; vmm_close() it in any case
 * @g: The guest, with memory
 * @opt: The command line
 *
 * Return: A status.
 */
int vmm_open(struct vmm *vmm, const struct guest *g, const struct options *opt)
{
	unsigned int i;
	int status;

	*vmm = (struct vmm){ .iommufd = -1 };
	status = open_iommufd(vmm);
	if (!status)
		status = map_ram(vmm, g, opt);
	if (!status)
		status = vfs_open(&vmm->vfs, vmm->iommufd, vmm->ioas_id,
				  opt->first_vf, opt->nr_vfs);
	for (i = 0; !status && i < opt->nr_vfs; i++)
		status = plan_vf(vmm, i, g, opt);
	for (i = 0; !status && i < opt->nr_devices; i++) {
		status = open_device(vmm, i, opt);
		plan_job(vmm, i, g, opt);
		if (!status)
			status = attach_last(vmm, opt);
	}
	for (i = 0; !status && i < opt->nr_nics; i++) {
		status = nics_add(&vmm->nics, vmm->iommufd, opt->nic_kind, opt->first_nic + i);
		if (!status)
			status = attach_last(vmm, opt);
		if (!status)
			status = plan_nic(vmm, i, g, opt);
	}
	if (!status && opt->leaves == LEAVES_MIGRATION)
		status = hwpt_open_large(vmm);
	return status;
}

/**
 * vmm_close() - Stop the devices, end tracking, give everything back
 * @vmm: From vmm_open(), whatever it returned
 */
void vmm_close(struct vmm *vmm)
{
	unsigned int i;

	for (i = 0; i < vmm->nr_devices; i++)
		vdev_stop(&vmm->devices[i]);
	nics_stop(&vmm->nics);
	if (vmm->tracker_id) {
		tracker_set(vmm->iommufd, vmm->tracker_id, 0, NULL, NULL);
		iommufd_destroy(vmm->iommufd, vmm->tracker_id);
	}
	for (i = 0; i < vmm->nr_devices; i++)
		vdev_close(&vmm->devices[i]);
	vfs_close(&vmm->vfs);
	nics_close(&vmm->nics);
	if (vmm->iommufd >= 0)
		close(vmm->iommufd);
	vmm->nr_devices = 0;
	vmm->tracker_id = 0;
	vmm->iommufd = -1;
}

/** vmm_marks() - How many devices have a sequence: VFs first, then NICs */
unsigned int vmm_marks(const struct vmm *vmm)
{
	return vmm->vfs.nr + vmm->nics.nr;
}

/** vmm_mark_name() - Name of number @i of them, for messages */
const char *vmm_mark_name(const struct vmm *vmm, unsigned int i)
{
	return i < vmm->vfs.nr ? vmm->vfs.devices[i].vf.name :
				 vmm->nics.devices[i - vmm->vfs.nr].nic.name;
}

/**
 * vmm_start_devices() - Let the DMA devices and the drivers of NICs write
 * @vmm: Open
 * @g: RAM
 *
 * Return: A status.
 */
int vmm_start_devices(struct vmm *vmm, const struct guest *g)
{
	unsigned int i;

	for (i = 0; i < vmm->nr_devices; i++) {
		int rc = vdev_start(&vmm->devices[i], &vmm->jobs[i]);

		if (rc)
			return fail(STATUS_ERROR, "cannot start device %s: %s",
				    vmm->devices[i].name, strerror(-rc));
	}
	return nics_start(&vmm->nics, g);
}

/* How long the guest is watched, in ms. */
#define RUN_ON_MS	200

/**
 * vmm_run_on() - Let the devices run for a while, stop them, and look for gaps in
 *	what the VFs and NICs wrote
 * @vmm: VFs RUNNING, with their positions noted
 * @g: RAM
 * @marks: Of each VF and NIC; filled in
 *
 * Return: A status; one that stands still or has left a gap is no success.
 */
int vmm_run_on(struct vmm *vmm, const struct guest *g, struct wire_mark *marks)
{
	unsigned int i;
	int status;

	status = vmm_start_devices(vmm, g);
	if (!status)
		status = wait_fd(-1, 0, RUN_ON_MS);
	if (!status)
		status = vfs_check(&vmm->vfs, g, marks);
	if (!status)
		status = vmm_stop_devices(vmm);
	if (!status)
		status = nics_check(&vmm->nics, g, marks + vmm->vfs.nr);
	for (i = 0; !status && i < vmm_marks(vmm); i++)
		if (!marks[i].went_on || marks[i].wrong)
			status = fail(STATUS_ERROR,
				      "%s %s made %llu writes, and %llu of the %llu in its sequence are not in RAM",
				      i < vmm->vfs.nr ? "VF" : "NIC", vmm_mark_name(vmm, i),
				      marks[i].went_on, marks[i].wrong,
				      marks[i].position);
	for (i = 0; !status && i < vmm->nr_devices; i++) {
		struct vdev *d = &vmm->devices[i];

		if (!vdev_read64(d, VIRT_DMA_DONE) ||
		    vdev_read64(d, VIRT_DMA_FAULTS))
			status = fail(STATUS_ERROR,
				      "device %s made %llu writes, and %llu were refused",
				      d->name, vdev_read64(d, VIRT_DMA_DONE),
				      vdev_read64(d, VIRT_DMA_FAULTS));
	}
	return status;
}

/**
 * vmm_stop_devices() - Stop the DMA devices and NICs, and wait until nothing is in flight
 * @vmm: Open
 *
 * Return: A status. When it is 0, no device writes to RAM any more.
 */
int vmm_stop_devices(struct vmm *vmm)
{
	unsigned int i;

	for (i = 0; i < vmm->nr_devices; i++)
		vdev_write64(&vmm->devices[i], VIRT_DMA_CTRL,
			     VIRT_DMA_CTRL_STOP);
	for (i = 0; i < vmm->nr_devices; i++) {
		int rc = vdev_stop(&vmm->devices[i]);

		if (rc)
			return fail(STATUS_ERROR,
				    "device %s does not stop: %s; RAM cannot be sent while it writes",
				    vmm->devices[i].name, strerror(-rc));
	}
	return nics_stop(&vmm->nics);
}

/**
 * vmm_start_tracker() - Make the dirty tracker and start it
 * @vmm: Open
 * @opt: TRACKER_AUTO, TRACKER_IOMMU, or TRACKER_HWPT to do without a tracker; LEAVES_SPLIT
 *
 * Return: A status.
 */
int vmm_start_tracker(struct vmm *vmm, const struct options *opt)
{
	u32 policy = opt->tracker == TRACKER_IOMMU ? IOMMU_DIRTY_POLICY_IOMMU :
					     IOMMU_DIRTY_POLICY_AUTO;
	u32 split = opt->leaves == LEAVES_SPLIT ? IOMMU_DIRTY_TRACKER_SPLIT : 0;
	int rc;

	if (opt->tracker == TRACKER_HWPT) {
		rc = hwpt_start(vmm);
		return rc ? fail(STATUS_ERROR, "dirty bits cannot be switched on: %s",
				 strerror(-rc)) : 0;
	}
	rc = tracker_alloc(vmm->iommufd, vmm->ioas_id, policy, 0, 0,
			   &vmm->tracker_id);
	if (rc == -ENOTTY)
		return fail(STATUS_ERROR,
			    "/dev/iommu has no dirty tracker: the kernel's own iommufd is loaded; load this project's iommufd.ko instead");
	if (rc)
		return fail(STATUS_ERROR,
			    "cannot make a dirty tracker for IOAS %u: %s",
			    vmm->ioas_id, strerror(-rc));
	rc = tracker_set(vmm->iommufd, vmm->tracker_id,
			 IOMMU_DIRTY_TRACKER_ENABLE | split, &vmm->page_size,
			 &vmm->flags);
	if (rc)
		return fail(STATUS_ERROR, "cannot start dirty tracker %u: %s",
			    vmm->tracker_id, strerror(-rc));
	if (split && vmm->flags & IOMMU_DIRTY_TRACKER_COARSE)
		return fail(STATUS_ERROR,
			    "--leaves split: this kernel does not split the leaves of this IOMMU; use --leaves small or migration");
	return vmm_read_plan(vmm);
}

/**
 * vmm_read_plan() - Ask the tracker for its plan and counters
 * @vmm: With a tracker
 *
 * Return: A status.
 */
int vmm_read_plan(struct vmm *vmm)
{
	struct iommu_dirty_tracker_info info;
	int rc;

	rc = tracker_info(vmm->iommufd, vmm->tracker_id, &info, vmm->sources,
			  MAX_SOURCES);
	if (rc)
		return fail(STATUS_ERROR,
			    "cannot get the plan of dirty tracker %u: %s",
			    vmm->tracker_id, strerror(-rc));
	vmm->nr_sources = info.nr_sources < MAX_SOURCES ? info.nr_sources :
							  MAX_SOURCES;
	vmm->page_size = info.out_page_size;
	return 0;
}

static int read_failed(const struct vmm *vmm, const struct slot *slot, int rc)
{
	return fail(STATUS_ERROR,
		    vmm->tracker_id ? "dirty tracker %u cannot be read at IOVA %#llx: %s" :
				      "HWPT %u cannot be read at IOVA %#llx: %s",
		    vmm->tracker_id ? vmm->tracker_id : vmm->hwpts[0],
		    slot->iova, strerror(-rc));
}

/**
 * vmm_count() - How much would a READ report?
 * @vmm: With a running tracker
 * @g: The guest
 * @dirty_bytes: The answer
 *
 * Return: A status.
 */
int vmm_count(struct vmm *vmm, struct guest *g, u64 *dirty_bytes)
{
	unsigned int i;

	*dirty_bytes = 0;
	for (i = 0; i < g->nr_slots; i++) {
		const struct slot *slot = &g->slots[i];
		struct tracker_read_out out = {};
		int rc;

		if (vmm->nr_hwpts) {
			rc = hwpt_read(vmm, &g->slots[i], true, dirty_bytes);
			if (rc)
				return read_failed(vmm, slot, rc);
			continue;
		}
		rc = tracker_count(vmm->iommufd, vmm->tracker_id, slot->iova,
				   slot->length, GUEST_PAGE, &out);
		if (rc)
			return read_failed(vmm, slot, rc);
		*dirty_bytes += out.dirty_bytes;
		vmm->flags |= out.flags;
	}
	return 0;
}

static void mark(struct slot *slot, const struct iommu_dirty_range *range)
{
	u64 page = (range->iova - slot->iova) / GUEST_PAGE;
	u64 end = page + range->length / GUEST_PAGE;

	for (; page < end; page++)
		slot->dirty[page / 64] |= 1ull << page % 64;
}

static int read_ranges(struct vmm *vmm, struct slot *slot, u64 *dirty_bytes)
{
	struct iommu_dirty_range ranges[RANGES_PER_READ];
	struct tracker_read_out out = { .next_iova = slot->iova };
	u64 end = slot->iova + slot->length;
	int n, i;

	while (out.next_iova < end) {
		n = tracker_read_ranges(vmm->iommufd, vmm->tracker_id,
					out.next_iova, end - out.next_iova,
					GUEST_PAGE, ranges, RANGES_PER_READ, 0,
					&out);
		if (n < 0)
			return n;
		for (i = 0; i < n; i++) {
			/* A range outside of what was asked for is a bug. */
			if (!ranges[i].length ||
			    ranges[i].iova < slot->iova ||
			    ranges[i].length > end - ranges[i].iova)
				return -EPROTO;
			mark(slot, &ranges[i]);
		}
		*dirty_bytes += out.dirty_bytes;
		vmm->flags |= out.flags;
	}
	return 0;
}

/**
 * vmm_read() - READ all of RAM: add to the slots' bitmaps what was written, by devices and
 *	by the guest's drivers
 * @vmm: With a running tracker
 * @g: The guest
 * @ranges: As ranges rather than a bitmap
 * @dirty_bytes: How much the tracker reported, and what drivers have written besides
 *
 * Return: A status.
 */
int vmm_read(struct vmm *vmm, struct guest *g, bool ranges, u64 *dirty_bytes)
{
	unsigned int i;

	*dirty_bytes = 0;
	for (i = 0; i < g->nr_slots; i++) {
		struct slot *slot = &g->slots[i];
		struct tracker_read_out out;
		int rc;

		if (vmm->nr_hwpts) {
			rc = hwpt_read(vmm, slot, false, dirty_bytes);
		} else if (ranges) {
			rc = read_ranges(vmm, slot, dirty_bytes);
		} else {
			rc = tracker_read_bitmap(vmm->iommufd, vmm->tracker_id,
						 slot->iova, slot->length,
						 GUEST_PAGE, slot->dirty, 0,
						 &out);
			*dirty_bytes += out.dirty_bytes;
			vmm->flags |= out.flags;
		}
		if (rc)
			return read_failed(vmm, slot, rc);
		*dirty_bytes += guest_take(slot);
	}
	return 0;
}
