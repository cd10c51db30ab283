// SPDX-License-Identifier: GPL-2.0-only
/*
 * Has RAM arrived? Each side sends the checksums of its pages, so that each can tell for
 * itself.
 */
#include <stdlib.h>

#include "vmigrate.h"

static void compare_sums(struct report *r, const u64 *ours, const u64 *theirs)
{
	u64 i;

	r->pages = guest_pages(r->guest);
	r->differ = 0;
	for (i = 0; i < r->pages; i++) {
		if (ours[i] == theirs[i])
			continue;
		if (r->differ < MAX_DIFFS)
			r->diffs[r->differ] = guest_page_iova(r->guest, i);
		r->differ++;
	}
}

/**
 * verify_guest() - Compare RAM with that of the other side, by checksums
 * @r: Says which RAM; the result goes here
 * @s: To the other side
 * @first: This side sends before it receives
 *
 * Return: The exit status, STATUS_OK also when pages differ.
 */
int verify_guest(struct report *r, struct stream *s, bool first)
{
	u64 pages = guest_pages(r->guest);
	u64 *theirs = malloc(pages * sizeof(*theirs));
	u64 *ours = guest_sums(r->guest);
	int status = ours && theirs ? STATUS_OK : STATUS_ERROR;

	if (!status && first)
		status = stream_send_sums(s, ours, pages);
	if (!status)
		status = stream_recv_sums(s, theirs, pages);
	if (!status && !first)
		status = stream_send_sums(s, ours, pages);
	if (!status)
		compare_sums(r, ours, theirs);
	free(ours);
	free(theirs);
	return status;
}
