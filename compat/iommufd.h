/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages that iommufd maps */
#ifndef _DIRTY_COMPAT_IOMMUFD_H
#define _DIRTY_COMPAT_IOMMUFD_H

/* Of a dma-buf since 6.19; no others can be revoked */
#ifndef DIRTY_HAS_DMABUF_PAGES
#define iopt_is_dmabuf(pages)		((void)(pages), false)
#define iopt_dmabuf_revoked(pages)	((void)(pages), false)
#endif

#endif
