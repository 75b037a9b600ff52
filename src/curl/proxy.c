#include "proxy.h"

#include <stdlib.h>
#include <string.h>

/* How libcurl's messages that repeat a whole proxy begin. */
static const char REPEATS[] = "Unsupported proxy";
static const char MALFORMED[] = "the proxy is not \"http://host:port\" or \"https://host:port\"";

/* The characters that end a part of a URL, even of a malformed one. */
static const char DELIMITERS[] = ":/?#@";

/* The environment variables where libcurl looks for the proxy of an https URL. */
static const char *const VARIABLES[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};

bool proxy_check(const char *proxy, struct error *error) {
  const char *scheme = strstr(proxy, "://");
  bool good = !scheme || strncmp(proxy, "http://", 7) == 0 || strncmp(proxy, "https://", 8) == 0;
  CURLU *url = curl_url();
  CURLUcode failed = CURLUE_OUT_OF_MEMORY;
  if (url) failed = curl_url_set(url, CURLUPART_URL, proxy, CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME);
  curl_url_cleanup(url);
  if (failed == CURLUE_OUT_OF_MEMORY) return error_set_memory(error);
  if (good && failed == CURLUE_OK) return true;
  return error_set(error, ERROR_INVALID, "proxy: expected \"http://host:port\", \"https://host:port\" or \"env\"");
}

static void take_out(char *message, struct text secret) {
  char before[CURL_ERROR_SIZE];
  if (secret.length == 0 || secret.length >= sizeof before) return;
  memcpy(before, message, sizeof before);
  error_quote(message, CURL_ERROR_SIZE, (struct text){.data = before, .length = strlen(before)}, secret);
}

static int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Removes a part as written, and as libcurl may show it, with its percent-encoding decoded. */
static void take_out_part(char *message, struct text part) {
  char decoded[CURL_ERROR_SIZE];
  size_t length = 0;
  if (part.length >= sizeof decoded) return; /* too long for the message */
  for (size_t i = 0; i < part.length; i++) {
    int high = i + 2 < part.length && part.data[i] == '%' ? digit_of(part.data[i + 1]) : -1;
    int low = high >= 0 ? digit_of(part.data[i + 2]) : -1;
    decoded[length++] = low >= 0 ? (char)(high * 16 + low) : part.data[i];
    if (low >= 0) i += 2;
  }
  take_out(message, part);
  take_out(message, (struct text){.data = decoded, .length = length});
}

/* Everything between the scheme and the last @ may be user and password: in a malformed URL they can be anywhere. */
static void hide(const char *proxy, char *message) {
  const char *end = strrchr(proxy, '@'), *scheme = strstr(proxy, "://");
  const char *start = scheme && end && scheme < end ? scheme + strlen("://") : proxy;
  while (end && start < end) {
    size_t length = strcspn(start, DELIMITERS);
    take_out_part(message, (struct text){.data = start, .length = length});
    start += length + 1;
  }
}

void proxy_hide(const char *proxy, char *message) {
  if (strncmp(message, REPEATS, strlen(REPEATS)) == 0) {
    memcpy(message, MALFORMED, sizeof MALFORMED);
    return;
  }
  if (proxy) {
    hide(proxy, message);
    return;
  }
  for (size_t i = 0; i < sizeof VARIABLES / sizeof *VARIABLES; i++) {
    const char *value = getenv(VARIABLES[i]);
    if (value) hide(value, message);
  }
}
