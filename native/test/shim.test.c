// SPDX-License-Identifier: Apache-2.0
/*
 * shim.test.c OBJECT NO_BTF_OBJECT - misuse of the shim: use after close, double close, wrong files, a full table, tiny
 * buffers, hostile strings. Built with the sanitizers; "-" stands for an object that is not built. What needs root is
 * left out without it, and said so.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "long-string.h"
#include "shim.h"

#define HANDLES 160

static const char *object;
static const char *object_without_btf;
static char folder[] = "/tmp/understudy-native-XXXXXX";
static char path[128];

static const char *in_folder(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const void *bytes, size_t length)
{
	int fd = open(in_folder(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 && write(fd, bytes, length) == (ssize_t)length);
	close(fd);
}

/* Everything that takes a handle, with a number that is none. */
static void refuses(int32_t handle)
{
	uint8_t bytes[256] = { 0 };

	EQUAL(understudy_set_tunable(handle, "agent_mark", bytes, 4), -EBADF);
	EQUAL(understudy_set_capacity(handle, "orig_dst", 16), -EBADF);
	EQUAL(understudy_load(handle), -EBADF);
	EQUAL(understudy_attach(handle, "follow_sockets", "/tmp"), -EBADF);
	EQUAL(understudy_pin_map(handle, "orig_dst", "/tmp/none"), -EBADF);
	EQUAL(understudy_map_update(handle, "policies", bytes, bytes), -EBADF);
	EQUAL(understudy_map_delete(handle, "policies", bytes), -EBADF);
	EQUAL(understudy_map_lookup(handle, "policies", bytes, bytes, sizeof(bytes)), -EBADF);
	EQUAL(understudy_map_entries(handle, "policies"), -EBADF);
	EQUAL(understudy_map_capacity(handle, "policies"), -EBADF);
	EQUAL(understudy_map_list(handle, "policies", bytes, sizeof(bytes)), -EBADF);
	EQUAL(understudy_map_owned(handle, "client_slots", 0, 1, bytes, sizeof(bytes)), -EBADF);
	EQUAL(understudy_drain_in_turn(handle, "/tmp"), -EBADF);
	EQUAL(understudy_attach_node(handle, "follow_sockets", "/tmp", ""), -EBADF);
	EQUAL(understudy_link_state(handle, "follow_sockets", "", bytes), -EBADF);
	EQUAL(understudy_attached(handle, "follow_sockets", "/tmp", 0, bytes, sizeof(bytes)), -EBADF);
	EQUAL(understudy_program_cost(handle, "follow_sockets", bytes), -EBADF);
	EQUAL(understudy_counters(handle, bytes, sizeof(bytes)), -EBADF);
	EQUAL(understudy_mark_listener(handle, 0, 1), -EBADF);
	EQUAL(understudy_start_listener(handle, 0, 1, 1), -EBADF);
	EQUAL(understudy_lookup(handle, 0, bytes), -EBADF);
	EQUAL(understudy_poll(handle, bytes, sizeof(bytes)), -EBADF);
	EQUAL(understudy_start_heartbeat(handle, 1000, 5000), -EBADF);
	EQUAL(understudy_tick(handle), -EBADF);
	EQUAL(understudy_heartbeat_age(handle), -EBADF);
	EQUAL(understudy_close(handle), -EBADF);
}

static void numbers_that_are_no_handle(void)
{
	const int32_t numbers[] = { -1, 0, HANDLES - 1, HANDLES, INT_MAX, INT_MIN };

	EQUAL(understudy_abi(), UNDERSTUDY_ABI);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		refuses(numbers[i]);
}

static void files_that_are_no_object(void)
{
	char *endless = long_string(PATH_MAX + 100);
	char start[300] = { 0 };
	int fd = open(object, O_RDONLY);

	EQUAL(understudy_open("/there/is/none"), -ENOENT);
	CHECK(understudy_open("") < 0);
	CHECK(understudy_open("/") < 0);
	CHECK(understudy_open("/dev/null") < 0);
	CHECK(understudy_open("/proc/self/exe") < 0); /* ELF, but of another machine */
	CHECK(understudy_open(endless) < 0);
	write_file("text", "not an object\n", 14);
	CHECK(understudy_open(path) < 0);
	if (fd >= 0) {
		CHECK(read(fd, start, sizeof(start)) == sizeof(start));
		write_file("cut", start, sizeof(start));
		CHECK(understudy_open(path) < 0);
		close(fd);
	}
	free(endless);
	refuses(0); /* none of them took a place */
}

static void log_of_libbpf(void)
{
	static uint8_t text[100000];
	uint8_t tiny[4] = { 1, 2, 3, 4 };
	int length;

	for (int i = 0; i < 3000; i++)
		understudy_open("/there/is/none/of/that/name/and/libbpf/says/so/each/time");
	EQUAL(understudy_take_log(tiny, 0), 0);
	EQUAL(understudy_take_log(tiny, -1), 0);
	EQUAL(tiny[0], 1);
	EQUAL(understudy_take_log(tiny, 3), 3);
	EQUAL(tiny[3], 4);
	length = understudy_take_log(text, sizeof(text));
	CHECK(length > 1000 && length <= 65536);
	EQUAL(text[length - 1], '\n'); /* the newest is kept */
	EQUAL(understudy_take_log(text, sizeof(text)), 0);
}

static void a_full_table(void)
{
	int handles[HANDLES];

	for (int i = 0; i < HANDLES; i++) {
		handles[i] = understudy_open(object);
		EQUAL(handles[i], i);
	}
	EQUAL(understudy_open(object), -EMFILE);
	EQUAL(understudy_close(handles[7]), 0);
	refuses(handles[7]);
	EQUAL(understudy_open(object), 7);
	for (int i = 0; i < HANDLES; i++) {
		EQUAL(understudy_close(handles[i]), 0);
		EQUAL(understudy_close(handles[i]), -EBADF);
	}
}

static void before_it_is_loaded(void)
{
	int handle = understudy_open(object);
	char *endless = long_string(100000);
	uint8_t bytes[256] = { 0 };

	EQUAL(understudy_set_tunable(handle, "agent_mark", bytes, 4), 0);
	EQUAL(understudy_set_tunable(handle, "agent_mark", bytes, 3), -EINVAL);
	EQUAL(understudy_set_tunable(handle, "agent_mark", bytes, 0), -EINVAL);
	EQUAL(understudy_set_tunable(handle, "agent_mark", bytes, -4), -EINVAL);
	EQUAL(understudy_set_tunable(handle, "heartbeat_ns", bytes, 8), -ENOENT); /* not a constant */
	EQUAL(understudy_set_tunable(handle, "", bytes, 0), -ENOENT);
	EQUAL(understudy_set_tunable(handle, "%n%s", bytes, 4), -ENOENT);
	EQUAL(understudy_set_tunable(handle, endless, bytes, 4), -ENOENT);
	EQUAL(understudy_set_capacity(handle, "orig_dst", 16), 0);
	EQUAL(understudy_set_capacity(handle, "no such map", 16), -ENOENT);
	EQUAL(understudy_set_capacity(handle, endless, 16), -ENOENT);
	CHECK(understudy_attach(handle, "follow_sockets", "/tmp") < 0);
	EQUAL(understudy_attach(handle, "no such program", "/tmp"), -ENOENT);
	CHECK(understudy_map_update(handle, "policies", bytes, bytes) < 0);
	EQUAL(understudy_map_update(handle, "no such map", bytes, bytes), -ENOENT);
	CHECK(understudy_map_entries(handle, "policies") < 0);
	CHECK(understudy_map_capacity(handle, "policies") < 0);
	CHECK(understudy_map_list(handle, "policies", bytes, sizeof(bytes)) < 0);
	CHECK(understudy_map_owned(handle, "client_slots", 0, 1, bytes, sizeof(bytes)) < 0);
	CHECK(understudy_attach_node(handle, "follow_sockets", "/tmp", "") < 0);
	EQUAL(understudy_attach_node(handle, "no such program", "/tmp", ""), -ENOENT);
	CHECK(understudy_link_state(handle, "follow_sockets", "", bytes) < 0);
	CHECK(understudy_program_cost(handle, "follow_sockets", bytes) < 0);
	CHECK(understudy_map_lookup(handle, "policies", bytes, bytes, sizeof(bytes)) < 0);
	CHECK(understudy_counters(handle, bytes, sizeof(bytes)) < 0);
	CHECK(understudy_mark_listener(handle, 0, 1) < 0);
	CHECK(understudy_pin_map(handle, "orig_dst", "/tmp/none") < 0);
	EQUAL(understudy_poll(handle, bytes, sizeof(bytes)), -EBADF);
	EQUAL(understudy_start_heartbeat(handle, 1000, 5000), -EBADF);
	EQUAL(understudy_heartbeat_age(handle), -EBADF);
	EQUAL(understudy_tick(handle), 0);
	free(endless);
	EQUAL(understudy_close(handle), 0);
	refuses(handle);
}

static void an_object_without_btf(void)
{
	int handle = understudy_open(object_without_btf);
	uint8_t bytes[8] = { 0 };

	CHECK(handle >= 0);
	CHECK(understudy_set_tunable(handle, "agent_mark", bytes, 4) < 0);
	EQUAL(understudy_set_capacity(handle, "orig_dst", 16), -ENOENT);
	CHECK(understudy_load(handle) < 0);
	EQUAL(understudy_close(handle), 0);
}

/* Every buffer here is exactly as large as it is said to be. */
static void lists(int handle)
{
	uint8_t key[8] = { 0 }, policy[116] = { 7 };
	uint8_t *three = malloc(3 * 124), *span = malloc(4 * 112);

	EQUAL(understudy_map_capacity(handle, "policies"), 1024);
	EQUAL(understudy_map_capacity(handle, "no such map"), -ENOENT);
	EQUAL(understudy_map_list(handle, "policies", three, 0), 0);
	for (key[0] = 1; key[0] <= 3; key[0]++)
		EQUAL(understudy_map_update(handle, "policies", key, policy), 0);
	for (int capacity = -1; capacity < 3 * 124; capacity += 53)
		EQUAL(understudy_map_list(handle, "policies", three, capacity), -ENOSPC);
	EQUAL(understudy_map_list(handle, "policies", three, 3 * 124), 3);
	EQUAL(three[0] + three[124] + three[248], 6);
	EQUAL(understudy_map_list(handle, "client_slots", three, 3 * 124), -EINVAL);
	EQUAL(understudy_map_list(handle, "counters", three, 3 * 124), -EINVAL);
	for (key[0] = 1; key[0] <= 3; key[0]++)
		EQUAL(understudy_map_delete(handle, "policies", key), 0);

	EQUAL(understudy_map_owned(handle, "client_slots", 0, 4, span, 4 * 112), 0);
	EQUAL(understudy_map_owned(handle, "client_slots", 16380, 4, span, 4 * 112), 0);
	EQUAL(understudy_map_owned(handle, "client_slots", 16383, 4, span, 4 * 112), 0);
	EQUAL(understudy_map_owned(handle, "client_slots", 16384, 4, span, 4 * 112), -EINVAL);
	EQUAL(understudy_map_owned(handle, "client_slots", UINT32_MAX, 4, span, 4 * 112), -EINVAL);
	EQUAL(understudy_map_owned(handle, "client_slots", 0, 0, span, 4 * 112), -EINVAL);
	EQUAL(understudy_map_owned(handle, "client_slots", 0, UINT32_MAX, span, INT_MAX), -EINVAL);
	EQUAL(understudy_map_owned(handle, "client_slots", 0, 4, span, 4 * 112 - 1), -EINVAL);
	EQUAL(understudy_map_owned(handle, "client_slots", 0, 4, span, -1), -EINVAL);
	EQUAL(understudy_map_owned(handle, "policies", 0, 4, span, 4 * 112), -EINVAL);
	free(three);
	free(span);
}

static void hooks_of_a_node(int handle)
{
	uint8_t cgroup[8], *flags = malloc(4), *name = malloc(16), *cost = malloc(16);
	char *endless = long_string(100000);
	int id = understudy_program_id(handle, "follow_sockets"), fd;

	EQUAL(understudy_attach_node(handle, "follow_sockets", "/there/is/none", ""), -ENOENT);
	CHECK(understudy_attach_node(handle, "follow_sockets", "/tmp", "") < 0);
	CHECK(understudy_attach_node(handle, "follow_sockets", endless, endless) < 0);
	EQUAL(understudy_attach_node(handle, endless, "/tmp", ""), -ENOENT);
	EQUAL(understudy_link_state(handle, "follow_sockets", "", cgroup), UNDERSTUDY_LINK_MISSING);
	EQUAL(understudy_link_state(handle, "follow_sockets", "/there/is/none", cgroup), UNDERSTUDY_LINK_MISSING);
	CHECK(understudy_link_state(handle, "follow_sockets", endless, cgroup) < 0);
	EQUAL(understudy_attached(handle, "follow_sockets", "/tmp", 0, flags, 3), -EINVAL);
	CHECK(understudy_attached(handle, "follow_sockets", "/tmp", 0, flags, 4) < 0);
	EQUAL(understudy_cgroup_id("/there/is/none", cgroup), -ENOENT);
	EQUAL(understudy_cgroup_id("/tmp", cgroup), 0);
	EQUAL(understudy_program_name(id, name, 16), 14);
	CHECK(!memcmp(name, "follow_sockets", 14));
	EQUAL(understudy_program_name(id, name, 13), -EINVAL);
	EQUAL(understudy_program_name(UINT32_MAX, name, 16), -ENOENT);
	EQUAL(understudy_program_cost(handle, "no such program", cost), -ENOENT);
	EQUAL(understudy_program_cost(handle, "follow_sockets", cost), 0);
	fd = understudy_enable_stats();
	CHECK(fd >= 0);
	EQUAL(understudy_close_fd(fd), 0);

	EQUAL(understudy_drain_in_turn(handle, "/there/is/none"), -ENOENT);
	EQUAL(understudy_drain_in_turn(handle, folder), 0);
	EQUAL(understudy_drain_in_turn(handle, folder), 0);
	fd = understudy_lock_folder(folder);
	CHECK(fd >= 0);
	EQUAL(understudy_lock_folder(folder), -EWOULDBLOCK);
	EQUAL(understudy_close_fd(fd), 0);
	EQUAL(understudy_lock_folder("/there/is/none"), -ENOENT);
	free(endless);
	free(flags);
	free(name);
	free(cost);
}

static void loaded(void)
{
	int handle = understudy_open(object);
	int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
	/* exactly as large as asked for, so that one byte more is seen */
	uint8_t *room = malloc(UNDERSTUDY_LOOKUP_BYTES), *tiny = malloc(7), *counters = malloc(20 * 8);
	uint8_t key[8] = { 1 }, policy[116] = { 7 };
	uint8_t *exact = malloc(sizeof(policy));

	EQUAL(understudy_load(handle), 0);
	CHECK(understudy_load(handle) < 0);
	CHECK(understudy_set_capacity(handle, "orig_dst", 32) < 0);
	EQUAL(understudy_attach(handle, "follow_sockets", "/there/is/none"), -ENOENT);
	CHECK(understudy_attach(handle, "follow_sockets", "/etc/passwd") < 0);
	CHECK(understudy_attach(handle, "follow_sockets", "/tmp") < 0);
	CHECK(understudy_pin_map(handle, "orig_dst", "/tmp/not-a-bpffs") < 0);

	EQUAL(understudy_map_entries(handle, "policies"), 0);
	EQUAL(understudy_map_delete(handle, "policies", key), -ENOENT);
	EQUAL(understudy_map_update(handle, "policies", key, policy), 0);
	EQUAL(understudy_map_entries(handle, "policies"), 1);
	for (int capacity = -1; capacity < (int)sizeof(policy); capacity++)
		EQUAL(understudy_map_lookup(handle, "policies", key, tiny, capacity), -EINVAL);
	EQUAL(understudy_map_lookup(handle, "policies", key, exact, sizeof(policy)), 1);
	CHECK(!memcmp(exact, policy, sizeof(policy)));
	EQUAL(understudy_map_lookup(handle, "counters", key, exact, sizeof(policy)), -EINVAL);
	EQUAL(understudy_map_lookup(handle, "no such map", key, exact, sizeof(policy)), -ENOENT);
	EQUAL(understudy_map_delete(handle, "policies", key), 0);
	EQUAL(understudy_map_lookup(handle, "policies", key, exact, sizeof(policy)), 0);
	EQUAL(understudy_map_entries(handle, "policies"), 0);

	lists(handle);
	hooks_of_a_node(handle);
	EQUAL(understudy_counters(handle, tiny, 0), 0);
	EQUAL(understudy_counters(handle, tiny, 7), 0);
	EQUAL(understudy_counters(handle, counters, 20 * 8), 20);
	EQUAL(understudy_poll(handle, tiny, 7), -EINVAL);
	EQUAL(understudy_poll(handle, tiny, -1), -EINVAL);
	EQUAL(understudy_poll(handle, counters, 20 * 8), 0);

	CHECK(understudy_lookup(handle, -1, room) == -EBADF);
	CHECK(understudy_lookup(handle, 0, room) <= 0); /* stdin: not a socket, or not ours */
	EQUAL(understudy_lookup(handle, socket_fd, room), 0);
	EQUAL(understudy_mark_listener(handle, socket_fd, 7), 0);
	CHECK(understudy_mark_listener(handle, -1, 7) < 0);

	CHECK(understudy_heartbeat_age(handle) >= 0); /* the machine's age, however old */
	EQUAL(understudy_start_heartbeat(handle, 1, 1000), 0);
	EQUAL(understudy_start_heartbeat(handle, 1, 1000), -EALREADY);
	for (int i = 0; i < 20000; i++) {
		int age = understudy_heartbeat_age(handle);

		if (age < 0 || age > 60000 || understudy_tick(handle))
			CHECK(!"the age of a living heartbeat is out of bounds");
	}
	EQUAL(understudy_close(handle), 0); /* while it beats */
	refuses(handle);
	close(socket_fd);
	free(exact);
	free(room);
	free(tiny);
	free(counters);
}

static void locks(void)
{
	int first, linked;

	CHECK(!symlink("/etc/passwd", in_folder("link")));
	linked = understudy_lock(path);
	EQUAL(linked, -ELOOP);
	first = understudy_lock(in_folder("lock"));
	CHECK(first >= 0);
	EQUAL(understudy_lock(path), -EWOULDBLOCK);
	EQUAL(understudy_close_fd(first), 0);
	first = understudy_lock(path);
	CHECK(first >= 0);
	EQUAL(understudy_close_fd(first), 0);
	EQUAL(understudy_lock(folder), -EISDIR);
	EQUAL(understudy_lock(""), -ENOENT);
}

static void clean(void)
{
	const char *names[] = { "text", "cut", "link", "lock" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_folder(names[i]));
	rmdir(folder);
}

int main(int count, char **arguments)
{
	object = count > 1 ? arguments[1] : "-";
	object_without_btf = count > 2 ? arguments[2] : "-";
	if (!mkdtemp(folder))
		return 1;
	numbers_that_are_no_handle();
	files_that_are_no_object();
	log_of_libbpf();
	locks();
	if (strcmp(object, "-")) {
		a_full_table();
		before_it_is_loaded();
	} else {
		puts("left out: what needs the BPF object, which is not built");
	}
	if (strcmp(object_without_btf, "-"))
		an_object_without_btf();
	else
		puts("left out: an object without BTF, which needs clang");
	if (strcmp(object, "-") && geteuid() == 0)
		loaded();
	else
		puts("left out: what needs root");
	clean();
	/* A handle is left open with its heartbeat: the process must end all the same. */
	if (strcmp(object, "-") && geteuid() == 0 && understudy_load(understudy_open(object)) == 0)
		EQUAL(understudy_start_heartbeat(0, 1, 1000), 0);
	return report("shim");
}
