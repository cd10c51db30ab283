# SPDX-License-Identifier: GPL-2.0-only
#
# The benchmark's program, its report, and the tests of make hardware-report. Called by
# build-aux/programs.sh, which sets
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
objs := $(patsubst $(here)/bench/%.c,$(OUT)/%.o,$(wildcard $(here)/bench/*.c))
report := $(patsubst $(here)/bench/report/%.c,$(OUT)/report.objs/%.o, \
	$(wildcard $(here)/bench/report/*.c)) $(OUT)/report.objs/tools-json.o

hardware := $(patsubst $(here)/bench/hardware/%.c,$(OUT)/hardware.objs/%.o, \
	$(wildcard $(here)/bench/hardware/*.c))

all: $(OUT)/bench $(OUT)/report $(OUT)/hardware
	@:

$(OUT)/report.objs/%.o: $(here)/bench/report/%.c
	@mkdir -p $(@D)
	@echo "  CC      selftests/bench/report/$*.o"
	$(Q)$(CC) $(CFLAGS) -D_GNU_SOURCE -MMD -MP -c -o $@ $<

$(OUT)/report.objs/tools-json.o: $(here)/../tools/lib/json.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/hardware.objs/%.o: $(here)/bench/hardware/%.c $(LIB_HDRS)
	@mkdir -p $(@D)
	@echo "  CC      selftests/bench/hardware/$*.o"
	$(Q)$(CC) $(CFLAGS) $(LIB_CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/%.o: $(here)/bench/%.c $(LIB_HDRS)
	@echo "  CC      selftests/bench/$*.o"
	$(Q)$(CC) $(CFLAGS) $(LIB_CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/bench: $(objs) $(LIB_OBJS)
	$(Q)$(CC) -static -o $@ $^ -ljson-c

$(OUT)/report: $(report)
	$(Q)$(CC) -static -o $@ $^ -ljson-c -lm

$(OUT)/hardware: $(hardware) $(LIB_OBJS)
	$(Q)$(CC) -static -o $@ $^

-include $(wildcard $(OUT)/*.d $(OUT)/report.objs/*.d $(OUT)/hardware.objs/*.d)
