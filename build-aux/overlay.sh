#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# overlay.sh DIR [upstream]: bring DIR up to date with upstream + our hooks + our
# files; or with upstream as it is, and of ours only the virtual platform.
#
# Everything is assembled from pristine sources in a temporary place,
# and then only the files that differ are copied over, so that kbuild compiles
# only what changed. (kbuild writes its objects beside the sources: no links.)
#
# Of the kernel's source it takes drivers/iommu/iommufd, drivers/vfio and
# lib/interval_tree.c; lib.sh says where our folders go (FOLDERS).
set -euo pipefail
. "$(dirname "$0")/lib.sh"

dir=$1
kind=${2:-ours}
load_kernel
stage=$(mktemp -d "$BUILD/.stage.XXXXXX")
trap 'rm -rf "$stage"' EXIT

exports()
{
	grep -q "[[:space:]]$1[[:space:]]vmlinux[[:space:]]" "$KDIR/Module.symvers"
}

mkdir -p "$stage/drivers/iommu" "$stage/include"
cp -rp "$KSRC/drivers/iommu/iommufd" "$KSRC/drivers/iommu/iommu-priv.h" "$stage/drivers/iommu/"
cp -rp "$KSRC/drivers/vfio" "$stage/drivers/"
# Headers of page tables that we walk, where the kernel has them
[ ! -d "$KSRC/drivers/iommu/generic_pt" ] ||
	cp -rp "$KSRC"/drivers/iommu/{generic_pt,iommu-pages.h} "$stage/drivers/iommu/"
# A kernel tree that was built in has objects; they are not sources.
find "$stage" -name '*.o' -delete -o -name '.*.cmd' -delete -o -name '*.ko' -delete

if [ "$kind" = upstream ]; then
	copy_ours drivers/virt "$stage" "$(kernel_folder drivers/virt)"
else
	apply_hooks "$stage" "kernel $RELEASE ($KSRC)"
	copy_all_ours "$stage"
	# Walkers need those headers.
	[ -d "$stage/drivers/iommu/generic_pt" ] ||
		rm "$stage"/drivers/iommu/iommufd/dirty/platform/pt_*
fi

cat >"$stage/Kbuild" <<-'END'
	# All that is built.
	obj-m += drivers/iommu/iommufd/ drivers/vfio/
END

# kbuild prefers a Kbuild over upstream's Makefile beside it.
iommufd=$stage/drivers/iommu/iommufd
cat >"$iommufd/Kbuild" <<-'END'
	include $(src)/Makefile
	# Upstream makes them part of vmlinux; here they go into the module.
	obj-y := $(filter-out iova_bitmap.o iommufd_driver.o,$(obj-y))
END
exports iova_bitmap_set || echo 'iommufd-y += iova_bitmap.o' >>"$iommufd/Kbuild"
if [ -e "$iommufd/driver.c" ] && ! exports iommufd_viommu_find_dev; then
	echo 'iommufd-y += driver.o' >>"$iommufd/Kbuild"
	# Of that file vmlinux would call one function, where the stub that it has refuses.
	if [ "$kind" = ours ]; then
		for f in "$TOP"/compat/vmlinux/hooks/*.patch; do
			apply_hook "$f" "$stage" "kernel $RELEASE ($KSRC)"
		done
		cp "$TOP"/compat/vmlinux/*.[ch] "$iommufd/"
		echo 'iommufd-y += msi.o' >>"$iommufd/Kbuild"
	fi
fi
exports interval_tree_span_iter_first || echo 'iommufd-y += span_iter.o' >>"$iommufd/Kbuild"
# shellcheck disable=SC2016 # for make
[ "$kind" != upstream ] || echo 'obj-$(CONFIG_IOMMUFD_VIRT) += virt/' >>"$iommufd/Kbuild"

if vfio_namespace "$stage"; then
	cat >"$stage/drivers/vfio/Kbuild" <<-'END'
		include $(src)/Makefile
		subdir-ccflags-y += -include dirty/namespace.h
	END
	[ ! -e "$iommufd/virt/vfio/Kbuild" ] ||
		echo 'ccflags-y += -include dirty/namespace.h' >>"$iommufd/virt/vfio/Kbuild"
fi

# vmlinux exports the tree itself, but not the span iterator of the same file.
sed -e '/^INTERVAL_TREE_DEFINE/,/;$/d' -e '/^EXPORT_SYMBOL/d' \
	"$KSRC/lib/interval_tree.c" >"$iommufd/span_iter.c"

# Objects of another kernel, or of a place that was moved, are of no use.
echo "$dir $KDIR $RELEASE" >"$stage/.overlay-of"
[ ! -d "$dir" ] || cmp -s "$stage/.overlay-of" "$dir/.overlay-of" || rm -rf "$dir"
mkdir -p "$dir"

(cd "$stage" && find . -type f ! -name .manifest) | sort >"$stage/.manifest"
if [ -e "$dir/.manifest" ]; then
	comm -13 "$stage/.manifest" "$dir/.manifest" |
		(cd "$dir" && xargs -r rm -f)
fi
while read -r f; do
	cmp -s "$stage/$f" "$dir/$f" && continue
	mkdir -p "$dir/${f%/*}"
	cp "$stage/$f" "$dir/$f"
done <"$stage/.manifest"
cp "$stage/.manifest" "$dir/.manifest"
