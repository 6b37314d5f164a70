/* SPDX-License-Identifier: Apache-2.0 */
/* netns.h - visiting another network namespace, for the files that open something there. */
#ifndef UNDERSTUDY_NETNS_H
#define UNDERSTUDY_NETNS_H

#include <stdint.h>
#include <sys/socket.h>

/* Moves this thread into a namespace; -1 is our own and does nothing. 0 or -errno; after 0 leave at once. */
int understudy_enter(int netns_fd);
/* Moves it back; the process ends where that fails. Takes what was given to enter. */
void understudy_leave(int netns_fd);
/* An IPv4 or IPv6 literal as a socket address, host order port; its length, 0 where it is neither. */
socklen_t understudy_parse_address(const char *text, uint32_t port, struct sockaddr_storage *address);
/* Of the sockets on a port: see elsewhere.c. */
int understudy_prefer_younger(int fd);

#endif
