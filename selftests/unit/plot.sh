#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# plot.sh: pictures, with this machine's gnuplot: of a record that is as it should be, of
# one without data, and of records that are not records or mean harm. TAP. Called by
# run.sh.
set -uo pipefail
. ../tap.sh

top=$(cd ../.. && pwd)
ctl=${BUILD:-$top/build}/tools/iommufdctl
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# source_of NAME RATE: in an interval
source_of()
{
	printf '{"tracker":"3/4","name":"%s","kind":"iommu","rate":%s,"pending":4096,' "$1" "$2"
	printf '"harvest-ms":1,"degraded":false}'
}

# interval TIME NAME RATE
interval()
{
	printf '{"time":%s,"seconds":1,"sources":[%s],' "$1" "$(source_of "$2" "$3")"
	printf '"reads":[{"context":3,"first":0,"length":1073741824,"dirty":1048576},'
	printf '{"context":3,"first":4294967296,"length":1073741824,"dirty":4096}],'
	printf '"migration":[{"time":%s,"context":3,"name":"%s","state":"STOP_COPY"}]}\n' "$1" "$2"
}

header='{"iommufdctl-record":1,"version":"1.0","begin-ns":1,"interval":1,"reads":true}'

# record NAME: one with ten intervals
record()
{
	local i

	echo "$header"
	for i in 1 2 3 4 5 6 7 8 9 10; do
		interval "$i.5" "$1" "${i}000000"
	done
}

# plot RECORD: its status; pictures are in $work/out
plot()
{
	rm -rf "$work/out"
	"$ctl" plot "$work/$1" -o "$work/out" >"$work/said" 2>&1
}

# pictures NAME...: is each an SVG that is whole?
pictures()
{
	local name

	for name; do
		grep -q '^<svg' "$work/out/$name.svg" &&
			tail -n 2 "$work/out/$name.svg" | grep -q '</svg>' || return 1
	done
}

has_data()
{
	! grep -q 'no data' "$work/out/$1.svg"
}

record 0000:3b:00.2 >"$work/good"
plot good && pictures rate pending heat-3 downtime &&
	has_data rate && has_data pending && has_data heat-3 && has_data downtime &&
	grep -q '0x13fffffff' "$work/out/heat-3.svg" &&
	grep -q '3/4 0000:3b:00.2' "$work/out/rate.svg"
ok 'a record is drawn' $?

echo "$header" >"$work/header"
plot header && pictures rate pending heat downtime &&
	! has_data rate && ! has_data pending && ! has_data heat && ! has_data downtime
ok 'a record without intervals is drawn, and each picture says that it has no data' $?

head -c -20 "$work/good" >"$work/cut"
plot cut && grep -q 'ends within line 11' "$work/said" && has_data rate &&
	[ "$(grep -c . "$work/out/rate.dat")" = 9 ]
ok 'a record that was cut is drawn up to there' $?

: >"$work/empty"
plot empty
[ $? = 2 ] && grep -q 'is empty' "$work/said"
ok 'an empty file is no record' $?

head -c 100000 /dev/urandom >"$work/noise"
plot noise
[ $? = 2 ] && grep -q 'is not a record' "$work/said" && [ ! -e "$work/out" ]
ok 'noise is no record' $?

{
	echo "$header"
	head -c 5000000 /dev/zero | tr '\0' x
	echo
} >"$work/long"
plot long
[ $? = 2 ] && grep -q 'line 2 is not an interval' "$work/said"
ok 'a line of 5 MB is refused' $?

wrong=0
for value in -1 1e30 '"1"' null '[]' nan; do
	{
		echo "$header"
		interval 1 x "$value"
	} >"$work/value"
	plot value
	[ $? = 2 ] || wrong=$((wrong + 1))
done
[ $wrong = 0 ]
ok 'a rate that is no number of bytes is refused' $?

sed 's/"iommufdctl-record":1/"iommufdctl-record":2/' "$work/good" >"$work/newer"
plot newer
[ $? = 2 ] && grep -q 'version 2' "$work/said"
ok 'a record of another version is refused' $?

# Each would leave a file behind, if gnuplot or a shell got to see it as it is.
# shellcheck disable=SC2016 # not to be expanded here
for text in '`touch hit`' '$(touch hit)' '\"; system(\"touch hit\"); #' '\n!touch hit\n' \
	"'.system('touch hit').'" '<script>alert(1)</script>' '@hit' '{/*9 x}' '../../x'; do
	record "$text" >"$work/hostile"
	plot hostile && pictures rate heat-3 downtime && has_data rate &&
		[ ! -e "$work/out/hit" ] && [ ! -e hit ] &&
		! grep -q '`\|<script' "$work"/out/*.gp "$work"/out/*.svg
	status=$?
	ok "text in a record is only text: $(printf %q "$text")" $status
done

# What would have happened: the control of the tests above
mkdir "$work/control"
# shellcheck disable=SC2016 # for gnuplot
printf 'set terminal svg\nset output "x.svg"\nplot x title "`touch hit`"\n' \
	>"$work/control/x.gp"
(cd "$work/control" && gnuplot x.gp 2>/dev/null)
[ -e "$work/control/hit" ]
ok 'control: gnuplot runs such text' $?

mkdir "$work/nowhere"
rm -rf "$work/out"
PATH=$work/nowhere "$ctl" plot "$work/good" -o "$work/out" >"$work/said" 2>&1
[ $? = 2 ] && grep -q 'gnuplot-nox' "$work/said" && [ -s "$work/out/rate.dat" ] &&
	[ -s "$work/out/rate.gp" ]
ok 'without gnuplot the package is named, and data and scripts are there' $?
(cd "$work/out" && gnuplot ./*.gp) && pictures rate pending heat-3 downtime
ok '... which can be drawn later' $?

"$ctl" plot "$work/good" -o /dev/full >"$work/said" 2>&1
[ $? = 2 ] && grep -q 'Not a directory' "$work/said"
ok 'what is no folder is refused' $?

# A disk that is full
full=$work/full
mkdir "$full" && ln -s /dev/full "$full/rate.dat"
"$ctl" plot "$work/good" -o "$full" >"$work/said" 2>&1
[ $? = 2 ] && grep -q 'No space left' "$work/said"
ok 'a full disk is an error' $?

exit $bad
