/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fuzzer's input as a tape of choices: a caller that asks for a random number gets
 * the next bytes of it. Small questions take few bytes, so that a byte changed is
 * a choice changed. When the tape has ended, all further choices are 0.
 */
#pragma once

#include <stddef.h>

#include "../unit/random.h"

void tape_load(const unsigned char *data, size_t size);
void __attribute__((noreturn, format(printf, 1, 2))) fuzz_bug(const char *what, ...);
