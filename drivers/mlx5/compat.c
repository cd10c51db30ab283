// SPDX-License-Identifier: GPL-2.0-only
/*
 * Can the state of one VF be loaded into another? Firmware has the last word, but says
 * little, and late. NVIDIA's rule is that both PFs are the same board (PSID) with the
 * same version of the firmware.
 */
#include <linux/mlx5/driver.h>
#include <linux/random.h>
#include <linux/string.h>

#include "compat.h"
#include "device.h"
#include "stream.h"

static void get_psid(struct mlx5_core_dev *mdev, char *psid)
{
	memcpy_and_pad(psid, MLX5VF_PSID_LENGTH, mdev->board_id,
		       strnlen(mdev->board_id, MLX5VF_PSID_LENGTH), 0);
}

/**
 * mlx5vf_start_make() - Say what a stream is of
 * @mv: The VF that is saved; attached
 * @several: There will be more than one image
 * @start: Filled in
 */
void mlx5vf_start_make(struct mlx5vf_device *mv, bool several, struct mlx5vf_start *start)
{
	struct mlx5_core_dev *mdev = mv->mdev;
	u32 flags = MLX5VF_START_SUMS;

	if (mv->chunks)
		flags |= MLX5VF_START_CHUNKS;
	if (several)
		flags |= MLX5VF_START_SEVERAL;
	*start = (struct mlx5vf_start){
		.stream = cpu_to_le64(get_random_u64()),
		.version = cpu_to_le32(MLX5VF_STREAM_VERSION),
		.flags = cpu_to_le32(flags),
		.vendor = cpu_to_le16(mv->core.pdev->vendor),
		.device = cpu_to_le16(mv->core.pdev->device),
		.fw = {
			cpu_to_le16(fw_rev_maj(mdev)),
			cpu_to_le16(fw_rev_min(mdev)),
			cpu_to_le16(fw_rev_sub(mdev)),
		},
	};
	get_psid(mdev, start->psid);
}

static bool same_firmware(struct mlx5_core_dev *mdev, const struct mlx5vf_start *start)
{
	char psid[MLX5VF_PSID_LENGTH];

	get_psid(mdev, psid);
	return !memcmp(psid, start->psid, sizeof(psid)) &&
	       le16_to_cpu(start->fw[0]) == fw_rev_maj(mdev) &&
	       le16_to_cpu(start->fw[1]) == fw_rev_min(mdev) &&
	       le16_to_cpu(start->fw[2]) == fw_rev_sub(mdev);
}

/**
 * mlx5vf_start_check() - Is a stream of a VF that this one can go on for?
 * @mv: The VF that is loaded; state_lock held, and its session is not over
 * @start: What the stream says; its checksum was right
 * @why: Set to why not
 *
 * Return: 0 or -EOPNOTSUPP.
 */
int mlx5vf_start_check(struct mlx5vf_device *mv, const struct mlx5vf_start *start,
		       const char **why)
{
	struct mlx5_core_dev *mdev = mv->mdev;
	u32 flags = le32_to_cpu(start->flags), known = MLX5VF_START_SUMS;

	lockdep_assert_held(&mv->state_lock);
	*why = "it is of another version of this driver";
	if (start->version != cpu_to_le32(MLX5VF_STREAM_VERSION))
		return -EOPNOTSUPP;
	*why = "it is of another kind of device";
	if (le16_to_cpu(start->vendor) != mv->core.pdev->vendor ||
	    le16_to_cpu(start->device) != mv->core.pdev->device)
		return -EOPNOTSUPP;
	*why = "it is of another firmware, and the board and version must be the same";
	if (!same_firmware(mdev, start)) {
		dev_err_ratelimited(mlx5vf_dev(mv), "the migration data is of firmware %u.%u.%04u, PSID %*pE; here it is %u.%u.%04u, PSID %.*s\n",
				    le16_to_cpu(start->fw[0]), le16_to_cpu(start->fw[1]),
				    le16_to_cpu(start->fw[2]),
				    (int)strnlen(start->psid, MLX5VF_PSID_LENGTH), start->psid,
				    fw_rev_maj(mdev), fw_rev_min(mdev), fw_rev_sub(mdev),
				    MLX5VF_PSID_LENGTH, mdev->board_id);
		return -EOPNOTSUPP;
	}
	*why = "the firmware cannot load state in so many parts";
	if (mv->chunks)
		known |= MLX5VF_START_CHUNKS;
	if (mv->multi)
		known |= MLX5VF_START_SEVERAL;
	return flags & MLX5VF_START_REQUIRED & ~known ? -EOPNOTSUPP : 0;
}
