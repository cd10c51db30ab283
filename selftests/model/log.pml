/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * log.pml - a device's own log, its worker, two READs, unmaps, failure, close
 *
 * READs leave requests for what they read, here two pieces. The worker serves them
 * piece by piece: it notes which requests it answers, moves stale to current, has the
 * driver report and clear the log for what is mapped or current, publishes, and marks
 * the piece as done for those requests. Only pieces that began after a request was
 * made answer it. A READ that is killed leaves its request behind.
 *
 * A log knows IOVA, not mappings: what is unmapped stays in it, and is noted as stale
 * under the same hold of iova_rwsem that hides the area.
 *
 * The log may break: it forgets all and records nothing. The first report afterwards
 * fails; then the worker makes the log's domain count as MAPPED, publishes all that is
 * mapped or stale, and only then wakes those who wait.
 *
 * Close: bus mastering ends, a last harvest takes everything, the log is stopped, and
 * then the binding leaves the list. A READ that finds the binding ending waits for it.
 */

mtype = { ON, ENDING, OFF };

mtype binding = ON;
bool log_on = true;	/* the driver records */
bool logged;		/* the page is in the log */
bool broken;		/* the log has failed, and no harvest has noticed yet */
bool counts_mapped;	/* every READ reports what is mapped */
bool mastering = true;	/* the device can write */
bool mapped = true;
bool stale;		/* unmapped since its last harvest */
bool current;		/* was stale when the piece under way began */
byte where;		/* the piece that the page is in: 1 or 2 */
byte wanted[3];		/* pieces that each request still waits for: bits 1 and 2 */
bool hand;		/* what the report under way has brought */

#define LAST	2	/* the request of the last harvest; 0 and 1 are those of the READs */
#define WANTED	(wanted[0] | wanted[1] | wanted[LAST])

#define HARDWARE	(log_on && (logged || broken) && (mapped || stale || current) || \
			 counts_mapped && mapped)
#define IN_FLIGHT	(hand && binding != OFF)
#include "dirty.pmlh"

proctype device()
{
end:	do
	:: atomic {
		mapped && mastering;
		owed = true;
		logged = log_on && !broken
	   }
	od
}

proctype breaks()
{
end:	atomic { log_on -> broken = true; logged = false }
}

proctype unmap()
{
	byte n;

	do
	:: n == 1 -> break
	:: else ->
#ifdef MUTANT_STALE_AFTER_HIDE
		atomic { pending = pending || counts_mapped; mapped = false };
		stale = binding != OFF;
#else
		atomic {
			pending = pending || counts_mapped;
#ifndef MUTANT_NO_STALE
			stale = stale || binding != OFF;
#endif
			mapped = false
		};
#endif
		mapped = true;
		n++
	od
}

/* All of it: what is mapped, and what was until its last harvest. */
inline publish_everything()
{
	atomic {
		pending = pending || mapped || stale || current;
		stale = false;
		current = false
	}
}

inline answered(i)
{
	wanted[i] = wanted[i] & ~answers[i];
	answers[i] = 0
}

inline wake_all()
{
	atomic { wanted[0] = 0; wanted[1] = 0; wanted[LAST] = 0 }
}

proctype worker()
{
	byte piece, answers[3];
	bool ask;

end:	do
	:: atomic {
		WANTED;
		if
		:: WANTED & 1 -> piece = 1
		:: else -> piece = 2
		fi;
		answers[0] = wanted[0] & piece;
		answers[1] = wanted[1] & piece;
		answers[LAST] = wanted[LAST] & piece
	   };

#ifdef MUTANT_STALE_BEFORE_MAPPED
	   atomic { current = stale && piece == where; stale = stale && piece != where };
	   ask = mapped;
	   atomic { ask = (ask || current) && piece == where };
#elif defined(MUTANT_STALE_CLEARED_LATE)
	   ask = mapped;
	   ask = (ask || stale) && piece == where;
#else
	   ask = mapped;
	   atomic {
		current = stale && piece == where;
		stale = stale && piece != where;
		ask = (ask || current) && piece == where
	   };
#endif

	   if
	   :: broken -> goto failed
	   :: atomic { !broken -> hand = ask && logged; logged = logged && !ask }
	   fi;
	   atomic { pending = pending || hand; hand = false };
#ifdef MUTANT_STALE_CLEARED_LATE
	   stale = stale && piece != where;
#endif
	   atomic {
		current = false;
		ask = false;
#ifdef MUTANT_ANSWERS_LATER_REQUESTS
		answers[0] = piece;
		answers[1] = piece;
#endif
		answered(0);
		answered(1);
		answered(LAST);
		piece = 0
	   }
	od;

failed:
#ifdef MUTANT_OFF_BEFORE_MARK
	binding = OFF;
#endif
#ifdef MUTANT_WAKE_BEFORE_MARK
	wake_all();
#endif
#ifdef MUTANT_MAPPED_AFTER_MARK
	publish_everything();
	counts_mapped = true;
#else
	counts_mapped = true;
	publish_everything();
#endif
	atomic { binding = OFF; log_on = false; broken = false; wake_all() }
}

proctype reader(byte r)
{
	read_begin(r, true);
	if
	:: atomic { binding == ON -> wanted[r] = 3 };
		if
		:: wanted[r] == 0
		:: goto killed
		fi
#ifndef MUTANT_ENDING_NOT_WAITED_FOR
	:: binding == ENDING -> binding == OFF
#else
	:: binding == ENDING
#endif
	:: binding == OFF
	fi;
	atomic {
		if
		:: counts_mapped && mapped -> read_take(r)
		:: else
		fi
	};
	read_take_pending(r, true);
	if
	:: read_deliver(r)
	:: goto killed
	fi;
	goto done;

killed:
	read_give_back(r);
done:
	skip
}

proctype close()
{
#ifndef MUTANT_HARVEST_BEFORE_MASTER_ENDS
	mastering = false;
#endif
	if
	:: atomic { binding == ON -> binding = ENDING; wanted[LAST] = 3 }
	:: binding == OFF -> goto done
	fi;
	wanted[LAST] == 0;
	atomic {
		if
		:: binding == ENDING -> log_on = false; binding = OFF
		:: else
		fi
	};
done:
	mastering = false
}

init {
	atomic {
		select (where : 1 .. 2);
		run device();
		run breaks();
		run unmap();
		run worker();
		run reader(0);
		run reader(1);
		run close()
	}
}
