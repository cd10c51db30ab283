# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# compat.sh: what older kernels lack (compat/features.list), and how our files do without.
# Sourced by lib.sh. For the newest kernel of kernels/series nothing of it is used.

# missing_features KSRC [LIST]: the names of what that kernel source lacks
missing_features()
{
	local name file regex

	while read -r name file regex; do
		[[ $name != '' && $name != \#* ]] || continue
		[ -r "$1/$file" ] || die "$1 has no $file, which compat/features.list looks at"
		grep -qE -e "$regex" "$1/$file" || echo "$name"
	done <"${2:-$TOP/compat/features.list}"
}

# features_h: what the kernel that lacks $MISSING has
features_h()
{
	local name rest

	echo "/* SPDX-License-Identifier: GPL-2.0-only */"
	while read -r name rest; do
		[[ $name != '' && $name != \#* && " $MISSING " != *" $name "* ]] || continue
		echo "#define DIRTY_HAS_$name"
	done <"$TOP/compat/features.list"
}

# add_compat FROM TREE TO: after copy_ours, for the kernel that lacks $MISSING
add_compat()
{
	local name f kbuild

	[ -n "$MISSING" ] || return 0
	mkdir -p "$2/include/dirty"
	cp -p "$TOP"/compat/*.h "$2/include/dirty/"
	features_h >"$2/include/dirty/features.h"
	for name in $MISSING; do
		[ -d "$TOP/compat/$name/$1" ] || continue
		(cd "$TOP/compat/$name/$1" && find . -name '*.[ch]') | while read -r f; do
			cp -p "$TOP/compat/$name/$1/$f" "$2/$3/$f"
		done
	done
	# Not from compat.h, which is there before a file says what its pr_fmt() is
	find "$2/$3" -name "*.[ch]" ! -path "$2/include/*" \
		-exec sed -i "s,<linux/slab\.h>,<dirty/slab.h>," {} +
	# A Makefile of upstream's includes the Kbuild of these: only for our objects
	case $1 in
	iommufd) name=iommufd ;;
	vfio) name=vfio ;;
	*) name= ;;
	esac
	find "$2/$3" -name Kbuild | while read -r kbuild; do
		if [ -n "$name" ]; then
			# shellcheck disable=SC2016 # for make
			printf '$(foreach o,$(filter dirty/%%,$(%s-y)),' "$name"
			# shellcheck disable=SC2016
			echo '$(eval CFLAGS_$(o) += -include dirty/compat.h))'
		else
			echo 'ccflags-y += -include dirty/compat.h'
		fi >>"$kbuild"
	done
}
