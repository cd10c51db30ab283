/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Calls as data: what fuzz_test calls, and what it should know of each field to
 * get past the first check.
 */
#ifndef _KSELFTEST_FUZZ_CALLS_H
#define _KSELFTEST_FUZZ_CALLS_H

#include <stdbool.h>
#include <linux/types.h>

#define FUZZ_FIELDS 12

/* What is in a field. */
enum kind {
	ANY,		/* a number near a border */
	SIZE,		/* of the structure, most often the right one */
	FLAGS,		/* some of @arg, sometimes others */
	MOSTLY,		/* @arg, sometimes other flags */
	CHOICE,		/* less than @arg, sometimes more */
	ID,		/* of an object of type @arg, or of another, or of one that was */
	NEW_ID,		/* written by the kernel: an object of type @arg */
	ADDRESS,	/* in or near the mapped ranges */
	LENGTH,
	PAGE_BYTES,	/* a page size, or not quite */
	POINTER,	/* to memory of the arena, or not */
	BYTES,		/* the size of what POINTER points to: what it needs, or not */
	MEMORY,		/* to memory that can be mapped */
	DEVICE_FD,
	ZERO,		/* reserved */
};

/* Of objects. */
enum type { IOAS, HWPT, TRACKER, DEVICE, TYPES };

/**
 * struct field - A field of a call's structure
 * @at: Its offset
 * @width: Its bytes; 0 ends the list
 * @kind: What is in it
 * @arg: Of @kind
 */
struct field {
	__u8 at;
	__u8 width;
	__u8 kind;
	__u64 arg;
};

/**
 * struct call - A call
 * @name: For people
 * @request: ioctl number
 * @size: Of its structure
 * @device: To a device, not to /dev/iommu
 * @reports: It writes to POINTER, and only there
 * @errors: What it may fail with, 0-terminated; empty: not looked at
 * @field: Fields; what is not named is 0
 */
struct call {
	const char *name;
	unsigned long request;
	__u32 size;
	bool device;
	bool reports;
	int errors[12];
	struct field field[FUZZ_FIELDS];
};

extern const struct call fuzz_calls[];
extern const unsigned int fuzz_nr_calls;

#endif
