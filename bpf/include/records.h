/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* records.h - where the answer for an accepted socket is kept. Two objects of one process share these maps. */
#ifndef UNDERSTUDY_RECORDS_H
#define UNDERSTUDY_RECORDS_H

#include "address.h"
#include "contract.h"

/* The contract map, pinned by the agent: cookie of the accepted socket -> where it was going. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct original_dst);
} orig_dst SEC(".maps");

/* The same answer in the accepted socket itself: no eviction, and its life is the socket's. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct original_dst);
} accepted SEC(".maps");

/* Written beside orig_dst if asked for, pinned where MockServer looks: it opens the map once and deletes what it reads. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, struct mockserver_dst);
} mockserver_orig_dst SEC(".maps");

const volatile __u8 fills_mockserver; /* set before load */

/* 0, or what the map said. Its values have no room for IPv6. */
static __always_inline long tell_mockserver(const __u64 *cookie, const struct original_dst *dst)
{
	const struct words *address = (const struct words *)dst->addr;
	struct mockserver_dst value;

	if (!fills_mockserver || !is_mapped_v4(address))
		return 0;
	__builtin_memcpy(value.addr, &address->word[3], sizeof(value.addr));
	__builtin_memcpy(value.port, &dst->port, sizeof(value.port));
	return bpf_map_update_elem(&mockserver_orig_dst, cookie, &value, BPF_ANY);
}

static __always_inline void forget_accepted(const __u64 *cookie)
{
	bpf_map_delete_elem(&orig_dst, cookie);
	if (fills_mockserver)
		bpf_map_delete_elem(&mockserver_orig_dst, cookie);
}

#endif
