// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions of a device: how commands name them, and the end of a reset that they
 * have to wait for.
 */
#include <linux/delay.h>

#include "connectx.h"

/**
 * cx_by_function_id() - Find a function of the same device
 * @pf: Its physical function
 * @function_id: Its number
 *
 * Return: The function, or NULL.
 */
struct cx_vhca *cx_by_function_id(struct cx_vhca *pf, u16 function_id)
{
	return function_id <= pf->cx->vfs ? &pf->cx->vhca[function_id] : NULL;
}

/**
 * cx_vf_by_vhca_id() - Find a virtual function of the same device
 * @pf: Its physical function
 * @vhca_id: Its vhca_id
 *
 * Return: The function, or NULL.
 */
struct cx_vhca *cx_vf_by_vhca_id(struct cx_vhca *pf, u16 vhca_id)
{
	unsigned int i;

	for (i = 1; i <= pf->cx->vfs; i++)
		if (pf->cx->vhca[i].vhca_id == vhca_id)
			return &pf->cx->vhca[i];
	return NULL;
}

/**
 * cx_wait_for_reset() - Until the reset of a virtual function is over
 * @vf: The function
 * @pf: Its physical function, on whose thread this is
 *
 * What a reset has to do can take longer than the 100 ms that a host gives virtual
 * functions between their coming and their first answer.
 */
void cx_wait_for_reset(struct cx_vhca *vf, struct cx_vhca *pf)
{
	while (READ_ONCE(vf->fn.flr) && !virt_function_interrupted(&pf->fn))
		usleep_range_state(1000, 1500, TASK_IDLE);
}
