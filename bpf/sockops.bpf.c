/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* sockops.bpf.c - carry the record from the client's socket to the accepted one, and report each end. */

#define HANDLED 1

static __always_inline struct leg_key client_leg(struct bpf_sock_ops *ctx, const struct client_state *state)
{
	struct leg_key key = { .listener_id = state->listener_id };
	struct words source = LOCAL_ADDRESS(ctx, is_mapped_v4((const struct words *)state->dst.addr));

	__builtin_memcpy(key.source, &source, sizeof(key.source));
	key.source_port = CTX_FIELD(ctx->local_port);
	key.listen_port = bpf_ntohl(CTX_FIELD(ctx->remote_port));
	return key;
}

/* What the SYN will say. It is not what the application asked for where another program, such as the load balancer of a
 * cluster, has translated the address after ours had looked at it.
 */
static __always_inline void note_dialled(struct bpf_sock_ops *ctx, struct client_state *state)
{
	struct words remote = REMOTE_ADDRESS(ctx, is_mapped_v4((const struct words *)state->dst.addr));

	__builtin_memcpy(state->dialled, &remote, sizeof(state->dialled));
	state->dialled_port = bpf_htons(bpf_ntohl(CTX_FIELD(ctx->remote_port)));
}

/* The source address and port are chosen, the SYN is not yet sent. */
static __always_inline void leaving(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct client_state *state;
	struct leg_key key;

	if (!sk)
		return;
	state = state_of(sk, bpf_get_socket_cookie(ctx));
	if (!state)
		return;
	/* Now, not at ESTABLISHED: a refused connection would never report its end and its entry would stay. */
	bpf_sock_ops_cb_flags_set(ctx, BPF_SOCK_OPS_STATE_CB_FLAG);
	if (!state->listener_id) {
		note_dialled(ctx, state);
		return;
	}
	key = client_leg(ctx, state);
	if (bpf_map_update_elem(&in_flight, &key, &state->dst, BPF_ANY))
		count(COUNTER_IN_FLIGHT_FULL);
}

static __always_inline void established(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct client_state *state = sk ? state_of(sk, bpf_get_socket_cookie(ctx)) : NULL;

	if (state)
		state->established = 1;
}

/* The listener's side of the handshake: runs while the child socket is owned by the softirq, so before accept(). */
static __always_inline void arriving(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct leg_key key = {};
	struct original_dst *dst;
	struct words source;
	__u64 cookie;
	__u32 *id;

	if (!sk)
		return;
	id = bpf_sk_storage_get(&listeners, sk, NULL, 0);
	if (!id)
		return; /* a server of the workload's own */
	source = REMOTE_ADDRESS(ctx, CTX_FIELD(ctx->family) == AF_INET);
	__builtin_memcpy(key.source, &source, sizeof(key.source));
	key.listener_id = *id;
	key.source_port = bpf_ntohl(CTX_FIELD(ctx->remote_port));
	key.listen_port = CTX_FIELD(ctx->local_port);
	dst = bpf_map_lookup_elem(&in_flight, &key);
	if (!dst) {
		count(COUNTER_ACCEPT_UNKNOWN);
		return;
	}
	cookie = bpf_get_socket_cookie(ctx);
	bpf_sock_ops_cb_flags_set(ctx, BPF_SOCK_OPS_STATE_CB_FLAG);
	if (bpf_map_update_elem(&orig_dst, &cookie, dst, BPF_ANY))
		count(COUNTER_ORIG_DST_FULL);
	if (!bpf_sk_storage_get(&accepted, sk, dst, BPF_SK_STORAGE_GET_F_CREATE))
		count(COUNTER_STORAGE_FULL);
	if (tell_mockserver(&cookie, dst))
		count(COUNTER_MOCKSERVER_FULL);
	bpf_map_delete_elem(&in_flight, &key);
	count(COUNTER_ACCEPTED);
}

static __always_inline void report(struct bpf_sock_ops *ctx, struct bpf_sock *sk, const struct client_state *state,
				   const struct leg_key *leg, __u32 old_state)
{
	struct connection_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);

	if (!event) {
		count(COUNTER_EVENTS_DROPPED);
		return;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->dst = state->dst;
	__builtin_memcpy(event->source, leg->source, sizeof(event->source));
	event->source_port = leg->source_port;
	event->verdict = state->verdict;
	event->cgroup_id = state->cgroup_id;
	__builtin_memcpy(event->dialled, state->dialled, sizeof(event->dialled));
	event->dialled_port = state->dialled_port;
	event->old_state = old_state;
	event->closed_ns = bpf_ktime_get_ns();
	event->srtt_us = CTX_FIELD(ctx->srtt_us) >> 3; /* kept shifted by 3 (struct tcp_sock) */
	event->retransmits = CTX_FIELD(ctx->total_retrans);
	if (tcp) {
		const struct sock *inner = &tcp->inet_conn.icsk_inet.sk;

		event->error = inner->sk_err;
		event->bytes_sent = tcp->bytes_sent - tcp->bytes_retrans;
		event->bytes_received = tcp->bytes_received;
		/* the peer's FIN was counted as one byte */
		if (event->bytes_received && inner->__sk_common.skc_flags & (1UL << SOCK_DONE))
			event->bytes_received -= 1;
	}
	/* The agent polls: waking it for every close would cost more than the close. */
	bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
	count(COUNTER_EVENTS);
}

static __always_inline void closed(struct bpf_sock_ops *ctx)
{
	__u32 old_state = CTX_FIELD(ctx->args[0]);
	struct bpf_sock *sk = ctx->sk;
	struct client_state *state;
	struct leg_key leg;
	__u64 cookie;

	if (!sk)
		return;
	cookie = bpf_get_socket_cookie(ctx);
	state = state_of(sk, cookie);
	if (!state) {
		forget_accepted(&cookie);
		return;
	}
	leg = client_leg(ctx, state);
	if (state->listener_id)
		bpf_map_delete_elem(&in_flight, &leg);
	report(ctx, sk, state, &leg, old_state);
	free_slot(cookie);
}

SEC("sockops")
int follow_sockets(struct bpf_sock_ops *ctx)
{
	switch (ctx->op) {
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		leaving(ctx);
		break;
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
		established(ctx);
		break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		arriving(ctx);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		if (ctx->args[1] == BPF_TCP_CLOSE)
			closed(ctx);
		break;
	}
	return HANDLED;
}
