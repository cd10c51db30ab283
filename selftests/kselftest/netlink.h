/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixture of the programs that test the netlink family: an IOAS with a little memory
 * mapped, in a context of its own, and a peer. Include it behind kselftest_harness.h.
 */
#ifndef _KSELFTEST_NETLINK_H
#define _KSELFTEST_NETLINK_H

#include <sys/mman.h>
#include <unistd.h>

#include "ctl.h"
#include "fixture.h"
#include "peer.h"
#include "../lib/iommufd.h"

#define SIZE	(1ull << 20)

#define DEVICE	CTL_AMD

FIXTURE(netlink) {
	struct peer p;
	int fd;
	uint64_t context;
	__u32 ioas_id;
	char *ram;
};

FIXTURE_SETUP(netlink)
{
	ASSERT_EQ(0, peer_open(&self->p));
	self->fd = iommufd_open();
	ASSERT_LE(0, self->fd);
	self->context = peer_own_context(&self->p);
	ASSERT_NE(0, self->context);
	ASSERT_EQ(0, iommufd_ioas_alloc(self->fd, &self->ioas_id));
	/* Leaves of a page, wherever the memory is */
	ASSERT_EQ(0, iommufd_ioas_huge_pages(self->fd, self->ioas_id, false));
	self->ram = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->ram);
	ASSERT_EQ(0, iommufd_ioas_map(self->fd, self->ioas_id, self->ram, SIZE,
				      IOVA, IOMMUFD_MAP_RW));
}

FIXTURE_TEARDOWN(netlink)
{
	close(self->fd);
	peer_close(&self->p);
}

#endif
