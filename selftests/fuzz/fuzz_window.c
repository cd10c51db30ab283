// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver that records anything: whatever it says, a window puts into its set
 * what lies in the window, all of that, and nothing else.
 */
#include <linux/limits.h>
#include <linux/minmax.h>

#include <iommufd/dirty_set.h>
#include <iommufd/window.h>
#include "tape.h"
#include "../shim/shim.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* An address near one of the borders that there are. */
static unsigned long address(void)
{
	static const unsigned long near[] = {
		0, 1UL << 12, 1UL << 21, 1UL << 24, 1UL << 30, 1UL << 42,
		1UL << 63, ULONG_MAX - (1UL << 24), ULONG_MAX,
	};
	unsigned long a = near[rnd_below(sizeof(near) / sizeof(*near))];

	switch (rnd_below(4)) {
	case 0:
		return a;
	case 1:
		return a + rnd_below(1 << 16);
	case 2:
		return a - rnd_below(1 << 16);
	default:
		return rnd();
	}
}

static bool has(struct dirty_set *set, unsigned long iova)
{
	unsigned long first, last;

	return dirty_set_next_run(set, iova, iova, &first, &last);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	unsigned long first, last, iova, length, end, granule;
	struct dirty_window window;
	struct dirty_set set;
	bool any;

	tape_load(data, size);
	while (!rnd_ended()) {
		dirty_set_init(&set, 12 + rnd_below(DIRTY_SET_MAX_SHIFT - 11));
		granule = 1UL << set.shift;
		dirty_window_init(&window, &set);
		/* Not larger than what can be mapped */
		window.first = address();
		length = rnd_below(64 * DIRTY_CHUNK_BITS) << set.shift;
		window.last = length > ULONG_MAX - window.first ?
			      ULONG_MAX : window.first + length;
		iova = address();
		length = address();
		dirty_window_record(&window, iova, length);

		end = length - 1 > ULONG_MAX - iova ? ULONG_MAX : iova + length - 1;
		first = max(iova, window.first);
		last = min(end, window.last);
		any = length && first <= last;
		if (window.records != 1)
			fuzz_bug("%lu records", window.records);
		if (any != !dirty_set_empty(&set))
			fuzz_bug("[%#lx, %#lx] in [%#lx, %#lx]: %d", iova, end,
				 window.first, window.last, any);
		if (any && (!has(&set, first) || !has(&set, last) ||
			    !has(&set, first + (last - first) / 2)))
			fuzz_bug("[%#lx, %#lx] is not dirty", first, last);
		if (any && first >= granule && has(&set, first - granule))
			fuzz_bug("%#lx is dirty below %#lx", first - granule, first);
		if (any && last <= ULONG_MAX - granule && has(&set, last + granule))
			fuzz_bug("%#lx is dirty above %#lx", last + granule, last);
		dirty_set_destroy(&set);
		if (shim.nr_live)
			fuzz_bug("%ld chunks leaked", shim.nr_live);
	}
	return 0;
}
