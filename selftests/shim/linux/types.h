/* SPDX-License-Identifier: GPL-2.0-only */
/* Stand-in for the kernel's <linux/types.h> */
#pragma once

#include_next <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define __user
#define noinline __attribute__((__noinline__))

#ifndef likely
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#endif

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef __u64 u64;
typedef unsigned int gfp_t;
