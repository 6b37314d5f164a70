/* SPDX-License-Identifier: Apache-2.0 */
/* check.h - what a test program in C needs: a check that says where it failed, and a count. */
#ifndef UNDERSTUDY_CHECK_H
#define UNDERSTUDY_CHECK_H

#include <stdio.h>

static int checks, failures;

#define CHECK(condition)                                                                        \
	do {                                                                                    \
		checks++;                                                                       \
		if (!(condition)) {                                                             \
			failures++;                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
		}                                                                               \
	} while (0)

#define EQUAL(actual, expected)                                                                                     \
	do {                                                                                                        \
		long long got = (actual), wanted = (expected);                                                      \
                                                                                                                    \
		checks++;                                                                                           \
		if (got != wanted) {                                                                                \
			failures++;                                                                                 \
			fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #actual, got, wanted); \
		}                                                                                                   \
	} while (0)

/* The exit code of main; prints one line. */
static inline int report(const char *name)
{
	printf("%s: %d checks, %d failures\n", name, checks, failures);
	return failures != 0;
}

#endif
