/* threads: several threads, each with a Lua state and a client of its own, all at once, under ThreadSanitizer. Each
 * opens its state, removes permissions in turn with a method and with calls in flight, closes the state, and does it
 * again. The first clients are made at the same moment: libcurl is set up once in a process, by whoever comes first.
 *
 *   spec/tenant/run -- threads */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

int luaopen_auth0perm(lua_State *L);

enum { THREADS = 8, ROUNDS = 5 /* states that each thread opens */ };

struct worker {
  pthread_t thread;
  int number;
  bool good;
};

static pthread_barrier_t start;

/* Does a round in a state of its own. Says what it raised, if anything; returns whether nothing. */
static bool run_round(const struct worker *worker) {
  lua_State *L = luaL_newstate();
  if (!L) abort();
  luaL_openlibs(L);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, luaopen_auth0perm);
  lua_setfield(L, -2, "auth0perm");
  bool good = luaL_loadfile(L, "spec/threads/round.lua") == 0;
  lua_pushinteger(L, worker->number);
  good = good && lua_pcall(L, 1, 0, 0) == 0;
  if (!good) fprintf(stderr, "threads: thread %d: %s\n", worker->number, lua_tostring(L, -1));
  lua_close(L);
  return good;
}

static void *work(void *context) {
  struct worker *worker = context;
  pthread_barrier_wait(&start);
  worker->good = true;
  for (int i = 0; i < ROUNDS && worker->good; i++) worker->good = run_round(worker);
  return NULL;
}

int main(void) {
  struct worker workers[THREADS];
  bool good = true;
  pthread_barrier_init(&start, NULL, THREADS);
  for (int i = 0; i < THREADS; i++) {
    workers[i] = (struct worker){.number = i + 1};
    if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) abort();
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(workers[i].thread, NULL);
    good = good && workers[i].good;
  }
  if (good) printf("threads: %d threads, %d states each\n", (int)THREADS, (int)ROUNDS);
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
