/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* dns.bpf.c - UDP to port 53: connect() and sendmsg() go to our DNS listener, recvmsg() tells whom the answer is from. */

/* Ports to try for a socket that has none. Each is random in the kernel's default range, so one mostly does. */
#define BIND_TRIES 8
#define FIRST_EPHEMERAL 32768
#define EPHEMERAL_PORTS 28232
#define EADDRINUSE 98

static __always_inline struct words loopback(int v4)
{
	struct words address = { { 0, 0, v4 ? bpf_htonl(0xffff) : 0, v4 ? bpf_htonl(0x7f000001) : bpf_htonl(1) } };

	return address;
}

/* What the socket is bound to, as far as it is of use for this destination; zero where it is not bound. */
static __always_inline struct words bound_address(struct bpf_sock *sk, int v4)
{
	struct words none = {};
	struct words ip6 = { { sk->src_ip6[0], sk->src_ip6[1], sk->src_ip6[2], sk->src_ip6[3] } };

	if (v4)
		return sk->src_ip4 ? map_v4(sk->src_ip4) : none;
	return ip6;
}

static __always_inline long bind_to(struct bpf_sock_addr *ctx, const struct words *address, __be16 port)
{
	if (ctx->family == AF_INET) {
		struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = port };

		to.sin_addr.s_addr = address->word[3];
		return bpf_bind(ctx, (struct sockaddr *)&to, sizeof(to));
	}
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_port = port };

	__builtin_memcpy(&to.sin6_addr, address, sizeof(*address));
	return bpf_bind(ctx, (struct sockaddr *)&to, sizeof(to));
}

/* connect() chooses the port only after its hook, too late for a record. So it is chosen here, and with it the source
 * address that the application would have seen: asking for that is what many connect a UDP socket for.
 */
static __always_inline void choose_source(struct bpf_sock_addr *ctx, struct bpf_sock *sk, const struct policy *policy,
					  const struct attempt *a)
{
	int v4 = is_mapped_v4(&a->addr);
	struct words address = bound_address(sk, v4);

	if (sk->src_port)
		return;
	if (is_zero(&address) && !is_loopback(&a->addr))
		__builtin_memcpy(&address, v4 ? policy->source4 : policy->source6, sizeof(address));
	for (int i = 0; i < BIND_TRIES; i++) {
		__u32 port = FIRST_EPHEMERAL + bpf_get_prandom_u32() % EPHEMERAL_PORTS;
		long error = bind_to(ctx, &address, bpf_htons(port));

		if (!error)
			return;
		if (error == -EADDRINUSE || is_zero(&address))
			continue;
		__builtin_memset(&address, 0, sizeof(address));
		count(COUNTER_SOURCE_NOT_BOUND);
	}
}

static __always_inline void forget_asked(const struct dns_leg *leg, __u64 cookie)
{
	struct asked_server *asked;

	if (!leg->key.source_port)
		return;
	asked = bpf_map_lookup_elem(&dns_asked, &leg->key);
	if (asked && asked->cookie == cookie)
		bpf_map_delete_elem(&dns_asked, &leg->key);
}

/* Notes who was asked, in the socket for the way back and in dns_asked for the server. */
static __always_inline void note_asked(struct dns_leg *leg, const struct policy *policy, const struct attempt *a,
				       const struct words *source, __u32 source_port, __u64 cookie)
{
	struct asked_server asked = { .port = bpf_htons(a->port), .cookie = cookie, .born_ns = bpf_ktime_get_ns() };
	struct leg_key key = { .listener_id = policy->id, .source_port = source_port };

	__builtin_memcpy(key.source, source, sizeof(key.source));
	__builtin_memcpy(asked.addr, &a->addr, sizeof(asked.addr));
	if (leg->key.source_port != key.source_port || !is_same((const struct words *)leg->key.source, source))
		forget_asked(leg, cookie);
	__builtin_memcpy(leg->addr, &a->addr, sizeof(leg->addr));
	leg->port = asked.port;
	leg->listen_port = a->listen_port;
	leg->key = key;
	if (!source_port || bpf_map_update_elem(&dns_asked, &key, &asked, BPF_ANY)) {
		leg->key.source_port = 0;
		count(COUNTER_DNS_NO_RECORD);
	}
}

/* Where is this question to go? NULL: where the application sends it. DNS never fails closed: a name is not yet a
 * connection, and those are refused.
 */
static __always_inline struct dns_leg *dns_leg_for(struct bpf_sock_addr *ctx, struct bpf_sock *sk,
						   const struct policy *policy, const struct attempt *a)
{
	int v4 = is_mapped_v4(&a->addr);
	struct dns_client *client;

	if (!a->dns)
		return NULL;
	if (judge(policy, a) != VERDICT_REDIRECTED || (!v4 && is_link_local(&a->addr))) {
		count(COUNTER_DNS_EXCLUDED);
		return NULL;
	}
	if (!agent_alive() || !listener_open(ctx, policy, a, IPPROTO_UDP)) {
		count(COUNTER_DNS_NO_AGENT);
		return NULL;
	}
	client = bpf_sk_storage_get(&dns_clients, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!client) {
		count(COUNTER_DNS_NO_STATE);
		return NULL;
	}
	count(COUNTER_DNS_REDIRECTED);
	return v4 ? &client->v4 : &client->v6;
}

/* Both return the port of our listener, or 0: leave it alone. */
static __always_inline __be16 ask_by_connect(struct bpf_sock_addr *ctx, struct bpf_sock *sk,
					     const struct policy *policy, const struct attempt *a)
{
	struct dns_leg *leg = dns_leg_for(ctx, sk, policy, a);
	int v4 = is_mapped_v4(&a->addr);
	struct words source;

	if (!leg)
		return 0;
	choose_source(ctx, sk, policy, a);
	source = bound_address(sk, v4);
	if (is_zero(&source))
		source = loopback(v4);
	note_asked(leg, policy, a, &source, sk->src_port, bpf_get_socket_cookie(ctx));
	return a->listen_port;
}

static __always_inline __be16 ask_by_datagram(struct bpf_sock_addr *ctx, struct bpf_sock *sk,
					      const struct policy *policy, const struct attempt *a, struct words source)
{
	struct dns_leg *leg = dns_leg_for(ctx, sk, policy, a);

	if (!leg)
		return 0;
	if (is_zero(&source))
		source = loopback(is_mapped_v4(&a->addr));
	/* The socket has its port: sendmsg binds before its hook (inet_send_prepare, net/ipv4/af_inet.c). */
	note_asked(leg, policy, a, &source, sk->src_port, bpf_get_socket_cookie(ctx));
	return a->listen_port;
}

/* The server that was asked, if this peer of the socket is our listener. */
static __always_inline const struct dns_leg *asked_of(struct bpf_sock *sk, const struct words *peer, __be16 port)
{
	struct words ours = loopback(is_mapped_v4(peer));
	const struct dns_leg *leg;
	struct dns_client *client;

	if (!is_same(peer, &ours))
		return NULL;
	client = bpf_sk_storage_get(&dns_clients, sk, NULL, 0);
	if (!client)
		return NULL;
	leg = is_mapped_v4(peer) ? &client->v4 : &client->v6;
	return leg->listen_port && leg->listen_port == port ? leg : NULL;
}

SEC("cgroup/sendmsg4")
int redirect_sendmsg4(struct bpf_sock_addr *ctx)
{
	const struct policy *policy;
	struct bpf_sock *sk;
	struct words source = {};
	struct attempt a;
	__u32 source4;
	__be16 port;

	/* Every datagram of every socket that is not connected passes here: nothing goes before this line. */
	if (ctx->user_port != bpf_htons(DNS_PORT))
		return UNTOUCHED;
	policy = enrolled(ctx);
	sk = ctx->sk;
	source4 = ctx->msg_src_ip4;
	if (!policy || ctx->protocol != IPPROTO_UDP || !sk)
		return UNTOUCHED;
	a = attempt4(ctx, sk, policy);
	if (source4)
		source = map_v4(source4);
	port = ask_by_datagram(ctx, sk, policy, &a, source);
	if (port)
		go_to4(ctx, port);
	return UNTOUCHED;
}

SEC("cgroup/sendmsg6")
int redirect_sendmsg6(struct bpf_sock_addr *ctx)
{
	const struct policy *policy;
	struct bpf_sock *sk;
	struct words source;
	struct attempt a;
	__be16 port;

	if (ctx->user_port != bpf_htons(DNS_PORT))
		return UNTOUCHED;
	policy = enrolled(ctx);
	sk = ctx->sk;
	if (!policy || ctx->protocol != IPPROTO_UDP || !sk)
		return UNTOUCHED;
	a = attempt6(ctx, sk, policy);
	source.word[0] = ctx->msg_src_ip6[0];
	source.word[1] = ctx->msg_src_ip6[1];
	source.word[2] = ctx->msg_src_ip6[2];
	source.word[3] = ctx->msg_src_ip6[3];
	port = ask_by_datagram(ctx, sk, policy, &a, source);
	if (port)
		go_to6(ctx, port, is_mapped_v4(&a.addr));
	return UNTOUCHED;
}

static __always_inline int show_asked4(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	const struct dns_leg *leg;
	struct words peer;

	if (!sk)
		return UNTOUCHED;
	peer = map_v4(ctx->user_ip4);
	leg = asked_of(sk, &peer, ctx->user_port);
	if (!leg)
		return UNTOUCHED;
	ctx->user_ip4 = ((const struct words *)leg->addr)->word[3];
	ctx->user_port = leg->port;
	return UNTOUCHED;
}

static __always_inline int show_asked6(struct bpf_sock_addr *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	struct words peer = peer6(ctx);
	const struct dns_leg *leg;

	if (!sk)
		return UNTOUCHED;
	leg = asked_of(sk, &peer, ctx->user_port);
	if (leg)
		show_peer6(ctx, leg->addr, leg->port);
	return UNTOUCHED;
}

SEC("cgroup/recvmsg4")
int restore_source4(struct bpf_sock_addr *ctx)
{
	return show_asked4(ctx);
}

SEC("cgroup/recvmsg6")
int restore_source6(struct bpf_sock_addr *ctx)
{
	return show_asked6(ctx);
}
