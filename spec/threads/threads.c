/* threads: several threads at once, each with a Lua state and clients of its own, under ThreadSanitizer. Each opens a
 * state, removes permissions with a method and with calls in flight, closes the state, and repeats this. The first
 * clients are made at the same moment, because the first one in a process initializes libcurl.
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

/* Runs a round in a new state. Returns whether it succeeded; prints the error otherwise. */
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
