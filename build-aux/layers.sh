#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# layers.sh [VARIANT]: does each file call only files that are below it in the tables of
# Documentation/design.rst, "Files"? Compares the tables with the symbols that the
# objects in build/VARIANT (check) define and use, so calls, addresses and variables all
# count, and those that a header's inline functions make count for their users. The
# programs of tools/ are compiled for it.
#
# And is no file too long, no function, no name and no line, and does each function of the
# kernel name what it is about? All of it is tried on planted mistakes too, and fails when it
# does not notice one.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

objects=$BUILD/${1:-check}
bad=0

complain()
{
	say "layers: $*"
	bad=1
}

# Where a folder's objects are
object_dir()
{
	case $1 in
	drivers/virt/*) echo "$(kernel_folder drivers/virt)${1#drivers/virt}" ;;
	tools/*) echo "$1" ;;
	*) kernel_folder "$1" ;;
	esac
}

# tables RST: FOLDER FILE, from the top. A table begins with a line "``folder/``, from
# the top:"; its rows begin with the name of a file.
tables()
{
	sed -n '/^Files$/,/^Hooks$/p' "$1" | awk '
		match($0, /``[a-z0-9\/]+\/``, from the top:$/) {
			folder = substr($0, RSTART + 2)
			sub(/\/``.*/, "", folder)
		}
		folder && /^[a-z0-9_]+\.c / { print folder, $1 }'
}

# calls RST OBJECTS: prints what is wrong, a line each
calls()
{
	local folder file object dir at folders

	folders=$(tables "$1" | cut -d ' ' -f 1 | sort -u)
	[ -n "$folders" ] || echo "$1 has no tables of files"
	for folder in $folders; do
		dir=$2/$(object_dir "$folder")
		{ diff <(tables "$1" | sed -n "s,^$folder ,,p" | sort) \
			<(cd "$TOP/$folder" && printf '%s\n' ./*.c | sed 's,^\./,,' | sort) || true; } |
			sed -n "s,^< \(.*\),$folder/\1 has a row in design.rst and is no file,p
				s,^> \(.*\),$folder/\1 has no row in design.rst,p"
		at=0
		while read -r file; do
			at=$((at + 1))
			object=$dir/${file%.c}.o
			if [ -e "$object" ]; then
				nm "$object" | sed "s/^/$at $file /"
			elif [ -e "$TOP/$folder/$file" ]; then
				echo "missing $file"
			fi
		done < <(tables "$1" | sed -n "s,^$folder ,,p") | awk -v folder="$folder" '
			$1 == "missing" { print folder "/" $2 " was not compiled" }
			NF == 4 && $3 == "U" { user[++n] = $1; name[n] = $2; uses[n] = $4 }
			NF == 5 && $4 ~ /[A-TV-Z]/ { row[$5] = $1; owner[$5] = $2 }
			END {
				for (i = 1; i <= n; i++)
					if (row[uses[i]] && row[uses[i]] < user[i])
						printf "%s/%s uses %s of %s, which is above it\n",
							folder, name[i], uses[i], owner[uses[i]]
			}'
	done
}

# sizes FILE...: prints what is too long, a line each. Constants of the uAPI begin with
# the name of their ioctl, as upstream's do, and are not names of ours to choose.
sizes()
{
	awk '
	function too_long(what, size, most)
	{
		if (size > most)
			print FILENAME ": " what " (" size ", at most " most ")"
	}
	function named(name)
	{
		too_long("the name " name, length(name), 32)
	}
	FNR == 1 { body = 0 }
	/^{/ { body = FNR }
	/^}/ && body {
		too_long("the function before line " FNR " in lines", FNR - body - 1, 60)
		body = 0
	}
	/^[a-z].*[a-z0-9_]\(/ && match($0, /[a-z0-9_]+\(/) {
		named(substr($0, RSTART, RLENGTH - 1))
	}
	/^(struct|enum|union) [a-z0-9_]+ {/ { named($2) }
	/^#define / && FILENAME !~ /uapi/ { sub(/\(.*/, "", $2); named($2) }
	{ lines[FILENAME]++ }
	END {
		for (FILENAME in lines)
			too_long("lines of the file", lines[FILENAME], 700)
	}' "$@"
}

# verbs FILE...: prints functions of the kernel whose name is a single word, which in a
# backtrace or a trace does not say what is started, reported or lost
verbs()
{
	awk '/^static [^=;]*[ *][a-z0-9]+\(/ && match($0, /[ *][a-z0-9]+\(/) &&
			!/^static [^(]*_[a-z0-9]*\(/ {
		print FILENAME ": " substr($0, RSTART + 1, RLENGTH - 2) "() names no object"
	}' "$@"
}

# columns FILE...: prints lines of more than 100 columns, but not
#  - a row of a table in Markdown
#  - in code, what is as long because of one string, which is easier to find in one piece
columns()
{
	awk '
	function columns_of(s,	n, at)
	{
		n = 0
		while ((at = index(s, "\t")) > 0) {
			n += at - 1
			n += 8 - n % 8
			s = substr(s, at + 1)
		}
		return n + length(s)
	}
	# The line without its longest string
	function stripped(s,	rest, longest, at)
	{
		rest = s
		longest = ""
		while (match(rest, /"([^"\\]|\\.)*"|\047[^\047]*\047/)) {
			if (RLENGTH > length(longest))
				longest = substr(rest, RSTART, RLENGTH)
			rest = substr(rest, RSTART + RLENGTH)
		}
		at = index(s, longest)
		return substr(s, 1, at - 1) substr(s, at + length(longest))
	}
	FNR == 1 { code = FILENAME !~ /\.(md|rst)$/ }
	length($0) <= 12 || /^\|/ { next }
	columns_of($0) > 100 && (!code || columns_of(stripped($0)) > 100) {
		print FILENAME ":" FNR " (" columns_of($0) " columns, at most 100)"
	}' "$@"
}

# noticed WHAT PATTERN: a planted mistake is in what was printed
noticed()
{
	# All of it is read: what writes it must not be killed by a closed pipe
	# shellcheck disable=SC2143
	[ -n "$(grep "$2")" ] || complain "$1 was planted and not noticed"
}

cd "$TOP"
rst=Documentation/design.rst
[ -d "$objects" ] || die "layers: $objects has no objects; run \"make check\""
"$TOP/build-aux/programs.sh" tools
mkdir -p "$objects/tools"
for folder in $(tables $rst | sed -n 's,^\(tools/[a-z]*\) .*,\1,p' | sort -u); do
	ln -sfn "$BUILD/tools/${folder#tools/}.o.d" "$objects/$folder"
done
found=$(calls $rst "$objects")
[ -z "$found" ] || complain "$found"
mapfile -t sources < <(find compat drivers include iommufd selftests tools uapi vfio \
	-name '*.[ch]' | sort)
found=$(sizes "${sources[@]}")
[ -z "$found" ] || complain "$found"
mapfile -t sources < <(find compat drivers iommufd vfio -name '*.[ch]' | sort)
found=$(verbs "${sources[@]}")
[ -z "$found" ] || complain "$found"
# Not patches, whose lines are mostly upstream's, nor lists with an entry in each line
mapfile -t texts < <(find . \( -path ./build -o -path ./.git -o -path ./kernels \
	-o -name corpus \) -prune -o -type f \
	! -name '*.patch' ! -name '*.svg' ! -name '*.txt' -printf '%P\n' | sort)
found=$(columns "${texts[@]}")
[ -z "$found" ] || complain "$found"

# ---- Planted mistakes ------------------------------------------------------

plant=$(mktemp -d)
trap 'rm -rf "$plant"' EXIT
mkdir -p "$plant/drivers/iommu/iommufd/virt" "$plant/drivers/vfio/pci"
cp -r "$objects/drivers/iommu/iommufd/dirty" "$plant/drivers/iommu/iommufd/"
cp -r "$objects/drivers/iommu/iommufd/virt/connectx" "$plant/drivers/iommu/iommufd/virt/"
cp -r "$objects/drivers/vfio/pci/mlx5" "$plant/drivers/vfio/pci/"
cp -rL "$objects/tools" "$plant/"
dir=$plant/$(object_dir iommufd)
echo 'void dirty_read(void); void planted(void); void planted(void) { dirty_read(); }' |
	gcc -x c -c -o "$plant/up.o" -
mv "$dir/step.o" "$plant/step.o"
ld -r -o "$dir/step.o" "$plant/step.o" "$plant/up.o"
calls $rst "$plant" | noticed "a call upward" 'iommufd/step.c uses dirty_read of read.c'
virt=$plant/$(object_dir drivers/virt/connectx)
echo 'void cx_forget(void); void circle(void); void circle(void) { cx_forget(); }' |
	gcc -x c -c -o "$plant/up.o" -
mv "$virt/vhca.o" "$plant/vhca.o"
ld -r -o "$virt/vhca.o" "$plant/vhca.o" "$plant/up.o"
calls $rst "$plant" | noticed "a circle" 'connectx/vhca.c uses cx_forget of hca.c'
tool=$plant/$(object_dir tools/vmigrate)
echo 'void vmm_close(void); void upward(void); void upward(void) { vmm_close(); }' |
	gcc -x c -c -o "$plant/up.o" -
mv "$tool/util.o" "$plant/util.o"
ld -r -o "$tool/util.o" "$plant/util.o" "$plant/up.o"
calls $rst "$plant" | noticed "a call upward in a program" 'vmigrate/util.c uses vmm_close of vmm.c'
rm "$dir/plan.o"
calls $rst "$plant" | noticed "a missing object" 'iommufd/plan.c was not compiled'
sed 's/^pf\.c /pg.c /' $rst >"$plant/design.rst"
calls "$plant/design.rst" "$objects" | noticed "a file without a row" 'pf.c has no row'
calls "$plant/design.rst" "$objects" | noticed "a row without a file" 'pg.c has a row'
sed '/from the top:$/d' $rst >"$plant/design.rst"
calls "$plant/design.rst" "$objects" | noticed "a text without tables" 'has no tables'

{
	echo "static int a_name_of_three_and_thirty_letters(void)"
	echo "{"
	seq -f '	step(%g);' 61
	echo "}"
	seq -f '/* %g */' 640
} >"$plant/long.c"
sizes "$plant/long.c" >"$plant/found"
noticed "a long name" a_name_of_three_and_thirty_letters <"$plant/found"
noticed "a long function" 'function.*61' <"$plant/found"
noticed "a long file" 'of the file (704' <"$plant/found"
echo 'static unsigned long *lose(void)' >"$plant/verb.c"
verbs "$plant/verb.c" | noticed "a bare verb" 'verb.c: lose()'
{
	printf '\treturn %086d;\n' 1
	printf '\tputs("%090d");\n' 1
} >"$plant/wide.c"
columns "$plant/wide.c" >"$plant/found"
noticed "a long line" 'wide.c:1 (102 columns' <"$plant/found"
! grep 'wide.c:2' "$plant/found" || complain "a string was taken for a long line"
printf "It's not code, and so it isn't a string between two apostrophes: %040d\n" 1 \
	>"$plant/wide.rst"
columns "$plant/wide.rst" | noticed "a long line of text" 'wide.rst:1 (105 columns'

[ $bad = 0 ] || die "files, functions or calls are not as Documentation/design.rst has them"
tables $rst | cut -d ' ' -f 1 | uniq -c | while read -r n folder; do
	say "layers: $n files of $folder/ call downward only"
done
