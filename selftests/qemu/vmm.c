// SPDX-License-Identifier: GPL-2.0-only
/* Start a QEMU with our guest and VFs of the virtual ConnectX, and end it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "qmp.h"
#include "sysfs.h"
#include "vdev.h"
#include "vf.h"
#include "vmm.h"

#define BINARY		VMM_FOLDER "/qemu-system-x86_64"
#define LOADER		VMM_FOLDER "/ld-linux-x86-64.so.2"
#define START_MS	180000
#define QUIT_MS		60000
#define MAX_ARGS	64

/**
 * struct command - The command line
 * @argv: The words, terminated by NULL
 * @count: How many
 */
struct command {
	char *argv[MAX_ARGS + 1];
	unsigned int count;
};

/* Add a word; if there is no room or memory the command has an end too early. */
static void add(struct command *command, const char *format, ...)
{
	char *word = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&word, format, args) < 0)
		word = NULL;
	va_end(args);
	if (command->count < MAX_ARGS)
		command->argv[command->count++] = word;
	else
		free(word);
}

static void command_free(struct command *command)
{
	while (command->count)
		free(command->argv[--command->count]);
}

/* A static QEMU needs no loader. */
static void add_binary(struct command *command)
{
	if (!access(LOADER, X_OK)) {
		add(command, LOADER);
		add(command, "--library-path");
		add(command, VMM_FOLDER);
	}
	add(command, BINARY);
}

static void add_machine(struct command *command, const struct vmm *vmm)
{
	static const char * const fixed[] = {
		"-L", VMM_FOLDER, "-nodefaults", "-no-user-config", "-display",
		"none", "-vga", "none", "-machine", "q35,accel=tcg", "-cpu",
		"qemu64", "-m", "96", "-kernel", VMM_FOLDER "/guest.elf",
		"-mon", "chardev=qmp,mode=control", "-serial", "chardev:serial",
	};
	unsigned int n;

	for (n = 0; n < sizeof(fixed) / sizeof(*fixed); n++)
		add(command, "%s", fixed[n]);
	add(command, "-chardev");
	add(command, "socket,id=qmp,path=/tmp/%s.qmp,server=on,wait=off", vmm->name);
	add(command, "-chardev");
	add(command, "socket,id=serial,path=/tmp/%s.serial,server=on,wait=off",
	    vmm->name);
}

/* Of the device of a case, on one  (0 or 1) of the migration. */
static void device_address(const struct qcase *c, unsigned int n, unsigned int side,
			   char *address, size_t room)
{
	if (!c->device[n].dma)
		vf_address(1 + side * CASE_DEVICES + n, address, room);
	else if (sysfs_pci_find(VIRT_DMA_VENDOR_ID, VIRT_DMA_DEVICE_ID, side,
				address, room))
		snprintf(address, room, "none");
}

static void add_devices(struct command *command, const struct qcase *c,
			unsigned int side)
{
	char address[16];
	unsigned int n;

	if (!c->legacy) {
		add(command, "-object");
		add(command, "iommufd,id=i0%s%s", *c->object ? "," : "", c->object);
	}
	for (n = 0; n < c->nr_devices; n++) {
		const struct device *device = &c->device[n];

		device_address(c, n, side, address, sizeof(address));
		add(command, "-device");
		add(command, "vfio-pci,host=%s,bus=pcie.0,addr=%02x.0%s%s%s%s%s",
		    address, 5 + n, c->legacy ? "" : ",iommufd=i0",
		    device->off ? ",x-device-dirty-page-tracking=off" : "",
		    device->force ? ",enable-migration=on" : "",
		    device->mapped ? "" : ",x-no-mmap=on",
		    c->multifd ? ",x-migration-multifd-transfer=on" : "");
	}
}

/* Runs in the child. It ends with its parent. */
static void execute(const struct vmm *vmm, struct command *command)
{
	int log = open(vmm->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
	int null = open("/dev/null", O_RDONLY);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(null, STDIN_FILENO);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	execv(command->argv[0], command->argv);
	_exit(127);
}

/**
 * vmm_start() - Start QEMU, and the guest unless it is to come
 * @vmm: Filled in; to be ended with vmm_end() even on failure
 * @name: Of its files
 * @c: What the case wants
 * @side: 0 or 1: which half of the devices there are
 * @incoming: The guest will be migrated to here
 *
 * Return: 0 when the guest has found all devices, or QEMU waits for it; or -errno
 */
int vmm_start(struct vmm *vmm, const char *name, const struct qcase *c,
	      unsigned int side, bool incoming)
{
	long long deadline = deadline_in(START_MS);
	struct command command = {};
	char ready[32], path[96];
	int rc;

	*vmm = (struct vmm){ .qmp.fd = -1, .serial.fd = -1 };
	snprintf(vmm->name, sizeof(vmm->name), "%s", name);
	snprintf(vmm->log, sizeof(vmm->log), "/out/%s.log", name);
	add_binary(&command);
	add_machine(&command, vmm);
	add_devices(&command, c, side);
	if (incoming) {
		add(&command, "-incoming");
		add(&command, "defer");
	}
	vmm->pid = fork();
	if (!vmm->pid)
		execute(vmm, &command);
	command_free(&command);
	if (vmm->pid < 0) {
		vmm->pid = 0;
		return -EAGAIN;
	}
	snprintf(path, sizeof(path), "/tmp/%s.serial", name);
	while (access(path, F_OK)) {
		if (waitpid(vmm->pid, NULL, WNOHANG) == vmm->pid) {
			vmm->pid = 0;
			return -ECHILD;
		}
		if (now_ms() > deadline)
			return -ETIMEDOUT;
		sleep_ms(50);
	}
	rc = wire_connect(&vmm->serial, path, deadline);
	snprintf(path, sizeof(path), "/tmp/%s.qmp", name);
	if (!rc)
		rc = qmp_open(&vmm->qmp, path, deadline);
	snprintf(ready, sizeof(ready), "ready %u", c->nr_devices);
	if (!rc && !incoming && !vmm_ask(vmm, NULL, ready, deadline))
		rc = -ETIMEDOUT;
	return rc;
}

/* End QEMU, by force if it does not end by itself. */
void vmm_end(struct vmm *vmm)
{
	long long deadline = deadline_in(QUIT_MS);
	char path[112];

	if (vmm->pid && vmm->qmp.fd >= 0)
		qmp_call(&vmm->qmp, NULL, "quit", NULL);
	wire_close(&vmm->qmp);
	wire_close(&vmm->serial);
	while (vmm->pid && !waitpid(vmm->pid, NULL, WNOHANG)) {
		if (now_ms() > deadline)
			kill(vmm->pid, SIGKILL);
		sleep_ms(20);
	}
	vmm->pid = 0;
	snprintf(path, sizeof(path), "/tmp/%s.serial", vmm->name);
	unlink(path);
	snprintf(path, sizeof(path), "/tmp/%s.qmp", vmm->name);
	unlink(path);
}

/* The last line of its log that is not a warning, without QEMU's name. */
void vmm_last_words(const struct vmm *vmm, char *to, size_t room)
{
	FILE *log = fopen(vmm->log, "r");
	char line[512], *text;

	*to = '\0';
	while (log && fgets(line, sizeof(line), log)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (strstr(line, "warning:") || !strncmp(line, "guest: ", 7))
			continue;
		text = strstr(line, "x86_64: ");
		snprintf(to, room, "%s", text ? text + strlen("x86_64: ") : line);
	}
	if (log)
		fclose(log);
}

/* Whether this QEMU's iommufd backend has the property of contrib/qemu. */
bool vmm_has_tracker(void)
{
	bool found = false;
	char line[256];
	FILE *help;

	help = popen(access(LOADER, X_OK) ? BINARY " -object iommufd,help" :
		     LOADER " --library-path " VMM_FOLDER " " BINARY
		     " -object iommufd,help", "r");
	while (help && fgets(line, sizeof(line), help))
		found = found || strstr(line, "dirty-tracker=");
	if (help)
		pclose(help);
	return found;
}

/**
 * vmm_ask() - Ask the guest, and wait for its answer
 * @vmm: Whose guest
 * @question: A character, or NULL to wait only
 * @answer: How the line of the answer begins; others are written to the log
 * @deadline: When to give up
 *
 * Return: What is behind @answer, valid until the next, or NULL
 */
const char *vmm_ask(struct vmm *vmm, const char *question, const char *answer,
		    long long deadline)
{
	const char *line;
	FILE *log;

	if (question && wire_send(&vmm->serial, question))
		return NULL;
	while ((line = wire_line(&vmm->serial, deadline))) {
		log = fopen(vmm->log, "a");
		if (log) {
			fprintf(log, "guest: %s\n", line);
			fclose(log);
		}
		if (!strncmp(line, answer, strlen(answer)))
			return line + strlen(answer);
	}
	return NULL;
}

/* How many lines of its log have @text. */
unsigned int vmm_count(const struct vmm *vmm, const char *text)
{
	FILE *log = fopen(vmm->log, "r");
	unsigned int count = 0;
	char line[512];

	while (log && fgets(line, sizeof(line), log))
		count += strstr(line, text) != NULL;
	if (log)
		fclose(log);
	return count;
}
