# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# vm.sh: the root of run.sh in a VM with systemd. Sourced, with its $here, $dir, $root and
# $logs. The folder is the VM's root by 9p; a script in it is run, and its lines of TAP
# become those of run.sh.

# What every kernel is told
cmdline="console=ttyS0 panic=-1 oops=panic mitigations=off maxcpus=1 intel_iommu=on"
cmdline+=" memmap=65M\$0x70000000 rcupdate.rcu_cpu_stall_timeout=120"
cmdline+=" systemd.default_timeout_start_sec=600 systemd.show_status=no"
# shellcheck disable=SC2054 # the commas are QEMU's
machine=(-machine q35,smm=on -accel tcg -cpu "max,-erms,-la57" -smp 2 -m 2560 -nodefaults
	-no-user-config -display none -no-reboot
	-device "intel-iommu,intremap=on" -device edu
	-fsdev "local,id=root,path=$root,security_model=passthrough"
	-device "virtio-9p-pci,fsdev=root,mount_tag=root"
	-chardev "stdio,id=log,signal=off" -serial chardev:log)
[ ! -w /dev/kvm ] || [ "$(cut -d' ' -f2 "$BUILD/vm/accel" 2>/dev/null)" != kvm ] ||
	machine[3]=kvm

# make_initrd RELEASE: $dir/initrd, with the modules that it takes to mount the root
make_initrd()
{
	local release=$1 module path

	rm -rf "$dir/initrd.d"
	mkdir -p "$dir/initrd.d/bin" "$dir/initrd.d/modules"
	cp "$(command -v busybox)" "$dir/initrd.d/bin/busybox"
	cp "$here/initrd.sh" "$dir/initrd.d/init"
	for module in virtio_pci 9pnet_virtio 9p; do
		modprobe -d "$root" -S "$release" --show-depends "$module" |
			sed -n 's/^insmod //p'
	done | awk '!seen[$1]++ { print $1 }' | while read -r path; do
		module=${path##*/}
		module=${module%.xz}
		case $path in
		*.xz) xz -dc "$path" >"$dir/initrd.d/modules/$module" ;;
		*) cp "$path" "$dir/initrd.d/modules/$module" ;;
		esac
		echo "$module" >>"$dir/initrd.d/modules/order"
	done
	(cd "$dir/initrd.d" && find . -mindepth 1 | cpio -o -H newc -R 0:0 --quiet) >"$dir/initrd"
}

# start NAME ARGUMENT...: QEMU with what is on descriptor 0 as its keyboard, its serial line
# in logs/NAME.console. Sets qemu.
start()
{
	local name=$1

	shift
	timeout -k 5 "${LIMIT:-5400}" setpriv --pdeathsig KILL qemu-system-x86_64 "${machine[@]}" \
		"$@" <&0 >"$logs/$name.console" 2>"$logs/$name.qemu" &
	qemu=$!
}

# boot SCRIPT ARGUMENT...: start a VM whose kernel comes to the root, and run SCRIPT there
boot()
{
	local script=$1 wants=$root/etc/systemd/system/multi-user.target.wants status=0

	shift
	rm -rf "$root/deb-test"
	mkdir -p "$root/deb-test"
	cp "$here/$script.sh" "$here"/{guest,signature,device}.sh \
		"$TOP/selftests/tap.sh" "$root/deb-test/"
	cp "$here/deb-test.service" "$root/etc/systemd/system/"
	ln -sf ../deb-test.service "$wants/deb-test.service"
	echo "SCRIPT=$script" >"$root/deb-test/env"
	start "$script" "$@" </dev/null
	wait "$qemu" || status=$?
	qemu=''
	rm -f "$wants/deb-test.service" "$root/etc/systemd/system/deb-test.service"
	cp "$root/deb-test/output" "$logs/$script.log" 2>/dev/null || : >"$logs/$script.log"
	if grep -qaE '(WARNING: CPU|BUG: |Oops|Kernel panic|general protection)' \
		"$logs/$script.console"; then
		say "the kernel complained ($logs/$script.console)"
		status=1
	fi
	[ "$(cat "$root/deb-test/status" 2>/dev/null)" = 0 ] || status=1
	relay "$script"
	ok "the VM ends well and its kernel has no complaint" $status
}

# The guest's lines of TAP become ours.
relay()
{
	local line before=$n

	while IFS= read -r line; do
		case $line in
		"ok "*) ok "${line#ok * }" 0 ;;
		"not ok "*) ok "${line#not ok * }" 1 ;;
		"#"*) echo "$line" ;;
		*) echo "# $line" ;;
		esac
	done <"$logs/$1.log"
	# None at all is no success.
	[ "$n" -gt "$before" ] || tail -n 20 "$logs/$1.console" | tr -d '\r' | sed 's/^/# /'
}

# boot_kernel RELEASE SCRIPT: QEMU loads the kernel
boot_kernel()
{
	make_initrd "$1"
	boot "$2" -kernel "$root/boot/vmlinuz-$1" -initrd "$dir/initrd" -append "$cmdline"
}
