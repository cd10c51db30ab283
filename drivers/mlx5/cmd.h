/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MLX5VF_CMD_H
#define MLX5VF_CMD_H

#include <linux/errno.h>
#include <linux/sizes.h>
#include <linux/types.h>

struct mlx5_async_work;
struct mlx5vf_device;

/*
 * The largest image that is saved or loaded with one command. Commands have 32
 * bits for it; more than this is a mistake of the firmware or a forged stream.
 */
#define MLX5VF_MAX_IMAGE	SZ_1G

/**
 * struct mlx5vf_size - what firmware says about the state
 * @required: bytes of buffer that the next SAVE needs, at most MLX5VF_MAX_IMAGE
 * @total: bytes in all; more than @required if it is saved in chunks
 */
struct mlx5vf_size {
	size_t required;
	u64 total;
};

/* Which part of the VF a suspend or resume is for. */
enum mlx5vf_part {
	MLX5VF_INITIATOR,	/* what makes the VF issue DMA and interrupts */
	MLX5VF_RESPONDER,	/* what lets it react to accesses */
};

/*
 * After these, nobody knows whether firmware did, or will yet do, what it was
 * told.
 */
static inline bool mlx5vf_outcome_unknown(int err)
{
	return err == -EINTR || err == -ETIMEDOUT || err == -ECANCELED;
}

/**
 * mlx5vf_insist - give a command that ends something until there is memory for it
 * @command: an expression that is 0 or an error
 *
 * A command takes a little memory of the kernel; what it would have given back is
 * lost until the next boot without it. Sleeps, for a second at most.
 *
 * Return: what the last one returned.
 */
#define mlx5vf_insist(command)						\
({									\
	unsigned int __left = 50;					\
	int __ret;							\
									\
	for (;;) {							\
		__ret = (command);					\
		if (__ret != -ENOMEM || !--__left)			\
			break;						\
		msleep(20);						\
	}								\
	__ret;								\
})

unsigned long mlx5vf_cmd_limit(void);
int mlx5vf_exec(struct mlx5vf_device *mv, const char *what, void *in, int inlen,
		void *out, int outlen);
int mlx5vf_cmd_query_function(struct mlx5vf_device *mv, bool *migratable);
int mlx5vf_cmd_query_vhca_id(struct mlx5vf_device *mv);
int mlx5vf_cmd_suspend(struct mlx5vf_device *mv, enum mlx5vf_part part);
int mlx5vf_cmd_resume(struct mlx5vf_device *mv, enum mlx5vf_part part);
int mlx5vf_cmd_query_state(struct mlx5vf_device *mv, bool incremental,
			   struct mlx5vf_size *size);
int mlx5vf_cmd_load(struct mlx5vf_device *mv, u32 mkey, size_t length);

#endif
