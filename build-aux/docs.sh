#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# docs.sh: "make docs". Documentation/ as HTML in build/docs/html, by Debian's sphinx
# and the kernel's own kernel-doc, which come with the source package. A warning is an
# error: a reference that leads nowhere, a structure in a header that is not described.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

load_kernel
command -v sphinx-build >/dev/null ||
	die "sphinx-build is not installed; run \"make setup-docs\" (Debian's python3-sphinx)"
# A program in the older kernels, a part of the sphinx extension in the newer ones, which
# looks for it in $srctree
program=()
if [ -x "$KSRC/scripts/kernel-doc" ]; then
	program=(-D kerneldoc_bin="$KSRC/scripts/kernel-doc")
elif [ ! -d "$KSRC/tools/lib/python/kdoc" ]; then
	die "$KSRC has no kernel-doc; run \"make setup-docs\", or give a whole kernel source with KSRC="
fi

out=$BUILD/docs
mkdir -p "$out"
log=$out/log
# -C: there is no conf.py, all that would be in it is here
srctree=$KSRC PYTHONPATH=$KSRC/Documentation/sphinx PYTHONDONTWRITEBYTECODE=1 \
	sphinx-build -C -E -q -W --keep-going -n -b html -d "$out/doctrees" \
	-D project=iommufd-dirty -D extensions=kerneldoc -D master_doc=index \
	-D primary_domain=c -D highlight_language=none \
	"${program[@]}" -D kerneldoc_srctree="$TOP" \
	-D kerneldoc_verbosity=1 -D html_theme=alabaster \
	-D html_show_sourcelink=0 \
	"$TOP/Documentation" "$out/html" 2>&1 | tee "$log" >&2 ||
	die "the documentation has the mistakes above"
# What kernel-doc has to say is not counted by sphinx
! grep -q 'warning: ' "$log" ||
	die "the headers have the mistakes above"
say "documentation: $out/html/index.html"
