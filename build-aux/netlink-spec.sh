#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# netlink-spec.sh [SPEC]: do uapi/linux/iommufd_dirty_netlink.h and the YAML beside it
# (or SPEC) say the same? Each name of the YAML must be a constant of its value in the
# header, of the type that its comment says, and none may be missing. Then the YAML
# is held against the kernel's own schema, where its tools can run.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

header=$TOP/uapi/linux/iommufd_dirty_netlink.h
spec=${1:-$TOP/uapi/linux/iommufd_dirty_netlink.yaml}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# "NAME VALUE TYPE" for each, TYPE only of attributes
awk '
	function constant(name) {
		name = toupper(prefix name)
		gsub("-", "_", name)
		return name
	}
	function flush_one() {
		if (last != "")
			print constant(last), value++, type
		last = type = ""
	}
	/^name: / { family = $2 }
	/^[a-z-]+:/ { flush_one(); section = $1; value = 1 }
	/^    name: / { flush_one(); value = 1 }
	/^ *name-prefix: / { prefix = $2 }
	section == "definitions:" && /^    name: / { prefix = family "-" $2 "-" }
	section == "definitions:" && /^    value-start: / { value = $2 }
	section ~ /^(definitions|attribute-sets):/ && /^        name: / { flush_one(); last = $2 }
	section == "attribute-sets:" && /^        type: / { type = $2 }
	section == "operations:" && /^      name: / { flush_one(); last = $2 }
	END { flush_one() }
' "$spec" >"$work/spec"

# The same from the header; the compiler knows the values
awk '
	/^ \* @IOMMUFD_DIRTY_A_[A-Z_0-9]+: / {
		sub(":", "", $2)
		sub(";", "", $3)
		type[substr($2, 2)] = $3
	}
	/^\tIOMMUFD_DIRTY_[A-Z_0-9]+( = 1)?,/ { sub(",", "", $1); print $1, type[$1] }
' "$header" | sort >"$work/header"

[ -s "$work/spec" ] || die "$spec describes nothing"
awk '{ print $1, $3 }' "$work/spec" | sort >"$work/names"
diff "$work/names" "$work/header" >&2 ||
	die "names or types of ${spec##*/} (<) and ${header##*/} (>) differ"
{
	echo "#include \"$header\""
	awk '{ printf "_Static_assert(%s == %d, \"%s\");\n", $1, $2, $1 }' "$work/spec"
} >"$work/check.c"
gcc -fsyntax-only "$work/check.c" >&2 ||
	die "values of ${spec##*/} and ${header##*/} differ"
for word in "$(sed -n 's/^name: //p' "$spec")" \
	"$(sed -n '/^mcast-groups:/,$ s/^      name: //p' "$spec")"; do
	grep -q "^#define IOMMUFD_DIRTY_[A-Z_]*	\"$word\"\$" "$header" ||
		die "${header##*/} does not name \"$word\""
done

load_kernel
ynl=$KSRC/tools/net/ynl schema=$KSRC/Documentation/netlink/genetlink.yaml
if [ -e "$ynl/lib/nlspec.py" ] && [ -e "$schema" ] &&
	python3 -c 'import yaml, jsonschema' 2>/dev/null; then
	# It looks for the schema beside the folder of the specification.
	mkdir -p "$work/netlink/specs"
	cp "$schema" "$work/netlink/"
	cp "$spec" "$work/netlink/specs/iommufd_dirty.yaml"
	PYTHONDONTWRITEBYTECODE=1 python3 -c '
import sys
sys.path.insert(0, sys.argv[1])
from lib import SpecFamily
SpecFamily(sys.argv[2])' "$ynl" "$work/netlink/specs/iommufd_dirty.yaml" >&2 ||
		die "${spec##*/} is not what the kernel's schema asks for"
	said="and the kernel's schema"
else
	said="(the kernel's own tools for specifications are not here)"
fi
echo "$(wc -l <"$work/spec") constants of ${spec##*/} agree with ${header##*/} $said"
