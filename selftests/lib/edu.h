/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * QEMU's edu device (docs/specs/edu.rst in QEMU's source) through its vfio character
 * device: PCI, 4 KiB of its own memory, and a DMA engine that copies between that and
 * RAM, one transfer at a time. All functions return 0 (or what they say) or -errno and
 * print nothing.
 */
#ifndef _SELFTESTS_LIB_EDU_H
#define _SELFTESTS_LIB_EDU_H

#include <stdbool.h>
#include <linux/types.h>

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8

#define EDU_ID		0x00
#define EDU_LIVENESS	0x04
#define EDU_IRQ_RAISE	0x60
#define EDU_IRQ_ACK	0x64
#define EDU_DMA_SRC	0x80
#define EDU_DMA_DST	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_CMD	0x98
#define EDU_DMA_START	0x01
#define EDU_DMA_TO_RAM	0x02

/* Its memory, as its DMA engine sees it */
#define EDU_BUFFER	0x40000ull
#define EDU_BUFFER_SIZE	4096u

/**
 * struct edu - An open device
 * @fd: /dev/vfio/devices/vfioN; -1 when closed
 * @dev_id: Its ID in the iommufd
 * @reg: BAR0, mapped
 * @size: Bytes of it
 * @name: PCI address
 */
struct edu {
	int fd;
	__u32 dev_id;
	volatile __u32 *reg;
	__u64 size;
	char name[16];
};

int edu_count(void);
int edu_use(struct edu *e);
int edu_open(struct edu *e, int iommufd, unsigned int index);
void edu_close(struct edu *e);
int edu_attach(struct edu *e, __u32 pt_id, __u32 *out_hwpt);
int edu_detach(struct edu *e);
int edu_bus_master(struct edu *e);

void edu_start(struct edu *e, __u64 src, __u64 dst, __u64 count, __u64 direction);
bool edu_busy(struct edu *e);
int edu_wait(struct edu *e);
int edu_write(struct edu *e, __u64 iova, unsigned int from, unsigned int count);
int edu_read(struct edu *e, __u64 iova, unsigned int to, unsigned int count);

#endif
