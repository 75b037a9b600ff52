/* watcher: waits for sockets, all through one descriptor that a host program's event loop can poll: epoll on Linux,
 * kqueue on macOS and BSD. Elsewhere it uses poll, and there is no such descriptor. */
#ifndef AUTH0PERM_CURL_WATCHER_H
#define AUTH0PERM_CURL_WATCHER_H

#include <stdbool.h>

#include "../core/allocator.h"

/* A socket, what its owner wants to know about it, and what the kernel was asked to report. */
struct watched {
  int socket;
  bool lasting;   /* added by watcher_add, to be removed by watcher_remove */
  int port;       /* its local port, once needed; 0 before */
  bool connected; /* as watcher_connected said, or its being wanted for reading */
  bool read, write;
  bool asked_read, asked_write;
};

struct watcher {
  struct allocator allocator;
  int descriptor; /* of epoll or kqueue; -1: none */
  struct watched *sockets;
  size_t count, capacity; /* of `sockets` */
};

/* A socket that is ready. */
struct ready {
  int socket;
  bool read, write, error;
};

/* False: the process has no descriptors left; watcher_close must be called all the same. */
bool watcher_open(struct watcher *watcher, struct allocator allocator);

/* Makes room for `count` more sockets, so that adding them needs no memory. False: no memory. */
bool watcher_reserve(struct watcher *watcher, size_t count);

/* Adds a socket that will be wanted repeatedly until watcher_remove: while it is not wanted, the kernel need not be
 * told. It is forgotten if it is not wanted any more before it is connected. False: no memory. */
bool watcher_add(struct watcher *watcher, int socket);

/* Removes a socket that is about to be closed. */
void watcher_remove(struct watcher *watcher, int socket);

/* Sets what to watch a socket for from now on: that it is readable, writable, or nothing. False: no memory, here or in
 * the kernel. */
bool watcher_want(struct watcher *watcher, int socket, bool read, bool write);

/* Says that the added socket with this local port is connected. */
void watcher_connected(struct watcher *watcher, int port);

/* Whether an added socket with this local port is readable or closed by its peer. Also true if there is no such socket,
 * for then nothing is known. */
bool watcher_can_read(struct watcher *watcher, int port);

/* Waits until a socket is ready, at most `seconds`. Stores up to `max` ready sockets, and returns how many. */
size_t watcher_wait(struct watcher *watcher, double seconds, struct ready *ready, size_t max);

/* Frees everything and closes the descriptor, but not the sockets. */
void watcher_close(struct watcher *watcher);

/* The same in a child process, which shares the sockets with its parent: closes the child's copies of the added sockets
 * without sending anything, and does not affect the parent's. */
void watcher_abandon(struct watcher *watcher);

#endif
