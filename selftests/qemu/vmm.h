/* SPDX-License-Identifier: GPL-2.0-only */
/* A QEMU with our guest in it. */
#ifndef _SELFTESTS_QEMU_VMM_H
#define _SELFTESTS_QEMU_VMM_H

#include <stdbool.h>
#include <sys/types.h>

#include "case.h"
#include "wire.h"

#define VMM_FOLDER	"/job/bin"	/* where run.sh puts QEMU and the guest */

/**
 * struct vmm - A QEMU
 * @name: Its sockets and log are /tmp/NAME.*
 * @pid: Of its process, 0 if there is none
 * @log: What it says
 * @qmp: Its machine protocol
 * @serial: The guest's serial port
 */
struct vmm {
	char name[80];
	pid_t pid;
	char log[96];
	struct wire qmp;
	struct wire serial;
};

int vmm_start(struct vmm *vmm, const char *name, const struct qcase *c,
	      unsigned int side, bool incoming);
void vmm_end(struct vmm *vmm);
void vmm_last_words(const struct vmm *vmm, char *to, size_t room);
bool vmm_has_tracker(void);
unsigned int vmm_count(const struct vmm *vmm, const char *text);

const char *vmm_ask(struct vmm *vmm, const char *question, const char *answer,
		    long long deadline);

#endif
