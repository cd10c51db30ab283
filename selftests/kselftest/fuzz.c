// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "fuzz.h"

/**
 * fuzz_open() - Begin
 * @f: Closed by fuzz_close()
 * @seed: Of everything that follows
 *
 * Return: 0, or -errno.
 */
int fuzz_open(struct fuzz *f, __u64 seed)
{
	*f = (struct fuzz){ .state = seed };
	f->arena = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (f->arena == MAP_FAILED)
		return -errno;
	fuzz_arena_fill(f);
	if (mprotect(f->arena + ARENA_RW, ARENA_RW - 4096, PROT_READ) ||
	    mprotect(f->arena + ARENA_SIZE - 4096, 4096, PROT_NONE))
		return -errno;
	return 0;
}

/** fuzz_close() - Give the memory back */
void fuzz_close(struct fuzz *f)
{
	munmap(f->arena, ARENA_SIZE);
}

static __u64 next(struct fuzz *f)
{
	/* splitmix64 */
	__u64 z = f->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

/** fuzz_below() - Less than @n */
__u64 fuzz_below(struct fuzz *f, __u64 n)
{
	return next(f) % n;
}

/** fuzz_chance() - True in @percent of all cases */
bool fuzz_chance(struct fuzz *f, unsigned int percent)
{
	return fuzz_below(f, 100) < percent;
}

/** fuzz_number() - A number at, or just beside, a border */
__u64 fuzz_number(struct fuzz *f)
{
	__u64 n = 0;

	switch (fuzz_below(f, 8)) {
	case 0:
		return fuzz_below(f, 4);
	case 1:
		return next(f);
	case 2:
		n = ~0ull;
		break;
	default:
		n = 1ull << fuzz_below(f, 64);
	}
	switch (fuzz_below(f, 6)) {
	case 0:
		return n - 1;
	case 1:
		return n + 1;
	case 2:
		return n - fuzz_below(f, 5000);
	case 3:
		return n + fuzz_below(f, 5000);
	default:
		return n;
	}
}

/** fuzz_pointer() - A user pointer, a good one more often than not */
__u64 fuzz_pointer(struct fuzz *f)
{
	__u64 arena = (uintptr_t)f->arena;

	switch (fuzz_below(f, 16)) {
	case 0:
		return fuzz_number(f);
	case 1:
		/* The end of user space */
		return 0x7ffffffff000ull - fuzz_below(f, 64);
	case 2:
		/* Wraps */
		return ~0ull - fuzz_below(f, 64);
	case 3:
		/* Fills the last bytes that can be written */
		return arena + ARENA_RW - fuzz_below(f, 64);
	case 4:
		return arena + ARENA_RW + fuzz_below(f, ARENA_RW);
	case 5:
		return arena + fuzz_below(f, ARENA_RW);
	default:
		return arena + 8 * fuzz_below(f, 512);
	}
}

/** fuzz_arena_fill() - Put the pattern into what can be written */
void fuzz_arena_fill(struct fuzz *f)
{
	memset(f->arena, ARENA_FILL, ARENA_RW);
}

/** fuzz_arena_kept() - Is the pattern whole outside of [@from, @from + @length)? */
bool fuzz_arena_kept(struct fuzz *f, __u64 from, __u64 length)
{
	static char page[4096];
	__u64 i, at = (uintptr_t)f->arena;

	if (!page[0])
		memset(page, ARENA_FILL, sizeof(page));
	for (i = 0; i < ARENA_RW; i++) {
		/* Whole pages at once, where they are outside */
		if (!(i % 4096) && (at + i + 4096 <= from || at + i - from >= length) &&
		    !(from >= at + i && from < at + i + 4096) &&
		    !memcmp(f->arena + i, page, 4096)) {
			i += 4095;
			continue;
		}
		if (f->arena[i] != ARENA_FILL && at + i - from >= length)
			return false;
	}
	return true;
}

/** fuzz_violation() - Note what must not be; the first note is kept */
void fuzz_violation(struct fuzz *f, const char *format, ...)
{
	va_list args;

	if (f->violation[0])
		return;
	va_start(args, format);
	vsnprintf(f->violation, sizeof(f->violation), format, args);
	va_end(args);
}

/** fuzz_seed() - SEED, or what the clock says */
__u64 fuzz_seed(void)
{
	const char *value = getenv("SEED");
	struct timespec now;

	if (value && *value)
		return strtoull(value, NULL, 0);
	clock_gettime(CLOCK_REALTIME, &now);
	return (now.tv_sec * 1000 + now.tv_nsec / 1000000) % 1000000000;
}

/** fuzz_seconds() - DURATION */
double fuzz_seconds(double otherwise)
{
	const char *value = getenv("DURATION");

	return value && *value ? strtod(value, NULL) : otherwise;
}
