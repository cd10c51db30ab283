// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest RAM: where its slots lie, what is in it before the devices begin, and
 * the checksums by which the two sides compare it. What the guest's drivers write to it
 * is in a log, as KVM has one of what processors write, and like that one it loses nothing if
 * a page is marked after it was written, and the log is taken before the page is copied.
 *
 * RAM is one mapping, divided into slots with holes between them as in a PC,
 * where RAM continues above 4 GiB: slot n begins n * 4 GiB after the first.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "vmigrate.h"

#define HUGE		(2ull << 20)
#define SLOT_STEP	(4ull << 30)
#define SLOT_MAX	(3ull << 30)	/* below the MSI window of x86 */

/**
 * guest_layout() - Divide RAM into slots
 * @g: Filled in, without memory
 * @opt: How much, how many, where
 *
 * Return: A status.
 */
int guest_layout(struct guest *g, const struct options *opt)
{
	u64 part = opt->ram / opt->nr_slots;
	unsigned int i;

	part -= part % (part >= HUGE ? HUGE : GUEST_PAGE);
	if (!part)
		return fail(STATUS_ERROR,
			    "%llu bytes of RAM are too few for %u slots: raise -m",
			    opt->ram, opt->nr_slots);
	if (opt->ram - part * (opt->nr_slots - 1) > SLOT_MAX)
		return fail(STATUS_ERROR,
			    "a slot holds up to 3 GiB: raise --guest-slots (up to %u) or lower -m",
			    MAX_SLOTS);

	*g = (struct guest){ .length = opt->ram, .nr_slots = opt->nr_slots };
	for (i = 0; i < g->nr_slots; i++) {
		g->slots[i].iova = opt->iova_base + i * SLOT_STEP;
		g->slots[i].length = part;
	}
	g->slots[i - 1].length = opt->ram - part * (opt->nr_slots - 1);
	return 0;
}

/**
 * guest_alloc() - Get the memory for a layout
 * @g: Lengths and IOVAs are set
 * @hugepages: Ask for huge pages
 *
 * Return: A status.
 */
int guest_alloc(struct guest *g, bool hugepages)
{
	u64 at = 0;
	unsigned int i;
	u8 *raw;

	/* Room to begin at a multiple of the huge page size. */
	raw = mmap(NULL, g->length + HUGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (raw == MAP_FAILED)
		return fail(STATUS_ERROR,
			    "no memory for %llu MiB of guest RAM: %s; lower -m",
			    g->length >> 20, strerror(errno));
	g->ram = raw + (HUGE - (uintptr_t)raw % HUGE) % HUGE;
	if (g->ram > raw)
		munmap(raw, (size_t)(g->ram - raw));
	munmap(g->ram + g->length, (size_t)(raw + HUGE - g->ram));

	if (madvise(g->ram, g->length,
		    hugepages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) && hugepages) {
		fail(STATUS_ERROR,
		     "--hugepages: this kernel has no transparent huge pages: %s",
		     strerror(errno));
		guest_free(g);
		return STATUS_ERROR;
	}
	for (i = 0; i < g->nr_slots; i++) {
		struct slot *slot = &g->slots[i];
		u64 words = (slot->length / GUEST_PAGE + 63) / 64;

		slot->va = g->ram + at;
		slot->dirty = calloc(words, sizeof(*slot->dirty));
		slot->written = calloc(words, sizeof(*slot->written));
		if (!slot->dirty || !slot->written) {
			guest_free(g);
			return fail(STATUS_ERROR,
				    "no memory for the dirty bitmap: lower -m");
		}
		at += slot->length;
	}
	return 0;
}

/**
 * guest_free() - Give the memory back
 * @g: May be without
 */
void guest_free(struct guest *g)
{
	unsigned int i;

	for (i = 0; i < g->nr_slots; i++) {
		free(g->slots[i].dirty);
		free(g->slots[i].written);
		g->slots[i].dirty = NULL;
		g->slots[i].written = NULL;
	}
	if (g->ram)
		munmap(g->ram, g->length);
	g->ram = NULL;
}

/**
 * guest_fill() - Put something into RAM
 * @g: The guest
 * @seed: Of the contents
 *
 * One page in four stays zero, as in a guest that has free memory.
 */
void guest_fill(struct guest *g, u64 seed)
{
	u64 page, i;

	for (page = 0; page < guest_pages(g); page++) {
		u64 *word = (u64 *)(g->ram + page * GUEST_PAGE);
		u64 x = virt_dma_value(seed, page, 0);

		if (x % 4 == 0)
			continue;
		for (i = 0; i < GUEST_PAGE / sizeof(*word); i++) {
			x = x * 6364136223846793005ull + 1442695040888963407ull;
			word[i] = x;
		}
	}
}

/**
 * guest_pages() - How many pages RAM has
 * @g: The guest
 *
 * Return: How many, in all slots.
 */
u64 guest_pages(const struct guest *g)
{
	return g->length / GUEST_PAGE;
}

/**
 * guest_at() - Memory at an IOVA
 * @g: The guest
 * @iova: First byte
 * @length: Bytes
 *
 * Return: The memory, or NULL when not all of it is in one slot.
 */
u8 *guest_at(const struct guest *g, u64 iova, u64 length)
{
	unsigned int i;

	for (i = 0; i < g->nr_slots; i++) {
		const struct slot *slot = &g->slots[i];

		if (iova >= slot->iova && iova - slot->iova < slot->length &&
		    length <= slot->length - (iova - slot->iova))
			return slot->va + (iova - slot->iova);
	}
	return NULL;
}

/**
 * guest_mark() - A driver of the guest has written to RAM
 * @g: The guest; any thread may call
 * @iova: First byte, in one of its slots
 * @length: Bytes, not 0
 */
void guest_mark(const struct guest *g, u64 iova, u64 length)
{
	unsigned int i;
	u64 page, last;

	for (i = 0; i < g->nr_slots; i++) {
		const struct slot *slot = &g->slots[i];

		if (iova < slot->iova || iova - slot->iova >= slot->length)
			continue;
		last = (iova - slot->iova + length - 1) / GUEST_PAGE;
		for (page = (iova - slot->iova) / GUEST_PAGE; page <= last; page++)
			__atomic_or_fetch(&slot->written[page / 64], 1ull << page % 64,
					  __ATOMIC_SEQ_CST);
	}
}

/**
 * guest_take() - Add what drivers have written to what is to be sent
 * @slot: The slot; its log is empty then
 *
 * Return: How many bytes were not to be sent already.
 */
u64 guest_take(struct slot *slot)
{
	u64 words = (slot->length / GUEST_PAGE + 63) / 64, bytes = 0, w;

	for (w = 0; w < words; w++) {
		u64 bits = __atomic_exchange_n(&slot->written[w], 0, __ATOMIC_SEQ_CST);

		bytes += (u64)__builtin_popcountll(bits & ~slot->dirty[w]) * GUEST_PAGE;
		slot->dirty[w] |= bits;
	}
	return bytes;
}

/**
 * guest_page_iova() - IOVA of a page
 * @g: The guest
 * @page: Its number in the whole RAM
 *
 * Return: The IOVA of its first byte.
 */
u64 guest_page_iova(const struct guest *g, u64 page)
{
	u64 at = page * GUEST_PAGE;
	unsigned int i;

	for (i = 0; at >= g->slots[i].length; i++)
		at -= g->slots[i].length;
	return g->slots[i].iova + at;
}

/**
 * sum64() - Checksum
 * @sum: 0, or the checksum of what precedes
 * @data: Aligned to 8 bytes
 * @length: Bytes, a multiple of 8
 *
 * Every step is a bijection of the sum and of the word, so two pages that
 * differ in one word never have the same checksum.
 *
 * Return: The checksum.
 */
u64 sum64(u64 sum, const void *data, size_t length)
{
	const u64 *word = data;
	size_t i;

	for (i = 0; i < length / sizeof(*word); i++) {
		sum = (sum ^ word[i]) * 0x9e3779b97f4a7c15ull;
		sum ^= sum >> 29;
	}
	return sum;
}

/**
 * guest_sums() - Checksums of all pages
 * @g: The guest; it is not written to until this returns
 *
 * Return: An array to be freed, or NULL after saying that there is no memory.
 */
u64 *guest_sums(const struct guest *g)
{
	u64 pages = guest_pages(g);
	u64 *sums = malloc(pages * sizeof(*sums));
	u64 i;

	if (!sums) {
		fail(STATUS_ERROR, "no memory for the checksums");
		return NULL;
	}
	for (i = 0; i < pages; i++)
		sums[i] = sum64(0, g->ram + i * GUEST_PAGE, GUEST_PAGE);
	return sums;
}
