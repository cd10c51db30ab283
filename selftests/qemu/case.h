/* SPDX-License-Identifier: GPL-2.0-only */
/* A line of cases.txt. */
#ifndef _SELFTESTS_QEMU_CASE_H
#define _SELFTESTS_QEMU_CASE_H

#include <stdbool.h>
#include <stddef.h>

#define CASE_DEVICES	2

/**
 * enum outcome - What came of a case
 * @OUTCOME_NONE: No statement
 * @OUTCOME_OK: Migrated, and every word is right
 * @OUTCOME_LOST: QEMU says that it migrated, and words are wrong
 * @OUTCOME_FAILS: The migration failed, and the source continues with every word
 *	right
 * @OUTCOME_BLOCKED: QEMU refused to begin, and so on
 * @OUTCOME_SKIP: This cannot be tried here
 * @OUTCOME_BROKEN: Anything else; right in no case
 */
enum outcome {
	OUTCOME_NONE,
	OUTCOME_OK,
	OUTCOME_LOST,
	OUTCOME_FAILS,
	OUTCOME_BLOCKED,
	OUTCOME_SKIP,
	OUTCOME_BROKEN,
};

/**
 * struct device - A device of a case; the words of cases.txt's second column
 * @off: QEMU is not to use the VF's own log
 * @force: enable-migration=on
 * @mapped: The guest's BAR is the device's
 * @dma: Not a VF but a virtual DMA device
 */
struct device {
	bool off;
	bool force;
	bool mapped;
	bool dma;
};

/**
 * struct qcase - A case; see the head of cases.txt
 * @name: Of the case
 * @where: Which IOMMU
 * @device: What to migrate
 * @nr_devices: How many
 * @legacy: No -object iommufd
 * @type1: And vfio's own container, not iommufd
 * @multifd: The migration uses several channels
 * @ack: And switchover-ack
 * @map: The memory map changes during the migration
 * @serve: With iommufd.serve_hwpt_ioctls
 * @times: So many migrations, one after the other
 * @log: Pages that a VF's log holds, 0 for as many as it does
 * @breaks: iommufd.dirty_break
 * @drop: iommufd_virt.drop_record
 * @warns: How often a QEMU with the tracker says that a log failed
 * @fault: For iommufd_virt.connectx_faults
 * @object: More properties of -object iommufd
 * @tracker_used: This QEMU has the tracker, and is to use it
 * @right: What should come of it
 * @today: What comes of it as long as something is not mended
 * @tracker: What should with a QEMU that uses the tracker (contrib/qemu)
 */
struct qcase {
	char name[32];
	char where[16];
	struct device device[CASE_DEVICES];
	unsigned int nr_devices;
	bool legacy;
	bool type1;
	bool multifd;
	bool ack;
	bool map;
	bool serve;
	unsigned int times;
	unsigned int log;
	unsigned int drop;
	unsigned int warns;
	char breaks[64];
	char fault[64];
	char object[64];
	bool tracker_used;
	enum outcome right;
	enum outcome today;
	enum outcome tracker;
};

bool case_parse(struct qcase *c, char *line);
const char *outcome_name(enum outcome outcome);

#endif
