/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* hooks.h - what the cgroup socket-address programs share: reading what is asked for, writing where it goes. */
#ifndef UNDERSTUDY_HOOKS_H
#define UNDERSTUDY_HOOKS_H

#include "decide.h"

#define UNTOUCHED 1

static __always_inline const struct policy *enrolled(struct bpf_sock_addr *ctx)
{
	__u64 key = by_netns ? bpf_get_netns_cookie(ctx) : 0;

	/* Belt and braces: on a node a wrong entry here would take the whole host's traffic. */
	if (by_netns && host_netns_cookie && key == host_netns_cookie)
		return NULL;
	return bpf_map_lookup_elem(&policies, &key);
}

static __always_inline struct words peer6(struct bpf_sock_addr *ctx)
{
	struct words address;

	address.word[0] = ctx->user_ip6[0];
	address.word[1] = ctx->user_ip6[1];
	address.word[2] = ctx->user_ip6[2];
	address.word[3] = ctx->user_ip6[3];
	return address;
}

static __always_inline struct attempt attempt4(struct bpf_sock_addr *ctx, struct bpf_sock *sk,
					       const struct policy *policy)
{
	struct attempt a = {};

	a.addr = map_v4(ctx->user_ip4);
	a.port = bpf_ntohs((__be16)ctx->user_port);
	a.mark = sk->mark;
	a.bound_dev_if = sk->bound_dev_if;
	find_listener(policy, &a);
	return a;
}

static __always_inline struct attempt attempt6(struct bpf_sock_addr *ctx, struct bpf_sock *sk,
					       const struct policy *policy)
{
	struct attempt a = {};

	a.addr = peer6(ctx);
	a.port = bpf_ntohs((__be16)ctx->user_port);
	a.mark = sk->mark;
	a.bound_dev_if = sk->bound_dev_if;
	find_listener(policy, &a);
	return a;
}

static __always_inline void go_to4(struct bpf_sock_addr *ctx, __be16 port)
{
	ctx->user_ip4 = bpf_htonl(0x7f000001);
	ctx->user_port = port;
}

/* v4: Java and Go dial IPv4 through IPv6 sockets. */
static __always_inline void go_to6(struct bpf_sock_addr *ctx, __be16 port, int v4)
{
	ctx->user_ip6[0] = 0;
	ctx->user_ip6[1] = 0;
	ctx->user_ip6[2] = v4 ? bpf_htonl(0xffff) : 0;
	ctx->user_ip6[3] = v4 ? bpf_htonl(0x7f000001) : bpf_htonl(1);
	ctx->user_port = port;
}

static __always_inline void show_peer6(struct bpf_sock_addr *ctx, const __u8 *addr, __be16 port)
{
	const struct words *address = (const struct words *)addr;

	ctx->user_ip6[0] = address->word[0];
	ctx->user_ip6[1] = address->word[1];
	ctx->user_ip6[2] = address->word[2];
	ctx->user_ip6[3] = address->word[3];
	ctx->user_port = port;
}

#endif
