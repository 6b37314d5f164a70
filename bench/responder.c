// SPDX-License-Identifier: Apache-2.0
/*
 * responder.c - an upstream that is never the bottleneck: every HTTP/1.1 request without a body gets the same answer.
 *
 *   responder ADDRESS PORT BODY_BYTES
 *
 * Prints `ready` once it listens.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_EVENTS 256
#define MAX_ANSWER 65536

static char answer[MAX_ANSWER];
static size_t answer_length;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void prepare(size_t body)
{
	int head = snprintf(answer, sizeof(answer),
			    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n\r\n", body);

	answer_length = head + body;
	if (answer_length > sizeof(answer))
		exit(2);
	memset(answer + head, 'x', body);
}

static int listen_on(const char *address, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) || bind(fd, (struct sockaddr *)&to, sizeof(to)) ||
	    listen(fd, 4096))
		fail("listen");
	return fd;
}

/* One answer for each empty line; a request that comes in pieces counts with its last. */
static void serve(int fd)
{
	char bytes[16384];
	ssize_t length = recv(fd, bytes, sizeof(bytes) - 1, 0);

	if (length <= 0) {
		close(fd);
		return;
	}
	bytes[length] = 0;
	for (char *at = bytes; (at = strstr(at, "\r\n\r\n")); at += 4)
		if (send(fd, answer, answer_length, MSG_NOSIGNAL) < 0)
			return;
}

static void welcome(int queue, int listener)
{
	struct epoll_event interest = { .events = EPOLLIN };
	int on = 1;

	while ((interest.data.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		setsockopt(interest.data.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		epoll_ctl(queue, EPOLL_CTL_ADD, interest.data.fd, &interest);
	}
}

int main(int count, char **arguments)
{
	struct epoll_event events[MAX_EVENTS];
	int listener, queue = epoll_create1(EPOLL_CLOEXEC);

	if (count != 4)
		return 2;
	prepare(strtoul(arguments[3], NULL, 10));
	listener = listen_on(arguments[1], atoi(arguments[2]));
	events[0] = (struct epoll_event){ .events = EPOLLIN, .data.fd = listener };
	if (queue < 0 || epoll_ctl(queue, EPOLL_CTL_ADD, listener, &events[0]))
		fail("epoll");
	puts("ready");
	fflush(stdout);
	for (;;) {
		int ready = epoll_wait(queue, events, MAX_EVENTS, -1);

		for (int i = 0; i < ready; i++) {
			if (events[i].data.fd == listener)
				welcome(queue, listener);
			else
				serve(events[i].data.fd);
		}
	}
}
