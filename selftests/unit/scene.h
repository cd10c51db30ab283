/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A scene: a dirty_set, its model, a READ of it, and the user's buffer. It makes
 * them at random and says what the user must find.
 */
#pragma once

#include <iommufd/deliver.h>
#include "model.h"

/**
 * enum scene_format - What the user asked for
 * @SCENE_BITMAP: A bitmap, some bits of which are set already
 * @SCENE_RANGES: Ranges
 * @SCENE_COUNT: Only how much
 */
enum scene_format {
	SCENE_BITMAP,
	SCENE_RANGES,
	SCENE_COUNT,
};

/**
 * struct scene - See above
 * @set: The set
 * @m: What is in it: one region
 * @coarse: It has coarse ranges, a part of which may stay dirty
 * @format: enum scene_format
 * @rd: The READ
 * @pages: Pages of the READ
 * @want: For each, should it be reported?
 * @got: For each, was it reported?
 * @buf: The user's buffer
 * @data: Where in it the data begins: not always aligned
 * @old: For each page, was its bit set before?
 * @room: Ranges that fit
 */
struct scene {
	struct dirty_set set;
	struct model m;
	bool coarse;
	enum scene_format format;
	struct dirty_read rd;
	unsigned long pages;
	unsigned char *want;
	unsigned char *got;
	unsigned char *buf;
	unsigned char *data;
	unsigned char *old;
	unsigned long room;
};

void scene_make(struct scene *s);
void scene_read(struct scene *s, enum scene_format format, unsigned long iova,
		unsigned long last, unsigned int shift, unsigned long room);
void scene_random_read(struct scene *s, enum scene_format format);
void scene_end_read(struct scene *s);
void scene_free(struct scene *s);
void scene_dirty(struct scene *s, unsigned int runs);
void scene_want(struct scene *s);
bool scene_got(struct scene *s);
void scene_deliver_model(struct scene *s, unsigned long first,
			 unsigned long last);
unsigned long scene_count(const struct scene *s, const unsigned char *pages);
unsigned long scene_page(const struct scene *s, unsigned long iova);
