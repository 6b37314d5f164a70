/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* accept.bpf.c - sockops on the cgroup of whoever listens: an accepted socket gets the record of where its client was
 * going, before accept() can return.
 */

#define HANDLED 1

/* The application's port that an accepted socket stands for; 0: it is none of ours. */
static __always_inline __u16 app_port_of(struct bpf_sock *sk, __u16 local_port)
{
	const __u16 *app;

	if (!any_listener && !bpf_sk_storage_get(&inbound_listeners, sk, NULL, 0))
		return 0;
	if (keeps_port)
		return bpf_map_lookup_elem(&inbound_ports, &local_port) ? local_port : 0;
	app = bpf_map_lookup_elem(&proxy_ports, &local_port);
	return app ? *app : 0;
}

static __always_inline void arriving(struct bpf_sock_ops *ctx)
{
	int v4 = CTX_FIELD(ctx->family) == AF_INET;
	struct words local = LOCAL_ADDRESS(ctx, v4);
	__u16 local_port = CTX_FIELD(ctx->local_port);
	struct original_dst dst = { .family = v4 ? AF_INET : AF_INET6, .flags = ORIGINAL_DST_INBOUND };
	struct bpf_sock *sk = ctx->sk;
	__u64 cookie;
	__u16 app;

	if (!sk)
		return;
	app = app_port_of(sk, local_port);
	if (!app)
		return;
	__builtin_memcpy(dst.addr, &local, sizeof(dst.addr));
	dst.port = bpf_htons(app);
	dst.born_ns = bpf_ktime_get_ns();
	cookie = bpf_get_socket_cookie(ctx);
	bpf_sock_ops_cb_flags_set(ctx, BPF_SOCK_OPS_STATE_CB_FLAG);
	if (bpf_map_update_elem(&orig_dst, &cookie, &dst, BPF_ANY))
		count(INBOUND_ORIG_DST_FULL);
	if (!bpf_sk_storage_get(&accepted, sk, &dst, BPF_SK_STORAGE_GET_F_CREATE))
		count(INBOUND_STORAGE_FULL);
	if (tell_mockserver(&cookie, &dst))
		count(INBOUND_MOCKSERVER_FULL);
	count(INBOUND_ACCEPTED);
}

SEC("sockops")
int record_inbound(struct bpf_sock_ops *ctx)
{
	__u64 cookie;

	if (ctx->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB) {
		arriving(ctx);
	} else if (ctx->op == BPF_SOCK_OPS_STATE_CB && ctx->args[1] == BPF_TCP_CLOSE) {
		cookie = bpf_get_socket_cookie(ctx);
		forget_accepted(&cookie);
	}
	return HANDLED;
}
