/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* layout.bpf.c - one unused pointer per shared struct that no map mentions, so that BTF carries every layout. */

struct leg_key *layout_leg_key;
struct connection_event *layout_connection_event;
struct cidr_key *layout_cidr_key;
