/* SPDX-License-Identifier: GPL-2.0-only */
/* The registers' headers include it, and need nothing of it here. */
