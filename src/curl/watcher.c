#if defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || defined(__OpenBSD__) || defined(__DragonFly__)
#undef _POSIX_C_SOURCE /* hides kqueue */
#define USE_KQUEUE
#include <sys/types.h>

#include <sys/event.h>
#include <sys/time.h>
#elif defined(__linux__) && !defined(AUTH0PERM_WITHOUT_EPOLL)
#define USE_EPOLL
#include <sys/epoll.h>
#endif
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "watcher.h"

enum {
  MORE_RECORDS = 8, /* added at a time if no room was reserved */
  EVENTS_MAX = 64   /* fetched from the kernel at a time */
};

/* The longest wait; longer ones could overflow the units of a kernel interface. */
static const double SECONDS_MAX = 3600;

#if !defined(USE_KQUEUE)
/* Rounded up: a wait of 0 would return at once, again and again. */
static int milliseconds(double seconds) {
  double exact = seconds * 1000;
  int whole = (int)exact;
  return whole < exact ? whole + 1 : whole;
}
#endif

#if defined(USE_EPOLL)

static bool open_descriptor(struct watcher *watcher) {
  watcher->descriptor = epoll_create1(EPOLL_CLOEXEC);
  return watcher->descriptor >= 0;
}

/* Asks the kernel to report what is wanted now; false if it has no memory for it. */
static bool ask(struct watcher *watcher, const struct watched *watched, bool read, bool write) {
  struct epoll_event event;
  int action = EPOLL_CTL_MOD;
  if (!watched->asked_read && !watched->asked_write) action = EPOLL_CTL_ADD;
  if (!read && !write) action = EPOLL_CTL_DEL;
  memset(&event, 0, sizeof event);
  event.events = (read ? EPOLLIN : 0U) | (write ? EPOLLOUT : 0U);
  event.data.fd = watched->socket;
  if (epoll_ctl(watcher->descriptor, action, watched->socket, &event) == 0 || action == EPOLL_CTL_DEL) return true;
  bool known = action == EPOLL_CTL_ADD && errno == EEXIST; /* see watcher_want */
  return known && epoll_ctl(watcher->descriptor, EPOLL_CTL_MOD, watched->socket, &event) == 0;
}

static size_t wait_for_kernel(struct watcher *watcher, double seconds, struct ready *ready, size_t max) {
  struct epoll_event events[EVENTS_MAX];
  int count = epoll_wait(watcher->descriptor, events, (int)max, milliseconds(seconds));
  for (int i = 0; i < count; i++) {
    ready[i] = (struct ready){
        .socket = events[i].data.fd,
        .read = events[i].events & EPOLLIN,
        .write = events[i].events & EPOLLOUT,
        .error = events[i].events & (EPOLLERR | EPOLLHUP),
    };
  }
  return count > 0 ? (size_t)count : 0;
}

#elif defined(USE_KQUEUE)

static bool open_descriptor(struct watcher *watcher) {
  watcher->descriptor = kqueue();
  return watcher->descriptor >= 0;
}

/* Asks for reading or writing, which kqueue treats separately. */
static bool ask_for(struct watcher *watcher, int socket, short filter, bool wanted) {
  struct kevent change;
  EV_SET(&change, socket, filter, wanted ? EV_ADD : EV_DELETE, 0, 0, 0);
  return kevent(watcher->descriptor, &change, 1, NULL, 0, NULL) == 0 || !wanted;
}

static bool ask(struct watcher *watcher, const struct watched *watched, bool read, bool write) {
  bool good = true;
  if (read != watched->asked_read) good = ask_for(watcher, watched->socket, EVFILT_READ, read);
  if (write != watched->asked_write) good = ask_for(watcher, watched->socket, EVFILT_WRITE, write) && good;
  return good;
}

static size_t wait_for_kernel(struct watcher *watcher, double seconds, struct ready *ready, size_t max) {
  struct kevent events[EVENTS_MAX];
  struct timespec limit = {.tv_sec = (time_t)seconds, .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
  int count = kevent(watcher->descriptor, NULL, 0, events, (int)max, &limit);
  for (int i = 0; i < count; i++) {
    ready[i] = (struct ready){
        .socket = (int)events[i].ident,
        .read = events[i].filter == EVFILT_READ,
        .write = events[i].filter == EVFILT_WRITE,
        .error = events[i].flags & EV_ERROR,
    };
  }
  return count > 0 ? (size_t)count : 0;
}

#else

static bool open_descriptor(struct watcher *watcher) {
  watcher->descriptor = -1;
  return true;
}

/* poll is told at each wait. */
static bool ask(struct watcher *watcher, const struct watched *watched, bool read, bool write) {
  (void)watcher, (void)watched, (void)read, (void)write;
  return true;
}

/* Sockets beyond `max` are reported by the next wait. */
static size_t wait_for_kernel(struct watcher *watcher, double seconds, struct ready *ready, size_t max) {
  size_t size = (watcher->count + 1) * sizeof(struct pollfd), count = 0, found = 0;
  struct pollfd *polled = allocator_take(&watcher->allocator, size);
  if (!polled) return 0;
  for (size_t i = 0; i < watcher->count; i++) {
    const struct watched *watched = &watcher->sockets[i];
    if (!watched->read && !watched->write) continue;
    short events = (short)((watched->read ? POLLIN : 0) | (watched->write ? POLLOUT : 0));
    polled[count++] = (struct pollfd){.fd = watched->socket, .events = events};
  }
  if (poll(polled, (nfds_t)count, milliseconds(seconds)) <= 0) count = 0;
  for (size_t i = 0; i < count && found < max; i++) {
    if (polled[i].revents == 0) continue;
    ready[found++] = (struct ready){
        .socket = polled[i].fd,
        .read = polled[i].revents & POLLIN,
        .write = polled[i].revents & POLLOUT,
        .error = polled[i].revents & (POLLERR | POLLHUP | POLLNVAL),
    };
  }
  allocator_give_back(&watcher->allocator, polled, size);
  return found;
}

#endif

bool watcher_open(struct watcher *watcher, struct allocator allocator) {
  *watcher = (struct watcher){.allocator = allocator, .descriptor = -1};
  return open_descriptor(watcher);
}

static struct watched *find(struct watcher *watcher, int socket) {
  for (size_t i = 0; i < watcher->count; i++) {
    if (watcher->sockets[i].socket == socket) return &watcher->sockets[i];
  }
  return NULL;
}

bool watcher_reserve(struct watcher *watcher, size_t count) {
  size_t capacity = watcher->capacity + count;
  struct watched *larger = allocator_take(&watcher->allocator, capacity * sizeof *larger);
  if (!larger) return false;
  if (watcher->count > 0) memcpy(larger, watcher->sockets, watcher->count * sizeof *larger);
  allocator_give_back(&watcher->allocator, watcher->sockets, watcher->capacity * sizeof *larger);
  watcher->sockets = larger;
  watcher->capacity = capacity;
  return true;
}

/* Adds a record for a socket. NULL: no memory. */
static struct watched *take_record(struct watcher *watcher, int socket) {
  if (watcher->count == watcher->capacity && !watcher_reserve(watcher, MORE_RECORDS)) return NULL;
  struct watched *watched = &watcher->sockets[watcher->count++];
  *watched = (struct watched){.socket = socket};
  return watched;
}

/* The last record takes the place of this one. */
static void drop_record(struct watcher *watcher, struct watched *watched) {
  *watched = watcher->sockets[--watcher->count];
}

/* Asks the kernel to report this and nothing else; false if it has no memory for it. */
static bool update(struct watcher *watcher, struct watched *watched, bool read, bool write) {
  if (read == watched->asked_read && write == watched->asked_write) return true;
  bool good = ask(watcher, watched, read, write);
  watched->asked_read = read;
  watched->asked_write = write;
  return good;
}

/* A record with this descriptor is stale: its socket was closed without our being told, and the kernel has forgotten
 * it. */
bool watcher_add(struct watcher *watcher, int socket) {
  struct watched *watched = find(watcher, socket);
  if (!watched) watched = take_record(watcher, socket);
  if (!watched) return false;
  *watched = (struct watched){.socket = socket, .lasting = true};
  return true;
}

/* The kernel is told although close would tell it: if another process has the socket too, close does not. */
void watcher_remove(struct watcher *watcher, int socket) {
  struct watched *watched = find(watcher, socket);
  if (!watched) return;
  update(watcher, watched, false, false);
  drop_record(watcher, watched);
}

/* An added socket that is no longer wanted stays registered for reading, if it was: most are wanted again at once, by
 * the next request. Not for writing: it is nearly always writable, and would keep the descriptor readable.
 *
 * About a socket that was not added, such as the resolver's, or that is not known to be connected, the kernel is told
 * nothing: libcurl may have closed it already, and the descriptor may be another thread's by now. (A connection that is
 * given up before it is established is closed without a callback.) If it is still open, check_wanted deals with it. */
bool watcher_want(struct watcher *watcher, int socket, bool read, bool write) {
  struct watched *watched = find(watcher, socket);
  if (!watched && !read && !write) return true;
  if (!watched) watched = take_record(watcher, socket);
  if (!watched) return false;
  watched->read = read;
  watched->write = write;
  watched->connected |= read;
  if (read || write) return update(watcher, watched, read, write);
  if (watched->lasting && watched->connected) {
    update(watcher, watched, watched->asked_read, false);
  } else {
    drop_record(watcher, watched);
  }
  return true;
}

/* The socket's local port; 0 if it has none. */
static int port_of(int socket) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  if (getsockname(socket, (struct sockaddr *)&address, &length) != 0) return 0;
  if (address.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)&address)->sin_port);
  return address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port) : 0;
}

static bool has_port(struct watched *watched, int port) {
  if (watched->lasting && watched->port == 0) watched->port = port_of(watched->socket);
  return watched->lasting && watched->port == port;
}

void watcher_connected(struct watcher *watcher, int port) {
  for (size_t i = 0; i < watcher->count; i++) {
    if (has_port(&watcher->sockets[i], port)) watcher->sockets[i].connected = true;
  }
}

bool watcher_can_read(struct watcher *watcher, int port) {
  bool found = false;
  for (size_t i = 0; i < watcher->count; i++) {
    struct watched *watched = &watcher->sockets[i];
    if (!has_port(watched, port)) continue;
    struct pollfd polled = {.fd = watched->socket, .events = POLLIN};
    if (poll(&polled, 1, 0) != 0) return true;
    found = true;
  }
  return !found;
}

/* Whether the socket is still wanted. If it is not, but is ready all the same, the kernel is told to stop watching
 * it. */
static bool check_wanted(struct watcher *watcher, int socket) {
  struct watched *watched = find(watcher, socket);
  if (watched && (watched->read || watched->write)) return true;
  struct watched dropped = {.socket = socket, .asked_read = true, .asked_write = true};
  update(watcher, watched ? watched : &dropped, false, false);
  return false;
}

size_t watcher_wait(struct watcher *watcher, double seconds, struct ready *ready, size_t max) {
  size_t wanted = 0;
  if (max > EVENTS_MAX) max = EVENTS_MAX;
  size_t count = wait_for_kernel(watcher, seconds < SECONDS_MAX ? seconds : SECONDS_MAX, ready, max);
  for (size_t i = 0; i < count; i++) {
    if (check_wanted(watcher, ready[i].socket)) ready[wanted++] = ready[i];
  }
  return wanted;
}

void watcher_close(struct watcher *watcher) {
  if (watcher->descriptor >= 0) close(watcher->descriptor);
  allocator_give_back(&watcher->allocator, watcher->sockets, watcher->capacity * sizeof *watcher->sockets);
  *watcher = (struct watcher){.allocator = watcher->allocator, .descriptor = -1};
}

/* The parent shares the kernel's epoll object, so it is closed, not changed. (A child does not inherit a kqueue.) */
void watcher_abandon(struct watcher *watcher) {
#if defined(USE_KQUEUE)
  watcher->descriptor = -1;
#endif
  for (size_t i = 0; i < watcher->count; i++) {
    if (watcher->sockets[i].lasting) close(watcher->sockets[i].socket);
  }
  watcher_close(watcher);
}
