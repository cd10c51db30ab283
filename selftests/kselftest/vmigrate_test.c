// SPDX-License-Identifier: GPL-2.0-only
/*
 * A whole migration: vmigrate moves memory that devices keep writing, and its
 * verdict is right whether pages are lost or not.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "fixture.h"

#define MAX_ARGS 32

static pid_t vmigrate_start_to(const char *arguments, int out)
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
	dup2(out, STDOUT_FILENO);
	execvp("vmigrate", argv);
	_exit(127);
}

static pid_t vmigrate_start(const char *arguments)
{
	/* What it says is for people; stdout here is TAP */
	return vmigrate_start_to(arguments, STDERR_FILENO);
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

/*
 * Its exit status, and how many bytes it has sent according to its report, 0 if
 * that does not say.
 */
static int vmigrate_bytes(const char *arguments, unsigned long long *bytes)
{
	static const char name[] = "  \"bytes\": ";
	char all[256], line[512];
	int status, fds[2];
	pid_t pid;
	FILE *f;

	*bytes = 0;
	if (pipe(fds))
		return -1;
	snprintf(all, sizeof(all), "--json %s", arguments);
	pid = vmigrate_start_to(all, fds[1]);
	close(fds[1]);
	f = fdopen(fds[0], "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, sizeof(name) - 1))
			*bytes = strtoull(line + sizeof(name) - 1, NULL, 10);
	status = vmigrate_end(pid);
	if (f)
		fclose(f);
	return status;
}

TEST(migrates)
{
	EXPECT_EQ(0, vmigrate("--demo -m 32M"));
}

/* ---- Pictures ---- */

#define REPORT "/tmp/report"

/* The sum of an expression over the rows of a file of --report; the VM has no gnuplot. */
static double sum_rows(const char *name, double (*of)(const double *f), unsigned int *rows)
{
	char path[64], line[256];
	double sum = 0, f[5];
	FILE *file;

	*rows = 0;
	snprintf(path, sizeof(path), REPORT "/%s.dat", name);
	file = fopen(path, "r");
	while (file && fgets(line, sizeof(line), file)) {
		memset(f, 0, sizeof(f));
		if (sscanf(line, "%lf %lf %lf %lf %lf", &f[0], &f[1], &f[2], &f[3], &f[4]) < 2)
			continue;
		sum += of(f);
		++*rows;
	}
	if (file)
		fclose(file);
	return sum;
}

/* MiB that were dirty: in all passes but the first, which sends all */
static double pass_mib(const double *f)
{
	return f[0] > 1 ? f[1] / 256 : 0;
}

/* ... in a cell of the heat map: percent a second, of so many seconds and MiB */
static double cell_mib(const double *f)
{
	return f[4] / 100 * (f[1] - f[0]) * (f[3] - f[2]);
}

static double last_time;

/* ... and by the rate, from one time to the next */
static double rate_mib(const double *f)
{
	double seconds = f[0] - last_time;

	last_time = f[0];
	return f[1] * seconds;
}

/* What each picture shows is as much as was sent. */
TEST(report)
{
	unsigned int passes, cells, rates, bars;
	double sent, heat, rate;

	ASSERT_EQ(0, vmigrate("--demo -m 32M --devices 1 --report " REPORT));
	sent = sum_rows("passes", pass_mib, &passes);
	heat = sum_rows("heat", cell_mib, &cells);
	last_time = 0;
	rate = sum_rows("rate", rate_mib, &rates);
	sum_rows("downtime", pass_mib, &bars);
	TH_LOG("%.3f MiB in %u passes, %.3f in %u cells, %.3f in %u rates", sent, passes, heat,
	       cells, rate, rates);
	EXPECT_LT(2, passes);
	EXPECT_EQ(passes - 1, rates);
	EXPECT_LT(passes, cells);
	EXPECT_EQ(5, bars);
	EXPECT_LT(0.1, sent);
	EXPECT_LT(0.99 * sent, heat);
	EXPECT_GT(1.01 * sent, heat);
	EXPECT_LT(0.99 * sent, rate);
	EXPECT_GT(1.01 * sent, rate);
}

/* Without a tracker, one has no data, and is there all the same. */
TEST(report_without_data)
{
	char text[1024] = "";
	FILE *f;

	ASSERT_EQ(1, vmigrate("--demo -m 16M --tracker off --report " REPORT));
	f = fopen(REPORT "/heat.gp", "r");
	ASSERT_NE(NULL, f);
	EXPECT_LT(0, fread(text, 1, sizeof(text) - 1, f));
	fclose(f);
	EXPECT_NE(NULL, strstr(text, "\"no data\"")) TH_LOG("%s", text);
}

/* Where it cannot be written nothing is migrated for nothing. */
TEST(report_errors)
{
	EXPECT_EQ(2, vmigrate("--demo -m 16M --report /proc/report"));
	EXPECT_EQ(2, vmigrate("--demo -m 16M --report /dev/full"));
	EXPECT_EQ(2, vmigrate("--listen /tmp/s --report " REPORT));
}

TEST(migrates_by_ranges)
{
	EXPECT_EQ(0, vmigrate("--demo -m 32M --ranges"));
}

TEST(migrates_huge_leaves)
{
	EXPECT_EQ(0, vmigrate("--demo -m 32M --hugepages"));
}

/* Where a pass takes long, few writes a second are as many in a pass. */
static int migrate_slowly(const char *leaves, unsigned long long *bytes)
{
	char arguments[128];

	snprintf(arguments, sizeof(arguments),
		 "--demo -m 32M --hugepages --rate %u --bandwidth 0 --passes 6 --leaves %s",
		 getenv("SLOW") ? 50 : 200, leaves);
	return vmigrate_bytes(arguments, bytes);
}

/*
 * Leaves of one page, from the beginning or for the migration only: complete, and
 * without sending 2 MiB for a page, which large leaves do (the control).
 */
TEST(migrates_with_small_leaves)
{
	unsigned long long large, small, migration;

	EXPECT_EQ(0, migrate_slowly("large", &large));
	EXPECT_EQ(0, migrate_slowly("small", &small));
	EXPECT_EQ(0, migrate_slowly("migration", &migration));
	TH_LOG("sent: large %llu, small %llu, migration %llu", large, small,
	       migration);
	/* Some pages are zeros, and are not sent */
	EXPECT_LT(16ull << 20, small);
	EXPECT_LT(16ull << 20, migration);
	EXPECT_LT(2 * small, large);
	EXPECT_LT(2 * migration, large);
}

/*
 * What is written decides what is sent again. Where leaves are small, a page in each 2 MiB
 * and rings of 16 pages are little, and all pages (the control) much; where they are large,
 * a page in each is as much as all.
 */
TEST(sends_what_is_written)
{
#define QUICKLY		"--demo -m 32M --hugepages --rate 2000 --bandwidth 64M --passes 3 " \
			"--threshold 4K "
#define RING		"--writes ring --working-set 64K "
	unsigned long long once, all, sparse, ring, large;

	EXPECT_EQ(1, vmigrate_bytes(QUICKLY "--seed 1 --writes sparse --tracker off",
				    &once));
	EXPECT_EQ(0, vmigrate_bytes(QUICKLY "--seed 1 --leaves small", &all));
	EXPECT_EQ(0, vmigrate_bytes(QUICKLY "--seed 1 --leaves small --writes sparse", &sparse));
	EXPECT_EQ(0, vmigrate_bytes(QUICKLY RING "--seed 1 --leaves small", &ring));
	EXPECT_EQ(0, vmigrate_bytes(QUICKLY "--seed 1 --writes sparse", &large));
	TH_LOG("sent: once %llu, all %llu, sparse %llu, ring %llu, sparse in large leaves %llu",
	       once, all, sparse, ring, large);
	/* 16 pages at most in each of three passes, and 32 of both rings */
	EXPECT_LT(once, sparse);
	EXPECT_LT(sparse, once + (1 << 20));
	EXPECT_LT(once, ring);
	EXPECT_LT(ring, once + (1 << 20));
	EXPECT_LT(once + (2 << 20), all);
	EXPECT_LT(once + (32 << 20), large);
}

/* With two kinds of IOMMU, one of which cannot track. */
TEST(migrates_with_small_leaves_untracked)
{
	EXPECT_EQ(0, vmigrate("--demo -m 16M --devices 3 --hugepages --leaves migration"));
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
	ASSERT_EQ(0, virt_set("drop_record", "1"));
	EXPECT_EQ(1, vmigrate("--demo -m 16M"));
	ASSERT_EQ(0, virt_set("drop_record", "0"));
}

TEST(bad_use)
{
	EXPECT_EQ(2, vmigrate("--no-such-option"));
	EXPECT_EQ(2, vmigrate("--demo -m 3"));
	EXPECT_EQ(2, vmigrate("--demo --devices 99"));
	EXPECT_EQ(2, vmigrate("--demo --leaves small"));
	EXPECT_EQ(2, vmigrate("--demo --writes dense"));
	EXPECT_EQ(2, vmigrate("--demo --hugepages --leaves tiny"));
	EXPECT_EQ(2, vmigrate("--demo --hugepages --leaves migration --tracker off"));
	EXPECT_EQ(2, vmigrate("--demo --hugepages --leaves split --tracker hwpt"));
	EXPECT_EQ(2, vmigrate("--demo --nics 5"));
	EXPECT_EQ(2, vmigrate("--demo --nics 1 --nic-kind ne2000"));
	/* There is none here */
	EXPECT_EQ(2, vmigrate("--demo --nics 1"));
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
