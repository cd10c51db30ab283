# SPDX-License-Identifier: GPL-2.0-only
#
# The test programs of the VM: each selftests/kselftest/*.c that has a
# TEST_HARNESS_MAIN is one, static; the other files there and selftests/lib are
# there for each to use. Called by build-aux/programs.sh, which sets
# OUT	where to build
# UAPI	include/uapi of the kernel that the modules are for
# KSRC	the kernel's source, for kselftest_harness.h
# PAGE_SIZE	bytes of a page of that kernel

.DELETE_ON_ERROR:
.PHONY: all
all:

CFLAGS := -O2 -g -std=gnu11 -Wall -Wextra -Wno-unused-parameter \
	-Wno-missing-field-initializers
here := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
include $(here)/lib/lib.mk

Q := $(if $(V),,@)
FLAGS = -I$(here)/kselftest -isystem $(KSRC)/tools/testing/selftests \
	-isystem /usr/include/libnl3 \
	-DTEST_PAGE_SIZE=$(PAGE_SIZE)ull $(CFLAGS) $(LIB_CFLAGS) -MMD -MP

# The linker warns of functions of libnl that look up names; none is called.
LIBS := -Wl,--no-warnings -lnl-genl-3 -lnl-3 -ljson-c -lpthread

src := $(wildcard $(here)/kselftest/*.c)
main := $(shell grep -l '^TEST_HARNESS_MAIN' $(src) /dev/null)
programs := $(patsubst $(here)/kselftest/%.c,$(OUT)/%,$(main))
helpers := $(patsubst $(here)/kselftest/%.c,$(OUT)/%.o,$(filter-out $(main),$(src)))
archive := $(OUT)/helpers.a

all: $(programs)
	@:

# What the guide tells the authors of VMMs to write, as a program
$(OUT)/include/guide.h: $(here)/../Documentation/vmm-guide.rst
	@mkdir -p $(@D)
	@awk '/^\.\. code-block:: c$$/ { code = 1; next } \
		code && /^[^ ]/ { code = 0 } code { sub(/^    /, ""); print }' $< > $@.tmp
	@mv $@.tmp $@

$(OUT)/guide_test.o: $(OUT)/include/guide.h

$(OUT)/%.o: $(here)/kselftest/%.c $(LIB_HDRS)
	@echo "  CC      selftests/kselftest/$*.o"
	$(Q)$(CC) $(FLAGS) -c -o $@ $<

# An archive, so that a program has only the helpers that it calls, and libnl only if it
# needs that.
$(archive): $(helpers)
	@rm -f $@
	$(Q)$(AR) rcs $@ $^

# By way of .o, so that a program and the helpers have one rule.
$(programs): $(OUT)/%: $(OUT)/%.o $(archive) $(LIB_OBJS)
	$(Q)$(CC) -static -o $@ $< $(archive) $(LIB_OBJS) $(LIBS)

.SECONDARY:
-include $(wildcard $(OUT)/*.d)
