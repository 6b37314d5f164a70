/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* connect.bpf.c - cgroup/connect4 and connect6: note where the application goes, then send it to our listener; and
 * cgroup/sock_release, for what never went.
 */

/* An IPv4 socket's src_ip6 is no evidence: after a failed connect() it keeps the address that one had. */
static __always_inline int is_bound(struct bpf_sock *sk, int family)
{
	if (family == AF_INET)
		return sk->src_ip4 != 0;
	return sk->src_ip6[0] || sk->src_ip6[1] || sk->src_ip6[2] || sk->src_ip6[3];
}

static __always_inline void bind_source(struct bpf_sock_addr *ctx, const __u8 *source, int family)
{
	const struct words *address = (const struct words *)source;
	long error;

	if (is_zero(address))
		return;
	if (family == AF_INET) {
		struct sockaddr_in any_port = { .sin_family = AF_INET, .sin_addr = { address->word[3] } };

		error = bpf_bind(ctx, (struct sockaddr *)&any_port, sizeof(any_port));
	} else {
		struct sockaddr_in6 any_port = { .sin6_family = AF_INET6 };

		__builtin_memcpy(&any_port.sin6_addr, address, sizeof(*address));
		error = bpf_bind(ctx, (struct sockaddr *)&any_port, sizeof(any_port));
	}
	if (error)
		count(COUNTER_SOURCE_NOT_BOUND);
}

/* Where the state of this socket's connection is kept; NULL when there is no memory for it. A socket that connects again
 * after a failure may find its slot free by now: what has the slot goes before what is in storage (state_of).
 */
static __always_inline struct client_state *state_for(struct bpf_sock *sk, __u64 cookie)
{
	struct client_state *state = claim_slot(cookie);

	if (!state)
		state = bpf_sk_storage_get(&client_states, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!state)
		count(COUNTER_NO_STATE);
	return state;
}

static __always_inline struct client_state *note(struct bpf_sock_addr *ctx, struct bpf_sock *sk,
						 const struct words *addr, __u32 port, int family)
{
	__u64 cookie = bpf_get_socket_cookie(ctx);
	struct client_state *state = state_for(sk, cookie);

	if (!state)
		return NULL;
	__builtin_memset(state, 0, sizeof(*state));
	__builtin_memcpy(state->dst.addr, addr, sizeof(state->dst.addr));
	state->dst.port = bpf_htons(port);
	state->dst.family = family;
	state->dst.client_cookie = cookie;
	state->dst.netns_cookie = bpf_get_netns_cookie(ctx);
	state->dst.born_ns = bpf_ktime_get_ns();
	if (names_process) {
		state->dst.pid = bpf_get_current_pid_tgid() >> 32;
		bpf_get_current_comm(state->dst.comm, sizeof(state->dst.comm));
	}
	if (names_cgroup)
		state->cgroup_id = bpf_get_current_cgroup_id();
	return state;
}

/* A connection of a workload that has no policy. What stays inside of it is counted and not looked at. */
static __always_inline void observe(struct bpf_sock_addr *ctx, struct bpf_sock *sk, struct words addr, int family)
{
	enum verdict verdict = VERDICT_NOT_ENROLLED;
	struct client_state *state;

	if (is_loopback(&addr)) {
		count(VERDICT_LOOPBACK);
		return;
	}
	if (agent_mark && sk->mark == agent_mark)
		verdict = VERDICT_OWN_TRAFFIC;
	count(verdict);
	state = note(ctx, sk, &addr, bpf_ntohs((__be16)ctx->user_port), family);
	if (state)
		state->verdict = verdict;
}

/* One body for v4 and v6: the verdict is counted and kept with the socket; only a redirect goes on. */
static __always_inline enum verdict arrive(struct bpf_sock_addr *ctx, struct bpf_sock *sk, const struct policy *policy,
					   const struct attempt *a, int family)
{
	enum verdict verdict = judge(policy, a);
	struct client_state *state;

	if (verdict == VERDICT_REDIRECTED)
		verdict = judge_agent(ctx, policy, a);
	state = note(ctx, sk, &a->addr, a->port, family);
	if (!state && verdict == VERDICT_REDIRECTED)
		verdict = policy->flags & POLICY_FAIL_CLOSED ? VERDICT_FAILED_CLOSED : VERDICT_NO_RECORD;
	count(verdict);
	if (!state)
		return verdict;
	state->verdict = verdict;
	if (verdict != VERDICT_REDIRECTED)
		return verdict;
	state->listener_id = policy->id;
	if (is_bound(sk, family))
		state->dst.flags = ORIGINAL_DST_SOURCE_BOUND;
	else if (!is_loopback(&a->addr))
		bind_source(ctx, is_mapped_v4(&a->addr) ? policy->source4 : policy->source6, family);
	return verdict;
}

/* TCP, and of UDP what asks a name server. */
static __always_inline int is_ours(struct bpf_sock_addr *ctx)
{
	if (ctx->protocol == IPPROTO_TCP)
		return 1;
	return ctx->protocol == IPPROTO_UDP && ctx->user_port == bpf_htons(DNS_PORT);
}

SEC("cgroup/connect4")
int redirect_connect4(struct bpf_sock_addr *ctx)
{
	const struct policy *policy = enrolled(ctx);
	struct bpf_sock *sk = ctx->sk;
	enum verdict verdict;
	struct attempt a;

	if (!sk || !is_ours(ctx))
		return UNTOUCHED;
	if (!policy) {
		if (observes_all && ctx->protocol == IPPROTO_TCP)
			observe(ctx, sk, map_v4(ctx->user_ip4), AF_INET);
		return UNTOUCHED;
	}
	a = attempt4(ctx, sk, policy);
	if (ctx->protocol == IPPROTO_UDP) {
		__be16 port = ask_by_connect(ctx, sk, policy, &a);

		if (port)
			go_to4(ctx, port);
		return UNTOUCHED;
	}
	verdict = arrive(ctx, sk, policy, &a, AF_INET);
	/* Nobody can listen on port 0: the kernel itself answers ECONNREFUSED. */
	if (verdict == VERDICT_REDIRECTED || verdict == VERDICT_FAILED_CLOSED)
		go_to4(ctx, verdict == VERDICT_REDIRECTED ? a.listen_port : 0);
	return UNTOUCHED;
}

SEC("cgroup/connect6")
int redirect_connect6(struct bpf_sock_addr *ctx)
{
	const struct policy *policy = enrolled(ctx);
	struct bpf_sock *sk = ctx->sk;
	enum verdict verdict;
	struct attempt a;

	if (!sk || !is_ours(ctx))
		return UNTOUCHED;
	if (!policy) {
		if (observes_all && ctx->protocol == IPPROTO_TCP)
			observe(ctx, sk, peer6(ctx), AF_INET6);
		return UNTOUCHED;
	}
	a = attempt6(ctx, sk, policy);
	if (ctx->protocol == IPPROTO_UDP) {
		__be16 port = ask_by_connect(ctx, sk, policy, &a);

		if (port)
			go_to6(ctx, port, is_mapped_v4(&a.addr));
		return UNTOUCHED;
	}
	verdict = arrive(ctx, sk, policy, &a, AF_INET6);
	if (verdict == VERDICT_REDIRECTED || verdict == VERDICT_FAILED_CLOSED)
		go_to6(ctx, verdict == VERDICT_REDIRECTED ? a.listen_port : 0, is_mapped_v4(&a.addr));
	return UNTOUCHED;
}

/* A connect() that fails before its SYN (no route, no free port) changes no state that sockops would see. */
SEC("cgroup/sock_release")
int forget_released(struct bpf_sock *ctx)
{
	struct dns_client *client;
	__u64 cookie;

	if (ctx->protocol == IPPROTO_TCP) {
		if (ctx->state == BPF_TCP_CLOSE)
			free_slot(bpf_get_socket_cookie(ctx));
		return UNTOUCHED;
	}
	if (ctx->protocol != IPPROTO_UDP)
		return UNTOUCHED;
	client = bpf_sk_storage_get(&dns_clients, ctx, NULL, 0);
	if (!client)
		return UNTOUCHED;
	cookie = bpf_get_socket_cookie(ctx);
	forget_asked(&client->v4, cookie);
	forget_asked(&client->v6, cookie);
	return UNTOUCHED;
}
