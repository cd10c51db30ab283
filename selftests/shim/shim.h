/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stand-ins for the kernel that the code under test is compiled against, and the knobs
 * with which a test makes them fail: headers in linux/, and in kernel.h what only the
 * fuzzers need. Where speed is measured those in plain/linux/ come first, which are inline
 * and do not fail.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/**
 * enum shim_fail - Which allocations may fail
 * @SHIM_FAIL_HOOK: Where dirty_test_fail_alloc() is asked
 * @SHIM_FAIL_KZALLOC: kzalloc()
 * @SHIM_FAIL_XA: A new slot of an xarray
 */
enum shim_fail {
	SHIM_FAIL_HOOK = 1 << 0,
	SHIM_FAIL_KZALLOC = 1 << 1,
	SHIM_FAIL_XA = 1 << 2,
	SHIM_FAIL_ANY = 7,
};

/**
 * struct shim - The knobs; shim_reset() turns all of them off
 * @fail_mask: enum shim_fail
 * @fail_permille: How many of a thousand allocations in @fail_mask fail
 * @fail_nth: This one fails, counted from 1; 0 for none
 * @nr_allocs: Allocations asked for in @fail_mask
 * @nr_live: Objects of kzalloc() that were not freed
 * @signal_nth: At this call fatal_signal_pending() begins to be true; 0: never
 * @nr_signal: Calls of it
 * @user: The user buffer, the only user memory there is
 * @user_len: Its bytes
 * @bad: Offset in it at which bytes begin that fault
 * @bad_len: How many
 * @fault_nth: This access faults, counted from 1; 0 for none
 * @nr_user: Accesses
 * @nr_outside: Accesses outside of the buffer: a bug of the code under test
 * @access_open: Between user_access_begin() and user_access_end()
 */
struct shim {
	unsigned int fail_mask;
	unsigned int fail_permille;
	unsigned long fail_nth;
	unsigned long nr_allocs;
	long nr_live;
	unsigned long signal_nth;
	unsigned long nr_signal;
	unsigned char *user;
	size_t user_len;
	size_t bad;
	size_t bad_len;
	unsigned long fault_nth;
	unsigned long nr_user;
	unsigned long nr_outside;
	bool access_open;
};

extern struct shim shim;

void shim_reset(void);
void shim_user(void *buf, size_t len);
void __attribute__((noreturn)) shim_bug(const char *what);

/* For the headers in shim/linux */
void shim_may_sleep(const char *who);
bool shim_signal(void);
void *shim_alloc(size_t size);
void shim_free(void *p);
bool shim_access_begin(const void *p, size_t n);
void shim_access_end(void);
bool shim_get(void *to, const void *from, size_t n);
bool shim_put(void *to, const void *from, size_t n);
unsigned long shim_copy_to_user(void *to, const void *from, size_t n);
