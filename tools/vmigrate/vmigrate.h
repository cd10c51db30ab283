/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmigrate: what its files share.
 *
 *	main.c		options, the roles
 *	util.c		messages, waits and signals, the time
 *	guest.c		guest RAM: slots, contents, checksums
 *	vmm.c		iommufd, devices, the dirty tracker
 *	vfs.c		virtual functions, which migrate with the guest
 *	nics.c		network controllers, and their driver (nics.h)
 *	hwpt.c		HWPTs made by hand; dirty bits without a tracker
 *	leaves.c	small leaves while it migrates
 *	stream.c	messages on the socket
 *	net.c		addresses and sockets
 *	source.c	the migration as the source runs it
 *	destination.c	as the destination does
 *	report.c	for people; json.c for machines
 *	picture.c	pictures of it
 *
 * A function that returns "a status" returns 0, or one of enum status after
 * it has said on standard error what is wrong.
 */
#ifndef _VMIGRATE_H
#define _VMIGRATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <linux/types.h>

#include "iommufd.h"
#include "vdev.h"
#include "vf.h"

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#define VMIGRATE_VERSION	"0.1"

#define GUEST_PAGE	4096u	/* unit of everything that is sent */
#define MAX_SLOTS	8
#define MAX_DEVICES	8
#define MAX_VFS		4	/* of a guest; the other side needs as many */
#define MAX_MEMBERS	(MAX_VFS + MAX_DEVICES + MAX_NICS)
#define MAX_MARKS	(MAX_VFS + MAX_NICS)
#define MAX_SOURCES	32	/* lines of the plan that are shown */
#define MAX_PASSES	1000
#define MAX_DIFFS	8	/* differing pages that are listed */

/**
 * enum status - Exit status of the program
 * @STATUS_OK: Every page matched
 * @STATUS_MISMATCH: The migration ran and a page differed
 * @STATUS_ERROR: Bad usage, or something was missing or failed
 * @STATUS_GOES_ON: The migration failed, and the guest continues at the source
 * @STATUS_INTERRUPTED: A signal ended it
 */
enum status {
	STATUS_OK = 0,
	STATUS_MISMATCH = 1,
	STATUS_ERROR = 2,
	STATUS_GOES_ON = 3,
	STATUS_INTERRUPTED = 130,
};

enum tracker_mode { TRACKER_AUTO, TRACKER_IOMMU, TRACKER_HWPT, TRACKER_OFF };
/**
 * enum leaf_mode - How large the IOMMU's leaves are
 * @LEAVES_LARGE: As large as memory allows
 * @LEAVES_SMALL: Of one page, from the first attach on
 * @LEAVES_MIGRATION: Of one page while it migrates
 * @LEAVES_SPLIT: Large ones, which the kernel splits in place when the tracker starts
 */
enum leaf_mode { LEAVES_LARGE, LEAVES_SMALL, LEAVES_MIGRATION, LEAVES_SPLIT };

/**
 * enum write_pattern - Which pages DMA devices write, and in which order
 * @WRITES_RANDOM: All that it has, in random order, which is another each time
 * @WRITES_RING: All that it has, in order, as a NIC fills the buffers of a ring
 * @WRITES_SPARSE: One page in each 2 MiB, in order
 */
enum write_pattern { WRITES_RANDOM, WRITES_RING, WRITES_SPARSE };

enum role { ROLE_NONE, ROLE_DEMO, ROLE_SOURCE, ROLE_DESTINATION };

/**
 * struct options - The command line
 * @role: What to be
 * @addr: Where to listen or connect to; NULL for ROLE_DEMO
 * @ram: Guest RAM in bytes
 * @nr_slots: Into how many mappings it is divided
 * @iova_base: IOVA of the first one
 * @nr_devices: DMA devices to use
 * @first_device: Number of the first of them
 * @nr_vfs: Virtual functions of a ConnectX to migrate
 * @first_vf: Number of the first of them, from 1
 * @set_up: The guest sets them up again after each of so many passes
 * @nr_nics: Network controllers to use
 * @first_nic: Number of the first of them
 * @nic_kind: What they are, as nic_chip_name()
 * @rate: Writes per second of each; 0 for no limit
 * @working_set: Bytes that each sweeps over; 0 for its whole slot
 * @writes: Which of its pages a DMA device or a NIC writes
 * @bandwidth: Bytes per second to send while the devices run; 0 for no limit
 * @threshold: Stop the devices when no more bytes than this are dirty
 * @passes: ... or after this many passes
 * @timeout: Seconds without a byte from or to the destination after which the source
 *	gives up; 0 for no limit
 * @seed: Of RAM contents and device writes
 * @tracker: Which sources are to be used
 * @ranges: READ ranges rather than a bitmap
 * @hugepages: RAM in huge pages, and IOMMU leaves as @leaves says
 * @leaves: How large leaves are; other than large only with @hugepages
 * @json: One JSON object instead of text
 * @report: Folder for pictures, or NULL
 * @quiet: Neither: the other side reports
 */
struct options {
	enum role role;
	const char *addr;
	u64 ram;
	unsigned int nr_slots;
	u64 iova_base;
	unsigned int nr_devices;
	unsigned int first_device;
	unsigned int nr_vfs;
	unsigned int first_vf;
	unsigned int set_up;
	unsigned int nr_nics;
	unsigned int first_nic;
	const char *nic_kind;
	u64 rate;
	u64 working_set;
	enum write_pattern writes;
	u64 bandwidth;
	u64 threshold;
	unsigned int passes;
	unsigned int timeout;
	u64 seed;
	enum tracker_mode tracker;
	bool ranges;
	bool hugepages;
	enum leaf_mode leaves;
	bool json;
	const char *report;
	bool quiet;
};

/* util.c */

/**
 * struct process - What fail() and wait_fd() know of this process
 * @who: Prefix of its messages
 * @json: The first message is also a JSON object on standard output
 * @progress: There is a progress bar on the terminal
 * @child: Ended when this process fails or is interrupted; 0 for none
 * @handed_over: The guest may run at the destination
 */
struct process {
	const char *who;
	bool json;
	bool progress;
	pid_t child;
	bool handed_over;
};

extern struct process process;

int fail(int status, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int wait_fd(int fd, short events, int timeout_ms);
u64 now_ns(void);
int catch_signals(void);
void progress_clear(void);

/* guest.c */

/**
 * struct slot - A contiguous piece of guest RAM
 * @iova: Where the guest and its devices see it
 * @length: Bytes
 * @va: Where this process sees it
 * @dirty: One bit for each page: to be sent
 * @written: The same: written by a driver of the guest since the last READ
 */
struct slot {
	u64 iova;
	u64 length;
	u8 *va;
	u64 *dirty;
	u64 *written;
};

/**
 * struct guest - Guest RAM
 * @ram: The mapping that all slots are in
 * @length: Bytes of RAM
 * @nr_slots: Entries of @slots
 * @slots: In ascending order of IOVA
 */
struct guest {
	u8 *ram;
	u64 length;
	unsigned int nr_slots;
	struct slot slots[MAX_SLOTS];
};

int guest_layout(struct guest *g, const struct options *opt);
int guest_alloc(struct guest *g, bool hugepages);
void guest_free(struct guest *g);
void guest_fill(struct guest *g, u64 seed);
void guest_mark(const struct guest *g, u64 iova, u64 length);
u64 guest_take(struct slot *slot);
u8 *guest_at(const struct guest *g, u64 iova, u64 length);
u64 guest_pages(const struct guest *g);
u64 sum64(u64 sum, const void *data, size_t length);
u64 *guest_sums(const struct guest *g);
u64 guest_page_iova(const struct guest *g, u64 page);

/* nics.c */

#include "nics.h"

/* vfs.c */

/**
 * struct vf_device - A VF
 * @vf: Open, attached
 * @job: What it writes
 * @state: Migration state
 * @precopy: It can save while it runs
 * @tells: It tells when it has initial data again
 * @again: How often it has
 * @data_fd: Of its data stream; -1 when there was none yet
 * @bytes: Of state sent or received: while it ran, and after
 * @ns: How long that took
 * @position: Number of the next write, when it was asked last
 * @sum: Of its state then
 * @refused: Writes that the IOMMU has refused
 */
struct vf_device {
	struct vf vf;
	struct vf_job job;
	int state;
	bool precopy;
	bool tells;
	unsigned int again;
	int data_fd;
	u64 bytes[2];
	u64 ns[2];
	u64 position;
	u64 sum;
	u64 refused;
};

/**
 * struct vf_set - The VFs of a guest
 * @nr: Entries of @devices that are open
 * @devices: The VFs
 */
struct vf_set {
	unsigned int nr;
	struct vf_device devices[MAX_VFS];
};

struct stream;
struct wire_mark;
struct wire_msg;

int vfs_open(struct vf_set *set, int iommufd, u32 ioas_id, unsigned int first,
	     unsigned int nr);
void vfs_close(struct vf_set *set);
int vfs_start(struct vf_set *set);
int vfs_to(struct vf_set *set, enum vfio_device_mig_state state);
int vfs_save_begin(struct vf_set *set);
int vfs_quiesce(struct vf_set *set);
int vfs_set_up(struct vf_set *set);
int vfs_send(struct vf_set *set, struct stream *s, bool last);
int vfs_send_initial(struct vf_set *set, struct stream *s, bool *sent);
int vfs_receive(struct vf_set *set, struct stream *s,
		const struct wire_msg *msg);
void vfs_note(struct vf_set *set);
int vfs_compare(struct vf_set *set, const struct wire_mark *marks);
int vfs_go_on(struct vf_set *set);
int vfs_check(struct vf_set *set, const struct guest *g,
	      struct wire_mark *marks);

/* leaves.c */

/**
 * struct leaves_hwpt - An HWPT with large leaves, and the one that stands in for it
 * @dev_id: A device that they are for
 * @large: ID of the one with large leaves
 * @small: ID of the one with small leaves; 0 when there is none
 */
struct leaves_hwpt {
	u32 dev_id;
	u32 large;
	u32 small;
};

/**
 * struct leaves - HWPTs whose leaves change for the migration
 * @nr: Entries of @hwpts
 * @hwpts: One for each kind of IOMMU
 * @of: Which of @hwpts a device is attached to; VFs first, NICs last
 * @fill_ns: How long it took to make and fill those with small leaves
 * @pause_ns: How long the devices stood still for the exchange
 */
struct leaves {
	unsigned int nr;
	struct leaves_hwpt hwpts[MAX_MEMBERS];
	unsigned int of[MAX_MEMBERS];
	u64 fill_ns;
	u64 pause_ns;
};

struct vmm;

int leaves_shrink(struct vmm *vmm, struct guest *g);
int leaves_grow(struct vmm *vmm);

/* vmm.c */

/**
 * struct vmm - A side's view of the kernel
 * @iommufd: /dev/iommu; -1 when closed
 * @ioas_id: Guest RAM as devices see it
 * @tracker_id: Its dirty tracker; 0 when there is none
 * @page_size: Finest unit in which dirty pages are reported, in bytes
 * @flags: What the tracker said last, enum iommu_dirty_tracker_out_flags
 * @nr_devices: Entries of @devices that are open
 * @devices: The DMA devices
 * @hwpt: What each is attached to
 * @jobs: What each does
 * @vfs: The VFs
 * @nics: The network controllers
 * @nr_hwpts: Entries of @hwpts; 0 when there is a tracker, or nothing
 * @hwpts: Those whose dirty bits are read without a tracker
 * @leaves: HWPTs made by hand, with --leaves migration
 * @nr_sources: Entries of @sources that are known
 * @sources: The plan
 */
struct vmm {
	int iommufd;
	u32 ioas_id;
	u32 tracker_id;
	u64 page_size;
	u32 flags;
	unsigned int nr_devices;
	struct vdev devices[MAX_DEVICES];
	u32 hwpt[MAX_DEVICES];
	struct vdev_job jobs[MAX_DEVICES];
	struct vf_set vfs;
	struct nic_set nics;
	unsigned int nr_hwpts;
	u32 hwpts[MAX_MEMBERS];
	struct leaves leaves;
	unsigned int nr_sources;
	struct iommu_dirty_source_info sources[MAX_SOURCES];
};

unsigned int hwpt_members(const struct vmm *vmm);
const char *hwpt_member_name(const struct vmm *vmm, unsigned int i);
int hwpt_member_attach(struct vmm *vmm, unsigned int i, u32 hwpt_id);
int hwpt_make(struct vmm *vmm, u32 dev_id, u32 *id);
int hwpt_open_large(struct vmm *vmm);
int hwpt_attach(struct vmm *vmm, unsigned int i);
int hwpt_start(struct vmm *vmm);
int hwpt_read(struct vmm *vmm, struct slot *slot, bool peek, u64 *dirty_bytes);

int vmm_open(struct vmm *vmm, const struct guest *g, const struct options *opt);
void vmm_close(struct vmm *vmm);
unsigned int vmm_marks(const struct vmm *vmm);
const char *vmm_mark_name(const struct vmm *vmm, unsigned int i);
int vmm_start_devices(struct vmm *vmm, const struct guest *g);
int vmm_run_on(struct vmm *vmm, const struct guest *g, struct wire_mark *marks);
int vmm_stop_devices(struct vmm *vmm);
int vmm_start_tracker(struct vmm *vmm, const struct options *opt);
int vmm_read_plan(struct vmm *vmm);
int vmm_count(struct vmm *vmm, struct guest *g, u64 *dirty_bytes);
int vmm_read(struct vmm *vmm, struct guest *g, bool ranges, u64 *dirty_bytes);

/* net.c */

int net_listen(const char *addr, int *fd);
int net_connect(const char *addr, int *fd);

/* stream.c */

/**
 * enum wire_type - What a message is
 * @WIRE_HELLO: First message of the source; payload: struct wire_slot each
 * @WIRE_DEVICES: Follows; payload: struct wire_vf for each of @count VFs, then struct
 *	wire_nic for each NIC; @iova: number of DMA devices
 * @WIRE_READY: The destination has made the RAM and opened the devices
 * @WIRE_PAGES: Payload: @count pages from @iova on
 * @WIRE_ZERO: @count pages from @iova on are all zero
 * @WIRE_PASS: Pass @count ends here
 * @WIRE_STATE: Payload: @count bytes of the data stream of VF number @iova
 * @WIRE_END: All was sent; payload: struct wire_mark for each VF and NIC. The destination
 *	answers with the same type when its VFs are in RUNNING_P2P.
 * @WIRE_SUMS: Payload: checksums of @count pages, from page number @iova of
 *	all RAM on
 * @WIRE_RUN: Let the guest run; only if all matched. The destination answers with
 *	the same: @count is 0 if it runs, 1 if it does not and will not
 * @WIRE_PROOF: Payload: struct wire_mark for each VF and NIC, some time later
 */
enum wire_type {
	WIRE_HELLO = 1,
	WIRE_DEVICES,
	WIRE_READY,
	WIRE_PAGES,
	WIRE_ZERO,
	WIRE_PASS,
	WIRE_STATE,
	WIRE_END,
	WIRE_SUMS,
	WIRE_RUN,
	WIRE_PROOF,
};

/**
 * struct wire_msg - Head of every message, in the byte order of the source
 * @magic: WIRE_MAGIC, which also shows a different byte order
 * @version: WIRE_VERSION
 * @type: enum wire_type
 * @iova: See there
 * @count: See there
 * @length: Bytes of payload that follow, a multiple of 8
 * @page_size: GUEST_PAGE
 * @payload_sum: sum64() of the payload
 * @sum: sum64() of what stands before it, so that a wrong @length is found
 *	before it is waited for
 */
struct wire_msg {
	u32 magic;
	u16 version;
	u16 type;
	u64 iova;
	u64 count;
	u32 length;
	u32 page_size;
	u64 payload_sum;
	u64 sum;
};

#define WIRE_MAGIC	0x4d494756u
#define WIRE_VERSION	3
#define WIRE_MAX	(256u * 1024)	/* payload, in bytes */

/**
 * struct wire_slot - One slot in WIRE_HELLO
 * @iova: First byte
 * @length: Bytes
 */
struct wire_slot {
	u64 iova;
	u64 length;
};

/**
 * struct wire_vf - What a VF writes, in WIRE_DEVICES; as struct vf_job
 * @base: First byte
 * @length: Bytes
 * @unit: Distance of writes
 * @rate: Writes per second
 * @key: Of the values
 */
struct wire_vf {
	u64 base;
	u64 length;
	u64 unit;
	u64 rate;
	u64 key;
};

/**
 * struct wire_nic - A NIC in WIRE_DEVICES
 * @kind: As nic_chip_name()
 * @job: What it receives
 */
struct wire_nic {
	char kind[NIC_KIND];
	struct nic_job job;
};

/**
 * struct wire_mark - Where a VF or a NIC is
 * @position: Number of its next write or frame
 * @sum: Of its state; of a NIC, where its rings continue: receive, transmit
 * @went_on: Writes since the migration
 * @wrong: Words or frames of its sequence that are not in RAM as they should be
 */
struct wire_mark {
	u64 position;
	u64 sum;
	u64 went_on;
	u64 wrong;
};

/**
 * struct stream - A connection
 * @fd: The socket, not blocking
 * @peer: Who is at the other end, for messages
 * @bytes: Sent so far
 * @timeout: Seconds that the peer may be silent; 0 for no limit
 * @payload: Of the message received last
 */
struct stream {
	int fd;
	const char *peer;
	u64 bytes;
	unsigned int timeout;
	u8 payload[WIRE_MAX];
};

struct stream *stream_new(int fd, const char *peer, unsigned int timeout);
void stream_free(struct stream *s);
int stream_send(struct stream *s, enum wire_type type, u64 iova, u64 count,
		const void *payload, u32 length);
int stream_recv(struct stream *s, struct wire_msg *msg);
int stream_expect(struct stream *s, enum wire_type type, struct wire_msg *msg);
int stream_send_sums(struct stream *s, const u64 *sums, u64 pages);
int stream_recv_sums(struct stream *s, u64 *sums, u64 pages);

/* report.c, json.c */

/**
 * struct pass - One row of the table
 * @number: From 1
 * @last: Sent with the devices stopped
 * @dirty: Pages that were to be sent
 * @sent: Pages that were
 * @zero: Of these, sent as zeros
 * @bytes: On the socket
 * @ns: How long it took
 * @read_ns: How long the READ before it took, which said what was dirty; 0 if there was none
 */
struct pass {
	unsigned int number;
	bool last;
	u64 dirty;
	u64 sent;
	u64 zero;
	u64 bytes;
	u64 ns;
	u64 read_ns;
};

/**
 * enum reason - Why the devices were stopped
 * @REASON_CONVERGED: No more than the threshold was dirty
 * @REASON_PASSES: The pass limit was hit
 * @REASON_STUCK: The dirty set did not shrink any more
 * @REASON_UNTRACKED: There is no tracker to continue with
 */
enum reason {
	REASON_CONVERGED,
	REASON_PASSES,
	REASON_STUCK,
	REASON_UNTRACKED,
};

/**
 * enum phase - What takes time when the guest is moved
 * @PHASE_PRECOPY: RAM and device state are sent while it runs
 * @PHASE_QUIESCE: VFs to PRE_COPY_P2P, DMA devices stopped; no DMA from here on
 * @PHASE_RAM: The last pages
 * @PHASE_STATE: VFs to STOP_COPY, and the rest of their state
 * @PHASE_LOAD: The other side's VFs load it and go to RUNNING_P2P
 * @PHASE_RUN: And to RUNNING
 */
enum phase {
	PHASE_PRECOPY,
	PHASE_QUIESCE,
	PHASE_RAM,
	PHASE_STATE,
	PHASE_LOAD,
	PHASE_RUN,
	NR_PHASES,
};

/**
 * struct report - What is known about a migration
 * @opt: The command line
 * @guest: RAM
 * @vmm: Tracker and devices; NULL at the destination
 * @nr_passes: Entries of @passes
 * @passes: The table; room for the last pass, and for one being received
 * @read_ns: How long the last READ took
 * @reason: Why the devices were stopped
 * @bytes: On the socket, checksums not counted
 * @total_ns: From the first page to the destination's answer
 * @phase_ns: How long each phase took
 * @downtime_ns: All phases but the first
 * @proof: What the destination's VFs and NICs have done since
 * @writes: Accesses that each device completed
 * @refused: Accesses that the IOMMU refused it
 * @pages: Of all RAM
 * @differ: Pages whose checksums differ
 * @diffs: IOVA of the first of them
 * @history: For pictures; NULL without --report
 */
struct report {
	const struct options *opt;
	const struct guest *guest;
	const struct vmm *vmm;
	unsigned int nr_passes;
	struct pass passes[MAX_PASSES + 2];
	u64 read_ns;
	enum reason reason;
	u64 bytes;
	u64 total_ns;
	u64 phase_ns[NR_PHASES];
	u64 downtime_ns;
	struct wire_mark proof[MAX_MARKS];
	u64 writes[MAX_DEVICES];
	u64 refused[MAX_DEVICES];
	u64 pages;
	u64 differ;
	u64 diffs[MAX_DIFFS];
	struct history *history;
};

void report_setup(const struct report *r);
void report_plan(const struct report *r);
void report_progress(const struct report *r, const struct pass *p);
void report_pass(const struct report *r, const struct pass *p);
void report_totals(const struct report *r);
void report_received(const struct report *r);
void report_proof(const struct report *r);
void report_goes_on(const struct report *r, const struct wire_mark *marks);
void report_verdict(const struct report *r);
const char *report_phase(enum phase phase);
const char *report_reason(enum reason reason);
int json_report(FILE *file, const struct report *r);

/* verify.c */

int verify_guest(struct report *r, struct stream *s, bool first);

/* picture.c */

struct history;

int history_new(const char *dir, struct history **h);
int history_before(struct history *h, struct vmm *vmm);
int history_note(struct history *h, struct vmm *vmm, const struct guest *g, bool begin);
int history_draw(const struct history *h, const struct report *r);

/* source.c, destination.c */

int run_source(const struct options *opt, int fd);
int run_destination(const struct options *opt, int fd);

#endif
