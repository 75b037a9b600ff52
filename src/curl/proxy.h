/* proxy: checks a proxy's URL, and keeps its user and password out of libcurl's messages. */
#ifndef AUTH0PERM_CURL_PROXY_H
#define AUTH0PERM_CURL_PROXY_H

#include <curl/curl.h>

#include "../core/error.h"

/* Whether libcurl accepts this as an HTTP proxy. False: ERROR_INVALID, whose message does not repeat it, or
 * ERROR_MEMORY. */
bool proxy_check(const char *proxy, struct error *error);

/* Removes this proxy's user and password from a message of libcurl, in a buffer of CURL_ERROR_SIZE bytes. If `proxy` is
 * NULL, removes those of the environment's proxies. */
void proxy_hide(const char *proxy, char *message);

#endif
