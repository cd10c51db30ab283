# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# apt.sh: fetch packages that the machine's own lists do not have. apt gets a
# copy of the machine's sources for another suite or type, and lists and a
# cache of its own, so nothing changes for the machine. To be sourced after
# lib.sh.

# apt_private DIR TYPE SUITE...: make DIR a place for apt, with TYPE (deb or deb-src)
# of each SUITE, from every mirror that the machine takes its own release from. Sets
# apt_opts.
apt_private()
{
	local dir=$1 type=$2 suite codename f

	shift 2
	suite=$*

	# shellcheck disable=SC1091
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	rm -rf "$dir"
	mkdir -p "$dir/parts" "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/out"
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ ! -r "$f" ] || sed -n "/[[:space:]]${codename}[[:space:]].*main/{
			s/^deb[[:space:]]/$type /
			s/\([[:space:]]\)${codename}\([[:space:]]\)/\1@SUITE@\2/p
		}" "$f" | while read -r line; do
			printf "%s\n" "${@/#/$line }" |
				sed "s/\(.*\)@SUITE@\(.*\) \([^ ]*\)\$/\1\3\2/"
		done
	done >"$dir/parts/copy.list"
	for f in /etc/apt/sources.list.d/*.sources; do
		[ -r "$f" ] || continue
		awk -v RS= -v ORS='\n\n' -v codename="$codename" -v type="$type" \
			-v suite="$suite" '
			$0 ~ "(^|\n)Suites:[^\n]*[ \t]" codename "([ \t\n]|$)" &&
			/(^|\n)Components:[^\n]*main/ {
				sub(/(^|\n)Types:[^\n]*/, "\nTypes: " type)
				sub(/(^|\n)Suites:[^\n]*/, "\nSuites: " suite)
				sub(/^\n/, "")
				print
			}' "$f" >"$dir/parts/${f##*/}"
	done
	apt_options "$dir"
}

# apt_foreign DIR: make DIR a place for apt, if it is none, with the machine's own sources and
# the packages of $DEB_ARCH besides. Sets apt_opts.
apt_foreign()
{
	local dir=$1 f

	if [ ! -d "$dir/parts" ]; then
		mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$dir/parts.new"
		[ ! -r /etc/apt/sources.list ] ||
			cp /etc/apt/sources.list "$dir/parts.new/machine.list"
		for f in /etc/apt/sources.list.d/*; do
			[ ! -r "$f" ] || cp "$f" "$dir/parts.new/"
		done
		mv "$dir/parts.new" "$dir/parts"
	fi
	apt_options "$dir"
}

# apt_options DIR: set apt_opts for what apt_private or apt_foreign has made
apt_options()
{
	local dir=$1

	apt_opts=(-q -o "Dir::Etc::sourcelist=/dev/null" -o "Dir::Etc::sourceparts=$dir/parts"
		  -o "Dir::State::lists=$dir/lists" -o "Dir::Cache=$dir/cache"
		  -o "Acquire::Languages=none"
		  -o "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false")
	[ -z "$CROSS" ] || apt_opts+=(-o "APT::Architectures=amd64,$DEB_ARCH")
	# As root, apt would complain that its own user cannot write here.
	[ "$(id -u)" != 0 ] || apt_opts+=(-o APT::Sandbox::User=root)
}

# Quiet unless it fails; then its own words, which name the cause.
quietly()
{
	local log rc=0

	log=$(mktemp "$BUILD/.log.XXXXXX")
	"$@" >"$log" 2>&1 || rc=$?
	[ $rc = 0 ] || grep -E '^(E|W|Err):' "$log" | tail -n 4 >&2 || true
	rm -f "$log"
	return $rc
}
