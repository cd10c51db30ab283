/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a multiboot loader enters: 32 bits, flat segments, no paging, interrupts
 * off. The magic number and the checksum are of the multiboot specification.
 */
	.set	MAGIC, 0x1badb002
	.set	FLAGS, 0

	.section .multiboot, "a"
	.balign	4
	.long	MAGIC, FLAGS, -(MAGIC + FLAGS)

	.text
	.globl	start
start:
	movl	$stack_top, %esp
	cld
	call	guest_main
1:	hlt
	jmp	1b

	.bss
	.balign	16
	.skip	16384
stack_top:

	.section .note.GNU-stack, "", @progbits
