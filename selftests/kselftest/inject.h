/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Failures that a kernel with fault injection (make test DEBUG=1) makes for the
 * calling thread: the n-th allocation or copy, or each allocation from some point
 * on.
 */
#ifndef _KSELFTEST_INJECT_H
#define _KSELFTEST_INJECT_H

#include <stdbool.h>

/**
 * struct injector - The files that this is asked of
 * @nth: Which place fails
 * @starve: Whether memory comes to an end
 */
struct injector {
	int nth;
	int starve;
};

int inject_open(struct injector *in);
void inject_close(struct injector *in);
void inject_nth(const struct injector *in, unsigned int n);
bool inject_done(const struct injector *in);
bool inject_all(void);
unsigned int inject_next(unsigned int n, unsigned int each);

int inject_starve(const struct injector *in, unsigned int bytes);
void inject_feed(const struct injector *in);

#endif
