// SPDX-License-Identifier: Apache-2.0
/* netns.c - sockets and look-ups in another network namespace. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
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

static int write_pid(const char *cgroup_procs)
{
	int fd = open(cgroup_procs, O_WRONLY | O_CLOEXEC);
	int error = fd < 0 || write(fd, "0", 1) != 1 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

/* What a socket made elsewhere is to be. */
struct listening {
	int type; /* SOCK_STREAM, or SOCK_DGRAM, which has no backlog */
	const char *cgroup_procs;
	int netns_fd;
	const char *address;
	uint32_t port;
	int backlog;
	uint32_t flags;
	int knocks; /* it sends a SYN instead of listening */
};

/* Bursts of questions wait here while the event loop is busy; the system's limit is far less. */
#define RECEIVE_BUFFER (4 << 20)

/* TCP only waits for what is left of old connections; two UDP sockets would share the port. */
static int prepare(int fd, int type)
{
	int on = 1, size = RECEIVE_BUFFER;

	if (type == SOCK_STREAM)
		return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ?
		       setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) :
		       0;
}

static int make_transparent(int fd, int family)
{
	int on = 1;

	if (family == AF_INET)
		return setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on));
	return setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &on, sizeof(on));
}

/* The SYN goes out within connect(); nobody waits for the answer. */
static int knock(int fd, const struct sockaddr_storage *address, socklen_t length)
{
	if (connect(fd, (const struct sockaddr *)address, length) && errno != EINPROGRESS && errno != ECONNREFUSED)
		return -errno;
	return fd;
}

static int open_listener(const struct listening *wanted)
{
	struct sockaddr_storage address;
	socklen_t length = understudy_parse_address(wanted->address, wanted->port, &address);
	int on = 1, fd, error;

	if (!length)
		return -EINVAL;
	if (wanted->cgroup_procs[0] && (error = write_pid(wanted->cgroup_procs)))
		return error;
	if (wanted->netns_fd >= 0 && setns(wanted->netns_fd, CLONE_NEWNET))
		return -errno;
	fd = socket(address.ss_family, wanted->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (wanted->knocks)
		return knock(fd, &address, length);
	if (prepare(fd, wanted->type) ||
	    (address.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on))) ||
	    (wanted->flags & UNDERSTUDY_TRANSPARENT && make_transparent(fd, address.ss_family)) ||
	    bind(fd, (struct sockaddr *)&address, length) ||
	    (wanted->type == SOCK_STREAM && listen(fd, wanted->backlog)))
		return -errno;
	return fd;
}

static void send_result(int channel, int result)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec data = { .iov_base = &result, .iov_len = sizeof(result) };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };

	if (result >= 0) {
		struct cmsghdr *header;

		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &result, sizeof(int));
	}
	sendmsg(channel, &message, MSG_NOSIGNAL);
}

static int receive_result(int channel)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	int result = -EPIPE, fd = -1;
	struct iovec data = { .iov_base = &result, .iov_len = sizeof(result) };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
	};
	struct cmsghdr *header;

	if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != sizeof(result))
		return -EPIPE;
	header = CMSG_FIRSTHDR(&message);
	if (result < 0)
		return result;
	if (!header || header->cmsg_type != SCM_RIGHTS)
		return -EPIPE;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

/* The socket belongs to the cgroup of who makes it, so a child process does. */
static int listen_elsewhere(const struct listening *wanted)
{
	int channel[2], result;
	sigset_t all, before;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, channel))
		return -errno;
	/* The child shares the event loop's signal pipe: a signal it handled would be seen twice. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	child = fork();
	if (child == 0) {
		/* System calls only: another thread may have held a lock of the C library at the fork. */
		send_result(channel[1], open_listener(wanted));
		_exit(0);
	}
	result = child < 0 ? -errno : 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(channel[1]);
	if (child > 0) {
		result = receive_result(channel[0]);
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close(channel[0]);
	return result;
}

int understudy_listen(const char *cgroup_procs, int32_t netns_fd, const char *address, uint32_t port, int32_t backlog,
		      uint32_t flags)
{
	struct listening wanted = { SOCK_STREAM, cgroup_procs, netns_fd, address, port, backlog, flags, 0 };

	return listen_elsewhere(&wanted);
}

int understudy_knock(const char *cgroup_procs, int32_t netns_fd, const char *address, uint32_t port)
{
	struct listening wanted = { SOCK_STREAM, cgroup_procs, netns_fd, address, port, 0, 0, 1 };
	int fd = listen_elsewhere(&wanted);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int understudy_listen_udp(const char *cgroup_procs, int32_t netns_fd, const char *address, uint32_t port)
{
	struct listening wanted = { SOCK_DGRAM, cgroup_procs, netns_fd, address, port, 0, 0, 0 };

	return listen_elsewhere(&wanted);
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

int understudy_close_fd(int32_t fd)
{
	return close(fd) ? -errno : 0;
}
