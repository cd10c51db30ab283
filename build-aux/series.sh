#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# series.sh: "make series". What "make patch" does, as patches to send: numbered,
# with messages, in build/VERSION/series of the newest kernel. The tree builds after each
# (series-build.sh): the hooks come first and call functions that do nothing, then our files,
# and last the options that build them.
#
# The author and the sign-off are git's (user.name and user.email).
#
# series.sh --check, a part of "make check": is each of our files in exactly one patch?
# It needs no kernel, and is tried on planted mistakes too.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

d=drivers/iommu/iommufd/dirty
v=drivers/vfio/dirty
mlx5=drivers/vfio/pci/mlx5

# ---- The patches ------------------------------------------------------------

# What is in which patch, in order. step, hooks and build_hook make the patches or, for
# --check, list the files; a message is on stdin.
patches()
{
	step "iommufd: uAPI of the dirty tracker" include/uapi/linux/iommufd_dirty.h <<'END'
A user of an IOAS must know which pages its devices have written. Today each
kind of source has an ioctl of its own on a file of its own: the HWPTs that can
track, the devices that can track, and nothing for those that cannot. A dirty
tracker is one object for one IOAS, with one answer.

The ioctls have numbers from 0xc0 on, so that they do not meet those that
iommufd.h will get.
END

	step "iommufd, vfio: what the dirty tracker is told" $d/hooks.h $d/ranges.[ch] \
		$v/hooks.h <<'END'
The functions that iommufd and vfio will call, and the state that they need in its
structs, of which a few ranges in fixed memory are a part. Without
CONFIG_IOMMUFD_DIRTY, which does not exist yet, the functions do nothing.
END

	hooks

	step "iommufd: a set of dirty IOVA" $d/dirty_set.[ch] $d/dirty_set_find.c \
		$d/dirty_runs.[ch] $d/test.h <<'END'
Holds what a harvest has found, and what waits to be delivered. Nothing is allocated
for clean memory, and adding to it cannot fail: without memory for a bit, a larger
range that contains it is marked.
END

	step "iommufd: a window that IOMMU drivers fill" $d/window.[ch] <<'END'
A struct iova_bitmap over kernel memory: it puts into a dirty set what a driver
reports, clipped to where the harvest looks.
END

	step "iommufd: the plan of a dirty tracker" $d/plan.[ch] <<'END'
Which sources cover an address space: a pure function of domains, devices and
policy.
END

	step "iommufd: deliver dirty pages to user memory" $d/deliver.[ch] <<'END'
As a bitmap, as ranges, or only counted. A bit leaves the kernel's set only after
it has reached user memory, so a fault in the middle loses nothing.
END

	step "iommufd: what is known of IOMMU drivers' dirty bits" \
		$d/platform.c $d/platform/*.[ch] <<'END'
One file for each driver: AMD, Intel VT-d and Arm SMMUv3 differ in how large a
leaf can be, in which flush publishes a bit, and in what makes D trustworthy.
END

	step "iommufd: tracepoints of a dirty tracker" $d/trace.[ch] <<'END'
What was harvested and published, by which source and in which time.
END

	step "iommufd: the tracker, and the store in which dirty pages wait" \
		$d/tracker.h $d/pending.[ch] $d/event.h <<'END'
What has left its source and has not reached user memory is in one place, the store,
with one lock. It outlives its tracker, since a driver may still be stopping a log.
END

	step "iommufd: devices as sources" include/linux/iommufd_dirty.h $d/log.[ch] \
		$d/binding.[ch] $d/request.[ch] $d/wait.h <<'END'
A device that logs what it writes is harvested by a worker, since its driver may wait for
it uninterruptibly; READs leave requests and share what it reports.
END

	step "iommufd: domains as sources" $d/domain.[ch] $d/step.[ch] $d/hidden.[ch] \
		$d/walk.[ch] $d/gather.[ch] $d/bits.[ch] $d/harvest.[ch] <<'END'
Harvests the D bits of a domain leaf by leaf inside of what is mapped, flushes,
and only then publishes. Harvests of one range exclude one another, and READs wait
for unmaps under way. A domain that cannot track, or fails at it, counts as dirty
wherever it is mapped writable.
END

	step "iommufd: what the CPU writes, as a source" $d/access.c <<'END'
Of drivers without DMA: what they write through an access, and what they have
pinned for writing.
END

	step "iommufd: small leaves for a dirty tracker" $d/leaves.c <<'END'
An option of an IOAS: HWPTs that are made from then on have leaves of one page, so
that a dirty bit stands for a page, while pinning goes on in huge pages.
END

	step "iommufd: make what is on equal to the plan" $d/{collect,reconcile}.[ch] <<'END'
Each event changes the lists of domains and devices and then reconciles, so that what
is on and not wanted is found by the next reconcile even if the event that made it
was lost. In an order in which no write is lost.
END

	step "iommufd: let drivers register the logs of their devices" $d/source.c <<'END'
The driver of a device that logs what it writes registers the log, which may become a
source of a tracker from then on, until it is unregistered. Users of the ioctls that take
the log directly and trackers exclude one another.
END

	step "iommufd: the dirty tracker" $d/tracker.c $d/split.[ch] $d/flags.c \
		$d/read.c $d/info.[ch] \
		$d/policy.[ch] <<'END'
The object and its ioctls: START and STOP, READ with resumable progress and
bounded work under locks, and INFO about who answers for which device.
END

	step "iommufd: the dirty ioctls of a HWPT by a tracker" $d/hwpt.c <<'END'
IOMMU_HWPT_SET_DIRTY_TRACKING and IOMMU_HWPT_GET_DIRTY_BITMAP are answered by a
tracker of that HWPT alone: what was cleared is flushed, and nothing is lost when
it could not be delivered.
END

	step "iommufd: the dirty tracker for users of type1" $d/legacy.c <<'END'
VFIO_IOMMU_DIRTY_PAGES of an iommufd that is used as a container: START makes a
tracker of the compatibility IOAS, STOP destroys it.
END

	step "iommufd: show the host's administrator what is tracked" \
		include/uapi/linux/iommufd_dirty_netlink.h $d/context.[ch] $d/event.c \
		$d/message.c $d/netlink.[ch] $d/objects.c <<'END'
A generic netlink family with contexts, objects, trackers and sources, with events,
and with the host's policies. It takes no references to what it shows and waits for
no lock that a user can hold.
END

	step "iommufd: tell the tracker of HWPTs, devices and memory" \
		$d/hooks.c $d/group.[ch] $d/pasid.[ch] <<'END'
What iommufd's own lines call when a HWPT, a device or memory is added or removed.
END

	step "iommufd: break the dirty tracker on purpose" $d/test.c <<'END'
To prove that its tests would notice. An option of its own that is off.
END

	step "iommufd: a virtual platform for tests of dirty tracking" \
		drivers/iommu/iommufd/virt <<'END'
A PCI bus with IOMMUs that behave like AMD's, Intel's and Arm's, down to an IOTLB
that caches the dirty state, and devices whose DMA is logged: the truth that
tests compare the tracker with. It needs no hardware.
END

	step "vfio: a source for each driver with a log" $v/source.c <<'END'
An adapter over struct vfio_log_ops. The ioctls that use the log directly answer
EBUSY while a dirty tracker has it.
END

	build_hook vfio $v/Kbuild <<'END'
With CONFIG_IOMMUFD_DIRTY=n, vfio is as it was.
END

	build_hook iommufd $d/Kbuild $d/Kconfig <<'END'
With an option for each IOMMU driver, and one for the virtual platform. With
CONFIG_IOMMUFD_DIRTY=n, iommufd is as it was.
END

	step "vfio/mlx5: a driver whose page tracker is a source" \
		include/uapi/linux/vfio_mig_precopy.h $mlx5 <<'END'
With the migration states and the page tracker of the firmware as upstream's
has them, for the same users; written so that a dirty tracker can use the page
tracker as one of its sources. It replaces upstream's.
END
}

# collect FOLDER: our files, as they are named in the kernel's tree
collect()
{
	mkdir -p "$1"
	copy_all_ours "$1"
	cp "$TOP/Kconfig" "$1/$d/Kconfig"
	cp "$TOP/drivers/mlx5/Kconfig" "$1/$mlx5/"
}

# ---- --check ----------------------------------------------------------------

list_files()
{
	local f

	cat >/dev/null
	shift
	for f in "$@"; do
		find "./$f" -type f 2>/dev/null || echo "./$f is in a patch and is no file"
	done
}

# Patches are for the newest kernel: what they must not name, since only compat/ has it
compat='DIRTY_HAS_|dirty/(compat|features)\.h'

# wrong FOLDER [FILE]: what is wrong with the patches of the files there, a line each; FILE
# is in one patch more
wrong()
{
	(
		cd "$1" || exit
		step() { list_files "$@"; }
		build_hook() { list_files "$@"; }
		hooks() { :; }
		{
			patches
			[ -z "${2:-}" ] || list_files planted "$2" </dev/null
		} | sort >"$work/listed"
		grep ' is no file$' "$work/listed" || true
		uniq -d "$work/listed" | sed 's/$/ is in more than one patch/'
		find . -type f | sort | comm -13 "$work/listed" - | sed 's/$/ is in no patch/'
		grep -rlE "$compat" . | sed 's,$, names what is in compat/ only,' || true
	)
}

# noticed WHAT PATTERN: a planted mistake is in what was printed
noticed()
{
	grep -qx "$2" || die "series: $1 was planted and not noticed"
}

check()
{
	local found

	found=$(wrong .)
	[ -z "$found" ] || die "build-aux/series.sh, patches(): $found"
	echo "DIRTY_HAS_PLANTED" >>$d/step.c
	wrong . | noticed "a name of compat/" "./$d/step.c names .*"
	wrong . $d/step.c | noticed "a file in two patches" "./$d/step.c is in more .*"
	touch $d/planted.c
	wrong . | noticed "a file in no patch" "./$d/planted.c is in no patch"
	rm $d/planted.c $d/plan.c $d/plan.h
	wrong . | noticed "a patch without its file" "./$d/plan.*is no file"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C
# Patches are for the newest kernel, and have nothing of compat/.
MISSING=
if [ "${1:-}" = --check ]; then
	collect "$work/ours"
	cd "$work/ours"
	check
	exit
fi

# ---- Make them --------------------------------------------------------------

load_kernel
[ -z "$MISSING" ] ||
	die "the patches are for the newest kernel, $(newest_series); kernel $RELEASE lacks $MISSING"
tree=$BUILD/linux-${RELEASE%%[+-]*}
out=$BUILD/series
# A debug kernel may be built from the tree just now.
exec 6>"$BUILD/.lock-kernel"
flock 6
"$TOP/build-aux/patch.sh"
command -v git >/dev/null || die "git is missing; install the package git"
ours=$work/ours
repo=$work/repo
collect "$ours"
mkdir -p "$repo"

ident=$(git -C "$TOP" var GIT_AUTHOR_IDENT 2>/dev/null) ||
	die "git does not know who you are; set user.name and user.email"
email=${ident#*<}
email=${email%>*}
in_repo()
{
	# Nothing of the person's own settings that changes what comes out.
	git -C "$repo" -c core.autocrlf=false -c commit.gpgSign=false \
		-c user.name="${ident%% <*}" -c user.email="$email" "$@"
}

commit()
{
	in_repo add -A
	in_repo diff --cached --quiet && die "series: the step \"$1\" changes nothing"
	{ printf '%s\n\n' "$1"; fmt -w 72; } | in_repo commit -q -s --no-verify -F -
}

# step SUBJECT FILE...: our files or folders, as they are named in the kernel's
# tree; a message on stdin. A folder replaces upstream's of that name.
step()
{
	local subject=$1 f

	shift
	for f in "$@"; do
		[ -e "$f" ] || die "series: there is no $f (step \"$subject\")"
		mkdir -p "$repo/$(dirname "$f")"
		rm -rf "${repo:?}/$f"
		cp -r "$f" "$repo/$(dirname "$f")/"
	done
	commit "$subject"
}

# hooks: but those that build our files. A hook has its message at its head.
hooks()
{
	local patch

	for patch in $(list_hooks); do
		[[ $patch != *-build.patch ]] || continue
		apply_hook "$patch" "$repo" "the kernel before it"
		sed -n '3,/^--- /{/^--- /!p}' "$patch" | commit "$(head -n 1 "$patch")"
	done
}

# build_hook FOLDER FILE...: the hook of FOLDER that builds our files, with some of them;
# a message on stdin
build_hook()
{
	local patch

	patch=$(list_hooks | grep "/hooks/$1/.*-build.patch$")
	shift
	apply_hook "$patch" "$repo" "the kernel before it"
	[ "$1" != $d/Kbuild ] ||
		cp "$tree/drivers/iommu/iommufd/Kconfig" "$repo/drivers/iommu/iommufd/"
	step "$(head -n 1 "$patch")" "$@"
}

cd "$ours"
git init -q "$repo"
cp -r "$tree.orig/." "$repo/"
in_repo add -A
in_repo commit -q -m base
base=$(in_repo rev-parse HEAD)
patches

while read -r f; do
	cmp -s "$repo/$f" "$tree/$f" ||
		die "series: $f is not what \"make patch\" makes of it"
done < <(in_repo ls-files)
while read -r f; do
	[ -e "$repo/$f" ] ||
		die "series: $f is in no patch; give it to one in build-aux/series.sh"
done < <(find . -type f)

rm -rf "$out.new"
in_repo format-patch -q --no-signature --no-numbered --numbered --cover-letter \
	-o "$out.new" "$base"
cover=$out.new/0000-cover-letter.patch
blurb=$(cat <<'END'
One object for each I/O address space that answers which pages its devices have
written: from the IOMMU's dirty bits where there are any, from a device's own
tracker, or, when nothing can tell, everything that is mapped writable. A virtual
machine monitor then asks one object instead of merging several, and is told what
the answer is made of.

The hooks come first, each for its own reason and without effect; then the
tracker in its parts; then a virtual platform that the tests run on; and last the
options that build it all. The tree builds after each patch.
END
)
awk -v blurb="$blurb" '
	/\*\*\* SUBJECT HERE/ { sub(/\*\*\* SUBJECT HERE \*\*\*/, "iommufd: one dirty tracker for an address space") }
	/\*\*\* BLURB HERE/ { print blurb; next }
	{ print }' "$cover" >"$cover.new"
mv "$cover.new" "$cover"

# Nothing of what is for older kernels
if grep -lE "$compat" "$out.new"/*.patch >&2; then
	die "series: compat/ is in the patches above"
fi

# ---- checkpatch -----------------------------------------------------------

# Not asked:
#  FILE_PATH_CHANGES	the entry in MAINTAINERS is for the one who sends it
ignore=FILE_PATH_CHANGES
bad=0
for patch in "$out.new"/*.patch; do
	[[ $patch != *cover-letter* ]] || continue
	(cd "$tree" && scripts/checkpatch.pl --terse --show-types --no-summary \
		--ignore "$ignore" "$patch") >&2 || bad=1
done
rm -rf "$out"
mv "$out.new" "$out"
[ $bad = 0 ] || die "checkpatch has something to say about the patches in $out"
say "$out: $(($(find "$out" -name '*.patch' | wc -l) - 1)) patches and a cover letter; checkpatch is content"
