/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the fuzzers in the VM share: choices that a seed repeats, values that have
 * been mistakes before, and user memory with watched and forbidden parts.
 */
#ifndef _KSELFTEST_FUZZ_H
#define _KSELFTEST_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/types.h>

/* Of it, the first half is ours and the last page cannot be written. */
#define ARENA_SIZE (1ul << 18)
#define ARENA_RW (ARENA_SIZE / 2)
#define ARENA_FILL 0x5a

/**
 * struct fuzz - Choices, and memory for what they point to
 * @state: Of the choices
 * @arena: ARENA_SIZE bytes: ARENA_RW to read and write, a part that only can be
 *	read, and behind it nothing
 * @violation: What the kernel did that it must not, for people; empty if nothing
 */
struct fuzz {
	__u64 state;
	char *arena;
	char violation[256];
};

int fuzz_open(struct fuzz *f, __u64 seed);
void fuzz_close(struct fuzz *f);
__u64 fuzz_below(struct fuzz *f, __u64 n);
bool fuzz_chance(struct fuzz *f, unsigned int percent);
__u64 fuzz_number(struct fuzz *f);
__u64 fuzz_pointer(struct fuzz *f);
void fuzz_arena_fill(struct fuzz *f);
bool fuzz_arena_kept(struct fuzz *f, __u64 from, __u64 length);
void fuzz_violation(struct fuzz *f, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

__u64 fuzz_seed(void);
double fuzz_seconds(double otherwise);

#endif
