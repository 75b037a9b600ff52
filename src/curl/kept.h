/* kept: decides whether a kept connection may carry another request. */
#ifndef AUTH0PERM_CURL_KEPT_H
#define AUTH0PERM_CURL_KEPT_H

#include <curl/curl.h>

#include "watcher.h"

/* What this process's libcurl can show, and what it checks itself. */
struct kept {
  bool sees_tls; /* its TLS library is the OpenSSL that this module is linked with, so we can see what that has read
                   ahead */
  bool looks;    /* libcurl itself does not reuse a connection whose socket is readable */
};

/* Finds that out. If `sees_tls` is false, a connection must not be kept after a response with a body. */
struct kept kept_look(void);

/* Whether nothing has arrived on the kept connection that this handle is about to use: what arrived before the request
 * was sent is not its response. Call this within CURLOPT_PREREQFUNCTION, which names the connection's local port. */
bool kept_is_quiet(const struct kept *kept, CURL *easy, struct watcher *watcher, int local_port);

#endif
