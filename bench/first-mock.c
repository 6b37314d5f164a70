// SPDX-License-Identifier: Apache-2.0
/*
 * first-mock.c - when is a connection from inside of a pod intercepted for the first time?
 *
 *   first-mock NETNS CGROUP_PROCS ADDRESS PORT LIMIT_MS
 *
 * Enters the network namespace, then the cgroup, and asks for /first at an address where nobody listens, each
 * millisecond, until somebody answers with `mocked`. Prints `MISSED CONNECTED_NS`: how many connections went to where
 * nobody is, and when, by CLOCK_MONOTONIC, the one that was answered began.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_NS 1000000

static const char REQUEST[] = "GET /first HTTP/1.1\r\nhost: first\r\nconnection: close\r\n\r\n";

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* The namespace first: whoever looks at the cgroup's processes must not find one that is elsewhere. */
static void enter(const char *netns, const char *procs)
{
	int fd = open(netns, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		fail(netns);
	close(fd);
	fd = open(procs, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		fail(procs);
	close(fd);
}

static int is_mocked(const struct sockaddr_in *to)
{
	char answer[2048];
	size_t length = 0;
	ssize_t part;
	struct timeval limit = { .tv_sec = 5 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		fail("socket");
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0 &&
	    send(fd, REQUEST, sizeof(REQUEST) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(REQUEST) - 1)
		while (length < sizeof(answer) - 1 &&
		       (part = recv(fd, answer + length, sizeof(answer) - 1 - length, 0)) > 0)
			length += part;
	close(fd);
	answer[length] = 0;
	return strstr(answer, "mocked") != NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	const struct timespec wait = { .tv_nsec = PAUSE_NS };
	uint64_t deadline;
	long missed = 0;

	if (argc != 6 || inet_pton(AF_INET, argv[3], &to.sin_addr) != 1)
		return 2;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		fail("PR_SET_PDEATHSIG");
	to.sin_port = htons(atoi(argv[4]));
	enter(argv[1], argv[2]);
	deadline = now_ns() + strtoull(argv[5], NULL, 10) * 1000000ULL;
	for (;;) {
		uint64_t begun = now_ns();

		if (is_mocked(&to)) {
			printf("%ld %llu\n", missed, (unsigned long long)begun);
			return 0;
		}
		if (begun > deadline) {
			fprintf(stderr, "not intercepted within the limit\n");
			return 1;
		}
		missed++;
		nanosleep(&wait, NULL);
	}
}
