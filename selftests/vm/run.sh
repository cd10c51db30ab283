#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# run.sh: boot the unpacked stock kernel under QEMU with the modules of the
# test variant (or the debug kernel with its own), run a command, and bring back its
# output, its status, its files and the kernel's log.
set -euo pipefail
. "$(dirname "$0")/../../build-aux/lib.sh"

usage()
{
	cat <<'END'
usage: run.sh [options] [--command CMD]

  --command CMD     shell command to run; without it, an interactive shell
  --name NAME       build/vm/NAME.log is the kernel's log, NAME.out the output,
                    NAME/ the files that the command left in /out (default: vm)
  --file PATH[:AS]  put a file into the guest's PATH (a static program, say)
  --dir PATH        the same for every file in a folder
  --env NAME=VALUE  environment of the command
  --virt "PARAMS"   parameters of iommufd-virt, or "off" (default: $VIRT)
  --modules "LIST"  modules to load, dependencies come by themselves
                    (default: vfio_iommu_type1 vfio-pci iommufd-virt)
  --stock NAME      the stock kernel's own module of that name and those that it
                    depends on are in the guest's /stock, in the order of /stock/order
  --timeout SECONDS end a VM that takes longer (default: 120)
  --memory MB       default: 2048; --smp N: default 2
  --gigantic N      set aside N huge pages of 1 GiB, with memory for them
  --iommu intel|amd the machine has this IOMMU, and an edu device behind it
  --iommu intel-dirty|amd-dirty[,PROPERTY=VALUE...]
                    one that sets dirty bits (the QEMU of "make qemu-build"), with
                    these properties, and three edu devices, two e1000e, two igb
  --iommu smmuv3    with ARCH=arm64: an SMMUv3, and an edu device behind it
  --iommu smmuv3-dirty[,PROPERTY=VALUE...]
                    with ARCH=arm64: one that sets dirty bits, like intel-dirty
  --device DEVICE   one more device, as QEMU's -device takes it
  --qemu DIR        the QEMU in a folder that build-aux/qemu.sh has filled
  --kernel KIND     stock, or debug: build/debug-kernel, or kcsan: build/debug-kernel-kcsan
                    (default: $VM_KERNEL or stock)
  --variant NAME    the modules of build/NAME (default: test)
  --icount SHIFT    each instruction takes 2^SHIFT ns of the guest's time, and
                    nothing else does; one processor, and nothing random
  --module PATH     take this file instead of the module of that name
  --accel tcg|kvm   default: what was found to work

Status: the command's; 124 time limit; 125 the VM could not start or died, or
the kernel's log has a splat although the command was content. Of KCSAN's reports
only those of our files are splats (kcsan.sh); the others are counted.
END
}

args=("$@")
name=vm command='' interactive=yes limit=120 memory=2048 smp=2 accel=
modules='vfio_iommu_type1 vfio-pci iommufd-virt'
virt=${VIRT-iommus=amd:2}
[ "$DEB_ARCH" = amd64 ] || virt=${VIRT-off}
kernel=${VM_KERNEL:-stock}
variant=test icount='' gigantic=0
files=() env=() replaced=() devices=() wanted_stock=
iommu=none bundle=
case $DEB_ARCH in
amd64) qemu_binary=(qemu-system-x86_64) ;;
arm64) qemu_binary=(qemu-system-aarch64) accel=tcg ;;
esac

while [ $# -gt 0 ]; do
	case $1 in
	-h | --help) usage; exit 0 ;;
	esac
	[ $# -ge 2 ] || { usage >&2; exit 125; }
	case $1 in
	--command) command=$2 interactive= ;;
	--name) name=$2 ;;
	--file) files+=("$2") ;;
	--dir) for f in "$2"/*; do [ ! -f "$f" ] || files+=("$f"); done ;;
	--env) env+=("$2") ;;
	--virt) virt=$2 ;;
	--modules) modules=$2 ;;
	--stock) wanted_stock+=" $2" ;;
	--timeout) limit=$2 ;;
	--memory) memory=$2 ;;
	--smp) smp=$2 ;;
	--gigantic) gigantic=$2 ;;
	--iommu) iommu=$2 ;;
	--device) devices+=(-device "$2") ;;
	--qemu) bundle=$2 ;;
	--kernel) kernel=$2 ;;
	--variant) variant=$2 ;;
	--icount) icount=$2 ;;
	--module) replaced+=("$2") ;;
	--accel) accel=$2 ;;
	*) usage >&2; exit 125 ;;
	esac
	shift 2
done

fail()
{
	say "vm: $*"
	exit 125
}

load_kernel
vm=$BUILD/vm
case $kernel in
stock)
	image=$KROOT/boot/vmlinuz-$RELEASE
	# Since 6.19 it is beside the modules
	[ -r "$image" ] || image=$KROOT/usr/lib/modules/$RELEASE/vmlinuz
	order=$BUILD/$variant/modules.list	base=''
	[ -r "$image" ] ||
		fail "no kernel image for $RELEASE to boot; run \"make setup\""
	;;
debug | kcsan)
	base=$BUILD/debug-kernel/ make="make debug-kernel"
	[ "$kernel" = debug ] || base=$BUILD/debug-kernel-kcsan/ make+=" KCSAN=1"
	image=${base}arch/x86/boot/bzImage order=${base}modules.order
	[ -e "$base.built" ] ||
		fail "there is no such kernel; run \"$make\""
	;;
*)
	fail "--kernel $kernel: must be stock, debug or kcsan"
	;;
esac
# shellcheck disable=SC2054 # the commas are QEMU's
case $iommu in
none) iommu_params=() iommu_devices=() ;;
intel)
	iommu_params=(intel_iommu=on)
	iommu_devices=(-device intel-iommu,intremap=on -device edu)
	;;
amd)
	iommu_params=(amd_iommu=on)
	iommu_devices=(-device amd-iommu,intremap=on -device edu)
	;;
smmuv3) iommu_params=() iommu_devices=(-machine iommu=smmuv3 -device edu) ;;
intel-dirty* | amd-dirty* | smmuv3-dirty*)
	# Whether timer interrupts come is looked at for less time than a busy host
	# may take to make them
	iommu_params=("${iommu%%-*}_iommu=on" no_timer_check)
	iommu_devices=(-L /usr/share/qemu -L /usr/share/seabios)
	properties=${iommu#*-dirty}
	case $iommu in
	intel*)
		iommu_params[0]+=,sm_on
		device=intel-iommu,intremap=on,x-scalable-mode=on,x-slads=on
		iommu_devices+=(-device "$device$properties")
		;;
	amd*)
		iommu_devices+=(-device "amd-iommu,intremap=on,hdsup=on$properties")
		;;
	smmuv3*)
		# The machine makes it, so they are those of all that there are
		iommu_params=()
		iommu_devices+=(-machine iommu=smmuv3)
		for property in httu=on ${properties//,/ }; do
			iommu_devices+=(-global "arm-smmuv3.$property")
		done
		;;
	esac
	for _ in 1 2 3; do
		iommu_devices+=(-device edu,dma_mask=0xffffffff,dma_delay=0)
	done
	# The virtual functions of an igb are 16 slots on, in two slots; numbers are hexadecimal.
	# Behind a bridge QEMU's amd-iommu would not know which device they are.
	for device in e1000e e1000e igb,addr=8 igb,addr=a; do
		iommu_devices+=(-device "$device,romfile=")
	done
	qemu_binary=("$FETCHED/qemu/patched/${qemu_binary[0]}")
	[ -x "${qemu_binary[0]}" ] ||
		fail "no QEMU for --iommu $iommu; run \"make qemu-build\""
	;;
*)
	fail "--iommu $iommu: must be intel, amd, intel-dirty, amd-dirty, smmuv3 or" \
		"smmuv3-dirty"
	;;
esac
[ -z "$bundle" ] || qemu_binary=(
	"$bundle/ld-linux-x86-64.so.2" --library-path "$bundle"
	"$bundle/qemu-system-x86_64" -L "$bundle")
# The virtual platform's memory (below) must exist.
[ "$memory" -ge 1900 ] || fail "--memory must be at least 1900"
mkdir -p "$vm"
job=$(mktemp -d "$vm/.job.XXXXXX")
qemu='' terminal=''

# shellcheck disable=SC2317 # called by the trap
cleanup()
{
	if [ -n "$qemu" ]; then
		kill -KILL "$qemu" 2>/dev/null || true
		wait "$qemu" 2>/dev/null || true
	fi
	[ -z "$terminal" ] || stty "$terminal" 2>/dev/null || true
	rm -rf "$job"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# ---- Modules --------------------------------------------------------------

load=()		# paths, dependencies first
stock=()	# the same, of what is not loaded

stock_module()
{
	local n=${1//-/_}

	find "$KROOT"/{,usr/}lib/modules/"$RELEASE/kernel" -name "${n//_/[-_]}.ko.xz" \
		-print -quit 2>/dev/null || true
}

# Ours are in kbuild's list, since there may be leftovers of other builds too.
find_module()
{
	local n=${1//-/_} ours

	n=${n//_/[-_]}
	ours=$(printf '%s\n' "${replaced[@]}" | grep -m1 "/${n}[.]ko$" || true)
	[ -z "$ours" ] || { echo "$ours"; return; }
	ours=$(grep -m1 "/${n}[.]o$" "$order" 2>/dev/null || true)
	if [ -n "$ours" ]; then
		echo "$base${ours%.o}.ko"
	elif [ "$kernel" = stock ]; then
		stock_module "$1"
	fi
}

add_module()
{
	local path dep

	path=$(find_module "$1")
	[ -n "$path" ] ||
		fail "there is no module $1, neither in ${order#"$TOP/"} (\"make test-modules\"," \
			"\"make debug-kernel\") nor in the image package of $RELEASE"
	[[ " ${load[*]} " != *" $path "* ]] || return 0
	for dep in $(modinfo -F depends "$path" | tr , ' '); do
		add_module "$dep"
	done
	load+=("$path")
}

add_stock()
{
	local path dep

	path=$(stock_module "$1")
	[ -n "$path" ] || fail "there is no module $1 in the image package of $RELEASE"
	[[ " ${stock[*]} " != *" $path "* ]] || return 0
	for dep in $(modinfo -F depends "$path" | tr , ' '); do
		add_stock "$dep"
	done
	stock+=("$path")
}

# iommufd-virt is wanted by default, but only once there is one.
if [ "$virt" = off ] || [ ! -e "$TOP/drivers/virt/Kbuild" ]; then
	modules=${modules/iommufd-virt/}
fi
for m in $modules; do
	add_module "$m"
done
[ -z "$wanted_stock" ] || [ "$kernel" = stock ] ||
	fail "--stock: kernel $kernel cannot load the distribution's modules"
for m in $wanted_stock; do
	add_stock "$m"
done

# One more, because the kernel itself takes the end of the memory
[ "$gigantic" = 0 ] || memory=$((memory + 1024 * (gigantic + 1)))

# The virtual platform's memory, and how the kernel is told to leave it alone: arm64 can only
# be told to leave out the end.
case $DEB_ARCH in
amd64)
	virt_memory=0x70000000
	reserve="memmap=65M\$$virt_memory"
	;;
arm64)
	# Where the machine's memory begins
	virt_memory=$((0x40000000 + (memory - 65) * 0x100000))
	reserve="mem=$((memory - 65))M"
	;;
esac

# The VM has no interrupt remapping, and no user who needs its protection.
params_of()
{
	case ${1//-/_} in
	iommufd | vfio_iommu_type1) echo allow_unsafe_interrupts=1 ;;
	iommufd_virt) echo "memmap_start=$virt_memory $virt" ;;
	esac
}

# ---- initramfs ------------------------------------------------------------

pack()
{
	(cd "$1" && find . -mindepth 1 | cpio -o -H newc -R 0:0 --quiet)
}

# What seldom changes, kept under the hash of what is in it.
base_initramfs()
{
	local guest busybox hash base dir path n

	guest=$(dirname "$0")/guest
	busybox=$GUEST/bin/busybox
	[ -n "$CROSS" ] || busybox=$(command -v busybox) || fail "no busybox; run \"make setup\""
	hash=$(sha256sum "$busybox" "$guest"/* "${load[@]}" "${stock[@]}" | cut -d' ' -f1 | sha256sum)
	base=$vm/base-${hash%% *}.cpio
	echo "$base"
	[ ! -e "$base" ] || return 0

	# Those of earlier builds are of no more use, except to a VM starting now.
	find "$vm" -maxdepth 1 -name 'base-*.cpio' -mmin +60 -delete
	find "$vm" -maxdepth 1 -name '.job.*' -mmin +600 -exec rm -rf {} +
	dir=$job/base
	mkdir -p "$dir/bin" "$dir/modules"
	cp "$busybox" "$dir/bin/busybox"
	cp "$guest/init" "$dir/init"
	cp "$guest"/{bind-all,make-vfs,run-tests,unload-all} "$dir/bin/"
	chmod 755 "$dir/init" "$dir"/bin/*
	for path in "${load[@]}"; do
		n=${path##*/}
		case $path in
		*.xz) xz -dc "$path" >"$dir/modules/${n%.xz}" ;;
		*) "${CROSS}strip" --strip-debug -o "$dir/modules/$n" "$path" ;;
		esac
	done
	mkdir "$dir/stock"
	for path in "${stock[@]}"; do
		n=${path##*/}
		xz -dc "$path" >"$dir/stock/${n%.xz}"
		echo "${n%.ko.xz}" >>"$dir/stock/order"
	done
	pack "$dir" >"$base.$$"
	mv "$base.$$" "$base"
}

# What belongs to this run.
job_initramfs()
{
	local dir=$job/root f path

	mkdir -p "$dir/job/bin"
	for f in "${files[@]}"; do
		path=${f%%:*}
		[[ $path != build/* ]] || path=$BUILD/${path#build/}
		[ -f "$path" ] || fail "--file $path: no such file"
		[ "$f" = "$path" ] && f=${path##*/} || f=${f#*:}
		cp "$path" "$dir/job/bin/$f"
		chmod 755 "$dir/job/bin/$f"
	done
	for path in "${load[@]}"; do
		f=${path##*/}
		f=${f%.xz}
		f=${f%.ko}
		echo "$f $(params_of "$f")"
	done >"$dir/job/modules"
	{
		for f in "${env[@]}"; do
			printf '%s=%q\n' "${f%%=*}" "${f#*=}"
		done
		[ -z "$interactive" ] || [ ! -t 0 ] ||
			stty size | sed -n 's/^\([1-9].*\) \([1-9].*\)/LINES=\1\nCOLUMNS=\2/p'
	} >"$dir/job/env"
	printf '%s\n' "$command" >"$dir/job/command"
	[ -z "$interactive" ] || touch "$dir/job/interactive"
	pack "$dir"
}

# ---- QEMU -----------------------------------------------------------------

# /dev/kvm may be there and not work. Try once per host kernel, with a limit.
choose_accel()
{
	local known=$vm/accel now

	now=$(uname -r)
	if [ ! -w /dev/kvm ]; then
		accel=tcg
	elif [ -e "$known" ] && [ "$(cut -d' ' -f1 "$known")" = "$now" ]; then
		accel=$(cut -d' ' -f2 "$known")
	else
		accel=tcg
		! "$0" --accel kvm --name kvm-probe --modules '' --timeout 10 \
			--command true >/dev/null 2>&1 || accel=kvm
		echo "$now $accel" >"$known"
	fi
}

[ -z "$icount" ] || { accel=tcg smp=1; }
[ -n "$accel" ] || choose_accel
base=$(base_initramfs)
job_initramfs >"$job/job.cpio"
cat "$base" "$job/job.cpio" >"$job/initrd"

# Two VMs of one name would write over one another's log.
exec 7>"$vm/.$name.lock"
flock -n 7 || {
	say "waiting for another VM called $name (--name gives another) ..."
	flock 7
}
log=$vm/$name.log
rm -rf "$log" "$vm/$name.out" "${vm:?}/$name"
cmdline=(panic=-1 oops=panic mitigations=off rcupdate.rcu_cpu_stall_timeout=60
	 watchdog_thresh=20 "${iommu_params[@]}")
[ "$gigantic" = 0 ] || cmdline+=(hugepagesz=1G "hugepages=$gigantic")
case $DEB_ARCH in
amd64)
	board=q35
	cmdline+=(console=ttyS0 "$reserve")
	# While it boots the kernel patches its own code. With several processors under TCG
	# one may still execute the breakpoint of a patch that is complete, and the kernel
	# dies of "Oops: int3". So it boots on one; the guest's init starts the others.
	[ "$accel" = kvm ] || cmdline+=(maxcpus=1)
	# On a busy host no interrupt of the timer may arrive in the time that the kernel
	# waits.
	[ "$accel" = kvm ] || cmdline+=(no_timer_check)
	# TCG emulates "rep movsb" byte by byte; without ERMS the kernel's user copies do
	# not use it, and are several times as fast.
	cpu=max
	[ "$accel" = kvm ] || cpu=max,-erms
	# While identify_cpu() looks, the kernel forgets for a moment that it has five levels
	# of page tables; KASAN takes what an interrupt touches then for wild.
	[ "$kernel" = stock ] || cpu+=,-la57
	[ -z "$icount" ] || cpu+=,-rdrand,-rdseed
	;;
arm64)
	board=virt,gic-version=3
	cmdline+=(console=ttyAMA0)
	[ "$virt" = off ] || cmdline+=("$reserve")
	# The architecture's own algorithm of pointer authentication is slow to emulate.
	cpu=max,pauth-impdef=on
	;;
esac
timing=()
if [ -n "$icount" ]; then
	# What differs from one run to the next: random addresses and numbers, and
	# the time of day; and what takes the processor half of the time for some
	# seconds after boot.
	cmdline+=(nokaslr norandmaps cryptomgr.notests)
	# shellcheck disable=SC2054 # the commas are QEMU's
	timing=(-icount "shift=$icount,sleep=off" -rtc base=2024-01-01,clock=vm)
fi
# shellcheck disable=SC2054 # the commas are QEMU's
machine=(-machine "$board" -accel "$accel" -cpu "$cpu" -smp "$smp" -m "$memory"
	 "${timing[@]}"
	 -nodefaults -no-user-config -display none -no-reboot
	 "${iommu_devices[@]}" "${devices[@]}"
	 -kernel "$image" -initrd "$job/initrd" -append "${cmdline[*]}"
	 -chardev "file,id=log,path=$log" -serial chardev:log
	 -chardev "file,id=result,path=$job/result.tar"
	 -device virtio-serial-pci
	 -device virtserialport,chardev=result,name=result)

start=$SECONDS status=0
if [ -n "$interactive" ]; then
	terminal=$(stty -g 2>/dev/null || true)
	"${qemu_binary[@]}" "${machine[@]}" \
		-chardev stdio,id=console,mux=on,signal=off -mon chardev=console \
		-device virtconsole,chardev=console || status=$?
else
	mkfifo "$job/output"
	# Held open so that tee and QEMU need not wait for one another.
	exec 8<>"$job/output"
	tee "$vm/$name.out" <"$job/output" 8<&- &
	tee=$!
	# If this script is killed without a chance to clean up, so is QEMU.
	setpriv --pdeathsig KILL timeout --foreground -k 5 "$limit" \
		setpriv --pdeathsig KILL "${qemu_binary[@]}" "${machine[@]}" \
		-chardev null,id=console -device virtconsole,chardev=console \
		-chardev "file,id=output,path=$job/output" \
		-device virtserialport,chardev=output,name=output \
		</dev/null 2>"$job/qemu.err" 8<&- &
	qemu=$!
	wait $qemu || status=$?
	qemu=
	exec 8<&-
	wait $tee || true
fi

# ---- What came of it ------------------------------------------------------

splats='\] (WARNING: |BUG: |Oops)
\] INFO: (task .* blocked for more than|possible recursive|lockdep)
cut here \]
blocked for more than
refcount_t:
general protection fault
kernel BUG at
KASAN: |KCSAN: |UBSAN: 
possible recursive locking|possible circular locking|suspicious RCU usage
soft lockup|hard LOCKUP
rcu.*detected.*stall
kmemleak: [0-9]+ new|kmemleak: .* disabled|ODEBUG
\] BUG [a-zA-Z0-9_-]+ \(|pagealloc: |INFO: trying to register
list_(add|del) corruption
Kernel panic'

# Numbers of the lines of the log that are splats.
find_splats()
{
	if [ "$kernel" = kcsan ]; then
		grep -nE -f <(printf '%s\n' "$splats") "$log" | grep -v 'BUG: KCSAN: ' || true
		"$(dirname "$0")/kcsan.sh" "$log" "$base"
	else
		grep -nE -m1 -f <(printf '%s\n' "$splats") "$log"
	fi | cut -d: -f1 | sort -n
}

show_splat()
{
	local line

	# Lines end in CR NL on a serial port.
	sed -i 's/\r$//' "$log"
	line=$(find_splats | head -n 1)
	[ -n "$line" ] || return 1
	say "vm: the kernel complained ($log):"
	sed -n "$line,$((line + 40))p" "$log" >&2
}

# What maxcpus=1 makes rare while it boots; later it meets a kernel that begins to trace, say.
if [ "$accel" = tcg ] && [ -z "$interactive" ] && [ -z "${VM_AGAIN:-}" ] &&
	grep -q 'Oops: int3' "$log"; then
	say "vm: the emulator broke the kernel's patching of itself; all of it once more"
	exec 7>&-
	cleanup
	VM_AGAIN=1 exec "$0" "${args[@]}"
fi

guest_status=
if tar -xf "$job/result.tar" -C "$job" 2>/dev/null && [ -s "$job/status" ]; then
	guest_status=$(cat "$job/status")
	[ -z "$(ls -A "$job/out")" ] || mv "$job/out" "$vm/$name"
fi

if [ -z "$interactive" ] && { [ $status = 124 ] || [ $status = 137 ]; }; then
	show_splat || {
		say "vm: end of the kernel's log ($log):"
		tail -n 30 "$log" >&2
	}
	say "vm: ended after the time limit of $limit s"
	exit 124
fi
if [ ! -s "$log" ]; then
	cat "$job/qemu.err" >&2 2>/dev/null || true
	fail "QEMU did not start a kernel"
fi
if show_splat; then
	[ "${guest_status:-0}" != 0 ] || guest_status=125
	say "vm: failed because of this, status $guest_status"
	exit "$guest_status"
fi
if [ -z "$guest_status" ]; then
	# Ctrl-A X in a shell is a way to leave, not a failure.
	[ -z "$interactive" ] || exit 0
	say "vm: end of the kernel's log ($log):"
	tail -n 30 "$log" >&2
	cat "$job/qemu.err" >&2 2>/dev/null || true
	fail "the VM died after $((SECONDS - start)) s, QEMU with status $status"
fi
exit "$guest_status"
