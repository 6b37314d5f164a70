/* SPDX-License-Identifier: Apache-2.0 */
/* long-string.h - a string longer than anybody expects. */
#ifndef UNDERSTUDY_LONG_STRING_H
#define UNDERSTUDY_LONG_STRING_H

#include <stdlib.h>
#include <string.h>

/* A long string without a terminator nearby, as a caller of the interface might send. */
static inline char *long_string(size_t length)
{
	char *text = malloc(length + 1);

	memset(text, 'a', length);
	text[length] = 0;
	return text;
}

#endif
