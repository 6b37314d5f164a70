/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* clients.h - where the state of a connecting socket is kept: its slot of client_slots, or its own storage. */
#ifndef UNDERSTUDY_CLIENTS_H
#define UNDERSTUDY_CLIENTS_H

#include "maps.h"

static __always_inline struct client_slot *slot_of(__u64 cookie)
{
	__u32 index = cookie & (CLIENT_SLOTS - 1);

	return bpf_map_lookup_elem(&client_slots, &index);
}

/* NULL where another socket holds the slot. Only the claim needs the lock: what is in a slot is its owner's alone. */
static __always_inline struct client_state *claim_slot(__u64 cookie)
{
	struct client_slot *slot = slot_of(cookie);
	int mine;

	if (!slot)
		return NULL;
	bpf_spin_lock(&slot->lock);
	mine = !slot->owner || slot->owner == cookie;
	if (mine)
		slot->owner = cookie;
	bpf_spin_unlock(&slot->lock);
	if (!mine)
		count(COUNTER_SLOT_TAKEN);
	return mine ? &slot->state : NULL;
}

static __always_inline void free_slot(__u64 cookie)
{
	struct client_slot *slot = slot_of(cookie);

	if (slot && slot->owner == cookie)
		slot->owner = 0;
}

/* NULL for a socket that never connected under a policy. */
static __always_inline struct client_state *state_of(struct bpf_sock *sk, __u64 cookie)
{
	struct client_slot *slot = slot_of(cookie);

	if (slot && slot->owner == cookie)
		return &slot->state;
	return bpf_sk_storage_get(&client_states, sk, NULL, 0);
}

#endif
