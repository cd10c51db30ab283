/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What "top" shows and records, and "plot" draws.
 */
#ifndef _IOMMUFDCTL_RECORD_H
#define _IOMMUFDCTL_RECORD_H

#include <stdbool.h>
#include <stdint.h>

/* In the first line of a record; another one is not understood */
#define RECORD_VERSION 1

/**
 * struct row - A source of a tracker in an interval
 * @context: Number of the context
 * @tracker: Name of the tracker
 * @device: ID; 0 if it is an HWPT without a device
 * @hwpt: ID
 * @name: Name of the device, or of the HWPT
 * @kind: enum iommu_dirty_source_kind
 * @failed: It has failed, or its tracker is degraded
 * @pending: Bytes that the tracker holds
 * @rate: Bytes dirty per second
 * @harvest_ms: Time of a harvest, on average; 0 if there was none
 */
struct row {
	uint64_t context, device, hwpt;
	char tracker[64];
	char name[32];
	uint64_t kind;
	bool failed;
	uint64_t pending;
	double rate;
	double harvest_ms;
};

/* record.c */
int record_open(const char *name, double interval);
int record_rows(double seconds, const struct row *rows, unsigned int nr);
void record_close(void);

#endif
