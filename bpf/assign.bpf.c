/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* assign.bpf.c - sk_lookup in the workload's namespace: a new connection to the application's port goes to a socket of
 * ours, and no packet is changed. It sees no connection that exists already, so those stay where they are.
 */

#define LOOPBACK_IFINDEX 1 /* of every namespace (include/net/flow.h) */

/* 5.17; before that the test is left out at load, and the loopback address alone decides. */
struct bpf_sk_lookup___with_ifindex {
	__u32 ingress_ifindex;
} __attribute__((preserve_access_index));

static __always_inline int over_loopback(struct bpf_sk_lookup *ctx, const struct words *local)
{
	if (is_loopback(local))
		return 1;
	if (bpf_core_field_exists(struct bpf_sk_lookup___with_ifindex, ingress_ifindex))
		return ctx->ingress_ifindex == LOOPBACK_IFINDEX;
	return 0;
}

/* The proxy calls the application, or the pod calls itself. */
static __always_inline int is_own_dial(const struct words *remote, const struct words *local, __u16 remote_port,
				       __u16 app_port)
{
	struct own_dial key = { .port = remote_port, .app_port = app_port };

	if (remote->word[0] == local->word[0] && remote->word[1] == local->word[1] &&
	    remote->word[2] == local->word[2] && remote->word[3] == local->word[3])
		return 1;
	__builtin_memcpy(key.addr, remote, sizeof(key.addr));
	return bpf_map_lookup_elem(&own_dials, &key) != NULL;
}

/* INBOUND_STEERED once the socket is chosen; INBOUND_NO_LISTENER and INBOUND_NOT_ASSIGNED where it cannot be. */
static __always_inline enum inbound_counter choose(struct bpf_sk_lookup *ctx, const struct inbound_port *port, int v4)
{
	__u32 slot = port->slot * 2 + (v4 ? 0 : 1);
	struct bpf_sock *sk = bpf_map_lookup_elem(&inbound_sockets, &slot);
	long error;

	if (!sk)
		return INBOUND_NO_LISTENER;
	error = bpf_sk_assign(ctx, sk, 0);
	bpf_sk_release(sk);
	return error ? INBOUND_NOT_ASSIGNED : INBOUND_STEERED;
}

SEC("sk_lookup")
int steer_lookup(struct bpf_sk_lookup *ctx)
{
	int v4 = CTX_FIELD(ctx->family) == AF_INET;
	__u16 app_port = CTX_FIELD(ctx->local_port);
	__u16 remote_port = bpf_ntohs(CTX_FIELD(ctx->remote_port));
	const struct inbound_port *port;
	struct words local, remote;
	enum inbound_counter verdict;

	if (CTX_FIELD(ctx->protocol) != IPPROTO_TCP)
		return SK_PASS;
	port = bpf_map_lookup_elem(&inbound_ports, &app_port);
	if (!port)
		return SK_PASS;
	local = LOCAL_ADDRESS(ctx, v4);
	remote = REMOTE_ADDRESS(ctx, v4);
	if (over_loopback(ctx, &local))
		verdict = INBOUND_LOOPBACK;
	else if (is_own_dial(&remote, &local, remote_port, app_port))
		verdict = INBOUND_OWN_DIAL;
	else
		verdict = judge_agent();
	if (verdict == INBOUND_STEERED)
		verdict = choose(ctx, port, v4);
	if (verdict == INBOUND_NO_LISTENER && fails_closed) {
		count(INBOUND_FAILED_CLOSED);
		return SK_DROP;
	}
	count(verdict);
	return SK_PASS;
}
