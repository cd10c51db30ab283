/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random choices that can be repeated: SEED= names the run, ROUND= one round of
 * it. A test is a number of rounds, each of which begins with random_round().
 */
#pragma once

#include <stdbool.h>

void random_init(void);
bool random_round(const char *test, unsigned long *round, unsigned long rounds);
const char *random_repeat(void);

unsigned long rnd(void);
unsigned long rnd_below(unsigned long n);
unsigned long rnd_between(unsigned long first, unsigned long last);
bool rnd_chance(unsigned int percent);
bool rnd_ended(void);

/* Runs the body @rounds times, or for ROUND only; @round counts. */
#define random_rounds(round, rounds)					\
	for ((round) = 0; random_round(__func__, &(round), rounds); (round)++)
