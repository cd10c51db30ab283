// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stand-ins for the kernel: failures on demand, a simulated user buffer, and
 * an xarray that behaves as lib/xarray.c does where the code under test looks:
 * storing in a slot that is in use needs no memory, storing NULL erases, an
 * error is returned as an entry, and an empty array holds no memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <linux/xarray.h>

#include <iommufd/test.h>
#include "../unit/random.h"
#include "shim.h"

struct shim shim;

/* Freed memory is kept to be watched; more of it only makes tests slow. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=8";
}

void shim_reset(void)
{
	shim = (struct shim){};
}

/* What the kernel would not survive. */
void shim_bug(const char *what)
{
	fprintf(stderr, "BUG in the code under test: %s (%s)\n", what,
		random_repeat());
	abort();
}

void shim_may_sleep(const char *who)
{
	if (shim.access_open)
		shim_bug(who);
}

static bool fail(enum shim_fail kind)
{
	if (!(shim.fail_mask & kind))
		return false;
	shim.nr_allocs++;
	return shim.nr_allocs == shim.fail_nth ||
	       (shim.fail_permille && rnd_below(1000) < shim.fail_permille);
}

bool dirty_test_fail_alloc(void)
{
	return fail(SHIM_FAIL_HOOK);
}

bool dirty_test_break(enum dirty_test_break what)
{
	(void)what;
	return false;
}

void *shim_alloc(size_t size)
{
	void *p;

	shim_may_sleep("kzalloc");
	p = fail(SHIM_FAIL_KZALLOC) ? NULL : calloc(1, size);
	shim.nr_live += !!p;
	return p;
}

void shim_free(void *p)
{
	shim.nr_live -= !!p;
	free(p);
}

bool shim_signal(void)
{
	shim_may_sleep("fatal_signal_pending");
	shim.nr_signal++;
	return shim.signal_nth && shim.nr_signal >= shim.signal_nth;
}

void shim_user(void *buf, size_t len)
{
	shim.user = buf;
	shim.user_len = len;
}

/* How many of @n bytes at @p can be reached. */
static size_t user_bytes(const void *p, size_t n)
{
	size_t at = (const unsigned char *)p - shim.user;

	if (at > shim.user_len || n > shim.user_len - at) {
		shim.nr_outside++;
		return 0;
	}
	if (++shim.nr_user == shim.fault_nth)
		return 0;
	if (!shim.bad_len || at + n <= shim.bad || at >= shim.bad + shim.bad_len)
		return n;
	return shim.bad > at ? shim.bad - at : 0;
}

bool shim_access_begin(const void *p, size_t n)
{
	(void)p;
	(void)n;
	shim_may_sleep("user_access_begin");
	shim.access_open = true;
	return true;
}

void shim_access_end(void)
{
	if (!shim.access_open)
		shim_bug("user_access_end without begin");
	shim.access_open = false;
}

bool shim_get(void *to, const void *from, size_t n)
{
	if (!shim.access_open)
		shim_bug("unsafe_get_user without begin");
	if (user_bytes(from, n) < n)
		return false;
	memcpy(to, from, n);
	return true;
}

bool shim_put(void *to, const void *from, size_t n)
{
	if (!shim.access_open)
		shim_bug("unsafe_put_user without begin");
	if (user_bytes(to, n) < n)
		return false;
	memcpy(to, from, n);
	return true;
}

unsigned long shim_copy_to_user(void *to, const void *from, size_t n)
{
	size_t done;

	shim_may_sleep("copy_to_user");
	done = user_bytes(to, n);
	memcpy(to, from, done);
	return n - done;
}

/* The first slot at or after @index. */
static size_t xa_at(const struct xarray *xa, unsigned long index)
{
	size_t lo = 0, hi = xa->nr;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (xa->slots[mid].index < index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool xa_has(const struct xarray *xa, size_t at, unsigned long index)
{
	return at < xa->nr && xa->slots[at].index == index;
}

void *xa_load(struct xarray *xa, unsigned long index)
{
	size_t at = xa_at(xa, index);

	return xa_has(xa, at, index) ? xa->slots[at].entry : NULL;
}

void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	size_t at = xa_at(xa, index);
	void *old = NULL;

	(void)gfp;
	shim_may_sleep("xa_store");
	if (!entry)
		return xa_erase(xa, index);
	if (((unsigned long)entry & 3) == 2)
		shim_bug("xa_store of an internal entry");
	if (xa_has(xa, at, index)) {
		old = xa->slots[at].entry;
	} else {
		if (fail(SHIM_FAIL_XA))
			return xa_mk_internal(-ENOMEM);
		xa->slots = realloc(xa->slots, (xa->nr + 1) * sizeof(*xa->slots));
		memmove(xa->slots + at + 1, xa->slots + at,
			(xa->nr - at) * sizeof(*xa->slots));
		xa->nr++;
	}
	xa->slots[at] = (struct xa_slot){ index, entry };
	return old;
}

void *xa_erase(struct xarray *xa, unsigned long index)
{
	size_t at = xa_at(xa, index);
	void *old;

	if (!xa_has(xa, at, index))
		return NULL;
	old = xa->slots[at].entry;
	xa->nr--;
	memmove(xa->slots + at, xa->slots + at + 1,
		(xa->nr - at) * sizeof(*xa->slots));
	if (!xa->nr)
		xa_destroy(xa);
	return old;
}

void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max,
	      xa_mark_t filter)
{
	size_t at = xa_at(xa, *index);

	if (filter != XA_PRESENT)
		shim_bug("xa_find of marks is not modelled");
	if (at == xa->nr || xa->slots[at].index > max)
		return NULL;
	*index = xa->slots[at].index;
	return xa->slots[at].entry;
}

void *xa_find_after(struct xarray *xa, unsigned long *index, unsigned long max,
		    xa_mark_t filter)
{
	unsigned long next = *index + 1;
	void *entry = next ? xa_find(xa, &next, max, filter) : NULL;

	if (entry)
		*index = next;
	return entry;
}

/* As in the kernel, the entries are the owner's. */
void xa_destroy(struct xarray *xa)
{
	free(xa->slots);
	*xa = (struct xarray){};
}
