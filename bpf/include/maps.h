/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* maps.h - every map and tunable. Bounds are the least that is safe; src/kernel/programs.ts may set larger ones. */
#ifndef UNDERSTUDY_MAPS_H
#define UNDERSTUDY_MAPS_H

#include "contract.h"
#include "records.h"

/* What a UDP socket has asked over one family of addresses, and where the question went. */
struct dns_leg {
	struct leg_key key; /* of its entry in dns_asked; source_port 0: it has none */
	__u8 addr[16];	    /* the server that was asked */
	__be16 port;	    /* its port */
	__be16 listen_port; /* our listener's; 0: nothing was asked */
	__u32 reserved;
};

/* One socket may ask IPv4 and IPv6 servers at once, from two source addresses. */
struct dns_client {
	struct dns_leg v4;
	struct dns_leg v6;
};

/* Written by the agent: who is intercepted, and how. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct policy);
} policies SEC(".maps");

/* Written by the agent: destinations that a policy leaves alone. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct cidr_key);
	__type(value, __u8);
} excluded_cidrs SEC(".maps");

/* Written by the agent on each of its listening sockets, read by the listener guard; accepted sockets inherit it
 * (BPF_F_CLONE), which is how the passive side knows that a socket is ours and whose it is.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, __u32);
} listeners SEC(".maps");

/* Written by connect4/6 for the connecting socket, read by getpeername4/6 and sockops, given back at its end. Each socket
 * has one slot it may take, by its cookie: no allocation, which was most of the cost of a connection left alone.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CLIENT_SLOTS);
	__type(key, __u32);
	__type(value, struct client_slot);
} client_slots SEC(".maps");

/* The same in the socket itself, for one whose slot another holds: no bound, and its life is the socket's. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct client_state);
} client_states SEC(".maps");

/* From TCP_CONNECT_CB to PASSIVE_ESTABLISHED; removed by the client's close if nobody accepted. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct leg_key);
	__type(value, struct original_dst);
} in_flight SEC(".maps");

/* Written by connect4/6 and sendmsg4/6 for a UDP socket that asks a name server; read by recvmsg4/6, getpeername4/6 and
 * sock_release.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct dns_client);
} dns_clients SEC(".maps");

/* The same for the DNS server, which sees nothing but the source of a datagram; removed with the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct leg_key);
	__type(value, struct asked_server);
} dns_asked SEC(".maps");

/* One connection_event per closed connection; the agent drains it in batches. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4194304);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTER_MAX);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

/* Tunables, set before load. */
const volatile __u64 heartbeat_stale_ns = 5000000000ULL;
const volatile __u32 agent_mark;	/* SO_MARK of the agent's own sockets; 0: no such check */
const volatile __u8 by_netns;		/* policies are keyed by netns cookie, not all under key 0 */
const volatile __u8 names_process;	/* the kernel lets connect hooks ask for pid and comm */
const volatile __u8 names_cgroup;	/* and for the cgroup */
const volatile __u8 observes_all;	/* connections under no policy are noted, too */
const volatile __u64 host_netns_cookie; /* by_netns: never intercepted, whatever policies says; 0: no such check */

/* CLOCK_MONOTONIC of the agent's last beat; its heartbeat thread writes here through a memory map. */
__u64 heartbeat_ns;

static __always_inline void count(__u32 counter)
{
	__u64 *value = bpf_map_lookup_elem(&counters, &counter);

	if (value)
		*value += 1; /* per CPU; BPF runs with migration off */
}

#endif
