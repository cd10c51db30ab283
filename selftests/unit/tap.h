/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TAP, in place of what greatest prints. What a test that fails has said comes before its
 * line, as comments.
 */
#pragma once

#include <stdio.h>

enum tap_result { TAP_NOT_RUN, TAP_OK, TAP_NOT_OK, TAP_SKIP };

FILE *tap_stream(void);
void tap_begin(void);
void tap_end(const char *name, enum tap_result result, const char *why);
int tap_finish(void);
