/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Intel's 82574L (e1000e) and 82576 (igb; virtual functions: igbvf) through their vfio
 * character device: one receive and one transmit ring of the first queue, and loopback,
 * in which the device receives each frame that it sends. A frame is read from memory that
 * lies behind the rings, and written to where the caller wants it; both descriptors are
 * written back. Registers and descriptors are those of Intel's datasheets ("Intel 82574 GbE
 * Controller Family", "Intel 82576EB Gigabit Ethernet Controller"), so far as QEMU has
 * them. All functions return 0 (or what they say) or -errno and print nothing.
 */
#ifndef _SELFTESTS_LIB_NIC_H
#define _SELFTESTS_LIB_NIC_H

#include <stdbool.h>
#include <linux/types.h>

#define NIC_RING	512u	/* descriptors */
#define NIC_DESC	16u	/* bytes of one */
#define NIC_BURST	16u	/* frames that are sent at a time */
#define NIC_ROOM	2048u	/* for a frame */
#define NIC_SHORTEST	64u
#define NIC_LONGEST	1504u	/* lengths and addresses are multiples of 16 */

/* What nic_begin() takes: the rings, and the frames to be sent, which are only read */
#define NIC_RX_RING	0u
#define NIC_TX_RING	(NIC_RING * NIC_DESC)
#define NIC_FRAMES	(2 * NIC_RING * NIC_DESC)
#define NIC_MEMORY	(NIC_FRAMES + (NIC_BURST + 2) * NIC_ROOM)

struct nic_chip;

/**
 * struct nic - An open device
 * @fd: /dev/vfio/devices/vfioN; -1 when closed
 * @dev_id: Its ID in the iommufd
 * @chip: What differs between the two
 * @reg: BAR0, mapped
 * @size: Bytes of it
 * @name: PCI address
 * @mac: Its address
 * @memory: NIC_MEMORY bytes
 * @iova: Where the device finds them
 * @rx: The next descriptor to be received into
 * @tx: The next to be sent from
 * @dropped: The device has not read something, and will drop a frame
 */
struct nic {
	int fd;
	__u32 dev_id;
	const struct nic_chip *chip;
	volatile __u32 *reg;
	__u64 size;
	char name[16];
	__u8 mac[6];
	char *memory;
	__u64 iova;
	unsigned int rx;
	unsigned int tx;
	bool dropped;
};

/**
 * struct nic_frame - A frame, and what has become of it
 * @iova: Where it is to be received
 * @to: The memory that is mapped there
 * @length: Bytes
 * @number: In each word of its data; 0 for one that no other frame of this process has
 * @intact: Out: all of it is there
 */
struct nic_frame {
	__u64 iova;
	char *to;
	unsigned int length;
	__u32 number;
	bool intact;
};

/** struct nic_write - Bytes within a page that the device has written */
struct nic_write {
	__u64 iova;
	unsigned int length;
};

/* Of each frame: two descriptors, and two pages; and one more descriptor */
#define NIC_WRITES (4 * NIC_BURST + 1)

int nic_count(void);
int nic_index(const char *name);
int nic_kind_count(const char *name);
const char *nic_chip_name(const struct nic *n);
int nic_open(struct nic *n, int iommufd, unsigned int index);
void nic_close(struct nic *n);
int nic_begin(struct nic *n, void *memory, __u64 iova);
void nic_stop(struct nic *n);
int nic_resume(struct nic *n, unsigned int rx, unsigned int tx);
void nic_prepare(struct nic *n, struct nic_frame *frames, unsigned int nr);
int nic_go(struct nic *n, struct nic_frame *frames, unsigned int nr, struct nic_write *writes);
int nic_send(struct nic *n, struct nic_frame *frames, unsigned int nr,
	     struct nic_write *writes);
bool nic_frame_is(const struct nic_frame *f);

int nic_vfs_make(unsigned int nr);
int nic_vfs_remove(void);

#endif
