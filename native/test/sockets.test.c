// SPDX-License-Identifier: Apache-2.0
/*
 * sockets.test.c - misuse of the shim's sockets and of its questions to a network namespace: wrong addresses, hostile
 * strings, tiny buffers, descriptors that are none. Built with the sanitizers.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "check.h"
#include "long-string.h"
#include "shim.h"

static void sockets(void)
{
	char *endless = long_string(100000);
	socklen_t length = sizeof(int);
	uint8_t port[2] = { 0 };
	int six, four, on = 0;
	struct sockaddr_in name;
	socklen_t name_length = sizeof(name);

	EQUAL(understudy_listen("", -1, "no address", 0, 1, 0), -EINVAL);
	EQUAL(understudy_listen("", -1, endless, 0, 1, 0), -EINVAL);
	EQUAL(understudy_listen("", -1, "", 0, 1, 0), -EINVAL);
	EQUAL(understudy_listen("/there/is/none", -1, "127.0.0.1", 0, 1, 0), -ENOENT);
	CHECK(understudy_listen(endless, -1, "127.0.0.1", 0, 1, 0) < 0);
	CHECK(understudy_listen("", INT_MAX, "127.0.0.1", 0, 1, 0) < 0);
	EQUAL(understudy_listen("", -1, "192.0.2.1", 0, 1, 0), -EADDRNOTAVAIL);
	four = understudy_listen("", -1, "127.0.0.1", 0, 1, 0);
	EQUAL(understudy_is_listening(four), 1);
	EQUAL(understudy_is_listening(-1), -EBADF);
	CHECK(four >= 0 && (fcntl(four, F_GETFD) & FD_CLOEXEC) && (fcntl(four, F_GETFL) & O_NONBLOCK));
	EQUAL(understudy_close_fd(four), 0);
	EQUAL(understudy_close_fd(four), -EBADF);
	four = understudy_listen("", -1, "127.0.0.1", 0, 1, UNDERSTUDY_TRANSPARENT);
	/* Only a privileged user of the namespace may. */
	CHECK(four == -EPERM || (getsockopt(four, IPPROTO_IP, IP_TRANSPARENT, &on, &length) == 0 && on == 1));
	if (four >= 0)
		EQUAL(understudy_close_fd(four), 0);

	EQUAL(understudy_knock("", -1, "no address", 1), -EINVAL);
	EQUAL(understudy_knock("", -1, endless, 1), -EINVAL);
	EQUAL(understudy_knock("/there/is/none", -1, "127.0.0.1", 1), -ENOENT);
	CHECK(understudy_knock("", INT_MAX, "127.0.0.1", 1) < 0);
	EQUAL(understudy_knock("", -1, "127.0.0.1", 0), 0); /* nobody can be there */
	EQUAL(understudy_close_fd(-1), -EBADF);

	EQUAL(understudy_connect("", -1, "no address", 1), -EINVAL);
	EQUAL(understudy_connect("", -1, endless, 1), -EINVAL);
	EQUAL(understudy_connect("/there/is/none", -1, "127.0.0.1", 1), -ENOENT);
	CHECK(understudy_connect("", INT_MAX, "127.0.0.1", 1) < 0);
	four = understudy_connect("", -1, "127.0.0.1", 1);
	CHECK(four >= 0 && (fcntl(four, F_GETFD) & FD_CLOEXEC) && (fcntl(four, F_GETFL) & O_NONBLOCK));
	EQUAL(understudy_close_fd(four), 0);

	four = understudy_listen("", -1, "127.0.0.1", 0, 1, UNDERSTUDY_REUSEPORT);
	CHECK(four >= 0 && getsockname(four, (struct sockaddr *)&name, &name_length) == 0);
	six = understudy_listen("", -1, "127.0.0.1", ntohs(name.sin_port), 1, UNDERSTUDY_REUSEPORT);
	CHECK(six >= 0);
	EQUAL(understudy_listen("", -1, "127.0.0.1", ntohs(name.sin_port), 1, 0), -EADDRINUSE);
	EQUAL(understudy_close_fd(six), 0);
	six = understudy_listen("", -1, "127.0.0.1", 0, 1, UNDERSTUDY_REUSEPORT | UNDERSTUDY_BOUND);
	EQUAL(understudy_is_listening(six), 0);
	CHECK(six >= 0 && getsockopt(six, SOL_SOCKET, SO_ACCEPTCONN, &on, &length) == 0 && on == 0);
	EQUAL(understudy_close_fd(four), 0);
	EQUAL(understudy_close_fd(six), 0);

	EQUAL(understudy_listen_udp("", -1, "no address", 0, 0), -EINVAL);
	EQUAL(understudy_listen_udp("", -1, endless, 0, 0), -EINVAL);
	EQUAL(understudy_listen_udp("/there/is/none", -1, "127.0.0.1", 0, 0), -ENOENT);
	CHECK(understudy_listen_udp("", INT_MAX, "127.0.0.1", 0, 0) < 0);
	EQUAL(understudy_listen_udp("", -1, "192.0.2.1", 0, 0), -EADDRNOTAVAIL);
	four = understudy_listen_udp("", -1, "127.0.0.1", 0, 0);
	CHECK(four >= 0 && (fcntl(four, F_GETFD) & FD_CLOEXEC) && (fcntl(four, F_GETFL) & O_NONBLOCK));
	EQUAL(understudy_close_fd(four), 0);

	CHECK(understudy_udp_socket(INT_MAX, 0, 0) < 0);
	six = understudy_udp_socket(-1, 1, 0);
	CHECK(six >= 0 && (fcntl(six, F_GETFD) & FD_CLOEXEC) && (fcntl(six, F_GETFL) & O_NONBLOCK));
	EQUAL(understudy_close_fd(six), 0);

	EQUAL(understudy_socket(-1, 0, 0, "no address"), -EINVAL);
	EQUAL(understudy_socket(-1, 0, 0, endless), -EINVAL);
	EQUAL(understudy_socket(-1, 0, 0, "192.0.2.1"), -EADDRNOTAVAIL);
	CHECK(understudy_socket(-1, 0, 0, "::1") < 0); /* families do not fit */
	CHECK(understudy_socket(INT_MAX, 0, 0, "") < 0);
	six = understudy_socket(-1, 1, 0, "");
	CHECK(six >= 0 && (fcntl(six, F_GETFD) & FD_CLOEXEC) && (fcntl(six, F_GETFL) & O_NONBLOCK));
	EQUAL(understudy_close_fd(six), 0);

	EQUAL(understudy_socket_as(-1, 0, "no address", port), -EINVAL);
	EQUAL(understudy_socket_as(-1, 0, endless, port), -EINVAL);
	EQUAL(understudy_socket_as(-1, 0, "", port), -EINVAL);
	CHECK(understudy_socket_as(INT_MAX, 0, "127.0.0.1", port) < 0);
	free(endless);
}

static void questions(void)
{
	uint8_t *room = malloc(16), cookie[8];
	char *endless = long_string(100000);

	for (int capacity = -1; capacity <= 9; capacity++) {
		room[0] = 0x55;
		CHECK(understudy_source_address(-1, "127.0.0.1", room, capacity) < 0);
		if (capacity <= 0)
			EQUAL(room[0], 0x55);
	}
	EQUAL(understudy_source_address(-1, "127.0.0.1", room, 10), 9);
	CHECK(!strcmp((char *)room, "127.0.0.1"));
	EQUAL(understudy_source_address(-1, "", room, 16), -EINVAL);
	EQUAL(understudy_source_address(-1, endless, room, 16), -EINVAL);
	CHECK(understudy_source_address(INT_MAX, "127.0.0.1", room, 16) < 0);

	EQUAL(understudy_read_proc_net(-1, "dev", room, 0), 0);
	EQUAL(understudy_read_proc_net(-1, "dev", room, -1), 0);
	EQUAL(understudy_read_proc_net(-1, "dev", room, 1), 1);
	EQUAL(understudy_read_proc_net(-1, "dev", room, 16), 16);
	EQUAL(understudy_read_proc_net(-1, "../mounts", room, 16), -EINVAL);
	EQUAL(understudy_read_proc_net(-1, endless, room, 16), -EINVAL);
	EQUAL(understudy_read_proc_net(-1, "none", room, 16), -ENOENT);
	EQUAL(understudy_read_proc_net(-1, "", room, 16), -EISDIR);
	EQUAL(understudy_read_proc_net(-1, "..", room, 16), -EISDIR);

	CHECK(understudy_netns_cookie(INT_MAX, cookie) < 0);
	CHECK(understudy_open_netns(endless) < 0);
	EQUAL(understudy_open_netns("/there/is/none"), -ENOENT);
	CHECK(understudy_mount_bpffs("/there/is/none") < 0);
	free(room);
	free(endless);
}

int main(void)
{
	sockets();
	questions();
	return report("sockets");
}
