// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the virtual firmware refuses: commands with an unknown op_mod, with reserved fields
 * set, with a wrong length, with references to objects that do not exist, and commands to
 * destroy objects that are in use. The firmware counts them, so that the other tests can
 * check that a driver gives no such command; this test checks the counters themselves.
 */
#include <errno.h>

#include "kselftest_harness.h"
#include "firmware.h"
#include "pair.h"
#include "../lib/sysfs.h"

#define S(name) VFIO_DEVICE_STATE_##name

/* Bits of linux/mlx5/mlx5_ifc.h */
#define OP_MOD		0x30		/* 16 bits */
#define ID		0x48		/* 24 bits: pd, uar, mkey_index, cqn, qpn */
#define VHCA_ID		0x50		/* 16 bits */
#define UID		0x10		/* 16 bits */
#define MKC		0x80
#define FIRST_VF	0x11		/* vhca_id */

FIXTURE(check) {
	struct firmware fw;
	unsigned long invalid;
};

FIXTURE_SETUP(check)
{
	ASSERT_EQ(0, vf_create(2));
	self->invalid = virt_get("connectx_invalid");
}

FIXTURE_TEARDOWN(check)
{
	ASSERT_EQ(0, vf_create(0));
}

/* A command that is right but for one thing. */
struct wrong {
	const char *what;
	unsigned int opcode;
	unsigned int in_len;
	unsigned int out_len;
	unsigned int bit;
	unsigned int bits;
	__u64 value;
	int status;
};

static const struct wrong wrongs[] = {
	{ "op_mod of SUSPEND", CMD_SUSPEND, 16, 16, OP_MOD, 16, 2, STAT_BAD_OP },
	{ "op_mod of RESUME", CMD_RESUME, 16, 16, OP_MOD, 16, 2, STAT_BAD_OP },
	{ "op_mod of SAVE", CMD_SAVE, 32, 16, OP_MOD, 16, 1, STAT_BAD_OP },
	{ "op_mod of ALLOC_PD", CMD_ALLOC_PD, 16, 16, OP_MOD, 16, 1, STAT_BAD_OP },
	{ "uid", CMD_ALLOC_PD, 16, 16, UID, 16, 1, STAT_BAD_PARAM },
	{ "reserved word", CMD_ALLOC_PD, 16, 16, 0x60, 32, 1, STAT_BAD_PARAM },
	{ "reserved bit", CMD_QUERY, 16, 64, 0x42, 1, 1, STAT_BAD_PARAM },
	{ "last bit", CMD_SUSPEND, 16, 16, 0x7f, 1, 1, STAT_BAD_PARAM },
	{ "short input", CMD_SAVE, 31, 16, VHCA_ID, 16, FIRST_VF, STAT_BAD_INP_LEN },
	{ "long input", CMD_SUSPEND, 20, 16, VHCA_ID, 16, FIRST_VF,
	  STAT_BAD_INP_LEN },
	{ "no such PD", CMD_DEALLOC_PD, 16, 16, ID, 24, 0xabcd, STAT_BAD_RES },
	{ "no such key", CMD_DESTROY_MKEY, 16, 16, ID, 24, 0xabcd, STAT_BAD_RES },
	{ "SAVE without a key", CMD_SAVE, 32, 16, VHCA_ID, 16, FIRST_VF,
	  STAT_BAD_PARAM },
};

TEST_F(check, invalid_commands)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrongs); i++) {
		const struct wrong *w = &wrongs[i];

		firmware_begin(&self->fw, w->opcode, w->in_len, w->out_len);
		if (w->opcode == CMD_SAVE)
			firmware_set(&self->fw, 0xe0, 32, 1 << 20);
		firmware_set(&self->fw, w->bit, w->bits, w->value);
		EXPECT_EQ(w->status, firmware_exec(&self->fw)) {
			TH_LOG("%s", w->what);
		}
	}
	/* The one that is too short is no command at all */
	EXPECT_EQ(self->invalid + i - 1, virt_get("connectx_invalid"));
}

static int alloc(struct firmware *fw, unsigned int opcode, unsigned int *id)
{
	int rc;

	firmware_begin(fw, opcode, 16, 16);
	rc = firmware_exec(fw);
	*id = firmware_get(fw, ID, 24);
	return rc;
}

static int destroy(struct firmware *fw, unsigned int opcode, unsigned int id)
{
	firmware_begin(fw, opcode, 16, 16);
	firmware_set(fw, ID, 24, id);
	return firmware_exec(fw);
}

/* A key of two pages, which are never touched. */
static void mkey_begin(struct firmware *fw, unsigned int pd)
{
	firmware_begin(fw, CMD_CREATE_MKEY, 272 + 16, 16);
	firmware_set(fw, MKC + 0x12, 4, 0xf);		/* rw rr lw lr */
	firmware_set(fw, MKC + 0x16, 2, 1);		/* MTT */
	firmware_set(fw, MKC + 0x20, 24, 0xffffff);	/* qpn */
	firmware_set(fw, MKC + 0x68, 24, pd);
	firmware_set(fw, MKC + 0xc0, 64, 8192);		/* len */
	firmware_set(fw, MKC + 0x1a0, 32, 1);		/* octwords */
	firmware_set(fw, MKC + 0x1da, 6, 12);		/* log_page_size */
	firmware_set(fw, 0x300, 32, 1);			/* actual octwords */
}

/* An object that is in use is not destroyed; one that is not, is. */
TEST_F(check, objects_in_use)
{
	struct firmware *fw = &self->fw;
	unsigned int pd, key;

	ASSERT_EQ(STAT_OK, alloc(fw, CMD_ALLOC_PD, &pd));
	mkey_begin(fw, pd);
	ASSERT_EQ(STAT_OK, firmware_exec(fw));
	key = firmware_get(fw, ID, 24);
	EXPECT_EQ(STAT_BAD_RES_STATE, destroy(fw, CMD_DEALLOC_PD, pd));
	EXPECT_EQ(self->invalid + 1, virt_get("connectx_invalid"));
	EXPECT_EQ(STAT_OK, destroy(fw, CMD_DESTROY_MKEY, key));
	EXPECT_EQ(STAT_OK, destroy(fw, CMD_DEALLOC_PD, pd));
	EXPECT_EQ(STAT_BAD_RES, destroy(fw, CMD_DEALLOC_PD, pd));
}

/* Each field of a key that is checked. */
TEST_F(check, keys)
{
	static const struct { const char *what; unsigned int bit, bits, value; }
	bad[] = {
		{ "access mode", MKC + 0x16, 2, 0 },
		{ "start address", MKC + 0x80, 64, 1 },
		{ "page size", MKC + 0x1da, 6, 11 },
		{ "octwords", MKC + 0x1a0, 32, 2 },
		{ "actual octwords", 0x300, 32, 3 },
		{ "length", MKC + 0xc0, 64, 8193 },
		{ "no length", MKC + 0xc0, 64, 0 },
		{ "QP", MKC + 0x20, 24, 5 },
		{ "umr_en", MKC + 0x10, 1, 1 },
		{ "bsf_en", MKC + 0x61, 1, 1 },
		{ "free", MKC + 1, 1, 1 },
	};
	struct firmware *fw = &self->fw;
	unsigned int i, pd;

	ASSERT_EQ(STAT_OK, alloc(fw, CMD_ALLOC_PD, &pd));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		mkey_begin(fw, pd);
		firmware_set(fw, bad[i].bit, bad[i].bits, bad[i].value);
		EXPECT_EQ(STAT_BAD_PARAM, firmware_exec(fw)) {
			TH_LOG("%s", bad[i].what);
		}
	}
	mkey_begin(fw, pd + 1);
	EXPECT_EQ(STAT_BAD_RES, firmware_exec(fw));
	EXPECT_EQ(self->invalid + i + 1, virt_get("connectx_invalid"));
	EXPECT_EQ(STAT_OK, destroy(fw, CMD_DEALLOC_PD, pd));
}

/* A SAVE through a key that may not be written, a LOAD through one not to be read. */
TEST_F(check, access_bits)
{
	static const struct { unsigned int opcode, clear; int status; } rows[] = {
		{ CMD_SAVE, MKC + 0x14, STAT_BAD_PARAM },	/* lw */
		{ CMD_LOAD, MKC + 0x15, STAT_BAD_PARAM },	/* lr */
	};
	struct firmware *fw = &self->fw;
	unsigned int i, pd, key;

	ASSERT_EQ(STAT_OK, alloc(fw, CMD_ALLOC_PD, &pd));
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		mkey_begin(fw, pd);
		firmware_set(fw, rows[i].clear, 1, 0);
		ASSERT_EQ(STAT_OK, firmware_exec(fw));
		key = firmware_get(fw, ID, 24);
		firmware_begin(fw, rows[i].opcode, 32, 16);
		firmware_set(fw, VHCA_ID, 16, FIRST_VF);
		firmware_set(fw, 0xc0, 32, key << 8);
		firmware_set(fw, 0xe0, 32, 4096);
		EXPECT_EQ(rows[i].status, firmware_exec(fw));
		EXPECT_EQ(self->invalid + i + 1, virt_get("connectx_invalid"));
		EXPECT_EQ(STAT_OK, destroy(fw, CMD_DESTROY_MKEY, key));
	}
	EXPECT_EQ(STAT_OK, destroy(fw, CMD_DEALLOC_PD, pd));
}

/* While a SAVE is under way its function's commands conflict, and are counted. */
TEST_F(check, conflicts)
{
	static const unsigned int opcodes[] = { CMD_SUSPEND, CMD_RESUME,
						CMD_QUERY };
	struct firmware *fw = &self->fw;
	unsigned long before;
	unsigned int i;
	struct pair p;
	int fd, rc;

	ASSERT_EQ(0, pair_open(&p));
	ASSERT_EQ(0, virt_set("connectx_save_ms", "3000"));
	ASSERT_EQ(0, virt_set("connectx_busy", "6"));
	ASSERT_EQ(0, vf_set_state(&p.src, S(PRE_COPY), &fd));
	/* The SAVE is in the queue, and begins before long */
	for (i = 0, rc = 0; i < 200 && rc != STAT_RES_BUSY; i++) {
		firmware_begin(fw, CMD_QUERY, 16, 64);
		firmware_set(fw, VHCA_ID, 16, FIRST_VF);
		firmware_set(fw, 0x40, 1, 1);
		rc = firmware_exec(fw);
	}
	ASSERT_EQ(STAT_RES_BUSY, rc);
	before = virt_get("connectx_conflicts");
	for (i = 0; i < ARRAY_SIZE(opcodes); i++) {
		firmware_begin(fw, opcodes[i], 16, 64);
		firmware_set(fw, VHCA_ID, 16, FIRST_VF);
		firmware_set(fw, 0x40, 1, opcodes[i] == CMD_QUERY);
		EXPECT_EQ(STAT_RES_BUSY, firmware_exec(fw));
		EXPECT_EQ(before + i + 1, virt_get("connectx_conflicts"));
	}
	/* The other function is as always */
	firmware_begin(fw, CMD_QUERY, 16, 64);
	firmware_set(fw, VHCA_ID, 16, FIRST_VF + 1);
	EXPECT_EQ(STAT_OK, firmware_exec(fw));
	EXPECT_EQ(0, vf_set_state(&p.src, S(RUNNING), NULL));
	close(fd);
	ASSERT_EQ(0, virt_set("connectx_save_ms", "0"));
	ASSERT_EQ(0, virt_set("connectx_busy", "0"));
	pair_close(&p);
}

/* A command that is not delivered is an error to its driver, and no other is. */
TEST_F(check, not_delivered)
{
	struct pair p;
	__u64 size;

	ASSERT_EQ(0, pair_open(&p));
	ASSERT_EQ(0, firmware_faults("0x117:deliver=4"));
	EXPECT_GT(0, vf_data_size(&p.src, &size));
	EXPECT_EQ(0, vf_data_size(&p.src, &size));
	EXPECT_EQ(-EINVAL, firmware_faults("0x117:deliver=17"));
	pair_close(&p);
}

/*
 * The firmware looks at the signature of each command, and does not execute one that was
 * damaged on its way: in any byte, the control being that others are executed.
 */
TEST_F(check, signatures)
{
	unsigned long commands;
	char fault[32];
	unsigned int byte;
	struct pair p;
	__u64 size;

	ASSERT_EQ(0, pair_open(&p));
	for (byte = 0; byte < 64; byte += 7) {
		EXPECT_EQ(0, vf_data_size(&p.src, &size));
		snprintf(fault, sizeof(fault), "0x117:flip=%u", byte);
		ASSERT_EQ(0, firmware_faults(fault));
		commands = virt_get("connectx_commands");
		EXPECT_GT(0, vf_data_size(&p.src, &size)) {
			TH_LOG("byte %u", byte);
		}
		EXPECT_EQ(commands, virt_get("connectx_commands"));
	}
	EXPECT_EQ(0, vf_data_size(&p.src, &size));
	pair_close(&p);
}

/* What mlx5_core has not created itself is left when it goes. */
TEST_F(check, objects_left)
{
	unsigned long left = virt_get("connectx_left");
	unsigned int pd;

	ASSERT_EQ(0, vf_create(0));
	ASSERT_EQ(0, sysfs_write("/sys/bus/pci/drivers/mlx5_core/unbind",
				 VF_PF));
	EXPECT_EQ(left, virt_get("connectx_left"));
	ASSERT_EQ(0, sysfs_write("/sys/bus/pci/drivers/mlx5_core/bind", VF_PF));
	ASSERT_EQ(STAT_OK, alloc(&self->fw, CMD_ALLOC_PD, &pd));
	ASSERT_EQ(0, sysfs_write("/sys/bus/pci/drivers/mlx5_core/unbind",
				 VF_PF));
	EXPECT_EQ(left + 1, virt_get("connectx_left"));
	ASSERT_EQ(0, sysfs_write("/sys/bus/pci/drivers/mlx5_core/bind", VF_PF));
}

TEST_HARNESS_MAIN
