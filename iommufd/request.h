/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Requests: what a READ wants of the logs that are on.
 */
#ifndef __IOMMUFD_DIRTY_REQUEST_H
#define __IOMMUFD_DIRTY_REQUEST_H

#include <linux/types.h>

#include "binding.h"

struct dirty_store;

/* Logs that a READ can ask at a time without memory */
#define DIRTY_REQUESTS_FEW 4

/**
 * struct dirty_requests - What a READ wants of all logs
 * @nr: Entries of @request
 * @request: One for each log that was asked: @allocated, or @few
 * @allocated: Memory for as many as there are logs, or NULL
 * @few: Memory for a few
 */
struct dirty_requests {
	unsigned int nr;
	struct dirty_request *request;
	struct dirty_request *allocated;
	struct dirty_request few[DIRTY_REQUESTS_FEW];
};

int dirty_requests_make(struct dirty_store *store, struct dirty_requests *reqs,
			bool mapped, unsigned long first, unsigned long last,
			unsigned long deadline);
int dirty_requests_wait(struct dirty_requests *reqs, unsigned long last,
			unsigned long deadline);
void dirty_requests_free(struct dirty_requests *reqs);

#endif
