// SPDX-License-Identifier: Apache-2.0
/*
 * inbound.test.c OBJECT - misuse of what only the inbound object uses, and its hooks in a network namespace of the
 * test's own. "-" stands for an object that is not built. What needs root is left out without it, and said so.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "shim.h"

#define LO 1

static const char *object;

static void numbers_that_are_no_handle(void)
{
	const int32_t numbers[] = { -1, 0, 16, INT_MAX, INT_MIN };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		int32_t none = numbers[i];

		EQUAL(understudy_skip_program(none, "steer_ingress"), -EBADF);
		EQUAL(understudy_share_map(none, "orig_dst", none), -EBADF);
		EQUAL(understudy_share_pin(none, "orig_dst", "/there/is/none"), -EBADF);
		EQUAL(understudy_program_id(none, "steer_ingress"), -EBADF);
		EQUAL(understudy_attach_tcx(none, "steer_ingress", -1, LO, 0), -EBADF);
		EQUAL(understudy_attach_netns(none, "steer_lookup", -1), -EBADF);
		EQUAL(understudy_attach_clsact(none, "steer_ingress", -1, LO, 0), -EBADF);
		EQUAL(understudy_detach(none, "steer_ingress"), -EBADF);
		EQUAL(understudy_assign_socket(none, "inbound_sockets", 0, 0), -EBADF);
	}
}

static void names_that_are_none(void)
{
	char *endless = malloc(100001);

	memset(endless, 'a', 100000);
	endless[100000] = 0;
	EQUAL(understudy_interface(-1, "no-such-device"), -ENODEV);
	EQUAL(understudy_interface(-1, endless), -ENODEV);
	EQUAL(understudy_interface(-1, ""), -ENODEV);
	EQUAL(understudy_interface(-1, "lo"), -EPROTONOSUPPORT);
	CHECK(understudy_interface(INT_MAX, "lo") < 0);
	CHECK(understudy_has_clsact(INT_MAX, LO) < 0);
	CHECK(understudy_make_clsact(INT_MAX, LO) < 0);
	CHECK(understudy_remove_clsact(INT_MAX, LO) < 0);
	CHECK(understudy_remove_filter(INT_MAX, LO, 0, 1) < 0);
	free(endless);
}

static void before_it_is_loaded(void)
{
	int handle = understudy_open(object), other = understudy_open(object);

	CHECK(handle >= 0 && other >= 0);
	EQUAL(understudy_skip_program(handle, "no such program"), -ENOENT);
	EQUAL(understudy_skip_program(handle, "steer_lookup"), 0);
	CHECK(understudy_share_map(handle, "orig_dst", other) < 0); /* that has none yet */
	EQUAL(understudy_share_map(handle, "orig_dst", INT_MAX), -EBADF);
	EQUAL(understudy_share_map(handle, "no such map", other), -ENOENT);
	EQUAL(understudy_share_pin(handle, "no such map", "/there/is/none"), -ENOTSUP);
	EQUAL(understudy_share_pin(handle, "orig_dst", "/there/is/none"), -ENOENT);
	CHECK(understudy_share_pin(handle, "orig_dst", "/etc/passwd") < 0);
	CHECK(understudy_program_id(handle, "steer_ingress") < 0);
	CHECK(understudy_attach_tcx(handle, "steer_ingress", -1, LO, 0) < 0);
	CHECK(understudy_attach_clsact(handle, "steer_ingress", -1, LO, 0) < 0);
	CHECK(understudy_attach_netns(handle, "steer_lookup", -1) < 0);
	CHECK(understudy_assign_socket(handle, "inbound_sockets", 0, 0) < 0);
	EQUAL(understudy_detach(handle, "steer_ingress"), 0);
	EQUAL(understudy_close(handle), 0);
	EQUAL(understudy_close(other), 0);
}

/* The qdisc of lo: made once, kept while somebody uses it, and only our own filter is taken off. */
static void filters(int handle)
{
	int id = understudy_program_id(handle, "steer_ingress");
	int other = understudy_program_id(handle, "restore_egress");

	CHECK(id > 0 && other > 0 && id != other);
	EQUAL(understudy_has_clsact(-1, LO), 0);
	EQUAL(understudy_remove_clsact(-1, LO), 0);
	CHECK(understudy_attach_clsact(handle, "steer_ingress", -1, LO, 0) < 0); /* no qdisc */
	EQUAL(understudy_remove_filter(-1, LO, 0, id), 0);
	EQUAL(understudy_make_clsact(-1, LO), 1);
	EQUAL(understudy_make_clsact(-1, LO), 0);
	EQUAL(understudy_has_clsact(-1, LO), 1);
	EQUAL(understudy_has_clsact(-1, 4711), 0);
	EQUAL(understudy_attach_clsact(handle, "restore_egress", -1, LO, 1), 0);
	EQUAL(understudy_attach_clsact(handle, "steer_ingress", -1, LO, 0), 0);
	EQUAL(understudy_attach_clsact(handle, "steer_ingress", -1, LO, 0), -EEXIST);
	EQUAL(understudy_remove_clsact(-1, LO), 0); /* in use */
	EQUAL(understudy_remove_filter(-1, LO, 0, other), 0);
	EQUAL(understudy_remove_filter(-1, LO, 0, id), 1);
	EQUAL(understudy_remove_filter(-1, LO, 0, id), 0);
	EQUAL(understudy_detach(handle, "steer_ingress"), 0); /* somebody was faster */
	EQUAL(understudy_remove_clsact(-1, LO), 0);	      /* egress still uses it */
	EQUAL(understudy_detach(handle, "restore_egress"), 0);
	EQUAL(understudy_remove_clsact(-1, LO), 1);
	EQUAL(understudy_remove_clsact(-1, LO), 0);
	EQUAL(understudy_remove_clsact(-1, 4711), 0);
}

static void links(int handle)
{
	int netns = understudy_open_netns("/proc/self/ns/net");
	int result = understudy_attach_tcx(handle, "steer_ingress", netns, LO, 0);

	CHECK(result == 0 || result == -EINVAL); /* before 6.6 */
	EQUAL(understudy_detach(handle, "steer_ingress"), 0);
	EQUAL(understudy_attach_netns(handle, "steer_lookup", netns), 0);
	EQUAL(understudy_detach(handle, "steer_lookup"), 0);
	for (int i = 0; i < 4; i++) /* one netns takes up to 64 of them */
		EQUAL(understudy_attach_netns(handle, "steer_lookup", i % 2 ? netns : -1), 0);
	EQUAL(understudy_attach_netns(handle, "steer_lookup", netns), -ENOSPC);
	EQUAL(understudy_attach_clsact(handle, "steer_ingress", netns, LO, 0), -ENOSPC);
	EQUAL(understudy_attach_tcx(handle, "steer_ingress", netns, LO, 0), -ENOSPC);
	EQUAL(understudy_detach(handle, "steer_lookup"), 0);
	EQUAL(understudy_attach_netns(handle, "steer_lookup", netns), 0); /* for close() */
	EQUAL(understudy_close_fd(netns), 0);
}

static void assigned(int handle)
{
	int listener = understudy_listen("", -1, "127.0.0.1", 0, 1, 0);
	int dual = socket(AF_INET6, SOCK_STREAM, 0), datagram = socket(AF_UNIX, SOCK_DGRAM, 0);

	CHECK(listener >= 0 && dual >= 0 && datagram >= 0 && !listen(dual, 1));
	EQUAL(understudy_assign_socket(handle, "inbound_sockets", 0, dual), 0);
	EQUAL(understudy_assign_socket(handle, "inbound_sockets", 0, listener), 0);
	EQUAL(understudy_assign_socket(handle, "inbound_sockets", 0, dual), 0); /* beside IPv4's own */
	EQUAL(understudy_assign_socket(handle, "inbound_sockets", 63, listener), 0);
	CHECK(understudy_assign_socket(handle, "inbound_sockets", 64, listener) < 0);
	CHECK(understudy_assign_socket(handle, "inbound_sockets", UINT32_MAX, listener) < 0);
	EQUAL(understudy_assign_socket(handle, "inbound_sockets", 0, -1), -EBADF);
	EQUAL(understudy_assign_socket(handle, "inbound_sockets", 0, datagram), -EAFNOSUPPORT);
	EQUAL(understudy_assign_socket(handle, "no such map", 0, listener), -ENOENT);
	close(listener);
	close(dual);
	close(datagram);
}

static void loaded(void)
{
	int handle = understudy_open(object);
	uint8_t bytes[8];

	EQUAL(understudy_load(handle), 0);
	CHECK(understudy_skip_program(handle, "steer_lookup") < 0);
	EQUAL(understudy_share_map(handle, "orig_dst", handle), -EBUSY);
	EQUAL(understudy_share_pin(handle, "orig_dst", "/there/is/none"), -EBUSY);
	EQUAL(understudy_poll(handle, bytes, sizeof(bytes)), -EBADF); /* it has no ring */
	filters(handle);
	links(handle);
	assigned(handle);
	EQUAL(understudy_close(handle), 0); /* with a program attached */
	EQUAL(understudy_detach(handle, "steer_lookup"), -EBADF);
}

int main(int count, char **arguments)
{
	object = count > 1 ? arguments[1] : "-";
	numbers_that_are_no_handle();
	names_that_are_none();
	if (strcmp(object, "-"))
		before_it_is_loaded();
	else
		puts("left out: what needs the BPF object, which is not built");
	if (strcmp(object, "-") && geteuid() == 0 && !unshare(CLONE_NEWNET))
		loaded();
	else
		puts("left out: what needs root");
	return report("inbound");
}
