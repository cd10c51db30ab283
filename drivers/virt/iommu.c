// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instances of the virtual IOMMU, and which domain a requester uses.
 *
 * Accesses of a requester are in requester.c; what a paging domain does is in domain.c,
 * a nested one in nested.c, what is special to a kind of IOMMU in personality.c. All
 * personalities share one struct iommu_ops, so the core lets any domain come to
 * virt_iommu_attach(), which refuses what would not work on hardware.
 */
#define pr_fmt(fmt) "iommufd-virt: " fmt

#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/lockdep.h>
#include <linux/module.h>
#include <linux/property.h>
#include <linux/sizes.h>
#include <uapi/linux/iommufd.h>

#include "bus.h"
#include "faults.h"
#include "hold.h"
#include "virt_iommu.h"

/* How long DMA is blocked by break before make: enough for a test to see it */
#define BREAK_US	500

static uint tag_us = 100;
module_param(tag_us, uint, 0644);
MODULE_PARM_DESC(tag_us,
		 "How long, at least, no invalidation reaches an intel device that is being attached or detached, in microseconds (default: 100)");

/* Wait until no access uses @domain, nor @table by way of it. */
static void drain_both(struct iommu_domain *domain, struct virt_domain *table)
{
	virt_domain_drain(domain);
	if (table && &table->domain != domain)
		virt_domain_drain(&table->domain);
}

static void write_entry(struct virt_requester *rq, unsigned long entry)
{
	WRITE_ONCE(rq->entry, entry);
	WRITE_ONCE(rq->alias_entry, entry);
}

/*
 * As device_block_translation() and dmar_domain_attach_device() of the Intel driver:
 * while a domain is entered or left, its invalidations miss the device.
 */
static void tag_wait(struct virt_requester *rq)
{
	virt_hold(VIRT_HOLD_TAGS, rq->number + 1, rq->number + 1);
	if (READ_ONCE(tag_us))
		usleep_range(tag_us, 2 * tag_us);
}

/* domain_update_iommu_cap() */
static void regain_sizes(struct virt_domain *vdom)
{
	if (vdom->personality->regains)
		vdom->domain.pgsize_bitmap |= vdom->personality->pgsize_bitmap;
}

static void tag_del(struct virt_requester *rq, struct virt_domain *vdom)
{
	if (!vdom->personality->tagged)
		return;
	if (atomic_dec_and_test(&vdom->tags))
		regain_sizes(vdom);
	tag_wait(rq);
}

static void tag_add(struct virt_requester *rq, struct virt_domain *vdom)
{
	if (!vdom->personality->tagged)
		return;
	tag_wait(rq);
	if (atomic_inc_return(&vdom->tags) == 1)
		regain_sizes(vdom);
}

/* To an entry with which it is in the list of @table, or in none. */
static void switch_entry(struct virt_requester *rq, struct virt_domain *table,
			 unsigned long new)
{
	struct iommu_domain *old = virt_entry_domain(rq->entry);
	struct virt_domain *from = rq->table;

	if (rq->entry == new && rq->alias_entry == new)
		return;
	if (from) {
		mutex_lock(&from->lock);
		list_del(&rq->attached);
		tag_del(rq, from);
	}
	if (table)
		atomic_inc(&table->attaching);
	if (rq->iommu->bbm && from) {
		write_entry(rq, (unsigned long)&virt_blocked_domain);
		drain_both(old, from);
		usleep_range(BREAK_US, 2 * BREAK_US);
	}
	write_entry(rq, new);
	drain_both(old, from);
	if (from) {
		virt_domain_flush(from);
		mutex_unlock(&from->lock);
	}
	rq->table = table;
	if (table) {
		tag_add(rq, table);
		mutex_lock(&table->lock);
		list_add_tail(&rq->attached, &table->requesters);
		atomic_dec(&table->attaching);
		mutex_unlock(&table->lock);
	}
}

/**
 * virt_iommu_attach_fixed() - Attach a domain without a table: identity or blocked
 * @domain: The domain
 * @dev: A device of the virtual bus
 *
 * Return: 0.
 */
int virt_iommu_attach_fixed(struct iommu_domain *domain, struct device *dev)
{
	switch_entry(dev_iommu_priv_get(dev), NULL, (unsigned long)domain);
	return 0;
}

/* ops.c */
struct iommu_domain_ops virt_fixed_ops __ro_after_init;

static struct iommu_domain virt_identity_domain = {
	.type = IOMMU_DOMAIN_IDENTITY,
	.ops = &virt_fixed_ops,
};

struct iommu_domain virt_blocked_domain = {
	.type = IOMMU_DOMAIN_BLOCKED,
	.ops = &virt_fixed_ops,
};

/* As virt_iommu_attach_stages(), for @rq */
static int attach_stages(struct virt_domain *table, struct iommu_domain *domain,
			 struct virt_requester *rq)
{
	const struct virt_personality *p = rq->iommu->personality;
	unsigned long entry = (unsigned long)domain;

	if (table->personality != p || (table->domain.dirty_ops && !p->tracks))
		return -EINVAL;
	if (table->domain.dirty_ops && rq->iommu->refuse)
		return -EOPNOTSUPP;
	if (READ_ONCE(table->tracking))
		entry |= VIRT_ENTRY_DIRTY;
	virt_hold(VIRT_HOLD_ATTACH, rq->number + 1, rq->number + 1);
	if (virt_fail_attach(rq->number))
		return -ENOMEM;
	switch_entry(rq, table, entry);
	return 0;
}

/**
 * virt_iommu_attach_stages() - Attach a domain that is nested, or is not
 * @table: The domain with the page table
 * @domain: A domain on top of it, or its own
 * @dev: A device of the virtual bus
 *
 * Return: 0; -EINVAL when the table's format is not the one of the device's IOMMU, or
 * the domain must track and that IOMMU cannot; -EOPNOTSUPP when it says that it can,
 * with the option refuse; -ENOMEM with fail_attach.
 */
int virt_iommu_attach_stages(struct virt_domain *table, struct iommu_domain *domain,
			     struct device *dev)
{
	return attach_stages(table, domain, dev_iommu_priv_get(dev));
}

/* Only DMA devices have PASIDs, and the core has checked that there is this one */
static struct virt_requester *pasid_requester(struct device *dev, ioasid_t pasid)
{
	return &virt_bus_function(dev)->pasids[pasid - 1];
}

/**
 * virt_iommu_attach_pasid() - Attach a paging domain to a PASID, or replace what is attached
 * @domain: The domain
 * @dev: A DMA device
 * @pasid: The PASID
 *
 * Return: 0, -EINVAL when the IOMMU does not track what is written with a PASID and the domain
 * must, or an error of virt_iommu_attach_stages().
 */
int virt_iommu_attach_pasid(struct iommu_domain *domain, struct device *dev, ioasid_t pasid)
{
	struct virt_requester *rq = pasid_requester(dev, pasid);

	if (domain->dirty_ops && !rq->iommu->personality->pasid_tracks)
		return -EINVAL;
	return attach_stages(to_virt_domain(domain), domain, rq);
}

/**
 * virt_iommu_detach_pasid() - Block a PASID
 * @domain: The blocked domain
 * @dev: A DMA device
 * @pasid: The PASID
 *
 * Return: 0.
 */
int virt_iommu_detach_pasid(struct iommu_domain *domain, struct device *dev, ioasid_t pasid)
{
	switch_entry(pasid_requester(dev, pasid), NULL, (unsigned long)domain);
	return 0;
}

/**
 * virt_iommu_attach() - Attach a paging domain
 * @domain: The domain
 * @dev: A device of the virtual bus
 *
 * Return: 0 or an error of virt_iommu_attach_stages().
 */
int virt_iommu_attach(struct iommu_domain *domain, struct device *dev)
{
	return virt_iommu_attach_stages(to_virt_domain(domain), domain, dev);
}

static bool virt_iommu_capable(struct device *dev, enum iommu_cap cap)
{
	struct virt_requester *rq = dev_iommu_priv_get(dev);

	switch (cap) {
	case IOMMU_CAP_CACHE_COHERENCY:
		return true;
	case IOMMU_CAP_DIRTY_TRACKING:
		return rq->iommu->personality->tracks;
	default:
		return false;
	}
}

static struct iommu_domain *virt_iommu_alloc_paging(struct device *dev)
{
	struct virt_requester *rq = dev_iommu_priv_get(dev);
	struct virt_domain *vdom = virt_domain_alloc(rq->iommu, false);

	return vdom ? &vdom->domain : NULL;
}

/**
 * virt_iommu_alloc_flags() - Make a paging domain for a user
 * @dev: A device of the virtual bus
 * @flags: IOMMU_HWPT_ALLOC_*
 * @user_data: Must be NULL
 *
 * Return: The domain, or an ERR_PTR.
 */
struct iommu_domain *virt_iommu_alloc_flags(struct device *dev, u32 flags,
					    const struct iommu_user_data *user_data)
{
	struct virt_requester *rq = dev_iommu_priv_get(dev);
	bool dirty = flags & IOMMU_HWPT_ALLOC_DIRTY_TRACKING;
	const u32 known = IOMMU_HWPT_ALLOC_DIRTY_TRACKING |
			  IOMMU_HWPT_ALLOC_NEST_PARENT;
	struct virt_domain *vdom;

	if (user_data || (flags & ~known) ||
	    (dirty && !rq->iommu->personality->tracks))
		return ERR_PTR(-EOPNOTSUPP);

	vdom = virt_domain_alloc(rq->iommu, dirty);
	if (!vdom)
		return ERR_PTR(-ENOMEM);
	vdom->domain.type = IOMMU_DOMAIN_UNMANAGED;
	return &vdom->domain;
}

static struct iommu_device *virt_iommu_probe_device(struct device *dev)
{
	struct virt_function *fn = virt_bus_function(dev);

	if (!fn)
		return ERR_PTR(-ENODEV);
	dev_iommu_priv_set(dev, &fn->dma);
	return &fn->dma.iommu->iommu;
}

static struct iommu_group *virt_iommu_device_group(struct device *dev)
{
	struct virt_requester *rq = dev_iommu_priv_get(dev);

	return rq->iommu->group ? generic_single_device_group(dev) :
				  generic_device_group(dev);
}

static void virt_iommu_get_resv_regions(struct device *dev,
					struct list_head *list)
{
	struct iommu_resv_region *region;

	region = iommu_alloc_resv_region(VIRT_MSI_ADDRESS, SZ_1M, 0,
					 IOMMU_RESV_MSI, GFP_KERNEL);
	if (region)
		list_add_tail(&region->list, list);
}

static int virt_iommu_def_domain_type(struct device *dev)
{
	return IOMMU_DOMAIN_IDENTITY;
}

/* More of it: ops.c */
struct iommu_ops virt_iommu_ops __ro_after_init = {
	.capable = virt_iommu_capable,
	.domain_alloc_paging = virt_iommu_alloc_paging,
	.probe_device = virt_iommu_probe_device,
	.device_group = virt_iommu_device_group,
	.get_resv_regions = virt_iommu_get_resv_regions,
	.def_domain_type = virt_iommu_def_domain_type,
	.default_domain_ops = &virt_domain_ops,
	.identity_domain = &virt_identity_domain,
	.blocked_domain = &virt_blocked_domain,
	.release_domain = &virt_blocked_domain,
	.owner = THIS_MODULE,
};

/*
 * As a quirk does for a function that sends requests as function 1 of its slot.
 * pci_add_dma_alias() is not for modules; the PCI core frees the mask.
 */
static void add_alias(struct pci_dev *pdev)
{
	u8 alias = PCI_DEVFN(PCI_SLOT(pdev->devfn), 1);

	pdev->dma_alias_mask = bitmap_zalloc(VIRT_BUS_FUNCTIONS, GFP_KERNEL);
	if (pdev->dma_alias_mask)
		set_bit(alias, pdev->dma_alias_mask);
	else
		pci_err(pdev, "no memory for its DMA alias\n");
}

/*
 * Before the core looks at a new device: say which instance it is behind, and that
 * its BARs stay where they are.
 */
static int tie_device(struct notifier_block *nb, unsigned long action,
		      void *data)
{
	struct virt_function *fn;
	int err;

	if (action != BUS_NOTIFY_ADD_DEVICE)
		return NOTIFY_DONE;
	fn = virt_bus_function(data);
	if (!fn)
		return NOTIFY_DONE;
	virt_bus_claim(to_pci_dev(data));
	if (fn->dma.alias)
		add_alias(to_pci_dev(data));
	/*
	 * It wants iommu_probe_device_lock held, which modules cannot take, so
	 * that dev->iommu is stable. It is: no other code knows the device yet.
	 */
	lockdep_off();
	err = iommu_fwspec_init(data, fn->dma.iommu->fwnode);
	lockdep_on();
	if (err)
		pr_err("%s: cannot be put behind its IOMMU: %d\n",
		       dev_name(data), err);
	return NOTIFY_OK;
}

static struct notifier_block tie_notifier = {
	.notifier_call = tie_device,
	.priority = 1,		/* the core's own has 0 */
};

/**
 * virt_iommu_register() - Show an instance to the core
 * @iommu: Personality, number and options filled in
 *
 * Return: 0 or an error of the IOMMU core.
 */
int virt_iommu_register(struct virt_iommu *iommu)
{
	int err;

	iommu->fwnode = fwnode_create_software_node(NULL, NULL);
	if (IS_ERR(iommu->fwnode))
		return PTR_ERR(iommu->fwnode);
	iommu->iommu.fwnode = iommu->fwnode;
	iommu->iommu.max_pasids = VIRT_PASIDS;

	/* The tracker finds the driver's description by this name (iommufd/platform.c) */
	err = iommu_device_sysfs_add(&iommu->iommu, NULL, NULL, "%sv%s%u",
				     iommu->bbm ? "bbm-" : "",
				     iommu->personality->name, iommu->number);
	if (err)
		goto err_fwnode;
	err = iommu_device_register(&iommu->iommu, &virt_iommu_ops, NULL);
	if (err)
		goto err_sysfs;
	return 0;

err_sysfs:
	iommu_device_sysfs_remove(&iommu->iommu);
err_fwnode:
	fwnode_remove_software_node(iommu->fwnode);
	return err;
}

/**
 * virt_iommu_unregister() - After the bus was removed
 * @iommu: The instance
 */
void virt_iommu_unregister(struct virt_iommu *iommu)
{
	iommu_device_unregister(&iommu->iommu);
	iommu_device_sysfs_remove(&iommu->iommu);
	fwnode_remove_software_node(iommu->fwnode);
}

/**
 * virt_iommu_init() - Register the bus notifier for new devices
 *
 * Return: 0 or an error of bus_register_notifier().
 */
int virt_iommu_init(void)
{
	return bus_register_notifier(&pci_bus_type, &tie_notifier);
}

/**
 * virt_iommu_exit() - After the bus was removed
 */
void virt_iommu_exit(void)
{
	bus_unregister_notifier(&pci_bus_type, &tie_notifier);
}
