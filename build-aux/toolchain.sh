# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# toolchain.sh: the compiler that a kernel's headers name, and the programs of its kbuild,
# on a machine of an older Debian release, whose C library is too old for them. They run
# under their own release's dynamic linker and libraries, all of it unpacked under
# build/. To be sourced by setup.sh.

# Of the release that the kernel is from, for the kernel's architecture
toolchain_packages()
{
	echo libc6 libelf1t64 zlib1g libzstd1 libssl3t64 libgmp10 libmpfr6 libmpc3 libisl23 \
		libstdc++6 libgcc-s1 "$1-${TRIPLET//_/-}" "${1/gcc/cpp}-${TRIPLET//_/-}"
}

# compiler_of KDIR: gcc-14
compiler_of()
{
	local compiler

	compiler=$(sed -n 's/^CC *=.*(CROSS_COMPILE)//p' "$1/.kernelvariables" 2>/dev/null)
	echo "${compiler:-gcc}"
}

# wrapper FILE ROOT NAME PROGRAM [OPTION...]: FILE runs PROGRAM, which takes NAME for its
# own name, with the libraries in ROOT
wrapper()
{
	local file=$1 root=$2 name=$3 program=$4

	shift 4
	cat >"$file.new" <<-END
		#!/bin/sh
		exec $root/lib64/ld-linux-x86-64.so.2 --library-path $root/lib/x86_64-linux-gnu \\
			--argv0 $name $program $* "\$@"
	END
	chmod 755 "$file.new"
	mv "$file.new" "$file"
}

# toolchain_wrap DIR ROOT COMPILER: DIR, which will be ROOT, gets bin/ with what is to be
# called
toolchain_wrap()
{
	local dir=$1 root=$2/usr tool bin=$1/bin

	mkdir -p "$bin" "$dir/binutils"
	for tool in as ld objcopy nm; do
		ln -sf "$(command -v "$CROSS$tool")" "$dir/binutils/$tool"
	done
	# The compiler proper, assembler and linker are called the same way.
	wrapper "$bin/$TRIPLET-$3" "$root" "$root/bin/$TRIPLET-$3" "$root/bin/$TRIPLET-$3" \
		"-wrapper $root/lib64/ld-linux-x86-64.so.2,--library-path,$root/lib/x86_64-linux-gnu" \
		"-B $2/binutils/"
}

# kbuild_wrap DIR ROOT: the programs of kbuild in DIR, where they were unpacked
kbuild_wrap()
{
	local f

	find "$1" -type f -perm -u+x ! -name '*.elf' | while read -r f; do
		[ "$(head -c 4 "$f" | tail -c 3)" = ELF ] || continue
		mv "$f" "$f.elf"
		wrapper "$f" "$2/usr" "$f" "$f.elf"
	done
}
