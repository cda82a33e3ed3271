/*
 * The mock venue as a test sees it (cmake/VenueTest.cmake starts it), and a look at our process.
 */
#ifndef VENUE_H
#define VENUE_H

#include "check.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Long enough for anything that ends at all, in nanoseconds. */
#define PATIENCE_NS 20000000000ull
#define MILLISECOND_NS 1000000ull

/* A C string as vp_str. */
vp_str text(const char *string);

/* Whether the venue speaks TLS. */
int venue_is_tls(void);

/* A configuration for the venue; the test frees it. */
vp_config *venue_config(uint32_t connections);

/* A pool to the venue, all defaults. */
vp_pool *venue_pool(uint32_t connections);

/* A request that has begun; the test frees it. */
vp_request *request_to(const vp_pool *pool, const char *method, const char *path);

/* Asks the control server, "POST /restart" for example; the answer's body must fit. */
void venue_control(const char *method_and_path, char *answer, size_t capacity);

/* As venue_control, for who does not want the answer. */
void venue_do(const char *method_and_path);

/* One of the venue's counts. */
long venue_count(const char *name);

/* Waits for one completion of the queue; fails the test when there is none in time. */
vp_completion next_completion(vp_pool *pool);

/* A completion that can be filled. */
vp_completion empty_completion(void);

/* The state of a pool. */
vp_health health_of(const vp_pool *pool);
vp_stats stats_of(const vp_pool *pool);

/* Waits until so many slots are live; fails the test when that takes too long. */
void wait_until_live(const vp_pool *pool, uint32_t slots);

/* The whole of a file, NUL-terminated; the test frees it. */
char *read_file(const char *path);

/* The threads and the open descriptors of this process. */
int thread_count(void);
int fd_count(void);

/* Waits until there are no more of them than before; fails the test when that takes too long. The
 * kernel lists a thread for a moment after it was joined, and a name look-up ends in its own time.
 */
void until_as_before(int threads, int fds);

/* The memory that the process has in fact, in KiB. */
long resident_kib(void);

uint64_t now_ns(void);

/* Gives the CPU away for a moment, between two looks at something that will come true. */
void breathe(void);

#ifdef __cplusplus
}
#endif

#endif
