// SPDX-License-Identifier: Apache-2.0
/* qdisc.c - rtnetlink where libbpf has nothing: is there a clsact qdisc, does anybody use it, remove it. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <linux/netlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "netns.h"
#include "shim.h"

struct request {
	struct nlmsghdr header;
	struct tcmsg message;
};

#define BOUND 65536 /* replies read at most; a dump ends by itself */

/* Counts the matching messages of one datagram; *more says whether the dump goes on. */
static int count_in(const char *buffer, ssize_t length, const struct tcmsg *wanted, int *more)
{
	const struct nlmsghdr *header = (const struct nlmsghdr *)buffer;
	int count = 0;

	for (; NLMSG_OK(header, length); header = NLMSG_NEXT(header, length)) {
		const struct tcmsg *message = NLMSG_DATA(header);

		if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) {
			const struct nlmsgerr *error = NLMSG_DATA(header);

			*more = 0;
			return header->nlmsg_type == NLMSG_ERROR && error->error ? error->error : count;
		}
		if (message->tcm_ifindex == wanted->tcm_ifindex && message->tcm_parent == wanted->tcm_parent)
			count++;
	}
	return count;
}

/* How many qdiscs or filters of this parent the interface has. */
static int count_of(int type, int ifindex, uint32_t parent)
{
	struct request request = { .header = { .nlmsg_len = sizeof(request),
					       .nlmsg_type = type,
					       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
				   .message = { .tcm_ifindex = ifindex, .tcm_parent = parent } };
	char buffer[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), count = 0, more = 1;

	if (fd < 0)
		return -errno;
	if (send(fd, &request, sizeof(request), 0) < 0)
		count = -errno;
	for (int i = 0; count >= 0 && more && i < BOUND; i++) {
		ssize_t length = recv(fd, buffer, sizeof(buffer), 0);
		int part = length < 0 ? -errno : count_in(buffer, length, &request.message, &more);

		count = part < 0 ? part : count + part;
	}
	close(fd);
	return count;
}

int understudy_has_clsact(int32_t netns_fd, int32_t ifindex)
{
	int result = understudy_enter(netns_fd);

	if (result)
		return result;
	result = count_of(RTM_GETQDISC, ifindex, TC_H_CLSACT);
	understudy_leave(netns_fd);
	return result > 0 ? 1 : result;
}

int understudy_remove_clsact(int32_t netns_fd, int32_t ifindex)
{
	struct bpf_tc_hook hook = { .sz = sizeof(hook),
				    .ifindex = ifindex,
				    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS };
	int in, out, result = understudy_enter(netns_fd);

	if (result)
		return result;
	result = count_of(RTM_GETQDISC, ifindex, TC_H_CLSACT);
	if (result > 0) {
		in = count_of(RTM_GETTFILTER, ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS));
		out = count_of(RTM_GETTFILTER, ifindex, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS));
		result = in < 0 ? in : out < 0 ? out : in + out > 0 ? 0 : bpf_tc_hook_destroy(&hook);
		if (!result && in + out == 0)
			result = 1;
	}
	understudy_leave(netns_fd);
	return result;
}
