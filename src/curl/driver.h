/* driver: performs requests with libcurl, the only room that knows it. One driver serves all calls of a client,
 * over connections that it keeps; it decides nothing and knows no Lua. */
#ifndef AUTH0PERM_CURL_DRIVER_H
#define AUTH0PERM_CURL_DRIVER_H

#include "../core/request.h"
#include "../core/response.h"
#include "../core/retry.h"
#include "options.h"

struct driver; /* one curl_multi, and what waits for its sockets */

/* One request on its way, or come back. */
struct exchange {
  void *owner;              /* whoever sent it */
  bool failed;              /* `failure` tells why there is no answer; otherwise `response` and `body` hold it */
  struct failure failure;   /* its message lives as long as the exchange */
  struct response response; /* status and headers */
  struct buffer body;       /* of the answer */
};

/* A driver; the caller frees it. NULL and an error: ERROR_INVALID names the option and what was expected, or
 * ERROR_MEMORY. */
struct driver *driver_new(struct allocator allocator, const struct driver_options *options, struct error *error);

/* How many requests may be on their way at once. */
size_t driver_capacity(const struct driver *driver);

/* Drops every exchange and connection. Owners are not told. NULL is let pass. */
void driver_free(struct driver *driver);

/* Sends a request, which must stay as it is until the exchange is released. NULL: no memory; nothing was sent. */
struct exchange *driver_send(struct driver *driver, const struct request *request, void *owner);

/* Moves all exchanges on, after waiting at most `seconds` for something to happen; 0 does not wait. Sockets that
 * are ready still after `share` seconds of work are left to the next step. */
void driver_step(struct driver *driver, double seconds, double share);

/* Of an epoll or kqueue, readable when a step would find something to do; -1 where there is none. */
int driver_descriptor(const struct driver *driver);

/* When a step is due even if no socket has anything to do: seconds, monotonic; HUGE_VAL: never. */
double driver_wake(const struct driver *driver);

/* How many forks the driver has come through. In a child process it first leaves all connections to the parent, and
 * starts anew; exchanges that were on their way are the parent's, and here only to be released. To be asked before
 * anything else that touches a connection. */
unsigned driver_forks(struct driver *driver);

/* The end of this exchange is to wait for the thread that resolves its name: its client ends too, and is to leave
 * none. */
void driver_wait_for_resolver(struct exchange *exchange);

/* The next exchange that has come back, to be released by the caller; NULL when there is none. */
struct exchange *driver_finished(struct driver *driver);

/* Whether the tenant may have read the exchange's request. */
bool driver_maybe_read(const struct exchange *exchange);

/* Whether the exchange's request left on a connection that was there before. */
bool driver_reused(const struct exchange *exchange);

/* Ends an exchange, wherever it stands, and wipes what it held. */
void driver_release(struct driver *driver, struct exchange *exchange);

#endif
