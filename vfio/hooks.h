/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the lines added to upstream's vfio (hooks/) call.
 */
#ifndef __VFIO_DIRTY_HOOKS_H
#define __VFIO_DIRTY_HOOKS_H

#include <linux/kconfig.h>
#include <linux/vfio.h>

#if defined(CONFIG_IOMMUFD_DIRTY) && IS_ENABLED(CONFIG_IOMMUFD)
int vfio_dirty_attach(struct vfio_device *vdev);
void vfio_dirty_close(struct vfio_device *vdev);
int vfio_dirty_log_start(struct vfio_device *vdev, struct rb_root_cached *ranges,
			 u32 nnodes, u64 *page_size);
int vfio_dirty_log_stop(struct vfio_device *vdev);
void vfio_dirty_migration(struct vfio_device *vdev, u32 state, bool failed);
int vfio_dirty_log_read(struct vfio_device *vdev, unsigned long iova,
			unsigned long length, struct iova_bitmap *dirty);
#else /* upstream's behaviour */
static inline int vfio_dirty_attach(struct vfio_device *vdev)
{
	return 0;
}

static inline void vfio_dirty_close(struct vfio_device *vdev)
{
}

static inline void vfio_dirty_migration(struct vfio_device *vdev, u32 state,
					bool failed)
{
}

static inline int vfio_dirty_log_start(struct vfio_device *vdev,
				       struct rb_root_cached *ranges, u32 nnodes,
				       u64 *page_size)
{
	return vdev->log_ops->log_start(vdev, ranges, nnodes, page_size);
}

static inline int vfio_dirty_log_stop(struct vfio_device *vdev)
{
	return vdev->log_ops->log_stop(vdev);
}

static inline int vfio_dirty_log_read(struct vfio_device *vdev,
				      unsigned long iova, unsigned long length,
				      struct iova_bitmap *dirty)
{
	return vdev->log_ops->log_read_and_clear(vdev, iova, length, dirty);
}
#endif

#endif
