// SPDX-License-Identifier: Apache-2.0
/* netns.c - sockets and look-ups in another network namespace. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netns.h"
#include "shim.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* The namespace this thread came from; opened on first use, kept for the process's life. */
static int home_netns = -1;

int understudy_enter(int netns_fd)
{
	if (netns_fd < 0)
		return 0;
	if (home_netns < 0)
		home_netns = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home_netns < 0)
		return -errno;
	return setns(netns_fd, CLONE_NEWNET) ? -errno : 0;
}

/* A thread that cannot come home would open every later socket in somebody's pod: there is no safe way on. */
void understudy_leave(int netns_fd)
{
	if (netns_fd < 0)
		return;
	if (setns(home_netns, CLONE_NEWNET)) {
		perror("understudy: cannot return to the agent's network namespace");
		abort();
	}
}

socklen_t understudy_parse_address(const char *text, uint32_t port, struct sockaddr_storage *address)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;

	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		return sizeof(*v6);
	}
	return 0;
}

int understudy_open_netns(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int understudy_netns_cookie(int32_t netns_fd, uint8_t *cookie)
{
	socklen_t length = 8;
	int error = understudy_enter(netns_fd);
	int fd;

	if (error)
		return error;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	error = fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &length) ? -errno : 0;
	if (fd >= 0)
		close(fd);
	understudy_leave(netns_fd);
	return error;
}

int understudy_source_address(int32_t netns_fd, const char *towards, uint8_t *text, int32_t capacity)
{
	struct sockaddr_storage address;
	socklen_t length = understudy_parse_address(towards, 9, &address);
	int error, fd;

	if (!length || capacity <= 0)
		return -EINVAL;
	error = understudy_enter(netns_fd);
	if (error)
		return error;
	/* connect() on a datagram socket sends nothing: it only asks the routing table. */
	fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	error = fd < 0 || connect(fd, (struct sockaddr *)&address, length) ? -errno : 0;
	if (!error && getsockname(fd, (struct sockaddr *)&address, &length))
		error = -errno;
	if (fd >= 0)
		close(fd);
	understudy_leave(netns_fd);
	text[0] = 0;
	if (error == -ENETUNREACH || error == -EHOSTUNREACH || error == -EACCES || error == -EADDRNOTAVAIL ||
	    error == -EAFNOSUPPORT)
		return 0;
	if (error)
		return error;
	if (!inet_ntop(address.ss_family,
		       address.ss_family == AF_INET ? (void *)&((struct sockaddr_in *)&address)->sin_addr :
						      (void *)&((struct sockaddr_in6 *)&address)->sin6_addr,
		       (char *)text, capacity))
		return -errno;
	return strlen((char *)text);
}

int understudy_socket(int32_t netns_fd, int32_t ipv6, uint32_t mark, const char *source)
{
	struct sockaddr_storage address;
	socklen_t length = source[0] ? understudy_parse_address(source, 0, &address) : 0;
	int on = 1, error, fd;

	if (source[0] && !length)
		return -EINVAL;
	error = understudy_enter(netns_fd);
	if (error)
		return error;
	fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	error = fd < 0 ? -errno : 0;
	if (!error && mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)))
		error = -errno;
	/* The port is chosen at connect(), per destination, so that ephemeral ports do not run out. */
	if (!error && length &&
	    (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) ||
	     bind(fd, (struct sockaddr *)&address, length)))
		error = -errno;
	understudy_leave(netns_fd);
	if (error && fd >= 0)
		close(fd);
	return error ? error : fd;
}

int understudy_udp_socket(int32_t netns_fd, int32_t ipv6, uint32_t mark)
{
	int error = understudy_enter(netns_fd);
	int fd;

	if (error)
		return error;
	fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	error = fd < 0 ? -errno : 0;
	if (!error && mark && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)))
		error = -errno;
	understudy_leave(netns_fd);
	if (error && fd >= 0)
		close(fd);
	return error ? error : fd;
}

int understudy_open_proc_net(int32_t netns_fd, const char *name)
{
	char path[256];
	int error, fd;

	if (strchr(name, '/') || snprintf(path, sizeof(path), "/proc/thread-self/net/%s", name) >= (int)sizeof(path))
		return -EINVAL;
	error = understudy_enter(netns_fd);
	if (error)
		return error;
	/* procfs takes the namespace of the reader at open(). */
	fd = open(path, O_RDONLY | O_CLOEXEC);
	error = fd < 0 ? -errno : 0;
	understudy_leave(netns_fd);
	return error ? error : fd;
}

int understudy_read_proc_net(int32_t netns_fd, const char *name, uint8_t *buffer, int32_t capacity)
{
	int length = 0, error, fd = understudy_open_proc_net(netns_fd, name);
	ssize_t part = 0;

	if (fd < 0)
		return fd;
	while (length < capacity && (part = read(fd, buffer + length, capacity - length)) > 0)
		length += part;
	error = part < 0 ? -errno : 0;
	close(fd);
	return error ? error : length;
}

int understudy_lock(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

int understudy_trim_memory(void)
{
	return malloc_trim(0);
}

int understudy_is_listening(int32_t fd)
{
	int listens = 0;
	socklen_t length = sizeof(listens);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) ? -errno : listens;
}

int understudy_close_fd(int32_t fd)
{
	return close(fd) ? -errno : 0;
}
