/* SPDX-License-Identifier: Apache-2.0 */
/* handle.h - what the files that go through libbpf share: one loaded object, by number. */
#ifndef UNDERSTUDY_HANDLE_H
#define UNDERSTUDY_HANDLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <bpf/libbpf.h>

#define MAX_CGROUP_LINKS 16
#define MAX_ATTACHMENTS 4
#define MAX_NODE_LINKS 16

enum attachment_kind { NOT_ATTACHED, ATTACHED_LINK, ATTACHED_FILTER };

/* A program on a hook that is not a cgroup. */
struct attachment {
	enum attachment_kind kind;
	int fd; /* the link; of a clsact filter its netns, -1 for our own */
	int ifindex;
	int egress;
	uint32_t program_id;
	char program[32];
};

/* A cgroup link that may be pinned, and so may outlive this process. */
struct node_link {
	int fd;
	char program[32]; /* empty: this place is free */
};

struct handle {
	struct bpf_object *object;
	struct bpf_link *links[MAX_CGROUP_LINKS];
	int link_count;
	struct attachment attachments[MAX_ATTACHMENTS];
	struct node_link node_links[MAX_NODE_LINKS];
	int drain_lock; /* a folder whose lock is held while the ring is drained; -1: nobody else drains it */
	int orig_dst_fd;
	int accepted_fd;
	struct ring_buffer *ring;
	volatile uint64_t *heartbeat;
	void *shared; /* the .bss map */
	size_t shared_size;
	pthread_t beater;
	int beating;
	_Atomic int stopping;
	_Atomic uint64_t ticked_ns;
	uint32_t interval_ms;
	uint32_t stall_ms;
};

/* NULL for a number that is not, or no longer, a handle. */
struct handle *understudy_find(int32_t number);
/* The descriptor of a loaded map, or -errno. */
int understudy_find_map(int32_t number, const char *name);
/* The callback of the events ring; it writes where understudy_poll says. */
int understudy_keep_event(void *context, void *data, size_t size);
void *understudy_drain(void);
/* Ends the heartbeat thread if there is one. */
void understudy_stop_heartbeat(struct handle *handle);
/* Ends what inbound.c has attached. */
void understudy_detach_all(struct handle *handle);
/* Closes the links of links.c; what is pinned stays attached. */
void understudy_let_go_of_links(struct handle *handle);

#endif
