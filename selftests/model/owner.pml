/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * owner.pml - who owns a log: two trackers, a replace that may fail, a user
 *
 * A device with a log is replaced from the IOAS of tracker 0 to that of tracker 1:
 * it has an attachment in both until hardware has changed over or refused to. A
 * tracker that wants the log and finds it taken leaves a flag with the log, under
 * the log's lock; who frees the log makes those trackers reconcile. Reconcile
 * (under the tracker's plan_lock) stops what is on and not desired, which it finds
 * in the list of bindings; attachments only say what is desired. A tracker that was
 * destroyed owns nothing, and a log that somebody desires is not left idle.
 */

#define NONE	2
#define USER	3

byte owner = NONE;	/* of the log: a tracker, its user, or none */
bool flag[2];		/* left with the log: this tracker wants it */
bool kick[2];		/* this tracker has to reconcile */
bool bound[2];		/* a binding is in this tracker's list */
bool attached[2];	/* an attachment is in this tracker's IOAS */
bool running[2];
bool destroyed[2];
bool plan_lock[2];

#define DESIRED(t)	(running[t] && attached[t])

inline log_take(t)
{
#ifdef MUTANT_FLAG_AFTER_TRY
	if
	:: atomic { owner == NONE -> owner = t; bound[t] = true }
	:: owner != NONE -> flag[t] = true
	fi
#else
	atomic {
		if
		:: owner == NONE -> owner = t; bound[t] = true
		:: else -> flag[t] = true
		fi
	}
#endif
}

inline log_free()
{
	atomic {
		owner = NONE;
#ifndef MUTANT_FREED_SILENTLY
		kick[0] = kick[0] || flag[0];
		kick[1] = kick[1] || flag[1];
#endif
		flag[0] = false;
		flag[1] = false
	}
}

inline reconcile(t)
{
	atomic { !plan_lock[t] -> plan_lock[t] = true };
	if
#ifdef MUTANT_FOUND_BY_ATTACHMENT
	:: attached[t] && bound[t] && !DESIRED(t) ->
#else
	:: bound[t] && !DESIRED(t) ->
#endif
		log_free();
		bound[t] = false
	:: DESIRED(t) && !bound[t] ->
		log_take(t)
	:: else
	fi;
	plan_lock[t] = false
}

proctype replace()
{
	attached[1] = true;
	reconcile(1);
	if
	:: attached[1] = false;
		/* The event of a failed replace may get lost: the next one finds it. */
		if
		:: reconcile(1)
		:: true
		fi
	:: attached[0] = false;
		reconcile(0)
	fi
}

proctype destroy(byte t)
{
	running[t] = false;
	reconcile(t);
	atomic { assert(!bound[t]); destroyed[t] = true }
}

proctype user()
{
	if
	:: atomic { owner == NONE -> owner = USER };
		log_free()
	:: owner != NONE
	fi
}

proctype kicked(byte t)
{
end:	do
	:: atomic { kick[t] -> kick[t] = false };
		reconcile(t)
	od
}

active proctype kept()
{
end:	if
	:: atomic { owner == 0 && destroyed[0] || owner == 1 && destroyed[1] -> assert(false) }
	:: atomic { timeout -> assert(owner != NONE || !DESIRED(0) && !DESIRED(1)) }
	fi
}

init {
	atomic {
		running[0] = true;
		running[1] = true;
		attached[0] = true;
		kick[0] = true;
		run kicked(0);
		run kicked(1);
		run replace();
		run user();
		if
		:: run destroy(0)
		:: run destroy(1)
		:: true
		fi
	}
}
