/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * unmap.pml - two READs beside unmaps of the watched page, and a CPU that pins it
 *
 * An unmap hides the area under the write side of iova_rwsem, harvests it, flushes,
 * publishes, ends the hiding, and only then takes the leaves away. Steps do not
 * matter to it: no other harvest walks a hidden area. A READ that finds the area hidden
 * waits for its end. The same IOVA is mapped again afterwards.
 *
 * A CPU that pins the page for writing writes until it unpins. What is pinned counts
 * as dirty in every READ; unpin publishes before it gives up the access, without which
 * no unmap begins, and forgets the pin last.
 *
 * Writes that are under way while the area is hidden race the unmap: no debt.
 */

bool visible = true;	/* area->pages is set */
bool hiding;		/* the area is in the list of hidden areas */
bool hiding_id;		/* which hiding: changes each time */
bool mapped = true;
bool dirty, cached, writing;
bool hand;		/* what the unmap has harvested */
bool pin;		/* the tracker knows that the page is pinned */
bool accesses;		/* area->num_accesses */

#define HARDWARE	(dirty && (visible || hiding) || pin)
#define IN_FLIGHT	(hand && hiding)
#include "dirty.pmlh"

rwsem iova;		/* iova_rwsem */

active proctype device()
{
end:	do
	:: atomic {
		mapped && !writing;
		dirty = dirty || !cached;
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

active [READERS] proctype reader()
{
	byte r;
	bool wait, id;

	atomic { r = _pid - 2; read_begin(r, true) };
#ifdef MUTANT_HIDDEN_BEFORE_WALK
	atomic { wait = hiding; id = hiding_id };
#endif
#ifdef MUTANT_PENDING_BEFORE_WAIT
	read_take_pending(r, true);
#endif
	down_read(iova);
	atomic {
		if
		:: visible && dirty -> dirty = false; read_take(r)
		:: else
		fi
	};
	up_read(iova);
#ifndef MUTANT_NO_FLUSH
	flush();
#endif

	/* Areas that were hidden when they should have been walked. */
#ifndef MUTANT_HIDDEN_BEFORE_WALK
	atomic { wait = hiding; id = hiding_id };
#endif
#ifndef MUTANT_NO_WAIT
	!(wait && hiding && id == hiding_id);
#endif

	/* Pins, then pending: unpin does it the other way round. */
#ifdef MUTANT_PINS_AFTER_PENDING
	read_take_pending(r, true);
#endif
	atomic {
		if
		:: pin -> read_take(r)
		:: else
		fi
	};
#if !defined(MUTANT_PINS_AFTER_PENDING) && !defined(MUTANT_PENDING_BEFORE_WAIT)
	read_take_pending(r, true);
#endif
	if
	:: read_deliver(r)
	:: read_give_back(r)
	fi
}

active proctype unmap()
{
	byte n;

	do
	:: n == 2 -> break
	:: else ->
		/* Accesses are told to unpin, and waited for. */
		atomic { !iova.writer && iova.readers == 0 && !accesses -> iova.writer = true };
		atomic { visible = false; hiding = true; hiding_id = !hiding_id };
		up_write(iova);

		atomic { hand = dirty; dirty = false };
#ifdef MUTANT_UNHIDE_BEFORE_PUBLISH
		hiding = false;
#endif
		atomic { pending = pending || hand; hand = false };
		hiding = false;

		atomic { !writing -> mapped = false; cached = false; dirty = false };
		/* mapped again */
		down_write(iova);
		atomic { visible = true; mapped = true };
		up_write(iova);
		n++
	od
}

active proctype cpu()
{
	byte n;

	do
	:: n == 2 -> break
	:: else ->
		down_read(iova);
		if
		:: visible ->
			accesses = true;
			pin = true;
			up_read(iova);

			owed = true;

			down_read(iova);
#ifdef MUTANT_FORGET_PIN_FIRST
			pin = false;
#endif
#ifdef MUTANT_UNPIN_BEFORE_PUBLISH
			accesses = false;
			up_read(iova);
			pending = pending || visible;
#else
			pending = true;
			accesses = false;
			up_read(iova);
#endif
			pin = false
		:: else ->
			up_read(iova)
		fi;
		n++
	od
}
