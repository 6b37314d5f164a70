/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ends.h - the two addresses of a socket, as BPF contexts show them. */
#ifndef UNDERSTUDY_ENDS_H
#define UNDERSTUDY_ENDS_H

#include "address.h"

/* verifier: clang 14 merges loads of two ctx fields in two branches into one load through a computed pointer
 * ("dereference of modified ctx ptr"), so fields are read through volatile and before any branch between them.
 */
#define CTX_FIELD(field) (*(volatile typeof(field) *)&(field))

/* The same for sockops and sk_lookup contexts, whose fields have the same names. */
#define LOCAL_ADDRESS(ctx, v4)                                                                                    \
	to_words(v4, CTX_FIELD((ctx)->local_ip4), CTX_FIELD((ctx)->local_ip6[0]), CTX_FIELD((ctx)->local_ip6[1]), \
		 CTX_FIELD((ctx)->local_ip6[2]), CTX_FIELD((ctx)->local_ip6[3]))
#define REMOTE_ADDRESS(ctx, v4)                                                                                      \
	to_words(v4, CTX_FIELD((ctx)->remote_ip4), CTX_FIELD((ctx)->remote_ip6[0]), CTX_FIELD((ctx)->remote_ip6[1]), \
		 CTX_FIELD((ctx)->remote_ip6[2]), CTX_FIELD((ctx)->remote_ip6[3]))

static __always_inline struct words to_words(int v4, __u32 ip4, __u32 a, __u32 b, __u32 c, __u32 d)
{
	struct words ip6 = { { a, b, c, d } };

	return v4 ? map_v4(ip4) : ip6;
}

#endif
