/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Firmware of the virtual ConnectX drawn at random: what it does differently
 * (connectx_quirks), how long it takes, and what it calls things.
 */
#ifndef _KSELFTEST_PERSONALITY_H
#define _KSELFTEST_PERSONALITY_H

#include <stdbool.h>
#include <stddef.h>

/**
 * struct personality - The parameters of the firmware
 * @busy: connectx_busy
 * @save_ms: connectx_save_ms
 * @rate: connectx_rate
 * @report_us: connectx_report_us
 * @ids: connectx_ids
 * @icm: connectx_icm
 * @quirks: connectx_quirks
 */
struct personality {
	unsigned int busy;
	unsigned int save_ms;
	unsigned int rate;
	unsigned int report_us;
	unsigned int ids;
	unsigned int icm;
	char quirks[240];
};

void personality_random(struct personality *p, bool background);
int personality_use(const struct personality *p);
void personality_text(const struct personality *p, char *text, size_t len);

#endif
