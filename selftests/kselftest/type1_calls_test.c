// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same 1500 random calls to vfio's own container and to an iommufd in its
 * place: MAP, UNMAP with and without a bitmap, START, STOP, GET_BITMAP, with all
 * that is odd in them. Each difference in errno, in bytes unmapped or in the bitmap
 * is in the table below with its reason, or it is an error. SEED=n repeats a run.
 *
 * What is mapped is dirty for vfio's container, since a device in it has no source;
 * so iommufd may report less, but every page that the device has written.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "kselftest_harness.h"
#include "type1.h"

#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 1000

#define PAGE	4096ull
#define BASE	0x40000000ull
#define SLOTS	16u
#define SLOT_PAGES 4u
/* From one slot to the next: there is room between them */
#define STRIDE	(8 * PAGE)
#define PAGES	(SLOTS * 8)
#define CALLS	1500
#define RW	(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)
#define BITMAP	VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP
#define ALL	VFIO_DMA_UNMAP_FLAG_ALL

enum kind { MAP, UNMAP, START, STOP, GET, WRITE, NR_KINDS };

/* What is wrong or special about a call */
enum odd {
	PLAIN,
	SIZE_0,
	SIZE_ODD,	/* not a multiple of a page */
	IOVA_ODD,
	CUTS,		/* begins or ends inside of a mapping, perhaps */
	SEVERAL,	/* a range of several slots */
	WRAPS,		/* beyond 2^64 */
	TOP,		/* the last page below 2^64, or the last 64 GiB */
	TOO_MANY_PAGES,	/* 8 TiB and a page: more than a bitmap may have bits */
	PGSIZE_ODD,	/* of the bitmap: not the IOMMU's smallest */
	BYTES_SHORT,	/* a bitmap that is too small */
	BYTES_0,
	BYTES_MORE,	/* larger than need be */
	BYTES_MAX,	/* larger than any may be */
	BITS_BAD,	/* a bitmap that is not there */
	BITS_KERNEL,	/* a bitmap in the kernel */
	VA_ODD,		/* memory that begins inside of a page */
	VA_BAD,		/* memory that is not there */
	VA_KERNEL,
	NO_ACCESS,	/* neither READ nor WRITE */
	FLAG_BAD,
	FLAG_VADDR,	/* VFIO_DMA_MAP_FLAG_VADDR */
	FLAG_ALL,
	ALL_WITH_SIZE,
	ALL_WITH_BITMAP,
	TWO_FLAGS,	/* START with STOP, ... */
	NR_ODD
};

static const char * const kind_names[NR_KINDS] = {
	"MAP", "UNMAP", "START", "STOP", "GET_BITMAP", "write",
};

/**
 * struct step - One call
 * @kind: Which
 * @odd: What is special about it
 * @flags: Of the ioctl
 * @va: Of MAP
 * @range: Of all others
 */
struct step {
	enum kind kind;
	enum odd odd;
	__u32 flags;
	void *va;
	struct type1_range range;
};

/**
 * struct answer - What a container said
 * @rc: 0 or -errno
 * @unmapped: Bytes
 * @bits: Of the pages from BASE on
 */
struct answer {
	int rc;
	__u64 unmapped;
	bool bits[PAGES];
};

/* The differences that there may be, and why. An errno of 0 is success. */
static const struct difference {
	enum kind kind;
	enum odd odd;
	int type1;
	int iommufd;
	const char *why;
} differences[] = {
	{ MAP, WRAPS, EINVAL, EOVERFLOW,
	  "upstream's iopt_map_user_pages() distinguishes an overflow from other errors" },
	{ MAP, VA_ODD, EINVAL, EEXIST,
	  "upstream's iommufd looks first whether the IOVA is free" },
	{ MAP, FLAG_VADDR, ENOENT, EINVAL,
	  "upstream's iommufd has no VFIO_UPDATE_VADDR" },
	{ UNMAP, WRAPS, EINVAL, EOVERFLOW,
	  "plain UNMAP is upstream's; with a bitmap it is EINVAL" },
	{ UNMAP, CUTS, EINVAL, ENOENT,
	  "plain UNMAP is upstream's; with a bitmap it is EINVAL" },
	{ MAP, NO_ACCESS, EINVAL, EEXIST,
	  "upstream's iommufd looks first whether the IOVA is free" },
	{ UNMAP, PLAIN, EINVAL, ENOENT,
	  "plain UNMAP is upstream's; with a bitmap it is EINVAL" },
	{ UNMAP, SIZE_ODD, EINVAL, 0,
	  "upstream's iommufd checks the alignment of mappings only" },
	{ UNMAP, IOVA_ODD, EINVAL, 0,
	  "upstream's iommufd checks the alignment of mappings only" },
	{ UNMAP, SIZE_ODD, EINVAL, ENOENT,
	  "upstream's iommufd checks the alignment of mappings only" },
	{ UNMAP, IOVA_ODD, EINVAL, ENOENT,
	  "upstream's iommufd checks the alignment of mappings only" },
	{ UNMAP, BITS_BAD, 0, EFAULT,
	  "vfio's container writes no bits where nothing is mapped; iommufd clears all" },
	{ GET, BITS_BAD, 0, EFAULT,
	  "vfio's container writes no bits where nothing is mapped; iommufd clears all" },
	{ UNMAP, WRAPS, EOVERFLOW, EINVAL, "vfio's container of 7.3 has EOVERFLOW" },
	{ GET, WRAPS, EOVERFLOW, EINVAL, "vfio's container of 7.3 has EOVERFLOW" },
	{ GET, TOP, 0, EINVAL, "vfio's container of 7.3 goes up to the last page" },
};

#define NR_DIFFERENCES (sizeof(differences) / sizeof(*differences))

static struct step steps[CALLS];
static struct answer answers[CALLS];
static unsigned int used[NR_DIFFERENCES];

/* ---- Which calls ---- */

static unsigned int seed;

static unsigned int one_of(unsigned int n)
{
	return rand_r(&seed) % n;
}

static __u64 slot_iova(unsigned int slot)
{
	return BASE + slot * STRIDE;
}

/* The bytes of a bitmap for the range, or what is wrong with them. */
static __u64 make_bytes(const struct step *step)
{
	__u64 bytes = (step->range.size / PAGE + 63) / 64 * 8;

	switch (step->odd) {
	case BYTES_SHORT:
		return bytes - 1;
	case BYTES_0:
		return 0;
	case BYTES_MORE:
		return bytes + 1 + one_of(4096);
	case BYTES_MAX:
		return (256ull << 20) + 1;
	default:
		return bytes;
	}
}

static void make_range(struct step *step)
{
	static const __u64 sizes[] = { 2048, 1, 8192, 65536, 1ull << 63, 3 };
	static const enum odd odds[] = {
		SIZE_0, SIZE_ODD, IOVA_ODD, CUTS, CUTS, SEVERAL, SEVERAL, SEVERAL,
		WRAPS, TOP, TOP, TOO_MANY_PAGES, PGSIZE_ODD, BYTES_SHORT, BYTES_0,
		BYTES_MORE, BYTES_MAX, BITS_BAD, BITS_KERNEL,
	};
	struct type1_range *r = &step->range;

	step->odd = one_of(2) ? PLAIN : odds[one_of(sizeof(odds) / sizeof(*odds))];
	r->iova = slot_iova(one_of(SLOTS));
	r->size = SLOT_PAGES * PAGE;
	r->pgsize = PAGE;
	switch (step->odd) {
	case SIZE_0:
		r->size = 0;
		break;
	case SIZE_ODD:
		r->size -= 1 + one_of(PAGE - 1);
		break;
	case IOVA_ODD:
		r->iova += 1 + one_of(PAGE - 1);
		break;
	case CUTS:
		r->iova += one_of(2) * PAGE;
		r->size -= 2 * PAGE;
		break;
	case SEVERAL:
		r->iova = slot_iova(0);
		r->size = (1 + one_of(SLOTS / 2)) * 2 * STRIDE;
		break;
	case WRAPS:
		r->iova = 0 - 2 * PAGE;
		break;
	case TOP:
		r->size = one_of(2) ? PAGE : 64ull << 30;
		r->iova = 0 - r->size;
		break;
	case TOO_MANY_PAGES:
		r->size = (8ull << 40) + PAGE;
		r->iova = 0;
		break;
	case PGSIZE_ODD:
		r->pgsize = sizes[one_of(6)];
		break;
	default:
		break;
	}
	r->bytes = make_bytes(step);
}

static void make_map(struct step *step, char *mem)
{
	static const enum odd odds[] = {
		SIZE_0, SIZE_ODD, IOVA_ODD, CUTS, SEVERAL, WRAPS, TOP, VA_ODD,
		VA_BAD, VA_KERNEL, NO_ACCESS, FLAG_BAD, FLAG_VADDR,
	};
	struct type1_range *r = &step->range;
	unsigned int slot = one_of(SLOTS);

	step->odd = one_of(4) ? PLAIN : odds[one_of(sizeof(odds) / sizeof(*odds))];
	step->flags = RW;
	step->va = mem + slot * SLOT_PAGES * PAGE;
	r->iova = slot_iova(slot);
	r->size = SLOT_PAGES * PAGE;
	switch (step->odd) {
	case SIZE_0:
		r->size = 0;
		break;
	case SIZE_ODD:
		r->size -= 1 + one_of(PAGE - 1);
		break;
	case IOVA_ODD:
		r->iova += 1 + one_of(PAGE - 1);
		break;
	case CUTS:
		r->iova += PAGE;
		r->size = PAGE;
		break;
	case SEVERAL:
		step->va = mem;
		r->iova = slot_iova(one_of(SLOTS / 2) * 2);
		r->size = 2 * STRIDE;
		break;
	case WRAPS:
		r->iova = 0 - 2 * PAGE;
		break;
	case TOP:
		r->iova = 0 - r->size;
		break;
	case VA_ODD:
		step->va = (char *)step->va + 1 + one_of(PAGE - 1);
		break;
	case VA_BAD:
		step->va = (void *)(16 * PAGE);
		break;
	case VA_KERNEL:
		step->va = (void *)0xffff888000000000ull;
		break;
	case NO_ACCESS:
		step->flags = 0;
		break;
	case FLAG_BAD:
		step->flags |= 1u << (3 + one_of(29));
		break;
	case FLAG_VADDR:
		step->flags = VFIO_DMA_MAP_FLAG_VADDR;
		/* A slot that is never mapped */
		r->iova = slot_iova(SLOTS) + STRIDE;
		break;
	default:
		break;
	}
}

static void make_unmap(struct step *step)
{
	make_range(step);
	step->flags = one_of(2) ? BITMAP : 0;
	/*
	 * Without a bitmap iommufd unmaps what lies whole in an unaligned range, and
	 * the two containers would continue with different mappings: less than a page.
	 */
	if (!step->flags && (step->odd == SIZE_ODD || step->odd == IOVA_ODD))
		step->range.size = 1 + one_of(PAGE - 1);
	/* Without a bitmap nothing is odd about it */
	if (!step->flags && step->odd >= PGSIZE_ODD && step->odd <= BITS_KERNEL)
		step->odd = PLAIN;
	if (one_of(8) || step->odd != PLAIN)
		return;
	switch (one_of(4)) {
	case 0:
		step->odd = FLAG_ALL;
		step->flags = ALL;
		step->range.iova = step->range.size = 0;
		break;
	case 1:
		step->odd = ALL_WITH_SIZE;
		step->flags = ALL;
		break;
	case 2:
		step->odd = ALL_WITH_BITMAP;
		step->flags = ALL | BITMAP;
		break;
	default:
		step->odd = FLAG_BAD;
		/* 1 << 2 is VFIO_DMA_UNMAP_FLAG_VADDR */
		step->flags |= 1u << (3 + one_of(29));
	}
}

static void make_step(struct step *step, char *mem)
{
	unsigned int n = one_of(100);

	memset(step, 0, sizeof(*step));
	if (n < 30) {
		step->kind = MAP;
		make_map(step, mem);
	} else if (n < 50) {
		step->kind = UNMAP;
		make_unmap(step);
	} else if (n < 60) {
		step->kind = n < 57 ? START : STOP;
		step->flags = n < 57 ? TYPE1_START : TYPE1_STOP;
		if (!one_of(10)) {
			step->odd = TWO_FLAGS;
			step->flags |= one_of(2) ? 3 + one_of(5) : 8u << one_of(28);
		}
	} else if (n < 80) {
		step->kind = GET;
		step->flags = TYPE1_GET;
		make_range(step);
	} else {
		step->kind = WRITE;
		step->range.iova = slot_iova(one_of(SLOTS)) +
				   one_of(SLOT_PAGES) * PAGE;
		step->range.size = PAGE;
	}
}

/* ---- What they answer ---- */

/* Pages of [iova, iova + size) that are among those from BASE on. */
static bool page_in(const struct type1_range *r, unsigned int page)
{
	__u64 at = BASE + page * PAGE;

	return at >= r->iova && at - r->iova < r->size;
}

static void do_step(struct type1 *t, const struct step *step, __u64 *bits,
		    struct answer *answer)
{
	struct type1_range r = step->range;
	unsigned int i;

	memset(answer, 0, sizeof(*answer));
	memset(bits, 0, 65536);
	r.bits = step->odd == BITS_BAD ? (void *)8 :
		 step->odd == BITS_KERNEL ? (void *)0xffff888000000000ull : bits;
	switch (step->kind) {
	case MAP:
		answer->rc = type1_map(t, step->flags, step->va, r.iova, r.size);
		return;
	case UNMAP:
		answer->rc = type1_unmap(t, step->flags, &r);
		answer->unmapped = r.size;
		if (!(step->flags & BITMAP))
			return;
		break;
	case START:
	case STOP:
		answer->rc = type1_dirty(t, step->flags, NULL);
		return;
	case GET:
		answer->rc = type1_dirty(t, step->flags, &r);
		break;
	default:
		return;
	}
	for (i = 0; !answer->rc && i < PAGES; i++) {
		__u64 bit = (BASE + i * PAGE - r.iova) / PAGE;

		if (page_in(&step->range, i) && bit < 65536 * 8)
			answer->bits[i] = bits[bit / 64] >> (bit % 64) & 1;
	}
}

/* ---- What is true ---- */

/**
 * struct truth - What the device wrote
 * @mapped: By the answers of vfio's container
 * @dirty: Written while tracking was on, and not reported since
 * @tracking: Between START and STOP
 */
struct truth {
	bool mapped[PAGES];
	bool dirty[PAGES];
	bool tracking;
};

/* A leaf may be larger than a page, but lies in a mapping, of two slots at most. */
static bool near_dirty(const struct truth *truth, unsigned int page)
{
	unsigned int i, slot = page - page % 16;

	for (i = 0; i < 16; i++)
		if (truth->dirty[slot + i])
			return true;
	return false;
}

/* Is a bitmap right? And then it has been reported. */
static bool bits_are_right(struct truth *truth, const struct step *step,
			   const struct answer *type1, const struct answer *ours)
{
	bool right = true;
	unsigned int i;

	for (i = 0; i < PAGES; i++) {
		if (!page_in(&step->range, i))
			continue;
		/* Written, and not reported; or more than there can be */
		if (truth->dirty[i] && !ours->bits[i])
			right = false;
		if (ours->bits[i] && !type1->bits[i] && !near_dirty(truth, i))
			right = false;
	}
	for (i = 0; i < PAGES; i++)
		if (page_in(&step->range, i))
			truth->dirty[i] = false;
	return right;
}

static void truth_follow(struct truth *truth, const struct step *step,
			 const struct answer *type1)
{
	unsigned int i;

	if (type1->rc)
		return;
	switch (step->kind) {
	case MAP:
	case UNMAP:
		for (i = 0; i < PAGES; i++)
			if (step->flags == ALL || page_in(&step->range, i))
				truth->mapped[i] = step->kind == MAP;
		break;
	case START:
		if (!truth->tracking)
			memset(truth->dirty, 0, sizeof(truth->dirty));
		truth->tracking = true;
		break;
	case STOP:
		memset(truth->dirty, 0, sizeof(truth->dirty));
		truth->tracking = false;
		break;
	default:
		break;
	}
}

static bool find_difference(const struct step *step, int type1, int iommufd)
{
	unsigned int i;

	for (i = 0; i < NR_DIFFERENCES; i++) {
		const struct difference *d = &differences[i];

		if (d->kind != step->kind || d->odd != step->odd ||
		    d->type1 != -type1 || d->iommufd != -iommufd)
			continue;
		/* With a bitmap it is not upstream's to say */
		if (step->kind == UNMAP && step->flags & BITMAP &&
		    d->iommufd != EFAULT && d->type1 != EOVERFLOW)
			continue;
		used[i]++;
		return true;
	}
	return false;
}

static void describe(char *text, size_t size, unsigned int n)
{
	const struct step *s = &steps[n];

	snprintf(text, size,
		 "call %u, %s, odd %u, flags %#x, [%#llx, +%#llx), pgsize %#llx, bytes %#llx",
		 n, kind_names[s->kind], s->odd, s->flags, s->range.iova,
		 s->range.size, s->range.pgsize, s->range.bytes);
}

FIXTURE(calls) {
	struct type1 t;
	char *mem;
	__u64 *bits;
	unsigned int first_seed;
};

FIXTURE_SETUP(calls)
{
	const char *value = getenv("SEED");
	unsigned int i;

	self->first_seed = value ? strtoul(value, NULL, 0) : (unsigned int)time(NULL);
	seed = self->first_seed;
	TH_LOG("SEED=%u", seed);
	self->mem = mmap(NULL, SLOTS * STRIDE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->mem);
	/* Not all of it is touched */
	self->bits = mmap(NULL, 257ull << 20, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->bits);
	for (i = 0; i < CALLS; i++)
		make_step(&steps[i], self->mem);
}

FIXTURE_TEARDOWN(calls)
{
	type1_close(&self->t);
}

static bool write_is_right(struct type1 *t, struct truth *truth,
			   const struct step *step)
{
	unsigned int page = (step->range.iova - BASE) / PAGE;

	if (!truth->mapped[page])
		return true;
	if (type1_write(t, step->range.iova, 1))
		return false;
	truth->dirty[page] = truth->tracking;
	return true;
}

/* One call to iommufd, whose answer vfio's container gave before. */
static bool compare(struct type1 *t, struct truth *truth, unsigned int n,
		    __u64 *bits, struct answer *ours)
{
	const struct answer *type1 = &answers[n];
	const struct step *step = &steps[n];

	memset(ours, 0, sizeof(*ours));
	if (step->kind == WRITE)
		return write_is_right(t, truth, step);
	do_step(t, step, bits, ours);
	if (ours->rc != type1->rc)
		return find_difference(step, type1->rc, ours->rc) &&
		       !ours->unmapped;
	if (ours->unmapped != type1->unmapped)
		return false;
	if (!ours->rc && (step->kind == GET ||
			 (step->kind == UNMAP && step->flags & BITMAP)) &&
	    !bits_are_right(truth, step, type1, ours))
		return false;
	truth_follow(truth, step, type1);
	return true;
}

TEST_F(calls, are_answered_as_by_type1)
{
	unsigned int i, wrong = 0, fine = 0;
	static struct truth truth;
	struct answer ours;
	char text[300];

	ASSERT_EQ(0, type1_open(&self->t, TYPE1_VFIO, VFIO_TYPE1v2_IOMMU));
	for (i = 0; i < CALLS; i++)
		do_step(&self->t, &steps[i], self->bits, &answers[i]);
	type1_close(&self->t);
	ASSERT_EQ(0, type1_open(&self->t, TYPE1_IOMMUFD, VFIO_TYPE1v2_IOMMU));
	for (i = 0; i < CALLS && wrong < 5; i++) {
		fine += !answers[i].rc;
		if (compare(&self->t, &truth, i, self->bits, &ours))
			continue;
		wrong++;
		describe(text, sizeof(text), i);
		TH_LOG("%s: type1 says %d, %llu bytes; iommufd %d, %llu", text,
		       answers[i].rc, answers[i].unmapped, ours.rc, ours.unmapped);
	}
	EXPECT_EQ(0, wrong) {
		TH_LOG("to repeat: SEED=%u", self->first_seed);
	}
	/* It was not all refused */
	EXPECT_LT(CALLS / 4, fine);
	for (i = 0; i < NR_DIFFERENCES; i++)
		TH_LOG("%4u times %s: %s", used[i], kind_names[differences[i].kind],
		       differences[i].why);
}

TEST_HARNESS_MAIN
