/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* kernel.h - the few fields of kernel structs that no UAPI context shows; CO-RE finds their offsets at load. */
#ifndef UNDERSTUDY_KERNEL_H
#define UNDERSTUDY_KERNEL_H

#define AF_INET 2
#define AF_INET6 10
#define SOCK_DONE 1 /* bit of skc_flags, set when the peer's FIN arrived (enum sock_flags, include/net/sock.h) */

/* Offsets here are placeholders, so is the padding. */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wpadded"
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sock_common {
	unsigned long skc_flags;
};

struct sock {
	struct sock_common __sk_common;
	int sk_err;
};

struct inet_sock {
	struct sock sk;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u64 bytes_sent;
	__u64 bytes_retrans; /* 4.19 */
	__u64 bytes_received;
};

#pragma clang attribute pop
#pragma clang diagnostic pop

#endif
