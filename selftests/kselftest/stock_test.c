// SPDX-License-Identifier: GPL-2.0-only
/*
 * The distribution's own vfio modules beside ours. They were built for another struct
 * vfio_device, so the kernel must refuse each of them on our vfio, say why in its log, and
 * leave what is loaded as it was. It compares versions of symbols or, if it was built without
 * them, sees that a module does not import the namespace of our vfio.
 *
 * Controls: on the distribution's own vfio the same files are loaded, kvmgt on i915 without a
 * GPU; and so are they on a copy of our vfio whose symbols are in no namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "fixture.h"
#include "pair.h"

#define OURS "/modules"
#define THEIRS "/stock"
#define ORDER THEIRS "/order"
#define NAMESPACE "VFIO_DIRTY"
#define MODULES_MAX 64
#define LOADED_MAX 16384

/**
 * struct modules - Modules in the order in which they are loaded
 * @nr: How many
 * @name: Of their files, without ".ko"
 * @parameters: Of each
 */
struct modules {
	unsigned int nr;
	char name[MODULES_MAX][32];
	char parameters[MODULES_MAX][96];
};

static struct modules ours, theirs;

/* A list: one module a line, and its parameters */
static int modules_read(const char *file, struct modules *m)
{
	char line[sizeof(m->name[0]) + sizeof(m->parameters[0])];
	FILE *f = fopen(file, "r");

	if (!f)
		return -errno;
	for (m->nr = 0; m->nr < MODULES_MAX && fgets(line, sizeof(line), f); m->nr++) {
		m->parameters[m->nr][0] = '\0';
		if (sscanf(line, "%31s %95[^\n]", m->name[m->nr], m->parameters[m->nr]) < 1)
			break;
	}
	fclose(f);
	return m->nr ? 0 : -ENODATA;
}

static int module_load(const char *folder, const char *name, const char *parameters)
{
	char path[64];
	int fd, rc;

	snprintf(path, sizeof(path), "%s/%s.ko", folder, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
	close(fd);
	return rc;
}

/* The name that the kernel uses */
static const char *module_name(const char *file)
{
	static char name[32];
	char *c;

	snprintf(name, sizeof(name), "%s", file);
	for (c = name; *c; c++)
		if (*c == '-')
			*c = '_';
	return name;
}

static int module_unload(const char *name)
{
	return syscall(SYS_delete_module, module_name(name), O_NONBLOCK) && errno != ENOENT ?
	       -errno : 0;
}

/* The modules in whose place we have our own; kvmgt is what uses one. */
static const char * const replaced[] = {
	"iommufd", "vfio", "vfio_iommu_type1", "vfio_pci_core", "vfio_pci", "mdev", "kvmgt",
};

static bool module_is_replaced(const char *file)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(replaced); i++)
		if (!strcmp(module_name(file), replaced[i]))
			return true;
	return false;
}

/* In reverse, down to @last or all. What none of ours replaces may be in use. */
static int modules_unload(const struct modules *m, const char *last)
{
	unsigned int i;
	int rc;

	for (i = m->nr; i-- > 0;) {
		if (!strcmp(m->name[i], "iommufd-virt"))
			virt_set("remove", "1");
		rc = module_unload(m->name[i]);
		if (rc && module_is_replaced(m->name[i])) {
			printf("# %s is in use\n", m->name[i]);
			return rc;
		}
		if (last && !strcmp(m->name[i], last))
			break;
	}
	return 0;
}

/* What is loaded already stays. With @common only what none of ours replaces is loaded. */
static int modules_load(const char *folder, const struct modules *m, bool common)
{
	unsigned int i;
	int rc;

	for (i = 0; i < m->nr; i++) {
		if (common && module_is_replaced(m->name[i]))
			continue;
		rc = module_load(folder, m->name[i], m->parameters[i]);
		if (rc && rc != -EEXIST) {
			printf("# %s/%s: %s\n", folder, m->name[i], strerror(-rc));
			return rc;
		}
	}
	return 0;
}

/* All but what ours replace, and what they use. */
static void common_unload(void)
{
	unsigned int i;

	for (i = theirs.nr; i-- > 0;)
		if (!module_is_replaced(theirs.name[i]))
			module_unload(theirs.name[i]);
}

/* A module's file, in memory that may be changed */
static char *module_map(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *image;

	if (fd < 0 || fstat(fd, &st))
		return NULL;
	image = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	close(fd);
	*size = st.st_size;
	return image == MAP_FAILED ? NULL : image;
}

/* How many symbols' namespaces are there; with @remove they are in none any more. */
static unsigned int namespaces(char *image, size_t size, bool remove)
{
	const size_t len = sizeof(NAMESPACE);
	unsigned int nr = 0;
	char *at = image;

	while ((at = memmem(at, image + size - at, NAMESPACE, len))) {
		/* Others are in "import_ns=". */
		if (at > image && !at[-1]) {
			nr++;
			if (remove)
				*at = '\0';
		}
		at += len;
	}
	return nr;
}

static bool vfio_has_namespace(void)
{
	size_t size;
	char *image = module_map(OURS "/vfio.ko", &size);

	return image && namespaces(image, size, false);
}

/* What is loaded, in which state, and by how many it is used */
static int loaded_read(char text[LOADED_MAX])
{
	FILE *f = fopen("/proc/modules", "r");
	size_t n;

	if (!f)
		return -errno;
	n = fread(text, 1, LOADED_MAX - 1, f);
	text[n] = '\0';
	fclose(f);
	return 0;
}

/* With the virtual devices bound again */
static int ours_load(void)
{
	int rc = modules_load(OURS, &ours, false);

	return rc ? rc : system("bind-all >/dev/null");
}

FIXTURE(stock)
{
	int kmsg;
};

FIXTURE_VARIANT(stock)
{
	const char *file;
	/* The first of ours that are unloaded before, which may have its name, or none */
	const char *without;
};

FIXTURE_VARIANT_ADD(stock, vfio_pci_core)
{
	.file = "vfio-pci-core",
	.without = "vfio-pci-core",
};

FIXTURE_VARIANT_ADD(stock, vfio_pci)
{
	.file = "vfio-pci",
	.without = "vfio-pci",
};

FIXTURE_VARIANT_ADD(stock, vfio_iommu_type1)
{
	.file = "vfio_iommu_type1",
	.without = "vfio_iommu_type1",
};

FIXTURE_VARIANT_ADD(stock, kvmgt)
{
	.file = "kvmgt",
};

FIXTURE_SETUP(stock)
{
	ASSERT_EQ(0, modules_read(ORDER, &theirs));
	ASSERT_EQ(0, modules_read("/job/modules", &ours));
	ASSERT_EQ(0, variant->without ? modules_unload(&ours, variant->without) :
					modules_load(THEIRS, &theirs, true));
	self->kmsg = kmsg_open();
	ASSERT_LE(0, self->kmsg);
}

FIXTURE_TEARDOWN(stock)
{
	close(self->kmsg);
	common_unload();
	EXPECT_EQ(0, ours_load());
}

TEST_F(stock, is_refused_on_our_vfio)
{
	static char before[LOADED_MAX], after[LOADED_MAX];
	const char *why = "disagrees about version of symbol";

	if (vfio_has_namespace())
		why = "from namespace " NAMESPACE ", but does not import it";
	ASSERT_EQ(0, loaded_read(before));

	EXPECT_EQ(-EINVAL, module_load(THEIRS, variant->file, ""));
	EXPECT_TRUE(kmsg_says(self->kmsg, module_name(variant->file), why));

	ASSERT_EQ(0, loaded_read(after));
	EXPECT_STREQ(before, after);
}

TEST(loaded_on_their_own_vfio)
{
	ASSERT_EQ(0, modules_read(ORDER, &theirs));
	ASSERT_EQ(0, modules_read("/job/modules", &ours));
	ASSERT_EQ(0, modules_unload(&ours, NULL));

	EXPECT_EQ(0, modules_load(THEIRS, &theirs, false));
	EXPECT_EQ(0, modules_unload(&theirs, NULL));
	EXPECT_EQ(0, ours_load());
}

/* What would happen on a host if our vfio were in no namespace */
TEST(loaded_without_namespace)
{
	size_t size;
	char *image;

	ASSERT_EQ(0, modules_read(ORDER, &theirs));
	if (!vfio_has_namespace())
		SKIP(return, "this kernel compares versions of symbols");
	ASSERT_EQ(0, modules_read("/job/modules", &ours));
	ASSERT_EQ(0, modules_unload(&ours, "vfio"));
	image = module_map(OURS "/vfio.ko", &size);
	ASSERT_NE(NULL, image);
	ASSERT_LT(0, namespaces(image, size, true));
	ASSERT_EQ(0, syscall(SYS_init_module, image, size, ""));

	EXPECT_EQ(0, modules_load(THEIRS, &theirs, false));
	EXPECT_EQ(0, modules_unload(&theirs, NULL));
	EXPECT_EQ(0, modules_unload(&ours, NULL));
	EXPECT_EQ(0, ours_load());
}

TEST_HARNESS_MAIN
