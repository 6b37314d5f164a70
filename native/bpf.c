// SPDX-License-Identifier: Apache-2.0
/* bpf.c - the handle table, and the life of an object: open, load, attach, close. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "handle.h"
#include "shim.h"

#define MAX_HANDLES 160 /* a node: its own programs, and one set for each pod with inbound interception */
#define LOG_CAPACITY 65536

static struct handle *handles[MAX_HANDLES];

/* libbpf logs on the calling thread, which is JavaScript's only one; the oldest text gives way. */
static char log_text[LOG_CAPACITY];
static size_t log_length;

static int keep_log(enum libbpf_print_level level, const char *format, va_list arguments)
{
	char line[4096];
	int length;

	if (level == LIBBPF_DEBUG)
		return 0;
	length = vsnprintf(line, sizeof(line), format, arguments);
	if (length < 0)
		return 0;
	if ((size_t)length >= sizeof(line))
		length = sizeof(line) - 1;
	if (log_length + length > sizeof(log_text)) {
		size_t excess = log_length + length - sizeof(log_text);

		memmove(log_text, log_text + excess, log_length - excess);
		log_length -= excess;
	}
	memcpy(log_text + log_length, line, length);
	log_length += length;
	return length;
}

struct handle *understudy_find(int32_t number)
{
	return number >= 0 && number < MAX_HANDLES ? handles[number] : NULL;
}

int understudy_find_map(int32_t number, const char *name)
{
	struct handle *handle = understudy_find(number);
	struct bpf_map *map = handle ? bpf_object__find_map_by_name(handle->object, name) : NULL;
	int fd;

	if (!handle)
		return -EBADF;
	if (!map)
		return -ENOENT;
	fd = bpf_map__fd(map);
	return fd < 0 ? -EBADF : fd;
}

/* Where a global variable lies in its section; -1 when there is none such. */
static long find_variable(struct bpf_object *object, const char *section, const char *name, uint32_t *size)
{
	const struct btf *btf = bpf_object__btf(object);
	int section_id = btf ? btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC) : -1;
	const struct btf_type *type;

	if (section_id < 0)
		return -1;
	type = btf__type_by_id(btf, section_id);
	for (int i = 0; i < btf_vlen(type); i++) {
		const struct btf_var_secinfo *variable = btf_var_secinfos(type) + i;
		const struct btf_type *declared = btf__type_by_id(btf, variable->type);

		if (strcmp(btf__name_by_offset(btf, declared->name_off), name))
			continue;
		*size = variable->size;
		return variable->offset;
	}
	return -1;
}

/* Maps .bss into memory, shared with the programs (libbpf does so only for skeletons), and finds the heartbeat. */
static int share_variables(struct handle *handle)
{
	struct bpf_map *map = bpf_object__find_map_by_name(handle->object, ".bss");
	uint32_t size = 0;
	long offset = find_variable(handle->object, ".bss", "heartbeat_ns", &size);
	long page = sysconf(_SC_PAGESIZE);

	if (!map || offset < 0 || size != sizeof(uint64_t))
		return -ENOENT;
	handle->shared_size = ((bpf_map__value_size(map) + page - 1) / page) * page;
	handle->shared = mmap(NULL, handle->shared_size, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
	if (handle->shared == MAP_FAILED) {
		handle->shared = NULL;
		return -errno;
	}
	handle->heartbeat = (volatile uint64_t *)((uint8_t *)handle->shared + offset);
	return 0;
}

int understudy_abi(void)
{
	return UNDERSTUDY_ABI;
}

int understudy_take_log(uint8_t *buffer, int32_t capacity)
{
	int length = capacity < (int)log_length ? capacity : (int)log_length;

	if (length <= 0)
		return 0;
	memcpy(buffer, log_text, length);
	memmove(log_text, log_text + length, log_length - length);
	log_length -= length;
	return length;
}

int understudy_open(const char *object_path)
{
	struct handle *handle;
	int number;

	for (number = 0; number < MAX_HANDLES && handles[number]; number++)
		;
	if (number == MAX_HANDLES)
		return -EMFILE;
	libbpf_set_print(keep_log);
	handle = calloc(1, sizeof(*handle));
	if (!handle)
		return -ENOMEM;
	handle->object = bpf_object__open_file(object_path, NULL);
	if (!handle->object) {
		int error = -errno;

		free(handle);
		return error;
	}
	handle->orig_dst_fd = handle->accepted_fd = handle->drain_lock = -1;
	handles[number] = handle;
	return number;
}

int understudy_set_tunable(int32_t number, const char *variable, const uint8_t *value, int32_t length)
{
	struct handle *handle = understudy_find(number);
	struct bpf_map *map = handle ? bpf_object__find_map_by_name(handle->object, ".rodata") : NULL;
	size_t section_size = 0;
	uint32_t size = 0;
	uint8_t *memory;
	long offset;

	if (!handle)
		return -EBADF;
	offset = find_variable(handle->object, ".rodata", variable, &size);
	memory = map ? (uint8_t *)bpf_map__initial_value(map, &section_size) : NULL;
	if (offset < 0 || !memory || (size_t)offset + size > section_size)
		return -ENOENT;
	if ((uint32_t)length != size)
		return -EINVAL;
	memcpy(memory + offset, value, size);
	return 0;
}

int understudy_set_capacity(int32_t number, const char *name, uint32_t entries)
{
	struct handle *handle = understudy_find(number);
	struct bpf_map *map = handle ? bpf_object__find_map_by_name(handle->object, name) : NULL;

	if (!handle)
		return -EBADF;
	return map ? bpf_map__set_max_entries(map, entries) : -ENOENT;
}

int understudy_load(int32_t number)
{
	struct handle *handle = understudy_find(number);
	sigset_t all, before;
	int error;

	if (!handle)
		return -EBADF;
	/* The verifier gives up with EAGAIN when a signal is pending, and a profiler sends them faster than it works. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = bpf_object__load(handle->object);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		return error;
	handle->orig_dst_fd = understudy_find_map(number, "orig_dst");
	handle->accepted_fd = understudy_find_map(number, "accepted");
	if (handle->orig_dst_fd < 0 || handle->accepted_fd < 0)
		return -ENOENT;
	error = share_variables(handle);
	if (error)
		return error;
	/* inbound.bpf.o reports no connections. */
	if (!bpf_object__find_map_by_name(handle->object, "events")) {
		malloc_trim(0);
		return 0;
	}
	handle->ring = ring_buffer__new(understudy_find_map(number, "events"), understudy_keep_event,
					understudy_drain(), NULL);
	error = handle->ring ? 0 : -errno;
	/* Parsing the kernel's BTF took tens of megabytes that nobody needs any more. */
	malloc_trim(0);
	return error;
}

int understudy_attach(int32_t number, const char *name, const char *cgroup_path)
{
	struct handle *handle = understudy_find(number);
	struct bpf_program *program = handle ? bpf_object__find_program_by_name(handle->object, name) : NULL;
	struct bpf_link *link;
	int cgroup;

	if (!handle)
		return -EBADF;
	if (!program)
		return -ENOENT;
	if (handle->link_count == MAX_CGROUP_LINKS)
		return -ENOSPC;
	cgroup = open(cgroup_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup < 0)
		return -errno;
	link = bpf_program__attach_cgroup(program, cgroup);
	if (!link) {
		int error = -errno;

		close(cgroup);
		return error;
	}
	close(cgroup);
	handle->links[handle->link_count++] = link;
	return 0;
}

int understudy_close(int32_t number)
{
	struct handle *handle = understudy_find(number);

	if (!handle)
		return -EBADF;
	for (int i = 0; i < handle->link_count; i++)
		bpf_link__destroy(handle->links[i]);
	understudy_detach_all(handle);
	understudy_let_go_of_links(handle);
	if (handle->drain_lock >= 0)
		close(handle->drain_lock);
	understudy_stop_heartbeat(handle);
	if (handle->shared)
		munmap(handle->shared, handle->shared_size);
	ring_buffer__free(handle->ring);
	bpf_object__close(handle->object);
	free(handle);
	handles[number] = NULL;
	return 0;
}

int understudy_mount_bpffs(const char *path)
{
	return mount("bpf", path, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") ? -errno : 0;
}

int understudy_probe_program(int32_t program_type)
{
	libbpf_set_print(keep_log);
	return libbpf_probe_bpf_prog_type(program_type, NULL);
}

int understudy_probe_map(int32_t map_type)
{
	libbpf_set_print(keep_log);
	return libbpf_probe_bpf_map_type(map_type, NULL);
}

int understudy_probe_helper(int32_t program_type, int32_t helper)
{
	libbpf_set_print(keep_log);
	return libbpf_probe_bpf_helper(program_type, helper, NULL);
}
