/* kept: whether a connection that was kept may carry another request. */
#ifndef AUTH0PERM_CURL_KEPT_H
#define AUTH0PERM_CURL_KEPT_H

#include <curl/curl.h>

#include "watcher.h"

/* Whether this room can see what libcurl's TLS library has read ahead: it is the OpenSSL that this module is linked with. Where it
 * is not, a connection must not be kept after a response with a body. */
bool kept_sees_tls(void);

/* Whether nothing has come on the kept connection that this handle is about to use: what came is not the response to the request
 * that is about to be sent. To be asked within CURLOPT_PREREQFUNCTION, which names the connection's local port. */
bool kept_is_quiet(CURL *easy, struct watcher *watcher, int local_port);

#endif
