# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# hooks.sh: the hooks of a kernel series, put into a tree and looked at there. Sourced by
# lib.sh.
#
#	kernels/series		the series, oldest first
#	kernels/SERIES/hooks/{iommufd,vfio}/NNNN-purpose.patch
#
# The newest series has every hook, an older one those that differ: what it lacks is
# taken from the next newer one that has it. An empty file says that a series needs no
# such hook.

# tree_series TREE: the series whose hooks a kernel tree takes: its own, or the nearest
# older one
tree_series()
{
	local version

	version=$(sed -n 's/^\(VERSION\|PATCHLEVEL\) = *//p' "$1/Makefile" | paste -sd.)
	[[ $version == *.* ]] || die "$1 is not a kernel tree (its Makefile has no VERSION)"
	nearest_series "$version"
}

all_series()
{
	awk '!/^#/ && NF { print $1 }' "$TOP/kernels/series"
}

# Those that the packages have modules for
packaged_series()
{
	awk '!/^#/ && NF { print $1 }' "$TOP/debian/series"
}

newest_series()
{
	all_series | tail -n 1
}

nearest_series()
{
	local nearest

	nearest=$({ all_series; echo "$1 this"; } | sort -V |
		awk '$2 == "this" { print last; exit } { last = $1 }')
	# Both "6.12" and "6.12 this" are there, in this order
	[ -n "$nearest" ] || nearest=$(all_series | head -n 1)
	echo "$nearest"
}

# Those of $SERIES, in the order in which they are applied
list_hooks()
{
	all_series | grep -qxF "$SERIES" || die "kernels/series has no $SERIES"
	all_series | sed -n "/^${SERIES//./\\.}\$/,\$p" | while read -r s; do
		(cd "$TOP/kernels/$s/hooks" && find . -name '*.patch' -printf "%P $s\n")
	done | sort -s -k1,1 -u | while read -r name s; do
		[ ! -s "$TOP/kernels/$s/hooks/$name" ] || echo "$TOP/kernels/$s/hooks/$name"
	done
}

# function_at FILE LINE: the line that opens what LINE is in, as "diff -p" has it, but
# never a label
function_at()
{
	head -n $(($2 - 1)) "$1" | grep -E '^[[:alpha:]_][^:]*$' | tail -n 1 || true
}

# name_of: the name of a function, structure or table from the line that opens it
name_of()
{
	sed -E 's/\(.*//; s/[[:space:]=;{]*$//; s/\[[^]]*\]$//; s/.*[^[:alnum:]_]//' <<<"$1"
}

# misplaced PATCH TREE: what "patch --verbose" says, on stdin, against the function that
# the head of each hunk names; prints the hunks that are in another one
misplaced()
{
	local patch=$1 tree=$2 file='' head='' line at n=0 word heads=()

	mapfile -t heads < <(sed -n 's/^@@ -[0-9,]* +[0-9,]* @@ \{0,1\}//p' "$patch")
	while read -r line; do
		case $line in
		"patching file "*) file=${line#patching file } ;;
		"Hunk #"*" succeeded at "*)
			at=${line#* succeeded at }
			at=${at%%[!0-9]*}
			head=${heads[n]}
			word=$(function_at "$tree/$file" "$at")
			n=$((n + 1))
			# diff -p gives no more than 40 characters
			[[ $(name_of "$word") == "$(name_of "$head")" ]] ||
				[[ -n $head && $word == "$head"* ]] ||
				echo "$file:$at is in \"$(name_of "$word")\", not in \"$(name_of "$head")\""
			;;
		esac
	done
	[ $n = ${#heads[@]} ] || echo "patch has told where $n of ${#heads[@]} hunks are"
}

# apply_hook PATCH TREE NAME-OF-IT
apply_hook()
{
	local out wrong

	out=$(LC_ALL=C patch -d "$2" -p1 -F0 -f --verbose --no-backup-if-mismatch \
		<"$1" 2>&1) || {
		grep -vE '^(Hmm|done|[|]|-{4,}|\(Patch is)|^Hunk.*succeeded' <<<"$out" >&2 || true
		die "hook ${1#"$TOP/"} does not apply to $3"
	}
	# Somewhere else is the wrong place until a person says so.
	[[ $out != *fuzz* ]] || die "hook ${1#"$TOP/"} applies to $3 only with fuzz"
	wrong=$(misplaced "$1" "$2" <<<"$out")
	[ -z "$wrong" ] || die "hook ${1#"$TOP/"} applies to $3 in another place: $wrong"
}

# apply_hooks TREE NAME-OF-IT: those of $SERIES
apply_hooks()
{
	local patch

	for patch in $(list_hooks); do
		apply_hook "$patch" "$1" "$2"
	done
}

# write_hook PATCH OLD NEW: PATCH becomes the difference between the trees, with the
# message that it has
write_hook()
{
	local file line rest

	{
		sed '/^--- /,$d' "$1"
		(cd "$3" && find . -type f ! -name '*.orig' ! -name '*.rej' -printf '%P\n' | sort) |
		while read -r file; do
			cmp -s "$2/$file" "$3/$file" ||
				diff -u --label "a/$file" --label "b/$file" \
					"$2/$file" "$3/$file" || true
		done | while IFS= read -r line; do
			case $line in
			'--- a/'*) file=${line#--- a/} ;;
			'@@ '*)
				rest=${line#@@ -}
				line=$(function_at "$2/$file" "${rest%%[!0-9]*}")
				line="@@ -${rest%% @@*} @@${line:+ $line}"
				;;
			esac
			printf '%s\n' "$line"
		done
	} >"$1.new"
	mv "$1.new" "$1"
}
