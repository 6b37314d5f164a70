/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* decide.h - may this connection be redirected? Checks in order; each is a bypass. */
#ifndef UNDERSTUDY_DECIDE_H
#define UNDERSTUDY_DECIDE_H

#include "address.h"
#include "maps.h"

/* A connect() as plain values: the socket's family, and the destination in one shape for v4, v6 and v4-mapped. */
struct attempt {
	struct words addr;
	__u32 port; /* host order */
	__u32 mark;
	__u32 bound_dev_if;
	__be16 listen_port; /* network order: the listener of ours that it is for */
	__u16 dns;	    /* that is the DNS listener */
};

#define DNS_PORT 53

/* Which of the policy's listeners is it for? Called when the address and the port are known. */
static __always_inline void find_listener(const struct policy *policy, struct attempt *a)
{
	int v4 = is_mapped_v4(&a->addr);

	a->listen_port = v4 ? policy->listen_port4 : policy->listen_port6;
	if (a->port != DNS_PORT)
		return;
	a->dns = (v4 ? policy->dns_port4 : policy->dns_port6) != 0;
	if (a->dns)
		a->listen_port = v4 ? policy->dns_port4 : policy->dns_port6;
}

static __always_inline int port_excluded(const struct policy *policy, __u32 port)
{
	for (int i = 0; i < MAX_PORT_RANGES; i++) {
		if (i >= policy->port_range_count)
			return 0;
		if (port >= policy->excluded_ports[i].first && port <= policy->excluded_ports[i].last)
			return 1;
	}
	return 0;
}

static __always_inline int cidr_excluded(const struct policy *policy, const struct words *addr)
{
	struct cidr_key key = { .prefix_len = 32 + 128, .policy_id = policy->id };

	if (!(policy->flags & POLICY_HAS_EXCLUDED_CIDRS))
		return 0;
	__builtin_memcpy(key.addr, addr, sizeof(key.addr));
	return bpf_map_lookup_elem(&excluded_cidrs, &key) != NULL;
}

/* Is the agent's own listener of this policy open in the caller's netns? A stranger on the same port is not. */
static __always_inline int listener_open(void *ctx, const struct policy *policy, const struct attempt *a, int protocol)
{
	int v4 = is_mapped_v4(&a->addr);
	__u32 size = v4 ? sizeof(((struct bpf_sock_tuple *)0)->ipv4) : sizeof(((struct bpf_sock_tuple *)0)->ipv6);
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *sk;
	__u32 *id;
	int open;

	if (v4) {
		tuple.ipv4.daddr = bpf_htonl(0x7f000001);
		tuple.ipv4.dport = a->listen_port;
	} else {
		tuple.ipv6.daddr[3] = bpf_htonl(1);
		tuple.ipv6.dport = a->listen_port;
	}
	if (protocol == IPPROTO_UDP)
		sk = bpf_sk_lookup_udp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	else
		sk = bpf_sk_lookup_tcp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return 0;
	id = bpf_sk_storage_get(&listeners, sk, NULL, 0);
	open = id && *id == policy->id;
	bpf_sk_release(sk);
	return open;
}

static __always_inline int own_listener(const struct policy *policy, __u32 port)
{
	if (!port)
		return 0; /* a listener that there is none of */
	return port == bpf_ntohs(policy->listen_port4) || port == bpf_ntohs(policy->listen_port6) ||
	       port == bpf_ntohs(policy->dns_port4) || port == bpf_ntohs(policy->dns_port6);
}

/* Checks on the attempt alone, cheapest and most frequent first. */
static __always_inline enum verdict judge(const struct policy *policy, const struct attempt *a)
{
	if (agent_mark && a->mark == agent_mark)
		return VERDICT_OWN_TRAFFIC;
	if (is_loopback(&a->addr)) {
		/* A name server on loopback asks others in turn (127.0.0.53, 127.0.0.11): what is asked there is for the world. */
		if (!(policy->flags & POLICY_INTERCEPT_LOOPBACK) && !a->dns)
			return VERDICT_LOOPBACK;
		if (own_listener(policy, a->port))
			return VERDICT_OWN_TRAFFIC;
	}
	/* Clouds and node-local caches serve DNS on 169.254.0.0/16. fe80::/10 means nothing without its scope id. */
	if (is_link_local(&a->addr) && !(policy->flags & POLICY_INTERCEPT_LINK_LOCAL) &&
	    !(a->dns && is_mapped_v4(&a->addr)))
		return VERDICT_LINK_LOCAL;
	/* SO_BINDTODEVICE and a loopback destination exclude each other: such a connection would hang. */
	if (a->bound_dev_if)
		return VERDICT_BOUND_DEVICE;
	if (port_excluded(policy, a->port))
		return VERDICT_EXCLUDED_PORT;
	if (cidr_excluded(policy, &a->addr))
		return VERDICT_EXCLUDED_CIDR;
	/* TCP goes nowhere from here, and the application is to hear that from the kernel itself. */
	if (!is_unicast(&a->addr) || a->port == 0)
		return VERDICT_NOT_UNICAST;
	return VERDICT_REDIRECTED;
}

static __always_inline int agent_alive(void)
{
	/* volatile: the agent writes it from user space; a beat may also be newer than our clock reading. */
	return (__s64)(bpf_ktime_get_ns() - *(volatile __u64 *)&heartbeat_ns) <= (__s64)heartbeat_stale_ns;
}

/* Checks on the agent: alive, and listening in this netns. */
static __always_inline enum verdict judge_agent(void *ctx, const struct policy *policy, const struct attempt *a)
{
	enum verdict verdict = VERDICT_REDIRECTED;

	if (!agent_alive())
		verdict = VERDICT_AGENT_STALE;
	else if (!listener_open(ctx, policy, a, IPPROTO_TCP))
		verdict = VERDICT_NO_LISTENER;
	if (verdict != VERDICT_REDIRECTED && policy->flags & POLICY_FAIL_CLOSED)
		return VERDICT_FAILED_CLOSED;
	return verdict;
}

#endif
