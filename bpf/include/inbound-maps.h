/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* inbound-maps.h - the maps and tunables of inbound.bpf.o, and what all its programs ask of them. */
#ifndef UNDERSTUDY_INBOUND_MAPS_H
#define UNDERSTUDY_INBOUND_MAPS_H

#include "contract.h"
#include "records.h"

/* Written by the agent: which ports of the application are proxied. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_INBOUND_PORTS);
	__type(key, __u16);
	__type(value, struct inbound_port);
} inbound_ports SEC(".maps");

/* Written by the agent, tc only: the way back, proxy port -> application's port. One to one, so no flow is remembered. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_INBOUND_PORTS);
	__type(key, __u16);
	__type(value, __u16);
} proxy_ports SEC(".maps");

/* Written by the agent on its own inbound listeners; accepted sockets inherit it. Not the map of the outbound listeners,
 * whose programs expect a record of every socket that carries their mark.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, __u32);
} inbound_listeners SEC(".maps");

/* Written by the agent, sk_lookup only: the listeners, by struct inbound_port.slot. A closed one leaves by itself. */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 2 * MAX_INBOUND_PORTS);
	__type(key, __u32);
	__type(value, __u64);
} inbound_sockets SEC(".maps");

/* Written by the agent before the proxy calls the application; LRU, so that one it forgets does no harm. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct own_dial);
	__type(value, __u8);
} own_dials SEC(".maps");

/* Written by the agent: key 0 is not 0 while no new connection is to be steered. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} draining SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, INBOUND_MAX);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

/* Tunables, set before load. */
const volatile __u64 heartbeat_stale_ns = 5000000000ULL;
const volatile __u32 agent_mark;  /* packets with this mark are left alone; 0: no such check */
const volatile __u8 any_listener; /* a third-party proxy: whoever listens on a proxy port is it */
const volatile __u8 keeps_port;	  /* sk_lookup: an accepted socket has the application's port itself */
const volatile __u8 fails_closed; /* sk_lookup: drop what nobody of ours can take */

/* CLOCK_MONOTONIC of the agent's last beat; its heartbeat thread writes here through a memory map. */
__u64 heartbeat_ns;

static __always_inline void count(__u32 counter)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &counter);

	if (value)
		*value += 1; /* per CPU; BPF runs with migration off */
}

/* May a new connection be steered? INBOUND_STEERED, or why not. */
static __always_inline enum inbound_counter judge_agent(void)
{
	__u32 key = 0, *drains = bpf_map_lookup_elem(&draining, &key);

	if (!drains || *drains)
		return INBOUND_DRAINING;
	/* volatile: the agent writes it from user space; a beat may also be newer than our clock reading. */
	if ((__s64)(bpf_ktime_get_ns() - *(volatile __u64 *)&heartbeat_ns) > (__s64)heartbeat_stale_ns)
		return INBOUND_AGENT_STALE;
	return INBOUND_STEERED;
}

#endif
