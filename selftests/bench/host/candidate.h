/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What structures.c compares: ways to keep the dirty leaves of a harvest until they
 * are delivered. One is linked into each program.
 */
#pragma once

/* Pages are numbers; a bit of the bitmap stands for each of them, from 0 on. */
extern const char *const candidate_name;

void candidate_init(void);
void candidate_add(unsigned long first, unsigned long last);
/* Bytes that are held, without the nodes of an xarray */
unsigned long candidate_bytes(void);
/* Set the bits of the first @pages pages, and forget them */
void candidate_deliver(unsigned long *bitmap, unsigned long pages);
