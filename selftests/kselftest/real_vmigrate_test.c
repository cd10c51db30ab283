// SPDX-License-Identifier: GPL-2.0-only
/*
 * A whole migration behind a real IOMMU driver: vmigrate moves memory that QEMU's network
 * controllers write while it is sent, and the destination's driver continues with another
 * controller where the rings end. RAM of both sides is compared by checksums, and at the
 * destination each page that a frame was received into by the number of the frame. With
 * MISTAKE=, what QEMU was told to do wrong, pages have to differ.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <json-c/json.h>

#include "kselftest_harness.h"
#include "fixture.h"
#include "../lib/nic.h"

#define MAX_ARGS	40
/* Seconds for one, in place of 30: QEMU may emulate the processor, and have others beside it */
#define LIMIT		200
#define COMMON		"--demo --json -m 32M --devices 0 --iova-base 0x10000000 --hugepages " \
			"--rate 2000 --passes 8 --bandwidth 8M --threshold 128K "
/*
 * KiB of buffers that the controllers share, into which they receive again and again. They are
 * few because an IOTLB of QEMU that is full (AMD and VT-d: 1024 entries, SMMUv3: 256) drops all
 * entries. The next writes would then set D again, even if the tracker did not flush.
 */
#define BUFFERS		512
#define VFS		4

/* Exit status of vmigrate */
#define COMPLETE	0
#define DIFFERS		1
#define FAILED		2

/**
 * struct result - What vmigrate says of a migration
 * @status: Its exit status
 * @json: All of it, or NULL
 * @frames: Of the source's controllers
 * @writes: What they wrote, seen in RAM
 * @refused: Frames that did not arrive
 * @went_on: Frames at the destination; of the controller that made fewest
 * @passes: While they wrote
 * @pages: Compared
 * @differ: Of these
 */
struct result {
	int status;
	struct json_object *json;
	unsigned long long frames;
	unsigned long long writes;
	unsigned long long refused;
	unsigned long long went_on;
	unsigned long long passes;
	unsigned long long pages;
	unsigned long long differ;
};

static unsigned long long number(struct json_object *json, const char *name)
{
	return json_object_get_uint64(json_object_object_get(json, name));
}

static void result_read(struct result *r, int fd)
{
	struct json_object *nics, *nic;
	size_t i;

	r->json = json_object_from_fd(fd);
	nics = json_object_object_get(r->json, "nics");
	r->went_on = ~0ull;
	for (i = 0; nics && i < json_object_array_length(nics); i++) {
		nic = json_object_array_get_idx(nics, i);
		r->frames += number(nic, "frames");
		r->writes += number(nic, "writes");
		r->refused += number(nic, "refused");
		if (number(nic, "went_on") < r->went_on)
			r->went_on = number(nic, "went_on");
	}
	r->pages = number(r->json, "pages");
	r->differ = number(r->json, "pages_differ");
	nics = json_object_object_get(r->json, "passes");
	r->passes = nics ? json_object_array_length(nics) : 0;
}

static void vmigrate(struct result *r, const char *kind, unsigned int nics,
		     const char *arguments)
{
	int out = memfd_create("out", MFD_CLOEXEC), status;
	char text[512], *argv[MAX_ARGS] = { "vmigrate" };
	unsigned int n = 1;
	char *word;
	pid_t pid;

	*r = (struct result){ .status = -1 };
	snprintf(text, sizeof(text), COMMON "--nic-kind %s --nics %u --working-set %uK %s", kind,
		 nics, BUFFERS / nics, arguments);
	for (word = strtok(text, " "); word && n < MAX_ARGS - 1; word = strtok(NULL, " "))
		argv[n++] = word;
	pid = fork();
	if (!pid) {
		dup2(out, STDOUT_FILENO);
		execvp("vmigrate", argv);
		_exit(127);
	}
	if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		r->status = WEXITSTATUS(status);
	lseek(out, 0, SEEK_SET);
	result_read(r, out);
	close(out);
}

FIXTURE(vmigrate) {
	struct result r;
};

FIXTURE_VARIANT(vmigrate) {
	const char *kind;
	unsigned int nics;
};

FIXTURE_VARIANT_ADD(vmigrate, igb) {
	.kind = "igb",
	.nics = 1,
};

FIXTURE_VARIANT_ADD(vmigrate, e1000e) {
	.kind = "e1000e",
	.nics = 1,
};

/* Two, in slots below and above 4 GiB */
FIXTURE_VARIANT_ADD(vmigrate, igbvf) {
	.kind = "igbvf",
	.nics = VFS / 2,
};

FIXTURE_SETUP(vmigrate)
{
	nic_vfs_remove();
	if (!strcmp(variant->kind, "igbvf")) {
		int rc = nic_vfs_make(VFS);

		if (rc == -ENXIO)
			SKIP(return, "there is no driver igb for the physical function");
		ASSERT_EQ(0, rc);
	}
	if (nic_index(variant->kind) < 0)
		SKIP(return, "there is no %s", variant->kind);
}

FIXTURE_TEARDOWN(vmigrate)
{
	tracker_break("nothing");
	json_object_put(self->r.json);
	nic_vfs_remove();
}

static void show(struct __test_metadata *_metadata, const struct result *r, const char *what)
{
	TH_LOG("%s: status %d, %llu of %llu pages differ, %llu frames in %llu passes, %llu refused, %llu went on",
	       what, r->status, r->differ, r->pages, r->frames, r->passes, r->refused,
	       r->status == COMPLETE ? r->went_on : 0);
	if (r->status == COMPLETE)
		TH_LOG("%s: %llu writes checked", what, r->writes);
}

static void migrates(struct __test_metadata *_metadata, FIXTURE_DATA(vmigrate) *self,
		     const FIXTURE_VARIANT(vmigrate) *variant, const char *arguments)
{
	struct result *r = &self->r;

	if (getenv("MISTAKE"))
		SKIP(return, "QEMU loses dirty bits on purpose");
	vmigrate(r, variant->kind, variant->nics, arguments);
	show(_metadata, r, arguments);
	EXPECT_EQ(COMPLETE, r->status);
	EXPECT_EQ((32ull << 20) / PAGE, r->pages);
	EXPECT_EQ(0, r->differ);
	EXPECT_EQ(0, r->refused);
	EXPECT_LT(2000, r->writes);
	EXPECT_LE(3, r->passes);
	EXPECT_LT(0, r->went_on);
}

/* A write makes 2 MiB dirty */
TEST_F_TIMEOUT(vmigrate, large_leaves, LIMIT)
{
	migrates(_metadata, self, variant, "--leaves large");
}

TEST_F_TIMEOUT(vmigrate, small_leaves, LIMIT)
{
	migrates(_metadata, self, variant, "--leaves small --ranges");
}

/* The controllers stand still while they are attached to HWPTs with small leaves. */
TEST_F_TIMEOUT(vmigrate, small_leaves_while_it_migrates, LIMIT)
{
	migrates(_metadata, self, variant, "--leaves migration");
}

/* The dirty bits of each HWPT, without a tracker */
TEST_F_TIMEOUT(vmigrate, without_a_tracker, LIMIT)
{
	migrates(_metadata, self, variant, "--leaves small --tracker hwpt");
}

/* Where the kernel cannot, vmigrate says so; the tracker does not run then, and nothing is lost. */
TEST_F_TIMEOUT(vmigrate, split_leaves, LIMIT)
{
	struct result *r = &self->r;

	if (getenv("MISTAKE"))
		SKIP(return, "QEMU loses dirty bits on purpose");
	vmigrate(r, variant->kind, variant->nics, "--leaves split");
	show(_metadata, r, "--leaves split");
	if (r->status == FAILED && strstr(json_object_to_json_string(r->json), "does not split"))
		SKIP(return, "this kernel does not split leaves in place");
	EXPECT_EQ(COMPLETE, r->status);
	EXPECT_EQ(0, r->differ);
	EXPECT_EQ(0, r->refused);
	EXPECT_LT(2000, r->writes);
	EXPECT_LT(0, r->went_on);
}

static void notices(struct __test_metadata *_metadata, FIXTURE_DATA(vmigrate) *self,
		    const FIXTURE_VARIANT(vmigrate) *variant, const char *arguments)
{
	struct result *r = &self->r;

	vmigrate(r, variant->kind, variant->nics, arguments);
	show(_metadata, r, arguments);
	EXPECT_EQ(DIFFERS, r->status);
	EXPECT_LT(0, r->differ);
}

/* Nothing is sent twice */
TEST_F_TIMEOUT(vmigrate, notices_no_tracking, LIMIT)
{
	if (getenv("MISTAKE"))
		SKIP(return, "QEMU loses dirty bits on purpose");
	notices(_metadata, self, variant, "--leaves small --tracker off");
}

/* The driver is not asked to flush the IOTLB */
TEST_F_TIMEOUT(vmigrate, notices_a_flush_left_out, LIMIT)
{
	if (getenv("MISTAKE"))
		SKIP(return, "QEMU loses dirty bits on purpose");
	ASSERT_EQ(0, tracker_break("no_flush"));
	notices(_metadata, self, variant, "--leaves small");
}

/*
 * What is forgotten is sent after all if the page becomes dirty again. So only the last pass
 * counts, and it has to be long enough for each buffer to be written.
 */
TEST_F_TIMEOUT(vmigrate, notices_what_qemu_loses, LIMIT)
{
	if (!getenv("MISTAKE"))
		SKIP(return, "QEMU makes no mistake (MISTAKE=)");
	notices(_metadata, self, variant, "--leaves small --bandwidth 2M");
}

TEST_HARNESS_MAIN
