/* proxy: whether a proxy is one, and keeping its user and password out of what libcurl says. */
#ifndef AUTH0PERM_CURL_PROXY_H
#define AUTH0PERM_CURL_PROXY_H

#include <curl/curl.h>

#include "../core/error.h"

/* Whether libcurl would take this for a proxy of HTTP. False: ERROR_INVALID, which does not repeat it, or
 * ERROR_MEMORY. */
bool proxy_check(const char *proxy, struct error *error);

/* Takes out of one of libcurl's messages, of CURL_ERROR_SIZE bytes, what is secret of this proxy; where `proxy` is
 * NULL, of those of the environment. */
void proxy_hide(const char *proxy, char *message);

#endif
