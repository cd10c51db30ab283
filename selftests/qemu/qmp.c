// SPDX-License-Identifier: GPL-2.0-only
/*
 * QEMU's machine protocol: a command, and the line that answers it. Answers are
 * searched for keys rather than parsed: QEMU writes them in one way.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qmp.h"

/**
 * qmp_open() - Connect, and leave the negotiation behind
 * @qmp: Filled in
 * @path: QEMU's socket
 * @deadline: By which QEMU has to be there
 *
 * Return: 0 or -errno
 */
int qmp_open(struct wire *qmp, const char *path, long long deadline)
{
	int rc;

	rc = wire_connect(qmp, path, deadline);
	if (rc)
		return rc;
	if (!wire_line(qmp, deadline))
		return -errno;
	return qmp_call(qmp, NULL, "qmp_capabilities", NULL);
}

/**
 * qmp_call() - One command
 * @qmp: The connection
 * @answer: If not NULL: the whole answer, be it a result or an error; valid until
 *	the next call
 * @command: Its name
 * @arguments: Members of its arguments as JSON without the braces, or NULL
 *
 * Return: 0; -EREMOTEIO when QEMU answers with an error, else -errno
 */
int qmp_call(struct wire *qmp, const char **answer, const char *command,
	     const char *arguments, ...)
{
	char text[1024], members[768] = "";
	long long deadline = deadline_in(QMP_LIMIT_MS);
	const char *line;
	va_list args;
	int rc;

	if (arguments) {
		va_start(args, arguments);
		vsnprintf(members, sizeof(members), arguments, args);
		va_end(args);
	}
	snprintf(text, sizeof(text),
		 "{\"execute\": \"%s\", \"arguments\": {%s}}\n", command, members);
	rc = wire_send(qmp, text);
	if (rc)
		return rc;
	for (;;) {
		line = wire_line(qmp, deadline);
		if (!line)
			return -errno;
		if (answer)
			*answer = line;
		if (!strncmp(line, "{\"return\"", 9))
			return 0;
		if (!strncmp(line, "{\"error\"", 8))
			return -EREMOTEIO;
		/* else an event */
	}
}

/* Behind "key": and the space after it, NULL if there is no such key. */
static const char *value_of(const char *json, const char *key)
{
	char quoted[64];
	const char *at;

	snprintf(quoted, sizeof(quoted), "\"%s\": ", key);
	at = strstr(json, quoted);
	return at ? at + strlen(quoted) : NULL;
}

/**
 * json_number() - A number of an answer
 * @json: The answer
 * @object: The object in it that has the key and no objects of its own, or NULL
 * @key: What it is called
 *
 * Return: The number, 0 if there is none
 */
long long json_number(const char *json, const char *object, const char *key)
{
	const char *end, *at;

	if (object) {
		json = value_of(json, object);
		if (!json)
			return 0;
	}
	at = value_of(json, key);
	end = object ? strchr(json, '}') : NULL;
	return at && (!end || at < end) ? atoll(at) : 0;
}

/**
 * json_string() - A string of an answer, without what quotes a character
 * @json: The answer
 * @key: What it is called
 * @to: The string, "" if there is none
 * @room: Bytes at @to
 */
void json_string(const char *json, const char *key, char *to, size_t room)
{
	const char *at = value_of(json, key);
	size_t n = 0;

	if (at && *at == '"') {
		for (at++; *at && *at != '"' && n + 1 < room; at++) {
			if (*at == '\\' && at[1])
				at++;
			to[n++] = *at;
		}
	}
	to[n] = '\0';
}

/* Fit for between two quotes; control characters become spaces. */
void json_escape(const char *from, char *to, size_t room)
{
	size_t n = 0;

	for (; *from && n + 2 < room; from++) {
		if (*from == '"' || *from == '\\')
			to[n++] = '\\';
		to[n++] = (unsigned char)*from < ' ' ? ' ' : *from;
	}
	to[n] = '\0';
}
