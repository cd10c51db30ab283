// SPDX-License-Identifier: GPL-2.0-only
/*
 * vfio_log_ops on the page tracker of a virtual DMA device (virt_dma.h).
 *
 * The device takes one command at a time and may be slow. It is waited for
 * uninterruptibly, under log_lock, and not longer than timeout_ms. What a report
 * that was given up had taken out of the device's log is lost, so after that
 * every report fails until the log is stopped.
 */
#include <linux/delay.h>
#include <linux/interval_tree.h>
#include <linux/iova_bitmap.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>

#include "../virt_dma.h"
#include "device.h"

static uint timeout_ms = 20000;
module_param(timeout_ms, uint, 0644);
MODULE_PARM_DESC(timeout_ms, "Longest wait for a command of the page tracker, in milliseconds");

static bool odd_granule;
module_param(odd_granule, bool, 0644);
MODULE_PARM_DESC(odd_granule, "Y: claim a log granule of three pages, which is no power of two");

static bool words;
module_param(words, bool, 0644);
MODULE_PARM_DESC(words, "Y: report and clear the log in words of 64 pages, from the next multiple of 8 pages, as pds-vfio-pci does");

/* Fails while memory space is disabled. */
static int get_reg(struct virt_vfio_device *vv, unsigned int reg, u64 *value)
{
	return vfio_pci_core_ioread64(&vv->core, true, value,
				      vv->core.barmap[VIRT_VFIO_HOST_BAR] + reg);
}

static int set_reg(struct virt_vfio_device *vv, unsigned int reg, u64 value)
{
	return vfio_pci_core_iowrite64(&vv->core, true, value,
				       vv->core.barmap[VIRT_VFIO_HOST_BAR] + reg);
}

static int result_to_errno(u64 result)
{
	switch (result) {
	case VIRT_TRACK_OK:
		return 0;
	case VIRT_TRACK_BUSY:
		return -EBUSY;
	case VIRT_TRACK_BAD_RANGES:
		return -E2BIG;
	case VIRT_TRACK_BAD_ADDRESS:
		return -ERANGE;
	case VIRT_TRACK_BAD_ARGUMENT:
		return -EINVAL;
	default:
		return -EIO;
	}
}

/* Give a command, with its arguments in place, and wait for its end. */
static int log_command(struct virt_vfio_device *vv, u64 what)
{
	unsigned long end = jiffies + msecs_to_jiffies(READ_ONCE(timeout_ms));
	u64 value;
	int ret;

	lockdep_assert_held(&vv->log_lock);
	ret = set_reg(vv, VIRT_TRACK_CTRL, what);
	while (!ret) {
		bool late = time_after(jiffies, end);

		ret = get_reg(vv, VIRT_TRACK_CTRL, &value);
		if (ret || !value)
			break;
		if (late)
			return -ETIMEDOUT;
		usleep_range(200, 500);
	}
	ret = ret ?: get_reg(vv, VIRT_TRACK_RESULT, &value);
	return ret ?: result_to_errno(value);
}

/* The size closest to what was wanted. */
static int choose_page_size(struct virt_vfio_device *vv, u64 *page_size)
{
	u64 sizes;
	int ret;

	if (!is_power_of_2(*page_size))
		return -EINVAL;
	ret = get_reg(vv, VIRT_TRACK_PAGE_SIZES, &sizes);
	if (ret)
		return ret;
	if (!sizes)
		return -EIO;
	*page_size = clamp(*page_size, sizes & -sizes, 1ULL << (fls64(sizes) - 1));
	return 0;
}

static int set_ranges(struct virt_vfio_device *vv, struct rb_root_cached *ranges, u32 nranges)
{
	unsigned int reg = VIRT_TRACK_RANGES;
	struct interval_tree_node *node;
	u64 most;
	int ret;

	ret = get_reg(vv, VIRT_TRACK_MAX_RANGES, &most);
	if (ret)
		return ret;
	if (nranges > min_t(u64, most, VIRT_TRACK_RANGE_MAX))
		return -E2BIG;
	node = interval_tree_iter_first(ranges, 0, ULONG_MAX);
	vv->log_first = node ? node->start : 0;
	for (; node && !ret;
	     node = interval_tree_iter_next(node, 0, ULONG_MAX)) {
		ret = set_reg(vv, reg, node->start);
		ret = ret ?: set_reg(vv, reg + 8, node->last);
		reg += 16;
	}
	return ret ?: set_reg(vv, VIRT_TRACK_NR_RANGES, nranges);
}

static int ranges_start(struct virt_vfio_device *vv, struct rb_root_cached *ranges, u32 nranges,
			u64 *page_size)
{
	u64 size = *page_size;
	int ret;

	if (vv->logging)
		return -EBUSY;
	ret = choose_page_size(vv, &size);
	ret = ret ?: set_reg(vv, VIRT_TRACK_PAGE_SIZE, size);
	ret = ret ?: set_ranges(vv, ranges, nranges);
	ret = ret ?: log_command(vv, VIRT_TRACK_CTRL_START);
	if (ret == -ETIMEDOUT)
		/* It may start yet. */
		log_command(vv, VIRT_TRACK_CTRL_STOP);
	if (ret)
		return ret;
	vv->logging = true;
	vv->log_broken = false;
	*page_size = odd_granule ? 3 * size : size;
	return 0;
}

static int log_start(struct vfio_device *vdev, struct rb_root_cached *ranges, u32 nranges,
		     u64 *page_size)
{
	struct virt_vfio_device *vv = to_virt_vfio(vdev);
	int ret;

	mutex_lock(&vv->log_lock);
	ret = ranges_start(vv, ranges, nranges, page_size);
	mutex_unlock(&vv->log_lock);
	return ret;
}

static int log_stop(struct vfio_device *vdev)
{
	struct virt_vfio_device *vv = to_virt_vfio(vdev);
	int ret = 0;

	mutex_lock(&vv->log_lock);
	if (vv->logging) {
		ret = log_command(vv, VIRT_TRACK_CTRL_STOP);
		vv->logging = ret != 0;
	}
	mutex_unlock(&vv->log_lock);
	return ret;
}

/* What the device put into PAGES, clipped to what is asked for. */
static int record_pages(struct virt_vfio_device *vv, u64 iova, u64 last,
			struct iova_bitmap *bitmap)
{
	u64 count, page_size, page, i;
	int ret;

	ret = get_reg(vv, VIRT_TRACK_COUNT, &count);
	ret = ret ?: get_reg(vv, VIRT_TRACK_PAGE_SIZE, &page_size);
	if (ret)
		return ret;
	if (count > VIRT_TRACK_PAGE_MAX)
		return -EIO;
	for (i = 0; i < count; i++) {
		u64 from, to;

		ret = get_reg(vv, VIRT_TRACK_PAGES + 8 * i, &page);
		if (ret)
			return ret;
		from = max(page, iova);
		to = min(page + page_size - 1, last);
		if (from <= to)
			iova_bitmap_set(bitmap, from, to - from + 1);
	}
	return 0;
}

/* One REPORT: of @length bytes, or of as many as @looked_at says. */
static int log_report(struct virt_vfio_device *vv, u64 iova, u64 length, struct iova_bitmap *bitmap,
		      u64 *looked_at)
{
	int ret;

	ret = set_reg(vv, VIRT_TRACK_IOVA, iova);
	ret = ret ?: set_reg(vv, VIRT_TRACK_LENGTH, length);
	if (ret)
		return ret;
	ret = log_command(vv, VIRT_TRACK_CTRL_REPORT);
	if (ret == -ETIMEDOUT)
		vv->log_broken = true;
	if (ret)
		return ret;
	ret = get_reg(vv, VIRT_TRACK_LOOKED_AT, looked_at);
	if (!ret && (!*looked_at || *looked_at > length))
		ret = -EIO;
	ret = ret ?: record_pages(vv, iova, iova + length - 1, bitmap);
	/* They are not in the device's log any more. */
	if (ret)
		vv->log_broken = true;
	return ret;
}

/* What is read instead of *@length bytes from *@iova on, with @words */
static int to_words(struct virt_vfio_device *vv, unsigned long *iova, unsigned long *length)
{
	u64 page_size, page;
	int ret;

	ret = get_reg(vv, VIRT_TRACK_PAGE_SIZE, &page_size);
	if (ret)
		return ret;
	page = round_up((*iova - vv->log_first) / page_size, BITS_PER_BYTE);
	*iova = vv->log_first + page * page_size;
	*length = round_up(*length, BITS_PER_TYPE(u64) * page_size);
	return 0;
}

static int log_read_and_clear(struct vfio_device *vdev, unsigned long iova,
			      unsigned long length, struct iova_bitmap *bitmap)
{
	struct virt_vfio_device *vv = to_virt_vfio(vdev);
	int ret = 0;

	mutex_lock(&vv->log_lock);
	if (!vv->logging)
		ret = -EINVAL;
	if (!ret && READ_ONCE(words))
		ret = to_words(vv, &iova, &length);
	while (!ret && length) {
		u64 looked_at = 0;

		ret = vv->log_broken ? -EIO : log_report(vv, iova, length, bitmap, &looked_at);
		iova += looked_at;
		length -= looked_at;
	}
	mutex_unlock(&vv->log_lock);
	return ret;
}

const struct vfio_log_ops virt_vfio_log_ops = {
	.log_start = log_start,
	.log_stop = log_stop,
	.log_read_and_clear = log_read_and_clear,
};

/**
 * virt_vfio_log_check() - Find the tracker
 * @vv: A device that has one, just enabled
 *
 * Return: 0, -ENODEV when there is none in BAR 4, or an error of its mapping.
 */
int virt_vfio_log_check(struct virt_vfio_device *vv)
{
	void __iomem *bar = vfio_pci_core_get_iomap(&vv->core, VIRT_VFIO_HOST_BAR);
	u64 id;
	int ret;

	ret = IS_ERR(bar) ? PTR_ERR(bar) : get_reg(vv, VIRT_TRACK_ID, &id);
	if (ret || id == VIRT_TRACK_MAGIC)
		return ret;
	pci_err(vv->core.pdev, "BAR %u is not that of a page tracker\n", VIRT_VFIO_HOST_BAR);
	return -ENODEV;
}

/**
 * virt_vfio_log_close() - The device is about to be closed
 * @vv: The device
 *
 * If it cannot be told, then the reset that follows ends the log.
 */
void virt_vfio_log_close(struct virt_vfio_device *vv)
{
	log_stop(&vv->core.vdev);
	vv->logging = false;
}
