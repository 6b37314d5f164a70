/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* steer.bpf.c - tc on the workload's interface: the application's port becomes the proxy's on the way in, and the other
 * way round on the way out. Which of the two a connection belongs to is asked of the sockets, each time: so there is no
 * table of flows to fill up, and connections that began before us, or without the proxy, stay with the application.
 */

/* Never the end of another program's chain: TCX_NEXT for tcx, "go on" for a filter in direct-action mode. */
#define UNTOUCHED TC_ACT_UNSPEC

#define NOBODY 0 /* no TCP state is 0 */
#define SOCK_STREAM 1

struct holder {
	__u32 state; /* of the socket that has the tuple; NOBODY */
	int is_ours;
};

/* Who would get this segment if its destination port were dport? With source port 0: who listens there? */
static __always_inline struct holder holder_of(struct __sk_buff *skb, const struct segment *s, __be16 sport,
					       __be16 dport)
{
	struct bpf_sock_tuple tuple = s->tuple;
	struct holder holder = { .is_ours = any_listener };
	struct bpf_sock *sk;

	if (s->v4) {
		tuple.ipv4.sport = sport;
		tuple.ipv4.dport = dport;
		sk = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv4), BPF_F_CURRENT_NETNS, 0);
	} else {
		tuple.ipv6.sport = sport;
		tuple.ipv6.dport = dport;
		sk = bpf_skc_lookup_tcp(skb, &tuple, sizeof(tuple.ipv6), BPF_F_CURRENT_NETNS, 0);
	}
	if (!sk)
		return holder;
	holder.state = sk->state;
	/* Only full sockets, which listeners are, have a storage; of any other this says no. */
	if (!any_listener)
		holder.is_ours = bpf_sk_storage_get(&inbound_listeners, sk, NULL, 0) != NULL;
	bpf_sk_release(sk);
	return holder;
}

static __always_inline int is_live(__u32 state)
{
	return state != NOBODY && state != BPF_TCP_LISTEN && state != BPF_TCP_TIME_WAIT;
}

/* Listeners on all addresses are found for any address, so the routes say whether the packet stays here. */
static __always_inline int is_forwarded(struct __sk_buff *skb, const struct segment *s)
{
	struct bpf_fib_lookup route = { .ifindex = skb->ifindex };
	long result;

	if (s->v4) {
		route.family = AF_INET;
		route.ipv4_src = s->tuple.ipv4.saddr;
		route.ipv4_dst = s->tuple.ipv4.daddr;
	} else {
		route.family = AF_INET6;
		__builtin_memcpy(route.ipv6_src, s->tuple.ipv6.saddr, sizeof(route.ipv6_src));
		__builtin_memcpy(route.ipv6_dst, s->tuple.ipv6.daddr, sizeof(route.ipv6_dst));
	}
	result = bpf_fib_lookup(skb, &route, sizeof(route), 0);
	return result == BPF_FIB_LKUP_RET_SUCCESS || result == BPF_FIB_LKUP_RET_NO_NEIGH;
}

/* A SYN: one sent again follows the first, one of a connection that the application has is the application's. */
static __always_inline enum inbound_counter judge_new(struct __sk_buff *skb, const struct segment *s, __be16 proxy)
{
	struct holder holder = holder_of(skb, s, s->source, proxy);

	if (is_live(holder.state))
		return INBOUND_STEERED;
	if (is_live(holder_of(skb, s, s->source, s->dest).state))
		return INBOUND_KEPT_BY_APP;
	if (holder.state == BPF_TCP_TIME_WAIT)
		holder = holder_of(skb, s, 0, proxy);
	if (holder.state != BPF_TCP_LISTEN)
		return INBOUND_NO_LISTENER;
	if (!holder.is_ours)
		return INBOUND_STRANGER;
	if (is_forwarded(skb, s))
		return INBOUND_FORWARDED;
	return judge_agent();
}

/* Any other segment: INBOUND_STEERED for one of a proxied connection, whether the agent is alive or not. */
static __always_inline enum inbound_counter judge_later(struct __sk_buff *skb, const struct segment *s, __be16 proxy)
{
	struct holder holder = holder_of(skb, s, s->source, proxy);
	__u32 app;

	if (is_live(holder.state))
		return INBOUND_STEERED;
	if (holder.state == NOBODY)
		return INBOUND_MAX;
	app = holder_of(skb, s, s->source, s->dest).state;
	if (is_live(app))
		return INBOUND_KEPT_BY_APP;
	/* The end of a proxied connection, whose source port the client has not used again since. */
	if (holder.state == BPF_TCP_TIME_WAIT)
		return INBOUND_STEERED;
	/* Only listeners: it may be the last ACK of a handshake with SYN cookies, which goes where its SYN went. */
	if (app == BPF_TCP_TIME_WAIT || !holder.is_ours || is_forwarded(skb, s) || judge_agent() != INBOUND_STEERED)
		return INBOUND_MAX;
	return INBOUND_STEERED;
}

SEC("tc")
int steer_ingress(struct __sk_buff *skb)
{
	const struct inbound_port *port;
	enum inbound_counter verdict;
	struct segment s = {};
	__be16 proxy;
	__u16 key;
	int is_new;

	verdict = read_segment(skb, &s);
	if (verdict)
		goto leave;
	key = bpf_ntohs(s.dest);
	port = bpf_map_lookup_elem(&inbound_ports, &key);
	if (!port)
		return UNTOUCHED;
	verdict = INBOUND_OWN_TRAFFIC;
	if (agent_mark && skb->mark == agent_mark)
		goto leave;
	proxy = bpf_htons(port->proxy_port);
	is_new = (s.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
	verdict = is_new ? judge_new(skb, &s, proxy) : judge_later(skb, &s, proxy);
	if (verdict != INBOUND_STEERED)
		goto leave;
	if (change_port(skb, &s, offsetof(struct tcp_header, dest), s.dest, proxy))
		count(INBOUND_NOT_REWRITTEN);
	else if (is_new)
		count(INBOUND_STEERED);
	return UNTOUCHED;
leave:
	if (verdict < INBOUND_MAX)
		count(verdict);
	return UNTOUCHED;
}

/* A connection from a port that has become a proxy's, or is no longer one: nobody has steered it. Answers of a listener
 * have no full socket of their own; every other answer has one that inherited our mark. A third-party proxy's sockets
 * carry no mark: there only the SYN tells.
 */
static __always_inline int is_outgoing(struct __sk_buff *skb, const struct segment *s)
{
	struct bpf_sock *sk = skb->sk;

	if ((s->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		return 1;
	if (any_listener || !sk)
		return 0;
	sk = bpf_sk_fullsock(sk);
	if (!sk || sk->type != SOCK_STREAM)
		return 0; /* the kernel itself sends a reset or a last ACK */
	return !bpf_sk_storage_get(&inbound_listeners, sk, NULL, 0);
}

SEC("tc")
int restore_egress(struct __sk_buff *skb)
{
	enum inbound_counter verdict;
	struct segment s = {};
	const __u16 *app;
	__u16 key;

	verdict = read_segment(skb, &s);
	if (verdict)
		goto leave;
	key = bpf_ntohs(s.source);
	app = bpf_map_lookup_elem(&proxy_ports, &key);
	if (!app)
		return UNTOUCHED;
	verdict = INBOUND_OWN_TRAFFIC;
	if (agent_mark && skb->mark == agent_mark)
		goto leave;
	verdict = INBOUND_OUTGOING;
	if (is_outgoing(skb, &s))
		goto leave;
	if (change_port(skb, &s, offsetof(struct tcp_header, source), s.source, bpf_htons(*app)))
		count(INBOUND_NOT_REWRITTEN);
	return UNTOUCHED;
leave:
	if (verdict < INBOUND_MAX)
		count(verdict);
	return UNTOUCHED;
}
