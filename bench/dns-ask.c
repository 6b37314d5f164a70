// SPDX-License-Identifier: Apache-2.0
/*
 * dns-ask.c - asks DNS servers over UDP and times the answers.
 *
 *   dns-ask one ADDRESS PORT COUNT NAMES         one query after the other; prints each answer's nanoseconds, sorted out
 *                                                to `P50 P99 LOST`
 *   dns-ask many ADDRESS PORT COUNT NAMES DEPTH  keeps DEPTH queries under way; prints `ANSWERED LOST NANOSECONDS`
 *
 * Reads orders from stdin, one a line, so that direct and indirect rounds can take turns in one process. Asks for A
 * records of `host-N.bench.test`, N counting up to NAMES; an answer counts if its id, question and rcode fit and it has
 * an address. An answer that has not come after two seconds is lost.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_DEPTH 4096
#define MAX_COUNT 1000000
#define PATIENCE_NS 2000000000ULL

static uint64_t *times;

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

static size_t compose(uint8_t *out, uint16_t id, int number)
{
	static const uint8_t tail[] = "\5bench\4test\0\0\1\0\1";
	char label[16];
	int length = snprintf(label, sizeof(label), "host-%d", number);

	memset(out, 0, 12);
	out[0] = id >> 8;
	out[1] = id & 0xff;
	out[2] = 1; /* recursion desired */
	out[5] = 1;
	out[12] = length;
	memcpy(out + 13, label, length);
	memcpy(out + 13 + length, tail, sizeof(tail) - 1);
	return 13 + length + sizeof(tail) - 1;
}

static int fits(const uint8_t *answer, ssize_t got, const uint8_t *query, size_t asked)
{
	return got > (ssize_t)asked && !memcmp(answer, query, 2) && (answer[2] & 0x80) && !(answer[3] & 0xf) &&
	       (answer[6] || answer[7]) && !memcmp(answer + 12, query + 12, asked - 12);
}

static int open_to(const char *address, int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int room = 1 << 20;

	if (inet_pton(AF_INET, address, &to.sin_addr) != 1 || fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		fail(address);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	return fd;
}

static int by_value(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static void one_by_one(int fd, int count, int names)
{
	uint8_t query[512], answer[4096];
	int lost = 0;

	for (int i = 0; i < count; i++) {
		size_t length = compose(query, (uint16_t)i, i % names);
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		uint64_t started = now_ns();
		int done = 0;

		if (send(fd, query, length, 0) < 0)
			fail("send");
		while (!done && poll(&wait, 1, PATIENCE_NS / 1000000) == 1)
			done = fits(answer, recv(fd, answer, sizeof(answer), 0), query, length);
		times[i] = now_ns() - started;
		lost += !done;
	}
	qsort(times, count, sizeof(*times), by_value);
	printf("%llu %llu %d\n", (unsigned long long)times[count / 2], (unsigned long long)times[count / 100 * 99],
	       lost);
}

/* Slot s asks with the ids that are s modulo DEPTH. */
static void many_at_once(int fd, int count, int names, int depth)
{
	static struct {
		uint64_t sent_ns;
		uint8_t query[64];
		size_t length;
	} slots[MAX_DEPTH];
	int asked = 0, answered = 0, lost = 0;
	uint64_t started = now_ns();
	uint8_t answer[4096];

	memset(slots, 0, sizeof(slots));
	while (answered + lost < count) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		uint64_t now = now_ns();

		for (int s = 0; s < depth; s++) {
			if (slots[s].sent_ns && now - slots[s].sent_ns > PATIENCE_NS) {
				slots[s].sent_ns = 0;
				lost++;
			}
			if (slots[s].sent_ns || asked == count)
				continue;
			slots[s].length = compose(slots[s].query, (uint16_t)(asked / depth * depth + s), asked % names);
			slots[s].sent_ns = now;
			asked++;
			if (send(fd, slots[s].query, slots[s].length, 0) < 0)
				fail("send");
		}
		if (poll(&wait, 1, 100) != 1)
			continue;
		for (ssize_t got; (got = recv(fd, answer, sizeof(answer), MSG_DONTWAIT)) > 12;) {
			int s = (answer[0] << 8 | answer[1]) % depth;

			if (!slots[s].sent_ns || !fits(answer, got, slots[s].query, slots[s].length))
				continue;
			slots[s].sent_ns = 0;
			answered++;
		}
	}
	printf("%d %d %llu\n", answered, lost, (unsigned long long)(now_ns() - started));
}

int main(void)
{
	char line[256], mode[8], address[64];
	int port, count, names, depth = 1;

	times = calloc(MAX_COUNT, sizeof(*times));
	if (!times)
		fail("calloc");
	while (fgets(line, sizeof(line), stdin)) {
		int words = sscanf(line, "%7s %63s %d %d %d %d", mode, address, &port, &count, &names, &depth);
		int fd;

		/* DEPTH is a power of two, so that ids stay with their slots when they wrap. */
		if (words < 5 || count < 1 || count > MAX_COUNT || names < 1 || depth < 1 || depth > MAX_DEPTH ||
		    (depth & (depth - 1)))
			return 2;
		fd = open_to(address, port);
		if (mode[0] == 'o')
			one_by_one(fd, count, names);
		else
			many_at_once(fd, count, names, depth);
		fflush(stdout);
		close(fd);
	}
	return 0;
}
