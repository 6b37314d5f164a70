/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* original-dst.bpf.c - getsockopt(SO_ORIGINAL_DST) for a third-party proxy, which knows no other way to ask. Only on its
 * own cgroup: this runs at every getsockopt there.
 */

#define SOL_IP 0
#define SOL_IPV6 41
#define SO_ORIGINAL_DST 80 /* the same number on both levels (linux/netfilter_ipv4.h, netfilter_ipv6/ip6_tables.h) */
#define EINVAL 22
#define MAX_OPTLEN 65535 /* no machine has larger pages; for the verifier */

#define ALLOWED 1

/* What the kernel says to a buffer that is too small; before 5.18 a program cannot say it and leaves the kernel's. */
static __always_inline void refuse_short(void)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_set_retval))
		bpf_set_retval(-EINVAL);
}

static __always_inline void answered(struct bpf_sockopt *ctx, __s32 length)
{
	/* verifier: clang 14 stores the two neighbours as one ("invalid bpf_context access size=8"), unless volatile. */
	CTX_FIELD(ctx->optlen) = length;
	CTX_FIELD(ctx->retval) = 0;
	count(INBOUND_ANSWERED);
}

static __always_inline void answer_v4(struct bpf_sockopt *ctx, const struct original_dst *dst)
{
	struct sockaddr_in *address = ctx->optval;

	if ((void *)(address + 1) > ctx->optval_end || (__u32)ctx->optlen < sizeof(*address)) {
		refuse_short();
		return;
	}
	__builtin_memset(address, 0, sizeof(*address));
	address->sin_family = AF_INET;
	address->sin_port = dst->port;
	address->sin_addr.s_addr = ((const struct words *)dst->addr)->word[3];
	answered(ctx, sizeof(*address));
}

static __always_inline void answer_v6(struct bpf_sockopt *ctx, const struct original_dst *dst)
{
	struct sockaddr_in6 *address = ctx->optval;

	if ((void *)(address + 1) > ctx->optval_end || (__u32)ctx->optlen < sizeof(*address)) {
		refuse_short();
		return;
	}
	__builtin_memset(address, 0, sizeof(*address));
	address->sin6_family = AF_INET6;
	address->sin6_port = dst->port;
	__builtin_memcpy(&address->sin6_addr, dst->addr, sizeof(dst->addr));
	answered(ctx, sizeof(*address));
}

SEC("cgroup/getsockopt")
int answer_original_dst(struct bpf_sockopt *ctx)
{
	__s32 level = ctx->level, optname = ctx->optname;
	__u32 optlen = ctx->optlen;
	const struct original_dst *dst;
	struct bpf_sock *sk = ctx->sk;
	int v4;

	/* More than the page we are shown (iptables' whole table): 0 means that the kernel's own answer stands. */
	if (optlen > MAX_OPTLEN || ctx->optval + optlen > ctx->optval_end) {
		ctx->optlen = 0;
		return ALLOWED;
	}
	if (optname != SO_ORIGINAL_DST || (level != SOL_IP && level != SOL_IPV6) || !sk)
		return ALLOWED;
	dst = bpf_sk_storage_get(&accepted, sk, NULL, 0);
	if (!dst)
		return ALLOWED;
	v4 = is_mapped_v4((const struct words *)dst->addr);
	if (v4 && level == SOL_IP)
		answer_v4(ctx, dst);
	else if (!v4 && level == SOL_IPV6)
		answer_v6(ctx, dst);
	return ALLOWED;
}
