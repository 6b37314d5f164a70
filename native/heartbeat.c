// SPDX-License-Identifier: Apache-2.0
/* heartbeat.c - the thread that tells the programs that the agent lives. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <time.h>

#include "handle.h"
#include "shim.h"

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void *beat(void *argument)
{
	struct handle *handle = argument;
	struct timespec pause = { .tv_sec = handle->interval_ms / 1000,
				  .tv_nsec = (long)(handle->interval_ms % 1000) * 1000000L };

	while (!atomic_load(&handle->stopping)) {
		uint64_t ticked = atomic_load(&handle->ticked_ns);
		uint64_t now = now_ns(); /* after ticked, so never before it */

		if (now - ticked <= (uint64_t)handle->stall_ms * 1000000ULL)
			*handle->heartbeat = now;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

int understudy_start_heartbeat(int32_t number, uint32_t interval_ms, uint32_t stall_ms)
{
	struct handle *handle = understudy_find(number);
	sigset_t all, before;
	int error;

	if (!handle || !handle->heartbeat)
		return -EBADF;
	if (handle->beating)
		return -EALREADY;
	handle->interval_ms = interval_ms;
	handle->stall_ms = stall_ms;
	atomic_store(&handle->ticked_ns, now_ns());
	*handle->heartbeat = now_ns();
	/* Signals are the event loop's business, not this thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&handle->beater, NULL, beat, handle);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		return -error;
	handle->beating = 1;
	return 0;
}

int understudy_tick(int32_t number)
{
	struct handle *handle = understudy_find(number);

	if (!handle)
		return -EBADF;
	atomic_store(&handle->ticked_ns, now_ns());
	return 0;
}

int understudy_heartbeat_age(int32_t number)
{
	struct handle *handle = understudy_find(number);
	uint64_t beat_ns, age_ms;

	if (!handle || !handle->heartbeat)
		return -EBADF;
	beat_ns = *handle->heartbeat;
	age_ms = (now_ns() - beat_ns) / 1000000ULL;
	/* Before the first beat it is the age of the machine. */
	return age_ms < INT_MAX ? (int)age_ms : INT_MAX;
}

void understudy_stop_heartbeat(struct handle *handle)
{
	if (!handle->beating)
		return;
	atomic_store(&handle->stopping, 1);
	/* nanosleep is a cancellation point; the thread holds nothing. */
	pthread_cancel(handle->beater);
	pthread_join(handle->beater, NULL);
	handle->beating = 0;
}
