// SPDX-License-Identifier: GPL-2.0-only
/* Intel network controllers opened through their vfio character device; see nic.h. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cdev.h"
#include "nic.h"
#include "sysfs.h"

#define PAGE		4096u
#define WAIT_US		20000000u

#define CTRL		0x00000
#define CTRL_RST	(1u << 26)
#define STATUS		0x00008
#define STATUS_LU	(1u << 1)
#define MDIC		0x00020
#define MDIC_PHY	(1u << 21)
#define MDIC_WRITE	(1u << 26)
#define MDIC_READY	(1u << 28)
#define IMC		0x000d8
#define EIMC		0x01528
#define RCTL		0x00100
#define RCTL_EN		(1u << 1)
#define RCTL_LBM_MAC	(1u << 6)
#define RCTL_SECRC	(1u << 26)
#define TCTL		0x00400
#define TCTL_EN		(1u << 1)
#define TCTL_PSP	(1u << 3)
#define RAL		0x05400
#define RAH		0x05404
#define RFCTL		0x05008
#define RFCTL_EXSTEN	(1u << 15)

/* The PHY's control register, of IEEE 802.3 */
#define BMCR		(0u << 16)
#define BMCR_AUTONEG	0x1000u
#define BMCR_RESTART	0x0200u

/* Of a virtual function: what it asks the physical one, and the answer */
#define MAILBOX		0x00c40
#define MAILBOX_REQ	(1u << 0)
#define MAILBOX_ACK	(1u << 1)
#define MAILBOX_VFU	(1u << 2)
#define MAILBOX_PFSTS	(1u << 4)
#define MESSAGE		0x00800
#define MESSAGE_RESET	0x00000001u
#define MESSAGE_ADDRESS	0x00000002u
#define MESSAGE_TYPE	0x0000ffffu
#define MESSAGE_ACK	0x80000000u
#define MESSAGE_NACK	0x40000000u

/* From the first register of a ring on */
#define BAL		0x00
#define BAH		0x04
#define LEN		0x08
#define SRRCTL		0x0c
#define SRRCTL_ONE	(1u << 25)
#define HEAD		0x10
#define TAIL		0x18
#define DCTL		0x28
#define DCTL_ENABLE	(1u << 25)

#define TXD_EOP		(1u << 24)
#define TXD_IFCS	(1u << 25)
#define TXD_RS		(1u << 27)
#define TXD_DEXT	(1u << 29)

/**
 * struct nic_chip - A kind of controller
 * @name: Of its Linux driver
 * @device: PCI device ID
 * @rx: First register of the receive ring
 * @tx: First register of the transmit ring
 * @data: What says in a transmit descriptor that it has data
 * @advanced: Advanced descriptors and SRRCTL, else extended ones, which are the same
 *	as far as they are used here
 * @vf: A virtual function, whose physical one Linux drives
 */
static const struct nic_chip {
	const char *name;
	unsigned int device;
	unsigned int rx;
	unsigned int tx;
	__u32 data;
	bool advanced;
	bool vf;
} chips[] = {
	{ "e1000e", 0x10d3, 0x02800, 0x03800, 1u << 20, false, false },
	{ "igb", 0x10c9, 0x0c000, 0x0e000, 3u << 20, true, false },
	{ "igbvf", 0x10ca, 0x02800, 0x03800, 3u << 20, true, true },
};

#define NR_CHIPS (sizeof(chips) / sizeof(*chips))
#define INTEL	0x8086

/* A descriptor, before the device has written to it */
struct desc {
	__u64 address;
	__u32 command;
	__u32 status;
};

/** nic_count() - How many there are, of all kinds, or -errno */
int nic_count(void)
{
	unsigned int i;
	int n, count = 0;

	for (i = 0; i < NR_CHIPS; i++) {
		n = sysfs_pci_count(INTEL, chips[i].device);
		if (n < 0)
			return n;
		count += n;
	}
	return count;
}

/** nic_index() - For nic_open(), the first device of the kind @name, or -ENODEV */
int nic_index(const char *name)
{
	unsigned int i;
	int n, index = 0;

	for (i = 0; i < NR_CHIPS; i++) {
		n = sysfs_pci_count(INTEL, chips[i].device);
		if (n < 0)
			return n;
		if (!strcmp(name, chips[i].name))
			return n ? index : -ENODEV;
		index += n;
	}
	return -ENODEV;
}

/** nic_kind_count() - How many there are of the kind @name, or -errno */
int nic_kind_count(const char *name)
{
	unsigned int i;

	for (i = 0; i < NR_CHIPS; i++)
		if (!strcmp(name, chips[i].name))
			return sysfs_pci_count(INTEL, chips[i].device);
	return -ENODEV;
}

/** nic_chip_name() - Of its Linux driver */
const char *nic_chip_name(const struct nic *n)
{
	return n->chip->name;
}

static int find(struct nic *n, unsigned int index)
{
	unsigned int i;
	int count;

	for (i = 0; i < NR_CHIPS; i++) {
		n->chip = &chips[i];
		count = sysfs_pci_count(INTEL, chips[i].device);
		if (count < 0)
			return count;
		if (index < (unsigned int)count)
			return sysfs_pci_find(INTEL, chips[i].device, index, n->name,
					      sizeof(n->name));
		index -= count;
	}
	return -ENODEV;
}

/**
 * nic_open() - Give a device to vfio-pci and open it, ready to be attached
 * @n: Filled in
 * @iommufd: To bind it to; must stay open as long as the device
 * @index: Which of them, from 0: first all e1000e, then all igb and igbvf, in order of address
 *
 * Return: 0, or -errno.
 */
int nic_open(struct nic *n, int iommufd, unsigned int index)
{
	void *registers;
	int rc;

	*n = (struct nic){ .fd = -1 };
	rc = find(n, index);
	if (!rc)
		rc = sysfs_pci_bind(n->name, "vfio-pci");
	if (!rc)
		rc = cdev_open(n->name, iommufd, &n->fd, &n->dev_id);
	if (!rc)
		rc = cdev_bus_master(n->fd, true);
	if (!rc)
		rc = cdev_map_bar0(n->fd, &registers, &n->size);
	if (!rc)
		n->reg = registers;
	else
		nic_close(n);
	return rc;
}

/** nic_close() - Close it; one that is closed already is left alone */
void nic_close(struct nic *n)
{
	if (n->reg)
		munmap((void *)n->reg, n->size);
	n->reg = NULL;
	if (n->fd >= 0)
		close(n->fd);
	n->fd = -1;
}

static __u32 get(const struct nic *n, unsigned int at)
{
	return n->reg[at / 4];
}

static void set(struct nic *n, unsigned int at, __u32 value)
{
	n->reg[at / 4] = value;
}

/* Until a register has all of @bits, or, if @equal, is @bits */
static int wait_for(const struct nic *n, unsigned int at, __u32 bits, bool equal)
{
	const unsigned int pause = 50;
	unsigned int us;

	for (us = 0; us < WAIT_US; us += pause) {
		__u32 value = get(n, at);

		if (equal ? value == bits : (value & bits) == bits)
			return 0;
		usleep(pause);
	}
	return -ETIMEDOUT;
}

/* The 82576 has no link after a reset; QEMU's negotiates with itself. */
static int link_up(struct nic *n)
{
	int rc;

	if (get(n, STATUS) & STATUS_LU)
		return 0;
	set(n, MDIC, MDIC_WRITE | MDIC_PHY | BMCR | BMCR_AUTONEG | BMCR_RESTART);
	rc = wait_for(n, MDIC, MDIC_READY, false);
	return rc ? rc : wait_for(n, STATUS, STATUS_LU, false);
}

static int reset(struct nic *n)
{
	__u64 address;
	int rc;

	set(n, CTRL, get(n, CTRL) | CTRL_RST);
	usleep(1000);
	set(n, IMC, ~0u);
	if (n->chip->advanced)
		set(n, EIMC, ~0u);
	rc = link_up(n);
	address = (__u64)get(n, RAH) << 32 | get(n, RAL);
	memcpy(n->mac, &address, sizeof(n->mac));
	return rc;
}

/* Ask the physical function, which may say something else before it answers. */
static int ask(struct nic *n, __u32 type)
{
	__u32 answer, address[2] = {};
	int rc;

	memcpy(address, n->mac, sizeof(n->mac));
	set(n, MAILBOX, MAILBOX_VFU);
	rc = wait_for(n, MAILBOX, MAILBOX_VFU, false);
	if (rc)
		return rc;
	set(n, MESSAGE, type);
	set(n, MESSAGE + 4, address[0]);
	set(n, MESSAGE + 8, address[1]);
	set(n, MAILBOX, MAILBOX_REQ);
	do {
		rc = wait_for(n, MAILBOX, MAILBOX_PFSTS, false);
		if (rc)
			return rc;
		answer = get(n, MESSAGE);
		set(n, MAILBOX, MAILBOX_ACK);
	} while ((answer & MESSAGE_TYPE) != type || !(answer & (MESSAGE_ACK | MESSAGE_NACK)));
	return answer & MESSAGE_ACK ? 0 : -EACCES;
}

/*
 * The physical function has to let a virtual one use its queues again. It refuses to say
 * which address that has if there is none, so here it gets one, from its PCI address.
 */
static int reset_vf(struct nic *n)
{
	int rc;

	set(n, CTRL, CTRL_RST);
	usleep(1000);
	rc = ask(n, MESSAGE_RESET);
	if (rc && rc != -EACCES)
		return rc;
	n->mac[0] = 2;
	memcpy(n->mac + 1, n->name + strlen(n->name) - 5, 5);
	return ask(n, MESSAGE_ADDRESS);
}

static void ring_begin(struct nic *n, unsigned int ring, __u64 iova, unsigned int at)
{
	set(n, ring + BAL, iova);
	set(n, ring + BAH, iova >> 32);
	set(n, ring + LEN, NIC_RING * NIC_DESC);
	set(n, ring + HEAD, at);
	set(n, ring + TAIL, at);
	if (n->chip->advanced)
		set(n, ring + DCTL, DCTL_ENABLE);
}

static void rings_end(struct nic *n)
{
	if (!n->chip->vf) {
		set(n, RCTL, 0);
		set(n, TCTL, 0);
	}
	if (n->chip->advanced) {
		set(n, n->chip->rx + DCTL, 0);
		set(n, n->chip->tx + DCTL, 0);
	}
}

/* Both rings empty, and from these descriptors on */
static void rings_begin(struct nic *n, unsigned int rx, unsigned int tx)
{
	rings_end(n);
	if (n->chip->advanced)
		set(n, n->chip->rx + SRRCTL, SRRCTL_ONE | NIC_ROOM >> 10);
	else
		set(n, RFCTL, RFCTL_EXSTEN);
	ring_begin(n, n->chip->rx, n->iova + NIC_RX_RING, rx);
	ring_begin(n, n->chip->tx, n->iova + NIC_TX_RING, tx);
	/* What is for its own address, without the checksum; a virtual one has a switch */
	if (!n->chip->vf) {
		set(n, RCTL, RCTL_EN | RCTL_LBM_MAC | RCTL_SECRC);
		set(n, TCTL, TCTL_EN | TCTL_PSP);
	}
	n->rx = rx;
	n->tx = tx;
}

/**
 * nic_begin() - Reset the device, and begin with empty rings, in loopback
 * @n: Open; need not be attached
 * @memory: NIC_MEMORY bytes that the device can use, aligned to a page
 * @iova: Where they are mapped, or will be
 *
 * Return: 0, or -errno: ETIMEDOUT there is no link, or the physical function does
 * not answer.
 */
int nic_begin(struct nic *n, void *memory, __u64 iova)
{
	int rc;

	n->memory = memory;
	n->iova = iova;
	rc = n->chip->vf ? reset_vf(n) : reset(n);
	if (!rc)
		rings_begin(n, 0, 0);
	return rc;
}

/**
 * nic_stop() - Stop both rings, and forbid DMA
 * @n: After nic_begin(), with nothing under way
 */
void nic_stop(struct nic *n)
{
	rings_end(n);
	cdev_bus_master(n->fd, false);
}

/**
 * nic_resume() - Continue after nic_stop(), of this device or of another
 * @n: After nic_begin(), with the memory that the rings are in now
 * @rx: The next descriptor to be received into
 * @tx: The next to be sent from
 *
 * Return: 0, or -errno.
 */
int nic_resume(struct nic *n, unsigned int rx, unsigned int tx)
{
	int rc = cdev_bus_master(n->fd, true);

	if (!rc)
		rings_begin(n, rx % NIC_RING, tx % NIC_RING);
	return rc;
}

static char *frame_at(const struct nic *n, unsigned int i)
{
	return n->memory + NIC_FRAMES + i * NIC_ROOM;
}

static __u64 frame_word(__u32 number, unsigned int at)
{
	return (__u64)number << 32 | at;
}

/*
 * To its own address, with the type for local experiments. The number is in its source
 * address and in each word of its data, so that no 16 bytes of it, at multiples of 16, are in
 * a frame with another number.
 */
static void frame_fill(const struct nic *n, char *frame, unsigned int length, __u32 number)
{
	unsigned int at;
	__u64 word;

	for (at = 0; at < length; at += 8) {
		word = frame_word(number, at);
		memcpy(frame + at, &word, 8);
	}
	memcpy(frame, n->mac, sizeof(n->mac));
	frame[6] = frame[7] = 2;
	memcpy(frame + 8, &number, 4);
	frame[12] = 0x88;
	frame[13] = 0xb5;
}

/**
 * nic_frame_is() - Is this frame in memory, whichever device has received it?
 * @f: Its length and number, and where it was received
 *
 * Return: All of its data is there; its header is not looked at.
 */
bool nic_frame_is(const struct nic_frame *f)
{
	unsigned int at;
	__u64 word;

	for (at = 16; at < f->length; at += 8) {
		memcpy(&word, f->to + at, 8);
		if (word != frame_word(f->number, at))
			return false;
	}
	return true;
}

static struct desc *desc_at(const struct nic *n, unsigned int ring, unsigned int index)
{
	return (struct desc *)(n->memory + ring) + index % NIC_RING;
}

static struct desc rx_desc(const struct nic_frame *f)
{
	return (struct desc){ .address = f->iova };
}

static struct desc tx_desc(const struct nic *n, unsigned int i, unsigned int length)
{
	return (struct desc){
		.address = n->iova + NIC_FRAMES + i * NIC_ROOM,
		.command = length | n->chip->data | TXD_DEXT | TXD_EOP | TXD_IFCS |
			   TXD_RS,
		.status = n->chip->advanced ? length << 14 : 0,
	};
}

/* What a device has written is something else than what we wrote there */
static unsigned int desc_written(const struct nic *n, unsigned int ring,
				 unsigned int index, struct desc was,
				 struct nic_write *write)
{
	if (!memcmp(desc_at(n, ring, index), &was, sizeof(was)))
		return 0;
	*write = (struct nic_write){
		.iova = n->iova + ring + index % NIC_RING * NIC_DESC,
		.length = NIC_DESC,
	};
	return 1;
}

/*
 * What is of frame @sent where @f was to be received. If that lies in two pages, each is written
 * by itself. Of each the begin or the end is enough: another frame of the burst, or a
 * refusal, may have taken the rest.
 */
static unsigned int pages_written(const struct nic_frame *f, const char *sent,
				  unsigned int size, struct nic_write *writes)
{
	unsigned int at, length, nr = 0;

	for (at = 0; at < size; at += length) {
		length = PAGE - (f->iova + at) % PAGE;
		if (length > size - at)
			length = size - at;
		if (!memcmp(f->to + at, sent + at, 16) ||
		    !memcmp(f->to + at + length - 16, sent + at + length - 16, 16))
			writes[nr++] = (struct nic_write){
				.iova = f->iova + at, .length = length,
			};
	}
	return nr;
}

/* If frames are lost, those that follow them are received in their places. */
static unsigned int frame_written(const struct nic *n, struct nic_frame *frames,
				  unsigned int i, unsigned int nr, struct nic_write *writes)
{
	unsigned int k, written = 0;

	for (k = i; !written && k < nr; k++)
		written = pages_written(&frames[i], frame_at(n, k), frames[k].length, writes);
	frames[i].intact = !memcmp(frames[i].to, frame_at(n, i), frames[i].length);
	return written;
}

/* Ring both bells, and wait. */
static int send(struct nic *n)
{
	int rc;

	atomic_thread_fence(memory_order_seq_cst);
	set(n, n->chip->rx + TAIL, n->rx);
	set(n, n->chip->tx + TAIL, n->tx);
	rc = wait_for(n, n->chip->tx + HEAD, n->tx, true);
	atomic_thread_fence(memory_order_seq_cst);
	return rc;
}

/**
 * nic_prepare() - Write frames and descriptors, which the device does not look at yet
 * @n: After nic_begin()
 * @frames: The frames; may lie in two pages each. Those without a number get one
 * @nr: How many, up to NIC_BURST
 *
 * After it could not read a descriptor or a frame, QEMU's device drops the next frame. So
 * the first one is for nobody then.
 */
void nic_prepare(struct nic *n, struct nic_frame *frames, unsigned int nr)
{
	static atomic_uint numbers;
	unsigned int i;

	if (n->dropped) {
		memset(frame_at(n, NIC_BURST), 0, NIC_ROOM);
		*desc_at(n, NIC_TX_RING, n->tx) = tx_desc(n, NIC_BURST, NIC_SHORTEST);
	}
	for (i = 0; i < nr; i++) {
		if (!frames[i].number)
			frames[i].number = ++numbers;
		frame_fill(n, frame_at(n, i), frames[i].length, frames[i].number);
		*desc_at(n, NIC_RX_RING, n->rx + i) = rx_desc(&frames[i]);
		*desc_at(n, NIC_TX_RING, n->tx + n->dropped + i) =
			tx_desc(n, i, frames[i].length);
	}
}

/**
 * nic_go() - Send what nic_prepare() has prepared, and receive it
 * @n: The device
 * @frames: The frames
 * @nr: How many
 * @writes: Out: what the device has written, by what is in memory; NIC_WRITES at most
 *
 * What the IOMMU refuses is lost: a frame or descriptor that cannot be read, a buffer
 * or descriptor that cannot be written. QEMU's devices have done all when their head
 * has come to the tail.
 *
 * Return: The number of writes, or -errno.
 */
int nic_go(struct nic *n, struct nic_frame *frames, unsigned int nr, struct nic_write *writes)
{
	unsigned int i, rx = n->rx, tx = n->tx, nr_writes = 0;
	bool nothing = n->dropped;
	int rc;

	n->rx = (rx + nr) % NIC_RING;
	n->tx = (tx + nothing + nr) % NIC_RING;
	rc = send(n);
	if (rc)
		return rc;
	if (nothing)
		nr_writes += desc_written(n, NIC_TX_RING, tx++,
					  tx_desc(n, NIC_BURST, NIC_SHORTEST), writes);
	n->dropped = false;
	for (i = 0; i < nr; i++) {
		rc = desc_written(n, NIC_TX_RING, tx + i, tx_desc(n, i, frames[i].length),
				  writes + nr_writes);
		n->dropped |= !rc;
		nr_writes += rc;
		nr_writes += desc_written(n, NIC_RX_RING, rx + i, rx_desc(&frames[i]),
					  writes + nr_writes);
		nr_writes += frame_written(n, frames, i, nr, writes + nr_writes);
	}
	/* Buffers are left over if frames were lost before they were received */
	if (get(n, n->chip->rx + HEAD) != n->rx)
		rings_begin(n, 0, 0);
	return nr_writes;
}

/** nic_send() - nic_prepare() and nic_go() */
int nic_send(struct nic *n, struct nic_frame *frames, unsigned int nr,
	     struct nic_write *writes)
{
	nic_prepare(n, frames, nr);
	return nic_go(n, frames, nr, writes);
}
