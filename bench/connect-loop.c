// SPDX-License-Identifier: Apache-2.0
/*
 * connect-loop.c - both ends of many short connections in one thread, so that nothing but the kernel's work is timed:
 * connect, accept, look up, exchange, close.
 *
 *   connect-loop [PINNED_MAP]
 *
 * Listeners come as descriptors of the parent. Reads orders, one a line, and answers each with
 * `NANOSECONDS LOOKED_UP NANOSECONDS_OF_THE_PROCESSOR`:
 *
 *   CGROUP_PROCS LISTENER_FD ADDRESS PORT COUNT EXCHANGES RESOLVE [BLOCKS]
 *
 * EXCHANGES is how many times 128 bytes go and 512 come back. RESOLVE 1: read the accepted socket's cookie and look it
 * up in the pinned map; 2: ask it for SO_ORIGINAL_DST. BLOCKS is how many times 64 KiB go.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_BYTES 128
#define RESPONSE_BYTES 512
#define BLOCK_BYTES 65536
#define SEND_BUFFER_BYTES (8 * BLOCK_BYTES)

static int map_fd = -1;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_ns(clockid_t of)
{
	struct timespec now;

	clock_gettime(of, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static int open_pinned(const char *path)
{
	union bpf_attr attr = { .pathname = (uintptr_t)path };

	return syscall(SYS_bpf, BPF_OBJ_GET, &attr, sizeof(attr));
}

static void enter_cgroup(const char *procs)
{
	int fd = open(procs, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0", 1) != 1)
		fail(procs);
	close(fd);
}

static int ask_netfilter(int fd)
{
	struct sockaddr_in original;
	socklen_t length = sizeof(original);

	return getsockopt(fd, IPPROTO_IP, SO_ORIGINAL_DST, &original, &length) == 0;
}

static int look_up(int fd)
{
	uint64_t cookie = 0;
	uint8_t value[64];
	socklen_t length = sizeof(cookie);
	union bpf_attr attr = { .map_fd = map_fd, .key = (uintptr_t)&cookie, .value = (uintptr_t)value };

	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length))
		fail("SO_COOKIE");
	return syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attr, sizeof(attr)) == 0;
}

/* Loopback delivers in the sender's own context, so the other end's bytes are there when send returns. */
static void move(int from, int to, size_t length)
{
	char bytes[RESPONSE_BYTES] = { 0 };
	size_t received = 0;

	if (send(from, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
		fail("send");
	while (received < length) {
		ssize_t part = recv(to, bytes, length - received, 0);

		if (part <= 0)
			fail("recv");
		received += part;
	}
}

/* The send buffer holds a block, so that one thread can do both ends. */
static void stream(int from, int to, int blocks)
{
	static char bytes[BLOCK_BYTES];
	int room = SEND_BUFFER_BYTES;

	if (setsockopt(from, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)))
		fail("SO_SNDBUF");
	for (int i = 0; i < blocks; i++) {
		size_t received = 0;

		if (send(from, bytes, sizeof(bytes), MSG_NOSIGNAL) != (ssize_t)sizeof(bytes))
			fail("send");
		while (received < sizeof(bytes)) {
			ssize_t part = recv(to, bytes, sizeof(bytes) - received, 0);

			if (part <= 0)
				fail("recv");
			received += part;
		}
	}
}

static int accept_one(int listener)
{
	for (;;) {
		struct pollfd wait = { .fd = listener, .events = POLLIN };
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			return fd;
		if (errno != EAGAIN || poll(&wait, 1, 5000) != 1)
			fail("accept");
	}
}

/* The accepted side closes first: its TIME_WAIT does not hold the client's port. */
static int one(int listener, const struct sockaddr_in *to, int exchanges, int resolve, int blocks)
{
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int found = 0, accepted;
	int on = 1;

	if (client < 0 || connect(client, (const struct sockaddr *)to, sizeof(*to)))
		fail("connect");
	accepted = accept_one(listener);
	if (resolve)
		found = resolve == 2 ? ask_netfilter(accepted) : look_up(accepted);
	if (exchanges && (setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
			  setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on))))
		fail("TCP_NODELAY");
	for (int i = 0; i < exchanges; i++) {
		move(client, accepted, REQUEST_BYTES);
		move(accepted, client, RESPONSE_BYTES);
	}
	if (blocks)
		stream(client, accepted, blocks);
	close(accepted);
	close(client);
	return found;
}

int main(int count, char **arguments)
{
	char line[1024], procs[768], address[64];
	int listener, port, connections, exchanges, resolve;

	if (count > 1 && (map_fd = open_pinned(arguments[1])) < 0)
		fail(arguments[1]);
	while (fgets(line, sizeof(line), stdin)) {
		struct sockaddr_in to = { .sin_family = AF_INET };
		uint64_t started, used;
		int found = 0, blocks = 0;

		if (sscanf(line, "%767s %d %63s %d %d %d %d %d", procs, &listener, address, &port, &connections,
			   &exchanges, &resolve, &blocks) < 7 ||
		    inet_pton(AF_INET, address, &to.sin_addr) != 1)
			return 2;
		to.sin_port = htons(port);
		enter_cgroup(procs);
		started = now_ns(CLOCK_MONOTONIC);
		used = now_ns(CLOCK_PROCESS_CPUTIME_ID);
		for (int i = 0; i < connections; i++)
			found += one(listener, &to, exchanges, resolve, blocks);
		used = now_ns(CLOCK_PROCESS_CPUTIME_ID) - used;
		printf("%llu %d %llu\n", (unsigned long long)(now_ns(CLOCK_MONOTONIC) - started), found,
		       (unsigned long long)used);
		fflush(stdout);
	}
	return 0;
}
