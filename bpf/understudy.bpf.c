/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* understudy.bpf.c - the one translation unit: all programs share the maps of include/maps.h. */

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_core_read.h>

#include "contract.h"
#include "kernel.h"
#include "maps.h"
#include "address.h"
#include "decide.h"
#include "hooks.h"
#include "clients.h"
#include "ends.h"

#include "dns.bpf.c"
#include "connect.bpf.c"
#include "peername.bpf.c"
#include "sockops.bpf.c"
#include "layout.bpf.c"

char _license[] SEC("license") = "Dual BSD/GPL";
