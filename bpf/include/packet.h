/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* packet.h - which frames are a plain TCP segment, and what stands in it. */
#ifndef UNDERSTUDY_PACKET_H
#define UNDERSTUDY_PACKET_H

#include "inbound-maps.h"

/* Fixed parts of the headers (RFC 791, RFC 8200, RFC 9293), in network order. */
struct ipv4_header {
	__u8 version_ihl;
	__u8 tos;
	__be16 total_length;
	__be16 id;
	__be16 fragment; /* 3 flags, 13 bits of offset */
	__u8 ttl;
	__u8 protocol;
	__be16 check;
	__be32 saddr;
	__be32 daddr;
};

struct ipv6_header {
	__be32 version_class_flow;
	__be16 payload_length;
	__u8 next_header;
	__u8 hop_limit;
	__be32 saddr[4];
	__be32 daddr[4];
};

struct tcp_header {
	__be16 source;
	__be16 dest;
	__be32 seq;
	__be32 ack_seq;
	__u8 offset;
	__u8 flags;
	__be16 window;
};

#define MORE_FRAGMENTS_OR_OFFSET 0x3fff
#define TCP_HEADER_BYTES 20
#define TCP_CHECK 16 /* offset of the checksum */
#define TCP_SYN 0x02
#define TCP_ACK 0x10

struct segment {
	struct bpf_sock_tuple tuple; /* as the packet has it */
	__u32 at;		     /* of the TCP header in the frame */
	__u8 v4;
	__u8 flags;
	__be16 source;
	__be16 dest;
	__u8 jumbo;
	__u8 reserved;
};

/* Extension headers that may stand before TCP (IANA's list); ESP hides what follows. */
static __always_inline int is_extension(__u8 next_header)
{
	switch (next_header) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_AH:
	case IPPROTO_DSTOPTS:
	case IPPROTO_MH:
		return 1;
	}
	return 0;
}

/* What Linux itself puts into packets of more than 64 KiB that never leave the machine as such (IPv6 BIG TCP): a
 * hop-by-hop header with the jumbo payload option alone (RFC 2675).
 */
struct jumbo_header {
	__u8 next_header;
	__u8 length;
	__u8 option;
	__u8 option_length;
	__be32 payload_length;
};
#define JUMBO_OPTION 0xc2

/* 0: go on; else the reason to leave the packet alone, INBOUND_MAX for one that is none of our business. */
static __always_inline enum inbound_counter read_v4(struct __sk_buff *skb, struct segment *s)
{
	struct ipv4_header ip;
	__u16 total;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
		return INBOUND_TRUNCATED;
	if (ip.protocol != IPPROTO_TCP)
		return INBOUND_MAX;
	if (ip.version_ihl < 0x45 || ip.version_ihl > 0x4f)
		return INBOUND_TRUNCATED;
	if (ip.fragment & bpf_htons(MORE_FRAGMENTS_OR_OFFSET))
		return INBOUND_FRAGMENT;
	if (ip.version_ihl != 0x45)
		return INBOUND_IP_OPTIONS;
	/* Padding of a short frame is not TCP; 0 stands for more than 64 KiB (BIG TCP). */
	total = bpf_ntohs(ip.total_length);
	if (total && total < sizeof(ip) + TCP_HEADER_BYTES)
		return INBOUND_TRUNCATED;
	s->tuple.ipv4.saddr = ip.saddr;
	s->tuple.ipv4.daddr = ip.daddr;
	s->at = ETH_HLEN + sizeof(ip);
	s->v4 = 1;
	return 0;
}

static __always_inline enum inbound_counter read_v6(struct __sk_buff *skb, struct segment *s)
{
	struct ipv6_header ip;
	struct jumbo_header jumbo;
	__u16 payload;

	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip)))
		return INBOUND_TRUNCATED;
	s->at = ETH_HLEN + sizeof(ip);
	if (is_extension(ip.next_header)) {
		if (bpf_skb_load_bytes(skb, s->at, &jumbo, sizeof(jumbo)))
			return INBOUND_TRUNCATED;
		if (jumbo.next_header != IPPROTO_TCP && !is_extension(jumbo.next_header))
			return INBOUND_MAX;
		if (ip.next_header == IPPROTO_FRAGMENT)
			return INBOUND_FRAGMENT;
		if (ip.next_header != IPPROTO_HOPOPTS || jumbo.next_header != IPPROTO_TCP || jumbo.length ||
		    jumbo.option != JUMBO_OPTION || ip.payload_length)
			return INBOUND_EXTENSION_HEADER;
		s->at += sizeof(jumbo);
		s->jumbo = 1;
		ip.next_header = IPPROTO_TCP;
	}
	if (ip.next_header != IPPROTO_TCP)
		return INBOUND_MAX;
	payload = bpf_ntohs(ip.payload_length);
	if (payload && payload < TCP_HEADER_BYTES)
		return INBOUND_TRUNCATED;
	__builtin_memcpy(s->tuple.ipv6.saddr, ip.saddr, sizeof(ip.saddr));
	__builtin_memcpy(s->tuple.ipv6.daddr, ip.daddr, sizeof(ip.daddr));
	return 0;
}

/* As read_v4; fills all of *s, which is to be zero before. */
static __always_inline enum inbound_counter read_segment(struct __sk_buff *skb, struct segment *s)
{
	enum inbound_counter reason = INBOUND_MAX;
	struct tcp_header tcp;
	__u32 protocol = skb->protocol;

	if (skb->vlan_present || protocol == bpf_htons(ETH_P_8021Q) || protocol == bpf_htons(ETH_P_8021AD))
		return INBOUND_VLAN;
	if (protocol == bpf_htons(ETH_P_IP))
		reason = read_v4(skb, s);
	else if (protocol == bpf_htons(ETH_P_IPV6))
		reason = read_v6(skb, s);
	if (reason)
		return reason;
	if (bpf_skb_load_bytes(skb, s->at, &tcp, sizeof(tcp)))
		return INBOUND_TRUNCATED;
	s->source = tcp.source;
	s->dest = tcp.dest;
	s->flags = tcp.flags;
	return 0;
}

/* Changes one port and the checksum over it, nothing else. With partial checksums (the pseudo header has no ports) and
 * GSO this is right, too. The checksum goes first: once it could be changed, so can the port, which lies before it.
 */
static __always_inline int change_port(struct __sk_buff *skb, const struct segment *s, __u32 offset, __be16 from,
				       __be16 to)
{
	if (bpf_l4_csum_replace(skb, s->at + TCP_CHECK, from, to, sizeof(to)))
		return -1;
	if (s->jumbo)
		count(INBOUND_JUMBO);
	return bpf_skb_store_bytes(skb, s->at + offset, &to, sizeof(to), 0);
}

#endif
