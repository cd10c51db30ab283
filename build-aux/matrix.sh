#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# matrix.sh [ROW...]: "make matrix". Compile the folders that the project
# touches in the patched tree, once for each row of the table below, with our
# warnings as errors; without ROWs (x86:NAME, arm64:NAME, out:NAME), all. Objects
# only: each iommufd.o must not lack a function of ours. The rows "out" are built
# out of tree, as "make modules CONFIG_X=n" does, to the last module.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tree-config.sh"

load_kernel
tree=$BUILD/linux-${RELEASE%%[+-]*}
log=$BUILD/matrix.log
# Shares the lock of the debug kernel, of which this changes the sources.
exec 6>"$BUILD/.lock-kernel"
flock 6
# All rows but those out of tree need it.
for row in "${@:-all}"; do
	[[ $row == out:* ]] || { "$TOP/build-aux/patch.sh"; break; }
done
: >"$log"

# arch | name | what differs from the first row of that arch
rows='
x86   | all       |
x86   | off       | DIRTY=n
x86   | off-y     | DIRTY=n IOMMUFD=y VFIO=y VIRT=y
x86   | built-in  | IOMMUFD=y VFIO=y VIRT=y VIRT_VFIO=y
x86   | mixed     | IOMMUFD=y VIRT=m
x86   | no-amd    | DIRTY_AMD=n
x86   | no-intel  | DIRTY_INTEL=n
x86   | smmu      | DIRTY_SMMU_V3=y
x86   | none      | DIRTY_AMD=n DIRTY_INTEL=n
x86   | no-virt   | VIRT=n
x86   | test      | DIRTY_TEST=y DIRTY_SMMU_V3=y VIRT_VFIO=m
x86   | upstream  | IOMMUFD_TEST=y
x86   | no-vfio   | VFIO=n
x86   | no-amd-hw | AMD_IOMMU=n
x86   | mlx5      | NETDEVICES=y ETHERNET=y INET=y MLX5_CORE=m MLX5_VFIO_PCI=m
x86   | mlx5-off  | DIRTY=n NETDEVICES=y ETHERNET=y INET=y MLX5_CORE=m MLX5_VFIO_PCI=m
x86   | absent    | IOMMUFD=n
arm64 | all       |
arm64 | off       | DIRTY=n
arm64 | built-in  | IOMMUFD=y VFIO=y
arm64 | no-smmu   | DIRTY_SMMU_V3=n
arm64 | test      | DIRTY_TEST=y
arm64 | mlx5      | NETDEVICES=y ETHERNET=y INET=y MLX5_CORE=m MLX5_VFIO_PCI=m
arm64 | upstream  | IOMMUFD_TEST=y
out   | all       |
out   | off       | DIRTY=n
out   | no-amd    | DIRTY_AMD=n
out   | no-intel  | DIRTY_INTEL=n
out   | no-smmu   | DIRTY_SMMU_V3=n
out   | none      | DIRTY_AMD=n DIRTY_INTEL=n DIRTY_SMMU_V3=n
out   | no-test   | DIRTY_TEST=n
out   | no-virt   | VIRT=n
out   | no-mlx5   | MLX5_VFIO_PCI=n
out   | least     | DIRTY=n VIRT=n MLX5_VFIO_PCI=n
'

# Everything is on but what the row says, and is built if it is.
out_row()
{
	local o given=() dir=$BUILD/matrix-out

	for o in $2; do
		given+=("$(long_name "${o%%=*}")=${o#*=}")
	done
	echo "=== out $1: $2" >>"$log"
	env "${given[@]}" "$TOP/build-aux/modules.sh" matrix-out >>"$log" 2>&1 || return
	if sed -n "/^=== out $1: /,\$p" "$log" |
		grep -E '^(iommufd|vfio|drivers|include|uapi)/[^ ]*: *warning: '; then
		return 1
	fi
	for o in VIRT:iommufd-virt MLX5_VFIO_PCI:mlx5-vfio-pci; do
		if grep -q "/${o#*:}[.]o$" "$dir/modules.order"; then
			[[ " $2 " != *" ${o%%:*}=n "* ]] || return
		else
			[[ " $2 " == *" ${o%%:*}=n "* ]] || return
		fi
	done
}

row()
{
	local differs=$3 o undefined

	[ "$1" != out ] || { out_row "$2" "$3"; return; }
	arch=$1 cross=''
	[ "$arch" = x86 ] || cross=aarch64-linux-gnu-
	dir=$BUILD/matrix/$arch
	mkdir -p "$dir"
	echo "=== $arch $2: $differs" >>"$log"
	configure "$differs" || return
	o=$dir/drivers/iommu/iommufd
	rm -f "$o"/iommufd.o "$o"/virt/iommufd-virt.o
	kmake prepare drivers/iommu/ drivers/vfio/ || return
	# Upstream has warnings of its own, of which there are none at this level.
	if sed -n "/^=== $arch $2: /,\$p" "$log" | grep -E '\.[chS]:[0-9]+.*warning: '; then
		return 1
	fi
	[[ $differs != *IOMMUFD=n* ]] || { [ ! -e "$o/iommufd.o" ]; return; }
	# As a part of vmlinux it is not one object yet.
	if [[ $differs == *IOMMUFD=y* ]]; then
		(cd "$dir" && "${cross}ld" -r -o "$o/iommufd.o" --whole-archive \
			"$o/built-in.a" >>"$log" 2>&1) || return
	fi
	[ -e "$o/iommufd.o" ] || { echo "no iommufd.o" >>"$log"; return 1; }
	undefined=$("${cross}nm" -u "$o/iommufd.o" | grep -E ' (iommufd_)?dirty_' || true)
	[ -z "$undefined" ] || { echo "undefined: $undefined" >>"$log"; return 1; }
}

wanted=" $* " bad=0
printf '%-6s %-10s %-40s %s\n' arch row options result
while IFS='|' read -r arch name differs; do
	arch=${arch// /} name=${name// /} differs=$(xargs <<<"$differs")
	[ -n "$arch" ] || continue
	[ $# = 0 ] || [[ $wanted == *" $arch:$name "* ]] || continue
	start=$SECONDS result=ok
	row "$arch" "$name" "$differs" || { result=FAILED bad=1; }
	printf '%-6s %-10s %-40s %s, %s s\n' "$arch" "$name" "$differs" "$result" \
		$((SECONDS - start))
	[ $result = ok ] || {
		sed -n "/^=== $arch $name: /,\$p" "$log" |
			grep -E 'error|warning|\*\*\*|undefined|, not |no iommufd' |
			head -n 12 >&2 || true
	}
done <<<"$rows"
[ $bad = 0 ] || die "not all rows built ($log)"
say "matrix: all in ${SECONDS} s"
