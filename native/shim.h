/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim.h - the native half of src/kernel/shim.ts: libbpf, and sockets in another network namespace.
 *
 * Integers, strings and caller-owned buffers only. Every function returns 0, a count, a descriptor or a handle,
 * or -errno. src/kernel/shim.ts declares the same functions in the same order. Only the JavaScript thread calls
 * these; the one thread of our own is the heartbeat.
 */
#ifndef UNDERSTUDY_SHIM_H
#define UNDERSTUDY_SHIM_H

#include <stdint.h>

#define UNDERSTUDY_ABI 4

/* What understudy_lookup writes: the cookie, then struct original_dst of bpf/include/contract.h. */
#define UNDERSTUDY_LOOKUP_BYTES (8 + 64)

/* The number of this interface; compared at start. */
int understudy_abi(void);

/* Moves what libbpf has logged since the last call into buffer; returns its length. */
int understudy_take_log(uint8_t *buffer, int32_t capacity);

/* Opens a BPF object file; returns a handle. Set tunables and capacities before loading. */
int understudy_open(const char *object_path);
int understudy_set_tunable(int32_t handle, const char *variable, const uint8_t *value, int32_t length);
int understudy_set_capacity(int32_t handle, const char *map, uint32_t entries);
int understudy_load(int32_t handle);

/* Attaches one program to a cgroup2 directory with a bpf_link that lives as long as the handle. */
int understudy_attach(int32_t handle, const char *program, const char *cgroup_path);

int understudy_pin_map(int32_t handle, const char *map, const char *path);
int understudy_map_update(int32_t handle, const char *map, const uint8_t *key, const uint8_t *value);
int understudy_map_delete(int32_t handle, const char *map, const uint8_t *key);
/* Copies the value of a key into buffer, if it fits: 1, or 0 where there is no such key. Not for per-CPU maps. */
int understudy_map_lookup(int32_t handle, const char *map, const uint8_t *key, uint8_t *buffer, int32_t capacity);
/* Counts the entries of a hash map, or those of an array that begin with a uint64 other than 0. */
int understudy_map_entries(int32_t handle, const char *map);

/* The bound of a map: max_entries as the kernel has it, which of a pinned map is the pinned one's. */
int understudy_map_capacity(int32_t handle, const char *map);
/* Copies key and value of every entry of a hash map or trie, one after the other; returns how many. -ENOSPC: no room. */
int understudy_map_list(int32_t handle, const char *map, uint8_t *buffer, int32_t capacity);
/*
 * Copies the values of an array, of entries from..from+span-1 (span at most 16384), that begin with a uint64 other than 0;
 * returns how many. buffer needs room for all of the span.
 */
int understudy_map_owned(int32_t handle, const char *map, uint32_t from, uint32_t span, uint8_t *buffer,
			 int32_t capacity);

/* Sums the per-CPU counters into an array of uint64; returns how many there are. */
int understudy_counters(int32_t handle, uint8_t *buffer, int32_t capacity);

/* Marks a listening socket as the one of policy `id`. */
int understudy_mark_listener(int32_t handle, int32_t fd, uint32_t id);

/* Marks a socket that is bound (UNDERSTUDY_BOUND) and listens: nothing arrives before it is marked. */
int understudy_start_listener(int32_t handle, int32_t fd, uint32_t id, int32_t backlog);

/*
 * Where was this accepted socket going? Returns 1 from the orig_dst map, 2 from the socket's own storage, 0 when
 * neither knows it; the cookie is always written. buffer holds UNDERSTUDY_LOOKUP_BYTES.
 */
int understudy_lookup(int32_t handle, int32_t fd, uint8_t *buffer);

/* From now on the ring is drained only while this folder's lock is free: its other users do the same. Once more: another. */
int understudy_drain_in_turn(int32_t handle, const char *folder);
/* Drains the events ring: writes whole records, returns how many. A full buffer means: call again. */
int understudy_poll(int32_t handle, uint8_t *buffer, int32_t capacity);

/*
 * Starts the thread that writes CLOCK_MONOTONIC into the BPF variable heartbeat_ns every interval. It falls silent
 * when understudy_tick has not been called for stall_ms, so that a stuck event loop counts as a dead agent.
 */
int understudy_start_heartbeat(int32_t handle, uint32_t interval_ms, uint32_t stall_ms);
int understudy_tick(int32_t handle);
/* Milliseconds since the last beat. */
int understudy_heartbeat_age(int32_t handle);

/* Detaches, unloads and frees; pins stay. */
int understudy_close(int32_t handle);

/* A descriptor of a network namespace file (/run/netns/NAME, /proc/PID/ns/net). */
int understudy_open_netns(const char *path);
/* Its cookie (SO_NETNS_COOKIE, Linux 5.14) as a uint64; netns_fd -1 is the caller's own. */
int understudy_netns_cookie(int32_t netns_fd, uint8_t *cookie);
/* The source address the kernel would use towards `towards`, as text; empty where there is no route. */
int understudy_source_address(int32_t netns_fd, const char *towards, uint8_t *text, int32_t capacity);

/*
 * A listening socket that belongs to another cgroup ("" = ours) and network namespace (-1 = ours). The cgroup must be
 * the creator's at socket(), so where it is another a child process makes the socket and hands it over.
 */
int understudy_listen(const char *cgroup_procs, int32_t netns_fd, const char *address, uint32_t port, int32_t backlog,
		      uint32_t flags);
/* Flags of it: what the socket accepts keeps the address it was sent to (IP_TRANSPARENT; CAP_NET_ADMIN there); */
#define UNDERSTUDY_TRANSPARENT 1u
/* two sockets may share the port, and the younger of them gets what arrives (SO_REUSEPORT); */
#define UNDERSTUDY_REUSEPORT 2u
/* it is bound and does not listen yet: for understudy_start_listener. */
#define UNDERSTUDY_BOUND 4u

/* A non-blocking TCP socket that has begun to connect; cgroup and namespace as above. It carries no mark. */
int understudy_connect(const char *cgroup_procs, int32_t netns_fd, const char *address, uint32_t port);

/* Sends one SYN from a cgroup and network namespace and hangs up, whatever the answer; -errno where none went out. */
int understudy_knock(const char *cgroup_procs, int32_t netns_fd, const char *address, uint32_t port);

/*
 * A non-blocking TCP socket in a network namespace, not yet connected, with SO_MARK `mark` (0 = none) and the source
 * address `source` ("" = the kernel's choice; the port is chosen at connect).
 */
int understudy_socket(int32_t netns_fd, int32_t ipv6, uint32_t mark, const char *source);

/* The same for datagrams: a UDP socket bound to address and port, with a large receive buffer. */
int understudy_listen_udp(const char *cgroup_procs, int32_t netns_fd, const char *address, uint32_t port,
			  uint32_t flags);

/* A non-blocking UDP socket in a network namespace, not yet bound, with SO_MARK `mark` (0 = none). */
int understudy_udp_socket(int32_t netns_fd, int32_t ipv6, uint32_t mark);
/*
 * The same, bound to an address that need not be this machine's (IP_TRANSPARENT). port[0] other than 0 asks for a port
 * now; port then holds it in network order, else 0: the port is chosen at connect.
 */
int understudy_socket_as(int32_t netns_fd, uint32_t mark, const char *source, uint8_t *port);

/* Reads a file under /proc/thread-self/net as the namespace shows it; returns its length, at most capacity. */
int understudy_read_proc_net(int32_t netns_fd, const char *name, uint8_t *buffer, int32_t capacity);
/* The same file opened, for a caller that reads it piece by piece; returns a descriptor. */
int understudy_open_proc_net(int32_t netns_fd, const char *name);

/*
 * Where the client of an accepted TCP socket was going before NAT of this namespace (SO_ORIGINAL_DST): writes a
 * sockaddr_in or sockaddr_in6 and returns its length. -ENOENT: connection tracking has no entry; -ENOPROTOOPT: the
 * kernel has no connection tracking, or the socket is not TCP.
 */
int understudy_original_dst(int32_t fd, uint8_t *buffer, int32_t capacity);

/* A netlink socket (protocol: NETLINK_NETFILTER = 12, …) in a network namespace, bound; returns a descriptor. */
int understudy_netlink_open(int32_t netns_fd, int32_t protocol);
/*
 * Sends one netlink message and receives the first datagram that answers it: answers to earlier messages are told by
 * their sequence number and dropped. Returns the datagram's length. -ETIMEDOUT: the kernel said nothing for 100 ms;
 * -EMSGSIZE: the answer is longer than capacity.
 */
int understudy_netlink_ask(int32_t fd, const uint8_t *request, int32_t length, uint8_t *reply, int32_t capacity);

/* Opens (creates) a lock file and takes its exclusive lock; -EWOULDBLOCK when a living process holds it. */
int understudy_lock(const char *path);

/* Whether the kernel still takes connections for this socket: 1, or 0 once somebody has ended it under us. */
int understudy_is_listening(int32_t fd);

/* Closes a descriptor that one of the functions above returned. */
int understudy_close_fd(int32_t fd);

/* Gives what the C library holds of freed memory back to the system. */
int understudy_trim_memory(void);

/* Mounts a BPF file system on path. */
int understudy_mount_bpffs(const char *path);

/* Before loading: leaves out a program; takes a map of another handle, or a pinned one (EEXIST: it does not fit). */
int understudy_skip_program(int32_t handle, const char *program);
int understudy_share_map(int32_t handle, const char *map, int32_t from);
int understudy_share_pin(int32_t handle, const char *map, const char *path);

/* The kernel's number of a loaded program. */
int understudy_program_id(int32_t handle, const char *program);
/* The index of an interface; -EPROTONOSUPPORT when it is not Ethernet. */
int understudy_interface(int32_t netns_fd, const char *name);

/*
 * Attaches to an interface with a tcx link (Linux 6.6; -EINVAL before), to a network namespace with a link, or to an
 * interface with a filter of its clsact qdisc. Links vanish with the process, filters do not.
 */
int understudy_attach_tcx(int32_t handle, const char *program, int32_t netns_fd, int32_t ifindex, int32_t egress);
int understudy_attach_netns(int32_t handle, const char *program, int32_t netns_fd);
int understudy_attach_clsact(int32_t handle, const char *program, int32_t netns_fd, int32_t ifindex, int32_t egress);
/* Takes a program off the hooks that the three put it on. */
int understudy_detach(int32_t handle, const char *program);

/* The clsact qdisc: is there one, 1 or 0; make it, 0 when there was one; remove it unless it has filters, 0 or 1. */
int understudy_has_clsact(int32_t netns_fd, int32_t ifindex);
int understudy_make_clsact(int32_t netns_fd, int32_t ifindex);
int understudy_remove_clsact(int32_t netns_fd, int32_t ifindex);
/* Removes our filter if it still is this program; returns 1 then, else 0. */
int understudy_remove_filter(int32_t netns_fd, int32_t ifindex, int32_t egress, uint32_t program_id);

/* Puts a listening socket into its family's slot of a sockmap: 2 * slot or 2 * slot + 1. */
int understudy_assign_socket(int32_t handle, const char *map, uint32_t slot, int32_t fd);

/*
 * A node's program on a cgroup, by a link that is pinned at `pin` ("": not pinned, it lives as long as the handle). A link
 * that is pinned there on this cgroup is updated to our program without a gap; anything else there is replaced. Says
 * what it did.
 */
int understudy_attach_node(int32_t handle, const char *program, const char *cgroup_path, const char *pin);
#define UNDERSTUDY_LINK_UPDATED 0
#define UNDERSTUDY_LINK_PINNED 1 /* updated, and its lost pin restored */
#define UNDERSTUDY_LINK_MADE 2
/* What is there: one of these; cgroup gets the id of the link's cgroup, a uint64, 0 where there is none. */
int understudy_link_state(int32_t handle, const char *program, const char *pin, uint8_t *cgroup);
#define UNDERSTUDY_LINK_OURS 0
#define UNDERSTUDY_LINK_OTHER 1
#define UNDERSTUDY_LINK_MISSING 2
#define UNDERSTUDY_LINK_DEAD 3
/* The id of a cgroup2 folder as links and programs show it, a uint64. */
int understudy_cgroup_id(const char *path, uint8_t *id);
/*
 * What is attached to a cgroup where this program would be, or, with effective, what runs there: writes the flags of
 * the attachment and the programs' numbers as uint32; returns how many programs.
 */
int understudy_attached(int32_t handle, const char *program, const char *cgroup_path, int32_t effective,
			uint8_t *buffer, int32_t capacity);
/* The name of any loaded program, not terminated; its length. */
int understudy_program_name(uint32_t id, uint8_t *buffer, int32_t capacity);
/* Takes the exclusive lock of a folder; -EWOULDBLOCK when a living process holds it. */
int understudy_lock_folder(const char *path);

/* Has the kernel measure how long every BPF program runs, as long as the descriptor is open (Linux 5.8). */
int understudy_enable_stats(void);
/* Nanoseconds and number of runs since then, of one program: two uint64. */
int understudy_program_cost(int32_t handle, const char *program, uint8_t *buffer);

/* Can this kernel, with these rights, load such a program, map, or helper in a program? 1, 0 or -errno. */
int understudy_probe_program(int32_t program_type);
int understudy_probe_map(int32_t map_type);
int understudy_probe_helper(int32_t program_type, int32_t helper);

#endif
