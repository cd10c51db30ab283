// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a function of the virtual bus reads and writes memory: split at pages,
 * translate, wait if asked to, move, note the ground truth.
 *
 * The wait is between setting D and writing memory, where hardware has a
 * pipeline: a test can make it long, to catch code that takes D and does not wait
 * for the write.
 */
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/string.h>

#include "bus.h"
#include "faults.h"
#include "truth.h"

static uint delay_us;
module_param(delay_us, uint, 0644);
MODULE_PARM_DESC(delay_us,
		 "Delay between the translation of a write and the write, in microseconds");

/* Memory of the kernel's, through its linear map; a BAR is none. */
static bool is_memory(phys_addr_t phys)
{
	unsigned long pfn = PHYS_PFN(phys);

	return pfn_valid(pfn) && !PageReserved(pfn_to_page(pfn));
}

static int access_page(struct virt_function *fn, u64 iova, void *buf,
		       size_t len, bool write)
{
	struct virt_truth_rec rec = {
		.iova = iova,
		.length = len,
		.device = fn->dma.number,
	};
	const struct virt_requester *whose = fn->pasid ? &fn->pasids[fn->pasid - 1] : &fn->dma;
	unsigned int delay = READ_ONCE(delay_us);
	phys_addr_t phys;
	int err;

	if (write)
		rec.begin_ns = virt_truth_begin();
	err = virt_requester_begin(&fn->dma, whose, &rec.iova, write, &phys);
	if (err && virt_function_bus_master(fn))
		virt_count(VIRT_BLOCKED, 1);
	if (!err && !(virt_function_bus_master(fn) && is_memory(phys)))
		err = -EACCES;
	if (err) {
		virt_count(VIRT_FAULTS, 1);
	} else if (write) {
		if (delay)
			fsleep(delay);
		memcpy(phys_to_virt(phys), buf, len);
		virt_truth_end(&rec);
	} else {
		memcpy(buf, phys_to_virt(phys), len);
	}
	virt_requester_end(&fn->dma);
	return err;
}

/**
 * virt_function_access() - read or write memory
 * @fn: The function; on its thread
 * @iova: First byte
 * @buf: What is written, or where to put what is read
 * @len: Bytes
 * @write: Memory is written
 * @fault: Set to the address of the part that was refused
 *
 * Return: 0, or -EACCES as soon as a part is refused: nothing is mapped, not for this,
 * to no memory, DMA is blocked, or the function is no bus master.
 */
int virt_function_access(struct virt_function *fn, u64 iova, void *buf,
			 size_t len, bool write, u64 *fault)
{
	while (len) {
		size_t part = min_t(size_t, len, SZ_4K - (iova & (SZ_4K - 1)));
		int err = access_page(fn, iova, buf, part, write);

		if (err) {
			*fault = iova;
			return err;
		}
		iova += part;
		buf += part;
		len -= part;
	}
	return 0;
}
