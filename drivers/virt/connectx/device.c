// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual ConnectX as PCI functions: which they are, when virtual functions
 * come and go, reset, and the order in which a function's thread looks at things.
 */
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "connectx.h"
#include "device.h"
#include "object.h"
#include "tracker.h"

#define VENDOR_ID	0x15b3
#define PF_DEVICE_ID	0x101d	/* ConnectX-6 Dx */
#define VF_DEVICE_ID	0x101e
#define PCI_CLASS	(PCI_CLASS_NETWORK_ETHERNET << 8)
#define FW_REV		(35 << 16 | 16)	/* 16.35 */
#define CMD_REV		(5 << 16 | 1000)
#define BEAT		(HZ / 4)	/* of the health counter */

/* A driver detects an absent function by reading ones from certain registers. */
static void show_whether_gone(struct cx_vhca *vhca)
{
	struct mlx5_init_seg __iomem *iseg = cx_iseg(vhca);

	if (!READ_ONCE(vhca->fn.absent))
		return;
	iowrite32be(~0u, &iseg->health.fw_ver);
	/* Pairs with the barrier of show_vfs(): the function may have appeared since. */
	smp_mb();
	if (!READ_ONCE(vhca->fn.absent))
		iowrite32be(0, &iseg->health.fw_ver);
}

/*
 * Virtual functions exist up to their number. Those that disappear are reset,
 * so those that appear need not be: the driver of the PF has given ENABLE_HCA before.
 * A reset of the PF itself resets none of them, and their registers keep what their
 * drivers have written.
 */
static void show_vfs(struct cx_vhca *pf, unsigned int count)
{
	unsigned int i;

	for (i = 1; i <= pf->cx->vfs; i++) {
		struct cx_vhca *vhca = &pf->cx->vhca[i];
		bool absent = i > count;

		if (vhca->fn.absent == absent)
			continue;
		/* The reset is that of a function which is not there. */
		WRITE_ONCE(vhca->fn.absent, absent);
		/* Pairs with the barrier of show_whether_gone() */
		smp_mb();
		if (absent)
			virt_function_reset(&vhca->fn);
		else
			iowrite32be(0, &cx_iseg(vhca)->health.fw_ver);
	}
}

static void config_write(struct virt_function *fn, int where, int size)
{
	struct cx_vhca *vhca = to_cx_vhca(fn);

	if (cx_is_pf(vhca) && vhca->cx->vfs)
		show_vfs(vhca, virt_config_vfs(fn));
}

static void reset_vf(struct cx_vhca *vhca)
{
	mutex_lock(&vhca->lock);
	cx_job_abort(vhca);
	vhca->no_initiator = false;
	vhca->no_responder = false;
	vhca->migration = (struct cx_migration) {};
	virt_msix_quiet(&vhca->fn, false);
	cx_state_reset(&vhca->state);
	cx_generator_reset(vhca);
	mutex_unlock(&vhca->lock);
}

static void vhca_reset(struct virt_function *fn)
{
	struct cx_vhca *vhca = to_cx_vhca(fn);
	struct mlx5_init_seg __iomem *iseg = cx_iseg(vhca);

	cx_forget(vhca);
	memset_io(iseg, 0, sizeof(*iseg));
	iowrite32be(FW_REV, &iseg->fw_rev);
	iowrite32be(CMD_REV, &iseg->cmdif_rev_fw_sub);
	cx_cmdq_reset(vhca);
	show_whether_gone(vhca);
	if (cx_is_pf(vhca))
		show_vfs(vhca, 0);
	else
		reset_vf(vhca);
}

static void health_beat(struct cx_vhca *vhca)
{
	struct mlx5_init_seg __iomem *iseg = cx_iseg(vhca);
	u64 now = ktime_get_ns();

	iowrite32be(upper_32_bits(now), &iseg->internal_timer_h);
	iowrite32be(lower_32_bits(now), &iseg->internal_timer_l);
	if (time_before(jiffies, vhca->beat + BEAT))
		return;
	vhca->beat = jiffies;
	iowrite32be(ioread32be(&iseg->health_counter) + 1,
		    &iseg->health_counter);
}

static bool poll_pf(struct cx_vhca *vhca)
{
	/* What a reset has aborted is over before the next command. */
	bool more = cx_jobs_poll(vhca);

	more |= cx_cmdq_poll(vhca);
	more |= cx_tracker_poll(vhca);
	cx_cq_poll(vhca);
	cx_pages_poll(vhca);
	return more;
}

static bool poll_vf(struct cx_vhca *vhca)
{
	bool more = false;

	mutex_lock(&vhca->lock);
	if (!vhca->no_initiator) {
		more = cx_cmdq_poll(vhca);
		cx_cq_poll(vhca);
	}
	mutex_unlock(&vhca->lock);
	return cx_generator_poll(vhca) || more;
}

static bool vhca_poll(struct virt_function *fn)
{
	struct cx_vhca *vhca = to_cx_vhca(fn);

	if (!virt_function_decodes(fn))
		return false;
	health_beat(vhca);
	return cx_is_pf(vhca) ? poll_pf(vhca) : poll_vf(vhca);
}

static const struct virt_function_ops connectx_ops = {
	.reset = vhca_reset,
	.config_write = config_write,
	.poll = vhca_poll,
};

static int init_vhca(struct connectx *cx, unsigned int id)
{
	struct cx_vhca *vhca = &cx->vhca[id];

	vhca->cx = cx;
	vhca->id = id;
	vhca->fn.ops = &connectx_ops;
	xa_init_flags(&vhca->objects, XA_FLAGS_ALLOC);
	mutex_init(&vhca->lock);
	INIT_LIST_HEAD(&vhca->trackers);
	return cx_state_init(&vhca->state);
}

static void destroy_vhcas(struct connectx *cx)
{
	unsigned int i;

	cx_jobs_cancel(&cx->vhca[0]);
	/* Trackers of the PF point to VFs: free the PF first. */
	for (i = 0; i <= cx->vfs; i++) {
		struct cx_vhca *vhca = &cx->vhca[i];

		cx_objects_reset(vhca);
		cx_pages_reset(vhca);
		cx_state_destroy(&vhca->state);
	}
}

/* Configuration space and BARs. */
static int hca_describe(struct connectx *cx)
{
	struct virt_function *pf = &cx->vhca[0].fn;
	struct virt_function *vfs[CX_MAX_VFS];
	unsigned int i;
	int err;

	virt_config_init(pf, VENDOR_ID, PF_DEVICE_ID, PCI_CLASS);
	err = virt_bus_alloc_bar(pf, 0, CX_BAR_SIZE);
	if (err)
		return err;
	virt_config_msix(pf, CX_VECTORS, 0, CX_BAR_MSIX, CX_BAR_PBA);
	if (!cx->vfs)
		return 0;
	virt_config_sriov(pf, CX_DEVFN(cx->index), VF_DEVICE_ID, cx->vfs, 1);
	for (i = 0; i < cx->vfs; i++) {
		vfs[i] = &cx->vhca[i + 1].fn;
		virt_config_vf(vfs[i], PCI_CLASS);
	}
	err = virt_bus_alloc_vf_bars(pf, vfs, cx->vfs, CX_BAR_SIZE);
	if (err)
		return err;
	for (i = 0; i < cx->vfs; i++)
		virt_config_msix(vfs[i], CX_VECTORS, 0, CX_BAR_MSIX,
				 CX_BAR_PBA);
	return 0;
}

/**
 * virt_connectx_create() - Make a ConnectX and put it on the bus
 * @iommu: The instance that all of its functions are behind
 * @index: Its number, below CX_MAX_DEVICES
 * @vfs: How many virtual functions it can have, CX_MAX_VFS at most
 *
 * Return: The ConnectX, or an ERR_PTR after which nothing of it is on the bus.
 */
struct connectx *virt_connectx_create(struct virt_iommu *iommu,
				      unsigned int index, unsigned int vfs)
{
	struct connectx *cx = kvzalloc_obj(*cx, GFP_KERNEL);
	unsigned int i, added = 0;
	int err = 0;

	if (!cx)
		return ERR_PTR(-ENOMEM);
	cx->index = index;
	cx->vfs = vfs;
	for (i = 0; i <= vfs && !err; i++)
		err = init_vhca(cx, i);
	if (!err)
		err = hca_describe(cx);
	/* Functions that are on the bus leave it with virt_bus_remove(). */
	for (; added <= vfs && !err; added++) {
		struct virt_function *fn = &cx->vhca[added].fn;

		virt_requester_add(&fn->dma, iommu, CX_DEVFN(index) + added);
		err = virt_bus_add(fn, CX_DEVFN(index) + added);
	}
	if (err) {
		virt_bus_remove();
		while (added)
			virt_requester_del(&cx->vhca[--added].fn.dma);
		destroy_vhcas(cx);
		kvfree(cx);
		return ERR_PTR(err);
	}
	return cx;
}

/**
 * virt_connectx_destroy() - After virt_bus_remove()
 * @cx: The device, or NULL
 */
void virt_connectx_destroy(struct connectx *cx)
{
	unsigned int i;

	if (!cx)
		return;
	for (i = 0; i <= cx->vfs; i++)
		virt_requester_del(&cx->vhca[i].fn.dma);
	destroy_vhcas(cx);
	kvfree(cx);
	cx_cmdq_exit();
}
