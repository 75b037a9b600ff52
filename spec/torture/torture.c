/* torture: what happens when memory runs out, at every place where it can. A scenario (scenario.lua) is run over and
 * over, each time in a Lua state of its own, against the mock tenant, and the 1st, 2nd, ... allocation fails: first
 * those of Lua, which are the module's too, then those of libcurl. Each fails
 *
 *   - once: Lua 5.2 and newer then collect garbage and try again, so this finds values that nothing keeps alive;
 *   - once, and at that second try too (where Lua makes one): the operation fails, and what follows must not notice;
 *   - for good: from there on there is no memory at all.
 *
 * until a run needs fewer allocations than that. After each run:
 *
 *   - it has not crashed, nor hung;
 *   - nothing leaks: after lua_close, Lua's memory is given back to the last byte, with the sizes that it was taken
 *     with, and libcurl's to the last block;
 *   - no success is wrong, and no failure: see verdict.lua, which compares the claims with the tenant's record.
 *
 * Start it in the repository's root: spec/tenant/run -- build/lua5.4/torture [OPTION...]. Build it with
 * -fsanitize=address,undefined too; leaks.supp names what leaks in others' code. Not tortured: what OpenSSL allocates,
 * for that is not taken from libcurl's allocator; curl_global_init, which happens once in a process; and libcurl's
 * resolver thread, for libcurl resolves "localhost" without one. */
#include <curl/curl.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int luaopen_auth0perm(lua_State *L);

/* How long a run may take, in seconds. Without failures it takes a few hundredths. */
enum { RUN_SECONDS_MOST = 60 };

enum { CLAIMS_MOST = 32, WORD_SIZE = 64, MESSAGE_SIZE = 512 };

enum mode { NEVER, ONCE, ONCE_AND_AGAIN, FOR_GOOD, MODES };

static const char *const MODE_NAMES[] = {"never", "once", "once and at the second try", "for good"};

/* What the module says has become of an operation, or what a step raised. */
struct claim {
  bool raised;
  char step[WORD_SIZE];
  char operation[WORD_SIZE];
  char what[WORD_SIZE]; /* "success", or the kind of an error */
  int status;
  bool maybe_applied;
  char message[MESSAGE_SIZE];
};

/* A run and what came of it. Filled while there is no memory, so it takes none. */
static struct {
  long number;
  char marker[WORD_SIZE];
  char step[WORD_SIZE];
  struct claim claims[CLAIMS_MOST];
  int claim_count;
  char title[MESSAGE_SIZE]; /* for reports */
} now_running;

/* --- memory that is counted, and that fails */

/* An allocation as it is asked for. */
struct demand {
  const void *block;
  size_t old_size, new_size; /* bytes */
};

struct supply {
  const char *name;
  bool armed; /* counts demands, and fails them */
  enum mode mode;
  long fail_at; /* the demand that fails, counted from 1 */
  long demands;
  struct demand failed;
  bool hit; /* one has failed */
  char hit_step[WORD_SIZE];
  long blocks;     /* in use */
  long long bytes; /* in use, as far as the owner tells */
};

static struct supply lua_supply = {.name = "Lua"};
static struct supply curl_supply = {.name = "libcurl"};

/* libcurl allocates in threads of its own too. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool same_demand(struct demand a, struct demand b) {
  return a.block == b.block && a.old_size == b.old_size && a.new_size == b.new_size;
}

static bool is_to_fail(const struct supply *supply, struct demand demand) {
  switch (supply->mode) {
    case ONCE: return supply->demands == supply->fail_at;
    case ONCE_AND_AGAIN:
      if (supply->demands == supply->fail_at + 1) return same_demand(demand, supply->failed);
      return supply->demands == supply->fail_at;
    case FOR_GOOD: return supply->demands >= supply->fail_at;
    default: return false;
  }
}

/* Whether a demand is met. */
static bool grant(struct supply *supply, struct demand demand) {
  if (!supply->armed) return true;
  pthread_mutex_lock(&lock);
  supply->demands++;
  bool fails = is_to_fail(supply, demand);
  if (fails && !supply->hit) {
    supply->hit = true;
    supply->failed = demand;
    memcpy(supply->hit_step, now_running.step, sizeof supply->hit_step);
  }
  pthread_mutex_unlock(&lock);
  return !fails;
}

static void account(struct supply *supply, long blocks, long long bytes) {
  pthread_mutex_lock(&lock);
  supply->blocks += blocks;
  supply->bytes += bytes;
  pthread_mutex_unlock(&lock);
}

/* A lua_Alloc. Lua takes it for granted that a block can shrink, and tells a kind of object as the size of none. */
static void *lua_reallocate(void *context, void *block, size_t old_size, size_t new_size) {
  struct supply *supply = context;
  if (!block) old_size = 0;
  if (new_size == 0) {
    account(supply, block ? -1 : 0, -(long long)old_size);
    free(block);
    return NULL;
  }
  struct demand demand = {.block = block, .old_size = old_size, .new_size = new_size};
  if (new_size > old_size && !grant(supply, demand)) return NULL;
  void *moved = realloc(block, new_size);
  if (!moved) abort(); /* the machine's own memory is not what is tortured */
  account(supply, block ? 0 : 1, (long long)new_size - (long long)old_size);
  return moved;
}

/* Notes a new block of libcurl's. */
static void *curl_took(void *block) {
  if (!block) abort();
  account(&curl_supply, 1, 0);
  return block;
}

static void *curl_malloc(size_t size) {
  if (!grant(&curl_supply, (struct demand){.new_size = size})) return NULL;
  return curl_took(malloc(size ? size : 1));
}

static void *curl_calloc(size_t count, size_t size) {
  if (!grant(&curl_supply, (struct demand){.new_size = count * size})) return NULL;
  return curl_took(calloc(count ? count : 1, size ? size : 1));
}

static char *curl_strdup(const char *string) {
  size_t size = strlen(string) + 1;
  if (!grant(&curl_supply, (struct demand){.new_size = size})) return NULL;
  return memcpy(curl_took(malloc(size)), string, size);
}

static void curl_free_block(void *block) {
  if (block) account(&curl_supply, -1, 0);
  free(block);
}

static void *curl_realloc(void *block, size_t size) {
  if (!block) return curl_malloc(size);
  if (!grant(&curl_supply, (struct demand){.block = block, .new_size = size})) return NULL;
  void *moved = realloc(block, size ? size : 1);
  if (!moved) abort();
  return moved;
}

static void arm(struct supply *supply, enum mode mode, long fail_at) {
  supply->mode = mode;
  supply->fail_at = fail_at;
  supply->demands = 0;
  supply->hit = false;
  supply->hit_step[0] = '\0';
  supply->armed = true;
}

/* --- reports */

static void say(const char *text) {
  if (write(STDERR_FILENO, text, strlen(text)) < 0) return; /* there is nobody else to tell */
}

static void say_where(const char *what) {
  say("torture: ");
  say(what);
  say(" in ");
  say(now_running.title);
  say(", step: ");
  say(now_running.step);
  say("\n");
}

static void on_crash(int signal_number) {
  say_where(signal_number == SIGALRM ? "no end" : "crash");
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

static void on_sanitizer(void) {
  say_where("the sanitizer's finding above is");
}

/* A sanitizer tells more about a crash than a signal does; it calls back before it ends the process. */
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void watch(void) {
  static const int CRASHES[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
  signal(SIGALRM, on_crash);
  if (__sanitizer_set_death_callback) {
    __sanitizer_set_death_callback(on_sanitizer);
    return;
  }
  for (size_t i = 0; i < sizeof CRASHES / sizeof *CRASHES; i++) signal(CRASHES[i], on_crash);
}

/* --- what the scenario tells */

static void copy_word(char *word, size_t size, const char *text) {
  size_t length = strlen(text);
  if (length >= size) length = size - 1;
  memcpy(word, text, length);
  word[length] = '\0';
}

/* What the scenario hands over are strings and constants that exist already: reading them takes no memory. */
static int host_enter(lua_State *L) {
  copy_word(now_running.step, sizeof now_running.step, lua_tostring(L, 1));
  return 0;
}

static struct claim *new_claim(bool raised) {
  if (now_running.claim_count == CLAIMS_MOST) abort();
  struct claim *claim = &now_running.claims[now_running.claim_count++];
  *claim = (struct claim){.raised = raised};
  copy_word(claim->step, sizeof claim->step, now_running.step);
  return claim;
}

/* Copies the text at a stack index; what is none, a missing one too, becomes the name of its type. */
static void copy_text(char *word, size_t size, lua_State *L, int index) {
  copy_word(word, size, lua_type(L, index) == LUA_TSTRING ? lua_tostring(L, index) : luaL_typename(L, index));
}

static int host_claim(lua_State *L) {
  struct claim *claim = new_claim(false);
  copy_text(claim->operation, sizeof claim->operation, L, 1);
  copy_text(claim->what, sizeof claim->what, L, 2);
  claim->status = (int)lua_tonumber(L, 3);
  claim->maybe_applied = lua_toboolean(L, 4) != 0;
  if (!lua_isnoneornil(L, 5)) copy_text(claim->message, sizeof claim->message, L, 5);
  return 0;
}

static int host_raised(lua_State *L) {
  struct claim *claim = new_claim(true);
  copy_text(claim->message, sizeof claim->message, L, -1);
  return 0;
}

/* --- the judge */

static void set_string(lua_State *L, const char *name, const char *value) {
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

static void set_boolean(lua_State *L, const char *name, bool value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, name);
}

static void push_claim(lua_State *L, const struct claim *claim) {
  lua_newtable(L);
  set_string(L, "step", claim->step);
  set_string(L, "operation", claim->operation);
  set_string(L, "what", claim->what);
  set_string(L, "message", claim->message);
  set_boolean(L, "maybe_applied", claim->maybe_applied);
  lua_pushinteger(L, claim->status);
  lua_setfield(L, -2, "status");
}

/* Pushes a list of the claims, or of what was raised. */
static void push_claims(lua_State *L, bool raised) {
  int count = 0;
  lua_newtable(L);
  for (int i = 0; i < now_running.claim_count; i++) {
    const struct claim *claim = &now_running.claims[i];
    if (claim->raised != raised) continue;
    push_claim(L, claim);
    lua_rawseti(L, -2, ++count);
  }
}

/* Ends the program when a function of the scripts, called with what is on the stack, raises. */
static void must_call(lua_State *L, int arguments, int results) {
  if (lua_pcall(L, arguments, results, 0) == 0) return;
  fprintf(stderr, "torture: %s\n", lua_tostring(L, -1));
  exit(2);
}

static void must_load(lua_State *L, const char *file) {
  if (luaL_loadfile(L, file) == 0) return;
  fprintf(stderr, "torture: %s\n", lua_tostring(L, -1));
  exit(2);
}

/* Says what is wrong with the claims; returns whether anything is. The judge's table is at stack index 1. */
static bool claims_are_wrong(lua_State *judge, const struct supply *supply) {
  lua_getfield(judge, 1, "judge");
  lua_newtable(judge);
  set_string(judge, "marker", now_running.marker);
  set_string(judge, "supply", supply->name);
  set_string(judge, "hit_step", supply->hit_step);
  set_boolean(judge, "unharmed", !supply->hit);
  set_boolean(judge, "transient", supply->hit && supply->mode != FOR_GOOD);
  push_claims(judge, false);
  lua_setfield(judge, -2, "claims");
  push_claims(judge, true);
  lua_setfield(judge, -2, "raised");
  must_call(judge, 1, 1);
  const char *wrong = lua_tostring(judge, -1);
  if (wrong) {
    fprintf(stderr, "torture: %s:\n  memory failed first in step: %s\n  %s\n", now_running.title,
            supply->hit ? supply->hit_step : "none", wrong);
  }
  lua_settop(judge, 1);
  return wrong != NULL;
}

/* --- a run */

static const char *environment(const char *name) {
  const char *value = getenv(name);
  if (value) return value;
  fprintf(stderr, "torture: %s is not set: start this through spec/tenant/run -- COMMAND\n", name);
  exit(2);
}

/* Pushes the scenario as a function, all that it needs at hand. */
static void push_scenario(lua_State *L) {
  must_load(L, "spec/torture/scenario.lua");
  lua_pushcfunction(L, luaopen_auth0perm);
  lua_pushcfunction(L, host_enter);
  lua_pushcfunction(L, host_claim);
  lua_pushcfunction(L, host_raised);
  lua_newtable(L);
  set_string(L, "domain", environment("TENANT_DOMAIN"));
  set_string(L, "ca_file", environment("TENANT_CA_FILE"));
  set_string(L, "token", environment("TENANT_TOKEN"));
  set_string(L, "marker", now_running.marker);
  must_call(L, 5, 1);
}

/* Starts a new record. The marker has the same length in each run, so that each needs the same memory. */
static void begin(const struct supply *supply, enum mode mode, long fail_at) {
  now_running.number++;
  now_running.claim_count = 0;
  snprintf(now_running.marker, sizeof now_running.marker, "torture-%08ld", now_running.number);
  if (mode == NEVER) {
    copy_word(now_running.title, sizeof now_running.title, "the run in which no allocation fails");
  } else {
    snprintf(now_running.title, sizeof now_running.title, "run %ld (allocation %ld of %s's fails %s)",
             now_running.number, fail_at, supply->name, MODE_NAMES[mode]);
  }
  copy_word(now_running.step, sizeof now_running.step, "start");
}

/* Lua 5.5 takes a seed; here each run is the same. */
static lua_State *new_state(void) {
#if LUA_VERSION_NUM >= 505
  return lua_newstate(lua_reallocate, &lua_supply, 0);
#else
  return lua_newstate(lua_reallocate, &lua_supply);
#endif
}

static void perform(struct supply *supply, enum mode mode, long fail_at) {
  lua_State *L = new_state();
  if (!L) abort();
  luaL_openlibs(L);
  push_scenario(L);
  arm(supply, mode, fail_at);
  if (lua_pcall(L, 0, 0, 0) != 0) host_raised(L);
  lua_close(L);
  supply->armed = false;
}

/* Says what has not been given back; returns whether anything has not. */
static bool leaks(long curl_blocks_before) {
  long blocks = curl_supply.blocks - curl_blocks_before;
  if (lua_supply.blocks == 0 && lua_supply.bytes == 0 && blocks == 0) return false;
  fprintf(stderr, "torture: %s:\n  not given back: %ld blocks and %lld bytes of Lua's, %ld blocks of libcurl's\n",
          now_running.title, lua_supply.blocks, lua_supply.bytes, blocks);
  return true;
}

static void print_run(const struct supply *supply) {
  printf("%s: %ld allocations, first failure in step: %s\n", now_running.title, supply->demands,
         supply->hit ? supply->hit_step : "none");
  for (int i = 0; i < now_running.claim_count; i++) {
    const struct claim *claim = &now_running.claims[i];
    if (claim->raised) {
      printf("  %s raised: %s\n", claim->step, claim->message);
    } else {
      printf("  %s: %s%s%s%s\n", claim->operation, claim->what, claim->maybe_applied ? ", maybe applied" : "",
             *claim->message ? ": " : "", claim->message);
    }
  }
}

struct options {
  long from, only, stride;
  bool verbose;
  const char *allocator; /* "lua" or "curl"; NULL: both */
};

/* Runs the scenario once. Returns whether all was well; `hit` tells whether memory failed at all. */
static bool run(lua_State *judge, struct supply *supply, enum mode mode, long fail_at, const struct options *options,
                bool *hit) {
  long curl_blocks = curl_supply.blocks;
  begin(supply, mode, fail_at);
  alarm(RUN_SECONDS_MOST);
  perform(supply, mode, fail_at);
  alarm(0);
  *hit = supply->hit;
  if (options->verbose) print_run(supply);
  bool leaked = leaks(curl_blocks);
  bool wrong = claims_are_wrong(judge, supply);
  if ((leaked || wrong) && !options->verbose) print_run(supply);
  return !leaked && !wrong;
}

/* Whether a failure of this kind differs from the others with this Lua. */
static bool is_worthwhile(const struct supply *supply, enum mode mode) {
  return mode != ONCE_AND_AGAIN || (supply == &lua_supply && LUA_VERSION_NUM >= 502);
}

/* Fails each allocation in turn; returns how many there were, -1 where not all was well. */
static long torture(lua_State *judge, struct supply *supply, const struct options *options) {
  long last = 0;
  for (enum mode mode = ONCE; mode < MODES; mode++) {
    if (!is_worthwhile(supply, mode)) continue;
    bool hit = true;
    long n = options->only ? options->only : options->from;
    for (; hit; n += options->stride) {
      if (!run(judge, supply, mode, n, options, &hit)) return -1;
      if (hit && n > last) last = n;
      if (options->only) break;
    }
  }
  return last;
}

/* --- the program */

static const char HELP[] =
    "Usage: spec/tenant/run -- torture [OPTION...]\n"
    "\n"
    "Fails each allocation of Lua (and the module) and of libcurl in turn. Ends with 0 when all is well.\n"
    "\n"
    "  --allocator lua|curl  torture with this one alone\n"
    "  --from N              begin with the Nth allocation\n"
    "  --only N              the Nth alone\n"
    "  --stride N            every Nth\n"
    "  --verbose             tell what became of each run\n";

static long read_number(const char *text) {
  char *end = NULL;
  long number = text ? strtol(text, &end, 10) : 0;
  if (number > 0 && *end == '\0') return number;
  fputs(HELP, stderr);
  exit(2);
}

static struct options read_options(char **argument) {
  struct options options = {.from = 1, .stride = 1};
  for (; *argument; argument++) {
    if (strcmp(*argument, "--verbose") == 0) {
      options.verbose = true;
    } else if (strcmp(*argument, "--allocator") == 0 && argument[1]) {
      options.allocator = *++argument;
    } else if (strcmp(*argument, "--from") == 0 && argument[1]) {
      options.from = read_number(*++argument);
    } else if (strcmp(*argument, "--only") == 0 && argument[1]) {
      options.only = read_number(*++argument);
    } else if (strcmp(*argument, "--stride") == 0 && argument[1]) {
      options.stride = read_number(*++argument);
    } else {
      bool asked = strcmp(*argument, "--help") == 0;
      fputs(HELP, asked ? stdout : stderr);
      exit(asked ? 0 : 2);
    }
  }
  return options;
}

/* The judge's state stays open until the process ends, and lua-cjson mapped with it: a leak in code that has been
 * unmapped has no name. */
static lua_State *open_judge(void) {
  static lua_State *judge;
  judge = luaL_newstate();
  if (!judge) abort();
  luaL_openlibs(judge);
  must_load(judge, "spec/torture/verdict.lua");
  must_call(judge, 0, 1);
  lua_getfield(judge, 1, "prepare");
  must_call(judge, 0, 0);
  return judge;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool is_chosen(const struct options *options, const char *allocator) {
  return !options->allocator || strcmp(options->allocator, allocator) == 0;
}

int main(int count, char **arguments) {
  (void)count;
  struct options options = read_options(arguments + 1);
  double start = seconds();
  CURLcode failed =
      curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_malloc, curl_free_block, curl_realloc, curl_strdup, curl_calloc);
  if (failed) abort();
  lua_State *judge = open_judge();
  watch();

  bool hit;
  long lua_points = 0, curl_points = 0;
  if (!run(judge, &lua_supply, NEVER, 0, &options, &hit)) return 1;
  if (is_chosen(&options, "lua")) lua_points = torture(judge, &lua_supply, &options);
  if (lua_points >= 0 && is_chosen(&options, "curl")) curl_points = torture(judge, &curl_supply, &options);
  if (lua_points < 0 || curl_points < 0) return 1;
  printf(
      "torture: %ld points of failure of Lua's allocator, %ld of libcurl's, each once and for good (%ld runs, %.0f s): "
      "no crash, no leak, no wrong success\n",
      lua_points, curl_points, now_running.number, seconds() - start);
  return 0;
}
