#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# report.sh: the program that reports on a run of the benchmark: what it prints and writes,
# and its status, which decides whether "make bench QUICK=1" fails. TAP. Called by run.sh;
# test_report.c has what it reads and compares.
set -uo pipefail
. ../tap.sh

top=$(cd ../.. && pwd)
report=${BUILD:-$top/build}/bench/report
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

# row NAME NS: of one operation
row()
{
	printf 'row\t%s\t%s\t%s\t1\t0\t0\t0\t0\n' "$1" "$2" "$2"
}

{
	printf 'meter\t2000000\t2.000\nway tracker\n'
	row read-4K.1G.1.seq 2020
	row read-logs-4.1G 4000
	row read-2M-4K.1T.0.01.random 3000
	row stop.4K.1G 600
	printf 'done\nway upstream\n'
	row read-4K.1G.1.seq 2000
	row read-logs-4.1G 2000
	row read-2M-4K.1T.0.01.random 3000
	row stop.4K.1G 400
} >count.out
printf '%s\n' '# comment' 'read-4K.1G.1.seq 1.0000' 'stop.4K.1G 1.4900' >ratios.txt
printf '%s\n' '^read-  1.02  READ' '^none  1  nothing' >targets.txt

# try STATUS OPTION...: is that its status? What it says is in $work/said.
try()
{
	local status=0

	"$report" "${@:2}" >said 2>errors || status=$?
	[ $status = "$1" ]
}

# says TEXT: is it a line that was printed?
says()
{
	grep -qxF -- "$1" said
}

try 0 --shift 1 --targets targets.txt --compare ratios.txt count.out &&
	says 'read-4K.1G.1.seq                           1000       1010   1.010                    ' &&
	says 'NOT MET  READ: 2 of 3 rows at most 1.02; the worst 2.000 (read-logs-4.1G)' &&
	! grep -q nothing said && says '2000000 instructions took 2.0000 ns each' &&
	says '2 ratios compared, 0 worse by more than 3 %' &&
	grep -q '^two READs at once: not compared' said
ok 'ratios are compared, and none is worse' $?

mkdir time
try 0 --unit nanoseconds --dir time count.out && says 'nanoseconds of one operation' &&
	grep -q '"wall_ns": *2020' time/bench.json && ! grep -q instructions time/bench.json &&
	try 0 --unit instructions count.out && says 'instructions of one operation' &&
	try 3 --unit seconds count.out && grep -q 'expected instructions or nanoseconds' errors
ok 'figures of bench native have a unit' $?

sed 's/1.4900/1.4500/' ratios.txt >worse.txt
try 1 --compare worse.txt count.out && says 'FAILED stop.4K.1G: 1.5000, was 1.4500' &&
	says '2 ratios compared, 1 worse by more than 3 %'
ok 'control: a worse ratio fails' $?

echo 'read-4K.2G.1.seq 1.0000' | cat ratios.txt - >missing.txt
try 1 --compare missing.txt count.out &&
	says 'FAILED read-4K.2G.1.seq: is in missing.txt, and was not measured'
ok 'control: a missing row fails' $?

: >empty.txt
try 1 --compare empty.txt count.out && says '0 ratios compared, 0 worse by more than 3 %'
ok 'control: nothing to compare with fails' $?

mkdir bad
sed 's/^\(row.stop.4K.1G\t600\).*/\1/' count.out >bad/count.out
try 3 --compare ratios.txt bad/count.out && [ ! -s said ] &&
	grep -q '^report: bad/count.out:6: 3 fields between tabs; expected: row NAME BUSY-NS' errors
ok 'control: a malformed line is named' $?

try 3 none.out && grep -q '^report: none.out: No such file' errors &&
	try 3 targets.txt && grep -q 'targets.txt: not the name of a result' errors &&
	try 3 --compare none.txt count.out && grep -q '^report: none.txt: No such file' errors
ok 'a file that is not there, or no result, is named' $?

# two TRACKER-NS: two READs at once
two()
{
	printf 'way tracker\nparallel\ta\t1000\t%s\t400\t1000\t3\n' "$1"
	printf 'way upstream\nparallel\ta\t1000\t500\t400\t1000\t3\n'
}

two 550 >parallel.out
try 0 --parallel parallel.out && [ ! -s said ] &&
	try 0 --compare ratios.txt count.out parallel.out &&
	says "met      two READs at once: factor 0.550, upstream's 0.500"
ok 'two READs at once gain what upstream gains' $?

two 600 >parallel.out
try 1 --parallel parallel.out && try 1 --compare ratios.txt count.out parallel.out &&
	says "FAILED two READs at once: factor 0.600, upstream's 0.500" &&
	try 0 count.out parallel.out
ok 'control: two READs at once that gain less fail' $?

sed -i 's/3$/2/' parallel.out
try 2 --parallel parallel.out && try 0 --compare ratios.txt count.out parallel.out
ok 'two READs at once without a chance are not compared' $?

try 0 --update new.txt count.out && [ "$(grep -c . new.txt)" = 4 ] &&
	grep -qx 'stop.4K.1G 1.5000' new.txt && ! grep -q logs new.txt &&
	try 0 --compare new.txt count.out
ok 'ratios that were written are compared' $?

mkdir files
try 0 --shift 1 --kernel 6.12 --dir files count.out && try 0 --shift 1 --dir files count.out &&
	[ "$(cat files/devices.dat)" = '4 1000 2000' ] &&
	[ "$(cat files/size-read-4K-1-seq.dat)" = '1 1 1000 1010' ] &&
	[ "$(cat files/density-read-2M-4K-1T-random.dat)" = '1024 0.01 1500 1500' ] &&
	[ "$(find files -name '*.dat' | wc -l)" = 5 ]
ok 'data for the plots, which replaces what was there' $?

try 0 --shift 1 --kernel 6.12 --dir files count.out && [ ! -s errors ] &&
	try 1 --shift 1 --kernel 6.12 --json --compare missing.txt count.out &&
	grep -q '"kernel": "6.12"' files/bench.json && ! grep -q '"comparison"' files/bench.json &&
	grep -q '"instructions": 1010' files/bench.json && grep -q '"compared": 3' said &&
	grep -A1 '"row": "read-4K.2G.1.seq"' said | grep -q '"ratio": null'
ok 'bench.json, and JSON in place of the tables' $?

sed 's/\t600\t600/\t500\t500/; s/\t400\t400/\t450\t450/' count.out >second.out
try 0 --least count.out second.out && grep -q "^row.stop.4K.1G	500	" said &&
	grep -q "^row.stop.4K.1G	400	" said && [ "$(grep -c . said)" = "$(grep -c . count.out)" ]
ok 'the least of two runs' $?

{
	printf 'way tracker\nlatency\tmap.2M.1T\t20000\t300000\t50\n'
	printf 'way upstream\nlatency\tmap.2M.1T\t40000\t600000\t60\n'
} >latency.out
{
	printf 'migration\tsparse.tracker-small\t67108864\t1048576\t3\t0.04\t0.01\t0.02'
	printf '\t0.005\t0.005\t5\n'
	printf 'migration\tsparse.tracker-2M\t67108864\t52428800\t3\t0.4\t0.1\t0.1\t0.1\t0.1\t5\n'
} >migrations.out
printf '%s\n' '^latency-  1  calls' '^migration-again  0.01  again' \
	'^migration-read  0.5  last READ' >values.txt
line='map.2M.1T                        40.0       20.0   0.500      600.0      300.0   0.500'
try 0 --targets values.txt latency.out migrations.out &&
	says "$line  (60 and 50 calls)" &&
	says 'met      calls: 2 of 2 rows at most 1; the worst 0.500 (latency-map.2M.1T.p99)' &&
	says 'NOT MET  again: 0 of 1 rows at most 0.01; the worst 0.020 (migration-again.sparse)' &&
	grep -q '^sparse.tracker-small  *64.00  *1.00  *3  *40.00 ms  *10.00  *20.00  *5.00 ' said &&
	try 0 --json latency.out migrations.out && grep -q '"p99_ns": 20000' said &&
	grep -q '"again_bytes": 1048576' said && grep -q '"read_s": 0.020000' said
ok 'calls beside a READ, and migrations' $?

cost='# mlx5_cost_test.c:1:cost:state of 64 MiB, 7 rounds, save: ours 0.100 s (0.1 to 0.2),'
cost+=' upstream 0.200 s (0.1 to 0.2), ratio 0.50'
printf '%s\n' "time 8192 $cost" "work 8192 $cost" >mlx5.out
try 0 --mlx5 mlx5.out && grep -q \
	'^64 MiB   chunks save               0.100 s   0.200 s   0.50       50M      100M   0.50$' said &&
	try 0 --mlx5 --json mlx5.out && grep -q '"state_mib": 64' said
ok 'the table of bench-mlx5' $?

sed -i '2s/ours/our/' mlx5.out
try 3 --mlx5 mlx5.out && grep -q '^report: mlx5.out:2: expected: state of N MiB' errors
ok 'control: a malformed message of mlx5_cost_test is named' $?

"$report" count.out >/dev/full 2>errors
[ $? = 3 ] && grep -q 'cannot be written' errors &&
	mkdir full && ln -s /dev/full full/bench.json && try 3 --dir full count.out &&
	grep -q 'full/bench.json: cannot be written' errors
ok 'a full disk is an error' $?

try 0 --help && grep -q '^Usage: report' said && try 3 && grep -q '^Usage: report' errors &&
	try 3 --shift x count.out && try 3 --least count.out && try 3 --nonsense
ok 'the usage, if asked for or needed' $?

exit $bad
