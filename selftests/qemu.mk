# SPDX-License-Identifier: GPL-2.0-only
#
# What "make qemu" takes into the VM: the guest, and the program that migrates it.
# Called by selftests/qemu/run.sh, which sets
# OUT	where to build
# UAPI	include/uapi of the kernel that the modules are for

.DELETE_ON_ERROR:
.PHONY: all
all:

CFLAGS := -O2 -g -std=gnu11 -Wall -Wextra
here := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
include $(here)/lib/lib.mk

Q := $(if $(V),,@)
src := $(wildcard $(here)/qemu/*.c)
objs := $(patsubst $(here)/qemu/%.c,$(OUT)/%.o,$(src))

# Without a libc for 32 bits, which is another package
guest := $(here)/qemu/guest
GUEST_CFLAGS := -m32 -march=i686 -O2 -std=gnu11 -Wall -Wextra -ffreestanding \
	-fno-pic -fno-stack-protector -fcf-protection=none -mgeneral-regs-only \
	-nostdinc -isystem $(shell $(CC) -print-file-name=include) \
	-I$(guest) -I$(here)/../drivers/virt
GUEST_LDFLAGS := -m32 -nostdlib -static -no-pie -Wl,-T,$(guest)/guest.ld \
	-Wl,--build-id=none -Wl,-z,noexecstack,--no-warn-rwx-segments
guest_objs := $(addprefix $(OUT)/guest/,start.o guest.o pc.o)

all: $(OUT)/qemu_migrate $(OUT)/guest.elf
	@:

$(OUT)/%.o: $(here)/qemu/%.c $(LIB_HDRS)
	@echo "  CC      selftests/qemu/$*.o"
	$(Q)$(CC) $(CFLAGS) $(LIB_CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/qemu_migrate: $(objs) $(LIB_OBJS)
	$(Q)$(CC) -static -o $@ $^

$(OUT)/guest/%.o: $(guest)/%.c
	@mkdir -p $(@D)
	@echo "  CC      selftests/qemu/guest/$*.o"
	$(Q)$(CC) $(GUEST_CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/guest/%.o: $(guest)/%.S
	@mkdir -p $(@D)
	$(Q)$(CC) $(GUEST_CFLAGS) -c -o $@ $<

$(OUT)/guest.elf: $(guest_objs) $(guest)/guest.ld
	$(Q)$(CC) $(GUEST_LDFLAGS) -o $@ $(guest_objs)

-include $(objs:.o=.d) $(wildcard $(OUT)/guest/*.d)
