#include "sigpipe.h"

#include <curl/curl.h>
#include <errno.h>
#include <sys/socket.h>
#include <time.h>

#if defined(SO_NOSIGPIPE)

/* libcurl sets SO_NOSIGPIPE on each socket. */
bool sigpipe_is_raised(void) {
  return false;
}

void sigpipe_hold(struct sigpipe *sigpipe, bool raised) {
  (void)raised;
  sigpipe->held = false;
}

void sigpipe_release(struct sigpipe *sigpipe) {
  (void)sigpipe;
}

#else

/* From this version on, OpenSSL writes through libcurl, which sets MSG_NOSIGNAL. */
static const unsigned LIBCURL_WITHOUT_SIGPIPE = 0x075700;

bool sigpipe_is_raised(void) {
  return curl_version_info(CURLVERSION_NOW)->version_num < LIBCURL_WITHOUT_SIGPIPE;
}

static bool is_pending(void) {
  sigset_t pending;
  return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

void sigpipe_hold(struct sigpipe *sigpipe, bool raised) {
  sigpipe->held = false;
  if (!raised || is_pending()) return;
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, SIGPIPE);
  sigpipe->held = pthread_sigmask(SIG_BLOCK, &only, &sigpipe->mask) == 0;
}

void sigpipe_release(struct sigpipe *sigpipe) {
  if (!sigpipe->held) return;
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, SIGPIPE);
  while (sigtimedwait(&only, NULL, &(struct timespec){.tv_sec = 0}) < 0 && errno == EINTR) {
  }
  pthread_sigmask(SIG_SETMASK, &sigpipe->mask, NULL);
}

#endif
