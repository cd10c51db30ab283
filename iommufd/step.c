// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exclusion of harvests by range; see step.h. A step is begun with iova_rwsem
 * held for read and ended before that lock is dropped. A task that waits for a step holds
 * domains_rwsem and iova_rwsem for read; the holder of a step needs neither for write to
 * finish it.
 */
#include <linux/sched/signal.h>
#include <linux/wait.h>

#include "step.h"
#include "test.h"

static bool step_try(struct iommufd_dirty_domain *dd, struct dirty_step *step)
{
	struct dirty_step *cur;
	bool busy = false;

	spin_lock(&dd->lock);
	list_for_each_entry(cur, &dd->steps, item)
		if (cur->first <= step->last && cur->last >= step->first) {
			busy = true;
			break;
		}
	if (!busy)
		list_add(&step->item, &dd->steps);
	spin_unlock(&dd->lock);
	return !busy;
}

/**
 * dirty_step_begin() - Have a range of a domain to oneself
 * @dd: The domain; iova_rwsem is held for read
 * @step: The range, widened to the borders of leaves
 * @killable: Give up when the caller is killed
 *
 * Return: -EINTR when killed; else to be undone with dirty_step_end().
 */
int dirty_step_begin(struct iommufd_dirty_domain *dd, struct dirty_step *step,
		     bool killable)
{
	if (dirty_test_break(DIRTY_BREAK_NO_STEP)) {
		INIT_LIST_HEAD(&step->item);
		return 0;
	}
	if (step_try(dd, step))
		return 0;
	if (killable)
		return wait_event_killable(dd->wait, step_try(dd, step)) ?
			       -EINTR : 0;
	wait_event(dd->wait, step_try(dd, step));
	return 0;
}

/**
 * dirty_step_end() - Others may harvest the range
 * @dd: The domain
 * @step: The step
 */
void dirty_step_end(struct iommufd_dirty_domain *dd, struct dirty_step *step)
{
	spin_lock(&dd->lock);
	list_del(&step->item);
	spin_unlock(&dd->lock);
	if (wq_has_sleeper(&dd->wait))
		wake_up_all(&dd->wait);
}
