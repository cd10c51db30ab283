#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# test-harness.sh: does run.sh notice what it should? Prints TAP. No virtual
# platform needed except for the WARN.
set -uo pipefail
. "$(dirname "$0")/../../build-aux/lib.sh"

run()
{
	timeout --foreground 100 "$TOP/selftests/vm/run.sh" --name harness "$@" 2>&1
}

n=0

# is NAME STATUS WANTED-STATUS OUTPUT PATTERN
is()
{
	n=$((n + 1))
	if [ "$2" = "$3" ] && grep -qE -- "$5" <<<"$4"; then
		echo "ok $n $1"
	else
		echo "not ok $n $1"
		echo "# status $2 (wanted $3), wanted /$5/ in:"
		tail -n 20 <<<"$4" | sed 's/^/# /'
	fi
}

tests=7
virt=off
if [ "$DEB_ARCH" = amd64 ] && [ -e "$TOP/drivers/virt/Kbuild" ]; then
	tests=8
	virt=iommus=none:1
fi
echo "1..$tests"

file=$(mktemp --suffix=.ko)
trap 'rm -f "$file"' EXIT
# shellcheck disable=SC2016 # for the guest's shell
echo 'echo "from a file, $WORD"' >"$file"
out=$(run --virt off --file "$file:tool" --env "WORD=it's \$fine" \
	--command 'sh /job/bin/tool; echo brought >/out/it; exit 42')
is "output, status, file and environment pass through" $? 42 "$out" "^from a file, it's .fine"
is "files in /out come back" "$(grep -c '^brought$' "$BUILD/vm/harness/it")" 1 "" ''

out=$(run --virt off --modules '' --command 'echo c >/proc/sysrq-trigger; sleep 60')
is "a crash fails and shows the kernel's words" $? 125 "$out" 'sysrq: Trigger a crash|Kernel panic'

out=$(run --virt off --modules '' --timeout 12 --command 'echo started; sleep 60')
is "a hang is ended and the log shown" $? 124 "$out" 'ended after the time limit of 12 s'

out=$(run --modules no-such-module --command true)
is "a missing module is named" $? 125 "$out" 'there is no module no-such-module'

# Once only
out=$(run --virt off --modules '' --accel tcg --command \
	'echo started; echo Oops: int3 >/dev/kmsg')
is "what the emulator broke is run again" $? 125 \
	"$(grep -c 'all of it once more' <<<"$out") of $(grep -c '^started' <<<"$out")" '^1 of 2$'

cat >"$file" <<'END'
#!/bin/busybox sh
setsid sleep 1000 &
sleep 1000
END
out=$(run --virt off --modules '' --file "$file:hangs" --command \
	'run-tests 3 hangs; pidof sleep && exit 43; echo none is left; exit 42')
is "a program over its time limit ends with its children" $? 42 "$out" 'none is left'

if [ "$virt" != off ]; then
	out=$(run --virt "$virt" --command \
		'echo 1 >/sys/module/iommufd_virt/parameters/splat')
	is "a WARN fails a command that succeeded" $? 125 "$out" '\] WARNING: '
fi
