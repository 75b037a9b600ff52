/* sigpipe: keeps SIGPIPE from the host where libcurl does not. Before 7.87 OpenSSL writes by itself, and a write on a
 * connection that was reset raises it; CURLOPT_NOSIGNAL, which threads need, keeps libcurl from ignoring it
 * meanwhile. */
#ifndef AUTH0PERM_CURL_SIGPIPE_H
#define AUTH0PERM_CURL_SIGPIPE_H

#include <signal.h>
#include <stdbool.h>

struct sigpipe {
  bool held; /* it was not pending, and is blocked now */
  sigset_t mask;
};

/* Whether the libcurl of this process may raise it. */
bool sigpipe_is_raised(void);

/* Around calls of a libcurl that may write: what they raise in this thread is taken back by the second. The host's mask
 * and disposition, and a SIGPIPE that was pending before, stay. Where `raised` is false neither does anything. */
void sigpipe_hold(struct sigpipe *sigpipe, bool raised);
void sigpipe_release(struct sigpipe *sigpipe);

#endif
