/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* address.h - plain functions on 16-byte addresses. No BPF helper here: native/test runs them on the host. */
#ifndef UNDERSTUDY_ADDRESS_H
#define UNDERSTUDY_ADDRESS_H

#include <linux/types.h>

struct words {
	__u32 word[4]; /* network order */
};

static inline __attribute__((always_inline)) struct words map_v4(__u32 address_be)
{
	struct words mapped = { { 0, 0, __builtin_bswap32(0xffff), address_be } };

	return mapped;
}

static inline __attribute__((always_inline)) int is_mapped_v4(const struct words *a)
{
	return a->word[0] == 0 && a->word[1] == 0 && a->word[2] == __builtin_bswap32(0xffff);
}

/* Loopback, or the unspecified address, which connect() takes for loopback (RFC 1122 3.2.1.3, Linux ip(7)). */
static inline __attribute__((always_inline)) int is_loopback(const struct words *a)
{
	if (is_mapped_v4(a))
		return (__builtin_bswap32(a->word[3]) >> 24) == 127 || a->word[3] == 0;
	return a->word[0] == 0 && a->word[1] == 0 && a->word[2] == 0 &&
	       (a->word[3] == __builtin_bswap32(1) || a->word[3] == 0);
}

/* 169.254.0.0/16 (RFC 3927), fe80::/10 (RFC 4291). */
static inline __attribute__((always_inline)) int is_link_local(const struct words *a)
{
	if (is_mapped_v4(a))
		return (__builtin_bswap32(a->word[3]) >> 16) == 0xa9fe;
	return (__builtin_bswap32(a->word[0]) >> 22) == (0xfe80U >> 6);
}

/* Neither multicast (RFC 5771, RFC 4291 2.7) nor the limited broadcast. 240.0.0.0/4 is: Linux routes it. */
static inline __attribute__((always_inline)) int is_unicast(const struct words *a)
{
	if (is_mapped_v4(a))
		return (__builtin_bswap32(a->word[3]) >> 28) != 0xe && a->word[3] != 0xffffffff;
	return (__builtin_bswap32(a->word[0]) >> 24) != 0xff;
}

static inline __attribute__((always_inline)) int is_same(const struct words *a, const struct words *b)
{
	return ((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1]) | (a->word[2] ^ b->word[2]) |
		(a->word[3] ^ b->word[3])) == 0;
}

static inline __attribute__((always_inline)) int is_zero(const struct words *a)
{
	return (a->word[0] | a->word[1] | a->word[2] | a->word[3]) == 0;
}

#endif
