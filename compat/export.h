/* SPDX-License-Identifier: GPL-2.0-only */
/* Namespaces of symbols: a string since 6.13 */
#ifndef _DIRTY_COMPAT_EXPORT_H
#define _DIRTY_COMPAT_EXPORT_H

#ifndef DIRTY_HAS_NS_IS_STRING
#include <linux/export.h>

#undef EXPORT_SYMBOL_NS_GPL
#define EXPORT_SYMBOL_NS_GPL(sym, ns)	__EXPORT_SYMBOL(sym, "GPL", ns)
#endif

#endif
