/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What drivers/mlx5/load.c, stream.c and compat.c need of the kernel, on the
 * host. Every <linux/...> header that they include and linux/ does not have is this
 * file (see selftests/fuzz/Makefile).
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include <linux/bits.h>
#include <linux/minmax.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/types.h>

#include "shim.h"

/* ---- Types, order of bytes ------------------------------------------------ */

#define __packed		__attribute__((packed))
#define __aligned(n)		__attribute__((aligned(n)))
#define PAGE_SHIFT		12
#define PAGE_SIZE		4096UL
#define PAGE_ALIGN(n)		(((n) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1))
#define offset_in_page(n)	((unsigned long)(n) & (PAGE_SIZE - 1))
#define SZ_256			0x100
#define SZ_4K			0x1000
#define SZ_64K			0x10000
#define SZ_4M			0x400000
#define SZ_64M			0x4000000
#ifndef GENMASK
#define GENMASK(h, l)		((~0UL << (l)) & (~0UL >> (63 - (h))))
#endif
#define BIT_ULL(n)		(1ULL << (n))
#define min_t(t, x, y)		min((t)(x), (t)(y))
#define max_t(t, x, y)		((t)(x) > (t)(y) ? (t)(x) : (t)(y))
#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#endif
#define rol64(x, n)		((x) << (n) | (x) >> (64 - (n)))
#define div64_u64(x, y)		((x) / (y))
#define module_param(...)
#define MODULE_PARM_DESC(...)
#define memcpy_and_pad(to, size, from, n, pad)				\
	(memset(to, pad, size), memcpy(to, from, n))
#define READ_ONCE(x)		(*(volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	(READ_ONCE(x) = (v))
#define container_of(p, type, member)					\
	((type *)((char *)(p) - offsetof(type, member)))
#define cpu_to_le16(x)		((__le16)(x))
#define cpu_to_le32(x)		((__le32)(x))
#define cpu_to_le64(x)		((__le64)(x))
#define le16_to_cpu(x)		((u16)(x))
#define le32_to_cpu(x)		((u32)(x))
#define le64_to_cpu(x)		((u64)(x))

typedef u64 dma_addr_t;

#define ERR_PTR(n)		((void *)(long)(n))
#define PTR_ERR(p)		((long)(p))
#define IS_ERR(p)		((unsigned long)(p) >= -4095UL)

/* ---- Locks and references: there is one thread ---------------------------- */

struct mutex {
	bool locked;
};

static inline void mutex_init(struct mutex *m)
{
	m->locked = false;
}

static inline void mutex_lock(struct mutex *m)
{
	if (m->locked)
		shim_bug("deadlock");
	m->locked = true;
}

static inline int mutex_lock_killable(struct mutex *m)
{
	if (fatal_signal_pending(current))
		return -EINTR;
	mutex_lock(m);
	return 0;
}

static inline void mutex_unlock(struct mutex *m)
{
	if (!m->locked)
		shim_bug("unlocked twice");
	m->locked = false;
}

#define lockdep_assert_held(m) do {					\
	if (!(m)->locked)						\
		shim_bug("a lock is not held");				\
} while (0)

struct kref {
	int n;
};

static inline void kref_init(struct kref *k)
{
	k->n = 1;
}

static inline void kref_get(struct kref *k)
{
	k->n++;
}

static inline void kref_put(struct kref *k, void (*release)(struct kref *k))
{
	if (!--k->n)
		release(k);
}

/* ---- Structures that headers of the driver embed -------------------------- */

typedef struct {
	int n;
} atomic_t;

typedef struct {
	int n;
} wait_queue_head_t;

struct notifier_block {
	int n;
};

struct work_struct {
	int n;
};

typedef void (*work_func_t)(struct work_struct *work);
struct workqueue_struct;

static inline bool queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	(void)wq;
	(void)work;
	return false;
}

typedef struct {
	int n;
} spinlock_t;

typedef struct {
	int n;
} refcount_t;

struct completion {
	int n;
};

struct mlx5_async_work {
	int n;
};

struct sg_table {
	int n;
};

struct mlx5_async_ctx {
	int n;
};

struct mlx5_core_dev {
	char board_id[64];
};

#define fw_rev_maj(mdev)	((void)(mdev), 1)
#define fw_rev_min(mdev)	((void)(mdev), 2)
#define fw_rev_sub(mdev)	((void)(mdev), 3)
#define MLX5_ST_SZ_DW(name)	(sizeof(#name) ? 4 : 4)

enum dma_data_direction {
	DMA_TO_DEVICE,
};

enum vfio_device_mig_state {
	VFIO_DEVICE_STATE_RESUMING,
};

/* ---- The device ------------------------------------------------------------ */

struct device {
	int refs;
};

struct pci_dev {
	struct device dev;
	u16 vendor;
	u16 device;
};

struct vfio_device {
	struct device device;
};

struct vfio_pci_core_device {
	struct vfio_device vdev;
	struct pci_dev *pdev;
};

#define get_device(d)			((d)->refs++)
#define pci_dev_get(p)			((p)->dev.refs++)
#define pci_dev_put(p)			((p)->dev.refs--)
#define vfio_put_device(d)		((d)->device.refs--)

#define dev_err_ratelimited(dev, ...)	((void)(dev), (void)snprintf(NULL, 0, __VA_ARGS__))
#define dev_info_ratelimited		dev_err_ratelimited

int mlx5_core_alloc_pd(struct mlx5_core_dev *mdev, u32 *pd);
void mlx5_core_dealloc_pd(struct mlx5_core_dev *mdev, u32 pd);

/* ---- Pages and files ------------------------------------------------------- */

struct page {
	unsigned char bytes[PAGE_SIZE];
};

#define page_address(p)		((void *)(p)->bytes)
/* Of which no two are neighbours */
#define page_to_pfn(p)		((unsigned long)(p))

struct inode;
struct file;

struct file_operations {
	void *owner;
	ssize_t (*write)(struct file *file, const char *data, size_t count, loff_t *pos);
	int (*release)(struct inode *inode, struct file *file);
};

struct file {
	const struct file_operations *fops;
	void *private_data;
};

#define THIS_MODULE		NULL

static inline struct inode *file_inode(struct file *f)
{
	(void)f;
	return NULL;
}

static inline void stream_open(struct inode *inode, struct file *f)
{
	(void)inode;
	(void)f;
}

struct file *anon_inode_getfile(const char *name, const struct file_operations *fops,
				void *private_data, int flags);
unsigned long copy_from_user(void *to, const void *from, size_t n);
u64 get_random_u64(void);

/* ---- A checksum: any that notices a changed byte -------------------------- */

struct xxh64_state {
	u64 sum;
};

static inline void xxh64_reset(struct xxh64_state *s, u64 seed)
{
	s->sum = 0xcbf29ce484222325ULL ^ seed;
}

static inline void xxh64_update(struct xxh64_state *s, const void *data, size_t n)
{
	const unsigned char *byte = data;

	/* FNV-1a */
	while (n--)
		s->sum = (s->sum ^ *byte++) * 0x100000001b3ULL;
}

static inline u64 xxh64_digest(const struct xxh64_state *s)
{
	return s->sum;
}

static inline u64 xxh64(const void *data, size_t n, u64 seed)
{
	struct xxh64_state s;

	xxh64_reset(&s, seed);
	xxh64_update(&s, data, n);
	return xxh64_digest(&s);
}
