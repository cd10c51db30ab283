// SPDX-License-Identifier: GPL-2.0-only
/* Ports, serial port and PCI configuration space of a PC. */
#include <stdarg.h>

#include "pc.h"

#define COM1			0x3f8
#define COM1_LINE_CONTROL	(COM1 + 3)
#define COM1_LINE_STATUS	(COM1 + 5)
#define LINE_8N1		0x03
#define LINE_RECEIVED		0x01
#define LINE_EMPTY		0x20

#define PCI_ADDRESS		0xcf8
#define PCI_DATA		0xcfc
#define PCI_ENABLE		0x80000000u

static void outb(__u16 port, __u8 value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static void outl(__u16 port, __u32 value)
{
	asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static __u8 inb(__u16 port)
{
	__u8 value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static __u32 inl(__u16 port)
{
	__u32 value;

	asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

void serial_init(void)
{
	outb(COM1_LINE_CONTROL, LINE_8N1);
}

/* The next character, -1 if there is none. */
int serial_poll(void)
{
	return inb(COM1_LINE_STATUS) & LINE_RECEIVED ? inb(COM1) : -1;
}

static void put(char c)
{
	while (!(inb(COM1_LINE_STATUS) & LINE_EMPTY))
		;
	outb(COM1, (__u8)c);
}

static void put_decimal(__u32 value)
{
	char digits[10];
	int n = 0;

	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (n)
		put(digits[--n]);
}

static void put_hex(__u32 value)
{
	int shift;

	for (shift = 28; shift >= 0; shift -= 4)
		put("0123456789abcdef"[value >> shift & 15]);
}

/* Knows %u, %x (eight digits) and %s. */
void print(const char *format, ...)
{
	const char *s;
	va_list args;

	va_start(args, format);
	for (; *format; format++) {
		if (*format != '%') {
			put(*format);
			continue;
		}
		switch (*++format) {
		case 'u':
			put_decimal(va_arg(args, __u32));
			break;
		case 'x':
			put_hex(va_arg(args, __u32));
			break;
		case 's':
			for (s = va_arg(args, const char *); *s; s++)
				put(*s);
			break;
		}
	}
	va_end(args);
}

/* Of bus 0; @reg is a multiple of 4. */
__u32 pci_read(__u32 devfn, __u32 reg)
{
	outl(PCI_ADDRESS, PCI_ENABLE | devfn << 8 | reg);
	return inl(PCI_DATA);
}

void pci_write(__u32 devfn, __u32 reg, __u32 value)
{
	outl(PCI_ADDRESS, PCI_ENABLE | devfn << 8 | reg);
	outl(PCI_DATA, value);
}
