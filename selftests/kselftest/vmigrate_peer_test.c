// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmigrate as the source of a guest with a VF. The destination is this test, which
 * fails when the guest is handed over. The source says where the guest continues.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "pair.h"
#include "../../tools/vmigrate/vmigrate.h"

#define SOCKET	"/tmp/vmigrate-peer"
#define HERE	"the guest continues at the source"

enum behaviour {
	SOUND,		/* The control */
	CLOSES,		/* ... the connection when all has been sent */
	SUMS_DIFFER,
	TAKES_NO_RUN,	/* RUN cannot be sent to it */
	GAP,		/* Its VF makes no writes */
	SILENT,		/* It does not answer RUN, and the source is interrupted */
	STALLS,		/* ... nor when all has been sent, and no signal arrives */
	STALLS_LATE,	/* It does not answer RUN */
};

FIXTURE(peer) {
	int listener;
	int fd;
	pid_t pid;
	u8 payload[WIRE_MAX];
	char text[4096];
};

FIXTURE_SETUP(peer)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = SOCKET };

	ASSERT_EQ(0, firmware_faults(""));
	ASSERT_EQ(0, vf_create(4));
	unlink(SOCKET);
	self->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ASSERT_EQ(0, bind(self->listener, (void *)&addr, sizeof(addr)));
	ASSERT_EQ(0, listen(self->listener, 1));
}

FIXTURE_TEARDOWN(peer)
{
	close(self->listener);
	EXPECT_EQ(0, vf_create(0));
}

/* As sum64() of the program */
static u64 checksum(const void *data, size_t length)
{
	const u64 *word = data;
	u64 sum = 0;
	size_t i;

	for (i = 0; i < length / sizeof(*word); i++) {
		sum = (sum ^ word[i]) * 0x9e3779b97f4a7c15ull;
		sum ^= sum >> 29;
	}
	return sum;
}

static bool answer(int fd, struct wire_msg *msg, const void *payload, u32 length)
{
	msg->length = length;
	msg->payload_sum = checksum(payload, length);
	msg->sum = checksum(msg, offsetof(struct wire_msg, sum));
	return send(fd, msg, sizeof(*msg), MSG_NOSIGNAL) == sizeof(*msg) &&
	       (!length || send(fd, payload, length, MSG_NOSIGNAL) == length);
}

static bool answer_run(int fd, struct wire_msg *msg, pid_t source, enum behaviour how)
{
	struct wire_mark mark = { .position = 9, .went_on = how == GAP ? 0 : 1 };

	if (how == SILENT) {
		kill(source, SIGINT);
		return true;
	}
	if (how == STALLS_LATE)
		return true;
	msg->count = 0;
	if (!answer(fd, msg, NULL, 0))
		return false;
	msg->type = WIRE_PROOF;
	return answer(fd, msg, &mark, sizeof(mark));
}

/* Returns whether the connection continues. */
static bool take_message(int fd, struct wire_msg *msg, u8 *payload, pid_t source,
			 enum behaviour how)
{
	switch (msg->type) {
	case WIRE_DEVICES:
		msg->type = WIRE_READY;
		return answer(fd, msg, NULL, 0);
	case WIRE_END:
		if (how == STALLS)
			return true;
		return how != CLOSES && answer(fd, msg, NULL, 0);
	case WIRE_SUMS:
		if (how == SUMS_DIFFER)
			payload[0] ^= 1;
		if (how == TAKES_NO_RUN)
			shutdown(fd, SHUT_RD);
		return answer(fd, msg, payload, msg->length);
	case WIRE_RUN:
		return answer_run(fd, msg, source, how);
	}
	return true;
}

static bool take_payload(int fd, const struct wire_msg *msg, u8 *payload)
{
	return !msg->length ||
	       (msg->length <= WIRE_MAX &&
		recv(fd, payload, msg->length, MSG_WAITALL) == msg->length);
}

/* A migration to this destination: the source's exit status, or -1 */
static int migrate(FIXTURE_DATA(peer) *self, enum behaviour how)
{
	int out = memfd_create("out", 0), status;
	struct wire_msg msg;
	ssize_t n;

	self->pid = fork();
	if (!self->pid) {
		dup2(out, STDOUT_FILENO);
		dup2(out, STDERR_FILENO);
		execlp("vmigrate", "vmigrate", "--to", SOCKET, "--vfs", "1", "--devices",
		       "0", "-m", "8M", "--passes", "4", "--timeout",
		       how == STALLS || how == STALLS_LATE ? "3" : "60", NULL);
		_exit(127);
	}
	self->fd = accept(self->listener, NULL, NULL);
	while (recv(self->fd, &msg, sizeof(msg), MSG_WAITALL) == sizeof(msg)) {
		if (!take_payload(self->fd, &msg, self->payload) ||
		    !take_message(self->fd, &msg, self->payload, self->pid, how))
			break;
	}
	/* With RUN refused, the source still reads what was sent */
	if (how != TAKES_NO_RUN)
		close(self->fd);
	if (waitpid(self->pid, &status, 0) != self->pid || !WIFEXITED(status))
		status = -1;
	else
		status = WEXITSTATUS(status);
	if (how == TAKES_NO_RUN)
		close(self->fd);
	n = pread(out, self->text, sizeof(self->text) - 1, 0);
	self->text[n > 0 ? n : 0] = 0;
	close(out);
	return status;
}

TEST_F(peer, is_sound)
{
	EXPECT_EQ(0, migrate(self, SOUND)) TH_LOG("%s", self->text);
	EXPECT_NE(NULL, strstr(self->text, "migration complete"));
}

TEST_F(peer, closes_behind_the_last_message)
{
	EXPECT_EQ(3, migrate(self, CLOSES)) TH_LOG("%s", self->text);
	EXPECT_NE(NULL, strstr(self->text, HERE));
}

/* Neither side would run it */
TEST_F(peer, has_other_checksums)
{
	EXPECT_EQ(1, migrate(self, SUMS_DIFFER)) TH_LOG("%s", self->text);
	EXPECT_NE(NULL, strstr(self->text, "verdict: FAILED, 1 of"));
	EXPECT_NE(NULL, strstr(self->text, HERE)) TH_LOG("%s", self->text);
}

/* It has not been told to run the guest, and does not */
TEST_F(peer, is_not_told_to_run)
{
	EXPECT_EQ(3, migrate(self, TAKES_NO_RUN)) TH_LOG("%s", self->text);
	EXPECT_NE(NULL, strstr(self->text, HERE));
}

TEST_F(peer, proves_a_gap)
{
	EXPECT_EQ(2, migrate(self, GAP)) TH_LOG("%s", self->text);
	EXPECT_NE(NULL, strstr(self->text, "made 0 writes"));
	EXPECT_EQ(NULL, strstr(self->text, "migration complete"));
	EXPECT_EQ(NULL, strstr(self->text, HERE));
}

TEST_F(peer, does_not_answer)
{
	EXPECT_EQ(130, migrate(self, SILENT)) TH_LOG("%s", self->text);
	EXPECT_NE(NULL, strstr(self->text, "the guest was handed over"));
	EXPECT_EQ(NULL, strstr(self->text, "nothing was migrated"));
}

/* A guest does not stay stopped because the destination never answers */
TEST_F(peer, stalls_when_all_is_sent)
{
	EXPECT_EQ(3, migrate(self, STALLS)) TH_LOG("%s", self->text);
	EXPECT_NE(NULL, strstr(self->text, "has sent nothing for 3 s"));
	EXPECT_NE(NULL, strstr(self->text, HERE));
}

/* It may run there: not here */
TEST_F(peer, stalls_when_it_is_to_run)
{
	EXPECT_EQ(2, migrate(self, STALLS_LATE)) TH_LOG("%s", self->text);
	EXPECT_NE(NULL, strstr(self->text, "the guest was handed over"));
	EXPECT_EQ(NULL, strstr(self->text, HERE));
}

TEST_HARNESS_MAIN
