/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What drivers/mlx5/load.c and stream.c need of the kernel, on the host. Every
 * <linux/...> header that they include and selftests/unit/shim does not have is
 * this file (see the Makefile).
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

#include "../unit/shim/shim.h"

/* ---- Types, order of bytes ------------------------------------------------ */

#define __packed		__attribute__((packed))
#define __aligned(n)		__attribute__((aligned(n)))
#define PAGE_SHIFT		12
#define PAGE_SIZE		4096UL
#define PAGE_ALIGN(n)		(((n) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1))
#define offset_in_page(n)	((unsigned long)(n) & (PAGE_SIZE - 1))
#define SZ_4M			0x400000
#define SZ_64M			0x4000000
#define SZ_1G			0x40000000
#define BIT_ULL(n)		(1ULL << (n))
#define min_t(t, x, y)		min((t)(x), (t)(y))
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

struct rw_semaphore {
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

#define down_write(s)		mutex_lock((struct mutex *)(s))
#define up_write(s)		mutex_unlock((struct mutex *)(s))
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

struct sg_table {
	int n;
};

struct mlx5_async_ctx {
	int n;
};

struct mlx5_core_cq {
	int n;
};

struct mlx5_db {
	int n;
};

struct mlx5_nb {
	int n;
};

struct mlx5_core_dev;

enum dma_data_direction {
	DMA_TO_DEVICE,
};

enum vfio_device_mig_state {
	VFIO_DEVICE_STATE_RESUMING,
};

#define MLX5_SET(typ, p, fld, v)					\
	((void)(p), (void)#typ, (void)#fld, (void)sizeof(v))
#define MLX5_OBJ_TYPE_PAGE_TRACK 0

/* ---- The device ------------------------------------------------------------ */

struct device {
	int refs;
};

struct pci_dev {
	struct device dev;
	u16 vendor;
	u16 device;
	int current_state;
	u16 command;
};

struct vfio_device {
	struct device device;
};

struct vfio_pci_core_device {
	struct vfio_device vdev;
	struct pci_dev *pdev;
	struct mutex igate;
	struct rw_semaphore memory_lock;
};

#define PCI_COMMAND		4
#define PCI_COMMAND_MEMORY	2
#define PCI_D0			0
#define PCI_POSSIBLE_ERROR(v)	((v) == (__typeof__(v))~0)

static inline void pci_read_config_word(struct pci_dev *p, int at, u16 *value)
{
	*value = at == PCI_COMMAND ? p->command : 0;
}

static inline void pci_write_config_word(struct pci_dev *p, int at, u16 value)
{
	if (at == PCI_COMMAND)
		p->command = value;
}

#define pci_restore_msi_state(p)	((void)(p))
#define get_device(d)			((d)->refs++)
#define pci_dev_get(p)			((p)->dev.refs++)
#define pci_dev_put(p)			((p)->dev.refs--)
#define vfio_put_device(d)		((d)->device.refs--)

#define dev_err_ratelimited(dev, ...)	((void)(dev), (void)snprintf(NULL, 0, __VA_ARGS__))
#define dev_warn			dev_err_ratelimited

int mlx5_core_alloc_pd(struct mlx5_core_dev *mdev, u32 *pd);
void mlx5_core_dealloc_pd(struct mlx5_core_dev *mdev, u32 pd);

/* ---- Pages and files ------------------------------------------------------- */

struct page {
	unsigned char bytes[PAGE_SIZE];
};

#define page_address(p)		((void *)(p)->bytes)

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
