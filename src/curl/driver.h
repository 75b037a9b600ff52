/* curl_driver: performs requests with libcurl, the only room that knows it. One driver serves all calls of a client,
 * over connections that it keeps; it decides nothing and knows no Lua. */
#ifndef AUTH0PERM_CURL_DRIVER_H
#define AUTH0PERM_CURL_DRIVER_H

#include "../core/request.h"
#include "../core/response.h"
#include "../core/retry.h"
#include "options.h"

struct curl_driver; /* one curl_multi, and what waits for its sockets */

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
struct curl_driver *curl_driver_new(struct allocator allocator, const struct curl_options *options,
                                    struct error *error);

/* How many requests may be on their way at once. */
size_t curl_driver_capacity(const struct curl_driver *driver);

/* Drops every exchange and connection. Owners are not told. NULL is let pass. */
void curl_driver_free(struct curl_driver *driver);

/* Sends a request, which must stay as it is until the exchange is released. NULL: no memory; nothing was sent. */
struct exchange *curl_driver_send(struct curl_driver *driver, const struct request *request, void *owner);

/* Moves all exchanges on, after waiting at most `seconds` for something to happen; 0 does not wait. Sockets that
 * are ready still after `share` seconds of work are left to the next step. */
void curl_driver_step(struct curl_driver *driver, double seconds, double share);

/* Of an epoll or kqueue, readable when a step would find something to do; -1 where there is none. */
int curl_driver_descriptor(const struct curl_driver *driver);

/* When a step is due even if no socket has anything to do: seconds, monotonic; HUGE_VAL: never. */
double curl_driver_wake(const struct curl_driver *driver);

/* How many forks the driver has come through. In a child process it first leaves all connections to the parent, and starts
 * anew; exchanges that were on their way are the parent's, and here only to be released. To be asked before anything else
 * that touches a connection. */
unsigned curl_driver_forks(struct curl_driver *driver);

/* The end of this exchange is to wait for the thread that resolves its name: its client ends too, and is to leave
 * none. */
void curl_driver_wait_for_resolver(struct exchange *exchange);

/* The next exchange that has come back, to be released by the caller; NULL when there is none. */
struct exchange *curl_driver_finished(struct curl_driver *driver);

/* Whether the tenant may have read the exchange's request. */
bool curl_driver_maybe_read(const struct exchange *exchange);

/* Whether the exchange's request left on a connection that was there before. */
bool curl_driver_reused(const struct exchange *exchange);

/* Ends an exchange, wherever it stands, and wipes what it held. */
void curl_driver_release(struct curl_driver *driver, struct exchange *exchange);

#endif
