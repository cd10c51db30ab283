/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmigrate: what its files share.
 *
 *	main.c		options, the roles, signals
 *	guest.c		guest RAM: slots, contents, checksums
 *	vmm.c		iommufd, devices, the dirty tracker
 *	vfs.c		virtual functions, which migrate with the guest
 *	hwpt.c		dirty bits without a tracker
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
#define MAX_SOURCES	32	/* lines of the plan that are shown */
#define MAX_PASSES	1000
#define MAX_DIFFS	8	/* differing pages that are listed */

/**
 * enum status - Exit status of the program
 * @STATUS_OK: every page matched
 * @STATUS_MISMATCH: the migration ran and a page differed
 * @STATUS_ERROR: bad usage, or something was missing or failed
 * @STATUS_GOES_ON: the migration failed, and the source runs on, unharmed
 * @STATUS_INTERRUPTED: a signal ended it
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
 * @LEAVES_LARGE: as large as memory allows
 * @LEAVES_SMALL: of one page, from the first attach on
 * @LEAVES_MIGRATION: of one page while it migrates
 */
enum leaf_mode { LEAVES_LARGE, LEAVES_SMALL, LEAVES_MIGRATION };

enum role { ROLE_NONE, ROLE_DEMO, ROLE_SOURCE, ROLE_DESTINATION };

/**
 * struct options - The command line
 * @role: what to be
 * @addr: where to listen or connect to; NULL for ROLE_DEMO
 * @ram: guest RAM in bytes
 * @nr_slots: into how many mappings it is divided
 * @iova_base: IOVA of the first one
 * @nr_devices: DMA devices to use
 * @first_device: number of the first of them
 * @nr_vfs: virtual functions of a ConnectX to migrate
 * @first_vf: number of the first of them, from 1
 * @rate: writes per second of each; 0 for as fast as it goes
 * @working_set: bytes that each sweeps over; 0 for its whole slot
 * @bandwidth: bytes per second to send while the devices run; 0 for no limit
 * @threshold: stop the devices when no more bytes than this are dirty
 * @passes: ... or after so many passes
 * @seed: of RAM contents and device writes
 * @tracker: which sources are to be used
 * @ranges: READ ranges rather than a bitmap
 * @hugepages: RAM in huge pages, and IOMMU leaves as @leaves says
 * @leaves: how large leaves are; other than large only with @hugepages
 * @json: one JSON object instead of text
 * @report: folder for pictures, or NULL
 * @quiet: neither: the other side reports
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
	u64 rate;
	u64 working_set;
	u64 bandwidth;
	u64 threshold;
	unsigned int passes;
	u64 seed;
	enum tracker_mode tracker;
	bool ranges;
	bool hugepages;
	enum leaf_mode leaves;
	bool json;
	const char *report;
	bool quiet;
};

/* main.c */

int fail(int status, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int wait_fd(int fd, short events, int timeout_ms);
u64 now_ns(void);

/* guest.c */

/**
 * struct slot - A contiguous piece of guest RAM
 * @iova: where the guest and its devices see it
 * @length: bytes
 * @va: where this process sees it
 * @dirty: one bit for each page: to be sent
 */
struct slot {
	u64 iova;
	u64 length;
	u8 *va;
	u64 *dirty;
};

/**
 * struct guest - Guest RAM
 * @ram: the mapping that all slots are in
 * @length: bytes of RAM
 * @nr_slots: entries of @slots
 * @slots: in ascending order of IOVA
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
u8 *guest_at(const struct guest *g, u64 iova, u64 length);
u64 guest_pages(const struct guest *g);
u64 sum64(u64 sum, const void *data, size_t length);
u64 *guest_sums(const struct guest *g);
u64 guest_page_iova(const struct guest *g, u64 page);

/* vfs.c */

/**
 * struct vf_device - A VF
 * @vf: open, attached
 * @job: what it writes
 * @state: migration state
 * @precopy: it can save while it runs
 * @data_fd: of its data stream; -1 when there was none yet
 * @bytes: of state sent or received: while it ran, and after
 * @ns: how long that took
 * @position: number of the next write, when it was asked last
 * @sum: of its state then
 * @refused: writes that the IOMMU has refused
 */
struct vf_device {
	struct vf vf;
	struct vf_job job;
	int state;
	bool precopy;
	int data_fd;
	u64 bytes[2];
	u64 ns[2];
	u64 position;
	u64 sum;
	u64 refused;
};

/**
 * struct vf_set - The VFs of a guest
 * @nr: entries of @devices that are open
 * @devices: the VFs
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
int vfs_send(struct vf_set *set, struct stream *s, bool last);
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
 * @dev_id: a device that they are for
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
 * @nr: entries of @hwpts
 * @hwpts: one for each kind of IOMMU
 * @of: which of @hwpts a device is attached to; VFs first
 * @fill_ns: how long it took to make and fill those with small leaves
 * @pause_ns: how long the devices stood still for the exchange
 */
struct leaves {
	unsigned int nr;
	struct leaves_hwpt hwpts[MAX_VFS + MAX_DEVICES];
	unsigned int of[MAX_VFS + MAX_DEVICES];
	u64 fill_ns;
	u64 pause_ns;
};

struct vmm;

int leaves_open(struct vmm *vmm);
int leaves_shrink(struct vmm *vmm, struct guest *g);
int leaves_grow(struct vmm *vmm);

/* vmm.c */

/**
 * struct vmm - A side's view of the kernel
 * @iommufd: /dev/iommu; -1 when closed
 * @ioas_id: guest RAM as devices see it
 * @tracker_id: its dirty tracker; 0 when there is none
 * @page_size: finest unit in which dirty pages are reported, in bytes
 * @flags: what the tracker said last, enum iommu_dirty_tracker_out_flags
 * @nr_devices: entries of @devices that are open
 * @devices: the DMA devices
 * @hwpt: what each is attached to
 * @jobs: what each does
 * @vfs: the VFs
 * @nr_hwpts: entries of @hwpts; 0 when there is a tracker, or nothing
 * @hwpts: those whose dirty bits are read without a tracker
 * @leaves: HWPTs made by hand, with --leaves migration
 * @nr_sources: entries of @sources that are known
 * @sources: the plan
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
	unsigned int nr_hwpts;
	u32 hwpts[MAX_DEVICES];
	struct leaves leaves;
	unsigned int nr_sources;
	struct iommu_dirty_source_info sources[MAX_SOURCES];
};

int hwpt_attach(struct vmm *vmm, struct vdev *d);
int hwpt_start(struct vmm *vmm);
int hwpt_read(struct vmm *vmm, struct slot *slot, bool peek, u64 *dirty_bytes);

int vmm_open(struct vmm *vmm, const struct guest *g, const struct options *opt);
void vmm_close(struct vmm *vmm);
int vmm_start_devices(struct vmm *vmm);
int vmm_run_on(struct vmm *vmm, const struct guest *g, struct wire_mark *marks);
int vmm_stop_devices(struct vmm *vmm);
int vmm_start_tracker(struct vmm *vmm, enum tracker_mode mode);
int vmm_read_plan(struct vmm *vmm);
int vmm_count(struct vmm *vmm, struct guest *g, u64 *dirty_bytes);
int vmm_read(struct vmm *vmm, struct guest *g, bool ranges, u64 *dirty_bytes);

/* net.c */

int net_listen(const char *addr, int *fd);
int net_connect(const char *addr, int *fd);

/* stream.c */

/**
 * enum wire_type - What a message is
 * @WIRE_HELLO: first message of the source; payload: struct wire_slot each
 * @WIRE_DEVICES: follows; payload: struct wire_vf for each of @count VFs; @iova:
 *	number of DMA devices
 * @WIRE_READY: the destination has made the RAM and opened the devices
 * @WIRE_PAGES: payload: @count pages from @iova on
 * @WIRE_ZERO: @count pages from @iova on are all zero
 * @WIRE_PASS: pass @count ends here
 * @WIRE_STATE: payload: @count bytes of the data stream of VF number @iova
 * @WIRE_END: all was sent; payload: struct wire_mark for each VF. The destination
 *	answers with the same type when its VFs are in RUNNING_P2P.
 * @WIRE_SUMS: payload: checksums of @count pages, from page number @iova of
 *	all RAM on
 * @WIRE_RUN: let the guest run; only if all matched. The destination answers with
 *	the same: @count is 0 if it runs, 1 if it does not and will not
 * @WIRE_PROOF: payload: struct wire_mark for each VF, some time later
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
 * @iova: see there
 * @count: see there
 * @length: bytes of payload that follow, a multiple of 8
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
#define WIRE_VERSION	2
#define WIRE_MAX	(256u * 1024)	/* payload, in bytes */

/**
 * struct wire_slot - One slot in WIRE_HELLO
 * @iova: first byte
 * @length: bytes
 */
struct wire_slot {
	u64 iova;
	u64 length;
};

/**
 * struct wire_vf - What a VF writes, in WIRE_DEVICES; as struct vf_job
 * @base: first byte
 * @length: bytes
 * @unit: distance of writes
 * @rate: writes per second
 * @key: of the values
 */
struct wire_vf {
	u64 base;
	u64 length;
	u64 unit;
	u64 rate;
	u64 key;
};

/**
 * struct wire_mark - Where a VF is
 * @position: number of its next write
 * @sum: of its state
 * @went_on: writes since the migration
 * @wrong: words of its sequence that are not in RAM as they should be
 */
struct wire_mark {
	u64 position;
	u64 sum;
	u64 went_on;
	u64 wrong;
};

/**
 * struct stream - A connection
 * @fd: the socket, not blocking
 * @peer: who is at the other end, for messages
 * @bytes: sent so far
 * @payload: of the message received last
 */
struct stream {
	int fd;
	const char *peer;
	u64 bytes;
	u8 payload[WIRE_MAX];
};

struct stream *stream_new(int fd, const char *peer);
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
 * @number: from 1
 * @last: sent with the devices stopped
 * @dirty: pages that were to be sent
 * @sent: pages that were
 * @zero: of these, sent as zeros
 * @bytes: on the socket
 * @ns: how long it took
 */
struct pass {
	unsigned int number;
	bool last;
	u64 dirty;
	u64 sent;
	u64 zero;
	u64 bytes;
	u64 ns;
};

/**
 * enum reason - Why the devices were stopped
 * @REASON_CONVERGED: no more than the threshold was dirty
 * @REASON_PASSES: the pass limit was hit
 * @REASON_STUCK: the dirty set did not shrink any more
 * @REASON_UNTRACKED: there is no tracker to go on with
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
 * @PHASE_RAM: the last pages
 * @PHASE_STATE: VFs to STOP_COPY, and the rest of their state
 * @PHASE_LOAD: the other side's VFs load it and go to RUNNING_P2P
 * @PHASE_RUN: and to RUNNING
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
 * @opt: the command line
 * @guest: RAM
 * @vmm: tracker and devices; NULL at the destination
 * @nr_passes: entries of @passes
 * @passes: the table; room for the last pass, and for one being received
 * @reason: why the devices were stopped
 * @bytes: on the socket, checksums not counted
 * @total_ns: from the first page to the destination's answer
 * @phase_ns: how long each phase took
 * @downtime_ns: all phases but the first
 * @proof: what the destination's VFs have done since
 * @writes: accesses that each device completed
 * @refused: accesses that the IOMMU refused it
 * @pages: of all RAM
 * @differ: pages whose checksums differ
 * @diffs: IOVA of the first of them
 * @history: for pictures; NULL without --report
 */
struct report {
	const struct options *opt;
	const struct guest *guest;
	const struct vmm *vmm;
	unsigned int nr_passes;
	struct pass passes[MAX_PASSES + 2];
	enum reason reason;
	u64 bytes;
	u64 total_ns;
	u64 phase_ns[NR_PHASES];
	u64 downtime_ns;
	struct wire_mark proof[MAX_VFS];
	u64 writes[MAX_DEVICES];
	u64 refused[MAX_DEVICES];
	u64 pages;
	u64 differ;
	u64 diffs[MAX_DIFFS];
	struct history *history;
};

void report_clear(void);
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
void report_compare(struct report *r, const u64 *ours, const u64 *theirs);
const char *report_reason(enum reason reason);
int json_report(FILE *file, const struct report *r);
void json_error(const char *message);

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
