// SPDX-License-Identifier: Apache-2.0
/* elsewhere.c - sockets that belong to another cgroup and network namespace: what listens, knocks or connects there. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netns.h"
#include "shim.h"

static int write_pid(const char *cgroup_procs)
{
	int fd = open(cgroup_procs, O_WRONLY | O_CLOEXEC);
	int error = fd < 0 || write(fd, "0", 1) != 1 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

enum purpose {
	LISTENS, /* of SOCK_DGRAM: is bound */
	CONNECTS,
};

/* What a socket made elsewhere is to be. */
struct wanted_socket {
	enum purpose purpose;
	int type; /* SOCK_STREAM, or SOCK_DGRAM, which has no backlog */
	const char *cgroup_procs;
	int netns_fd;
	const char *address;
	uint32_t port;
	int backlog;
	uint32_t flags;
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

/* Of two sockets on one port the younger gets what arrives, so that the elder only finishes what it has. An index that
 * the group does not have leaves the choice to the kernel's hash: alone, a socket gets everything.
 */
int understudy_prefer_younger(int fd)
{
	struct sock_filter second = BPF_STMT(BPF_RET | BPF_K, 1);
	struct sock_fprog program = { .len = 1, .filter = &second };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) ? -errno : 0;
}

static int start_listening(int fd, const struct wanted_socket *wanted, const struct sockaddr_storage *address,
			   socklen_t length)
{
	int on = 1;

	if (prepare(fd, wanted->type) ||
	    (address->ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on))) ||
	    (wanted->flags & UNDERSTUDY_TRANSPARENT && make_transparent(fd, address->ss_family)) ||
	    (wanted->flags & UNDERSTUDY_REUSEPORT && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on))) ||
	    bind(fd, (const struct sockaddr *)address, length) ||
	    (wanted->type == SOCK_STREAM && !(wanted->flags & UNDERSTUDY_BOUND) && listen(fd, wanted->backlog)))
		return -errno;
	if (wanted->flags & UNDERSTUDY_REUSEPORT && !(wanted->flags & UNDERSTUDY_BOUND))
		return understudy_prefer_younger(fd);
	return 0;
}

/* The SYN goes out within connect(); nobody waits for the answer. */
static int start_connecting(int fd, const struct sockaddr_storage *address, socklen_t length)
{
	return connect(fd, (const struct sockaddr *)address, length) && errno != EINPROGRESS && errno != ECONNREFUSED ?
		       -errno :
		       0;
}

/* Where this thread is at the moment. */
static int make_socket(const struct wanted_socket *wanted)
{
	struct sockaddr_storage address;
	socklen_t length = understudy_parse_address(wanted->address, wanted->port, &address);
	int fd, error;

	if (!length)
		return -EINVAL;
	fd = socket(address.ss_family, wanted->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	error = wanted->purpose == LISTENS ? start_listening(fd, wanted, &address, length) :
					     start_connecting(fd, &address, length);
	if (!error)
		return fd;
	close(fd);
	return error;
}

/* In a child process, which ends afterwards. */
static int move_and_make(const struct wanted_socket *wanted)
{
	int error = write_pid(wanted->cgroup_procs);

	if (error)
		return error;
	if (wanted->netns_fd >= 0 && setns(wanted->netns_fd, CLONE_NEWNET))
		return -errno;
	return make_socket(wanted);
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
static int make_in_child(const struct wanted_socket *wanted)
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
		send_result(channel[1], move_and_make(wanted));
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

/* Our own cgroup needs no child: a fork of a large process takes longer than all the rest. */
static int make_elsewhere(const struct wanted_socket *wanted)
{
	int result;

	if (wanted->cgroup_procs[0])
		return make_in_child(wanted);
	result = understudy_enter(wanted->netns_fd);
	if (result)
		return result;
	result = make_socket(wanted);
	understudy_leave(wanted->netns_fd);
	return result;
}

int understudy_listen(const char *cgroup_procs, int32_t netns_fd, const char *address, uint32_t port, int32_t backlog,
		      uint32_t flags)
{
	struct wanted_socket wanted = { LISTENS, SOCK_STREAM, cgroup_procs, netns_fd, address, port, backlog, flags };

	return make_elsewhere(&wanted);
}

int understudy_listen_udp(const char *cgroup_procs, int32_t netns_fd, const char *address, uint32_t port,
			  uint32_t flags)
{
	struct wanted_socket wanted = { LISTENS, SOCK_DGRAM, cgroup_procs, netns_fd, address, port, 0, flags };

	return make_elsewhere(&wanted);
}

int understudy_connect(const char *cgroup_procs, int32_t netns_fd, const char *address, uint32_t port)
{
	struct wanted_socket wanted = { CONNECTS, SOCK_STREAM, cgroup_procs, netns_fd, address, port, 0, 0 };

	return make_elsewhere(&wanted);
}

int understudy_knock(const char *cgroup_procs, int32_t netns_fd, const char *address, uint32_t port)
{
	int fd = understudy_connect(cgroup_procs, netns_fd, address, port);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}
