/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * change.pml - a device enters and leaves a domain, beside two READs
 *
 * A driver may flush the IOTLB for those devices only that it counts as the domain's, and
 * count one too late when it is attached, and no more too early when it is detached
 * (intel-iommu). In between the device uses the domain, and no flush reaches what its
 * IOTLB has cached: a page that is dirty there does not become dirty again. So nothing is
 * harvested while the hardware enters or leaves.
 */

bool dirty;		/* the D bit */
bool cached;		/* the IOTLB has the page as dirty */
bool writing;		/* a translated write is on its way to memory */
bool used;		/* the device translates by the domain */
bool counted;		/* a flush reaches it */

#define HARDWARE	dirty
#define IN_FLIGHT	false

#include "dirty.pmlh"

rwsem change;

proctype device()
{
end:	do
	:: atomic {
		used;
		dirty = dirty || !cached;
		cached = true;
		writing = true
	   };
	   atomic { writing = false; owed = true }
	od
}

inline flush()
{
	atomic {
		if
		:: !counted
		:: counted && !writing -> cached = false
		fi
	}
}

proctype reader(byte r)
{
	read_begin(r, true);
	down_read(change);
	atomic {
		if
		:: dirty -> dirty = false; read_take(r)
		:: else
		fi
	};
#ifdef MUTANT_RELEASED_BEFORE_FLUSH
	up_read(change);
	flush();
#else
	flush();
	up_read(change);
#endif
	read_take_pending(r, true);
	if
	:: read_deliver(r)
	:: read_give_back(r)
	fi
}

inline change_begin()
{
#ifndef MUTANT_NOT_EXCLUDED
	down_write(change)
#else
	skip
#endif
}

inline change_end()
{
#ifndef MUTANT_NOT_EXCLUDED
	up_write(change)
#else
	skip
#endif
}

proctype changer()
{
	byte n;

	do
	:: n == 2 -> break
	:: else ->
		change_begin();
		used = true;
		counted = true;
		change_end();

		change_begin();
		counted = false;
		/* The driver's own flush, of the device */
		atomic { !writing -> used = false; cached = false };
		change_end();
		n++
	od
}

init {
	atomic {
		run device();
		run changer();
		run reader(0);
		run reader(1)
	}
}
