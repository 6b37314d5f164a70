/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* inbound.bpf.c - connections to a workload's own ports: the second object, loaded once per workload, so that its maps
 * and tunables belong to one network namespace.
 */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_core_read.h>

#include "contract.h"
#include "kernel.h"
#include "inbound-maps.h"
#include "ends.h"
#include "packet.h"

#include "steer.bpf.c"
#include "assign.bpf.c"
#include "accept.bpf.c"
#include "original-dst.bpf.c"

char _license[] SEC("license") = "Dual BSD/GPL";
