// SPDX-License-Identifier: Apache-2.0
/* netlink.test.c - the netlink half of the shim against rtnetlink, which needs no rights and is in every namespace. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "shim.h"

struct question {
	struct nlmsghdr header;
	struct ifinfomsg link;
};

/* "What is interface 1?", which is loopback everywhere. */
static struct question about_loopback(uint32_t sequence)
{
	return (struct question){
		.header = { .nlmsg_len = sizeof(struct question),
			    .nlmsg_type = RTM_GETLINK,
			    .nlmsg_flags = NLM_F_REQUEST,
			    .nlmsg_seq = sequence },
		.link = { .ifi_family = AF_UNSPEC, .ifi_index = 1 },
	};
}

static int ask(int fd, const struct question *question, uint8_t *reply, int32_t capacity)
{
	return understudy_netlink_ask(fd, (const uint8_t *)question, sizeof(*question), reply, capacity);
}

static struct nlmsghdr head_of(const uint8_t *reply)
{
	struct nlmsghdr header;

	memcpy(&header, reply, sizeof(header));
	return header;
}

static void opened(void)
{
	int fd = understudy_netlink_open(-1, NETLINK_ROUTE);
	struct sockaddr_nl bound = { 0 };
	socklen_t length = sizeof(bound);

	CHECK(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
	EQUAL(getsockname(fd, (struct sockaddr *)&bound, &length), 0);
	CHECK(bound.nl_pid != 0 && bound.nl_groups == 0);
	EQUAL(understudy_close_fd(fd), 0);
	EQUAL(understudy_netlink_open(-1, 31), -EPROTONOSUPPORT);
	EQUAL(understudy_netlink_open(-1, INT_MAX), -EPROTONOSUPPORT);
	EQUAL(understudy_netlink_open(-1, -1), -EPROTONOSUPPORT);
	CHECK(understudy_netlink_open(INT_MAX, NETLINK_ROUTE) < 0);
	fd = open("/dev/null", O_RDONLY);
	CHECK(understudy_netlink_open(fd, NETLINK_ROUTE) < 0); /* not a namespace */
	close(fd);
}

static void answered(void)
{
	int fd = understudy_netlink_open(-1, NETLINK_ROUTE);
	struct question question = about_loopback(7);
	uint8_t *reply = malloc(8192), *exact;
	int length = ask(fd, &question, reply, 8192);

	CHECK(length > (int)sizeof(struct question));
	EQUAL(head_of(reply).nlmsg_type, RTM_NEWLINK);
	EQUAL(head_of(reply).nlmsg_seq, 7);
	/* exactly as large as asked for, so that one byte more is seen by the sanitizer */
	exact = malloc(length > 0 ? length : 1);
	EQUAL(ask(fd, &question, exact, length), length);
	EQUAL(ask(fd, &question, exact, length - 1), -EMSGSIZE);
	EQUAL(ask(fd, &question, exact, sizeof(struct nlmsghdr)), -EMSGSIZE);
	EQUAL(ask(fd, &question, exact, length), length); /* what did not fit is not left behind */
	question.link.ifi_index = INT_MAX;
	CHECK(ask(fd, &question, reply, 8192) > 0);
	EQUAL(head_of(reply).nlmsg_type, NLMSG_ERROR);
	EQUAL(understudy_close_fd(fd), 0);
	free(exact);
	free(reply);
}

static void answers_to_others_are_dropped(void)
{
	int fd = understudy_netlink_open(-1, NETLINK_ROUTE);
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct question question;
	uint8_t reply[8192];

	for (uint32_t stale = 1; stale <= 20; stale++) {
		question = about_loopback(stale);
		CHECK(sendto(fd, &question, sizeof(question), 0, (struct sockaddr *)&kernel, sizeof(kernel)) > 0);
	}
	question = about_loopback(21);
	CHECK(ask(fd, &question, reply, sizeof(reply)) > 0);
	EQUAL(head_of(reply).nlmsg_seq, 21);
	EQUAL(recv(fd, reply, sizeof(reply), MSG_DONTWAIT), -1);
	EQUAL(understudy_close_fd(fd), 0);
}

/* A message from another socket, with the right number, is not the kernel's answer. */
static void strangers_are_not_heard(void)
{
	int fd = understudy_netlink_open(-1, NETLINK_ROUTE), stranger = understudy_netlink_open(-1, NETLINK_ROUTE);
	struct sockaddr_nl to = { 0 };
	socklen_t length = sizeof(to);
	struct question question = about_loopback(5);
	uint8_t reply[8192];

	EQUAL(getsockname(fd, (struct sockaddr *)&to, &length), 0);
	if (sendto(stranger, &question, sizeof(question), 0, (struct sockaddr *)&to, sizeof(to)) > 0) {
		CHECK(ask(fd, &question, reply, sizeof(reply)) > 0);
		EQUAL(head_of(reply).nlmsg_type, RTM_NEWLINK);
	} else {
		EQUAL(errno, EPERM);
		puts("left out: a forged answer, which only root can send");
	}
	EQUAL(understudy_close_fd(fd), 0);
	EQUAL(understudy_close_fd(stranger), 0);
}

static void a_silent_kernel(void)
{
	int fd = understudy_netlink_open(-1, NETLINK_ROUTE);
	struct question question = about_loopback(9);
	uint8_t reply[64];

	question.header.nlmsg_flags = 0; /* not a request: the kernel does not answer */
	EQUAL(ask(fd, &question, reply, sizeof(reply)), -ETIMEDOUT);
	EQUAL(understudy_close_fd(fd), 0);
}

static void misuse(void)
{
	int fd = understudy_netlink_open(-1, NETLINK_ROUTE), file = open("/dev/null", O_RDWR);
	struct question question = about_loopback(1);
	uint8_t reply[64];

	for (int32_t length = -1; length < (int32_t)sizeof(question.header); length++)
		EQUAL(understudy_netlink_ask(fd, (uint8_t *)&question, length, reply, sizeof(reply)), -EINVAL);
	EQUAL(understudy_netlink_ask(fd, (uint8_t *)&question, sizeof(question) - 1, reply, sizeof(reply)), -EINVAL);
	EQUAL(understudy_netlink_ask(fd, (uint8_t *)&question, INT_MIN, reply, sizeof(reply)), -EINVAL);
	for (int32_t capacity = -1; capacity < (int32_t)sizeof(question.header); capacity++)
		EQUAL(ask(fd, &question, reply, capacity), -EINVAL);
	EQUAL(ask(file, &question, reply, sizeof(reply)), -ENOTSOCK);
	EQUAL(ask(-1, &question, reply, sizeof(reply)), -EBADF);
	EQUAL(understudy_close_fd(fd), 0);
	EQUAL(ask(fd, &question, reply, sizeof(reply)), -EBADF);
	close(file);
}

static void files_of_proc(void)
{
	int fd = understudy_open_proc_net(-1, "dev");

	CHECK(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
	EQUAL(understudy_close_fd(fd), 0);
	EQUAL(understudy_open_proc_net(-1, "none"), -ENOENT);
	EQUAL(understudy_open_proc_net(-1, "../mounts"), -EINVAL);
	CHECK(understudy_open_proc_net(INT_MAX, "dev") < 0);
}

int main(void)
{
	opened();
	answered();
	answers_to_others_are_dropped();
	strangers_are_not_heard();
	a_silent_kernel();
	misuse();
	files_of_proc();
	return report("netlink");
}
