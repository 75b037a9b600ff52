/* forks: a host that forks while its Lua state has a client. Each scene in scene.lua defines what happens before the
 * fork and what child and parent do after it; then both close their states. The spec checks the tenant's record: which
 * requests came, and on which connections.
 *
 *   spec/tenant/run -- forks SCENE */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state.h"

enum { SECONDS_MOST = 60 /* for a process */ };

/* The child. If it closes its state, it exits without running the parent's exit handlers, which would report as a leak
 * what it cannot free of libcurl's memory because it shares connections with the parent. */
static void be_child(lua_State *L, struct memory *memory, const char *scene) {
  alarm(SECONDS_MOST);
  bool good = state_call(L, "child", "child");
  if (strcmp(scene, "fork_exit") == 0) exit(good ? EXIT_SUCCESS : EXIT_FAILURE);
  good = state_close(L, memory, "child") && good;
  _exit(good ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* Starts the scene's child and returns in the parent. In fork_twice, the child starts a child of its own, which plays
 * the child's part again. */
static pid_t start_child(lua_State *L, struct memory *memory, const char *scene) {
  pid_t child = fork();
  if (child < 0) abort();
  if (child > 0) return child;
  if (strcmp(scene, "fork_twice") == 0) {
    if (!state_call(L, "child", "child")) _exit(EXIT_FAILURE);
    pid_t grandchild = fork();
    if (grandchild < 0) abort();
    if (grandchild > 0) {
      int status = 0;
      waitpid(grandchild, &status, 0);
      _exit(status == 0 && state_call(L, "parent", "child as a parent") && state_close(L, memory, "child") ? 0 : 1);
    }
  }
  be_child(L, memory, scene);
  abort();
}

/* Waits for the child. Returns whether it succeeded; reports the signal if one ended it. */
static bool await(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child) abort();
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  if (WIFSIGNALED(status)) fprintf(stderr, "forks: the child was ended by signal %d\n", WTERMSIG(status));
  return false;
}

int main(int count, char **arguments) {
  if (count != 2) {
    fputs("usage: forks SCENE\n", stderr);
    return 2;
  }
  const char *scene = arguments[1];
  struct memory memory;
  alarm(SECONDS_MOST);
  lua_State *L = state_open(&memory, "static");
  state_load_scene(L, scene);
  if (!state_call(L, "begin", "forks")) return EXIT_FAILURE;
  pid_t child = start_child(L, &memory, scene);
  bool together = state_flag(L, "together");
  bool good = together || await(child);
  good = state_call(L, "parent", "parent") && good;
  if (together) good = await(child) && good;
  good = state_close(L, &memory, "parent") && good;
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
