/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests of migration need: two VFs of the virtual ConnectX, the first of
 * which migrates to the second, in one address space with some memory in it.
 */
#ifndef _KSELFTEST_PAIR_H
#define _KSELFTEST_PAIR_H

#include <stdbool.h>
#include <linux/types.h>

#include "fixture.h"
#include "../lib/log.h"
#include "../lib/vf.h"

#define PAIR_RAM	(16ull << 20)
#define PAIR_BASE	0x40000000ull
#define PAIR_PAGES	(PAIR_RAM / PAGE)
#define PAIR_STREAM	(256ull << 20)

/* Modules that drive the VFs; upstream's is there if plan.txt says so */
#define DRIVER_OURS	"/modules/mlx5-vfio-pci.ko"
#define DRIVER_UPSTREAM	"/job/bin/upstream.ko"

/**
 * struct pair - Two VFs
 * @fd: /dev/iommu
 * @ioas_id: IOAS, @ram mapped at PAIR_BASE
 * @ram: PAIR_RAM bytes, zero
 * @src: The first VF
 * @dst: The second
 * @job: What pair_run() has a VF do
 * @stream: Room for PAIR_STREAM bytes of state
 * @length: Bytes there
 */
struct pair {
	int fd;
	__u32 ioas_id;
	char *ram;
	struct vf src;
	struct vf dst;
	struct vf_job job;
	char *stream;
	size_t length;
};

int pair_open(struct pair *p);
void pair_close(struct pair *p);
int pair_open_vf(struct pair *p, struct vf *vf, unsigned int n);
int pair_run(struct pair *p, struct vf *vf);
bool pair_moves(const struct vf *vf);
bool pair_still(const struct vf *vf);
void pair_truth(const struct vf *vf, int truth, __u64 *bits);

int pair_save(struct pair *p, bool precopy);
int pair_load(struct pair *p);
int pair_migrate(struct pair *p, bool precopy);
int pair_sound(struct pair *p);

int firmware_faults(const char *list);
int driver_limit(const char *parameter, unsigned int ms);
int driver_use(const char *path);

int kmsg_open(void);
bool kmsg_says(int kmsg, const char *who, const char *what);

#endif
