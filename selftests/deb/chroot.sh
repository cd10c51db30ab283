# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# chroot.sh: a root file system that is entered, in $root. Sourced, with its $dir and $logs.

# unpack_root: the root as root.sh has made it. What stands in it then is in list-first.
unpack_root()
{
	rm -rf "$root" "$logs"
	mkdir -p "$root" "$logs"
	say "unpacking the Debian that it is tried in ..."
	tar -xf "$dir/root.tar" -C "$root"
	# What the first boot of any machine makes
	inside 'systemd-machine-id-setup; systemd-tmpfiles --create --prefix=/var/lib/dbus' \
		>/dev/null 2>&1
	list >"$dir/list-first"
}

# inside COMMAND: in the root's own namespace; with no network there is nothing to fetch
inside()
{
	# shellcheck disable=SC2016 # for the shell inside
	unshare --mount --pid --fork --net --kill-child sh -c '
		mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" || exit 125
		exec chroot "$1" /usr/bin/env -i HOME=/root TERM=dumb LC_ALL=C.UTF-8 \
			PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
			sh -c "$2"' sh "$root" "$1" </dev/null
}

# step LOG COMMAND: the same, with its words in a log
step()
{
	inside "$2" >"$logs/$1.log" 2>&1
}

# said LOG PATTERN
said()
{
	grep -qE -- "$2" "$logs/$1.log" || {
		sed 's/^/# /' "$logs/$1.log" | tail -n 25
		return 1
	}
}

# shellcheck disable=SC2034 # for who sources this
apt="apt-get -q -y -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 install"

# Packages of ours are copied to /debs; put DIR
put()
{
	rm -rf "$root/debs"
	mkdir "$root/debs"
	cp "$1"/*.deb "$root/debs/"
	rm -f "$root"/debs/*-dbgsym_*
}

# What there is: type, rights, owner, name, target or size of files, and a sum of those in /etc.
# Not of folders that are caches or logs, of the lists that depmod makes, dpkg's own, and
# dkms's key.
list()
{
	(cd "$root" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./dev -o -path ./run \
		-o -path ./tmp -o -path ./debs -o -path ./deb-test -o -path ./var/log \
		-o -path ./var/cache -o -path ./var/lib/apt -o -path ./var/lib/dpkg \
		-o -path ./var/lib/systemd -o -path ./var/tmp -o -path './etc/*cache*' \) -prune -o \
		! -name 'modules.*' ! -name 'initrd.img*' ! -name .updated ! -path './var/lib/dkms/mok.*' \
		-printf '%y %m %u:%g %p %l ' \
		\( -type f -printf '%s' -o -true \) -printf '\n'
		find etc -xdev -path 'etc/*cache*' -prune -o -type f ! -name .updated \
			-exec cksum {} +) | sort
}

# Are the files that list() has as they were? as_before NAME
as_before()
{
	list | diff "$dir/list-$1" - >"$logs/files.diff" && return
	sed 's/^/# /' "$logs/files.diff" | head -n 20
	return 1
}

# Has dkms both packages of modules for this kernel?
installed()
{
	local name

	step dkms "dkms status -k $1"
	for name in iommufd-dirty iommufd-dirty-virt; do
		said dkms "$name/.*: installed" || return
	done
}

# Does modprobe take vfio from updates/ for this kernel?
ours_for()
{
	[[ $(inside "modinfo -k $1 -n vfio") == */updates/dkms/* ]]
}

# Or the kernel's own?
own_for()
{
	[[ $(inside "modinfo -k $1 -n vfio") == */kernel/drivers/* ]]
}
