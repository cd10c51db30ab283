# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# signature.sh: the signature of an installed module is taken off, and put back. Sourced by
# the scripts that run in the VM.

# unsigned_copy MODULE FILE: without its signature, and not compressed
unsigned_copy()
{
	case $(modinfo -n "$1") in
	*.xz) xz -dc "$(modinfo -n "$1")" >"$2" ;;
	*) cp "$(modinfo -n "$1")" "$2" ;;
	esac
	strip -g "$2"
}

take_signature_off()
{
	cp -p "$(modinfo -n "$1")" /tmp/signed
	unsigned_copy "$1" /tmp/unsigned.ko
	case $(modinfo -n "$1") in
	# As the kernel can unpack it, which the modprobe of Debian 13 leaves to it
	*.xz) xz --check=crc32 --lzma2=dict=1MiB -c /tmp/unsigned.ko >"$(modinfo -n "$1")" ;;
	*) cp /tmp/unsigned.ko "$(modinfo -n "$1")" ;;
	esac
	[ -z "$(modinfo -F signer "$1")" ]
}

put_signature_back()
{
	cp -p /tmp/signed "$(modinfo -n "$1")"
}
