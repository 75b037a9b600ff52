/* raw: removes permissions with nothing but libcurl, as fast as a loop in C can; the module is compared with it. URLs,
 * headers and body are built once, before the clock starts. URL and body are passed to libcurl for each removal,
 * because each removal is for another user. The headers of the responses are ignored.
 *
 * Usage: raw sequential COUNT
 *        raw multi COUNT IN_FLIGHT
 *
 * Prints "requests=... wall=... cpu=... connections=...": the times in seconds, and the number of connections that
 * libcurl opened, including the warm-up. The tenant is in TENANT_DOMAIN, TENANT_CA_FILE and TENANT_TOKEN. */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum {
  USERS = 64,           /* one for each removal in turn; the same in removals.lua */
  WARM_UP = 50,         /* requests before the clock starts; the same in removals.lua */
  COUNT_MAX = 10000000, /* requests */
  IN_FLIGHT_MAX = 256,
  URL_MAX = 512,        /* bytes */
  HEADER_MAX = 8192,    /* bytes of a header */
  REQUEST_LIMIT = 30,   /* seconds */
  CONNECT_LIMIT = 10,   /* seconds */
  POLL_LIMIT_MS = 1000, /* milliseconds */
  REMOVED = 204         /* HTTP status */
};

/* The same request as the module's; `run` checks that on the wire. */
static const char PATH[] = "/api/v2/users/auth0%%7Cbench%02d/permissions"; /* with a user's number */
static const char BODY[] =
    "{\"permissions\":["
    "{\"resource_server_identifier\":\"https://api.example.com/\",\"permission_name\":\"read:reports\"},"
    "{\"resource_server_identifier\":\"https://api.example.com/\",\"permission_name\":\"write:reports\"},"
    "{\"resource_server_identifier\":\"https://api.example.com/\",\"permission_name\":\"delete:reports\"}]}";
static const char *const HEADERS[] = {
    "Expect:",
    "Cache-Control: no-cache",
    "Content-Type: application/json",
    "Auth0-Client: eyJuYW1lIjoicmF3IiwidmVyc2lvbiI6IjAuMS4wIiwiZW52Ijp7ImxpYmN1cmwiOiJDIn19",
    "User-Agent: raw/0.1.0",
};

struct bench {
  char urls[USERS][URL_MAX];
  int next_user;
  struct curl_slist *headers;
  CURL *easy[IN_FLIGHT_MAX];
  int in_flight; /* handles in `easy` */
  long connections;
};

static void fail(const char *what, const char *why) {
  fprintf(stderr, "raw: %s: %s\n", what, why);
  exit(EXIT_FAILURE);
}

static const char *variable(const char *name) {
  const char *value = getenv(name);
  if (!value) fail(name, "is not set; start this program with spec/tenant/run");
  return value;
}

static size_t discard(char *data, size_t size, size_t count, void *context) {
  (void)data;
  (void)context;
  return size * count;
}

static void prepare_request(struct bench *bench) {
  char authorization[HEADER_MAX];
  for (int i = 0; i < USERS; i++) {
    int start = snprintf(bench->urls[i], URL_MAX, "https://%s", variable("TENANT_DOMAIN"));
    if (start >= URL_MAX - (int)sizeof PATH) fail("TENANT_DOMAIN", "too long");
    snprintf(bench->urls[i] + start, (size_t)(URL_MAX - start), PATH, i);
  }
  int length = snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", variable("TENANT_TOKEN"));
  if (length >= HEADER_MAX) fail("TENANT_TOKEN", "too long");
  bench->headers = curl_slist_append(NULL, authorization);
  for (size_t i = 0; i < sizeof HEADERS / sizeof *HEADERS; i++) {
    struct curl_slist *longer = curl_slist_append(bench->headers, HEADERS[i]);
    if (!longer) fail("headers", "out of memory");
    bench->headers = longer;
  }
}

/* Returns a handle with everything set except URL and body. */
static CURL *new_easy(const struct bench *bench) {
  CURL *easy = curl_easy_init();
  if (!easy) fail("curl_easy_init", "failed");
  CURLcode failed = CURLE_OK;
  failed |= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "DELETE");
  failed |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)(sizeof BODY - 1));
  failed |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, bench->headers);
  failed |= curl_easy_setopt(easy, CURLOPT_CAINFO, variable("TENANT_CA_FILE"));
  failed |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  failed |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  failed |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
  failed |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  failed |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_LIMIT);
  failed |= curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)REQUEST_LIMIT);
  failed |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
  if (failed != CURLE_OK) fail("curl_easy_setopt", "failed");
  return easy;
}

static void check(struct bench *bench, CURL *easy, CURLcode code) {
  long status = 0, opened = 0;
  char text[32];
  if (code != CURLE_OK) fail("request", curl_easy_strerror(code));
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &opened);
  snprintf(text, sizeof text, "status %ld", status);
  if (status != REMOVED) fail("request", text);
  bench->connections += opened;
}

/* Sets the URL, with the next user, and the body. */
static void aim(struct bench *bench, CURL *easy) {
  CURLcode failed = CURLE_OK;
  failed |= curl_easy_setopt(easy, CURLOPT_URL, bench->urls[bench->next_user++ % USERS]);
  failed |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, BODY);
  if (failed != CURLE_OK) fail("curl_easy_setopt", "failed");
}

static void perform_sequential(struct bench *bench, long count) {
  for (long i = 0; i < count; i++) {
    aim(bench, bench->easy[0]);
    check(bench, bench->easy[0], curl_easy_perform(bench->easy[0]));
  }
}

static void add(struct bench *bench, CURLM *multi, CURL *easy) {
  aim(bench, easy);
  CURLMcode code = curl_multi_add_handle(multi, easy);
  if (code != CURLM_OK) fail("curl_multi_add_handle", curl_multi_strerror(code));
}

/* Checks finished requests, and starts others while some are left; returns how many have finished. */
static long turn_over(struct bench *bench, CURLM *multi, long *left) {
  CURLMsg *message;
  int waiting;
  long finished = 0;
  while ((message = curl_multi_info_read(multi, &waiting))) {
    CURL *easy = message->easy_handle;
    check(bench, easy, message->data.result);
    curl_multi_remove_handle(multi, easy);
    finished++;
    if (*left <= 0) continue;
    --*left;
    add(bench, multi, easy);
  }
  return finished;
}

static void perform_multi(struct bench *bench, CURLM *multi, long count) {
  long left = count; /* requests to start */
  for (int i = 0; i < bench->in_flight && left > 0; i++, left--) add(bench, multi, bench->easy[i]);
  for (long done = 0; done < count;) {
    int running;
    CURLMcode code = curl_multi_perform(multi, &running);
    if (code != CURLM_OK) fail("curl_multi_perform", curl_multi_strerror(code));
    long finished = turn_over(bench, multi, &left);
    done += finished;
    if (finished == 0) curl_multi_poll(multi, NULL, 0, POLL_LIMIT_MS, NULL);
  }
}

static double wall_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void measure(struct bench *bench, CURLM *multi, long count) {
  double wall = 0, cpu = 0;
  for (int pass = 0; pass < 2; pass++) {
    long requests = pass == 0 ? WARM_UP : count;
    wall = wall_seconds();
    cpu = cpu_seconds();
    if (multi) {
      perform_multi(bench, multi, requests);
    } else {
      perform_sequential(bench, requests);
    }
  }
  wall = wall_seconds() - wall;
  cpu = cpu_seconds() - cpu;
  printf("requests=%ld wall=%.6f cpu=%.6f connections=%ld\n", count, wall, cpu, bench->connections);
}

/* Returns a number from the command line; 0 if it is not a number or too large. */
static long number(const char *text, long most) {
  char *end;
  long value = text ? strtol(text, &end, 10) : 0;
  return value >= 1 && value <= most && *end == '\0' ? value : 0;
}

int main(int argc, char **argv) {
  bool concurrent = argc == 4 && strcmp(argv[1], "multi") == 0;
  bool sequential = argc == 3 && strcmp(argv[1], "sequential") == 0;
  long count = number(argc > 2 ? argv[2] : NULL, COUNT_MAX);
  long in_flight = concurrent ? number(argv[3], IN_FLIGHT_MAX) : 1;
  if (!(concurrent || sequential) || count == 0 || in_flight == 0) {
    fprintf(stderr, "Usage: raw sequential COUNT | raw multi COUNT IN_FLIGHT\n");
    return 2;
  }
  static struct bench bench;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURLM *multi = concurrent ? curl_multi_init() : NULL;
  if (concurrent && !multi) fail("curl_multi_init", "failed");
  /* By default a multi handle keeps four connections per easy handle in it, so it would close some when few are left.
   * */
  if (multi) curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, in_flight);
  prepare_request(&bench);
  bench.in_flight = (int)in_flight;
  for (int i = 0; i < bench.in_flight; i++) bench.easy[i] = new_easy(&bench);
  measure(&bench, multi, count);
  for (int i = 0; i < bench.in_flight; i++) curl_easy_cleanup(bench.easy[i]);
  if (multi) curl_multi_cleanup(multi);
  curl_slist_free_all(bench.headers);
  curl_global_cleanup();
  return 0;
}
