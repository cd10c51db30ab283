# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# firmware.sh: a VM with Secure Boot. Sourced by run.sh after vm.sh. OVMF trusts
# Microsoft's keys, as a machine that is bought does; shim, GRUB and the kernel are Debian's
# with their signatures. The firmware's variables are a file, $dir/vars.

# secure_boot_disk RELEASE: $dir/esp, a folder that QEMU shows as a FAT disk, and variables
# in which no key of an owner is enrolled
secure_boot_disk()
{
	local esp=$dir/esp from=$dir/firmware/usr

	make_initrd "$1"
	rm -rf "$esp"
	mkdir -p "$esp/EFI/BOOT" "$esp/EFI/debian"
	cp "$from/lib/shim/shimx64.efi.signed" "$esp/EFI/BOOT/BOOTX64.EFI"
	cp "$from/lib/shim/mmx64.efi.signed" "$esp/EFI/BOOT/mmx64.efi"
	cp "$from/lib/grub/x86_64-efi-signed/grubx64.efi.signed" "$esp/EFI/BOOT/grubx64.efi"
	cp "$root/boot/vmlinuz-$1" "$esp/vmlinuz"
	cp "$dir/initrd" "$esp/initrd"
	printf "linux /vmlinuz '%s'\ninitrd /initrd\nboot\n" "${cmdline// /\' \'}" \
		>"$esp/EFI/debian/grub.cfg"
	cp "$from/share/OVMF/OVMF_VARS_4M.ms.fd" "$dir/vars"
	firmware=(-global "driver=cfi.pflash01,property=secure,value=on"
		-drive "if=pflash,format=raw,unit=0,readonly=on,file=$from/share/OVMF/OVMF_CODE_4M.secboot.fd"
		-drive "if=pflash,format=raw,unit=1,file=$dir/vars"
		-drive "if=none,id=esp,format=raw,readonly=on,file=fat:$esp"
		-device "virtio-blk-pci,drive=esp,bootindex=1")
}

# shown NAME TEXT: wait until MokManager shows it
shown()
{
	local i

	for ((i = 0; i < 240; i++)); do
		! grep -qsaF "$2" "$logs/$1.console" || return 0
		kill -0 "$qemu" 2>/dev/null || break
		sleep 0.5
	done
	say "no \"$2\" on the screen ($logs/$1.console)"
	return 1
}

# enrol PASSWORD: boot, and do at the keyboard what README says: MokManager has a key that
# "mokutil --import" has left for it, and asks. It resets the machine when it is done.
enrol()
{
	local down=$'\e[B' enter=$'\r' keys="$dir/keys" status=0

	rm -f "$keys"
	mkfifo "$keys"
	exec 7<>"$keys"
	start mok-manager "${firmware[@]}" <&7
	{
		shown mok-manager "Press any key" && printf ' ' >&7 &&
			shown mok-manager "Continue boot" && sleep 1 &&
			printf %s "$down" >&7 && sleep 1 && printf %s "$enter" >&7 &&
			shown mok-manager "View key 0" && sleep 1 &&
			printf %s "$down" >&7 && sleep 1 && printf %s "$enter" >&7 &&
			shown mok-manager "Enroll the key(s)?" && sleep 1 &&
			printf %s "$down" >&7 && sleep 1 && printf %s "$enter" >&7 &&
			shown mok-manager "Password" && sleep 1 && printf '%s\r' "$1" >&7 &&
			shown mok-manager "Reboot" && sleep 1 && printf %s "$enter" >&7
	} || {
		kill "$qemu"
		status=1
	}
	wait "$qemu" || status=1
	qemu=''
	exec 7>&-
	return $status
}
