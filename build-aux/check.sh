#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# check.sh: "make check". Our own files must compile without a warning at W=1,
# be clean under sparse and checkpatch, shell scripts under shellcheck, and
# each source must name its licence, files must call downward only, be short, and be in
# one patch of the series, and tests and messages that the documentation names must exist.
# Everything is checked before it fails.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

load_kernel
log=$BUILD/check.log
bad=0

complain()
{
	say "check: $*"
	bad=1
}

cd "$TOP"
mapfile -t sources < <(find . -path ./build -prune -o -path ./.git -prune -o \
	-type f -name '*.[ch]' -printf '%P\n' | sort)
mapfile -t hooks < <(find . -path ./build -prune -o -path '*/hooks/*.patch' -printf '%P\n' | sort)
mapfile -t scripts < <(find . -path ./build -prune -o -path ./.git -prune -o \
	-type f \( -name '*.sh' -o -perm -u+x \) -printf '%P\n' | sort |
	while read -r f; do
		! head -n 1 "$f" | grep -qE '^#!.*\b(ba|da)?sh$' || echo "$f"
	done)

# ---- W=1 and sparse -------------------------------------------------------

say "check: modules at W=1 and sparse ..."
# What was compiled before has no warnings now: compile ours again.
find "$BUILD/check" \( -path '*/dirty/*' -o -path '*/iommufd/virt/*' \) \
	-name '*.o' -delete 2>/dev/null || true
"$TOP/build-aux/modules.sh" check W=1 C=1 \
	CHECK="$TOP/build-aux/sparse-ours.sh" >"$log" 2>&1 || {
	grep -E 'error|\*\*\*|hook|Error' "$log" >&2 || tail -n 20 "$log" >&2
	complain "the modules do not build ($log)"
}
# Warnings in our files carry our paths by now, upstream's are in build/check.
if grep -E '^(iommufd|vfio|drivers|include|uapi)/[^ ]*: *(warning|error|note)' "$log" >&2; then
	complain "warnings in our files ($log)"
fi
if grep -E '^(WARNING|ERROR): modpost' "$log" | grep -v 'missing MODULE_DESCRIPTION' >&2; then
	complain "modpost ($log)"
fi

# ---- Calls between files, sizes --------------------------------------------

say "check: calls between files ..."
"$TOP/build-aux/layers.sh" check || complain "build-aux/layers.sh"

# ---- Hooks ------------------------------------------------------------------

say "check: hooks ..."
# Of each series that is set up
for series in $(all_series); do
	[ -r "$(build_of "$series")/kernel.env" ] || continue
	for script in hooks compat watch; do
		KERNEL=$series "$TOP/build-aux/$script-check.sh" ||
			complain "build-aux/$script-check.sh, kernel $series"
	done
done

# ---- The series -------------------------------------------------------------

say "check: patches of \"make series\" ..."
"$TOP/build-aux/series.sh" --check || complain "build-aux/series.sh"

# ---- checkpatch -----------------------------------------------------------

# Not asked of single files outside of a kernel tree:
#  FILE_PATH_CHANGES		there is no MAINTAINERS here
#  SPDX_LICENSE_TAG		checked below, in every kind of file
# Not asked of hooks, which are patches without a mail around them:
#  MISSING_SIGN_OFF, COMMIT_MESSAGE, COMMIT_LOG_LONG_LINE,
#  NOT_UNIFIED_DIFF, DIFF_IN_COMMIT_MSG
# Not asked of Kconfig, which tells where a tree has it:
#  EMBEDDED_FILENAME
# Up to 100 columns are right where it reads well (checkpatch's own default).
# Besides in programs for user space:
#  AVOID_EXTERNS, SPACING	kselftest_harness.h's macros look like it
#  OPEN_BRACE, MACRO_ARG_REUSE	and greatest's
#  PREFER_KERNEL_TYPES		uint64_t is the C library's way
#  PREFER_DEFINED_ATTRIBUTE_MACRO, STRCPY	__printf, strscpy: not in libc
#  VOLATILE			mapped device registers without readl()
#  ENOSYS, CONST_STRUCT		the kernel's rules for its own structs
#  NEW_TYPEDEFS, MACRO_WITH_FLOW_CONTROL	what the unit tests stand in for is
#				made so
#  EMBEDDED_FUNCTION_NAME	a test that is named after what it tests
kernel=FILE_PATH_CHANGES,SPDX_LICENSE_TAG
hook=$kernel,MISSING_SIGN_OFF,COMMIT_MESSAGE,COMMIT_LOG_LONG_LINE
hook+=,NOT_UNIFIED_DIFF,DIFF_IN_COMMIT_MSG
user=$kernel,AVOID_EXTERNS,SPACING,OPEN_BRACE,MACRO_ARG_REUSE,PREFER_KERNEL_TYPES
user+=,PREFER_DEFINED_ATTRIBUTE_MACRO,STRCPY,VOLATILE,ENOSYS,CONST_STRUCT
user+=,NEW_TYPEDEFS,MACRO_WITH_FLOW_CONTROL
user+=,EMBEDDED_FUNCTION_NAME

checkpatch()
{
	local ignore=$1

	shift
	[ $# -gt 0 ] || return 0
	perl "$KSRC/scripts/checkpatch.pl" --no-tree --terse --show-types \
		--no-summary --ignore "$ignore" "$@" >&2 ||
		complain "checkpatch"
}

say "check: checkpatch ..."
in_kernel=() in_user=()
for f in "${sources[@]}"; do
	case $f in
	selftests/* | tools/*) in_user+=("$f") ;;
	*) in_kernel+=("$f") ;;
	esac
done
checkpatch "$kernel" -f "${in_kernel[@]}"
checkpatch "$kernel,EMBEDDED_FILENAME" -f Kconfig drivers/mlx5/Kconfig
checkpatch "$user" -f "${in_user[@]}"
for f in "${hooks[@]}"; do
	# From stdin, since checkpatch takes a file that git knows for a source.
	checkpatch "$hook" - <"$f" 2> >(sed "s,^-:,$f:," >&2)
done

# ---- Mutants ---------------------------------------------------------------

say "check: mutants ..."
"$TOP/selftests/mutants/run.sh" --check || complain "selftests/mutants/mutants.txt"

# ---- kernel-doc ------------------------------------------------------------

say "check: kernel-doc ..."
if perl "$KSRC/scripts/kernel-doc" -Wreturn -none "${in_kernel[@]}" 2>&1 | grep . >&2; then
	complain "kernel-doc"
fi
# In programs, what only repeats the type of a parameter is left out.
if perl "$KSRC/scripts/kernel-doc" -Wreturn -none "${in_user[@]}" 2>&1 |
	grep 'return value' >&2; then
	complain "kernel-doc"
fi

# ---- shellcheck, licences -------------------------------------------------

say "check: shellcheck ..."
shellcheck "${scripts[@]}" >&2 || complain "shellcheck"

say "check: licences ..."
[ -s COPYING ] || complain "COPYING is missing"
mapfile -t named < <(find . -path ./build -prune -o -path ./.git -prune -o -type f \
	\( -name Makefile -o -name '*.mk' -o -name Kbuild -o -name Kconfig \
	-o -path ./debian/rules -o -name "*.in" -o -path ./debian/series \) -printf '%P\n')
for f in "${sources[@]}" "${scripts[@]}" "${named[@]}"; do
	head -n 3 "$f" | grep -q 'SPDX-License-Identifier: ' ||
		complain "$f has no SPDX-License-Identifier in its first lines"
done

# ---- Netlink ---------------------------------------------------------------

say "check: the netlink family's header and specification ..."
"$TOP/build-aux/netlink-spec.sh" >&2 || complain "the netlink specification"
# Control: with two attributes exchanged it must complain.
sed 's/^        name: ioas$/        name: hwpt/;t;s/^        name: hwpt$/        name: ioas/' \
	uapi/linux/iommufd_dirty_netlink.yaml >"$BUILD/exchanged.yaml"
! "$TOP/build-aux/netlink-spec.sh" "$BUILD/exchanged.yaml" >/dev/null 2>&1 ||
	complain "a wrong netlink specification is not noticed"
rm -f "$BUILD/exchanged.yaml"

# ---- Coverage ---------------------------------------------------------------

say "check: the functions that selftests/unreached.txt names ..."
# unreached LIST: its rows about what is not there
unreached()
{
	local file name reason

	while read -r file name reason; do
		[[ $file && $file != \#* ]] || continue
		[ -n "$reason" ] && grep -qs '' "$file" &&
			{ [ "$name" = '*' ] || grep -qE "\b$name\\(" "$file"; } ||
			echo "$file $name"
	done <"$1"
}
found=$(unreached selftests/unreached.txt)
[ -z "$found" ] || complain "selftests/unreached.txt names what is not there: $found"
[ -n "$(unreached <(echo "iommufd/plan.c planted a reason"))" ] ||
	complain "a function that is not there is not noticed in selftests/unreached.txt"

# ---- Pitfalls --------------------------------------------------------------

# PROGRAM:TEST or :VARIANT of a fixture, unit/PROGRAM:TEST, fuzz/PROGRAM
say "check: the tests that Documentation/pitfalls.rst names ..."
quoted="\`\`(unit/|fuzz/)?[a-z0-9_]+(:[a-z0-9_]+)?\`\`" named_tests=0
while IFS=: read -r program name; do
	named_tests=$((named_tests + 1))
	case $program in
	fuzz/fuzz_*)
		file=fuzz/Makefile pattern="TARGETS := .*\\b${program#fuzz/fuzz_}\\b" ;;
	unit/*)
		file=$program.c pattern="TEST $name\\(" ;;
	*)
		file=kselftest/$program.c
		pattern="(TEST(_F(_TIMEOUT)?)?|FIXTURE_VARIANT_ADD)\\((\\w+, )?${name:-\\w+}[,)]" ;;
	esac
	grep -qsE "^$pattern" "selftests/$file" ||
		complain "pitfalls.rst names $program${name:+:$name}, which selftests/$file has not"
done < <(grep -oE "$quoted" Documentation/pitfalls.rst | tr -d '\`' | grep -E '[:/]|_test$' | sort -u)
[ $named_tests -gt 0 ] || complain "Documentation/pitfalls.rst names no test"

# ---- README ------------------------------------------------------------------

say "check: the messages that README.md quotes ..."
"$TOP/build-aux/messages-check.sh" || complain "README.md, \"Troubleshooting\""
# Control: with another word in one it must complain.
sed '/`iommufd: not loaded/s/was built without/is built without/' README.md >"$BUILD/readme.md"
! "$TOP/build-aux/messages-check.sh" "$BUILD/readme.md" >/dev/null 2>&1 ||
	complain "a message that nothing prints is not noticed"
rm -f "$BUILD/readme.md"

[ $bad = 0 ] || die "check failed"
say "check: ${#sources[@]} sources, ${#hooks[@]} hooks, ${#scripts[@]} scripts are clean"
