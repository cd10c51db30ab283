/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * split.pml - a large leaf is taken apart beside a device that writes and two harvests
 *
 * The leaf has two parts, and the watched page is in one of them. It is one entry (VT-d), or
 * an entry for each part, of which hardware may set D in any (AMD). The split replaces each
 * entry by a table of small leaves with a cmpxchg: it fails if D was set since the entry was
 * read. The small leaves have the D bit of their entry. Of several entries one may have had D
 * for the other's part, so the leaf is published as a whole, after the flush.
 *
 * Hardware with the large leaf in its IOTLB goes on with it until all is flushed, and sets D
 * in any entry that is still a leaf. A harvest clears D, ends its step, and flushes the
 * entries of what it has cleared: large or small ones, not both.
 */

byte watched;		/* the part with the page */
bool single;		/* the leaf is one entry */
bool table[2];		/* the entry leads to small leaves */
bool dirty[2];		/* D of the entry, as long as that is a leaf */
bool small;		/* D of the watched page's small leaf */
bool large_cached;	/* the IOTLB has the large leaf as dirty */
bool small_cached;	/* the IOTLB has the watched page's small leaf as dirty */
bool writing;
bool step;
bool any;		/* the split has found D */

#define ENTRY(part)	(single -> 0 : (part))
#define LARGE_DIRTY	(dirty[0] && !table[0] || dirty[1] && !table[1])
#define HARDWARE	(LARGE_DIRTY || small)
#define IN_FLIGHT	(any && step)
#include "dirty.pmlh"

/* The entry in which hardware sets D of the large leaf, @part's or another of it */
inline set_dirty(entry)
{
	dirty[entry] = true;
	large_cached = true
}

proctype device()
{
	byte part;

end:	do
	:: atomic {
		!writing;
		select (part : 0 .. 1);
		if
		:: large_cached
		:: !large_cached && !table[ENTRY(part)] -> set_dirty(ENTRY(part))
		:: !large_cached && !single && !table[1 - part] -> set_dirty(1 - part)
		:: !large_cached && table[ENTRY(part)] ->
			small = small || part == watched && !small_cached;
			small_cached = small_cached || part == watched
		fi;
		writing = true
	   };
	   atomic {
		writing = false;
		owed = owed || part == watched;
		part = 0
	   }
	od
}

inline step_begin()
{
#ifdef MUTANT_NO_STEP
	step = true
#else
	atomic { !step -> step = true }
#endif
}

proctype reader(byte r)
{
	bool split, found;

	read_begin(r, true);
	step_begin();
	split = table[ENTRY(watched)];
	if
	:: split ->
		atomic {
			if
			:: small -> small = false; read_take(r)
			:: else
			fi
		}
	:: else ->
		/* Not atomic: what hardware sets in between is of a leaf that is reported */
		found = LARGE_DIRTY;
		atomic {
			if
			:: found -> dirty[0] = false; dirty[1] = false; read_take(r)
			:: else
			fi
		}
	fi;
	step = false;
	atomic {
		!writing;
		if
		:: split -> small_cached = false
		:: else -> large_cached = false
		fi
	};
	atomic { split = false; found = false };
	read_take_pending(r, true);
	if
	:: read_deliver(r)
	:: read_give_back(r)
	fi
}

proctype splitter()
{
	byte entry;
	bool old;

	step_begin();
	do
	:: entry == (single -> 1 : 2) -> break
	:: else ->
		old = dirty[entry];
		atomic {
			if
#ifdef MUTANT_NO_CMPXCHG
			:: true ->
#else
			:: dirty[entry] == old ->
#endif
				table[entry] = true;
				dirty[entry] = false;
#ifndef MUTANT_PARTS_ARE_CLEAN
				small = small || old && entry == ENTRY(watched);
#endif
#ifndef MUTANT_NOT_WHOLE
				any = any || old && !single;
#endif
				entry++
#ifndef MUTANT_NO_CMPXCHG
			:: else
#endif
			fi;
			old = false
		}
	od;
#ifdef MUTANT_PUBLISH_BEFORE_FLUSH
	atomic { pending = pending || any; any = false };
#endif
#ifndef MUTANT_NO_FLUSH
	atomic { !writing -> large_cached = false; small_cached = false };
#endif
	atomic { pending = pending || any; any = false };
	step = false
}

init {
	atomic {
		select (watched : 0 .. 1);
		if
		:: single = true
		:: single = false
		fi;
		run device();
		run reader(0);
		run reader(1);
		run splitter()
	}
}
