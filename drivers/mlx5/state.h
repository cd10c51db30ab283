/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MLX5VF_STATE_H
#define MLX5VF_STATE_H

#include <linux/vfio.h>

struct file *mlx5vf_set_state(struct vfio_device *vdev, enum vfio_device_mig_state to);
int mlx5vf_get_state(struct vfio_device *vdev, enum vfio_device_mig_state *state);
int mlx5vf_get_data_size(struct vfio_device *vdev, unsigned long *length);

#endif
