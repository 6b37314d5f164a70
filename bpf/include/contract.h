/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* contract.h - all that the kernel side and src/kernel/layout.ts agree on, and nothing else. */
#ifndef UNDERSTUDY_CONTRACT_H
#define UNDERSTUDY_CONTRACT_H

#include <linux/types.h>

/* Addresses are 16 bytes everywhere; IPv4 is stored v4-mapped (::ffff:a.b.c.d), so there is one shape. */

/* Value of orig_dst (key: cookie of the accepted socket, __u64) and of that socket's own storage. */
struct original_dst {
	__u8 addr[16];	     /* where the application wanted to go */
	__be16 port;	     /* network order */
	__u8 family;	     /* AF_INET or AF_INET6: the socket's, before mapping */
	__u8 flags;	     /* ORIGINAL_DST_* */
	__u32 pid;	     /* thread group that called connect(); 0 where the kernel cannot say */
	__u64 client_cookie; /* the connecting socket's cookie */
	__u64 netns_cookie;  /* of the netns connect() was called in */
	__u64 born_ns;	     /* CLOCK_MONOTONIC at connect() */
	char comm[16];	     /* of the thread that called connect() */
};
_Static_assert(sizeof(struct original_dst) == 64, "original_dst is 64 bytes in src/kernel/layout.ts");

#define ORIGINAL_DST_SOURCE_BOUND 1 /* the application chose its source address with bind() */
#define ORIGINAL_DST_INBOUND 2 /* the workload itself was called: no connect() of ours, so no pid, comm and cookies */

/* Value of mockserver_orig_dst (same key as orig_dst): what MockServer's own reader expects. IPv4 only. */
struct mockserver_dst {
	__u8 addr[4]; /* network order */
	__u8 port[2]; /* network order; bytes, so that the struct ends after them */
};
_Static_assert(sizeof(struct mockserver_dst) == 6, "mockserver_dst is 6 bytes in src/kernel/layout.ts");

/* Inclusive, host order. */
struct port_range {
	__u16 first;
	__u16 last;
};
_Static_assert(sizeof(struct port_range) == 4, "port_range is 4 bytes in src/kernel/layout.ts");

#define MAX_PORT_RANGES 16

/* Value of policies. Key: netns cookie (__u64); 0 = whatever the programs are attached to. */
struct policy {
	__u32 id;		/* of the workload and its listeners; never 0 */
	__u32 flags;		/* POLICY_* */
	__be16 listen_port4;	/* on 127.0.0.1; 0 = none */
	__be16 listen_port6;	/* on ::1; 0 = none */
	__be16 dns_port4;	/* of the DNS listeners, UDP and TCP, on 127.0.0.1; 0 = DNS is like other traffic */
	__be16 dns_port6;	/* the same on ::1 */
	__u16 port_range_count; /* used entries of excluded_ports */
	__u16 reserved;
	__u8 source4[16]; /* v4-mapped source address to bind, or zero */
	__u8 source6[16]; /* source address to bind, or zero */
	struct port_range excluded_ports[MAX_PORT_RANGES];
};
_Static_assert(sizeof(struct policy) == 116, "policy is 116 bytes in src/kernel/layout.ts");

#define POLICY_FAIL_CLOSED 1	      /* no listener: refuse, instead of going direct */
#define POLICY_INTERCEPT_LOOPBACK 2   /* also 127.0.0.0/8 and ::1 */
#define POLICY_INTERCEPT_LINK_LOCAL 4 /* also 169.254.0.0/16 and fe80::/10 */
#define POLICY_HAS_EXCLUDED_CIDRS 8   /* excluded_cidrs holds entries for this id */

/* Key of excluded_cidrs, a longest-prefix trie; value: __u8, unused. prefix_len counts id and address bits. */
struct cidr_key {
	__u32 prefix_len; /* 32 + prefix of the v4-mapped address */
	__u32 policy_id;
	__u8 addr[16];
};
_Static_assert(sizeof(struct cidr_key) == 24, "cidr_key is 24 bytes in src/kernel/layout.ts");

/* Key of in_flight, a redirected connection between SYN and accept, and of dns_asked. The listener's id stands for its
 * netns. One source may go to two listeners of a policy at once, so the port of the listener belongs to the key.
 */
struct leg_key {
	__u8 source[16];
	__u32 listener_id;
	__u16 source_port; /* host order */
	__u16 listen_port; /* host order; 0 in dns_asked */
};
_Static_assert(sizeof(struct leg_key) == 24, "leg_key is 24 bytes in src/kernel/layout.ts");

/* Value of dns_asked: the name server that a UDP socket, known by its source, has asked last. */
struct asked_server {
	__u8 addr[16];
	__be16 port; /* network order */
	__u16 reserved[3];
	__u64 cookie;  /* of the asking socket */
	__u64 born_ns; /* CLOCK_MONOTONIC at connect() or at the datagram */
};
_Static_assert(sizeof(struct asked_server) == 40, "asked_server is 40 bytes in src/kernel/layout.ts");

/* What became of a connect(). Also the index of its counter. */
enum verdict {
	VERDICT_REDIRECTED,
	VERDICT_NOT_ENROLLED,
	VERDICT_OWN_TRAFFIC,
	VERDICT_LOOPBACK,
	VERDICT_LINK_LOCAL,
	VERDICT_BOUND_DEVICE,
	VERDICT_EXCLUDED_PORT,
	VERDICT_EXCLUDED_CIDR,
	VERDICT_AGENT_STALE,
	VERDICT_NO_LISTENER,
	VERDICT_NO_RECORD,
	VERDICT_FAILED_CLOSED,
	VERDICT_NOT_UNICAST,
	/* counters that are not verdicts */
	COUNTER_ACCEPTED,	  /* a record reached an accepted socket */
	COUNTER_ACCEPT_UNKNOWN,	  /* a listener accepted a connection that nobody redirected */
	COUNTER_IN_FLIGHT_FULL,	  /* in_flight refused an entry: the socket will resolve without the kernel */
	COUNTER_ORIG_DST_FULL,	  /* orig_dst refused an entry: the accepted socket's storage still answers */
	COUNTER_STORAGE_FULL,	  /* the accepted socket's storage could not be made: orig_dst still answers */
	COUNTER_EVENTS,		  /* summaries written */
	COUNTER_EVENTS_DROPPED,	  /* summaries lost: the ring was full */
	COUNTER_SOURCE_NOT_BOUND, /* bpf_bind refused the workload's address: getsockname says loopback */
	COUNTER_MOCKSERVER_FULL,  /* mockserver_orig_dst refused an entry */
	/* UDP to port 53: once for a connect(), once for each datagram of a socket that is not connected */
	COUNTER_DNS_REDIRECTED, /* sent to our listener */
	COUNTER_DNS_EXCLUDED,	/* left alone: a rule says so */
	COUNTER_DNS_NO_AGENT,	/* left alone: the agent is silent or does not listen here */
	COUNTER_DNS_NO_STATE,	/* left alone: no memory for what the answer's address must be */
	COUNTER_DNS_NO_RECORD,	/* sent to our listener, which cannot learn what server was asked */
	COUNTER_SLOT_TAKEN,	/* another socket holds the slot of this one: its state is in its own storage */
	COUNTER_NO_STATE,	/* no memory for the state of a socket: its connection is not summed up */
	COUNTER_MAX,
};

/* What is kept of a client socket, from connect() to its end. */
struct client_state {
	struct original_dst dst;
	__u64 cgroup_id;     /* of the process that called connect(); 0 where the kernel cannot say */
	__u8 dialled[16];    /* where the SYN went; zero until then, and where we redirected it */
	__u32 listener_id;   /* 0: not redirected */
	__be16 dialled_port; /* network order */
	__u8 verdict;	     /* enum verdict */
	__u8 established;    /* the handshake is over */
};
_Static_assert(sizeof(struct client_state) == 96, "client_state is 96 bytes in src/kernel/layout.ts");

/* Value of client_slots. */
struct client_slot {
	__u64 owner; /* cookie of the socket; 0: free */
	struct client_state state;
	struct bpf_spin_lock lock; /* of owner, while it is claimed */
	__u32 reserved;
};
_Static_assert(sizeof(struct client_slot) == 112, "client_slot is 112 bytes in src/kernel/layout.ts");

#define CLIENT_SLOTS 16384 /* a power of two */

/* One closed connection, redirected or not; the record of the events ring. */
struct connection_event {
	struct original_dst dst;
	__u8 source[16];
	__u16 source_port; /* host order */
	__u8 verdict;	   /* enum verdict */
	__u8 old_state;	   /* TCP state before CLOSE (include/net/tcp_states.h) */
	__u32 error;	   /* sk_err: an errno, or 0 */
	__u64 closed_ns;   /* CLOCK_MONOTONIC */
	__u64 bytes_sent;  /* payload, each byte once */
	__u64 bytes_received;
	__u32 srtt_us;	   /* smoothed round trip, microseconds */
	__u32 retransmits; /* segments sent again */
	__u64 cgroup_id;   /* of the process that called connect(); 0 where the kernel cannot say */
	__u8 dialled[16];  /* where the SYN went; zero where we redirected it, or none went out */
	__be16 dialled_port;
	__u16 reserved[3];
};
_Static_assert(sizeof(struct connection_event) == 152, "connection_event is 152 bytes in src/kernel/layout.ts");

/* From here on: inbound.bpf.o. */

#define MAX_INBOUND_PORTS 64

/* Value of inbound_ports; key: the application's port (__u16, host order). */
struct inbound_port {
	__u16 proxy_port; /* host order; tc only */
	__u16 slot;	  /* sk_lookup only: its sockets are slots 2 * slot (IPv4) and 2 * slot + 1 (IPv6) */
};
_Static_assert(sizeof(struct inbound_port) == 4, "inbound_port is 4 bytes in src/kernel/inbound-layout.ts");

/* Key of own_dials: a connection of the proxy's own to the application; value: __u8, unused. */
struct own_dial {
	__u8 addr[16]; /* of the proxy's end */
	__u16 port;    /* of the proxy's end, host order */
	__u16 app_port;
};
_Static_assert(sizeof(struct own_dial) == 20, "own_dial is 20 bytes in src/kernel/inbound-layout.ts");

/* What became of a packet, a look-up or an accepted socket. */
enum inbound_counter {
	INBOUND_STEERED,	  /* a new connection was given to the proxy (tc: its SYN) */
	INBOUND_NO_LISTENER,	  /* left to the application: the proxy does not listen */
	INBOUND_STRANGER,	  /* left to the application: somebody else listens on the proxy port */
	INBOUND_AGENT_STALE,	  /* left to the application: no heartbeat */
	INBOUND_DRAINING,	  /* left to the application: drain() */
	INBOUND_KEPT_BY_APP,	  /* segment of a connection that the application has itself */
	INBOUND_FORWARDED,	  /* left alone: not for this namespace, which only forwards it */
	INBOUND_OWN_TRAFFIC,	  /* left alone: it carries the agent's mark */
	INBOUND_OUTGOING,	  /* left alone: a connection from the proxy port, not to it */
	INBOUND_IP_OPTIONS,	  /* left alone: IPv4 options */
	INBOUND_FRAGMENT,	  /* left alone: a part of a packet */
	INBOUND_EXTENSION_HEADER, /* left alone: IPv6 extension headers before TCP */
	INBOUND_JUMBO,		  /* rewritten: a packet of more than 64 KiB, which has a jumbo header */
	INBOUND_VLAN,		  /* left alone: a tagged frame */
	INBOUND_TRUNCATED,	  /* left alone: shorter than its headers, or not what they say */
	INBOUND_NOT_REWRITTEN,	  /* the kernel refused the change; the packet is as it was */
	INBOUND_OWN_DIAL,	  /* passed: the proxy, or the pod itself, calls the application */
	INBOUND_LOOPBACK,	  /* passed: it came over lo */
	INBOUND_NOT_ASSIGNED,	  /* the kernel, or an earlier program, refused the socket */
	INBOUND_FAILED_CLOSED,	  /* dropped: no socket of ours can take it */
	INBOUND_ACCEPTED,	  /* a record reached an accepted socket */
	INBOUND_ORIG_DST_FULL,	  /* orig_dst refused an entry: the accepted socket's storage still answers */
	INBOUND_STORAGE_FULL,	  /* the accepted socket's storage could not be made: orig_dst still answers */
	INBOUND_MOCKSERVER_FULL,  /* mockserver_orig_dst refused an entry */
	INBOUND_ANSWERED,	  /* getsockopt(SO_ORIGINAL_DST) was answered */
	INBOUND_MAX,
};

#endif
