#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# hooks-check.sh: a part of "make check". Do the hooks apply to the kernel that is set up,
# and would hooks.sh notice one that lands in the wrong function? Its other rules are
# tried on planted trees too.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

load_kernel
mkdir -p "$work/tree/drivers/iommu"
cp -r "$KSRC/drivers/iommu/iommufd" "$work/tree/drivers/iommu/"
cp -r "$KSRC/drivers/vfio" "$work/tree/drivers/"
apply_hooks "$work/tree" "kernel $RELEASE ($KSRC)"

# noticed WHAT PATTERN: the hook is refused with these words
noticed()
{
	if (apply_hook "$work/hook.patch" "$work/b" planted) 2>"$work/said"; then
		die "hooks-check: $1 was planted and not noticed"
	fi
	grep -q "$2" "$work/said" ||
		die "hooks-check: $1 was planted and noticed as: $(cat "$work/said")"
}

# both FIRST SECOND: two functions of these names that differ in nothing else
both()
{
	local name

	for name; do
		printf 'int %s(struct a *a)\n{\n\tlock(a);\n' "$name"
		printf 'again:\n\tone(a);\n\ttwo(a);\n\tthree(a);\n\tunlock(a);\n}\n\n'
	done
}

planted()
{
	rm -rf "$work"/{a,b}
	mkdir -p "$work"/{a,b}
	both "$@" >"$work/a/f.c"
	cp "$work/a/f.c" "$work/b/"
}

planted first second
sed -i '15s/$/\n\thook(a);/' "$work/b/f.c"
printf 'planted\n\n--- \n' >"$work/hook.patch"
write_hook "$work/hook.patch" "$work/a" "$work/b"
grep -q '^@@ .* @@ int second(' "$work/hook.patch" ||
	die "hooks-check: the head of a hunk does not name the function"
planted first second
apply_hook "$work/hook.patch" "$work/b" planted
# The place is where it was, and the function is another.
planted other third
noticed "a hook in a function of another name" 'in "third", not in "second"'
# One function less: what is left has the same lines.
planted first
noticed "a hook in the function before" 'in "first", not in "second"'
planted first second
sed -i 's/two/four/' "$work/b/f.c"
noticed "a hook that does not apply" 'does not apply'

# Which hook a series has
mkdir -p "$work/kernels"/{1.9,1.10,2.0}/hooks/iommufd
printf '# comment\n1.9\n1.10\n2.0\n' >"$work/kernels/series"
for f in 2.0/hooks/iommufd/{0001-a,0002-b,0003-c} 1.10/hooks/iommufd/0002-b \
	 1.9/hooks/iommufd/0001-a; do
	echo planted >"$work/kernels/$f.patch"
done
: >"$work/kernels/1.10/hooks/iommufd/0003-c.patch"
# expect WHAT IS WANTED
expect()
{
	[ "$2" = "$3" ] || die "hooks-check: $1: $2, not $3"
}
chosen()
{
	(TOP=$work SERIES=$1 && list_hooks) | sed "s,$work/kernels/,,; s,/hooks/iommufd/, ,; s,-.*,," |
		paste -sd,
}
nearest()
{
	(TOP=$work && nearest_series "$1")
}
expect "hooks of the newest" "$(chosen 2.0)" "2.0 0001,2.0 0002,2.0 0003"
expect "hooks of one between" "$(chosen 1.10)" "2.0 0001,1.10 0002"
expect "hooks of the oldest" "$(chosen 1.9)" "1.9 0001,1.10 0002"
expect "the series of 1.9" "$(nearest 1.9)" 1.9
expect "the series of 1.12" "$(nearest 1.12)" 1.10
expect "the series of 3.1" "$(nearest 3.1)" 2.0
expect "the series of 1.0" "$(nearest 1.0)" 1.9
say "hooks: $(list_hooks | wc -l) apply to kernel $RELEASE, each in the function that it names"
