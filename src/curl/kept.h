/* kept: whether a connection that was kept may carry another request. */
#ifndef AUTH0PERM_CURL_KEPT_H
#define AUTH0PERM_CURL_KEPT_H

#include <curl/curl.h>

#include "watcher.h"

/* What the libcurl of this process lets be seen, and sees itself. */
struct kept {
  bool sees_tls; /* its TLS library is the OpenSSL that this module is linked with: what that has read ahead can be
                   seen */
  bool looks;    /* libcurl itself reuses no connection on whose socket something can be read */
};

/* Where `sees_tls` is false, a connection must not be kept after a response with a body. */
struct kept kept_look(void);

/* Whether nothing has come on the kept connection that this handle is about to use: what came is not the response to
 * the request that is about to be sent. To be asked within CURLOPT_PREREQFUNCTION, which names the connection's local
 * port. */
bool kept_is_quiet(const struct kept *kept, CURL *easy, struct watcher *watcher, int local_port);

#endif
