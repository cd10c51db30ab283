# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034 # bad is for who sources this
#
# tap.sh: for test scripts, to be sourced. $bad is 1 when something was not ok.
n=0 bad=0

# ok DESCRIPTION STATUS: a line of TAP
ok()
{
	n=$((n + 1))
	if [ "$2" = 0 ]; then
		echo "ok $n $1"
	else
		echo "not ok $n $1"
		bad=1
	fi
}
