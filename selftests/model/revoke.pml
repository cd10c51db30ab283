/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * revoke.pml - two READs and an unmap beside a revoke of the watched page
 *
 * The page is of a dma-buf. Its owner takes the leaf and the leaf's table out of the domain
 * under the mutex of the pages alone, and frees the table. Who reads D bits holds that mutex
 * as long as it looks at the table; clearing D writes back what was read.
 *
 * A page that was revoked is reported by each READ, as what is mapped, until it is unmapped.
 * The unmap hides the area, harvests it, publishes, and ends the hiding (unmap.pml).
 */

bool present = true;	/* the leaf is in the table */
bool freed;		/* the table is not the domain's any more */
bool revoked;		/* under the mutex */
bool revoking;		/* a caller that wants the mutex waits for the revoke */
bool mutex;		/* pages->mutex */
bool visible = true;	/* area->pages is set */
bool hiding;		/* the area is in the list of hidden areas */
bool dirty, cached, writing;
bool hand;		/* what the unmap has harvested */

#define HARDWARE	((dirty || revoked) && (visible || hiding))
#define IN_FLIGHT	(revoking && (visible || hiding) || hand && hiding)
#include "dirty.pmlh"

rwsem iova;		/* iova_rwsem */

/* Its owner has the memory back: no device may reach it. */
active proctype given_back()
{
end:	atomic {
		revoked && !revoking && present;
		assert(false)
	}
}

active proctype device()
{
end:	do
	:: atomic {
		(present || cached) && !writing;
		dirty = dirty || present && !cached;
		cached = true;
		writing = true
	   };
	   atomic { writing = false; owed = owed || visible }
	od
}

inline flush()
{
	atomic { !writing -> cached = false }
}

inline lock()
{
	atomic { !mutex -> mutex = true }
}

/* A walk that clears D, in two steps: it finds the leaf dirty, and writes it back clean. */
inline walk(reading)
{
	atomic { assert(!freed); found = dirty && present };
	if
	:: found ->
		atomic {
			assert(!freed);
			present = true;
			dirty = false;
			found = false;
			if
			:: reading -> read_take(r)
			:: else -> hand = true
			fi
		}
	:: else
	fi
}

active [READERS] proctype reader()
{
	byte r;
	bool found;

	atomic { r = _pid - 3; read_begin(r, true) };
	down_read(iova);
	if
	:: visible ->
#ifndef MUTANT_READ_WITHOUT_MUTEX
		lock();
#endif
		if
#ifndef MUTANT_REVOKED_IS_CLEAN
		:: revoked -> read_take(r)
#else
		:: revoked
#endif
		:: else -> walk(true)
		fi;
#ifndef MUTANT_READ_WITHOUT_MUTEX
		mutex = false;
#endif
		flush();
		up_read(iova)
	:: else ->
		up_read(iova);
		!hiding
	fi;
	read_take_pending(r, true);
	if
	:: read_deliver(r)
	:: read_give_back(r)
	fi
}

active proctype unmap()
{
	byte r;
	bool found;

	down_write(iova);
	atomic { visible = false; hiding = true };
	up_write(iova);
#ifndef MUTANT_UNMAP_WITHOUT_MUTEX
	lock();
#endif
	if
#ifndef MUTANT_UNMAPPED_IS_CLEAN
	:: revoked -> hand = true
#else
	:: revoked
#endif
	:: else -> walk(false)
	fi;
#ifndef MUTANT_UNMAP_WITHOUT_MUTEX
	mutex = false;
#endif
	flush();
	atomic { pending = pending || hand; hand = false };
	hiding = false;
	lock();
	if
	:: revoked
	:: else -> present = false; flush(); freed = true
	fi;
	dirty = false;
	mutex = false
}

active proctype owner()
{
	atomic { !mutex -> mutex = true; revoking = true };
	if
	:: present ->
		present = false;
		dirty = false;
		flush();
		freed = true;
		revoked = true
	:: else
	fi;
	atomic { revoking = false; mutex = false }
}
