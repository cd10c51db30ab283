/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * harvest.pml - D bits, the IOTLB, two READs, and the last harvest of an HWPT
 *
 * Four pages in two leaves. An IOMMU has one D bit for each leaf, sets it where a
 * device writes, and not where its IOTLB knows the leaf as dirty already. Its driver
 * clears the D bit of the whole leaf that it meets and records two pages from the
 * address that it was called with, so that a call from inside a leaf records the
 * wrong ones.
 *
 * Two READs, of ranges that overlap, share no more than a leaf, or neither, harvest a
 * step each; a step is widened to whole leaves and excludes steps that overlap. The
 * HWPT is destroyed at the same time: hardware, last harvest step by step, unlisted,
 * tracking off.
 *
 * Somebody else clears a D bit once, without a step, and puts the page where it
 * belongs: a walk must not depend on being the only one that clears.
 */

#define LEAF(page)	((page) / 2)
#define HARDWARE	(listed && dirty[LEAF(watched)])
#define IN_FLIGHT	((last_hand || spill[0] || spill[1]) && step[LEAF(watched)])

byte watched;
bool dirty[2];		/* D bit of each leaf */
bool cached[2];		/* the IOTLB has the leaf as dirty */
bool writing;		/* a translated write is on its way to memory */
bool attached = true, tracking = true, listed = true;
bool step[2];		/* leaves that steps under way cover */
bool last_hand;		/* what the last harvest has in its hands */
bool spill[2];			/* what a READ found beyond the end of its range */

#include "dirty.pmlh"

rwsem domains;		/* domains_rwsem */

#define WITHIN(first, last)	((first) <= watched && watched <= (last))

proctype device()
{
	byte page;

end:	do
	:: atomic {
		attached;
		select (page : 0 .. 3);
		dirty[LEAF(page)] = dirty[LEAF(page)] || !cached[LEAF(page)];
		cached[LEAF(page)] = true;
		writing = true
	   };
	   atomic {
		writing = false;
		owed = owed || page == watched;
		page = 0
	   }
	od
}

/* Completes after the writes that used the entries. */
inline flush()
{
	atomic { !writing -> cached[0] = false; cached[1] = false }
}

inline step_begin(first, last)
{
	atomic {
#ifndef MUTANT_NO_STEP
		!(step[0] && LEAF(first) == 0) && !(step[1] && LEAF(last) == 1);
#endif
		step[0] = step[0] || LEAF(first) == 0;
		step[1] = step[1] || LEAF(last) == 1
	}
}

inline step_end(first, last)
{
	atomic {
		step[0] = step[0] && LEAF(first) != 0;
		step[1] = step[1] && LEAF(last) != 1
	}
}

proctype reader(byte r, first, last)
{
	byte at;
	bool found;

	read_begin(r, WITHIN(first, last));
	down_read(domains);
	if
	:: listed ->
		step_begin(first, last);
#ifdef MUTANT_START_INSIDE_LEAF
		at = first;
#else
		at = 2 * LEAF(first);
#endif
		do
		:: LEAF(at) > LEAF(last) -> break
		:: else ->
			/* Gather mode: look first, then clear leaf by leaf. */
			found = dirty[LEAF(at)];
			atomic {
				assert(tracking);
				if
				:: found && dirty[LEAF(at)] ->
					dirty[LEAF(at)] = false;
					if
					:: !WITHIN(at, at + 1)
					:: else ->
						if
						:: WITHIN(first, last) -> read_take(r)
						:: else -> spill[r] = true
						fi
					fi;
					at = at + 2
				:: else ->
#ifdef MUTANT_GO_ON_INSIDE_LEAF
					at = at + (found -> 1 : 2)
#else
					at = at + 2
#endif
				fi;
				found = false
			}
		od;

		/* Pages of others: a READ of them does not wait for more than a step. */
#ifdef MUTANT_SPILL_AFTER_STEP
		step_end(first, last);
#endif
		if
		:: spill[r] ->
#ifndef MUTANT_SPILL_UNFLUSHED
			flush();
#endif
			atomic { pending = true; spill[r] = false }
		:: else
		fi;
#ifndef MUTANT_SPILL_AFTER_STEP
		step_end(first, last);
#endif
#ifndef MUTANT_NO_FLUSH
		if
		:: flush()
#ifdef MUTANT_KILLED_UNFLUSHED
		:: up_read(domains); goto killed
#endif
		fi
#endif
	:: else
	fi;
	up_read(domains);
	read_take_pending(r, WITHIN(first, last));
	if
	:: read_deliver(r)
	:: goto killed
	fi;
	goto done;

killed:
	read_give_back(r);
done:
	at = 0
}

/* Pages go to the pending store, flushed, before their step ends. */
proctype destroy()
{
	byte leaf;

	atomic { !writing -> attached = false };
	down_read(domains);
	do
	:: leaf == 2 -> break
	:: else ->
		step_begin(2 * leaf, 2 * leaf);
		atomic {
			last_hand = last_hand || dirty[leaf] && leaf == LEAF(watched);
			dirty[leaf] = false
		};
		flush();
#ifndef MUTANT_PUBLISH_AT_END
		atomic { pending = pending || last_hand; last_hand = false };
#endif
		step_end(2 * leaf, 2 * leaf);
		leaf++
	od;
	atomic { pending = pending || last_hand; last_hand = false };
	up_read(domains);
#ifdef MUTANT_DISABLE_BEFORE_UNLIST
	tracking = false;
#endif
	down_write(domains);
	listed = false;
	up_write(domains);
	tracking = false
}

proctype somebody()
{
	byte leaf;

	select (leaf : 0 .. 1);
end:	atomic {
		!writing && dirty[leaf] ->
		dirty[leaf] = false;
		cached[leaf] = false;
		pending = pending || leaf == LEAF(watched)
	}
}

init {
	atomic {
		select (watched : 0 .. 3);
		run reader(0, 1, 2);
		if
		:: run reader(1, 0, 0)
		:: run reader(1, 0, 3)
		:: run reader(1, 3, 3)
		fi;
		run destroy();
		run device();
		run somebody()
	}
}
