# SPDX-License-Identifier: GPL-2.0-only
# The library that the tests and vmigrate share. Include it with
#   OUT   where to build
#   UAPI  the kernel's include/uapi, which has linux/iommufd.h and linux/vfio.h
# set; it gives LIB_CFLAGS to compile with, LIB_OBJS to link, and LIB_HDRS,
# which must be there before anything is compiled.

LIB_DIR := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
LIB_TOP := $(LIB_DIR)/../..

# Only these, made fit for user space: the libc's own kernel headers go on
# serving everything else. vfio.h of 7.3 needs a newer stddef.h than Debian 12's.
LIB_HDRS := $(addprefix $(OUT)/include/linux/,iommufd.h vfio.h \
	$(notdir $(wildcard $(UAPI)/linux/stddef.h)))
LIB_CFLAGS := -D_GNU_SOURCE -I$(OUT)/include -I$(LIB_TOP)/uapi \
	-I$(LIB_TOP)/drivers/virt -I$(LIB_DIR)
LIB_OBJS := $(addprefix $(OUT)/lib/,cdev.o edu.o feature.o iommufd.o log.o nic.o nic_vfs.o sysfs.o \
	truth.o vdev.o vf.o)

$(LIB_HDRS): $(OUT)/include/linux/%.h: $(UAPI)/linux/%.h
	@mkdir -p $(@D)
	@sed -E 's/([[:space:](])__user[[:space:]]/\1/g' $< > $@.tmp
	@mv $@.tmp $@

$(LIB_OBJS): $(OUT)/lib/%.o: $(LIB_DIR)/%.c $(LIB_HDRS)
	@mkdir -p $(@D)
	$(if $(V),,@)$(CC) $(CFLAGS) $(LIB_CFLAGS) -MMD -MP -c -o $@ $<

-include $(LIB_OBJS:.o=.d)
