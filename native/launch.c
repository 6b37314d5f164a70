// SPDX-License-Identifier: Apache-2.0
/*
 * launch.c - becomes the command: enters its cgroup and network namespace, takes the invoking user's identity, then
 * exec. Between the first line and exec no socket is made, so every socket of the command is born in its cgroup.
 *
 *   understudy-launch CGROUP_PROCS NETNS|- UID|- GID|- USER|- OPEN_FILES|- -- COMMAND [ARGUMENT…]
 *
 * Exit codes as a shell's: 127 no such command, 126 it cannot be executed; 125 for a failure of ours.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void fail(const char *what, const char *which)
{
	fprintf(stderr, "understudy: cannot %s %s: %s\n", what, which, strerror(errno));
	exit(125);
}

static void join_cgroup(const char *procs)
{
	int fd = open(procs, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "0", 1) != 1)
		fail("enter the cgroup through", procs);
	close(fd);
}

static void join_netns(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		fail("enter the network namespace", path);
	close(fd);
}

static void become(const char *uid, const char *gid, const char *user)
{
	gid_t group = (gid_t)strtoul(gid, NULL, 10);

	if (strcmp(user, "-") ? initgroups(user, group) : setgroups(1, &group))
		fail("take the groups of user", user);
	if (setgid(group))
		fail("take the group", gid);
	if (setuid((uid_t)strtoul(uid, NULL, 10)))
		fail("take the user", uid);
}

/* The soft limit only: the runtime had raised it to the hard one. */
static void limit_open_files(const char *files)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = strtoul(files, NULL, 10);
	if (limit.rlim_cur <= limit.rlim_max)
		setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int count, char **arguments)
{
	sigset_t none;

	if (count < 9 || strcmp(arguments[7], "--")) {
		fputs("understudy-launch is started by `understudy run`, not by hand.\n", stderr);
		return 125;
	}
	if (strcmp(arguments[1], "-"))
		join_cgroup(arguments[1]);
	if (strcmp(arguments[2], "-"))
		join_netns(arguments[2]);
	if (strcmp(arguments[3], "-"))
		become(arguments[3], arguments[4], arguments[5]);
	if (strcmp(arguments[6], "-"))
		limit_open_files(arguments[6]);
	/* The runtime ignores SIGPIPE; a command must not inherit that. */
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(arguments[8], arguments + 8);
	if (errno == ENOENT)
		fprintf(stderr, "understudy: %s: command not found\n", arguments[8]);
	else
		fprintf(stderr, "understudy: %s: %s\n", arguments[8], strerror(errno));
	return errno == ENOENT ? 127 : 126;
}
