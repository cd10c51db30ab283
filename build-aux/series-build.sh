#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# series-build.sh [FIRST LAST | --controls]: "make series-build". Apply the patches that "make
# series" has made, one after the other, to the kernel's source, and after each compile
# drivers/iommu/iommufd and drivers/vfio at W=1, objects only:
#
#	off	with CONFIG_IOMMUFD_DIRTY=n
#	on	with everything on. Before the patch that brings the options these are the options
#		of the end, and of its objects those whose source is there.
#
# A patch fails that does not apply, or after which there is an error, a warning, or a call of
# a function of iommufd or vfio that no object has (as soon as the options are there). A
# header for user space must be one that "make headers" makes and that compiles alone.
# No patch brings a selftest, so none is run.
#
# Then mistakes are planted in the patches, which must be noticed; with --controls nothing
# else is done. With FIRST and LAST it is only the patches with these numbers that are compiled.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tree-config.sh"

load_kernel
iommufd=drivers/iommu/iommufd
vfio=drivers/vfio
patched=$BUILD/linux-${RELEASE%%[+-]*}
work=$BUILD/series-build
tree=$work/${patched##*/}
log=$BUILD/series-build.log
arch=x86 cross=''
both='VIRT_VFIO=m IOMMUFD_TEST=y NETDEVICES=y ETHERNET=y INET=y MLX5_CORE=m MLX5_VFIO_PCI=m'
warning="\\.[chS]:[0-9:]+ warning: |^Warning: "
declare -A options=([on]="DIRTY_TEST=y DIRTY_SMMU_V3=y $both" [off]="DIRTY=n $both")

# The tree that is linked must not change, and others must not build in it.
exec 6>"$BUILD/.lock-kernel"
flock 6
# kconfig would ask.
exec </dev/null

# ---- The tree ---------------------------------------------------------------

# patches_of FOLDER
patches_of()
{
	find "$1" -name '*.patch' ! -name '*-cover-letter.patch' | sort
}

# files_of PATCH...
files_of()
{
	sed -n 's,^diff --git a/.* b/\(.*\),\1,p' "$@" | sort -u
}

# The kernel's source before the first patch. What is not to change is linked.
reset_tree()
{
	local f

	[ -d "$tree" ] || cp -al "$patched" "$tree"
	rm -rf "$tree/$iommufd"/{dirty,virt,whole,Kbuild} "$tree/$vfio"/{dirty,whole,Kbuild,pci/mlx5}
	while read -r f; do
		rm -f "$tree/$f"
	done < <(files_of "$BUILD"/series/*.patch)
	# Not with the time of the original, or what was built of a patched one is kept
	(cd "$patched.orig" && find . -type f) | while read -r f; do
		mkdir -p "$tree/${f%/*}"
		cp --remove-destination "$patched.orig/$f" "$tree/$f"
	done
	# For -I, before there is something in it
	mkdir "$tree/$iommufd/dirty"
	# Since other objects than the patches' would have the functions that these lack
	find "$work"/{on,off}/{$iommufd,$vfio} -name '*.o' -delete 2>/dev/null || true
}

# whole_kbuild FOLDER MODULE: FOLDER is built with the objects of the end that have a source
whole_kbuild()
{
	local dir=$tree/$1

	rm -rf "$dir/whole" "$dir/Kbuild"
	# From then on as it is, or an object that is in no Kbuild would not be missed
	[ ! -e "$tree/$iommufd/dirty/Kconfig" ] && [ ! -e "$dir/dirty/Kbuild" ] || return 0
	mkdir "$dir/whole"
	cp "$patched/$1/dirty/Kbuild" "$dir/whole/"
	# kbuild prefers a Kbuild over upstream's Makefile beside it.
	cat >"$dir/Kbuild" <<-END
		include \$(src)/Makefile
		ifdef CONFIG_IOMMUFD_DIRTY
		include \$(src)/whole/Kbuild
		$2-y := \$(foreach o,\$($2-y),\$(if \$(wildcard \$(src)/\$(o:.o=.c)),\$(o)))
		virt := \$(filter virt/,\$(obj-m))
		obj-m := \$(filter-out virt/,\$(obj-m)) \$(if \$(wildcard \$(src)/virt/),\$(virt))
		endif
	END
}

# The options of the end, until the patches have brought them. Only what changes is written, or
# all would be configured again.
whole_kconfig()
{
	local brought='' whole=''

	[ ! -e "$tree/$iommufd/dirty/Kconfig" ] || brought=yes
	[ ! -e "$tree/Kconfig.whole" ] || whole=yes
	[ "$brought" = "$whole" ] || return 0
	rm -f "$tree/Kconfig" "$tree/Kconfig.whole"
	cp "$patched/Kconfig" "$tree/Kconfig"
	[ -z "$brought" ] || return 0
	cp "$patched/$iommufd/dirty/Kconfig" "$tree/Kconfig.whole"
	echo 'source "Kconfig.whole"' >>"$tree/Kconfig"
}

# apply PATCH
apply()
{
	patch -d "$tree" -p1 -F0 -f -s --no-backup-if-mismatch <"$1" >>"$log" 2>&1 ||
		{ echo "error: the patch does not apply" >>"$log"; return 1; }
}

# ---- Compile ------------------------------------------------------------------

undefined()
{
	find "$dir/$iommufd" "$dir/$vfio" -name '*.o' -exec nm {} + | awk '
		NF == 2 && $1 == "U" && $2 ~ /^_*(iommufd|iopt|vfio|dirty)_/ { wanted[$2] = 1 }
		NF == 3 { has[$3] = 1 }
		END { for (name in wanted) if (!(name in has)) print "undefined: " name }'
}

# said_since LINE PATTERN: is it in the log, after that line?
said_since()
{
	grep -qE "$2" < <(tail -n "+$(($1 + 1))" "$log")
}

# compile on|off
compile()
{
	local start

	dir=$work/$1
	start=$(wc -l <"$log")
	kmake W=1 "$iommufd/" "$vfio/" || return
	! said_since "$start" "$warning" || return
	if [ "$1" = off ] || [ -e "$tree/$iommufd/dirty/Kconfig" ]; then
		undefined >>"$log"
		! said_since "$start" "^undefined: " || return
	fi
}

# headers FILE...: what is for user space compiles there
headers()
{
	local f

	dir=$work/off
	kmake headers || return
	for f; do
		gcc -std=c90 -Wall -Werror -fsyntax-only -I "$dir/usr/include" -x c /dev/null \
			-include "$dir/usr/$f" -include "$dir/usr/$f" >>"$log" 2>&1 || return
	done
}

# build_after PATCH: compile what there is after it; prints what has failed
build_after()
{
	local kind uapi configure=''

	mapfile -t uapi < <(files_of "$1" | sed -n 's,^include/uapi/,include/,p')
	[ ${#uapi[@]} = 0 ] || headers "${uapi[@]}" || { echo headers; return 1; }
	! grep -q Kconfig < <(files_of "$1") || configure=olddefconfig
	for kind in $kinds; do
		dir=$work/$kind
		if { [ "$configure" ] && ! kmake $configure; } || ! compile "$kind"; then
			echo "$kind"
			return 1
		fi
	done
}

configure_both()
{
	local kind

	whole_kbuild $iommufd iommufd
	whole_kbuild $vfio vfio
	whole_kconfig
	for kind in on off; do
		dir=$work/$kind
		mkdir -p "$dir"
		configure "${options[$kind]}" || die "series-build: the configuration \"$kind\" ($log)"
	done
}

# first_error PATCH: of those in the log since PATCH
first_error()
{
	grep -m 1 -E 'error:|'"$warning"'|^undefined: |\*\*\*|, not ' \
		< <(sed -n "/^=== ${1##*/}\$/,\$p" "$log") || tail -n 1 "$log"
}

built=0 kinds="off on"
# build_series FOLDER FIRST LAST: apply the patches of FOLDER, and compile after those from
# FIRST to LAST; status 1 at the first that fails, which is printed with its first error
build_series()
{
	local patch n=0 start what

	reset_tree
	while read -r patch <&3; do
		n=$((n + 1)) start=$SECONDS what=
		[ $n -le "$3" ] || break
		echo "=== ${patch##*/}" >>"$log"
		apply "$patch" || what=apply
		whole_kbuild $iommufd iommufd
		whole_kbuild $vfio vfio
		[ $n -ge "$2" ] || [ "$what" ] || continue
		whole_kconfig
		[ "$what" ] || what=$(build_after "$patch") || true
		[ -z "$what" ] || {
			echo "FAILED ${patch##*/} ($what): $(first_error "$patch" |
				sed "s#$tree/##g")"
			return 1
		}
		built=$((built + 1))
		[ -n "${quiet:-}" ] || echo "ok ${patch##*/}, $((SECONDS - start)) s"
	done 3< <(patches_of "$1")
}

# ---- Planted mistakes -----------------------------------------------------------

# number_of FILE: of the patch that brings FILE
number_of()
{
	local n

	n=$(grep -lx "diff --git a/$1 b/$1" "$BUILD"/series/*.patch | head -n 1)
	n=${n##*/}
	[ "$n" ] || die "series-build: no patch brings $1"
	echo $((10#${n%%-*}))
}

# section FILE IN|OUT <PATCH: what PATCH does to FILE, or all the rest
section()
{
	awk -v file="$1" -v want="$2" '
		/^diff --git / { inside = $0 == "diff --git a/" file " b/" file }
		(inside ? "IN" : "OUT") == want'
}

# planted WHAT FILE LATER AT KIND PATTERN: FILE is moved to patch LATER; patch AT fails at KIND
planted()
{
	local what=$1 file=$2 later=$3 at=$4 kind=$5 pattern=$6 from to said quiet=yes
	local kinds=$kind

	rm -rf "$work/planted"
	cp -r "$BUILD/series" "$work/planted"
	from=$(patches_of "$work/planted" | sed -n "$(number_of "$file")p")
	to=$(patches_of "$work/planted" | sed -n "${later}p")
	section "$file" IN <"$from" >"$work/moved"
	section "$file" OUT <"$from" >"$from.new"
	mv "$from.new" "$from"
	cat "$work/moved" >>"$to"
	: >"$log"
	said=$(build_series "$work/planted" "$at" "$at") || true
	grep -qE "^FAILED 0*$at-.* \\($kind\\): .*$pattern" <<<"$said" ||
		die "series-build: $what was planted and not noticed: ${said:-all built}"
	say "series-build: $what is noticed: $said"
}

controls()
{
	local last build hook

	last=$(patches_of "$BUILD/series" | wc -l)
	build=$(number_of $iommufd/dirty/Kconfig)
	hook=$(number_of $vfio/vfio_main.c)
	planted "a header in a later patch" $iommufd/dirty/harvest.h \
		$(($(number_of $iommufd/dirty/harvest.h) + 1)) \
		"$(number_of $iommufd/dirty/harvest.h)" on 'harvest.h: No such file'
	planted "the stubs in a later patch" $vfio/dirty/hooks.h "$last" "$hook" off \
		'hooks.h: No such file'
	planted "an object that is built after the options" $vfio/Makefile "$last" \
		"$build" on 'undefined: vfio_'
}

# After the last patch
is_patched()
{
	local f

	for f in $(files_of "$BUILD"/series/*.patch); do
		[ -e "$tree/$f" ] || [ -e "$patched/$f" ] || continue
		cmp -s "$tree/$f" "$patched/$f" ||
			die "series-build: $f is not what \"make patch\" makes of it"
	done
}

# -----------------------------------------------------------------------------------

start=$SECONDS
[ -d "$BUILD/series" ] || die "there are no patches; run \"make series\""
rm -rf "$tree"
mkdir -p "$work"
: >"$log"
reset_tree
configure_both
total=$(patches_of "$BUILD/series" | wc -l)
if [ "${1:-}" = --controls ]; then
	controls
	exit
fi
from=${1:-1} to=${2:-$total} bad=0
build_series "$BUILD/series" "$from" "$to" || bad=1
if [ $bad = 0 ]; then
	[ "$to" != "$total" ] || is_patched
	[ $# != 0 ] || controls
fi
say "$built of $((to - from + 1)) patches build, off and on ($log), in $((SECONDS - start)) s"
[ $bad = 0 ]
