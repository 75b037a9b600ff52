/* torture: runs out of memory at every place where that can happen. It runs a scenario (scenario.lua) repeatedly
 * against the mock tenant, each time in a new Lua state, and makes the 1st, 2nd, ... allocation fail: first those of
 * Lua, which include the module's, then those of libcurl. Each fails
 *
 *   - once: Lua 5.2 and newer then collect garbage and retry, so this finds values that nothing keeps alive;
 *   - once and again at Lua's retry (if it makes one): the operation fails, and later ones must not be affected;
 *   - for good: all later allocations fail, too;
 *
 * until a run needs fewer allocations than that. After each run it checks that
 *
 *   - the run did not crash or hang;
 *   - nothing leaked: after lua_close, every byte of Lua's memory was freed, with the size that it was allocated with,
 *     and every block of libcurl's;
 *   - no success or failure was reported wrongly: verdict.lua compares the reports with the tenant's record.
 *
 * Run it in the root of the repository: spec/tenant/run -- build/lua5.4/torture [OPTION...]. Build it with
 * -fsanitize=address,undefined, too; leaks.supp lists leaks in other projects' code. Not tortured: OpenSSL's
 * allocations, which do not use libcurl's allocator; curl_global_init, which runs once per process; and libcurl's
 * resolver thread, because libcurl resolves "localhost" without one. */
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

/* Seconds that a run may take. Without failures it takes a few hundredths of a second. */
enum { RUN_SECONDS_MOST = 60 };

enum { CLAIMS_MOST = 32, WORD_SIZE = 64, MESSAGE_SIZE = 512 };

enum mode { NEVER, ONCE, ONCE_AND_AGAIN, FOR_GOOD, MODES };

static const char *const MODE_NAMES[] = {"never", "once", "once and at the retry", "for good"};

/* The result that the module reports for an operation, or an error that a step raised. */
struct claim {
  bool raised;
  char step[WORD_SIZE];
  char operation[WORD_SIZE];
  char what[WORD_SIZE]; /* "success", or the kind of an error */
  int status;
  bool maybe_applied;
  char message[MESSAGE_SIZE];
};

/* The current run and its results. It is filled while memory fails, so it allocates nothing. */
static struct {
  long number;
  char marker[WORD_SIZE];
  char step[WORD_SIZE];
  struct claim claims[CLAIMS_MOST];
  int claim_count;
  char title[MESSAGE_SIZE]; /* for reports */
} now_running;

/* --- memory that is counted and can fail */

/* A requested allocation. */
struct demand {
  const void *block;
  size_t old_size, new_size; /* bytes */
};

struct supply {
  const char *name;
  bool armed; /* whether it counts demands and makes them fail */
  enum mode mode;
  long fail_at; /* the demand that fails, counted from 1 */
  long demands;
  struct demand failed;
  bool hit; /* a demand has failed */
  char hit_step[WORD_SIZE];
  long blocks;     /* in use */
  long long bytes; /* in use; 0 if the owner does not state sizes */
};

static struct supply lua_supply = {.name = "Lua"};
static struct supply curl_supply = {.name = "libcurl"};

/* libcurl also allocates in threads of its own. */
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

/* Counts a demand; returns whether to meet it. */
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

/* A lua_Alloc. Lua assumes that shrinking a block never fails; without a block, `old_size` is a kind of object. */
static void *allocate_for_lua(void *context, void *block, size_t old_size, size_t new_size) {
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
  if (!moved) abort(); /* the machine itself ran out of memory */
  account(supply, block ? 0 : 1, (long long)new_size - (long long)old_size);
  return moved;
}

/* Counts a new block of libcurl's. */
static void *took_for_curl(void *block) {
  if (!block) abort();
  account(&curl_supply, 1, 0);
  return block;
}

static void *malloc_for_curl(size_t size) {
  if (!grant(&curl_supply, (struct demand){.new_size = size})) return NULL;
  return took_for_curl(malloc(size ? size : 1));
}

static void *calloc_for_curl(size_t count, size_t size) {
  if (!grant(&curl_supply, (struct demand){.new_size = count * size})) return NULL;
  return took_for_curl(calloc(count ? count : 1, size ? size : 1));
}

static char *strdup_for_curl(const char *string) {
  size_t size = strlen(string) + 1;
  if (!grant(&curl_supply, (struct demand){.new_size = size})) return NULL;
  return memcpy(took_for_curl(malloc(size)), string, size);
}

static void free_for_curl(void *block) {
  if (block) account(&curl_supply, -1, 0);
  free(block);
}

static void *realloc_for_curl(void *block, size_t size) {
  if (!block) return malloc_for_curl(size);
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
  if (write(STDERR_FILENO, text, strlen(text)) < 0) return; /* nowhere else to report to */
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
  say_where(signal_number == SIGALRM ? "timeout" : "crash");
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

static void on_sanitizer(void) {
  say_where("the sanitizer reported an error");
}

/* A sanitizer reports more about a crash than a signal does, and calls this back before it ends the process. */
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

/* --- reports from the scenario */

static void copy_word(char *word, size_t size, const char *text) {
  size_t length = strlen(text);
  if (length >= size) length = size - 1;
  memcpy(word, text, length);
  word[length] = '\0';
}

/* The scenario passes strings and constants that already exist, so reading them allocates nothing. */
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

/* Copies the string at a stack index; of any other value, or none, the name of its type. */
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

/* Pushes a list of the claims, or of the raised errors. */
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

/* Calls a function of a script, which is on the stack with its arguments. Ends the program if it raises an error. */
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

/* Reports what is wrong with the claims; returns whether anything is. The judge's table is at stack index 1. */
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
  fprintf(stderr, "torture: %s is not set: start this program with spec/tenant/run -- COMMAND\n", name);
  exit(2);
}

/* Pushes the scenario as a function, prepared to run. */
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
    copy_word(now_running.title, sizeof now_running.title, "the run without failing allocations");
  } else {
    snprintf(now_running.title, sizeof now_running.title, "run %ld (allocation %ld of %s fails %s)", now_running.number,
             fail_at, supply->name, MODE_NAMES[mode]);
  }
  copy_word(now_running.step, sizeof now_running.step, "start");
}

/* Lua 5.5 takes a seed; a fixed one makes all runs equal. */
static lua_State *new_state(void) {
#if LUA_VERSION_NUM >= 505
  return lua_newstate(allocate_for_lua, &lua_supply, 0);
#else
  return lua_newstate(allocate_for_lua, &lua_supply);
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

/* Reports memory that was not freed; returns whether there is any. */
static bool leaks(long curl_blocks_before) {
  long blocks = curl_supply.blocks - curl_blocks_before;
  if (lua_supply.blocks == 0 && lua_supply.bytes == 0 && blocks == 0) return false;
  fprintf(stderr, "torture: %s:\n  not freed: %ld blocks with %lld bytes of Lua, %ld blocks of libcurl\n",
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

/* Runs the scenario once. Returns whether all checks passed, and in `hit` whether an allocation failed. */
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

/* Whether this mode differs from the others with this Lua. */
static bool is_worthwhile(const struct supply *supply, enum mode mode) {
  return mode != ONCE_AND_AGAIN || (supply == &lua_supply && LUA_VERSION_NUM >= 502);
}

/* Makes each allocation fail in turn. Returns how many there were, or -1 if a check failed. */
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
    "Makes each allocation of Lua (and the module) and of libcurl fail in turn. Exits with 0 if all checks pass.\n"
    "\n"
    "  --allocator lua|curl  only this allocator\n"
    "  --from N              start with the Nth allocation\n"
    "  --only N              only the Nth allocation\n"
    "  --stride N            every Nth allocation\n"
    "  --verbose             print the results of each run\n";

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

/* The judge's state stays open until the process ends, so that lua-cjson stays mapped: a leak report cannot name
 * functions in unmapped code. */
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
  CURLcode failed = curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc_for_curl, free_for_curl, realloc_for_curl,
                                         strdup_for_curl, calloc_for_curl);
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
      "torture: %ld allocations of Lua and %ld of libcurl failed, each once and for good (%ld runs, %.0f s): "
      "no crash, no leak, no wrong result\n",
      lua_points, curl_points, now_running.number, seconds() - start);
  return 0;
}
