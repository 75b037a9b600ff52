/* sigpipe: a host that does not handle SIGPIPE, and a libcurl that raises it. Before 7.87, libcurl lets OpenSSL write
 * to connections that were reset. Here, replacements for some of its functions first write into a broken pipe, and
 * the version is reported as 7.81.
 *
 *   spec/tenant/run -- sigpipe default|blocked|pending|new
 *
 * The first three are the host's state of SIGPIPE, which must be unchanged after calls and after the end of the Lua
 * state. With the last, libcurl reports a version that does not raise SIGPIPE, and the module must not touch
 * signals. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <curl/curl.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state.h"

enum {
  VERSION_THAT_RAISES = 0x075100,   /* 7.81 */
  VERSION_THAT_DOES_NOT = 0x075700, /* 7.87 */
  SECONDS_MAX = 60                  /* for the process */
};

static bool raises;
static int raised, touched; /* how often SIGPIPE was raised, and the thread's signals were read or changed */

/* Returns the next definition of a function after this program's own. */
static void *next(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (!found) abort();
  return found;
}

static void write_into_broken_pipe(void) {
  int ends[2];
  if (!raises) return;
  if (pipe(ends) != 0) abort();
  close(ends[0]);
  if (write(ends[1], "x", 1) != -1) abort();
  close(ends[1]);
  raised++;
}

CURLMcode curl_multi_socket_action(CURLM *multi, curl_socket_t socket, int events, int *running) {
  CURLMcode (*real)(CURLM *, curl_socket_t, int, int *);
  *(void **)&real = next("curl_multi_socket_action");
  write_into_broken_pipe();
  return real(multi, socket, events, running);
}

CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *easy) {
  CURLMcode (*real)(CURLM *, CURL *);
  *(void **)&real = next("curl_multi_remove_handle");
  write_into_broken_pipe();
  return real(multi, easy);
}

CURLMcode curl_multi_cleanup(CURLM *multi) {
  CURLMcode (*real)(CURLM *);
  *(void **)&real = next("curl_multi_cleanup");
  write_into_broken_pipe();
  return real(multi);
}

curl_version_info_data *curl_version_info(CURLversion age) {
  static curl_version_info_data info;
  curl_version_info_data *(*real)(CURLversion);
  *(void **)&real = next("curl_version_info");
  info = *real(age);
  info.version_num = raises ? VERSION_THAT_RAISES : VERSION_THAT_DOES_NOT;
  return &info;
}

int pthread_sigmask(int how, const sigset_t *set, sigset_t *old) {
  int (*real)(int, const sigset_t *, sigset_t *);
  *(void **)&real = next("pthread_sigmask");
  touched++;
  return real(how, set, old);
}

int sigpending(sigset_t *set) {
  int (*real)(sigset_t *);
  *(void **)&real = next("sigpending");
  touched++;
  return real(set);
}

static void set_up(const char *how) {
  signal(SIGPIPE, SIG_DFL);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, SIGPIPE);
  bool blocked = strcmp(how, "blocked") == 0 || strcmp(how, "pending") == 0;
  sigprocmask(blocked ? SIG_BLOCK : SIG_UNBLOCK, &only, NULL);
  if (strcmp(how, "pending") == 0) raise(SIGPIPE);
}

/* Returns whether SIGPIPE is as `set_up` left it; otherwise prints how it is. */
static bool is_as_before(const char *how) {
  struct sigaction action;
  sigset_t mask, waiting;
  sigaction(SIGPIPE, NULL, &action);
  sigprocmask(SIG_BLOCK, NULL, &mask);
  sigpending(&waiting);
  bool pending = strcmp(how, "pending") == 0, blocked = pending || strcmp(how, "blocked") == 0;
  if (action.sa_handler == SIG_DFL && sigismember(&mask, SIGPIPE) == blocked &&
      sigismember(&waiting, SIGPIPE) == pending) {
    return true;
  }
  fprintf(stderr, "sigpipe: %s handler, blocked: %d, pending: %d\n",
          action.sa_handler == SIG_DFL ? "the same" : "another", sigismember(&mask, SIGPIPE),
          sigismember(&waiting, SIGPIPE));
  return false;
}

/* Returns whether the run tested what it should: a raised signal, or none touched. */
static bool is_proven(void) {
  bool good = raises ? raised > 0 : touched == 0;
  if (!good) fprintf(stderr, "sigpipe: raised %d times, signals touched %d times\n", raised, touched);
  return good;
}

int main(int count, char **arguments) {
  if (count != 2) {
    fputs("usage: sigpipe default|blocked|pending|new\n", stderr);
    return 2;
  }
  const char *how = arguments[1];
  struct memory memory;
  alarm(SECONDS_MAX);
  raises = strcmp(how, "new") != 0;
  set_up(how);
  lua_State *L = state_open(&memory, "static");
  state_load_scene(L, "blocking");
  touched = 0;
  bool good = state_call(L, "begin", "sigpipe");
  good = state_close(L, &memory, "sigpipe") && good;
  good = is_proven() && good;
  return is_as_before(how) && good ? EXIT_SUCCESS : EXIT_FAILURE;
}
