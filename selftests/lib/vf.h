/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual function of the virtual ConnectX (drivers/virt/virt_connectx.h)
 * opened through its vfio character device: its traffic generator, migration
 * states and data stream; log.h is for its DMA logging. All functions return 0 (or what they
 * say) or -errno and print nothing.
 */
#ifndef _SELFTESTS_LIB_VF_H
#define _SELFTESTS_LIB_VF_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <linux/types.h>
#include <linux/vfio.h>

#include "virt_connectx.h"

/* Of the physical function; its VFs follow. */
#define VF_PF		"0010:00:10.0"
/* Of the second device (connectx=N,N); its VFs have the numbers from VF_SECOND + 1 on. */
#define VF_PF_SECOND	"0010:00:12.0"
#define VF_SECOND	16
#define VF_DRIVER	"mlx5_vfio_pci"

/* The states of enum vfio_device_mig_state, from 0 on. */
#define VF_STATES	(VFIO_DEVICE_STATE_PRE_COPY_P2P + 1)

/**
 * struct vf - An open VF
 * @fd: /dev/vfio/devices/vfioN; -1 when closed
 * @dev_id: Its ID in the iommufd
 * @bar: BAR0, mapped
 * @bar_size: Bytes of it
 * @reg: Registers of the generator
 * @config: Where its config space lies in @fd
 * @name: PCI address, like 0010:00:10.1
 */
struct vf {
	int fd;
	__u32 dev_id;
	void *bar;
	__u64 bar_size;
	volatile __u64 *reg;
	off_t config;
	char name[16];
};

/**
 * struct vf_job - What the generator is to write; see the registers of the same
 *	names in virt_connectx.h
 * @base: First byte
 * @length: Bytes, a multiple of @unit
 * @unit: Distance of writes in bytes
 * @rate: Per second; 0 for no limit
 * @key: Of the values
 * @end: Number of the last write + 1; 0 for no end
 * @irq: Interrupt after so many writes each; 0 for none
 */
struct vf_job {
	__u64 base;
	__u64 length;
	__u64 unit;
	__u64 rate;
	__u64 key;
	__u64 end;
	__u64 irq;
};

int vf_pf_write(const char *attribute, const char *value);
int vf_create(unsigned int count);
int vf_create_second(unsigned int count);
void vf_address(unsigned int n, char *name, size_t len);

int vf_open(struct vf *vf, int iommufd, const char *name, const char *driver);
void vf_close(struct vf *vf);
int vf_attach(struct vf *vf, __u32 pt_id);
int vf_reset(struct vf *vf);
int vf_bus_master(struct vf *vf, bool enable);
int vf_irqs(struct vf *vf, const int *eventfds, unsigned int count);

__u64 vf_read(const struct vf *vf, unsigned int reg);
void vf_write(const struct vf *vf, unsigned int reg, __u64 value);
int vf_start(struct vf *vf, const struct vf_job *job);
int vf_set_up(struct vf *vf);
int vf_stop(struct vf *vf);
__u64 vf_wrong(const void *memory, const struct vf_job *job, __u64 position);

int vf_set_state(struct vf *vf, enum vfio_device_mig_state state, int *data_fd);
int vf_get_state(struct vf *vf);
int vf_migration_flags(struct vf *vf, __u64 *flags);
int vf_data_size(struct vf *vf, __u64 *size);
const char *vf_state_name(int state);
int vf_precopy_again(struct vf *vf);
int vf_precopy_info(int data_fd, struct vfio_precopy_info *info);
ssize_t vf_stream_read(int data_fd, void *to, size_t room, int *end);
int vf_stream_write(int data_fd, const void *from, size_t length);

#endif
