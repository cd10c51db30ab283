#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# install.sh: put the modules of the product where modprobe prefers them to the
# distribution's (updates/). None of them is loaded.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

load_kernel
[ -e "$BUILD/product/.built" ] || die "the modules are not built; run \"make modules\" first"
root=${DESTDIR:-}
to=$root/lib/modules/$RELEASE/updates/iommufd-dirty
mkdir -p "$to" 2>/dev/null ||
	die "$to cannot be made; run as root or give DESTDIR="
# Remove the old version first: the new one may have fewer modules.
rm -f "$to"/*.ko
sed 's/o$/ko/' "$BUILD/product/modules.list" | xargs install -m 644 -t "$to"
find "$to" -name "*.ko" -printf "installed %p\n"
if [ -z "$root" ]; then
	depmod "$RELEASE"
	say "loaded with the next boot, or now: modprobe -r vfio-pci vfio_iommu_type1 && modprobe vfio-pci"
fi
