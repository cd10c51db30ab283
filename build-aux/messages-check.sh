#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# messages-check.sh [README]: is each message that README's "Troubleshooting" quotes printed by a
# file of this repository, word for word? "..." in a message and a number stand for what the
# program fills in. The messages of other programs are listed here.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

readme=${1:-$TOP/README.md}
bad=0 found=0

# Of the kernel, kmod, dkms and the C library
theirs='^(modprobe: ERROR: |Loading of |Lockdown: |Bad return status |vfio[.]+: disagrees about )'
theirs+='|: (Device or resource busy|No data available|No such device or address)$'
theirs+='|^(ioctl|VFIO_IOMMU_DIRTY_PAGES): Inappropriate ioctl'

# The quoted messages of the first column, one a line
# shellcheck disable=SC2016 # the quotes of Markdown
messages()
{
	sed -n '/^## Troubleshooting/,/^## What/p' "$readme" | sed -n 's/^| \([^|]*`[^|]*\) | .*/\1/p' |
		grep -oE '`[^`]{12,}`' | tr -d '`'
}

# pattern MESSAGE: as the source has it. A script's say() puts "iommufd-dirty: " before it.
pattern()
{
	sed -E 's/^iommufd-dirty: //; s/ \.\.\.$//; s/\.\.\./\x01/g; s/\b[0-9][0-9.]*\b/\x01/g
		s/[][\.*^$+?(){}|]/\\&/g; s/\x01/.*/g' <<<"$1"
}

cd "$TOP"
while IFS= read -r message; do
	[[ ! $message =~ $theirs ]] || continue
	found=$((found + 1))
	grep -rqE --include='*.[ch]' --include='*.sh' --exclude-dir=selftests -- "$(pattern "$message")" \
		build-aux debian drivers iommufd tools vfio ||
		grep -rqE -- "$(pattern "$message")" debian/*.{prerm,postinst} debian/dkms || {
		say "README.md quotes a message that nothing prints: $message"
		bad=1
	}
done < <(messages)
[ $found -gt 0 ] || die "README.md quotes no message"
exit $bad
