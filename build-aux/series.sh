#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# series.sh: "make series". What "make patch" does, as patches to send: numbered,
# with messages, in build/series. The tree builds after each: the hooks come
# first and call functions that do nothing, then our files, and last the options
# that build them.
#
# The author and the sign-off are git's (user.name and user.email).
set -euo pipefail
. "$(dirname "$0")/lib.sh"

load_kernel
tree=$BUILD/linux-${RELEASE%%[+-]*}
out=$BUILD/series
# A debug kernel may be built from the tree just now.
exec 6>"$BUILD/.lock-kernel"
flock 6
"$TOP/build-aux/patch.sh"
command -v git >/dev/null || die "git is missing; install the package git"
work=$(mktemp -d "$BUILD/.series.XXXXXX")
trap 'rm -rf "$work"' EXIT
ours=$work/ours
repo=$work/repo
mkdir -p "$ours" "$repo"
copy_all_ours "$ours"
cp "$TOP/Kconfig" "$ours/drivers/iommu/iommufd/dirty/Kconfig"
mlx5=drivers/vfio/pci/mlx5
if [ -e "$TOP/drivers/mlx5/Kconfig" ]; then
	copy_ours drivers/mlx5 "$ours" "$mlx5"
	cp "$TOP/drivers/mlx5/Kconfig" "$ours/$mlx5/"
fi

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
# tree; a message on stdin.
step()
{
	local subject=$1 f

	shift
	for f in "$@"; do
		[ -e "$f" ] || die "series: there is no $f (step \"$subject\")"
		mkdir -p "$repo/$(dirname "$f")"
		cp -r "$f" "$repo/$(dirname "$f")/"
	done
	commit "$subject"
}

# A hook has its message at its head.
hook()
{
	local patch=$1

	patch -d "$repo" -p1 -F0 -s --no-backup-if-mismatch <"$patch"
	sed -n '3,/^--- /{/^--- /!p}' "$patch" | commit "$(head -n 1 "$patch")"
}

cd "$ours"
git init -q "$repo"
cp -r "$tree.orig/." "$repo/"
in_repo add -A
in_repo commit -q -m base
base=$(in_repo rev-parse HEAD)

d=drivers/iommu/iommufd/dirty
v=drivers/vfio/dirty

step "iommufd: uAPI of the dirty tracker" include/uapi/linux/iommufd_dirty.h <<'END'
A user of an IOAS must know which pages its devices have written. Today each
kind of source has an ioctl of its own on a file of its own: the HWPTs that can
track, the devices that can track, and nothing for those that cannot. A dirty
tracker is one object for one IOAS, with one answer.

The ioctls have numbers from 0xc0 on, so that they do not meet those that
iommufd.h will get.
END

step "iommufd, vfio: what the dirty tracker is told" $d/hooks.h $v/hooks.h <<'END'
The functions that iommufd and vfio will call, and the state that they need in its
structs. Without CONFIG_IOMMUFD_DIRTY, which does not exist yet, they do nothing.
END

for patch in $(list_hooks); do
	case $patch in
	*/iommufd/hooks/*-build.patch) build_hook=$patch ;;
	*/vfio/hooks/*-build.patch) vfio_build_hook=$patch ;;
	*) hook "$patch" ;;
	esac
done

step "iommufd: a container for dirty IOVA" $d/dirty_set.[ch] $d/test.h <<'END'
The container for dirt in the kernel: what a harvest finds, and what waits to be
delivered. Nothing is allocated for clean memory, and adding to it cannot fail:
without memory for a bit, a larger range that contains it is marked.
END

step "iommufd: a window that IOMMU drivers fill with dirt" $d/window.[ch] <<'END'
A struct iova_bitmap over kernel memory: it puts into a dirty set what a driver
reports, clipped to where the harvest looks.
END

step "iommufd: the plan of a dirty tracker" $d/plan.[ch] <<'END'
Which sources cover an address space: a pure function of domains, devices and
policy.
END

step "iommufd: deliver dirt to user memory" $d/deliver.[ch] <<'END'
As a bitmap, as ranges, or only counted. A bit leaves the kernel's set only after
it has reached user memory, so a fault in the middle loses nothing.
END

step "iommufd: what is known of IOMMU drivers' dirty bits" \
	$d/platform.c $d/platform/*.[ch] <<'END'
One file for each driver: AMD, Intel VT-d and Arm SMMUv3 differ in how large a
leaf can be, in which flush publishes a bit, and in what makes D trustworthy.
END

step "iommufd: domains as sources of dirt" $d/domain.c $d/harvest.c $d/tracker.h <<'END'
Harvests the D bits of a domain leaf by leaf inside of what is mapped, flushes,
and only then publishes. A domain that cannot track, or fails at it, counts as
dirty wherever it is mapped writable.
END

step "iommufd: devices as sources of dirt" include/linux/iommufd_dirty.h \
	$d/source.[ch] <<'END'
The driver of a device that logs what it writes registers the log. It is harvested
by a worker, since drivers may wait for their device uninterruptibly.
END

step "iommufd: carry out the plan of a dirty tracker" $d/replan.c $d/attach.c <<'END'
Whatever has changed: a device or a HWPT comes, goes, is replaced, or a source
breaks. In an order in which no write goes unseen.
END

step "iommufd: what the CPU writes is dirt" $d/access.c <<'END'
Of drivers without DMA: what they write through an access, and what they have
pinned for writing.
END

step "iommufd: fine leaves for a dirty tracker" $d/leaves.c <<'END'
A domain is filled with the smallest leaves that it can have, so that a dirty bit
stands for a page, while pinning goes on in huge pages.
END

step "iommufd: other leaves for a domain that is in use" $d/twin.c $d/split.[ch] <<'END'
A twin with leaves of 4 KiB is filled while devices go on with the domain, and
exchanged for it when no access can be refused; and back when the tracker stops.
END

step "iommufd: the dirty tracker" $d/tracker.c $d/read.c $d/info.c <<'END'
The object and its ioctls: START and STOP, READ with resumable progress and
bounded work under locks, and INFO about who answers for which device.
END

step "iommufd: the dirty tracker for users of type1" $d/legacy.c <<'END'
VFIO_IOMMU_DIRTY_PAGES of an iommufd that is used as a container: START makes a
tracker of the compatibility IOAS, STOP destroys it.
END

step "iommufd: break the dirty tracker on purpose" $d/test.c <<'END'
To prove that its tests would notice. An option of its own that is off.
END

step "iommufd: a virtual platform for tests of dirty tracking" \
	drivers/iommu/iommufd/virt <<'END'
A PCI bus with IOMMUs that behave like AMD's, Intel's and Arm's, down to an IOTLB
that caches the dirty state, and devices whose DMA is logged: the truth that
tests compare the tracker with. Nobody's hardware is needed.
END

patch -d "$repo" -p1 -F0 -s --no-backup-if-mismatch <"${build_hook:?}"
cp "$tree/drivers/iommu/iommufd/Kconfig" "$repo/drivers/iommu/iommufd/Kconfig"
step "$(head -n 1 "$build_hook")" $d/Kbuild $d/Kconfig <<'END'
With an option for each IOMMU driver, and one for the virtual platform. With
CONFIG_IOMMUFD_DIRTY=n, iommufd is as it was.
END

step "vfio: a source of dirt for each driver with a log" $v/source.c <<'END'
An adapter over struct vfio_log_ops. The ioctls that use the log directly answer
EBUSY while a dirty tracker has it.
END

patch -d "$repo" -p1 -F0 -s --no-backup-if-mismatch <"${vfio_build_hook:?}"
step "$(head -n 1 "$vfio_build_hook")" $v/Kbuild <<'END'
With CONFIG_IOMMUFD_DIRTY=n, vfio is as it was.
END

if [ -e "$ours/$mlx5" ]; then
	rm -rf "${repo:?}/$mlx5"
	step "vfio/mlx5: a driver whose page tracker is a source" $mlx5 <<'END'
With the migration states and the page tracker of the firmware as upstream's
has them, for the same users; written so that a dirty tracker can take the page
tracker for one of its sources. It replaces upstream's.
END
fi

# ---- All of it? -----------------------------------------------------------

while read -r f; do
	[ -e "$repo/$f" ] ||
		die "series: $f is in no step; give it to one in build-aux/series.sh"
done < <(cd "$ours" && find . -type f)
while read -r f; do
	cmp -s "$repo/$f" "$tree/$f" ||
		die "series: $f is not what \"make patch\" makes of it"
done < <(in_repo ls-files)

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
[ $bad = 0 ] || die "checkpatch has something to say about the patches in build/series"
say "build/series: $(($(find "$out" -name '*.patch' | wc -l) - 1)) patches and a cover letter; checkpatch is content"
