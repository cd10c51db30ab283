/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * join.pml - STOP joins the leaves of a table beside a device that writes and a look-up
 *
 * An entry leads to a table of small leaves, one of which is watched. STOP switches tracking
 * off, which ends what is owed to READs, and replaces the entry by a leaf that has the D bit if
 * a small leaf has it. Then it flushes, and frees the table. START switches tracking on, clears
 * D and flushes; a READ that follows must find what was written since.
 *
 * Hardware walks from the entry, or from the table that its caches say the entry leads to, and
 * may go on with a small leaf from its IOTLB. Tasks that look an address up (map, pin) hold
 * pages->mutex, and so does the join until the entry is a leaf.
 */

bool table = true;	/* the entry leads to the table */
bool freed;		/* the table is not the domain's any more */
bool tracked = true;	/* hardware sets D */
bool small, large;	/* D of the watched leaf, of the joined leaf */
bool table_cached;	/* hardware's caches have the table */
bool leaf_cached;	/* the IOTLB has the leaf, as dirty if D is set */
bool writing;
bool owed;		/* written since START, and not read */
bool started = true;
bool mutex;

/* A write in flight ends before a flush does */
inline flush()
{
	atomic { !writing -> table_cached = false; leaf_cached = false }
}

active proctype device()
{
	bool walks;

end:	do
	:: atomic {
		!writing;
		writing = true;
		if
		:: leaf_cached
		:: !leaf_cached && (table || table_cached) ->
			table_cached = true;
			walks = true
		:: !leaf_cached && !table && !table_cached ->
			large = large || tracked;
			leaf_cached = true
		fi
	   };
	   if
	   :: atomic {
		walks ->
		assert(!freed);
		small = small || tracked;
		leaf_cached = true;
		walks = false
	      }
	   :: else
	   fi;
	   atomic { writing = false; owed = owed || started }
	od
}

active proctype look_up()
{
	bool walks;

#ifndef MUTANT_LOOK_UP_WITHOUT_MUTEX
	atomic { !mutex -> mutex = true };
#endif
	walks = table;
	if
	:: walks -> assert(!freed)
	:: else
	fi;
	atomic { walks = false; mutex = false }
}

/* Tracking that is always on stays so. */
inline stop()
{
	started = false;
	if
	:: tracked = false
	:: true
	fi;
	flush();
	owed = false
}

inline join()
{
	atomic { !mutex -> mutex = true };
	found = small;
	atomic {
		table = false;
		large = found;
		found = false
	};
	mutex = false;
#ifdef MUTANT_FREE_BEFORE_FLUSH
	freed = true;
#endif
#ifndef MUTANT_NO_FLUSH
	flush();
#endif
	freed = true
}

inline start()
{
	tracked = true;
	atomic { small = false; large = false };
	flush();
	started = true
}

active proctype user()
{
	bool found, must;

#ifndef MUTANT_JOIN_WHILE_TRACKED
	stop();
#endif
	join();
#ifndef MUTANT_JOIN_WHILE_TRACKED
	start();
#endif
	must = owed;
	found = small && table || large;
	assert(!must || found)
}
