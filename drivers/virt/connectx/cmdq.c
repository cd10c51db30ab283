// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command queue: its address, the doorbell, and moving input and output.
 *
 * The doorbell is plain memory, so of several rings only the last is seen. An
 * entry must not be completed before its poster has rung, though: the ring
 * would count as that of the next user of the entry. Regular entries are
 * rung one after the other, so a ring of one of them says that all regular
 * entries which were owned by the firmware at the look before have been rung.
 * What that does not cover (a ring that was lost, the last entry, which is for
 * pages and rings by itself) is served when it has waited for STALE_NS and every
 * task has come to its next sleep since: between making an entry the firmware's
 * and ringing, mlx5_core does not sleep, but it can be preempted, and the CPU of a
 * virtual machine can stand still. Rings are heard during that wait, since before it
 * has interrupts mlx5_core does not sleep while it waits for the answer either. So
 * the wait has an end, after which no ring is thought to come any more.
 */
#define pr_fmt(fmt) "iommufd-virt: " fmt

#include <linux/cpu.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/mlx5/driver.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "connectx.h"
#include "command.h"
#include "faults.h"

#define LOG_STRIDE	6
#define SIZE_FIELD	(CX_LOG_SLOTS << 4 | LOG_STRIDE)
#define REGULAR		(BIT(CX_SLOTS - 1) - 1)
#define STALE_NS	(1000 * NSEC_PER_USEC)
#define WAIT_END	(10 * HZ)
#define MAX_LENGTH	SZ_64M

/* Of the health buffer: an assertion, and "request for reset" */
#define SYNDROME_ASSERT	1
#define SEVERITY_RESET	BIT(7)

#define OWNED		1	/* in mlx5_cmd_layout.status_own */

/* mlx5_cmd_layout.status_own, from bit 1 on; mlx5_core keeps these to itself */
enum delivery {
	DELIVERED = 0,
	BAD_SIGNATURE = 1,
	BAD_BLOCK = 3,
	FIRMWARE_ERROR = 6,
	BAD_IN_LENGTH = 7,
	BAD_OUT_LENGTH = 8,
};

/**
 * cx_cmdq_reset() - There is no command queue
 * @vhca: The function
 *
 * The interface is disabled until a driver writes an address, so that a driver
 * which has missed the reset notices it.
 */
void cx_cmdq_reset(struct cx_vhca *vhca)
{
	struct mlx5_init_seg __iomem *iseg = cx_iseg(vhca);

	vhca->cmdq = (struct cx_cmdq) { .last = jiffies - HZ };
	iowrite8(0, &iseg->health.synd);
	iowrite8(0, &iseg->health.rfr_severity);
	iowrite32be(BIT(MLX5_FW_RESET_SUPPORTED_OFFSET), &iseg->initializing);
	iowrite32be(MLX5_INITIAL_SEG_NIC_INTERFACE_DISABLED <<
		    MLX5_NIC_IFC_OFFSET | SIZE_FIELD, &iseg->cmdq_addr_l_sz);
}

/*
 * The driver writes the address over the size, with zeros there. The size comes
 * back, unless the driver has written again.
 */
static void take_address(struct cx_vhca *vhca)
{
	struct mlx5_init_seg __iomem *iseg = cx_iseg(vhca);
	u32 low = ioread32be(&iseg->cmdq_addr_l_sz);
	u32 state = low >> MLX5_NIC_IFC_OFFSET & 7;

	if ((low & 0xff) == SIZE_FIELD)
		return;
	/* A driver that has given up on us does not take back its things. */
	cx_forget(vhca);
	if (state == MLX5_INITIAL_SEG_NIC_INTERFACE_SW_RESET) {
		cx_cmdq_reset(vhca);
		return;
	}
	vhca->cmdq = (struct cx_cmdq) {
		.last = jiffies,
	};
	if (state == MLX5_INITIAL_SEG_NIC_INTERFACE_FULL_DRIVER)
		vhca->cmdq.address = (u64)ioread32be(&iseg->cmdq_addr_h) << 32 |
				     (low & ~0xfffu);
	cmpxchg((__force u32 *)&iseg->cmdq_addr_l_sz,
		(__force u32)cpu_to_be32(low),
		(__force u32)cpu_to_be32((low & ~0xffu) | SIZE_FIELD));
}

/* Move data between a buffer and the chain of blocks at @where. */
static int move_blocks(struct cx_vhca *vhca, u64 where, void *buf, u32 len,
		       bool write)
{
	const u32 data = offsetof(struct mlx5_cmd_prot_block, data);
	const u32 link = offsetof(struct mlx5_cmd_prot_block, next);

	while (len) {
		u32 part = min_t(u32, len, MLX5_CMD_DATA_BLOCK_SIZE);
		u64 fault;
		__be64 next;

		if (!where ||
		    virt_function_access(&vhca->fn, where + data, buf, part,
					 write, &fault) ||
		    cx_read(vhca, where + link, &next, sizeof(next)))
			return -EFAULT;
		buf += part;
		len -= part;
		where = be64_to_cpu(next);
	}
	return 0;
}

/**
 * struct posted - A command that was read from the queue
 * @cmd: The command, with buffers of its own
 * @entry: Its entry
 * @slot: Which entry
 * @event: Its answer makes an event
 */
struct posted {
	struct cx_command cmd;
	struct mlx5_cmd_layout entry;
	unsigned int slot;
	bool event;
};

static void free_posted(struct posted *posted)
{
	kvfree(posted->cmd.in);
	kvfree(posted->cmd.out);
	kfree(posted);
}

static enum delivery alloc_buffers(struct cx_command *cmd)
{
	if (cmd->in_len < CX_MBOX_MIN || cmd->in_len > MAX_LENGTH)
		return BAD_IN_LENGTH;
	if (cmd->out_len < CX_MBOX_MIN || cmd->out_len > MAX_LENGTH)
		return BAD_OUT_LENGTH;
	cmd->in = kvzalloc(max(cmd->in_len, CX_MBOX_SIZE), GFP_KERNEL);
	cmd->out = kvzalloc(max(cmd->out_len, CX_MBOX_SIZE), GFP_KERNEL);
	return cmd->in && cmd->out ? DELIVERED : FIRMWARE_ERROR;
}

static enum delivery read_input(struct posted *posted)
{
	struct cx_command *cmd = &posted->cmd;
	u32 more = cmd->in_len - min(cmd->in_len, CX_MBOX_SIZE);

	memcpy(cmd->in, posted->entry.in, CX_MBOX_SIZE);
	if (move_blocks(cmd->vhca, be64_to_cpu(posted->entry.in_ptr),
			cmd->in + CX_MBOX_SIZE, more, false))
		return BAD_BLOCK;
	return DELIVERED;
}

static enum delivery write_output(struct posted *posted)
{
	struct cx_command *cmd = &posted->cmd;
	u32 more = cmd->out_len - min(cmd->out_len, CX_MBOX_SIZE);

	memcpy(posted->entry.out, cmd->out, CX_MBOX_SIZE);
	if (move_blocks(cmd->vhca, be64_to_cpu(posted->entry.out_ptr),
			cmd->out + CX_MBOX_SIZE, more, true))
		return BAD_BLOCK;
	return DELIVERED;
}

/* Make the entry the driver's again. */
static void complete_slot(struct posted *posted, enum delivery delivery)
{
	const size_t out = offsetof(struct mlx5_cmd_layout, out);
	const size_t own = offsetof(struct mlx5_cmd_layout, status_own);
	struct mlx5_cmd_layout *entry = &posted->entry;
	struct cx_vhca *vhca = posted->cmd.vhca;
	u64 where = vhca->cmdq.address + posted->slot * sizeof(*entry);
	__be32 vector = cpu_to_be32(BIT(posted->slot));

	cx_write(vhca, where + out, entry->out, sizeof(entry->out));
	entry->status_own = delivery << 1;
	/* The output is complete before the entry is the driver's. */
	smp_wmb();
	cx_write(vhca, where + own, &entry->status_own, 1);
	if (posted->event)
		cx_eq_event(vhca, MLX5_EVENT_TYPE_CMD, &vector, sizeof(vector));
}

static void answer_posted(struct cx_command *cmd, u8 status)
{
	struct posted *posted = container_of(cmd, struct posted, cmd);

	cmd->vhca->cmdq.running &= ~BIT(posted->slot);
	cx_command_status(cmd, status);
	complete_slot(posted, write_output(posted));
	cmd->vhca->cmdq.last = jiffies;
	free_posted(posted);
}

static void forget_posted(struct cx_command *cmd)
{
	struct posted *posted = container_of(cmd, struct posted, cmd);

	cmd->vhca->cmdq.running &= ~BIT(posted->slot);
	free_posted(posted);
}

static const struct cx_command_ops posted_ops = {
	.answer = answer_posted,
	.forget = forget_posted,
};

/* There is no answer until the list of faults is set again. */
static void drop_slot(struct cx_cmdq *cmdq, unsigned int slot)
{
	cmdq->dropped |= BIT(slot);
	cmdq->faults = cx_fault_generation();
}

/* Execute a command, unless @delivery says otherwise, and answer it, now or later. */
static void command_serve(struct posted *posted, u8 delivery)
{
	if (!delivery)
		delivery = alloc_buffers(&posted->cmd);
	if (!delivery)
		delivery = read_input(posted);
	if (!delivery) {
		cx_command_run(&posted->cmd);
		if (posted->cmd.later) {
			posted->cmd.vhca->cmdq.running |= BIT(posted->slot);
			return;
		}
		if (cx_fault_mute(MLX5_GET(mbox_in, posted->cmd.in, opcode))) {
			drop_slot(&posted->cmd.vhca->cmdq, posted->slot);
			free_posted(posted);
			return;
		}
		delivery = write_output(posted);
	}
	complete_slot(posted, delivery);
	free_posted(posted);
}

/* The firmware has died: it says so, and serves nothing until it is reset. */
static void vhca_die(struct cx_vhca *vhca)
{
	struct mlx5_init_seg __iomem *iseg = cx_iseg(vhca);

	if (cx_is_pf(vhca))
		cx_jobs_cancel(vhca);
	vhca->cmdq.address = 0;
	iowrite8(SYNDROME_ASSERT, &iseg->health.synd);
	iowrite8(SEVERITY_RESET, &iseg->health.rfr_severity);
}

/*
 * The faults that a command suffers before it is executed. Return: true if it is not
 * answered now. @delivery: set when it is answered and not executed.
 */
static bool command_has_fault(struct cx_vhca *vhca, unsigned int slot, u16 opcode,
			      u8 *delivery)
{
	struct cx_cmdq *cmdq = &vhca->cmdq;

	if (cx_fault_fatal(opcode)) {
		vhca_die(vhca);
		return true;
	}
	if (cx_fault_deliver(opcode, delivery))
		return false;
	if (cx_fault_drop(opcode)) {
		drop_slot(cmdq, slot);
		return true;
	}
	if (cx_fault_delay(opcode, &cmdq->due[slot])) {
		cmdq->held |= BIT(slot);
		return true;
	}
	return false;
}

/* All bytes of an entry together: the driver chooses the signature so. */
static bool is_signed(const struct mlx5_cmd_layout *entry)
{
	const u8 *byte = (const u8 *)entry;
	unsigned int i;
	u8 sum = 0;

	for (i = 0; i < sizeof(*entry); i++)
		sum ^= byte[i];
	return sum == 0xff;
}

static void serve_slot(struct cx_vhca *vhca, unsigned int slot)
{
	struct cx_cmdq *cmdq = &vhca->cmdq;
	u64 where = cmdq->address + slot * sizeof(struct mlx5_cmd_layout);
	struct mlx5_cmd_layout entry;
	bool refused = cmdq->refused & BIT(slot);
	u8 delivery = refused ? FIRMWARE_ERROR : DELIVERED;
	struct posted *posted;
	u16 opcode;
	u32 byte;

	if (cx_read(vhca, where, &entry, sizeof(entry)) ||
	    !(entry.status_own & OWNED))
		return;
	opcode = MLX5_GET(mbox_in, entry.in, opcode);
	if (refused)
		cmdq->refused &= ~BIT(slot);
	else if (cmdq->held & BIT(slot))
		cmdq->held &= ~BIT(slot);
	else if (command_has_fault(vhca, slot, opcode, &delivery))
		return;
	if (cx_fault_flip(opcode, &byte))
		((u8 *)&entry)[byte % sizeof(entry)] ^= 0x10;
	if (!delivery && !is_signed(&entry))
		delivery = BAD_SIGNATURE;
	posted = kzalloc_obj(*posted, GFP_KERNEL | __GFP_NOFAIL);
	posted->cmd.ops = &posted_ops;
	posted->cmd.vhca = vhca;
	posted->cmd.in_len = be32_to_cpu(entry.inlen);
	posted->cmd.out_len = be32_to_cpu(entry.outlen);
	posted->entry = entry;
	posted->slot = slot;
	/* The command that makes the events of commands has none itself. */
	posted->event = cx_eq_takes(vhca, MLX5_EVENT_TYPE_CMD);
	command_serve(posted, delivery);
}

/* Which entries belong to the firmware? */
static int doorbell_look(struct cx_vhca *vhca, u32 *owned)
{
	struct mlx5_cmd_layout entries[CX_SLOTS / 4];
	unsigned int slot;

	*owned = 0;
	for (slot = 0; slot < CX_SLOTS; slot++) {
		unsigned int i = slot % ARRAY_SIZE(entries);

		if (!i && cx_read(vhca, vhca->cmdq.address +
				  slot * sizeof(entries[0]), entries,
				  sizeof(entries)))
			return -EFAULT;
		if (entries[i].status_own & OWNED)
			*owned |= BIT(slot);
	}
	return 0;
}

static u32 take_bell(struct cx_vhca *vhca)
{
	struct mlx5_init_seg __iomem *iseg = cx_iseg(vhca);

	return be32_to_cpu((__force __be32)xchg((__force u32 *)&iseg->cmd_dbell, 0));
}

static void work_nothing(struct work_struct *work)
{
}

/* Waits of wait_for_sleep() that began, and the last that has ended. */
static unsigned long waits_begun, waits_ended;

static void wait_for_sleep(struct work_struct *work)
{
	unsigned long n = waits_begun + 1;

	WRITE_ONCE(waits_begun, n);
	synchronize_rcu_tasks();
	/* Who sees the end sees what tasks did before; in never_rung() */
	smp_store_release(&waits_ended, n);
}
static DECLARE_WORK(sleep_work, wait_for_sleep);

/* Waits until each CPU has scheduled. Enough where nothing is preempted. */
static void wait_for_cpus(void)
{
	struct work_struct work;
	unsigned int cpu;

	INIT_WORK_ONSTACK(&work, work_nothing);
	cpus_read_lock();
	for_each_online_cpu(cpu) {
		queue_work_on(cpu, system_highpri_wq, &work);
		flush_work(&work);
	}
	cpus_read_unlock();
	destroy_work_on_stack(&work);
}

/*
 * Of the entries that have waited for too long, @stale, and those that did before:
 * which are not going to be rung any more? @waiting are all that were not rung.
 */
static u32 never_rung(struct cx_cmdq *cmdq, u32 stale, u32 waiting)
{
	if (!preempt_model_preemptible()) {
		if (stale)
			wait_for_cpus();
		return stale;
	}
	cmdq->stale &= waiting;
	if (!cmdq->stale) {
		if (!stale)
			return 0;
		cmdq->stale = stale;
		/* One that begins from now on: the next one, if one is under way */
		cmdq->wait = READ_ONCE(waits_begun) + 1;
		cmdq->wait_since = jiffies;
		queue_work(system_dfl_wq, &sleep_work);
		return 0;
	}
	/* Rings from before the end are seen below; of wait_for_sleep() */
	if ((long)(smp_load_acquire(&waits_ended) - cmdq->wait) < 0 &&
	    time_before(jiffies, cmdq->wait_since + WAIT_END))
		return 0;
	stale = cmdq->stale;
	cmdq->stale = 0;
	return stale;
}

/* Which entries have been rung? See the top of this file. */
static u32 slots_rung(struct cx_vhca *vhca, u32 owned)
{
	struct cx_cmdq *cmdq = &vhca->cmdq;
	u32 bell = take_bell(vhca) | cmdq->early;
	u32 rung = bell & owned;
	u64 now = ktime_get_ns();
	u32 waiting, stale = 0;
	unsigned int slot;

	/* Rung between the look and now */
	cmdq->early = bell & ~owned & ~cmdq->early;
	/* Who rings again has given up on the answer that was left out. */
	cmdq->dropped &= owned & ~rung;
	/* An answer that was left out for good would cost the driver a slot. */
	if (cmdq->dropped && cmdq->faults != cx_fault_generation()) {
		cmdq->refused |= cmdq->dropped;
		rung |= cmdq->dropped;
		cmdq->dropped = 0;
	}
	if (bell & REGULAR)
		rung |= cmdq->owned & owned & REGULAR;
	waiting = owned & ~cmdq->dropped & ~rung & ~cmdq->held &
		  ~cmdq->running;
	for (slot = 0; slot < CX_SLOTS; slot++) {
		if (cmdq->held & BIT(slot) &&
		    time_after_eq(jiffies, cmdq->due[slot]))
			rung |= BIT(slot);
		if (!(waiting & BIT(slot)))
			continue;
		if (!(cmdq->owned & BIT(slot)))
			cmdq->since[slot] = now;
		else if (now - cmdq->since[slot] > STALE_NS)
			stale |= BIT(slot);
	}
	stale = never_rung(cmdq, stale, waiting);
	if (stale) {
		/* Their rings are used up with them. */
		bell = take_bell(vhca);
		rung |= stale | (bell & owned);
		cmdq->early |= bell & ~owned;
	}
	rung &= ~(cmdq->dropped | cmdq->running);
	cmdq->owned = waiting & ~rung;
	return rung;
}

/** cx_cmdq_exit() - No queue is polled any more */
void cx_cmdq_exit(void)
{
	flush_work(&sleep_work);
}

/**
 * cx_cmdq_poll() - Serve the commands that have been rung
 * @vhca: The function; on its thread
 *
 * Return: true while there may soon be more.
 */
bool cx_cmdq_poll(struct cx_vhca *vhca)
{
	struct cx_cmdq *cmdq = &vhca->cmdq;
	u32 owned, todo;
	unsigned int slot;

	take_address(vhca);
	if (!cmdq->address || !virt_function_bus_master(&vhca->fn) ||
	    doorbell_look(vhca, &owned))
		return false;
	cmdq->held &= owned;
	cmdq->refused &= owned;
	todo = slots_rung(vhca, owned);
	for (slot = 0; slot < CX_SLOTS; slot++) {
		if (!(todo & BIT(slot)))
			continue;
		serve_slot(vhca, slot);
		cmdq->last = jiffies;
		if (cmdq->quiesce || !cmdq->address || virt_function_interrupted(&vhca->fn)) {
			if (cx_is_pf(vhca))
				cx_jobs_cancel(vhca);
			cmdq->address = 0;
			cmdq->quiesce = false;
			return false;
		}
	}
	return time_before(jiffies, cmdq->last + 2);
}
