// SPDX-License-Identifier: Apache-2.0
/* original-dst.c - where an accepted socket's client was going, by the kernel's own NAT. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "shim.h"

/* include/uapi/linux/netfilter_ipv4.h and netfilter_ipv6/ip6_tables.h; both clash with the C library's headers. */
#define SO_ORIGINAL_DST 80
#define IP6T_SO_ORIGINAL_DST 80

int understudy_original_dst(int32_t fd, uint8_t *buffer, int32_t capacity)
{
	struct sockaddr_storage local = { 0 }, destination = { 0 };
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&local;
	socklen_t length = sizeof(local);
	int level = SOL_IP, option = SO_ORIGINAL_DST;

	if (getsockname(fd, (struct sockaddr *)&local, &length))
		return -errno;
	if (local.ss_family != AF_INET && local.ss_family != AF_INET6)
		return -EAFNOSUPPORT;
	length = sizeof(struct sockaddr_in);
	/* A dual-stack socket's IPv4 connection is tracked as IPv4; the IPv6 option would find no entry. */
	if (local.ss_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		level = SOL_IPV6;
		option = IP6T_SO_ORIGINAL_DST;
		length = sizeof(struct sockaddr_in6);
	}
	if (capacity < (int32_t)length)
		return -EINVAL;
	if (getsockopt(fd, level, option, &destination, &length))
		return -errno;
	memcpy(buffer, &destination, length);
	return length;
}
