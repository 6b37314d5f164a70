// SPDX-License-Identifier: Apache-2.0
/* inbound.c - what only inbound.bpf.o needs: maps shared with another object or a pin, hooks that are not cgroups. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include "handle.h"
#include "netns.h"
#include "shim.h"

/* Newer than the headers of the oldest distribution we build on (6.6; include/uapi/linux/bpf.h). */
#define ATTACH_TCX_INGRESS 46
#define ATTACH_TCX_EGRESS 47
#define PREPEND (1U << 3) /* BPF_F_BEFORE, and no other program named */

/* Ours alone, so that removing by number cannot hit another's filter. Next to the workload in both directions: behind
 * those that name no priority (from 49152 down) on the way in, before them on the way out.
 */
#define FILTER_HANDLE 0x5553
#define PRIORITY_INGRESS 50000
#define PRIORITY_EGRESS 10

static struct bpf_program *find_program(int32_t number, const char *name, int *error)
{
	struct handle *handle = understudy_find(number);
	struct bpf_program *program = handle ? bpf_object__find_program_by_name(handle->object, name) : NULL;

	*error = handle ? -ENOENT : -EBADF;
	return program;
}

static struct attachment *free_place(struct handle *handle)
{
	for (int i = 0; i < MAX_ATTACHMENTS; i++)
		if (!handle->attachments[i].kind)
			return &handle->attachments[i];
	return NULL;
}

int understudy_skip_program(int32_t number, const char *name)
{
	int error;
	struct bpf_program *program = find_program(number, name, &error);

	return program ? bpf_program__set_autoload(program, false) : error;
}

int understudy_share_map(int32_t number, const char *name, int32_t from)
{
	struct handle *handle = understudy_find(number);
	struct bpf_map *map = handle ? bpf_object__find_map_by_name(handle->object, name) : NULL;
	int fd = understudy_find_map(from, name);

	if (!handle || fd == -EBADF)
		return -EBADF;
	if (map && bpf_map__fd(map) >= 0)
		return -EBUSY; /* loaded: the programs use another */
	return map && fd >= 0 ? bpf_map__reuse_fd(map, fd) : -ENOENT;
}

int understudy_share_pin(int32_t number, const char *name, const char *path)
{
	struct handle *handle = understudy_find(number);
	struct bpf_map *map = handle ? bpf_object__find_map_by_name(handle->object, name) : NULL;
	struct bpf_map_info info = { 0 };
	uint32_t size = sizeof(info);
	int fd, error = 0;

	if (!handle)
		return -EBADF;
	if (!map)
		return -ENOTSUP;
	if (bpf_map__fd(map) >= 0)
		return -EBUSY;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		error = -errno;
	else if (info.type != bpf_map__type(map) || info.key_size != bpf_map__key_size(map) ||
		 info.value_size != bpf_map__value_size(map))
		error = -EEXIST;
	else
		error = bpf_map__reuse_fd(map, fd);
	close(fd);
	return error;
}

int understudy_program_id(int32_t number, const char *name)
{
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info);
	int error;
	struct bpf_program *program = find_program(number, name, &error);

	if (!program)
		return error;
	return bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) ? -errno : (int)info.id;
}

int understudy_interface(int32_t netns_fd, const char *name)
{
	struct ifreq request = { 0 };
	int error, fd, index = 0;

	if (strlen(name) >= sizeof(request.ifr_name))
		return -ENODEV;
	error = understudy_enter(netns_fd);
	if (error)
		return error;
	strcpy(request.ifr_name, name);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCGIFINDEX, &request)) {
		error = -errno;
	} else {
		index = request.ifr_ifindex;
		if (ioctl(fd, SIOCGIFHWADDR, &request))
			error = -errno;
		else if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
			error = -EPROTONOSUPPORT;
	}
	if (fd >= 0)
		close(fd);
	understudy_leave(netns_fd);
	return error ? error : index;
}

static int keep_link(struct handle *handle, const char *name, int fd)
{
	struct attachment *place = free_place(handle);

	if (fd < 0)
		return fd;
	*place = (struct attachment){ .kind = ATTACHED_LINK, .fd = fd };
	snprintf(place->program, sizeof(place->program), "%s", name);
	return 0;
}

int understudy_attach_tcx(int32_t number, const char *name, int32_t netns_fd, int32_t ifindex, int32_t egress)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = egress ? PREPEND : 0);
	int type = egress ? ATTACH_TCX_EGRESS : ATTACH_TCX_INGRESS;
	int error;
	struct bpf_program *program = find_program(number, name, &error);
	struct handle *handle = understudy_find(number);

	if (!program)
		return error;
	if (!free_place(handle))
		return -ENOSPC;
	error = understudy_enter(netns_fd);
	if (error)
		return error;
	error = keep_link(handle, name, bpf_link_create(bpf_program__fd(program), ifindex, type, &options));
	understudy_leave(netns_fd);
	return error;
}

int understudy_attach_netns(int32_t number, const char *name, int32_t netns_fd)
{
	int error, own = -1, fd;
	struct bpf_program *program = find_program(number, name, &error);
	struct handle *handle = understudy_find(number);

	if (!program)
		return error;
	if (!free_place(handle))
		return -ENOSPC;
	if (netns_fd < 0)
		netns_fd = own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	fd = netns_fd < 0 ? -errno : bpf_link_create(bpf_program__fd(program), netns_fd, BPF_SK_LOOKUP, NULL);
	error = keep_link(handle, name, fd);
	if (own >= 0)
		close(own);
	return error;
}

static struct bpf_tc_hook hook_of(int ifindex, int egress)
{
	return (struct bpf_tc_hook){ .sz = sizeof(struct bpf_tc_hook),
				     .ifindex = ifindex,
				     .attach_point = egress ? BPF_TC_EGRESS : BPF_TC_INGRESS };
}

static struct bpf_tc_opts filter_of(int egress)
{
	return (struct bpf_tc_opts){ .sz = sizeof(struct bpf_tc_opts),
				     .handle = FILTER_HANDLE,
				     .priority = egress ? PRIORITY_EGRESS : PRIORITY_INGRESS };
}

int understudy_make_clsact(int32_t netns_fd, int32_t ifindex)
{
	struct bpf_tc_hook hook = hook_of(ifindex, 0);
	int error = understudy_enter(netns_fd);

	if (error)
		return error;
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	error = bpf_tc_hook_create(&hook);
	understudy_leave(netns_fd);
	return error == -EEXIST ? 0 : error < 0 ? error : 1;
}

int understudy_attach_clsact(int32_t number, const char *name, int32_t netns_fd, int32_t ifindex, int32_t egress)
{
	struct bpf_tc_hook hook = hook_of(ifindex, egress);
	struct bpf_tc_opts filter = filter_of(egress);
	int error, id = understudy_program_id(number, name), own_fd = -1;
	struct bpf_program *program = find_program(number, name, &error);
	struct handle *handle = understudy_find(number);
	struct attachment *place;

	if (id < 0)
		return id;
	place = free_place(handle);
	if (!place)
		return -ENOSPC;
	/* The caller may close its own before ours is needed again. */
	if (netns_fd >= 0 && (own_fd = fcntl(netns_fd, F_DUPFD_CLOEXEC, 3)) < 0)
		return -errno;
	error = understudy_enter(netns_fd);
	if (!error) {
		filter.prog_fd = bpf_program__fd(program);
		error = bpf_tc_attach(&hook, &filter);
		understudy_leave(netns_fd);
	}
	if (error) {
		if (own_fd >= 0)
			close(own_fd);
		return error;
	}
	*place = (struct attachment){
		.kind = ATTACHED_FILTER, .fd = own_fd, .ifindex = ifindex, .egress = egress, .program_id = id
	};
	snprintf(place->program, sizeof(place->program), "%s", name);
	return 0;
}

int understudy_remove_filter(int32_t netns_fd, int32_t ifindex, int32_t egress, uint32_t program_id)
{
	struct bpf_tc_hook hook = hook_of(ifindex, egress);
	struct bpf_tc_opts filter = filter_of(egress);
	int error = understudy_enter(netns_fd);

	if (error)
		return error;
	error = bpf_tc_query(&hook, &filter);
	/* ENOENT: no such filter, ENODEV: no such interface, EINVAL: no clsact there. */
	if (error == -ENOENT || error == -ENODEV || error == -EINVAL || (!error && filter.prog_id != program_id)) {
		error = 0;
	} else if (!error) {
		filter = filter_of(egress);
		error = bpf_tc_detach(&hook, &filter);
		error = error ? error : 1;
	}
	understudy_leave(netns_fd);
	return error;
}

static int end_attachment(struct attachment *place)
{
	int error = 0;

	if (place->kind == ATTACHED_LINK) {
		/* Closing would do, but only when the kernel gets to it. */
		error = bpf_link_detach(place->fd) ? -errno : 0;
	} else {
		error = understudy_remove_filter(place->fd, place->ifindex, place->egress, place->program_id);
	}
	if (place->fd >= 0)
		close(place->fd);
	memset(place, 0, sizeof(*place));
	return error < 0 ? error : 0;
}

int understudy_detach(int32_t number, const char *name)
{
	struct handle *handle = understudy_find(number);
	int error = 0;

	if (!handle)
		return -EBADF;
	for (int i = 0; i < MAX_ATTACHMENTS; i++) {
		struct attachment *place = &handle->attachments[i];
		int result = place->kind && !strcmp(place->program, name) ? end_attachment(place) : 0;

		error = error ? error : result;
	}
	return error;
}

void understudy_detach_all(struct handle *handle)
{
	for (int i = 0; i < MAX_ATTACHMENTS; i++)
		if (handle->attachments[i].kind)
			end_attachment(&handle->attachments[i]);
}

int understudy_assign_socket(int32_t number, const char *map, uint32_t slot, int32_t fd)
{
	int map_fd = understudy_find_map(number, map), domain = 0, only6 = 1;
	uint32_t index = slot * 2, v4_index = slot * 2;
	socklen_t length = sizeof(domain);
	uint64_t value = fd;

	if (map_fd < 0)
		return map_fd;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length))
		return -errno;
	if (domain != AF_INET && domain != AF_INET6)
		return -EAFNOSUPPORT;
	if (domain == AF_INET6) {
		index++;
		length = sizeof(only6);
		if (getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only6, &length))
			return -errno;
	}
	if (bpf_map_update_elem(map_fd, &index, &value, BPF_ANY))
		return -errno;
	/* A dual-stack socket serves IPv4 as well, unless a socket of IPv4's own is there. */
	if (!only6 && bpf_map_update_elem(map_fd, &v4_index, &value, BPF_NOEXIST) && errno != EEXIST)
		return -errno;
	return 0;
}
