// SPDX-License-Identifier: Apache-2.0
/*
 * churn.c - many short connections of every fate: of ten, eight are one exchange, one is refused (in turn by a port that
 * is left alone and by a loopback port), one is aborted (in turn before and after its first bytes).
 *
 *   churn ADDRESS PORT CLOSED_PORT COUNT THREADS
 *
 * Prints `EXCHANGED REFUSED ABORTED`; anything else that happens ends it with an error.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum fate { EXCHANGED, REFUSED, ABORTED, FATES };

static const char request[] = "GET /mocked HTTP/1.1\r\nhost: churn\r\nconnection: close\r\n\r\n";
static struct sockaddr_in server, closed_port, closed_loopback;
static int count, threads;
static _Atomic int totals[FATES];

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void exchange(int fd)
{
	char bytes[4096];
	size_t length = 0;
	ssize_t part;

	if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) < 0)
		fail("send");
	while ((part = recv(fd, bytes + length, sizeof(bytes) - length, 0)) > 0)
		length += part;
	if (part < 0 || length < 12 || memcmp(bytes, "HTTP/1.1 200", 12))
		fail("no answer");
}

static void abort_connection(int fd, int with_bytes)
{
	struct linger now = { .l_onoff = 1 };

	if (with_bytes && send(fd, request, 10, MSG_NOSIGNAL) < 0)
		fail("send");
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)))
		fail("SO_LINGER");
}

static enum fate one(int number)
{
	int odd = number / 10 % 2;
	enum fate fate = number % 10 == 8 ? REFUSED : number % 10 == 9 ? ABORTED : EXCHANGED;
	const struct sockaddr_in *to = fate != REFUSED ? &server : odd ? &closed_loopback : &closed_port;
	struct timeval limit = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		fail("socket");
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to))) {
		if (fate != REFUSED || errno != ECONNREFUSED)
			fail("connect");
	} else if (fate == EXCHANGED) {
		exchange(fd);
	} else if (fate == ABORTED) {
		abort_connection(fd, odd);
	}
	close(fd);
	return fate;
}

static void *work(void *first)
{
	for (int i = *(int *)first; i < count; i += threads)
		atomic_fetch_add(&totals[one(i)], 1);
	return NULL;
}

static struct sockaddr_in endpoint(const char *address, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
		exit(2);
	return to;
}

int main(int argument_count, char **arguments)
{
	pthread_t workers[64];
	int firsts[64];

	if (argument_count != 6)
		return 2;
	server = endpoint(arguments[1], atoi(arguments[2]));
	closed_port = endpoint(arguments[1], atoi(arguments[3]));
	closed_loopback = endpoint("127.0.0.1", 9);
	count = atoi(arguments[4]);
	threads = atoi(arguments[5]);
	if (threads < 1 || threads > 64)
		return 2;
	for (int i = 0; i < threads; i++) {
		firsts[i] = i;
		if (pthread_create(&workers[i], NULL, work, &firsts[i]))
			fail("thread");
	}
	for (int i = 0; i < threads; i++)
		pthread_join(workers[i], NULL);
	printf("%d %d %d\n", totals[EXCHANGED], totals[REFUSED], totals[ABORTED]);
	return 0;
}
