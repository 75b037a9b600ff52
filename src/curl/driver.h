/* driver: performs requests with libcurl. One driver serves all calls of a client, over connections that it keeps. It
 * decides nothing and does not know Lua. */
#ifndef AUTH0PERM_CURL_DRIVER_H
#define AUTH0PERM_CURL_DRIVER_H

#include "../core/request.h"
#include "../core/response.h"
#include "../core/retry.h"
#include "options.h"

struct driver; /* one curl_multi, and what waits for its sockets */

/* A request in flight, or finished. */
struct exchange {
  void *owner;              /* of the request; for the caller's use */
  bool failed;              /* `failure` says why there is no response; otherwise `response` and `body` hold it */
  struct failure failure;   /* its message lives as long as the exchange */
  struct response response; /* status and headers */
  struct buffer body;       /* of the response */
};

/* Makes a driver; the caller frees it. NULL and an error: ERROR_INVALID names the option and says what was expected, or
 * ERROR_MEMORY. */
struct driver *driver_new(struct allocator allocator, const struct driver_options *options, struct error *error);

/* How many requests may be in flight at once. */
size_t driver_capacity(const struct driver *driver);

/* Drops every exchange and connection. Owners are not told. NULL is ignored. */
void driver_free(struct driver *driver);

/* Sends a request, which must stay unchanged until the exchange is released. NULL: no memory, and nothing was sent. */
struct exchange *driver_send(struct driver *driver, const struct request *request, void *owner);

/* Moves all exchanges on, after waiting at most `seconds` for something to happen; 0 does not wait. After `share`
 * seconds of work, the remaining ready sockets are left to the next step. */
void driver_step(struct driver *driver, double seconds, double share);

/* A descriptor of epoll or kqueue that is readable when a step has something to do; -1 if the system has neither. */
int driver_descriptor(const struct driver *driver);

/* When a step is due even if no socket is ready: seconds, monotonic; HUGE_VAL: never. */
double driver_wake(const struct driver *driver);

/* How many forks the driver has survived. In a child process, it first leaves all connections to the parent and starts
 * anew; exchanges in flight belong to the parent, and may only be released. Call this before anything else that touches
 * a connection. */
unsigned driver_forks(struct driver *driver);

/* Makes the end of this exchange wait for the thread that resolves its host name: its client ends too, and must not
 * leave a thread behind. */
void driver_wait_for_resolver(struct exchange *exchange);

/* The next finished exchange, to be released by the caller; NULL if there is none. */
struct exchange *driver_finished(struct driver *driver);

/* Whether the tenant may have read the exchange's request. */
bool driver_maybe_read(const struct exchange *exchange);

/* Whether the exchange's request reused a connection. */
bool driver_reused(const struct exchange *exchange);

/* Ends an exchange, whatever its state, and wipes its contents. */
void driver_release(struct driver *driver, struct exchange *exchange);

#endif
