// SPDX-License-Identifier: Apache-2.0
/* netlink.c - one question, one answer, over a netlink socket of another network namespace. */
#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "netns.h"
#include "shim.h"

#define PATIENCE_MS 100

int understudy_netlink_open(int32_t netns_fd, int32_t protocol)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int error = understudy_enter(netns_fd);
	int fd;

	if (error)
		return error;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	error = fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : 0;
	understudy_leave(netns_fd);
	if (error && fd >= 0)
		close(fd);
	return error ? error : fd;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One datagram, without waiting; returns its length, however much of it did not fit, and who sent it. */
static int receive(int fd, uint8_t *reply, int32_t capacity, int *from_kernel)
{
	struct sockaddr_nl sender = { 0 };
	struct iovec data = { .iov_base = reply, .iov_len = capacity };
	struct msghdr message = {
		.msg_name = &sender, .msg_namelen = sizeof(sender), .msg_iov = &data, .msg_iovlen = 1
	};
	ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT | MSG_TRUNC);

	if (length < 0)
		return -errno;
	*from_kernel = sender.nl_family == AF_NETLINK && sender.nl_pid == 0;
	return length;
}

static int is_answer(const uint8_t *reply, int length, uint32_t sequence)
{
	struct nlmsghdr header;

	if (length < (int)sizeof(header))
		return 0;
	memcpy(&header, reply, sizeof(header));
	return header.nlmsg_seq == sequence;
}

int understudy_netlink_ask(int32_t fd, const uint8_t *request, int32_t length, uint8_t *reply, int32_t capacity)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	struct nlmsghdr asked;
	int64_t deadline = 0, left;
	int got, from_kernel = 0;

	if (length < (int32_t)sizeof(asked) || capacity < (int32_t)sizeof(asked))
		return -EINVAL;
	memcpy(&asked, request, sizeof(asked));
	if (asked.nlmsg_len != (uint32_t)length)
		return -EINVAL;
	if (sendto(fd, request, length, 0, (struct sockaddr *)&kernel, sizeof(kernel)) != length)
		return -errno;
	/* The kernel answers most questions before sendto returns, so the clock is read only when it has not. */
	for (;;) {
		got = receive(fd, reply, capacity, &from_kernel);
		if (got >= 0 && from_kernel && is_answer(reply, got, asked.nlmsg_seq))
			return got > capacity ? -EMSGSIZE : got;
		if (got < 0 && got != -EAGAIN && got != -EINTR)
			return got;
		if (!deadline)
			deadline = now_ms() + PATIENCE_MS;
		left = deadline - now_ms();
		if (left <= 0)
			return -ETIMEDOUT;
		if (got == -EAGAIN && poll(&readable, 1, left) < 0 && errno != EINTR)
			return -errno;
	}
}
