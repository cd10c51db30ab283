// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtual ConnectX as a PCI device under the stock mlx5_core: VFs are added and
 * removed, drivers are bound in any order, functions are reset, removed and found
 * again, modules cannot be unloaded under their users, and the firmware refuses and counts
 * commands that it does not know. Afterwards a migration must still work.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "kselftest_harness.h"
#include "pair.h"

#define DRIVERS	"/sys/bus/pci/drivers/"
#define DEVICES	"/sys/bus/pci/devices/"
#define CMD	"/sys/kernel/debug/mlx5/" VF_PF "/cmd/"

/* Layouts of linux/mlx5/mlx5_ifc.h: the opcode is first, the status too. */
#define UNKNOWN_OPCODE	0x0fff
#define BAD_OP		0x02

static const char * const drivers[] = { "mlx5_core", VF_DRIVER, "vfio-pci" };

FIXTURE(pci) {
	int kmsg;
};

FIXTURE_SETUP(pci)
{
	self->kmsg = kmsg_open();
	ASSERT_LE(0, self->kmsg);
	ASSERT_EQ(0, vf_create(0));
}

/* Whatever was done, two VFs can be made, and one migrates to the other. */
FIXTURE_TEARDOWN(pci)
{
	struct pair p;

	EXPECT_EQ(0, pair_open(&p));
	EXPECT_EQ(0, pair_sound(&p));
	pair_close(&p);
	close(self->kmsg);
}

/* Name of the driver that has a function, or "". */
static const char *driver_of(const char *name)
{
	static char link[256];
	char path[96], *last;
	ssize_t n;

	snprintf(path, sizeof(path), DEVICES "%s/driver", name);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return "";
	link[n] = '\0';
	last = strrchr(link, '/');
	return last ? last + 1 : link;
}

static bool exists(const char *name)
{
	char path[96];

	snprintf(path, sizeof(path), DEVICES "%s", name);
	return !access(path, F_OK);
}

static int attribute(const char *name, const char *what, const char *value)
{
	char path[96];

	snprintf(path, sizeof(path), DEVICES "%s/%s", name, what);
	return sysfs_write(path, value);
}

static unsigned int vfs(void)
{
	unsigned int n, count = 0;
	char name[16];

	for (n = 1; n <= 8; n++) {
		vf_address(n, name, sizeof(name));
		count += exists(name);
	}
	return count;
}

TEST_F(pci, vfs_come_and_go)
{
	static const unsigned int counts[] = { 2, 8, 1, 8, 2 };
	unsigned int i, n;
	char name[16];

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		ASSERT_EQ(0, vf_create(counts[i]));
		EXPECT_EQ(counts[i], vfs());
		/* Not from one number to another, as the PCI core has it */
		EXPECT_EQ(-EBUSY, vf_pf_write("sriov_numvfs", "4"));
		EXPECT_EQ(counts[i], vfs());
		ASSERT_EQ(0, vf_pf_write("sriov_numvfs", "0"));
		EXPECT_EQ(0, vfs());
	}
	EXPECT_EQ(-ERANGE, vf_pf_write("sriov_numvfs", "9"));
	EXPECT_EQ(0, vfs());

	/* The stock driver takes them as they come */
	ASSERT_EQ(0, vf_pf_write("sriov_drivers_autoprobe", "1"));
	ASSERT_EQ(0, vf_pf_write("sriov_numvfs", "8"));
	for (n = 1; n <= 8; n++) {
		vf_address(n, name, sizeof(name));
		EXPECT_STREQ("mlx5_core", driver_of(name));
	}
	ASSERT_EQ(0, vf_pf_write("sriov_numvfs", "0"));
	ASSERT_EQ(0, vf_pf_write("sriov_drivers_autoprobe", "0"));
}

TEST_F(pci, drivers_in_any_order)
{
	const char *value = getenv("SEED");
	unsigned int seed = value && *value ? strtoul(value, NULL, 0) : 1;
	unsigned int i, n, d;
	char name[16];

	TH_LOG("SEED=%u", seed);
	srandom(seed);
	ASSERT_EQ(0, vf_create(4));
	for (i = 0; i < 40; i++) {
		n = 1 + random() % 4;
		d = random() % 3;
		vf_address(n, name, sizeof(name));
		ASSERT_EQ(0, sysfs_pci_bind(name, drivers[d])) {
			TH_LOG("step %u: VF %u to %s", i, n, drivers[d]);
		}
		EXPECT_STREQ(drivers[d], driver_of(name));
		/* Of mlx5_core see vf_reset_under_each_driver */
		if (d && random() % 4 == 0)
			ASSERT_EQ(0, attribute(name, "reset", "1"));
	}
}

/* With VFs under different drivers, the PF loses its own and gets it back. */
TEST_F(pci, pf_unbound_and_bound)
{
	unsigned int round, n;
	char name[16];

	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, vf_create(3));
		for (n = 1; n <= 3; n++) {
			vf_address(n, name, sizeof(name));
			ASSERT_EQ(0, sysfs_pci_bind(name, drivers[n - 1]));
		}
		ASSERT_EQ(0, sysfs_write(DRIVERS "mlx5_core/unbind", VF_PF));
		EXPECT_STREQ("", driver_of(VF_PF));
		EXPECT_EQ(0, vfs());
		/* It has given back all that it had from the firmware */
		EXPECT_EQ(0, virt_get("connectx_left"));
		ASSERT_EQ(0, sysfs_write(DRIVERS "mlx5_core/bind", VF_PF));
		EXPECT_STREQ("mlx5_core", driver_of(VF_PF));
	}
}

/*
 * vfio drivers know of a reset; mlx5_core finds out from its health check, and sets
 * the function up again.
 */
TEST_F(pci, vf_reset_under_each_driver)
{
	bool recovered = false;
	unsigned int d, i;
	char name[16];

	ASSERT_EQ(0, vf_create(1));
	vf_address(1, name, sizeof(name));
	for (d = 0; d < 3; d++) {
		ASSERT_EQ(0, sysfs_pci_bind(name, drivers[d]));
		EXPECT_EQ(0, attribute(name, "reset", "1"));
		for (i = 0; !d && i < 30 && !recovered; i++) {
			sleep(1);
			recovered = kmsg_says(self->kmsg, name,
					      "health recovery succeeded");
		}
		EXPECT_STREQ(drivers[d], driver_of(name));
	}
	EXPECT_TRUE(recovered);
	ASSERT_EQ(0, sysfs_pci_bind(name, "mlx5_core"));
}

TEST_F(pci, pf_removed_and_found_again)
{
	unsigned int round;

	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, vf_create(2));
		ASSERT_EQ(0, attribute(VF_PF, "remove", "1"));
		EXPECT_FALSE(exists(VF_PF));
		EXPECT_EQ(0, vfs());
		ASSERT_EQ(0, sysfs_write("/sys/bus/pci/rescan", "1"));
		EXPECT_TRUE(exists(VF_PF));
		EXPECT_STREQ("mlx5_core", driver_of(VF_PF));
	}
}

/* What the driver of the PF has not asked for, the firmware does not know. */
TEST_F(pci, unknown_commands_are_refused_and_counted)
{
	unsigned char in[16] = { UNKNOWN_OPCODE >> 8, UNKNOWN_OPCODE & 0xff };
	unsigned long before = virt_get("connectx_unknown");
	unsigned char out[16] = {};
	int fd;

	/* All that mlx5_core and mlx5-vfio-pci want, there is */
	EXPECT_EQ(0, before);
	fd = open(CMD "in", O_WRONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(sizeof(in), write(fd, in, sizeof(in)));
	close(fd);
	ASSERT_EQ(0, sysfs_write(CMD "out_len", "16"));
	EXPECT_EQ(-EINVAL, sysfs_write(CMD "run", "go"));
	fd = open(CMD "out", O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_EQ(sizeof(out), read(fd, out, sizeof(out)));
	close(fd);
	EXPECT_EQ(BAD_OP, out[0]);
	EXPECT_EQ(before + 1, virt_get("connectx_unknown"));
	EXPECT_TRUE(kmsg_says(self->kmsg, "ConnectX function 0",
			      "unknown command 0xfff"));

	/* mlx5_core keeps both buffers when it goes, and frees them on bad input */
	fd = open(CMD "in", O_WRONLY);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, syscall(SYS_write, fd, 8L, 1L));
	close(fd);
	EXPECT_EQ(-EINVAL, sysfs_write(CMD "out_len", "none"));
}

static int unload(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? -errno : 0;
}

static int insmod(const char *module, const char *parameters)
{
	char path[64];
	int fd, rc = 0;

	snprintf(path, sizeof(path), "/modules/%s.ko", module);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (syscall(SYS_finit_module, fd, parameters, 0))
		rc = -errno;
	close(fd);
	return rc;
}

/* The parameters with which the VM's init has loaded a module. */
static void parameters_of(const char *module, char *text, size_t len)
{
	FILE *f = fopen("/job/modules", "r");
	size_t n = strlen(module);

	*text = '\0';
	while (f && fgets(text, len, f)) {
		if (!strncmp(text, module, n) && text[n] == ' ') {
			memmove(text, text + n + 1, strlen(text + n));
			text[strcspn(text, "\n")] = '\0';
			break;
		}
		*text = '\0';
	}
	if (f)
		fclose(f);
}

TEST_F(pci, modules_under_use)
{
	char virt[256];
	struct pair p;

	if (access("/modules/mlx5-vfio-pci.ko", R_OK))
		SKIP(return, "this machine keeps its modules elsewhere");
	ASSERT_EQ(0, pair_open(&p));
	EXPECT_EQ(-EWOULDBLOCK, unload("mlx5_vfio_pci"));
	EXPECT_EQ(-EWOULDBLOCK, unload("iommufd_virt"));
	EXPECT_EQ(-EWOULDBLOCK, unload("mlx5_core"));
	EXPECT_EQ(0, pair_sound(&p));

	/* Closed, but bound: the drivers release them */
	vf_close(&p.src);
	vf_close(&p.dst);
	EXPECT_EQ(0, unload("mlx5_vfio_pci"));
	EXPECT_STREQ("", driver_of("0010:00:10.1"));
	EXPECT_EQ(0, unload("mlx5_core"));
	EXPECT_EQ(0, vfs());
	EXPECT_EQ(-EWOULDBLOCK, unload("iommufd_virt"));
	pair_close(&p);

	/* Without the bus the module can be unloaded, and loaded again */
	parameters_of("iommufd-virt", virt, sizeof(virt));
	ASSERT_EQ(0, virt_set("remove", "1"));
	EXPECT_FALSE(exists(VF_PF));
	EXPECT_EQ(0, unload("iommufd_virt"));
	EXPECT_EQ(0, insmod("iommufd-virt", virt));
	EXPECT_EQ(0, insmod("mlx5_core", ""));
	EXPECT_STREQ("mlx5_core", driver_of(VF_PF));
	EXPECT_EQ(0, insmod("mlx5-vfio-pci", ""));
}

TEST_HARNESS_MAIN
