// SPDX-License-Identifier: GPL-2.0-only
/* Lines of cases.txt. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "case.h"

#define FIELDS	7

static const char * const outcome_names[] = {
	[OUTCOME_NONE] = "-",
	[OUTCOME_OK] = "ok",
	[OUTCOME_LOST] = "lost",
	[OUTCOME_FAILS] = "fails",
	[OUTCOME_BLOCKED] = "blocked",
	[OUTCOME_SKIP] = "skip",
	[OUTCOME_BROKEN] = "broken",
};

const char *outcome_name(enum outcome outcome)
{
	return outcome_names[outcome];
}

static bool parse_outcome(enum outcome *outcome, const char *name)
{
	unsigned int n;

	for (n = 0; n < OUTCOME_BROKEN; n++) {
		if (!strcmp(name, outcome_names[n])) {
			*outcome = (enum outcome)n;
			return true;
		}
	}
	return false;
}

/* Without the blanks at both ends. */
static char *trim(char *text)
{
	char *end;

	text += strspn(text, " \t");
	end = text + strlen(text);
	while (end > text && strchr(" \t\n", end[-1]))
		end--;
	*end = '\0';
	return text;
}

/* "dev", "off", "off+force+mapped" */
static bool parse_device(struct device *device, char *word)
{
	char *part, *rest;

	for (part = strtok_r(word, "+", &rest); part;
	     part = strtok_r(NULL, "+", &rest)) {
		if (!strcmp(part, "off"))
			device->off = true;
		else if (!strcmp(part, "force"))
			device->force = true;
		else if (!strcmp(part, "mapped"))
			device->mapped = true;
		else if (!strcmp(part, "dma"))
			device->dma = true;
		else if (strcmp(part, "dev"))
			return false;
	}
	return true;
}

static bool parse_flag(struct qcase *c, const char *word)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{ "legacy", &c->legacy }, { "type1", &c->type1 },
		{ "multifd", &c->multifd }, { "ack", &c->ack },
		{ "map", &c->map }, { "serve", &c->serve },
	};
	unsigned int n;

	for (n = 0; n < sizeof(flags) / sizeof(*flags); n++) {
		if (!strcmp(word, flags[n].name)) {
			*flags[n].flag = true;
			return true;
		}
	}
	return false;
}

static bool parse_word(struct qcase *c, const char *word)
{
	const struct {
		const char *name;
		unsigned int *number;
		char *text;
	} values[] = {
		{ "times=", &c->times, NULL }, { "log=", &c->log, NULL },
		{ "drop=", &c->drop, NULL }, { "warns=", &c->warns, NULL },
		{ "break=", NULL, c->breaks },
		{ "fault=", NULL, c->fault }, { "object=", NULL, c->object },
	};
	unsigned int n;

	for (n = 0; n < sizeof(values) / sizeof(*values); n++) {
		size_t length = strlen(values[n].name);

		if (strncmp(word, values[n].name, length))
			continue;
		if (values[n].number)
			*values[n].number = (unsigned int)strtoul(word + length, NULL, 0);
		else
			snprintf(values[n].text, sizeof(c->fault), "%s", word + length);
		return true;
	}
	return parse_flag(c, word);
}

/**
 * case_parse() - Read a line of cases.txt
 * @c: Filled in
 * @line: The line, which is cut up
 *
 * Return: false if it is not understood
 */
bool case_parse(struct qcase *c, char *line)
{
	char *field[FIELDS], *word, *rest;
	unsigned int n;

	memset(c, 0, sizeof(*c));
	c->times = 1;
	for (n = 0; n < FIELDS; n++) {
		word = strsep(&line, "|");
		if (!word)
			return false;
		field[n] = trim(word);
	}
	snprintf(c->name, sizeof(c->name), "%s", field[0]);
	snprintf(c->where, sizeof(c->where), "%s", field[1]);
	for (word = strtok_r(field[2], " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest)) {
		if (c->nr_devices == CASE_DEVICES ||
		    !parse_device(&c->device[c->nr_devices++], word))
			return false;
	}
	for (word = strtok_r(field[3], " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest)) {
		if (!parse_word(c, word))
			return false;
	}
	return c->nr_devices && !line && parse_outcome(&c->right, field[4]) &&
	       parse_outcome(&c->today, field[5]) &&
	       parse_outcome(&c->tracker, field[6]);
}
