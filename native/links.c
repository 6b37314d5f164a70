// SPDX-License-Identifier: Apache-2.0
/* links.c - a node's programs on a cgroup: links that are pinned, taken over in place and watched, and what they cost. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "handle.h"
#include "shim.h"

#define MAX_QUERIED 64 /* the kernel allows as many programs of one type on a cgroup */

static struct bpf_program *find_program(int32_t number, const char *name, int *error)
{
	struct handle *handle = understudy_find(number);
	struct bpf_program *program = handle ? bpf_object__find_program_by_name(handle->object, name) : NULL;

	*error = handle ? -ENOENT : -EBADF;
	return program;
}

static struct node_link *held_link(struct handle *handle, const char *program)
{
	for (int i = 0; i < MAX_NODE_LINKS; i++)
		if (handle->node_links[i].program[0] && !strcmp(handle->node_links[i].program, program))
			return &handle->node_links[i];
	return NULL;
}

static struct node_link *free_link(struct handle *handle)
{
	for (int i = 0; i < MAX_NODE_LINKS; i++)
		if (!handle->node_links[i].program[0])
			return &handle->node_links[i];
	return NULL;
}

/* Keeps fd as this program's link in the place of what was held, which ends unless it is pinned. */
static int hold(struct handle *handle, const char *program, int fd)
{
	struct node_link *place = held_link(handle, program);

	if (place) {
		if (place->fd != fd)
			close(place->fd);
	} else {
		place = free_link(handle);
		if (!place)
			return -ENOSPC;
		snprintf(place->program, sizeof(place->program), "%s", program);
	}
	place->fd = fd;
	return 0;
}

void understudy_let_go_of_links(struct handle *handle)
{
	for (int i = 0; i < MAX_NODE_LINKS; i++) {
		if (handle->node_links[i].program[0])
			close(handle->node_links[i].fd);
		handle->node_links[i].program[0] = 0;
	}
}

/* The cgroup2 id of a folder, which is its inode number (kernfs, 5.5), as links and programs show it. */
static int cgroup_id(int fd, uint64_t *id)
{
	struct stat status;

	if (fstat(fd, &status))
		return -errno;
	*id = status.st_ino;
	return 0;
}

/* -EINVAL: something else than a cgroup link. Of a link whose cgroup is gone the cgroup's id is 0. */
static int link_info(int fd, struct bpf_link_info *info)
{
	uint32_t size = sizeof(*info);

	memset(info, 0, sizeof(*info));
	if (bpf_obj_get_info_by_fd(fd, info, &size))
		return -errno;
	return info->type == BPF_LINK_TYPE_CGROUP ? 0 : -EINVAL;
}

static int is_alive_on(int fd, uint64_t cgroup)
{
	struct bpf_link_info info;

	return fd >= 0 && !link_info(fd, &info) && info.cgroup.cgroup_id == cgroup;
}

/* A pin may be a map, or a program, that somebody put in the place of ours: it is no link then, and is replaced. */
static int pinned_link(const char *pin)
{
	int fd;

	if (!pin[0])
		return -ENOENT; /* errno says nothing here: as 0 it would be taken for a descriptor, and closed */
	fd = bpf_obj_get(pin);
	return fd < 0 ? -errno : fd;
}

/* Puts fd where the pin is to be, in the place of what is there. */
static int pin_link(int fd, const char *pin)
{
	if (!pin[0] || !bpf_obj_pin(fd, pin))
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (unlink(pin))
		return -errno;
	return bpf_obj_pin(fd, pin) ? -errno : 0;
}

/* A link of our own, pinned over whatever there was. */
static int make_link(struct handle *handle, struct bpf_program *program, int cgroup, const char *pin)
{
	const char *name = bpf_program__name(program);
	int error, fd = bpf_link_create(bpf_program__fd(program), cgroup, bpf_program__expected_attach_type(program),
					NULL);

	if (fd < 0)
		return -errno;
	error = pin_link(fd, pin);
	if (!error)
		error = hold(handle, name, fd);
	if (error)
		close(fd);
	return error ? error : UNDERSTUDY_LINK_MADE;
}

/* Has a link that is alive run our program, without a gap; it is held from then on. */
static int take_over(struct handle *handle, struct bpf_program *program, int fd)
{
	/* ENOLINK: its cgroup went in between; EINVAL: a link of another kind of program. */
	if (bpf_link_update(fd, bpf_program__fd(program), NULL))
		return -errno;
	return hold(handle, bpf_program__name(program), fd);
}

static int attach_at(struct handle *handle, struct bpf_program *program, int cgroup, const char *pin)
{
	struct node_link *held = held_link(handle, bpf_program__name(program));
	int error, pinned;
	uint64_t id;

	error = cgroup_id(cgroup, &id);
	if (error)
		return error;
	pinned = pinned_link(pin);
	if (is_alive_on(pinned, id) && !take_over(handle, program, pinned))
		return UNDERSTUDY_LINK_UPDATED;
	if (pinned >= 0)
		close(pinned);
	/* Unpinned, or pinned over, behind our back. Never a second link beside it: both would run. */
	if (held && is_alive_on(held->fd, id) && !take_over(handle, program, held->fd)) {
		error = pin_link(held->fd, pin);
		return error ? error : UNDERSTUDY_LINK_PINNED;
	}
	return make_link(handle, program, cgroup, pin);
}

int understudy_attach_node(int32_t number, const char *name, const char *cgroup_path, const char *pin)
{
	int error, cgroup;
	struct bpf_program *program = find_program(number, name, &error);

	if (!program)
		return error;
	if (bpf_program__fd(program) < 0 || strlen(name) >= sizeof(((struct node_link *)0)->program))
		return -EINVAL;
	cgroup = open(cgroup_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup < 0)
		return -errno;
	error = attach_at(understudy_find(number), program, cgroup, pin);
	close(cgroup);
	return error;
}

int understudy_link_state(int32_t number, const char *name, const char *pin, uint8_t *cgroup)
{
	int error, own_id = understudy_program_id(number, name), fd, pinned;
	struct bpf_link_info info;
	struct node_link *held;

	memset(cgroup, 0, 8);
	if (own_id < 0)
		return own_id;
	held = held_link(understudy_find(number), name);
	pinned = pinned_link(pin);
	fd = pin[0] ? pinned : held ? held->fd : -ENOENT;
	if (fd < 0)
		return fd == -ENOENT ? UNDERSTUDY_LINK_MISSING : fd;
	error = link_info(fd, &info);
	if (pinned >= 0)
		close(pinned);
	if (error == -EINVAL)
		return UNDERSTUDY_LINK_OTHER; /* a pin that is no link */
	if (error)
		return error;
	memcpy(cgroup, &info.cgroup.cgroup_id, 8);
	if (!info.cgroup.cgroup_id)
		return UNDERSTUDY_LINK_DEAD;
	return (int)info.prog_id == own_id ? UNDERSTUDY_LINK_OURS : UNDERSTUDY_LINK_OTHER;
}

int understudy_cgroup_id(const char *path, uint8_t *id)
{
	uint64_t value = 0;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error;

	if (fd < 0)
		return -errno;
	error = cgroup_id(fd, &value);
	close(fd);
	memcpy(id, &value, sizeof(value));
	return error;
}

int understudy_attached(int32_t number, const char *name, const char *cgroup_path, int32_t effective, uint8_t *buffer,
			int32_t capacity)
{
	int error, cgroup;
	struct bpf_program *program = find_program(number, name, &error);
	uint32_t ids[MAX_QUERIED] = { 0 }, flags = 0, count = MAX_QUERIED;

	if (!program)
		return error;
	if (capacity < (int32_t)sizeof(flags))
		return -EINVAL;
	cgroup = open(cgroup_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup < 0)
		return -errno;
	error = bpf_prog_query(cgroup, bpf_program__expected_attach_type(program),
			       effective ? BPF_F_QUERY_EFFECTIVE : 0, &flags, ids, &count) ?
			-errno :
			0;
	close(cgroup);
	if (error)
		return error;
	if (count > MAX_QUERIED || (int64_t)(1 + count) * 4 > capacity)
		return -ENOSPC;
	memcpy(buffer, &flags, sizeof(flags));
	memcpy(buffer + sizeof(flags), ids, count * sizeof(*ids));
	return count;
}

int understudy_program_name(uint32_t id, uint8_t *buffer, int32_t capacity)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id), error, length;

	if (fd < 0)
		return -errno;
	error = bpf_obj_get_info_by_fd(fd, &info, &size) ? -errno : 0;
	close(fd);
	if (error)
		return error;
	length = strnlen(info.name, sizeof(info.name));
	if (length > capacity)
		return -EINVAL;
	memcpy(buffer, info.name, length);
	return length;
}

int understudy_lock_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

int understudy_enable_stats(void)
{
	int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

	return fd < 0 ? -errno : fd;
}

int understudy_program_cost(int32_t number, const char *name, uint8_t *buffer)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);
	int error;
	struct bpf_program *program = find_program(number, name, &error);
	uint64_t cost[2];

	if (!program)
		return error;
	if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
		return -errno;
	cost[0] = info.run_time_ns;
	cost[1] = info.run_cnt;
	memcpy(buffer, cost, sizeof(cost));
	return 0;
}
