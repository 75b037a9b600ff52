#include "kept.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <string.h>

/* From this version on, libcurl itself does not reuse a connection whose socket is readable. */
static const unsigned LIBCURL_THAT_LOOKS = 0x080000;

static const unsigned char HTTP2[] = {'h', '2'}; /* in ALPN (RFC 9113, section 3.2) */

static bool sees_tls(void) {
  static const char LIBCURL_SAYS[] = "OpenSSL/", OPENSSL_SAYS[] = "OpenSSL ";
  const char *theirs = curl_version_info(CURLVERSION_NOW)->ssl_version;
  const char *ours = OpenSSL_version(OPENSSL_VERSION);
  if (!theirs || strncmp(theirs, LIBCURL_SAYS, strlen(LIBCURL_SAYS)) != 0) return false;
  if (strncmp(ours, OPENSSL_SAYS, strlen(OPENSSL_SAYS)) != 0) return false;
  theirs += strlen(LIBCURL_SAYS);
  ours += strlen(OPENSSL_SAYS);
  size_t length = strcspn(theirs, " ");
  return strncmp(theirs, ours, length) == 0 && strcspn(ours, " ") == length;
}

struct kept kept_look(void) {
  return (struct kept){
      .sees_tls = sees_tls(),
      .looks = curl_version_info(CURLVERSION_NOW)->version_num >= LIBCURL_THAT_LOOKS,
  };
}

/* The connection's TLS object; NULL if it cannot be seen. */
static SSL *tls_of(const struct kept *kept, CURL *easy) {
  struct curl_tlssessioninfo *info = NULL;
  if (!kept->sees_tls || curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || !info) return NULL;
  return info->backend == CURLSSLBACKEND_OPENSSL ? info->internals : NULL;
}

static bool speaks_http2(const SSL *tls) {
  const unsigned char *protocol;
  unsigned length;
  SSL_get0_alpn_selected(tls, &protocol, &length);
  return length == sizeof HTTP2 && memcmp(protocol, HTTP2, length) == 0;
}

/* In HTTP/2 a response names its request, and other frames may arrive at any time. In HTTP/1.1 nothing may arrive,
 * neither on the socket nor in what TLS has read ahead: libcurl takes only the announced body out of that. (Session
 * tickets arrive before the first response. A later one costs a new connection.) */
bool kept_is_quiet(const struct kept *kept, CURL *easy, struct watcher *watcher, int local_port) {
  SSL *tls = tls_of(kept, easy);
  if (tls && speaks_http2(tls)) return true;
  if (tls && SSL_has_pending(tls)) return false;
  return kept->looks || !watcher_can_read(watcher, local_port);
}
