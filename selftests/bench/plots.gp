# SPDX-License-Identifier: GPL-2.0-only
# gnuplot -e "dir='build/bench'" plots.gp: the plots of "make bench", from the
# data that report (plots.c) left in dir. Columns: size in GiB, density in %, upstream's
# instructions, the tracker's; of devices.dat: devices, upstream's, the tracker's.

set terminal svg size 720,480 font "sans,13" background "white"
set grid
set key top left
set style data linespoints

set logscale xy 2
set format y "%.1s%c"
set xlabel "mapped address space, GiB"
set ylabel "instructions of one READ"

set output dir."/read-size-4K.svg"
set title "One domain, leaves of 4 KiB"
plot for [d in "0 1 100"] dir."/size-read-4K-".d.(d eq "1" ? "-random" : "-seq").".dat" \
		using 1:3 title d." % dirty, upstream" dashtype 2, \
	for [d in "0 1 100"] dir."/size-read-4K-".d.(d eq "1" ? "-random" : "-seq").".dat" \
		using 1:4 title d." % dirty, tracker"

set output dir."/read-size-2M.svg"
set title "One domain, leaves of 2 MiB"
plot for [d in "0 1 100"] dir."/size-read-2M-".d.(d eq "1" ? "-random" : "-seq").".dat" \
		using 1:3 title d." % dirty, upstream" dashtype 2, \
	for [d in "0 1 100"] dir."/size-read-2M-".d.(d eq "1" ? "-random" : "-seq").".dat" \
		using 1:4 title d." % dirty, tracker"

unset logscale
set logscale x
set xlabel "dirty pages, %"
set output dir."/read-density.svg"
set title "1 GiB, leaves of 4 KiB, scattered"
plot dir."/density-read-4K-1G-random.dat" using 2:3 title "upstream" dashtype 2, \
	dir."/density-read-4K-1G-random.dat" using 2:4 title "tracker", \
	dir."/density-read-4K-gather-1G-random.dat" using 2:4 title "tracker, gather mode"

unset logscale
set xlabel "devices with a log of their own"
set output dir."/read-devices.svg"
set title "1 GiB, 1000 dirty pages, no IOMMU that tracks"
plot dir."/devices.dat" using 1:2 title "upstream" dashtype 2, \
	dir."/devices.dat" using 1:3 title "tracker"
