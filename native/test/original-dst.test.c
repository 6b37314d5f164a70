// SPDX-License-Identifier: Apache-2.0
/* original-dst.test.c - sockets that no NAT has touched, and what is no TCP socket; NAT itself is in test/kernel. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "shim.h"

/* An accepted socket of a listener on `listen_at`, dialled at `dial_at`; the client's end goes to *client. */
static int accepted(int family, const struct sockaddr_in6 *listen_at, const struct sockaddr_in6 *dial_at, int *client)
{
	struct sockaddr_in6 bound = *listen_at, to = *dial_at;
	socklen_t length = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(bound);
	int listener = socket(family, SOCK_STREAM, 0), fd;

	CHECK(!bind(listener, (struct sockaddr *)&bound, length) && !listen(listener, 1));
	CHECK(!getsockname(listener, (struct sockaddr *)&bound, &length));
	to.sin6_port = bound.sin6_port; /* at the same place in both families */
	*client = socket(family, SOCK_STREAM, 0);
	CHECK(!connect(*client, (struct sockaddr *)&to, length));
	fd = accept(listener, NULL, NULL);
	CHECK(fd >= 0);
	close(listener);
	return fd;
}

static struct sockaddr_in6 v6(const char *text)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6 };

	CHECK(inet_pton(AF_INET6, text, &address.sin6_addr) == 1);
	return address;
}

static struct sockaddr_in6 v4(const char *text)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct sockaddr_in6 room = { 0 };

	CHECK(inet_pton(AF_INET, text, &address.sin_addr) == 1);
	memcpy(&room, &address, sizeof(address));
	return room;
}

/* Nothing tracks the connection, or it is tracked and was dialled where it is: never another answer, nor a failure. */
static void untouched(int fd, int length)
{
	uint8_t *exact = malloc(length);
	int result = understudy_original_dst(fd, exact, length);

	CHECK(result == -ENOENT || result == -ENOPROTOOPT || result == length);
	for (int capacity = -1; capacity < length; capacity++)
		EQUAL(understudy_original_dst(fd, exact, capacity), -EINVAL);
	EQUAL(understudy_original_dst(fd, exact, INT_MIN), -EINVAL);
	free(exact);
}

static void connections(void)
{
	const struct sockaddr_in6 four = v4("127.0.0.1"), six = v6("::1"), any = v6("::"),
				  mapped = v6("::ffff:127.0.0.1");
	int client, fd = accepted(AF_INET, &four, &four, &client);

	untouched(fd, 16);
	close(client);
	close(fd);
	/* A mapped connection is asked about as IPv4, so the shorter buffer does. */
	fd = accepted(AF_INET6, &any, &mapped, &client);
	untouched(fd, 16);
	close(client);
	close(fd);
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	if (!bind(fd, (const struct sockaddr *)&six, sizeof(six))) {
		close(fd);
		fd = accepted(AF_INET6, &six, &six, &client);
		untouched(fd, 28);
		close(client);
	} else {
		puts("left out: IPv6, which this machine has not");
	}
	close(fd);
}

static void what_is_no_connection(void)
{
	uint8_t room[28];
	int pipe_of[2], datagram = socket(AF_INET, SOCK_DGRAM, 0), local[2];

	EQUAL(understudy_original_dst(-1, room, sizeof(room)), -EBADF);
	EQUAL(understudy_original_dst(INT_MAX, room, sizeof(room)), -EBADF);
	CHECK(!pipe(pipe_of));
	EQUAL(understudy_original_dst(pipe_of[0], room, sizeof(room)), -ENOTSOCK);
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, local));
	EQUAL(understudy_original_dst(local[0], room, sizeof(room)), -EAFNOSUPPORT);
	EQUAL(understudy_original_dst(datagram, room, sizeof(room)), -ENOPROTOOPT);
	for (int i = 0; i < 2; i++) {
		close(pipe_of[i]);
		close(local[i]);
	}
	close(datagram);
}

int main(void)
{
	connections();
	what_is_no_connection();
	return report("original-dst");
}
