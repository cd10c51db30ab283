// SPDX-License-Identifier: GPL-2.0-only
/*
 * The whole job: vmigrate moves memory that devices keep writing, and its
 * verdict is right both ways.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "fixture.h"

#define MAX_ARGS 16

static pid_t vmigrate_start(const char *arguments)
{
	char copy[256], *argv[MAX_ARGS] = { "vmigrate" };
	unsigned int n = 1;
	char *word;
	pid_t pid = fork();

	if (pid)
		return pid;
	/* A debug kernel sends so slowly that pre-copy would not converge */
	snprintf(copy, sizeof(copy), "%s%s", arguments,
		 getenv("SLOW") ? " --passes 4" : "");
	for (word = strtok(copy, " "); word && n < MAX_ARGS - 1;
	     word = strtok(NULL, " "))
		argv[n++] = word;
	/* What it says is for people; stdout here is TAP */
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execvp("vmigrate", argv);
	_exit(127);
}

static int vmigrate_end(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int vmigrate(const char *arguments)
{
	return vmigrate_end(vmigrate_start(arguments));
}

TEST(migrates)
{
	EXPECT_EQ(0, vmigrate("--demo -m 32M"));
}

TEST(migrates_by_ranges)
{
	EXPECT_EQ(0, vmigrate("--demo -m 32M --ranges"));
}

TEST(migrates_huge_leaves)
{
	EXPECT_EQ(0, vmigrate("--demo -m 32M --hugepages"));
}

/* One device cannot be tracked: more to send, and still complete. */
TEST(migrates_untracked)
{
	EXPECT_EQ(0, vmigrate("--demo -m 16M --devices 3"));
}

/* Without tracking the verdict must be that pages differ: 1. */
TEST(untracked_fails_its_verdict)
{
	EXPECT_EQ(1, vmigrate("--demo -m 16M --tracker off"));
}

/*
 * So must an IOMMU that clears without a record be found out. What COUNT has
 * seen before is safe, so all records are dropped.
 */
TEST(lossy_tracker_fails_its_verdict)
{
	ASSERT_EQ(0, parameter_set("iommufd_virt", "drop_record", "1"));
	EXPECT_EQ(1, vmigrate("--demo -m 16M"));
	ASSERT_EQ(0, parameter_set("iommufd_virt", "drop_record", "0"));
}

TEST(bad_use)
{
	EXPECT_EQ(2, vmigrate("--no-such-option"));
	EXPECT_EQ(2, vmigrate("--demo -m 3"));
	EXPECT_EQ(2, vmigrate("--demo --devices 99"));
}

/* Killed half way: nothing is left behind that stops the next run. */
TEST(killed)
{
	pid_t pid = vmigrate_start("--demo -m 32M");

	ASSERT_LT(0, pid);
	sleep(2);
	kill(pid, SIGKILL);
	EXPECT_EQ(-1, vmigrate_end(pid));
	sleep(1);
	EXPECT_EQ(0, vmigrate("--demo -m 16M"));
}

TEST_HARNESS_MAIN
