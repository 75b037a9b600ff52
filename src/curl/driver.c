#include "driver.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "kept.h"
#include "proxy.h"
#include "receiver.h"
#include "sigpipe.h"
#include "watcher.h"

enum {
  STREAMS = 64,          /* requests at once over an HTTP/2 connection; servers allow 100 or 128 */
  BODY_KEPT = 64 * 1024, /* bytes of body buffer that an idle transfer keeps for the next response */
  SOCKETS = 5,           /* that a transfer may need at once: two to connect, two to resolve a name, and one kept */
  READY_MAX = 64         /* sockets handled in one step before timeouts are */
};

/* The longest timeout for libcurl, in seconds; in milliseconds it still fits into 31 bits. */
static const double SECONDS_MAX = 2000000;

/* libcurl 7.85 names protocols; before, they were bits. */
#if LIBCURL_VERSION_NUM >= 0x075500
#define ALLOW_HTTPS_ONLY(easy) curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https")
#else
#define ALLOW_HTTPS_ONLY(easy) curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)CURLPROTO_HTTPS)
#endif

/* An exchange with its easy handle. Idle ones are kept, with their constant options set, for the next request. */
struct transfer {
  struct exchange exchange; /* first: a pointer to one is a pointer to the other */
  struct driver *driver;
  CURL *easy;
  bool attached;            /* the easy handle is in the multi handle */
  struct receiver receiver; /* of the response */
  bool came_back;           /* finished before the driver started anew, and not handed over yet */
  int sends;                /* how often libcurl was about to send the request */
  bool unquiet;             /* it was about to send it over a kept connection on which something had arrived */
  const char *reason;       /* why the driver failed the transfer itself; NULL if it did not */
  struct curl_slist headers[REQUEST_HEADERS + 1];
  char detail[CURL_ERROR_SIZE];
  struct transfer *previous, *next; /* in the list of used transfers, or (only `next`) of idle ones */
};

struct driver {
  struct allocator allocator;
  CURLM *multi; /* NULL after a fork or a lack of memory, until the next request */
  struct watcher watcher;
  bool watching; /* the watcher is open */
  double wake;   /* seconds, monotonic: when libcurl wants to check its timeouts; HUGE_VAL: never */
  bool ruined;   /* libcurl has lost track of a socket because memory ran out */
  bool dropped;  /* some exchanges failed because of that, and were not handed over yet */
  pid_t process; /* that owns the connections */
  unsigned forks;
  struct driver_settings settings;
  struct curl_slist connect_to_list;
  bool one_file;       /* the trusted certificates are in one file */
  bool raises_sigpipe; /* libcurl may raise SIGPIPE */
  struct kept kept;
  struct transfer *used, *idle;
};

/* Takes a handle out of the multi handle, which may close its connection. */
static void detach(struct driver *driver, struct transfer *transfer) {
  struct sigpipe sigpipe;
  sigpipe_hold(&sigpipe, driver->raises_sigpipe);
  curl_multi_remove_handle(driver->multi, transfer->easy);
  sigpipe_release(&sigpipe);
  transfer->attached = false;
}

/* Initializes libcurl for the process, once. There is no cleanup: other users of libcurl may live on. */
static bool initialize_libcurl(void) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static bool ready;
  pthread_mutex_lock(&lock);
  if (!ready) ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  bool result = ready;
  pthread_mutex_unlock(&lock);
  return result;
}

/* Whether libcurl was built to trust the certificates in a file, and that file can be read. */
static bool has_system_file(void) {
#if LIBCURL_VERSION_NUM >= 0x074600
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  return info->age >= CURLVERSION_SEVENTH && info->cainfo && driver_options_can_read(info->cainfo);
#else
  return false;
#endif
}

/* libcurl says what to watch a socket for. */
static int on_interest(CURL *easy, curl_socket_t socket, int what, void *context, void *socket_context) {
  struct driver *driver = context;
  bool read = what == CURL_POLL_IN || what == CURL_POLL_INOUT;
  bool write = what == CURL_POLL_OUT || what == CURL_POLL_INOUT;
  (void)easy, (void)socket_context;
  if (!watcher_want(&driver->watcher, socket, read, write)) driver->ruined = true;
  return 0;
}

/* libcurl says when it wants to check its timeouts. */
static int on_timer(CURLM *multi, long milliseconds, void *context) {
  struct driver *driver = context;
  (void)multi;
  driver->wake = milliseconds < 0 ? HUGE_VAL : clock_seconds() + (double)milliseconds / 1000;
  return 0;
}

/* Opens a socket that is not inherited by programs that the host program starts. */
static curl_socket_t on_open(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
  struct driver *driver = context;
  (void)purpose;
  int opened = socket(address->family, address->socktype, address->protocol);
  if (opened < 0) return CURL_SOCKET_BAD;
  fcntl(opened, F_SETFD, FD_CLOEXEC);
  if (watcher_add(&driver->watcher, opened)) return opened;
  close(opened);
  return CURL_SOCKET_BAD;
}

static int on_close(void *context, curl_socket_t socket) {
  struct driver *driver = context;
  watcher_remove(&driver->watcher, socket);
  return close(socket);
}

static void close_multi(struct driver *driver) {
  struct sigpipe sigpipe;
  sigpipe_hold(&sigpipe, driver->raises_sigpipe);
  if (driver->multi) curl_multi_cleanup(driver->multi);
  sigpipe_release(&sigpipe);
  driver->multi = NULL;
  driver->wake = HUGE_VAL;
}

static bool open_multi(struct driver *driver) {
  if (!driver->watching || !initialize_libcurl()) return false;
  driver->multi = curl_multi_init();
  if (!driver->multi) return false;
  CURLMcode failed = CURLM_OK;
  /* Otherwise libcurl keeps four for each transfer in flight, and closes some whenever only few are in flight. */
  failed |= curl_multi_setopt(driver->multi, CURLMOPT_MAXCONNECTS, driver->settings.connections);
  failed |= curl_multi_setopt(driver->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, driver->settings.connections);
  failed |= curl_multi_setopt(driver->multi, CURLMOPT_SOCKETFUNCTION, on_interest);
  failed |= curl_multi_setopt(driver->multi, CURLMOPT_SOCKETDATA, driver);
  failed |= curl_multi_setopt(driver->multi, CURLMOPT_TIMERFUNCTION, on_timer);
  failed |= curl_multi_setopt(driver->multi, CURLMOPT_TIMERDATA, driver);
  if (failed != CURLM_OK) close_multi(driver);
  return failed == CURLM_OK;
}

struct driver *driver_new(struct allocator allocator, const struct driver_options *options, struct error *error) {
  struct driver *driver = allocator_take(&allocator, sizeof *driver);
  if (!driver) {
    error_set_memory(error);
    return NULL;
  }
  *driver = (struct driver){.allocator = allocator, .wake = HUGE_VAL, .process = getpid()};
  driver->watching = watcher_open(&driver->watcher, allocator);
  bool kept = driver_settings_open(&driver->settings, options, allocator, error);
  driver->connect_to_list.data = driver->settings.connect_to.data;
  driver->raises_sigpipe = sigpipe_is_raised();
  driver->kept = kept_look();
  driver->one_file = driver->settings.ca_file.data || has_system_file();
  if (kept && open_multi(driver)) return driver;
  if (kept) error_set_memory(error);
  if (kept && !driver->watching) error_set(error, ERROR_MEMORY, "the process has no file descriptors left");
  driver_free(driver);
  return NULL;
}

size_t driver_capacity(const struct driver *driver) {
  return driver->settings.http2 ? STREAMS : (size_t)driver->settings.connections;
}

/* libcurl hands over a part of the body. Returning less than it gave ends the transfer (CURLE_WRITE_ERROR). */
static size_t on_body(char *data, size_t size, size_t count, void *context) {
  struct transfer *transfer = context;
  if (!transfer->driver->kept.sees_tls) curl_easy_setopt(transfer->easy, CURLOPT_FORBID_REUSE, 1L);
  return receiver_take_body(&transfer->receiver, data, size * count) ? size * count : 0;
}

/* libcurl is about to send a request. Ends the transfer if something has arrived on the kept connection. Also ends it
 * if this is a second time: when a reused connection breaks without a response, libcurl resends the request unasked,
 * over a new connection, but whether to retry is for policy to decide. */
static int on_request(void *context, char *remote_address, char *local_address, int remote_port, int local_port) {
  struct transfer *transfer = context;
  (void)remote_address, (void)local_address, (void)remote_port;
  transfer->unquiet = transfer->sends == 0 && driver_reused(&transfer->exchange) &&
                      !kept_is_quiet(&transfer->driver->kept, transfer->easy, &transfer->driver->watcher, local_port);
  if (transfer->unquiet) return CURL_PREREQFUNC_ABORT;
  watcher_connected(&transfer->driver->watcher, local_port);
  return transfer->sends++ == 0 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* libcurl hands over one line of the headers. Returning less than it gave ends the transfer (CURLE_WRITE_ERROR). */
static size_t on_header(char *line, size_t size, size_t count, void *context) {
  struct transfer *transfer = context;
  return receiver_take_header(&transfer->receiver, line, size * count) ? size * count : 0;
}

/* Sets the proxy, for all hosts; without one, the environment's is not used either. */
static CURLcode set_proxy(const struct driver *driver, CURL *easy) {
  CURLcode failed = curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (driver->settings.system_proxy) return failed;
  failed |= curl_easy_setopt(easy, CURLOPT_PROXY, driver->settings.proxy.data ? driver->settings.proxy.data : "");
  return failed | curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
}

/* Sets whether the end of a transfer waits for the thread that resolves its host name, which nothing can stop. Waiting
 * would hold up a frame (and libcurl before 7.87 always waits). A thread that is not waited for ends on its own. */
static void set_wait_for_resolver(CURL *easy, bool wait) {
#if LIBCURL_VERSION_NUM >= 0x075700
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, wait ? 0L : 1L);
#else
  (void)easy, (void)wait;
#endif
}

void driver_wait_for_resolver(struct exchange *exchange) {
  struct transfer *transfer = (struct transfer *)exchange;
  if (transfer->easy) set_wait_for_resolver(transfer->easy, true);
}

/* Sets the options that are the same for every request: see "Safety" in the README. */
static bool set_constant_options(struct driver *driver, struct transfer *transfer) {
  CURL *easy = transfer->easy;
  CURLcode failed = CURLE_OK;
  failed |= ALLOW_HTTPS_ONLY(easy);
  failed |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  failed |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  failed |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  if (driver->settings.ca_file.data) failed |= curl_easy_setopt(easy, CURLOPT_CAINFO, driver->settings.ca_file.data);
  /* A certificate directory (libcurl has one built in) would be trusted in addition to the file. It would also keep
   * libcurl 7.87 and later from parsing the file only once for all connections, which saves some 20 ms of each
   * handshake with the system's 140 certificates. */
  if (driver->one_file) failed |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
  /* libcurl 7.88 frees a session twice if memory runs out while it stores the session. */
  failed |= curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
  failed |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                             (long)(driver->settings.http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  failed |= curl_easy_setopt(easy, CURLOPT_PIPEWAIT, driver->settings.http2 ? 1L : 0L);
  failed |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  failed |= curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  failed |= set_proxy(driver, easy);
  if (driver->settings.connect_to.data) failed |= curl_easy_setopt(easy, CURLOPT_CONNECT_TO, &driver->connect_to_list);
  failed |= curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  failed |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  set_wait_for_resolver(easy, false);
  failed |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  failed |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->detail);
  failed |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  failed |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
  failed |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  failed |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
  failed |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
  failed |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, driver);
  failed |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
  failed |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, driver);
  failed |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
  failed |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
  failed |= curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
  return failed == CURLE_OK;
}

static void free_transfer(struct driver *driver, struct transfer *transfer) {
  if (transfer->easy) curl_easy_cleanup(transfer->easy);
  buffer_close(&transfer->exchange.body);
  allocator_give_back(&driver->allocator, transfer, sizeof *transfer);
}

static struct transfer *new_transfer(struct driver *driver) {
  struct transfer *transfer = allocator_take(&driver->allocator, sizeof *transfer);
  if (!transfer) return NULL;
  *transfer = (struct transfer){.driver = driver, .easy = curl_easy_init()};
  buffer_open(&transfer->exchange.body, driver->allocator, RECEIVER_BODY_MAX);
  if (transfer->easy && watcher_reserve(&driver->watcher, SOCKETS) && set_constant_options(driver, transfer)) {
    return transfer;
  }
  free_transfer(driver, transfer);
  return NULL;
}

/* Links the request's header lines into a list without copying them; libcurl does not copy them either. "Expect:" keeps
 * it from waiting for a 100 response before it sends a large body. */
static void link_headers(struct transfer *transfer, const struct request *request) {
  static char no_expect[] = "Expect:";
  struct curl_slist *node = transfer->headers;
  *node = (struct curl_slist){.data = no_expect};
  for (const char *const *line = request->headers; *line; line++) {
    node->next = node + 1;
    node++;
    *node = (struct curl_slist){.data = (char *)*line};
  }
}

/* At least 1: to libcurl, 0 means "no limit". */
static long milliseconds(double seconds) {
  if (seconds > SECONDS_MAX) seconds = SECONDS_MAX;
  return seconds < 0.001 ? 1 : (long)(seconds * 1000 + 0.5);
}

static bool set_request_options(struct transfer *transfer, const struct request *request) {
  CURL *easy = transfer->easy;
  CURLcode failed = CURLE_OK;
  link_headers(transfer, request);
  failed |= curl_easy_setopt(easy, CURLOPT_URL, request->url);
  failed |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
  if (request->body.data) {
    failed |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.data);
    failed |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.length);
  } else {
    failed |= curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
  }
  failed |= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
  failed |= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 0L);
  failed |= curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 0L);
  failed |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request->connect_limit));
  failed |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, milliseconds(request->time_limit));
  return failed == CURLE_OK;
}

/* Puts an idle transfer, or a new one, into the list of used ones. NULL: no memory. */
static struct transfer *take_transfer(struct driver *driver) {
  struct transfer *transfer = driver->idle;
  if (transfer) {
    driver->idle = transfer->next;
  } else {
    transfer = new_transfer(driver);
    if (!transfer) return NULL;
  }
  transfer->previous = NULL;
  transfer->next = driver->used;
  if (driver->used) driver->used->previous = transfer;
  driver->used = transfer;
  return transfer;
}

struct exchange *driver_send(struct driver *driver, const struct request *request, void *owner) {
  if (!driver->multi && !open_multi(driver)) return NULL;
  struct transfer *transfer = take_transfer(driver);
  if (!transfer) return NULL;
  transfer->exchange.owner = owner;
  transfer->exchange.failed = false;
  transfer->sends = 0;
  transfer->unquiet = false;
  transfer->reason = NULL;
  transfer->detail[0] = '\0';
  receiver_open(&transfer->receiver, &transfer->exchange.response, &transfer->exchange.body);
  transfer->attached =
      set_request_options(transfer, request) && curl_multi_add_handle(driver->multi, transfer->easy) == CURLM_OK;
  if (transfer->attached) return &transfer->exchange;
  driver_release(driver, &transfer->exchange);
  return NULL;
}

int driver_descriptor(const struct driver *driver) {
  return driver->watcher.descriptor;
}

double driver_wake(const struct driver *driver) {
  return driver->ruined ? 0 : driver->wake;
}

bool driver_reused(const struct exchange *exchange) {
  const struct transfer *transfer = (const struct transfer *)exchange;
  long opened = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_NUM_CONNECTS, &opened);
  return opened == 0;
}

/* The number of bytes sent includes what a proxy got. The tenant itself was reached after a TLS handshake, or over a
 * reused connection. */
bool driver_maybe_read(const struct exchange *exchange) {
  const struct transfer *transfer = (const struct transfer *)exchange;
  if (!transfer->easy) return true; /* it belongs to the parent */
  long sent = 0;
  curl_off_t handshake = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &sent);
  curl_easy_getinfo(transfer->easy, CURLINFO_APPCONNECT_TIME_T, &handshake);
  return sent > 0 && (handshake > 0 || driver_reused(exchange));
}

static enum failure_kind kind_of(const struct transfer *transfer, CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR: return FAILURE_CONNECT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM: return FAILURE_TLS;
    case CURLE_OPERATION_TIMEDOUT: return FAILURE_TIMEOUT;
    case CURLE_OUT_OF_MEMORY: return FAILURE_MEMORY;
    case CURLE_WRITE_ERROR: return transfer->receiver.refusal ? FAILURE_PROTOCOL : FAILURE_MEMORY;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9: a response without a status line */
    case CURLE_BAD_CONTENT_ENCODING: return FAILURE_PROTOCOL;
    default: return FAILURE_TRANSPORT;
  }
}

/* The message for a failed transfer. */
static const char *describe(struct transfer *transfer, CURLcode code) {
  if (transfer->receiver.refusal) return transfer->receiver.refusal;
  if (transfer->reason) return transfer->reason;
  if (transfer->sends > 1) return "the connection was closed before a response arrived";
  if (code == CURLE_OUT_OF_MEMORY)
    return "out of memory, or a header larger than 100 KiB (libcurl reports both the same way)";
  if (!transfer->detail[0]) return curl_easy_strerror(code);
  const struct driver_settings *settings = &transfer->driver->settings;
  if (settings->proxy.data) proxy_hide(settings->system_proxy ? NULL : settings->proxy.data, transfer->detail);
  return transfer->detail;
}

/* Stores the result of a transfer in its exchange. */
static void conclude(struct transfer *transfer, CURLcode code) {
  struct exchange *exchange = &transfer->exchange;
  long status = 0;
  curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
  exchange->response.status = (int)status;
  if (code == CURLE_OK && !transfer->receiver.whole_headers) {
    /* libcurl accepts the end of the connection as the end of the headers. */
    transfer->reason = "the connection was closed in the middle of the response headers";
    code = CURLE_RECV_ERROR;
  }
  exchange->failed = code != CURLE_OK;
  if (!exchange->failed) return;
  const char *message = describe(transfer, code);
  exchange->failure = (struct failure){
      .kind = kind_of(transfer, code),
      .maybe_read = transfer->sends > 1 || driver_maybe_read(exchange),
      .message = message,
  };
}

/* Restarts a transfer whose kept connection could not be used, over a new one. Nothing was sent over the kept one, and
 * libcurl has closed it. */
static bool send_on_new_connection(struct driver *driver, struct transfer *transfer) {
  detach(driver, transfer);
  transfer->unquiet = false;
  transfer->attached = curl_easy_setopt(transfer->easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
                       curl_multi_add_handle(driver->multi, transfer->easy) == CURLM_OK;
  transfer->unquiet = !transfer->attached;
  return transfer->attached;
}

/* The next transfer that libcurl reports as finished; NULL if there is none. */
static struct transfer *next_message(struct driver *driver) {
  CURLMsg *message;
  int waiting;
  while (driver->multi && (message = curl_multi_info_read(driver->multi, &waiting))) {
    if (message->msg != CURLMSG_DONE) continue;
    struct transfer *transfer;
    CURLcode code = message->data.result;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
    if (transfer->unquiet && send_on_new_connection(driver, transfer)) continue;
    conclude(transfer, transfer->unquiet ? CURLE_OUT_OF_MEMORY : code);
    return transfer;
  }
  return NULL;
}

/* libcurl 7.88 divides by zero when it meets a socket again that it lost track of because memory ran out. So its
 * connections are closed, and new ones opened. Transfers in flight fail as broken connections, and policy may retry
 * them. */
static void start_anew(struct driver *driver) {
  struct transfer *transfer;
  while ((transfer = next_message(driver))) transfer->came_back = true;
  for (transfer = driver->used; transfer; transfer = transfer->next) {
    if (!transfer->attached) continue;
    if (!transfer->came_back) {
      transfer->reason = "the connection was closed because memory ran out";
      conclude(transfer, CURLE_RECV_ERROR);
    }
    transfer->came_back = true;
    detach(driver, transfer);
  }
  close_multi(driver);
  driver->ruined = false;
  driver->dropped = true;
}

/* Lets libcurl handle one socket, or its timeouts. */
static void act(struct driver *driver, curl_socket_t socket, int events) {
  struct sigpipe sigpipe;
  int running;
  sigpipe_hold(&sigpipe, driver->raises_sigpipe);
  if (curl_multi_socket_action(driver->multi, socket, events, &running) != CURLM_OK) driver->ruined = true;
  sigpipe_release(&sigpipe);
}

void driver_step(struct driver *driver, double seconds, double share) {
  struct ready ready[READY_MAX];
  if (!driver->multi) return;
  double now = clock_seconds();
  double left = fmax(driver->wake - now, 0);
  size_t count = watcher_wait(&driver->watcher, fmin(left, seconds), ready, READY_MAX);
  for (size_t i = 0; i < count && (i == 0 || clock_seconds() < now + share); i++) {
    act(driver, ready[i].socket,
        (ready[i].read ? CURL_CSELECT_IN : 0) | (ready[i].write ? CURL_CSELECT_OUT : 0) |
            (ready[i].error ? CURL_CSELECT_ERR : 0));
  }
  if (clock_seconds() >= driver->wake) {
    driver->wake = HUGE_VAL;
    act(driver, CURL_SOCKET_TIMEOUT, 0);
  }
  if (driver->ruined) start_anew(driver);
}

struct exchange *driver_finished(struct driver *driver) {
  for (struct transfer *transfer = driver->used; driver->dropped && transfer; transfer = transfer->next) {
    if (!transfer->came_back) continue;
    transfer->came_back = false;
    return &transfer->exchange;
  }
  driver->dropped = false;
  struct transfer *transfer = next_message(driver);
  return transfer ? &transfer->exchange : NULL;
}

void driver_release(struct driver *driver, struct exchange *exchange) {
  struct transfer *transfer = (struct transfer *)exchange;
  if (transfer->attached && transfer->easy) detach(driver, transfer);
  transfer->attached = transfer->came_back = false;
  if (transfer->previous) {
    transfer->previous->next = transfer->next;
  } else {
    driver->used = transfer->next;
  }
  if (transfer->next) transfer->next->previous = transfer->previous;
  if (!transfer->easy) {
    free_transfer(driver, transfer);
    return;
  }
  if (exchange->body.capacity > BODY_KEPT) {
    buffer_close(&exchange->body);
  } else {
    buffer_cut(&exchange->body, 0);
  }
  transfer->next = driver->idle;
  driver->idle = transfer;
}

static void free_idle(struct driver *driver) {
  while (driver->idle) {
    struct transfer *transfer = driver->idle;
    driver->idle = transfer->next;
    free_transfer(driver, transfer);
  }
}

/* Leaves the connections to the parent: libcurl would shut them down properly, and wait for resolver threads that this
 * process does not have. So what libcurl allocated for them stays allocated. */
static void leave_parent(struct driver *driver) {
  for (struct transfer *transfer = driver->used; transfer; transfer = transfer->next) transfer->easy = NULL;
  for (struct transfer *transfer = driver->idle; transfer; transfer = transfer->next) transfer->easy = NULL;
  free_idle(driver);
  driver->multi = NULL;
  driver->wake = HUGE_VAL;
  watcher_abandon(&driver->watcher);
  driver->forks++;
}

unsigned driver_forks(struct driver *driver) {
  if (driver->process != getpid()) {
    leave_parent(driver);
    driver->watching = watcher_open(&driver->watcher, driver->allocator);
    driver->process = getpid();
  }
  return driver->forks;
}

void driver_free(struct driver *driver) {
  if (!driver) return;
  if (driver->process != getpid()) leave_parent(driver);
  while (driver->used) driver_release(driver, &driver->used->exchange);
  free_idle(driver);
  close_multi(driver);
  watcher_close(&driver->watcher);
  driver_settings_close(&driver->settings);
  struct allocator allocator = driver->allocator;
  allocator_give_back(&allocator, driver, sizeof *driver);
}
