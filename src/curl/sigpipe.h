/* sigpipe: keeps SIGPIPE from the host program where libcurl does not. Before libcurl 7.87, OpenSSL writes to the
 * socket itself, and a write to a reset connection raises the signal. CURLOPT_NOSIGNAL, which threads need, keeps
 * libcurl from ignoring it. */
#ifndef AUTH0PERM_CURL_SIGPIPE_H
#define AUTH0PERM_CURL_SIGPIPE_H

#include <signal.h>
#include <stdbool.h>

struct sigpipe {
  bool held; /* it was not pending before, and is blocked now */
  sigset_t mask;
};

/* Whether this process's libcurl may raise it. */
bool sigpipe_is_raised(void);

/* Call these around calls of libcurl that may write. sigpipe_release discards a SIGPIPE that they raised in this
 * thread. The host program's mask and disposition, and a SIGPIPE that was pending before, are kept. If `raised` is
 * false, neither does anything. */
void sigpipe_hold(struct sigpipe *sigpipe, bool raised);
void sigpipe_release(struct sigpipe *sigpipe);

#endif
