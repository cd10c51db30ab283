// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "personality.h"

#define COUNT(array)	(sizeof(array) / sizeof(*(array)))

/* Those that this project's driver passes; see connectx_quirks_test.c. */
static const char * const quirks[] = {
	"track_running", "resume_ok", "resume_sys", "query_zero", "total_less",
	"next_more", "save_whole", "full_last", "empty_message", "duplicates",
	"outside", "events", "lost_events", "report_alone",
};

static unsigned int below(unsigned int n)
{
	return (unsigned int)random() % n;
}

/**
 * personality_random() - Draw one, with random()
 * @p: Filled in
 * @background: SAVE and LOAD may be in the background
 */
void personality_random(struct personality *p, bool background)
{
	static const unsigned int busy[] = { 0, 6, 9 };
	static const unsigned int rates[] = { 0, 4, 64 };
	unsigned int i;

	memset(p, 0, sizeof(*p));
	p->busy = busy[below(3)];
	p->save_ms = below(100);
	p->rate = rates[below(3)];
	p->report_us = below(3) ? 0 : below(5000);
	p->ids = below(2);
	p->icm = below(2) ? 0 : 32 + below(5);
	if (!background)
		p->busy = 0;
	for (i = 0; i < COUNT(quirks); i++)
		if (!below(3)) {
			strcat(p->quirks, quirks[i]);
			strcat(p->quirks, ",");
		}
}

static int set_number(const char *name, unsigned int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	return virt_set(name, text);
}

/**
 * personality_use() - From now on the firmware is this one
 * @p: Which; NULL for the one that it is without parameters
 *
 * Return: 0, or -errno.
 */
int personality_use(const struct personality *p)
{
	static const struct personality plain;
	int rc;

	if (!p)
		p = &plain;
	rc = virt_set("connectx_quirks", p->quirks);
	rc = rc ? rc : set_number("connectx_busy", p->busy);
	rc = rc ? rc : set_number("connectx_save_ms", p->save_ms);
	rc = rc ? rc : set_number("connectx_rate", p->rate);
	rc = rc ? rc : set_number("connectx_report_us", p->report_us);
	rc = rc ? rc : set_number("connectx_icm", p->icm);
	return rc ? rc : set_number("connectx_ids", p->ids);
}

/**
 * personality_text() - Say which it is
 * @p: The personality
 * @text: What to say
 * @len: Room there, 320 is enough
 */
void personality_text(const struct personality *p, char *text, size_t len)
{
	snprintf(text, len, "busy %u, %u ms, %u MiB/s, report %u us, ids %u, icm %u, %s",
		 p->busy, p->save_ms, p->rate, p->report_us, p->ids, p->icm,
		 p->quirks);
}
