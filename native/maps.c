// SPDX-License-Identifier: Apache-2.0
/* maps.c - reading and writing maps, and draining the events ring. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "handle.h"
#include "netns.h"
#include "shim.h"

#define RECORD_BYTES 152 /* struct connection_event */

#define MAX_SPAN 16384

/* Where the ring's callback writes; only set during understudy_poll. */
struct drain {
	uint8_t *buffer;
	int capacity;
	int count;
};
static struct drain drain;

int understudy_keep_event(void *context, void *data, size_t size)
{
	struct drain *into = context;

	if (size < RECORD_BYTES)
		return 0;
	memcpy(into->buffer + (size_t)into->count * RECORD_BYTES, data, RECORD_BYTES);
	into->count++;
	/* libbpf has consumed this record already; an error only stops it from taking the next. */
	return (into->count + 1) * RECORD_BYTES > into->capacity ? -ENOSPC : 0;
}

void *understudy_drain(void)
{
	return &drain;
}

int understudy_pin_map(int32_t number, const char *map, const char *path)
{
	int fd = understudy_find_map(number, map);

	if (fd < 0)
		return fd;
	return bpf_obj_pin(fd, path) ? -errno : 0;
}

int understudy_map_update(int32_t number, const char *map, const uint8_t *key, const uint8_t *value)
{
	int fd = understudy_find_map(number, map);

	if (fd < 0)
		return fd;
	return bpf_map_update_elem(fd, key, value, BPF_ANY) ? -errno : 0;
}

int understudy_map_delete(int32_t number, const char *map, const uint8_t *key)
{
	int fd = understudy_find_map(number, map);

	if (fd < 0)
		return fd;
	return bpf_map_delete_elem(fd, key) ? -errno : 0;
}

int understudy_map_lookup(int32_t number, const char *map, const uint8_t *key, uint8_t *buffer, int32_t capacity)
{
	int fd = understudy_find_map(number, map);
	struct bpf_map *found;

	if (fd < 0)
		return fd;
	found = bpf_object__find_map_by_name(understudy_find(number)->object, map);
	/* A per-CPU map would write one value for each processor. */
	if (bpf_map__type(found) == BPF_MAP_TYPE_PERCPU_ARRAY || bpf_map__type(found) == BPF_MAP_TYPE_PERCPU_HASH ||
	    bpf_map__type(found) == BPF_MAP_TYPE_LRU_PERCPU_HASH || capacity < (int32_t)bpf_map__value_size(found))
		return -EINVAL;
	if (!bpf_map_lookup_elem(fd, key, buffer))
		return 1;
	return errno == ENOENT ? 0 : -errno;
}

/* All entries of an array are there at all times: those count that begin with an owner, a uint64 that is not 0. */
static int count_owned(int fd, const struct bpf_map_info *info)
{
	uint32_t keys = info->max_entries, token = 0;
	uint32_t *key = calloc(keys, sizeof(*key));
	uint8_t *values = calloc(keys, info->value_size);
	int count = key && values ? 0 : -ENOMEM;

	if (!count && bpf_map_lookup_batch(fd, NULL, &token, key, values, &keys, NULL) && errno != ENOENT)
		count = -errno;
	for (uint32_t i = 0; count >= 0 && i < keys; i++) {
		uint64_t owner;

		memcpy(&owner, values + (size_t)i * info->value_size, sizeof(owner));
		count += owner != 0;
	}
	free(key);
	free(values);
	return count;
}

int understudy_map_entries(int32_t number, const char *map)
{
	int fd = understudy_find_map(number, map);
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);
	uint8_t key[64], next[64];
	int count = 0;
	void *previous = NULL;

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	if (info.type == BPF_MAP_TYPE_ARRAY)
		return info.value_size % 8 ? -EINVAL : count_owned(fd, &info);
	/* A map that changes meanwhile may restart the walk: the bound ends it. */
	while (count < 1 << 20 && !bpf_map_get_next_key(fd, previous, next)) {
		memcpy(key, next, sizeof(key));
		previous = key;
		count++;
	}
	return count;
}

int understudy_map_capacity(int32_t number, const char *map)
{
	int fd = understudy_find_map(number, map);
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);

	if (fd < 0)
		return fd;
	return bpf_obj_get_info_by_fd(fd, &info, &size) ? -errno : (int)info.max_entries;
}

int understudy_map_list(int32_t number, const char *map, uint8_t *buffer, int32_t capacity)
{
	int fd = understudy_find_map(number, map);
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);
	uint8_t key[64];
	void *previous = NULL;
	int count = 0;

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	if ((info.type != BPF_MAP_TYPE_HASH && info.type != BPF_MAP_TYPE_LRU_HASH &&
	     info.type != BPF_MAP_TYPE_LPM_TRIE) ||
	    info.key_size > sizeof(key))
		return -EINVAL;
	for (;;) {
		uint8_t *entry = buffer + (size_t)count * (info.key_size + info.value_size);

		if (bpf_map_get_next_key(fd, previous, key))
			return errno == ENOENT ? count : -errno;
		if ((int64_t)(count + 1) * (info.key_size + info.value_size) > capacity)
			return -ENOSPC;
		memcpy(entry, key, info.key_size);
		previous = entry;
		/* An entry that was deleted meanwhile: the walk goes on behind it, or from the start. */
		if (!bpf_map_lookup_elem(fd, key, entry + info.key_size))
			count++;
		else if (errno != ENOENT)
			return -errno;
	}
}

int understudy_map_owned(int32_t number, const char *map, uint32_t from, uint32_t span, uint8_t *buffer,
			 int32_t capacity)
{
	int fd = understudy_find_map(number, map), count = 0;
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info), next = 0, before = from - 1, keys = span;
	uint32_t *key;

	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	if (info.type != BPF_MAP_TYPE_ARRAY || info.value_size % 8 || !span || span > MAX_SPAN ||
	    from >= info.max_entries || (int64_t)span * info.value_size > capacity)
		return -EINVAL;
	key = calloc(span, sizeof(*key));
	if (!key)
		return -ENOMEM;
	if (bpf_map_lookup_batch(fd, from ? &before : NULL, &next, key, buffer, &keys, NULL) && errno != ENOENT)
		count = -errno;
	free(key);
	for (uint32_t i = 0; count >= 0 && i < keys; i++) {
		const uint8_t *value = buffer + (size_t)i * info.value_size;
		uint64_t owner;

		memcpy(&owner, value, sizeof(owner));
		if (owner)
			memmove(buffer + (size_t)count++ * info.value_size, value, info.value_size);
	}
	return count;
}

int understudy_counters(int32_t number, uint8_t *buffer, int32_t capacity)
{
	int fd = understudy_find_map(number, "counters");
	int cpus = libbpf_num_possible_cpus();
	uint64_t *per_cpu;
	uint32_t index = 0;

	if (fd < 0 || cpus < 0)
		return fd < 0 ? fd : cpus;
	per_cpu = calloc(cpus, sizeof(*per_cpu));
	if (!per_cpu)
		return -ENOMEM;
	for (; (int32_t)((index + 1) * 8) <= capacity && !bpf_map_lookup_elem(fd, &index, per_cpu); index++) {
		uint64_t sum = 0;

		for (int cpu = 0; cpu < cpus; cpu++)
			sum += per_cpu[cpu];
		memcpy(buffer + (size_t)index * 8, &sum, 8);
	}
	free(per_cpu);
	return index;
}

int understudy_mark_listener(int32_t number, int32_t fd, uint32_t id)
{
	int map = understudy_find_map(number, "listeners");

	if (map < 0)
		return map;
	return bpf_map_update_elem(map, &fd, &id, BPF_ANY) ? -errno : 0;
}

int understudy_start_listener(int32_t number, int32_t fd, uint32_t id, int32_t backlog)
{
	int error = understudy_mark_listener(number, fd, id), shares = 0;
	socklen_t length = sizeof(shares);

	if (error)
		return error;
	if (getsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &shares, &length) || listen(fd, backlog))
		return -errno;
	/* Only now: a socket with such a program may not begin to listen on a port that another has. */
	return shares ? understudy_prefer_younger(fd) : 0;
}

int understudy_lookup(int32_t number, int32_t fd, uint8_t *buffer)
{
	struct handle *handle = understudy_find(number);
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);

	if (!handle)
		return -EBADF;
	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length))
		return -errno;
	memcpy(buffer, &cookie, sizeof(cookie));
	if (!bpf_map_lookup_elem(handle->orig_dst_fd, &cookie, buffer + sizeof(cookie)))
		return 1;
	if (!bpf_map_lookup_elem(handle->accepted_fd, &fd, buffer + sizeof(cookie)))
		return 2;
	return 0;
}

int understudy_drain_in_turn(int32_t number, const char *folder)
{
	struct handle *handle = understudy_find(number);
	int fd;

	if (!handle)
		return -EBADF;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (handle->drain_lock >= 0)
		close(handle->drain_lock);
	handle->drain_lock = fd;
	return 0;
}

int understudy_poll(int32_t number, uint8_t *buffer, int32_t capacity)
{
	struct handle *handle = understudy_find(number);
	int result;

	if (!handle || !handle->ring)
		return -EBADF;
	if (capacity < RECORD_BYTES)
		return -EINVAL;
	/* The ring has one consumer's position: two at once would read each other's records, or what was overwritten. */
	if (handle->drain_lock >= 0 && flock(handle->drain_lock, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? 0 : -errno;
	drain = (struct drain){ .buffer = buffer, .capacity = capacity };
	result = ring_buffer__consume(handle->ring);
	if (handle->drain_lock >= 0)
		flock(handle->drain_lock, LOCK_UN);
	if (result < 0 && result != -ENOSPC)
		return result;
	return drain.count;
}
