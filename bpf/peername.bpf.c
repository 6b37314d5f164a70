/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* peername.bpf.c - cgroup/getpeername4 and 6: the application is told the address it asked for. */

static __always_inline const struct client_state *redirected(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	const struct client_state *state;

	if (!sk)
		return NULL;
	state = state_of(sk, bpf_get_socket_cookie(ctx));
	return state && state->verdict == VERDICT_REDIRECTED ? state : NULL;
}

SEC("cgroup/getpeername4")
int restore_peername4(struct bpf_sock_addr *ctx)
{
	const struct client_state *state;

	if (ctx->protocol == IPPROTO_UDP)
		return show_asked4(ctx);
	state = redirected(ctx);
	if (!state)
		return UNTOUCHED;
	ctx->user_ip4 = ((const struct words *)state->dst.addr)->word[3];
	ctx->user_port = state->dst.port;
	return UNTOUCHED;
}

SEC("cgroup/getpeername6")
int restore_peername6(struct bpf_sock_addr *ctx)
{
	const struct client_state *state;

	if (ctx->protocol == IPPROTO_UDP)
		return show_asked6(ctx);
	state = redirected(ctx);
	if (state)
		show_peer6(ctx, state->dst.addr, state->dst.port);
	return UNTOUCHED;
}
