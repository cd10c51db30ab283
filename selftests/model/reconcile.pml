/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * reconcile.pml - the plan changes under READs, a peek, an unmap and a failure
 *
 * One domain, whose writes its IOMMU can record, or the log of its only device, or
 * nothing (MAPPED: all that is mapped counts as dirty). The plan changes at random
 * and for ever. Reconcile starts what is new, applies the plan under the write side
 * of domains_rwsem, and marks what is not desired any more as draining, with a set
 * todo of halves of the address space. What is on is harvested, whatever is planned,
 * until READs that began after the mark have been through both halves; the first
 * reconcile after that stops it. A peek (COUNT, NO_CLEAR) drains nothing.
 *
 * Where MAPPED ends, all that is mapped is dirty once more: a debt of both halves,
 * paid by READs or by a worker, which walk the areas before they strike it out.
 *
 * An unmap holds domains_rwsem for read. When it hides the area it looks whether a
 * debt covers it, and notes stale; what it harvests then is what is on.
 *
 * D bits may become unreadable once. Who notices makes the domain count as MAPPED
 * and stops asking in one action, and only then looks at what is mapped; reconcile
 * ends that like MAPPED.
 */

mtype = { MAPPED, IOMMU, LOG };

typedef recorder {
	bool on;
	bool page;	/* it has the page */
	bool draining;	/* not desired any more */
	byte todo	/* what is not yet drained: halves 1 and 2 */
};

mtype plan;
recorder iommu, log;
bool log_after[2];	/* what this READ harvests of the log comes after its mark */
bool broken;		/* D bits cannot be read, and no harvest has noticed yet */
bool failed;		/* somebody does: counts as MAPPED */
byte debt;		/* halves where what is mapped is dirty once more */
bool mapped = true;
bool hiding;		/* an unmap has hidden the area, and has not published */
bool all;		/* and publishes it whatever hardware says */
bool stale;
byte where;		/* half that the page is in */

#define COUNTS_MAPPED	(plan == MAPPED || failed)
#define HARDWARE	(log.on && log.page && (mapped || stale) || \
			 iommu.on && (iommu.page || broken) && mapped || \
			 (COUNTS_MAPPED || (debt & where)) && mapped)
#define IN_FLIGHT	(hiding && (all || COUNTS_MAPPED || \
				    iommu.on && (iommu.page || broken)))
#include "dirty.pmlh"

rwsem domains;		/* domains_rwsem */

proctype device()
{
end:	do
	:: atomic {
		mapped;
		owed = true;
		log.page = log.on;
		iommu.page = iommu.on && !broken
	   }
	od
}

proctype breaks()
{
end:	atomic { iommu.on -> broken = true; iommu.page = false }
}

proctype unmap()
{
	down_read(domains);
	atomic {
		mapped = false;
		hiding = true;
#ifndef MUTANT_DEBT_AFTER_HIDE
		all = (debt & where) != 0;
#endif
#ifdef MUTANT_STALE_BY_PLAN
		stale = plan == LOG
#else
		stale = log.on
#endif
	};
#ifdef MUTANT_DEBT_AFTER_HIDE
	all = (debt & where) != 0;
#endif
	atomic {
#ifdef MUTANT_UNMAP_BY_PLAN
		all = all || COUNTS_MAPPED || plan == IOMMU && (iommu.page || broken);
#else
		all = all || COUNTS_MAPPED || iommu.on && (iommu.page || broken);
#endif
		pending = pending || all;
		iommu.page = false;
		all = false;
		hiding = false
	};
	up_read(domains);
	mapped = true
}

/* What is desired is started, or does not drain any more. */
inline start(source)
{
	atomic {
		source.page = source.page && source.on;
		source.on = true;
		source.draining = false;
		source.todo = 0
	}
}

inline mark(source)
{
	if
	:: source.on && !source.draining ->
		source.draining = true;
		source.todo = 3
	:: else
	fi
}

inline stop_drained(source)
{
	if
#ifdef MUTANT_STOP_BEFORE_DRAINED
	:: source.draining ->
#else
	:: source.draining && source.todo == 0 ->
#endif
		source.on = false;
		source.page = false;
		source.draining = false
	:: else
	fi
}

inline apply()
{
	atomic {
		domains.readers == 0;
		counted = COUNTS_MAPPED;
		plan = new;
#ifdef MUTANT_FORGIVES_LATER_FAILURE
		failed = false;
#else
		failed = failed && new == IOMMU && !iommu.on;
#endif
		if
		:: counted && !COUNTS_MAPPED ->
#ifndef MUTANT_NO_DEBT
			debt = 3;
#endif
			counted = false
		:: else -> counted = false
		fi
	}
}

/* Under plan_lock. */
#define N 2

proctype reconcile()
{
	mtype new;
	bool counted;
	byte n;

	do
	:: n == N -> break
	:: else ->
	   atomic {
		if
		:: new = MAPPED
		:: new = IOMMU
		:: new = LOG
		fi
	   };
#ifdef MUTANT_APPLY_BEFORE_START
	   apply();
#endif
	   if
	   :: new == IOMMU ->
		atomic { broken = broken && iommu.on; start(iommu) }
	   :: new == LOG ->
		start(log)
	   :: else
	   fi;
	   atomic {
#ifndef MUTANT_APPLY_BEFORE_START
		apply();
#endif
		stop_drained(iommu);
		stop_drained(log);
		if
		:: new != IOMMU -> mark(iommu)
		:: else
		fi;
		if
		:: new != LOG ->
			mark(log);
			/* Another mark: what began before it does not count. */
			log_after[0] = false;
			log_after[1] = false
		:: else
		fi;
		n++
	   }
	od
}

/* Asked for: what is mapped or stale. */
inline harvest_log(half, wanted)
{
	if
	:: (wanted) && half == where && (mapped || stale) ->
		pending = pending || log.page;
		log.page = false;
		stale = false
	:: else
	fi
}

proctype reader(byte r, half, end)
{
#ifdef MUTANT_STRUCK_BEFORE_WALKED
	bool counts;

#endif
	read_begin(r, half == where || end == where);
	do
	:: half > end -> break
	:: else ->
		/* The log's worker publishes (log.pml); what it drained is struck out. */
		atomic {
			log_after[r] = log.draining;
#ifdef MUTANT_READ_BY_PLAN
			harvest_log(half, plan == LOG)
#else
			harvest_log(half, log.on)
#endif
		};
		atomic {
#ifdef MUTANT_DRAINED_BY_EARLIER_READ
			log.todo = log.todo & ~half;
#else
			log.todo = (log_after[r] -> log.todo & ~half : log.todo);
#endif
			log_after[r] = false
		};

		atomic {
			domains.readers++;
			if
			:: half == where && mapped && iommu.on && broken ->
				iommu.on = false;
				iommu.draining = false;
				broken = false;
#ifdef MUTANT_MARK_BEFORE_FAILED
				read_take(r)
#else
				failed = true
#endif
			:: half == where && mapped && iommu.on && iommu.page ->
				iommu.page = false;
				read_take(r)
			:: else
			fi;
			iommu.todo = iommu.todo & ~half
		};
#ifdef MUTANT_MARK_BEFORE_FAILED
		failed = failed || plan == IOMMU && !iommu.on;
#endif
#ifdef MUTANT_STRUCK_BEFORE_WALKED
		atomic { counts = (debt & half) != 0; debt = debt & ~half };
#endif
		atomic {
			if
			:: half == where && mapped &&
			   (COUNTS_MAPPED || (debt & half)) -> read_take(r)
#ifdef MUTANT_STRUCK_BEFORE_WALKED
			:: half == where && mapped && counts -> read_take(r)
#endif
			:: else
			fi
		};
		atomic { debt = debt & ~half; domains.readers-- };

		atomic { !hiding -> read_take_pending(r, half == where) };
		half++
	od;
	if
	:: read_deliver(r)
	:: read_give_back(r)
	fi
}

/* What is on is only looked at; a log cannot be, so its pages become pending. */
proctype peek()
{
	byte half = 1;

	do
	:: half > 2 -> break
	:: else ->
		atomic { harvest_log(half, log.on) };
#ifdef MUTANT_PEEK_DRAINS
		iommu.todo = iommu.todo & ~half;
#endif
		half++
	od
}

init {
	atomic {
		select (where : 1 .. 2);
		if
		:: plan = MAPPED
		:: plan = IOMMU; iommu.on = true
		:: plan = LOG; log.on = true
		fi;
		run device();
		run reconcile();
		run reader(0, 1, 2);

		/* All of them at once would be too many states. */
		if
		:: run reader(1, 1, 1); run breaks()
		:: run reader(1, 2, 2); run unmap()
		:: run unmap(); run breaks()
		:: run peek()
		fi
	}
}
