// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints' own code.
 */
#include <uapi/linux/iommufd_dirty.h>

#define CREATE_TRACE_POINTS
#include "trace.h"
