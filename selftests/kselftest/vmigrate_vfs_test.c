// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmigrate with two VFs and a DMA device in one address space, again and again. If the
 * migration fails, because the firmware was broken at a random moment, the guest continues
 * at the source with nothing missing. The firmware is different each time
 * (Documentation/virtual-platform.rst, "Other firmware").
 *
 * MIGRATIONS=n makes n without faults and 2n with (10 and 20 if it is not given),
 * DURATION=n as many as fit into n seconds; SEED=n repeats the random choices.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "kselftest_harness.h"
#include "pair.h"
#include "personality.h"

#define MAX_ARGS	32
#define MAX_OUTPUT	16384
#define COMMON		"--demo --vfs 2 --devices 1 "
/* Exit status of vmigrate: the migration failed, and the guest continues at the source. */
#define GOES_ON		3
/* Seconds after which a vmigrate is taken to hang; most take less than ten. */
#define RUN_LIMIT	120

/**
 * struct run - A vmigrate that runs
 * @pid: Process
 * @out: What it says
 * @limit: When it is late, as seconds_now(); 0 once it was killed for that
 * @text: So far
 * @length: Bytes of it
 */
struct run {
	pid_t pid;
	int out;
	double limit;
	char text[MAX_OUTPUT + 1];
	size_t length;
};

static int run_start(struct run *r, const char *arguments)
{
	char copy[256], *argv[MAX_ARGS] = { "vmigrate" };
	unsigned int n = 1;
	int fds[2];
	char *word;

	r->length = 0;
	r->text[0] = '\0';
	r->limit = seconds_now() + RUN_LIMIT * (getenv("SLOW") ? 6 : 1);
	if (pipe(fds))
		return -1;
	r->pid = fork();
	if (!r->pid) {
		snprintf(copy, sizeof(copy), COMMON "%s", arguments);
		for (word = strtok(copy, " "); word && n < MAX_ARGS - 1;
		     word = strtok(NULL, " "))
			argv[n++] = word;
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		close(fds[1]);
		execvp("vmigrate", argv);
		_exit(127);
	}
	close(fds[1]);
	r->out = fds[0];
	return r->pid < 0 ? -1 : 0;
}

/* It hangs: show what the kernel does for its threads, and kill it. */
static void run_kill(struct run *r)
{
	if (system("for p in $(pidof vmigrate); do echo \"# vmigrate, process $p:\";"
		   " sed 's/^/#   /' /proc/$p/task/*/stack; done >&2"))
		fprintf(stderr, "# vmigrate: no stacks\n");
	kill(r->pid, SIGKILL);
	r->limit = 0;
}

/* Take what it says until it says @what, if that is not NULL, or ends, or is late. */
static void run_listen(struct run *r, const char *what)
{
	struct pollfd pfd = { .fd = r->out, .events = POLLIN };
	char rest[512];
	ssize_t n;

	while (!what || !strstr(r->text, what)) {
		size_t room = MAX_OUTPUT - r->length;
		double left = r->limit - seconds_now();

		if (left <= 0 || poll(&pfd, 1, left * 1000) <= 0) {
			run_kill(r);
			return;
		}
		n = room ? read(r->out, r->text + r->length, room) :
			   read(r->out, rest, sizeof(rest));
		if (n <= 0)
			return;
		r->length += room ? n : 0;
		r->text[r->length] = '\0';
	}
}

/* Its exit status; -1 if it was killed, also because it was late. */
static int run_end(struct run *r)
{
	int status;

	if (r->limit)
		run_listen(r, NULL);
	close(r->out);
	if (waitpid(r->pid, &status, 0) != r->pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int run(struct run *r, const char *arguments)
{
	return run_start(r, arguments) ? -1 : run_end(r);
}

FIXTURE(vfs) {
	struct run run;
};

FIXTURE_SETUP(vfs)
{
	/* The other tests take long, too, and do the same each time. */
	if (getenv("DURATION") && strncmp(_metadata->name, "again_and_again", 15))
		SKIP(return, "no part of what goes on for DURATION");
	ASSERT_EQ(0, firmware_faults(""));
	ASSERT_EQ(0, vf_create(4));
}

FIXTURE_TEARDOWN(vfs)
{
	EXPECT_EQ(0, firmware_faults(""));
	EXPECT_EQ(0, virt_set("drop_record", "0"));
	EXPECT_EQ(0, personality_use(NULL));
	EXPECT_EQ(0, vf_create(0));
}

TEST_F(vfs, migrate)
{
	static const char * const ways[] = {
		"-m 16M", "-m 16M --ranges", "-m 32M --hugepages",
		"-m 16M --vfs 1 --devices 0", "-m 16M --guest-slots 1",
		"-m 16M --hugepages --leaves small",
		"-m 16M --hugepages --leaves migration", "-m 16M --json",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		EXPECT_EQ(0, run(&self->run, ways[i])) {
			TH_LOG("%s:\n%s", ways[i], self->run.text);
		}
	}
	EXPECT_NE(NULL, strstr(self->run.text, "\"complete\": true"));
}

/* The least and the most that JSON says of a number of each VF, which have it in a line */
static void json_numbers(const char *text, const char *name, unsigned long long *min,
			 unsigned long long *max)
{
	char key[32];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\":", name);
	*min = ~0ull;
	*max = 0;
	for (at = strstr(text, key); at; at = strstr(at + 1, key)) {
		unsigned long long n = strtoull(at + strlen(key), NULL, 0);

		*min = n < *min ? n : *min;
		*max = n > *max ? n : *max;
	}
}

/*
 * A VF that was set up again in pre-copy is not stopped before its initial data was sent, also
 * after the last pass. The state of the virtual ConnectX tells: all of it is new.
 */
TEST_F(vfs, initial_data_again)
{
	unsigned long long state = virt_get("connectx_state") << 10;
	unsigned long long min, max, bytes;

	ASSERT_EQ(0, virt_set("connectx_quirks", "reinit"));
	EXPECT_EQ(0, run(&self->run, "-m 8M --json --passes 1 --set-up 1")) {
		TH_LOG("%s", self->run.text);
	}
	json_numbers(self->run.text, "again", &min, &max);
	EXPECT_EQ(1, min);
	EXPECT_EQ(1, max);
	json_numbers(self->run.text, "precopy_bytes", &bytes, &max);
	EXPECT_LE(2 * state, bytes);
	json_numbers(self->run.text, "stop_copy_bytes", &min, &bytes);
	EXPECT_GT(state, bytes);
	TH_LOG("%llu bytes of state, at most %llu while stopped", state, bytes);

	/* The control: where it is not set up again, nothing is announced */
	EXPECT_EQ(0, run(&self->run, "-m 8M --json --passes 3"));
	json_numbers(self->run.text, "again", &min, &max);
	EXPECT_EQ(0, max);
}

/* The controls: nothing tracked, and a tracker that loses what it clears. */
TEST_F(vfs, missing_pages_are_found)
{
	EXPECT_EQ(1, run(&self->run, "-m 16M --tracker off"));
	EXPECT_NE(NULL, strstr(self->run.text, "verdict: FAILED"));
	ASSERT_EQ(0, virt_set("drop_record", "1"));
	EXPECT_EQ(1, run(&self->run, "-m 16M")) {
		TH_LOG("%s", self->run.text);
	}
}

/* Start it, and when the devices run, break something after so long. */
static int run_broken(struct run *r, const char *arguments, const char *fault,
		      unsigned int us)
{
	int rc;

	if (run_start(r, arguments))
		return -1;
	run_listen(r, "pass  ");
	usleep(us);
	firmware_faults(fault);
	rc = run_end(r);
	firmware_faults("");
	return rc;
}

/* Each step of a migration fails once, and the guest continues at the source. */
TEST_F(vfs, failures_leave_the_source_running)
{
	static const char * const faults[] = {
		"0x115:fail",		/* initiator of the first VF */
		"0x115:fail@2",		/* of the second */
		"0x115:fail@3",		/* responder */
		"0x117:fail@2",
		"0x118:fail@3",
		"0x118:corrupt=5000@2",
		"0x118:cut=64@2",
		"0x119:fail@2",
		"0x119:corrupt=99@3",
		"0x116:fail",		/* responder, other side */
		"0x116:fail@2",
		"0x116:fail@3",		/* initiator: at the change to RUNNING */
		"0x116:fail@4",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		EXPECT_EQ(GOES_ON, run_broken(&self->run, "-m 8M", faults[i],
					      0)) {
			TH_LOG("%s:\n%s", faults[i], self->run.text);
		}
		EXPECT_NE(NULL, strstr(self->run.text, "the guest continues at the source"));
	}
	/* With the leaves exchanged, and back again */
	EXPECT_EQ(GOES_ON, run_broken(&self->run,
				      "-m 8M --hugepages --leaves migration",
				      "0x119:fail@2", 0)) {
		TH_LOG("%s", self->run.text);
	}
	EXPECT_NE(NULL, strstr(self->run.text, "the guest continues at the source"));
	EXPECT_EQ(0, run(&self->run, "-m 8M"));
}

/* Killed at any moment: nothing is left behind that stops the next one. */
TEST_F(vfs, killed)
{
	unsigned int i;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, run_start(&self->run, "-m 8M"));
		usleep(300000 * i);
		kill(self->run.pid, SIGKILL);
		run_end(&self->run);
	}
	/* The other side closes its devices when it notices */
	sleep(3);
	EXPECT_EQ(0, run(&self->run, "-m 8M")) {
		TH_LOG("%s", self->run.text);
	}
}

/* The control of the time limit: a migration that stands still ends as a failure. */
TEST_F(vfs, late)
{
	ASSERT_EQ(0, run_start(&self->run, "-m 8M"));
	run_listen(&self->run, "pass  ");
	kill(self->run.pid, SIGSTOP);
	self->run.limit = seconds_now() + 2;
	EXPECT_EQ(-1, run_end(&self->run));
	EXPECT_EQ(0, self->run.limit);
	/* As above */
	sleep(3);
	EXPECT_EQ(0, run(&self->run, "-m 8M")) {
		TH_LOG("%s", self->run.text);
	}
}

static unsigned int number(const char *name, unsigned int otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoul(value, NULL, 0) : otherwise;
}

static unsigned int below(unsigned int n)
{
	return random() % n;
}

/* Anything that changes how and when things happen. */
static void random_arguments(char *text, size_t len)
{
	static const unsigned int rates[] = { 100, 640, 3000, 0 };

	snprintf(text, len,
		 "-m %uM --rate %u --passes %u --threshold %uK --bandwidth %uM --guest-slots %u%s%s --seed %ld",
		 4u << below(3), rates[below(4)], 1 + below(10),
		 64u << below(5), below(2) * 16, 1 + below(3),
		 below(2) ? " --ranges" : "", below(4) ? "" : " --hugepages",
		 random());
}

static void random_fault(char *text, size_t len)
{
	static const unsigned int commands[] = {
		0x115, 0x116, 0x117, 0x118, 0x118, 0x119, 0x119, 0x200, 0x800,
		0xa00, 0xa01,
	};
	unsigned int command = commands[below(11)];
	char what[32];

	switch (command == 0x118 || command == 0x119 ? below(4) : below(2)) {
	case 0:
		strcpy(what, "fail");
		break;
	case 1:
		snprintf(what, sizeof(what), "late=%u", 1 + below(500));
		break;
	case 2:
		snprintf(what, sizeof(what), "corrupt=%u", below(1000000));
		break;
	default:
		snprintf(what, sizeof(what), "cut=%u", 1 + below(10000));
	}
	if (command == 0xa01 && !below(2))
		strcpy(what, "lose");
	snprintf(text, len, "%#x:%s@%u", command, what, 1 + below(4));
}

/* Number @i of @n, or of what fits into half of DURATION. */
static bool another(unsigned int i, unsigned int n, double begin)
{
	unsigned int duration = number("DURATION", 0);

	return duration ? seconds_now() - begin < duration / 2.0 : i < n;
}

TEST_F_TIMEOUT(vfs, again_and_again, 100000)
{
	unsigned long conflicts = virt_get("connectx_conflicts");
	struct personality p;
	char firmware[320];
	unsigned int n = number("MIGRATIONS", 10), seed = number("SEED", 1);
	unsigned int i, verified = 0;
	double begin = seconds_now();
	char arguments[160];

	for (i = 0; another(i, n, begin); i++) {
		srandom(seed + i);
		random_arguments(arguments, sizeof(arguments));
		personality_random(&p, true);
		ASSERT_EQ(0, personality_use(&p));
		if (!run(&self->run, arguments)) {
			verified++;
			continue;
		}
		personality_text(&p, firmware, sizeof(firmware));
		TH_LOG("SEED=%u: %s; firmware %s\n%s", seed + i, arguments,
		       firmware, self->run.text);
	}
	EXPECT_EQ(i, verified);
	/* Nothing was given to it that it was too busy for, or did not understand */
	EXPECT_EQ(conflicts, virt_get("connectx_conflicts"));
	EXPECT_EQ(0, virt_get("connectx_invalid"));
	TH_LOG("%u of %u migrations verified, SEED=%u", verified, i, seed);
}

TEST_F_TIMEOUT(vfs, again_and_again_with_faults, 100000)
{
	struct personality p;
	char firmware[320];
	unsigned int n = number("MIGRATIONS", 10) * 2, seed = number("SEED", 1);
	unsigned int i, verified = 0, intact = 0;
	double begin = seconds_now();
	char arguments[160], fault[48];

	for (i = 0; another(i, n, begin); i++) {
		srandom(seed + i);
		random_arguments(arguments, sizeof(arguments));
		random_fault(fault, sizeof(fault));
		personality_random(&p, true);
		ASSERT_EQ(0, personality_use(&p));
		switch (run_broken(&self->run, arguments, fault,
				   below(1500000))) {
		case 0:
			verified++;
			break;
		case GOES_ON:
			intact++;
			break;
		default:
			personality_text(&p, firmware, sizeof(firmware));
			TH_LOG("SEED=%u: %s, with %s; firmware %s\n%s",
			       seed + i, arguments, fault, firmware,
			       self->run.text);
		}
	}
	EXPECT_EQ(i, verified + intact);
	TH_LOG("%u migrations with a fault: %u verified, %u failed with the source running and intact, SEED=%u",
	       i, verified, intact, seed);
	/* Some of each, or the faults are no test */
	EXPECT_LT(0, verified);
	EXPECT_LT(0, intact);
}

TEST_HARNESS_MAIN
