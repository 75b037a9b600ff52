/* host: a program with a frame loop, like a game or an editor, with auth0perm linked into it.
 *
 *   embed SCRIPT [ARGUMENT...]
 *
 * It has two Lua states, each with an allocator of its own, and runs the script in both. The script gets the state's
 * name and the arguments, and returns a function that the host calls once per frame, 60 times a second, until it
 * returns true. At the end the host closes both states and checks that every byte was freed. The exit status is 0 if
 * everything succeeded.
 *
 * The Makefile has the commands that build it (see `embed`), `make embed` runs it, and doc/frame_loops.md explains
 * it. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* The only symbol that auth0perm exports. */
int luaopen_auth0perm(lua_State *L);

enum { FRAMES_PER_SECOND = 60 };

/* --- memory: counted for each state; a game might use an arena of its own */

struct memory {
  long long used, peak; /* bytes */
};

/* The state's allocator (lua_Alloc), which auth0perm uses for its own memory, too. If `block` is NULL, `old_size` is
 * not a size: it tells what kind of object Lua is going to create. */
static void *reallocate(void *context, void *block, size_t old_size, size_t new_size) {
  struct memory *memory = context;
  if (!block) old_size = 0;
  void *moved = NULL;
  if (new_size == 0) {
    free(block);
  } else {
    moved = realloc(block, new_size);
    if (!moved) return NULL;
  }
  memory->used += (long long)new_size - (long long)old_size;
  if (memory->used > memory->peak) memory->peak = memory->used;
  return moved;
}

/* --- a Lua state and its script */

struct world {
  const char *name;
  struct memory memory;
  lua_State *L;         /* with the script's function on its stack */
  bool done, failed;    /* `failed`: the script raised an error, which was printed */
  double longest_frame; /* seconds */
};

/* Prints the error of a world's script, and ends that world. */
static void give_up(struct world *world) {
  const char *message = lua_tostring(world->L, -1);
  fprintf(stderr, "%s: %s\n", world->name, message ? message : "an error that is not a string");
  world->done = world->failed = true;
}

/* Makes require "auth0perm" find the function that is linked in, without searching for a file. */
static void register_module(lua_State *L) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, luaopen_auth0perm);
  lua_setfield(L, -2, "auth0perm");
  /* auth0perm decodes responses with lua-cjson, which require finds in package.cpath here. A host that loads no shared
   * libraries links lua-cjson in as well, and sets "cjson" to luaopen_cjson in the same way. */
  lua_pop(L, 2);
}

/* From Lua 5.5 on the host gives a state the seed of its hashes. */
static lua_State *new_state(struct memory *memory) {
#if LUA_VERSION_NUM >= 505
  return lua_newstate(reallocate, memory, luaL_makeseed(NULL));
#else
  return lua_newstate(reallocate, memory);
#endif
}

static void open_world(struct world *world, const char *script, int count, char **arguments) {
  lua_State *L = world->L = new_state(&world->memory);
  if (!L) {
    fprintf(stderr, "%s: cannot create a Lua state\n", world->name);
    exit(EXIT_FAILURE);
  }
  luaL_openlibs(L);
  register_module(L);
  bool loaded = luaL_loadfile(L, script) == 0;
  if (loaded) {
    lua_pushstring(L, world->name);
    for (int i = 0; i < count; i++) lua_pushstring(L, arguments[i]);
    loaded = lua_pcall(L, count + 1, 1, 0) == 0;
  }
  if (!loaded) give_up(world);
}

/* Runs this world's part of the frame. Here the script steps its client, which never waits. */
static void update(struct world *world) {
  if (world->done) return;
  lua_pushvalue(world->L, 1);
  if (lua_pcall(world->L, 0, 1, 0) != 0) {
    give_up(world);
    return;
  }
  world->done = lua_toboolean(world->L, -1);
  lua_pop(world->L, 1);
}

/* Closes the state: the client in it ends its calls and closes its connections. Returns whether all memory was freed.
 * */
static bool close_world(struct world *world) {
  lua_close(world->L);
  printf("%s: %lld bytes not freed, peak %lld; the longest frame took %.1f ms\n", world->name, world->memory.used,
         world->memory.peak, world->longest_frame * 1000);
  return world->memory.used == 0;
}

/* --- the frame loop */

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Stands for whatever a game does in the rest of a frame. */
static void sleep_until(double moment) {
  double left = moment - seconds();
  if (left <= 0) return;
  struct timespec pause = {.tv_sec = (time_t)left, .tv_nsec = (long)((left - (double)(time_t)left) * 1e9)};
  nanosleep(&pause, NULL);
}

static void run_frames(struct world *worlds, int count) {
  double next = seconds();
  bool busy = true;
  while (busy) {
    busy = false;
    for (int i = 0; i < count; i++) {
      double start = seconds();
      update(&worlds[i]);
      double taken = seconds() - start;
      if (taken > worlds[i].longest_frame) worlds[i].longest_frame = taken;
      busy = busy || !worlds[i].done;
    }
    next += 1.0 / (double)FRAMES_PER_SECOND;
    sleep_until(next);
  }
}

int main(int count, char **arguments) {
  struct world worlds[] = {{.name = "game"}, {.name = "editor"}};
  const int world_count = sizeof worlds / sizeof *worlds;
  if (count < 2) {
    fprintf(stderr, "usage: %s SCRIPT [ARGUMENT...]\n", arguments[0]);
    return 2;
  }
  for (int i = 0; i < world_count; i++) open_world(&worlds[i], arguments[1], count - 2, arguments + 2);
  run_frames(worlds, world_count);
  bool good = true;
  for (int i = 0; i < world_count; i++) {
    bool back = close_world(&worlds[i]);
    good = good && back && !worlds[i].failed;
  }
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
