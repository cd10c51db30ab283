// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest that is migrated: it drives each virtual DMA device that it finds and
 * the traffic generator of each VF of a virtual ConnectX, writes memory with the
 * CPU, and compares every word on request. Its whole state is in its memory and in the
 * devices, so it notices what is not migrated. It answers characters on the serial port:
 *
 *	p	"position N..." of each device, in the order of PCI addresses
 *	m	one sweep of the first VF over low memory, then a change of the
 *		memory map around it; "map N", the number of words written
 *	v	stop and compare; "verdict WORDS WRONG", how many were written and how
 *		many are wrong, of which the first few are in lines before
 *
 * Each answer is one line.
 */
#include <linux/types.h>

#include "pc.h"
#include "virt_connectx.h"
#include "virt_dma.h"

#define VF_ID		0x101e15b3u	/* device and vendor */
#define DMA_ID		((__u32)VIRT_DMA_DEVICE_ID << 16 | VIRT_DMA_VENDOR_ID)
#define MAX_DEVICES	4
#define PCI_COMMAND	0x04
#define PCI_ENABLED	0x06		/* memory space, bus master */
#define PCI_BAR0	0x10

#define PAGE		4096u
#define PAGE_WORDS	(PAGE / 8)

/* What a device writes, one region each */
#define JOB_BASE(n)	(0x1000000u + (n) * 0x800000u)
#define JOB_PAGES	1024u
#define JOB_RATE	2000u
#define JOB_KEY(n)	(0x1234567800000000ull + (n))

/* What the CPU writes, in the same order */
#define CPU_BASE	0x800000u
#define CPU_PAGES	256u
#define CPU_KEY		0x5ca1ab1e00000000ull

/*
 * Memory below the area whose mapping the chipset can change (PAM1 of the Q35's
 * host bridge, 0xc0000 to 0xc7fff). QEMU has one section of both and maps it
 * again when that changes.
 */
#define LOW_BASE	0x10000u
#define LOW_PAGES	128u
#define LOW_RATE	20000u
#define LOW_KEY		0x0badcafe00000000ull
#define Q35_PAM_REG	0x90		/* bytes: PAM0 .. PAM3 */
#define Q35_PAM1_SHIFT	8
#define PAM_READ_ONLY	0x11u
#define PAM_READ_WRITE	0x33u

#define REPORTED	8		/* wrong words that are printed, each */

/**
 * struct device - A device that writes memory
 * @reg: Its registers
 * @dma: A virtual DMA device, not a VF; the registers of both that have the same
 *	names in what follows are at the same places
 */
static struct device {
	volatile __u32 *reg;
	int dma;
} devices[MAX_DEVICES];
static __u32 nr_devices;

/* ---- Devices -------------------------------------------------------------- */

static __u32 device_read(const struct device *device, __u32 reg)
{
	return device->reg[reg / 4];
}

static void device_write(const struct device *device, __u32 reg, __u64 value)
{
	device->reg[reg / 4] = (__u32)value;
	device->reg[reg / 4 + 1] = (__u32)(value >> 32);
}

/* From when the device has taken it, the other registers are of this command. */
static void device_control(const struct device *device, __u32 command)
{
	device_write(device, VIRT_CX_CTRL, command);
	while (device_read(device, VIRT_CX_CTRL))
		;
}

static void device_stop(const struct device *device)
{
	device_control(device, VIRT_CX_CTRL_STOP);
	while (device_read(device, VIRT_CX_STATUS) & VIRT_CX_STATUS_RUNNING)
		;
}

/* Start the sequence of VF @n, or continue it. */
static void job_start(__u32 n, __u32 position)
{
	const struct device *device = &devices[n];

	device_write(device, VIRT_CX_BASE, JOB_BASE(n));
	device_write(device, VIRT_CX_LENGTH, (__u64)JOB_PAGES * PAGE);
	device_write(device, VIRT_CX_UNIT, PAGE);
	device_write(device, VIRT_CX_RATE, JOB_RATE);
	device_write(device, VIRT_CX_KEY, JOB_KEY(n));
	device_write(device, VIRT_CX_POSITION, position);
	device_write(device, VIRT_CX_END, 0);
	device_write(device, VIRT_CX_IRQ, 0);
	device_control(device, VIRT_CX_CTRL_START);
}

static void dma_start(__u32 n)
{
	const struct device *device = &devices[n];

	device_write(device, VIRT_DMA_OP, VIRT_DMA_OP_WRITE);
	device_write(device, VIRT_DMA_PATTERN, VIRT_DMA_PATTERN_SEQ);
	device_write(device, VIRT_DMA_IOVA, JOB_BASE(n));
	device_write(device, VIRT_DMA_LENGTH, (__u64)JOB_PAGES * PAGE);
	device_write(device, VIRT_DMA_UNIT, PAGE);
	device_write(device, VIRT_DMA_SIZE, 8);
	device_write(device, VIRT_DMA_OFFSET, 0);
	device_write(device, VIRT_DMA_SEED, JOB_KEY(n));
	device_write(device, VIRT_DMA_SWEEPS, 0);
	device_write(device, VIRT_DMA_RATE, JOB_RATE);
	device_control(device, VIRT_DMA_CTRL_START);
}

/* Writes made */
static __u32 position_of(const struct device *device)
{
	return device_read(device, device->dma ? VIRT_DMA_DONE : VIRT_CX_POSITION);
}

static void find_devices(void)
{
	__u32 devfn, id, bar;

	for (devfn = 0; devfn < 256 && nr_devices < MAX_DEVICES; devfn++) {
		struct device *device = &devices[nr_devices];

		id = pci_read(devfn, 0);
		if (id != VF_ID && id != DMA_ID)
			continue;
		pci_write(devfn, PCI_COMMAND, PCI_ENABLED);
		bar = pci_read(devfn, PCI_BAR0) & ~15u;
		device->dma = id == DMA_ID;
		device->reg = (void *)(bar + (device->dma ? 0 : VIRT_CX_OFFSET));
		if (device_read(device, VIRT_CX_ID) !=
		    (__u32)(device->dma ? VIRT_DMA_MAGIC : VIRT_CX_MAGIC)) {
			print("error: no registers at %x\n", (__u32)device->reg);
			continue;
		}
		nr_devices++;
	}
}

/* ---- Comparing ------------------------------------------------------------ */

/* An address as what it is in a guest without paging */
static volatile __u64 *word_at(__u32 address)
{
	return (volatile __u64 *)address;
}

static __u32 differs(const char *what, __u32 address, __u64 expected, __u32 before)
{
	__u64 found = *word_at(address);

	if (found == expected)
		return 0;
	if (before < REPORTED)
		print("%s %x: is %x%x, should be %x%x\n", what, address,
		      (__u32)(found >> 32), (__u32)found,
		      (__u32)(expected >> 32), (__u32)expected);
	return 1;
}

/**
 * struct sequence - Numbered writes of words, as the generator makes them: one in
 * each page, then the next word of each, from the start again when all were
 * written. A DMA device writes one word of each page only, again and again; its
 * values are made in the same way (virt_dma_value()).
 * @name: For messages
 * @base: Address of the first page
 * @pages: That are written
 * @words: Of each page that are written, from its start on
 * @key: Of the values
 * @position: Writes made
 */
struct sequence {
	const char *name;
	__u32 base;
	__u32 pages;
	__u32 words;
	__u64 key;
	__u32 position;
};

/* What write number @n put at @address; 0 when there was none, as in fresh RAM. */
static __u64 expected(const struct sequence *s, __u32 n, __u32 address)
{
	__u32 total = s->pages * s->words;

	if (n >= s->position || n >= total)
		return 0;
	n += (s->position - 1 - n) / total * total;
	return virt_dma_value(s->key, n, address);
}

/* Compare all words, those that were not written yet too: how many are wrong. */
static __u32 compare(const struct sequence *s)
{
	__u32 page, word, wrong = 0;

	for (word = 0; word < PAGE_WORDS; word++) {
		for (page = 0; page < s->pages; page++)
			wrong += differs(s->name, s->base + page * PAGE + word * 8,
					 expected(s, word * s->pages + page,
						  s->base + page * PAGE + word * 8),
					 wrong);
	}
	return wrong;
}

/* ---- What the CPU writes -------------------------------------------------- */

static struct sequence cpu = {
	.name = "cpu", .base = CPU_BASE, .pages = CPU_PAGES,
	.words = PAGE_WORDS, .key = CPU_KEY,
};

static void cpu_write(void)
{
	__u32 n = cpu.position;
	__u32 address = CPU_BASE + n % CPU_PAGES * PAGE +
			n / CPU_PAGES % PAGE_WORDS * 8;

	*word_at(address) = virt_dma_value(CPU_KEY, n, address);
	cpu.position++;
}

/* ---- Low memory, whose mapping changes ------------------------------------ */

static struct sequence low = {
	.name = "low", .base = LOW_BASE, .pages = LOW_PAGES,
	.words = PAGE_WORDS, .key = LOW_KEY,
};

static void low_clear(void)
{
	__u32 address;

	for (address = LOW_BASE; address < LOW_BASE + LOW_PAGES * PAGE; address += 8)
		*word_at(address) = 0;
}

static void low_sweep(void)
{
	const struct device *device = &devices[0];
	__u32 position;

	device_stop(device);
	position = device_read(device, VIRT_CX_POSITION);
	device_write(device, VIRT_CX_BASE, LOW_BASE);
	device_write(device, VIRT_CX_LENGTH, LOW_PAGES * PAGE);
	device_write(device, VIRT_CX_RATE, LOW_RATE);
	device_write(device, VIRT_CX_KEY, LOW_KEY);
	device_write(device, VIRT_CX_POSITION, low.position);
	device_write(device, VIRT_CX_END, low.position + LOW_PAGES);
	device_control(device, VIRT_CX_CTRL_START);
	while (device_read(device, VIRT_CX_STATUS) & VIRT_CX_STATUS_RUNNING)
		;
	low.position = device_read(device, VIRT_CX_POSITION);
	job_start(0, position);
}

static void change_map(void)
{
	__u32 pam = pci_read(0, Q35_PAM_REG);
	__u32 others = pam & ~(0xffu << Q35_PAM1_SHIFT);

	pci_write(0, Q35_PAM_REG, others | PAM_READ_ONLY << Q35_PAM1_SHIFT);
	pci_write(0, Q35_PAM_REG, others | PAM_READ_WRITE << Q35_PAM1_SHIFT);
	pci_write(0, Q35_PAM_REG, pam);
}

/* ---- Commands ------------------------------------------------------------- */

static void tell_positions(void)
{
	__u32 n;

	print("position");
	for (n = 0; n < nr_devices; n++)
		print(" %u", position_of(&devices[n]));
	print("\n");
}

static void tell_verdict(void)
{
	__u32 n, wrong = 0, words = cpu.position + low.position;
	struct sequence job = { .name = "device", .pages = JOB_PAGES };

	for (n = 0; n < nr_devices; n++) {
		device_stop(&devices[n]);
		job.base = JOB_BASE(n);
		job.key = JOB_KEY(n);
		job.position = position_of(&devices[n]);
		job.words = devices[n].dma ? 1 : PAGE_WORDS;
		words += job.position;
		wrong += compare(&job);
	}
	wrong += compare(&cpu);
	wrong += compare(&low);
	print("verdict %u %u\n", words, wrong);
}

static void change(void)
{
	low_sweep();
	change_map();
	print("map %u\n", low.position);
}

void guest_main(void)
{
	__u32 n;

	serial_init();
	low_clear();
	find_devices();
	for (n = 0; n < nr_devices; n++) {
		if (devices[n].dma)
			dma_start(n);
		else
			job_start(n, 0);
	}
	print("ready %u\n", nr_devices);
	for (;;) {
		switch (serial_poll()) {
		case 'p':
			tell_positions();
			break;
		case 'm':
			change();
			break;
		case 'v':
			tell_verdict();
			break;
		}
		cpu_write();
	}
}
