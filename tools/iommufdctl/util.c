// SPDX-License-Identifier: GPL-2.0-only
/*
 * What all files use: the options, and messages about failures.
 */
#include <stdarg.h>
#include <stdio.h>

#include "iommufdctl.h"

struct options options;
void (*before_message)(void);

/**
 * fail() - Say on standard error what is wrong, and what to do
 * @fmt: As for printf, without a newline
 *
 * Return: STATUS_ERROR.
 */
int fail(const char *fmt, ...)
{
	va_list args;

	if (before_message)
		before_message();
	fflush(stdout);
	fputs("iommufdctl: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	return STATUS_ERROR;
}
