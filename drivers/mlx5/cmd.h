/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MLX5VF_CMD_H
#define MLX5VF_CMD_H

#include <linux/bits.h>
#include <linux/completion.h>
#include <linux/errno.h>
#include <linux/mlx5/device.h>
#include <linux/mlx5/driver.h>
#include <linux/mm.h>
#include <linux/refcount.h>
#include <linux/types.h>

struct mlx5vf_device;

/*
 * The largest image that one command saves or loads: its size has 32 bits, and
 * buffers are whole pages.
 */
#define MLX5VF_MAX_IMAGE	((size_t)(BIT_ULL(32) - PAGE_SIZE))

/**
 * struct mlx5vf_size - What firmware says about the state
 * @required: Bytes of buffer that the next SAVE needs, at most MLX5VF_MAX_IMAGE
 * @total: Bytes that are left to save; more than @required if that takes chunks
 * @initial: It is initial data, as the first SAVE of pre-copy makes it
 */
struct mlx5vf_size {
	size_t required;
	u64 total;
	bool initial;
};

/* Which part of the VF a suspend or resume is for. */
enum mlx5vf_part {
	MLX5VF_INITIATOR,	/* what makes the VF issue DMA and interrupts */
	MLX5VF_RESPONDER,	/* what lets it react to accesses */
};

/**
 * enum mlx5vf_outcome - What became of a command
 * @MLX5VF_DONE: Firmware executed it
 * @MLX5VF_REFUSED: Firmware refused it
 * @MLX5VF_NOT_GIVEN: Firmware did not take it, and it had no effect
 * @MLX5VF_UNKNOWN: It was given, and there is no answer that says more
 */
enum mlx5vf_outcome {
	MLX5VF_DONE,
	MLX5VF_REFUSED,
	MLX5VF_NOT_GIVEN,
	MLX5VF_UNKNOWN,
};

/**
 * struct mlx5vf_result - How a command ended
 * @outcome: What became of it
 * @status: Of the firmware, if @outcome is MLX5VF_REFUSED; only cmd.c reads it
 * @err: Error for the user; 0 if @outcome is MLX5VF_DONE, else negative
 */
struct mlx5vf_result {
	enum mlx5vf_outcome outcome;
	u8 status;
	int err;
};

/**
 * struct mlx5vf_cmd - A command
 * @work: mlx5_core's part
 * @mv: The VF
 * @what: Its name, for messages
 * @done: Called when it was answered, possibly in an interrupt; may be NULL
 * @owner: For @done
 * @refs: One of the caller, one of mlx5_core until it has answered
 * @phase: enum mlx5vf_phase of cmd.c; who changes it first decides
 * @answered: Completed by the answer
 * @in: How the command begins, which is the same for all
 * @outlen: Bytes of @out
 * @status: The answer, as mlx5_cmd_check() takes it
 * @out: What firmware wrote
 */
struct mlx5vf_cmd {
	struct mlx5_async_work work;
	struct mlx5vf_device *mv;
	const char *what;
	void (*done)(void *owner);
	void *owner;
	refcount_t refs;
	atomic_t phase;
	struct completion answered;
	u32 in[MLX5_ST_SZ_DW(suspend_vhca_in)];
	int outlen;
	int status;
	u8 out[] __aligned(8);
};

/**
 * mlx5vf_retry_nomem() - Give a command that frees something until it has memory
 * @command: An expression that is 0 or an error
 *
 * A command takes a little memory of the kernel; what it would have freed is
 * lost until the next boot without it. Sleeps, for a second at most.
 *
 * Return: What the last one returned.
 */
#define mlx5vf_retry_nomem(command)					\
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
bool mlx5vf_refused_state(struct mlx5vf_result result);
bool mlx5vf_had_no_effect(struct mlx5vf_result result);

struct mlx5vf_cmd *mlx5vf_cmd_alloc(struct mlx5vf_device *mv, const char *what, int outlen);
void mlx5vf_cmd_put(struct mlx5vf_cmd *cmd);
struct mlx5vf_result mlx5vf_cmd_give(struct mlx5vf_cmd *cmd, void *in, int inlen);
bool mlx5vf_cmd_is_answered(struct mlx5vf_cmd *cmd);
int mlx5vf_cmd_wait(struct mlx5vf_cmd *cmd);
bool mlx5vf_cmd_abandon(struct mlx5vf_cmd *cmd);
struct mlx5vf_result mlx5vf_cmd_result(struct mlx5vf_cmd *cmd);
int mlx5vf_cmd_wait_abandoned(struct mlx5vf_device *mv);

struct mlx5vf_result mlx5vf_exec(struct mlx5vf_device *mv, const char *what, void *in,
				 int inlen, void *out, int outlen);
int mlx5vf_cmd_query_function(struct mlx5vf_device *mv, bool *migratable);
int mlx5vf_cmd_query_vhca_id(struct mlx5vf_device *mv);
struct mlx5vf_result mlx5vf_cmd_suspend(struct mlx5vf_device *mv, enum mlx5vf_part part);
struct mlx5vf_result mlx5vf_cmd_resume(struct mlx5vf_device *mv, enum mlx5vf_part part);
int mlx5vf_cmd_query_state(struct mlx5vf_device *mv, bool incremental,
			   struct mlx5vf_size *size);
struct mlx5vf_result mlx5vf_cmd_load(struct mlx5vf_device *mv, u32 mkey, size_t length,
				     void (*done)(void *owner), void *owner,
				     struct mlx5vf_cmd **given);

#endif
