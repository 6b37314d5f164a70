// SPDX-License-Identifier: Apache-2.0
/* transparent.c - sockets with an address that is somebody else's. */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netns.h"
#include "shim.h"

static int bind_as(int fd, const struct sockaddr_storage *address, socklen_t length, int with_port)
{
	int is_v6 = address->ss_family == AF_INET6;
	int on = 1;

	if (is_v6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof(on)) :
		    setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on)))
		return -errno;
	if (!with_port && setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)))
		return -errno;
	return bind(fd, (const struct sockaddr *)address, length) ? -errno : 0;
}

int understudy_socket_as(int32_t netns_fd, uint32_t mark, const char *source, uint8_t *port)
{
	struct sockaddr_storage address;
	socklen_t length = understudy_parse_address(source, 0, &address);
	int error, fd;

	if (!length)
		return -EINVAL;
	error = understudy_enter(netns_fd);
	if (error)
		return error;
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	error = fd < 0 ? -errno : 0;
	understudy_leave(netns_fd);
	if (!error && mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)))
		error = -errno;
	if (!error)
		error = bind_as(fd, &address, length, port[0] != 0);
	if (!error && getsockname(fd, (struct sockaddr *)&address, &length))
		error = -errno;
	/* Both families have the port in the same place. */
	if (!error)
		memcpy(port, &((struct sockaddr_in *)&address)->sin_port, 2);
	if (error && fd >= 0)
		close(fd);
	return error ? error : fd;
}
