/* leaves: checks that a Lua state with the module in it leaves nothing behind in its host. Repeatedly opens a state,
 * uses it and closes it, and checks after each round that
 *
 *   - threads, open descriptors and signal handlers are as they were before, and the state's memory is freed;
 *   - the C library's heap, which libcurl and OpenSSL use, is as it was after the first rounds, in which they set up
 *     things once per process;
 *   - a shared library is still mapped, because one of libcurl's threads may have been running in it.
 *
 * The program aborts if a state's allocator is called after the state was closed.
 *
 *   spec/tenant/run -- leaves static|FILE.so SCENE ROUNDS       (scenes: scene.lua)
 *
 * The check of the heap works only if the C library caches no freed blocks:
 * GLIBC_TUNABLES=glibc.malloc.tcache_count=0. */
#define _GNU_SOURCE /* mallinfo2 */
#include <dirent.h>
#include <dlfcn.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "slow_resolver.h"
#include "state.h"

enum {
  FIRST_ROUNDS = 3, /* in which the libraries initialize themselves */
  ROUNDS_MOST = 100,
  GROWTH_LEAST = 16, /* bytes per round that count as a leak: the smallest block takes 32; a block may take 16 more if
                        that is all that would remain of a free piece */
  SIGNALS = 65,
  WAIT_MILLISECONDS = 5000 /* until the kernel has removed a thread that has ended */
};

/* What a host can see. */
struct sight {
  int threads, descriptors;
  void (*handlers[SIGNALS])(int);
};

/* Counts the entries of a directory, including any that counting itself adds, such as its descriptor. */
static int count_entries(const char *path) {
  DIR *directory = opendir(path);
  if (!directory) abort();
  int count = 0;
  while (readdir(directory)) count++;
  closedir(directory);
  return count;
}

static struct sight look(void) {
  struct sight sight = {.threads = count_entries("/proc/self/task"), .descriptors = count_entries("/proc/self/fd")};
  for (int i = 1; i < SIGNALS; i++) {
    struct sigaction action;
    if (sigaction(i, NULL, &action) == 0) sight.handlers[i] = action.sa_handler;
  }
  return sight;
}

/* Returns whether everything is as before; reports the differences. Waits for threads to disappear: one that was joined
 * may be visible for a moment longer, and one that a scene leaves lingering for a while. */
static bool is_same(const struct sight *before) {
  struct sight after = look();
  for (int i = 0; i < WAIT_MILLISECONDS && after.threads > before->threads; i++) {
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    after = look();
  }
  bool same = after.threads == before->threads && after.descriptors == before->descriptors;
  if (!same) {
    fprintf(stderr, "leaves: %d more threads and %d more descriptors\n", after.threads - before->threads,
            after.descriptors - before->descriptors);
  }
  if (memcmp(before->handlers, after.handlers, sizeof after.handlers) == 0) return same;
  fputs("leaves: a signal handler has changed\n", stderr);
  return false;
}

static bool is_mapped(const char *module) {
  if (strcmp(module, "static") == 0) return true;
  void *handle = dlopen(module, RTLD_NOW | RTLD_NOLOAD);
  if (!handle) {
    fputs("leaves: the module is no longer mapped\n", stderr);
    return false;
  }
  dlclose(handle);
  return true;
}

static bool run_round(struct memory *memory, const char *module, const char *scene) {
  lua_State *L = state_open(memory, module);
  state_load_scene(L, scene);
  bool lingers = state_flag(L, "lingers");
  bool good = state_call(L, "begin", "leaves");
  good = state_close(L, memory, "leaves") && good;
  if (slow_resolver_inside() > 0 && !lingers) {
    fputs("leaves: a thread is still resolving a name\n", stderr);
    good = false;
  }
  return good && is_mapped(module);
}

static int read_rounds(const char *text) {
  int rounds = atoi(text);
  if (rounds >= 1 && rounds <= ROUNDS_MOST) return rounds;
  fputs("leaves: ROUNDS must be a number from 1 to 100\n", stderr);
  exit(2);
}

int main(int count, char **arguments) {
  static struct memory memories[FIRST_ROUNDS + ROUNDS_MOST]; /* kept, to detect late calls of an allocator */
  if (count != 4) {
    fputs("usage: leaves static|FILE.so SCENE ROUNDS\n", stderr);
    return 2;
  }
  int rounds = read_rounds(arguments[3]);
  struct sight before = {0};
  size_t heap = 0;
  for (int i = 0; i < FIRST_ROUNDS + rounds; i++) {
    if (i == 1) before = look();
    if (i == FIRST_ROUNDS) heap = mallinfo2().uordblks;
    if (!run_round(&memories[i], arguments[1], arguments[2])) return EXIT_FAILURE;
    if (i >= 1 && !is_same(&before)) return EXIT_FAILURE;
  }
  long long grown = (long long)mallinfo2().uordblks - (long long)heap;
  if (grown < (long long)rounds * GROWTH_LEAST) return EXIT_SUCCESS;
  fprintf(stderr, "leaves: the heap grew by %lld bytes in %d rounds\n", grown, rounds);
  return EXIT_FAILURE;
}
