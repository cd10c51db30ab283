# SPDX-License-Identifier: GPL-2.0-only
#
# The benchmark's program for the VM. Called by build-aux/programs.sh, which sets
# OUT	where to build
# UAPI	include/uapi of the kernel that the modules are for

.DELETE_ON_ERROR:
.PHONY: all
all:

CFLAGS := -O2 -g -std=gnu11 -Wall -Wextra -Wno-unused-parameter \
	-Wno-missing-field-initializers
here := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
include $(here)/lib/lib.mk

Q := $(if $(V),,@)
objs := $(patsubst $(here)/bench/%.c,$(OUT)/%.o,$(wildcard $(here)/bench/*.c)) \
	$(OUT)/tools-json.o

all: $(OUT)/bench
	@:

$(OUT)/%.o: $(here)/bench/%.c $(LIB_HDRS)
	@echo "  CC      selftests/bench/$*.o"
	$(Q)$(CC) $(CFLAGS) $(LIB_CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/tools-json.o: $(here)/../tools/lib/json.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/bench: $(objs) $(LIB_OBJS)
	$(Q)$(CC) -static -o $@ $^ -ljson-c

-include $(wildcard $(OUT)/*.d)
