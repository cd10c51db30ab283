#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# reload.sh SCRIPT: does the packages' vfio-modules leave what is in use, say so, and
# reload what is not? With a folder in the place of /sys, and nothing loaded. The status
# is 0 if it does.
set -uo pipefail

script=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir -p "$dir/bin" "$dir/sys/bus/pci/drivers"

# module NAME REFERENCES HOLDER...
module()
{
	local holder

	mkdir -p "$dir/sys/module/$1/holders"
	echo "$2" >"$dir/sys/module/$1/refcnt"
	for holder in "${@:3}"; do
		touch "$dir/sys/module/$1/holders/$holder"
	done
}

cat >"$dir/bin/rmmod" <<'END'
#!/bin/sh
echo "rmmod $*"
rm -r "$SYS/module/$1"
END
cat >"$dir/bin/modprobe" <<'END'
#!/bin/sh
[ "$1" = -n ] || echo "modprobe $*"
[ "$1" = -n ] || [ ! -e "$SYS/refuses" ]
END
chmod +x "$dir/bin/rmmod" "$dir/bin/modprobe"

reload()
{
	PATH=$dir/bin:$PATH SYS=$dir/sys sh "$script" reload 2>&1
}

# expect WHAT STATUS PATTERN
expect()
{
	[ "$2" = "$status" ] && grep -qE "$3" <<<"$said" && return
	echo "$1: status $status (wanted $2), wanted /$3/ in: $said"
	exit 1
}

said=$(reload) status=$?
expect "nothing is loaded" 0 '^$'

module iommufd 1 vfio
module vfio 1 vfio_pci_core
module vfio_pci_core 1 vfio_pci
module vfio_pci 2
said=$(reload) status=$?
expect "a device is open" 1 'in use: vfio_pci; .*rmmod vfio_pci vfio_pci_core vfio iommufd$'
[ -d "$dir/sys/module/vfio" ] || exit 1

module vfio_pci 0
module vfio 2 kvmgt
said=$(reload) status=$?
expect "a module of another is on top" 1 'in use: vfio \(by the module kvmgt\)'

rm "$dir/sys/module/vfio/holders/kvmgt"
module vfio 1
said=$(reload | xargs) status=$?
removed="rmmod vfio_pci rmmod vfio_pci_core rmmod vfio rmmod iommufd"
loaded="modprobe vfio_pci modprobe vfio_pci_core modprobe vfio modprobe iommufd"
expect "all is idle" 0 "^$removed $loaded\$"

mkdir -p "$dir/sys/class/vfio-dev/vfio0" "$dir/sys/class/vfio-dev/vfio1"
module iommufd 1 vfio
module vfio 2 vfio_pci
module vfio_pci 0
said=$(reload | xargs) status=$?
removed="rmmod vfio_pci rmmod vfio rmmod iommufd"
loaded="modprobe vfio_pci modprobe vfio modprobe iommufd"
expect "devices are bound" 0 "^$removed $loaded\$"

mkdir -p "$dir/sys/kernel/security"
echo "none [integrity] confidentiality" >"$dir/sys/kernel/security/lockdown"
touch "$dir/sys/refuses"
module iommufd 1 vfio
module vfio 2 vfio_pci
module vfio_pci 0
said=$(reload | xargs) status=$?
expect "a key is not known" 1 "^modprobe mdev iommufd-dirty: the kernel refuses .* next boot\$"
[ -d "$dir/sys/module/vfio_pci" ] || exit 1
rm "$dir/sys/refuses"
said=$(reload | xargs) status=$?
expect "a key is known" 0 "^modprobe mdev $removed $loaded\$"
rm "$dir/sys/kernel/security/lockdown"

module iommufd 1 vfio
module vfio 3 vfio_pci
module vfio_pci 0
said=$(reload) status=$?
expect "a container is open" 1 'in use: vfio; '
